//! What the engine looks at in a packet of either IP version.

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

    /// Time to live, or hop limit.
    pub fn hop_limit(&self) -> u8 {
        self.bytes[if self.source.is_ipv4() { 8 } else { 7 }]
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

/// Where the two addresses stand in a header of this version.
pub fn addresses_of(version: u8) -> std::ops::Range<usize> {
    if version == 4 { 12..20 } else { 8..40 }
}

/// Type of service (RFC 2474) and hop limit of a packet with a whole header.
pub fn service_and_hops(packet: &[u8]) -> (u8, u8) {
    match version(packet) {
        4 => (packet[1], packet[8]),
        _ => ((packet[0] & 15) << 4 | packet[1] >> 4, packet[7]),
    }
}
