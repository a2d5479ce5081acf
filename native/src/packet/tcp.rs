//! TCP headers (RFC 9293), and the resets the engine sends itself.

use super::{checksum, header, ip, ipv4, ipv6, long, word};
use std::net::SocketAddr;

pub const FIN: u8 = 1;
pub const SYN: u8 = 2;
pub const RST: u8 = 4;
pub const ACK: u8 = 16;

/// Bytes of a header without options.
pub const HEADER: usize = 20;

/// The fields of a segment the engine looks at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tcp {
    pub source_port: u16,
    pub destination_port: u16,
    pub sequence: u32,
    pub acknowledgement: u32,
    pub flags: u8,
    pub header_length: usize,
    pub payload_length: usize,
}

impl Tcp {
    /// Parses the payload of a packet; `None` if the header is not whole.
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        if bytes.len() < HEADER {
            return None;
        }
        let header_length = usize::from(bytes[12] >> 4) * 4;
        if header_length < HEADER || header_length > bytes.len() {
            return None;
        }
        Some(Self {
            source_port: word(bytes, 0),
            destination_port: word(bytes, 2),
            sequence: long(bytes, 4),
            acknowledgement: long(bytes, 8),
            flags: bytes[13],
            header_length,
            payload_length: bytes.len() - header_length,
        })
    }

    pub fn has(&self, flag: u8) -> bool {
        self.flags & flag != 0
    }

    /// A SYN that opens a connection (not the answer to one).
    pub fn opens(&self) -> bool {
        self.flags & (SYN | ACK | RST | FIN) == SYN
    }

    /// The sequence number after this segment.
    pub fn next_sequence(&self) -> u32 {
        let controls = u32::from(self.has(SYN)) + u32::from(self.has(FIN));
        self.sequence
            .wrapping_add(self.payload_length as u32)
            .wrapping_add(controls)
    }
}

/// A reset from `source` to `destination` with these numbers; `acknowledgement` sets ACK.
pub fn reset(
    source: SocketAddr,
    destination: SocketAddr,
    sequence: u32,
    acknowledgement: Option<u32>,
) -> Vec<u8> {
    let mut segment = Vec::with_capacity(HEADER);
    segment.extend_from_slice(&source.port().to_be_bytes());
    segment.extend_from_slice(&destination.port().to_be_bytes());
    segment.extend_from_slice(&sequence.to_be_bytes());
    segment.extend_from_slice(&acknowledgement.unwrap_or(0).to_be_bytes());
    let flags = RST | if acknowledgement.is_some() { ACK } else { 0 };
    segment.extend_from_slice(&[(HEADER as u8 / 4) << 4, flags, 0, 0, 0, 0, 0, 0]);
    let (from, to) = (source.ip(), destination.ip());
    let pseudo = checksum::pseudo_header(from, to, ip::TCP, segment.len());
    let value = !checksum::add(pseudo, checksum::sum(&segment));
    segment[16..18].copy_from_slice(&value.to_be_bytes());
    header::build(from, to, ip::TCP, &segment)
}

/// A TCP packet without its payload, with complete checksums; `None` if it has none or is no whole TCP packet.
pub fn without_payload(packet: &[u8]) -> Option<Vec<u8>> {
    let ip = header::parse(packet).filter(|ip| ip.protocol() == ip::TCP && ip.piece().is_none())?;
    let segment = Tcp::parse(ip.payload()).filter(|segment| segment.payload_length > 0)?;
    let mut bare = packet[..ip.header_length() + segment.header_length].to_vec();
    if ip.source().is_ipv4() {
        ipv4::set_fragment(&mut bare, ip.header_length(), 0, false);
    } else {
        ipv6::set_length(&mut bare);
    }
    let transport = &mut bare[ip.header_length()..];
    transport[16..18].fill(0);
    let pseudo = checksum::pseudo_header(ip.source(), ip.destination(), ip::TCP, transport.len());
    let value = !checksum::add(pseudo, checksum::sum(transport));
    transport[16..18].copy_from_slice(&value.to_be_bytes());
    Some(bare)
}

/// The answer of RFC 9293, 3.10.7.1 to a segment nobody is there for; `None` for a reset.
pub fn reset_answering(
    source: SocketAddr,
    destination: SocketAddr,
    segment: &Tcp,
) -> Option<Vec<u8>> {
    if segment.has(RST) {
        return None;
    }
    if segment.has(ACK) {
        return Some(reset(destination, source, segment.acknowledgement, None));
    }
    Some(reset(destination, source, 0, Some(segment.next_sequence())))
}
