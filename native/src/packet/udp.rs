//! UDP datagrams (RFC 768).

use super::{checksum, ipv4, word};
use std::net::{Ipv4Addr, SocketAddrV4};

/// Bytes of the header.
pub const HEADER: usize = 8;
/// The largest payload an IPv4 datagram carries.
pub const MAX_PAYLOAD: usize = 65_535 - ipv4::HEADER - HEADER;

/// A datagram inside an IPv4 packet.
#[derive(Clone, Copy, Debug)]
pub struct Udp<'a> {
    bytes: &'a [u8],
}

impl<'a> Udp<'a> {
    /// Parses an IPv4 payload; `None` if lengths do not fit.
    pub fn parse(bytes: &'a [u8]) -> Option<Self> {
        if bytes.len() < HEADER {
            return None;
        }
        let length = usize::from(word(bytes, 4));
        if length < HEADER || length > bytes.len() {
            return None;
        }
        Some(Self {
            bytes: &bytes[..length],
        })
    }

    pub fn source_port(&self) -> u16 {
        word(self.bytes, 0)
    }

    pub fn destination_port(&self) -> u16 {
        word(self.bytes, 2)
    }

    pub fn payload(&self) -> &'a [u8] {
        &self.bytes[HEADER..]
    }

    /// Whether the checksum is absent (0) or right for these addresses.
    pub fn checksum_holds(&self, source: Ipv4Addr, destination: Ipv4Addr) -> bool {
        if word(self.bytes, 6) == 0 {
            return true;
        }
        let pseudo = checksum::pseudo_header(source, destination, ipv4::UDP, self.bytes.len());
        checksum::add(pseudo, checksum::sum(self.bytes)) == 0xffff
    }
}

/// Makes `packet` an IPv4 packet with one datagram; `payload` has at most `MAX_PAYLOAD` bytes.
pub fn build(
    packet: &mut Vec<u8>,
    source: SocketAddrV4,
    destination: SocketAddrV4,
    identification: u16,
    payload: &[u8],
) {
    let length = HEADER + payload.len();
    let (from, to) = (*source.ip(), *destination.ip());
    packet.clear();
    ipv4::push_header(packet, from, to, ipv4::UDP, identification, length);
    packet.extend_from_slice(&source.port().to_be_bytes());
    packet.extend_from_slice(&destination.port().to_be_bytes());
    packet.extend_from_slice(&(length as u16).to_be_bytes());
    packet.extend_from_slice(&[0, 0]);
    packet.extend_from_slice(payload);
    let datagram = &mut packet[ipv4::HEADER..];
    let pseudo = checksum::pseudo_header(from, to, ipv4::UDP, length);
    // A computed 0 is sent as its other form, because 0 means "none".
    let value = match !checksum::add(pseudo, checksum::sum(datagram)) {
        0 => 0xffff,
        value => value,
    };
    datagram[6..8].copy_from_slice(&value.to_be_bytes());
}
