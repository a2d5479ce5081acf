//! Cuts an IPv4 packet that is larger than the MTU into fragments (RFC 791, 3.2).

use super::ipv4;

/// The packet itself if it fits, else its fragments. `packet` has a header without options, as `ipv4::build` makes it.
pub fn fragment(packet: &[u8], mtu: usize) -> Vec<Vec<u8>> {
    if packet.len() <= mtu || ipv4::forbids_fragments(packet) {
        return vec![packet.to_vec()];
    }
    let (header, payload) = packet.split_at(ipv4::HEADER);
    let piece = ((mtu.saturating_sub(ipv4::HEADER)) / 8).max(1) * 8;
    let count = payload.len().div_ceil(piece);
    payload
        .chunks(piece)
        .enumerate()
        .map(|(index, chunk)| {
            let mut fragment = [header, chunk].concat();
            let offset = index * piece;
            ipv4::set_fragment(&mut fragment, ipv4::HEADER, offset, index + 1 < count);
            fragment
        })
        .collect()
}
