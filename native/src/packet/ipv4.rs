//! IPv4 headers (RFC 791).

use super::{checksum, word};
use std::net::Ipv4Addr;

/// Protocol numbers the engine understands.
pub const ICMP: u8 = 1;
pub const TCP: u8 = 6;
pub const UDP: u8 = 17;

/// Bytes of a header without options.
pub const HEADER: usize = 20;

const DONT_FRAGMENT: u16 = 0x4000;
const MORE_FRAGMENTS: u16 = 0x2000;
const OFFSET_MASK: u16 = 0x1fff;

/// A well-formed IPv4 packet, cut to its total length.
#[derive(Clone, Copy, Debug)]
pub struct Ipv4<'a> {
    bytes: &'a [u8],
    header_length: usize,
}

impl<'a> Ipv4<'a> {
    /// `None` unless version, lengths and header checksum are right.
    pub fn parse(bytes: &'a [u8]) -> Option<Self> {
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
        Some(Self {
            bytes: &bytes[..total],
            header_length,
        })
    }

    pub fn source(&self) -> Ipv4Addr {
        Ipv4Addr::from(super::long(self.bytes, 12))
    }

    pub fn destination(&self) -> Ipv4Addr {
        Ipv4Addr::from(super::long(self.bytes, 16))
    }

    pub fn protocol(&self) -> u8 {
        self.bytes[9]
    }

    pub fn identification(&self) -> u16 {
        word(self.bytes, 4)
    }

    /// Position of the payload within the original datagram, in bytes.
    pub fn fragment_offset(&self) -> usize {
        usize::from(word(self.bytes, 6) & OFFSET_MASK) * 8
    }

    pub fn more_fragments(&self) -> bool {
        word(self.bytes, 6) & MORE_FRAGMENTS != 0
    }

    /// Whether this is a piece of a larger datagram.
    pub fn is_fragment(&self) -> bool {
        self.more_fragments() || self.fragment_offset() > 0
    }

    pub fn header_length(&self) -> usize {
        self.header_length
    }

    /// The whole packet.
    pub fn bytes(&self) -> &'a [u8] {
        self.bytes
    }

    pub fn payload(&self) -> &'a [u8] {
        &self.bytes[self.header_length..]
    }
}

/// A packet without options around `payload`, which may be cut into fragments on its way.
pub fn build(
    source: Ipv4Addr,
    destination: Ipv4Addr,
    protocol: u8,
    identification: u16,
    payload: &[u8],
) -> Vec<u8> {
    let mut packet = Vec::with_capacity(HEADER + payload.len());
    push_header(
        &mut packet,
        source,
        destination,
        protocol,
        identification,
        payload.len(),
    );
    packet.extend_from_slice(payload);
    packet
}

/// Puts the header of such a packet into the empty `packet`.
pub fn push_header(
    packet: &mut Vec<u8>,
    source: Ipv4Addr,
    destination: Ipv4Addr,
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
