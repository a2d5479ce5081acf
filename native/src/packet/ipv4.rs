//! IPv4 headers (RFC 791).

use super::ip::{Packet, Piece};
use super::{checksum, long, word};
use std::net::Ipv4Addr;

/// Bytes of a header without options.
pub const HEADER: usize = 20;

const DONT_FRAGMENT: u16 = 0x4000;
const MORE_FRAGMENTS: u16 = 0x2000;
const OFFSET_MASK: u16 = 0x1fff;

/// Options by which a sender says where its packet and the answers go: loose and strict source route.
const SOURCE_ROUTES: [u8; 2] = [131, 137];

/// `None` unless version, lengths and header checksum are right. Source routes are refused (RFC 7126, 4.3 and 4.4).
pub fn parse(bytes: &[u8]) -> Option<Packet<'_>> {
    if bytes.len() < HEADER || bytes[0] >> 4 != 4 {
        return None;
    }
    let header_length = usize::from(bytes[0] & 15) * 4;
    let total = usize::from(word(bytes, 2));
    if header_length < HEADER || total < header_length || total > bytes.len() {
        return None;
    }
    if checksum::sum(&bytes[..header_length]) != 0xffff {
        return None;
    }
    if has_source_route(&bytes[HEADER..header_length]) {
        return None;
    }
    let piece = Piece {
        identification: identification(bytes).into(),
        offset: usize::from(word(bytes, 6) & OFFSET_MASK) * 8,
        more: word(bytes, 6) & MORE_FRAGMENTS != 0,
    };
    Some(Packet {
        bytes: &bytes[..total],
        header_length,
        source: Ipv4Addr::from(long(bytes, 12)).into(),
        destination: Ipv4Addr::from(long(bytes, 16)).into(),
        protocol: bytes[9],
        piece: (piece.more || piece.offset > 0).then_some(piece),
        forbids_fragments: forbids_fragments(bytes),
    })
}

fn has_source_route(mut options: &[u8]) -> bool {
    while let Some((kind, rest)) = options.split_first() {
        let length = match kind {
            0 => return false,
            1 => 1,
            _ if SOURCE_ROUTES.contains(kind) => return true,
            _ => rest.first().map_or(0, |length| usize::from(*length)),
        };
        // A length of less than its own two bytes would never end.
        match options.get(length..) {
            Some(next) if length > 0 => options = next,
            _ => return false,
        }
    }
    false
}

/// The identification of a whole header.
pub fn identification(packet: &[u8]) -> u16 {
    word(packet, 4)
}

/// Writes the identification of a header without options, with its checksum.
pub fn set_identification(packet: &mut [u8], identification: u16) {
    packet[4..6].copy_from_slice(&identification.to_be_bytes());
    seal(&mut packet[..HEADER]);
}

/// Puts a header without options into the empty `packet`.
pub fn push_header(
    packet: &mut Vec<u8>,
    (source, destination): (Ipv4Addr, Ipv4Addr),
    protocol: u8,
    identification: u16,
    payload_length: usize,
) {
    packet.extend_from_slice(&[0x45, 0]);
    packet.extend_from_slice(&((HEADER + payload_length) as u16).to_be_bytes());
    packet.extend_from_slice(&identification.to_be_bytes());
    packet.extend_from_slice(&[0, 0, 64, protocol, 0, 0]);
    packet.extend_from_slice(&source.octets());
    packet.extend_from_slice(&destination.octets());
    seal(packet);
}

/// Writes the length, the fragment fields and the checksum of a header of `header_length` bytes at the start of `packet`.
pub fn set_fragment(packet: &mut [u8], header_length: usize, offset: usize, more: bool) {
    let total = packet.len() as u16;
    let flags = if more { MORE_FRAGMENTS } else { 0 };
    packet[2..4].copy_from_slice(&total.to_be_bytes());
    packet[6..8].copy_from_slice(&(flags | (offset / 8) as u16).to_be_bytes());
    seal(&mut packet[..header_length]);
}

/// Whether the sender forbids fragmentation.
pub fn forbids_fragments(packet: &[u8]) -> bool {
    word(packet, 6) & DONT_FRAGMENT != 0
}

/// Computes the header checksum over exactly the bytes given.
pub fn seal(header: &mut [u8]) {
    header[10..12].fill(0);
    let value = !checksum::sum(header);
    header[10..12].copy_from_slice(&value.to_be_bytes());
}
