//! UDP datagrams (RFC 768).

use super::{checksum, header, ip, ipv4, word};
use crate::vnet_header::VnetHeader;
use std::net::{IpAddr, SocketAddr};

/// Bytes of the header.
pub const HEADER: usize = 8;

/// The largest payload that a datagram carries: the length of an IPv6 packet does not count its header.
pub const fn max_payload(is_ipv4: bool) -> usize {
    let header = if is_ipv4 { ipv4::HEADER } else { 0 };
    65_535 - header - HEADER
}

/// A datagram inside a packet.
#[derive(Clone, Copy, Debug)]
pub struct Udp<'a> {
    bytes: &'a [u8],
}

impl<'a> Udp<'a> {
    /// Parses the payload of a packet; `None` if lengths do not fit.
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

    /// Whether the checksum is right for these addresses, or absent (0), which IPv6 does not allow (RFC 8200, 8.1).
    pub fn checksum_holds(&self, source: IpAddr, destination: IpAddr) -> bool {
        if word(self.bytes, 6) == 0 {
            return source.is_ipv4();
        }
        let pseudo = checksum::pseudo_header(source, destination, ip::UDP, self.bytes.len());
        checksum::add(pseudo, checksum::sum(self.bytes)) == 0xffff
    }
}

/// Makes `packet` a packet with one datagram that lacks its checksum, or with `segment` a large one that the kernel cuts into
/// datagrams of so many bytes each; all of it fits a packet. Returns what the kernel is told with it.
pub fn build_unfinished(
    packet: &mut Vec<u8>,
    source: SocketAddr,
    destination: SocketAddr,
    identification: u16,
    payload: &[u8],
    segment: Option<usize>,
) -> VnetHeader {
    let length = HEADER + payload.len();
    let (from, to) = (source.ip(), destination.ip());
    packet.clear();
    let header_length = header::push_header(packet, from, to, ip::UDP, identification, length);
    packet.extend_from_slice(&source.port().to_be_bytes());
    packet.extend_from_slice(&destination.port().to_be_bytes());
    packet.extend_from_slice(&(length as u16).to_be_bytes());
    // The kernel completes it for each datagram.
    let pseudo = checksum::pseudo_header(from, to, ip::UDP, length);
    packet.extend_from_slice(&pseudo.to_be_bytes());
    packet.extend_from_slice(payload);
    VnetHeader::udp(header_length, HEADER, segment)
}

/// Makes `packet` a packet with one datagram; `payload` has at most `max_payload` bytes.
pub fn build(
    packet: &mut Vec<u8>,
    source: SocketAddr,
    destination: SocketAddr,
    identification: u16,
    payload: &[u8],
) {
    let length = HEADER + payload.len();
    packet.clear();
    let (from, to) = (source.ip(), destination.ip());
    header::push_header(packet, from, to, ip::UDP, identification, length);
    push_datagram(packet, source, destination, payload);
}

/// Makes `datagram` one without the packet around it.
pub fn build_bare(
    datagram: &mut Vec<u8>,
    source: SocketAddr,
    destination: SocketAddr,
    payload: &[u8],
) {
    datagram.clear();
    push_datagram(datagram, source, destination, payload);
}

fn push_datagram(
    packet: &mut Vec<u8>,
    source: SocketAddr,
    destination: SocketAddr,
    payload: &[u8],
) {
    let (start, length) = (packet.len(), HEADER + payload.len());
    packet.extend_from_slice(&source.port().to_be_bytes());
    packet.extend_from_slice(&destination.port().to_be_bytes());
    packet.extend_from_slice(&(length as u16).to_be_bytes());
    packet.extend_from_slice(&[0, 0]);
    packet.extend_from_slice(payload);
    let datagram = &mut packet[start..];
    let pseudo = checksum::pseudo_header(source.ip(), destination.ip(), ip::UDP, length);
    // A computed 0 is sent as its other form, because 0 means "none".
    let value = match !checksum::add(pseudo, checksum::sum(datagram)) {
        0 => 0xffff,
        value => value,
    };
    datagram[6..8].copy_from_slice(&value.to_be_bytes());
}
