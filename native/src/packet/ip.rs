//! What the engine looks at in a packet of either IP version.

use std::net::IpAddr;

/// Protocol numbers the engine understands.
pub const ICMP: u8 = 1;
pub const TCP: u8 = 6;
pub const UDP: u8 = 17;
pub const ICMPV6: u8 = 58;

/// How the routers on its way are asked to treat a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Treatment {
    /// Type of service, or traffic class: DSCP and ECN (RFC 2474, RFC 3168).
    pub service: u8,
    /// Time to live, or hop limit.
    pub hops: u8,
}

impl Treatment {
    /// DSCP (RFC 2474), 0 to 63.
    pub fn class(&self) -> u8 {
        self.service >> 2
    }

    /// Of programs that ask for nothing (RFC 1700).
    pub const USUAL: Self = Self {
        service: 0,
        hops: 64,
    };
}

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
    pub(super) forbids_fragments: bool,
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

    /// Whether its sender wants to hear how large a packet may be rather than have it cut: DF of IPv4, all of IPv6.
    pub fn forbids_fragments(&self) -> bool {
        self.forbids_fragments
    }

    /// As one that its sender has sent in fragments.
    pub fn put_together(self) -> Self {
        Self {
            forbids_fragments: false,
            ..self
        }
    }

    pub fn treatment(&self) -> Treatment {
        let (service, hops) = match version(self.bytes) {
            4 => (self.bytes[1], self.bytes[8]),
            _ => (
                (self.bytes[0] & 15) << 4 | self.bytes[1] >> 4,
                self.bytes[7],
            ),
        };
        Treatment { service, hops }
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
