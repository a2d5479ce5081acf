//! Packets of either IP version, parsed to what the engine looks at, and the headers it makes itself.

use super::{ipv4, ipv6};
use std::net::IpAddr;

/// Protocol numbers the engine understands.
pub const ICMP: u8 = 1;
pub const TCP: u8 = 6;
pub const UDP: u8 = 17;
pub const ICMPV6: u8 = 58;

/// What a fragment is of a larger packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Piece {
    pub identification: u32,
    /// Position of the payload within the original one, in bytes.
    pub offset: usize,
    /// Whether more follow.
    pub more: bool,
}

/// A well-formed packet, cut to its length.
#[derive(Clone, Copy, Debug)]
pub struct Packet<'a> {
    pub(super) bytes: &'a [u8],
    pub(super) header_length: usize,
    pub(super) source: IpAddr,
    pub(super) destination: IpAddr,
    pub(super) protocol: u8,
    pub(super) piece: Option<Piece>,
}

impl<'a> Packet<'a> {
    /// `None` unless the header is right (RFC 791, RFC 8200) and all of it is there.
    pub fn parse(bytes: &'a [u8]) -> Option<Self> {
        match version(bytes) {
            4 => ipv4::parse(bytes),
            6 => ipv6::parse(bytes),
            _ => None,
        }
    }

    pub fn source(&self) -> IpAddr {
        self.source
    }

    pub fn destination(&self) -> IpAddr {
        self.destination
    }

    /// Of what is in the payload; extension headers of IPv6 are part of the header.
    pub fn protocol(&self) -> u8 {
        self.protocol
    }

    /// Set if this is a piece of a larger packet.
    pub fn piece(&self) -> Option<Piece> {
        self.piece
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

    /// Whether both addresses are hosts': no multicast, broadcast or unspecified address.
    pub fn is_between_hosts(&self) -> bool {
        [self.source, self.destination].iter().all(|address| {
            let is_broadcast = matches!(address, IpAddr::V4(ip) if ip.is_broadcast());
            !is_broadcast && !address.is_multicast() && !address.is_unspecified()
        })
    }
}

/// The version field of what may be a packet; 0 of nothing.
pub fn version(packet: &[u8]) -> u8 {
    packet.first().map_or(0, |byte| byte >> 4)
}

/// A packet without options around `payload`, which may be cut into fragments on its way. Both addresses are of one version.
pub fn build(source: IpAddr, destination: IpAddr, protocol: u8, payload: &[u8]) -> Vec<u8> {
    let mut packet = Vec::with_capacity(ipv6::HEADER + payload.len());
    push_header(&mut packet, source, destination, protocol, 0, payload.len());
    packet.extend_from_slice(payload);
    packet
}

/// Puts the header of such a packet into the empty `packet`; its length. An IPv6 header has no identification.
pub fn push_header(
    packet: &mut Vec<u8>,
    source: IpAddr,
    destination: IpAddr,
    protocol: u8,
    identification: u16,
    payload_length: usize,
) -> usize {
    match (source, destination) {
        (IpAddr::V4(source), IpAddr::V4(destination)) => {
            let ends = (source, destination);
            ipv4::push_header(packet, ends, protocol, identification, payload_length);
            ipv4::HEADER
        }
        _ => {
            let ends = (as_ipv6(source), as_ipv6(destination));
            ipv6::push_header(packet, ends, protocol, payload_length);
            ipv6::HEADER
        }
    }
}

/// Two versions never meet in one packet; if they did, the IPv4 address would be written in its IPv6 form (RFC 4291, 2.5.5.2).
fn as_ipv6(address: IpAddr) -> std::net::Ipv6Addr {
    match address {
        IpAddr::V4(ip) => ip.to_ipv6_mapped(),
        IpAddr::V6(ip) => ip,
    }
}

/// Where the two addresses stand in a header of this version.
pub fn addresses_of(version: u8) -> std::ops::Range<usize> {
    if version == 4 { 12..20 } else { 8..40 }
}
