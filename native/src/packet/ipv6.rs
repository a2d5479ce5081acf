//! IPv6 headers and their extension headers (RFC 8200).

use super::ip::{Packet, Piece};
use super::{long, word};
use std::net::Ipv6Addr;

/// Bytes of a header without extension headers.
pub const HEADER: usize = 40;
/// Bytes of a fragment header.
pub const FRAGMENT_HEADER: usize = 8;

const HOP_BY_HOP: u8 = 0;
const FRAGMENT: u8 = 44;
const DESTINATION_OPTIONS: u8 = 60;
/// More extension headers than anybody sends, in number and bytes (RFC 8504, 5.3 lets a host limit both).
const MAX_EXTENSIONS: usize = 8;
const MAX_EXTENSION_BYTES: usize = 256;

/// `None` unless version and lengths are right and the chain of extension headers is short and in order: hop-by-hop options
/// come first only (RFC 8200, 4.1). Routing headers are refused with all others that are not understood: their protocol number
/// is that of the payload then, and nothing is known of it. A fragment header is the header's last part.
pub fn parse(bytes: &[u8]) -> Option<Packet<'_>> {
    if bytes.len() < HEADER || bytes[0] >> 4 != 6 {
        return None;
    }
    let bytes = bytes.get(..HEADER + usize::from(word(bytes, 4)))?;
    let mut protocol = bytes[6];
    let mut header_length = HEADER;
    let mut piece = None;
    for count in 0.. {
        let length = match (protocol, bytes.get(header_length + 1)) {
            (HOP_BY_HOP, _) if count > 0 => return None,
            (HOP_BY_HOP | DESTINATION_OPTIONS, Some(units)) => (usize::from(*units) + 1) * 8,
            (HOP_BY_HOP | DESTINATION_OPTIONS, None) => return None,
            (FRAGMENT, _) => FRAGMENT_HEADER,
            _ => break,
        };
        if count == MAX_EXTENSIONS || header_length + length > HEADER + MAX_EXTENSION_BYTES {
            return None;
        }
        let extension = bytes.get(header_length..header_length + length)?;
        let is_fragment = protocol == FRAGMENT;
        protocol = extension[0];
        header_length += length;
        if is_fragment {
            piece = Some(Piece {
                identification: long(extension, 4),
                offset: usize::from(word(extension, 2) & !7),
                more: extension[3] & 1 != 0,
            });
            // What a later piece begins with is no header.
            break;
        }
    }
    Some(Packet {
        bytes,
        header_length,
        source: address(bytes, 8).into(),
        destination: address(bytes, 24).into(),
        protocol,
        piece,
        forbids_fragments: true,
    })
}

/// Puts a header into the empty `packet`.
pub fn push_header(
    packet: &mut Vec<u8>,
    (source, destination): (Ipv6Addr, Ipv6Addr),
    protocol: u8,
    payload_length: usize,
) {
    packet.extend_from_slice(&[0x60, 0, 0, 0]);
    packet.extend_from_slice(&(payload_length as u16).to_be_bytes());
    packet.extend_from_slice(&[protocol, 64]);
    packet.extend_from_slice(&source.octets());
    packet.extend_from_slice(&destination.octets());
}

/// Writes the payload length of the packet whose bytes these are.
pub fn set_length(packet: &mut [u8]) {
    let length = (packet.len() - HEADER) as u16;
    packet[4..6].copy_from_slice(&length.to_be_bytes());
}

/// The header of a packet without extension headers, as that of a fragment of it.
pub fn fragment_header(header: &[u8], piece: Piece) -> Vec<u8> {
    let mut bytes = header[..HEADER].to_vec();
    let position = piece.offset as u16 | u16::from(piece.more);
    bytes.extend_from_slice(&[bytes[6], 0]);
    bytes.extend_from_slice(&position.to_be_bytes());
    bytes.extend_from_slice(&piece.identification.to_be_bytes());
    bytes[6] = FRAGMENT;
    bytes
}

/// The header of a fragment, as `parse` has read it, without its last part, the fragment header; `None` of anything else.
pub fn unfragmented_header(header: &[u8]) -> Option<Vec<u8>> {
    let (kept, fragment) = header.split_at_checked(header.len().checked_sub(FRAGMENT_HEADER)?)?;
    let mut bytes = kept.to_vec();
    let mut next = 6;
    let mut end = HEADER;
    while end < bytes.len() {
        next = end;
        end += (usize::from(*bytes.get(end + 1)?) + 1) * 8;
    }
    *bytes.get_mut(next)? = fragment[0];
    Some(bytes)
}

/// The other usable address of a /126: the one the router at the far end of the link would have.
pub fn neighbour(address: Ipv6Addr) -> Ipv6Addr {
    let bits = address.to_bits();
    Ipv6Addr::from_bits(if bits & 3 == 1 {
        bits + 1
    } else {
        bits & !3 | 1
    })
}

/// The address at `at`; the caller has checked the length.
pub fn address(packet: &[u8], at: usize) -> Ipv6Addr {
    let mut octets = [0; 16];
    octets.copy_from_slice(&packet[at..at + 16]);
    Ipv6Addr::from(octets)
}
