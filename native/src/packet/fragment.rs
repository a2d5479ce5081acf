//! Cuts a packet that is larger than the MTU into fragments (RFC 791, 3.2; RFC 8200, 4.5).

use super::ip::{self, Piece};
use super::{ipv4, ipv6};

/// The packet itself if it fits, else its fragments. `packet` has a header without options, as `ip::build` makes it;
/// `identification` is for IPv6, whose whole packets have none.
pub fn fragment(packet: &[u8], mtu: usize, identification: u32) -> Vec<Vec<u8>> {
    let is_ipv4 = ip::version(packet) == 4;
    if packet.len() <= mtu || is_ipv4 && ipv4::forbids_fragments(packet) {
        return vec![packet.to_vec()];
    }
    let (header_length, overhead) = if is_ipv4 {
        (ipv4::HEADER, ipv4::HEADER)
    } else {
        (ipv6::HEADER, ipv6::HEADER + ipv6::FRAGMENT_HEADER)
    };
    let (header, payload) = packet.split_at(header_length);
    let piece = ((mtu.saturating_sub(overhead)) / 8).max(1) * 8;
    let count = payload.len().div_ceil(piece);
    payload
        .chunks(piece)
        .enumerate()
        .map(|(index, chunk)| {
            let (offset, more) = (index * piece, index + 1 < count);
            if is_ipv4 {
                let mut fragment = [header, chunk].concat();
                ipv4::set_fragment(&mut fragment, ipv4::HEADER, offset, more);
                return fragment;
            }
            let piece = Piece {
                identification,
                offset,
                more,
            };
            let mut fragment = ipv6::fragment_header(header, piece);
            fragment.extend_from_slice(chunk);
            ipv6::set_length(&mut fragment);
            fragment
        })
        .collect()
}
