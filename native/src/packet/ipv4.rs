//! IPv4 headers (RFC 791).

use super::ip::{Packet, Piece};
use super::{checksum, long, word};
use std::net::Ipv4Addr;

/// Bytes of a header without options.
pub const HEADER: usize = 20;

const DONT_FRAGMENT: u16 = 0x4000;
const MORE_FRAGMENTS: u16 = 0x2000;
const OFFSET_MASK: u16 = 0x1fff;

/// `None` unless version, lengths and header checksum are right.
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
    })
}

/// The identification of a whole header.
pub fn identification(packet: &[u8]) -> u16 {
    word(packet, 4)
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
