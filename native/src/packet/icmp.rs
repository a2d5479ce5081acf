//! ICMP messages the engine sends (RFC 792, RFC 4443).

use super::ip::{self, Packet};
use super::{checksum, header, ipv4, ipv6, long};
use std::net::{IpAddr, Ipv4Addr};

/// Why a destination cannot be reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unreachable {
    NoRoute,
    Host,
    Port,
    /// The same to a UDP socket, which Linux tells nothing of what a router may have said for a moment only (`fatal` of
    /// icmp_err_convert in the kernel's net/ipv4/icmp.c and net/ipv6/icmp.c): by codes that it believes, to the same errno where
    /// there is one.
    NoRouteForSure,
    HostForSure,
    /// By policy.
    Prohibited,
    /// It is larger than this, the most that gets there (RFC 1191, RFC 8201).
    TooBig(u32),
}

impl Unreachable {
    /// Type and code of the message about an IPv4 packet.
    fn kind4(self) -> [u8; 2] {
        match self {
            Unreachable::NoRoute => [3, 0],
            Unreachable::Host => [3, 1],
            Unreachable::Port => [3, 3],
            // Network, and host, administratively prohibited (RFC 1122, 3.2.2.1): ENETUNREACH and EHOSTUNREACH.
            Unreachable::NoRouteForSure => [3, 9],
            Unreachable::HostForSure => [3, 10],
            Unreachable::Prohibited => [3, 13],
            Unreachable::TooBig(_) => [3, 4],
        }
    }

    /// Type and code of the message about an IPv6 packet.
    fn kind6(self) -> [u8; 2] {
        match self {
            Unreachable::NoRoute => [1, 0],
            Unreachable::Host => [1, 3],
            Unreachable::Port | Unreachable::NoRouteForSure | Unreachable::HostForSure => [1, 4],
            Unreachable::Prohibited => [1, 1],
            Unreachable::TooBig(_) => [2, 0],
        }
    }

    /// The second word of the message.
    fn word(self) -> u32 {
        match self {
            Unreachable::TooBig(mtu) => mtu,
            _ => 0,
        }
    }
}

/// Bytes in front of what a message carries.
const HEADER: usize = 8;
/// Bytes of a quoted packet: the whole message stays within 576 bytes (RFC 1812, 4.3.2.3) or the minimum MTU of IPv6.
const QUOTED4: usize = 576 - ipv4::HEADER - HEADER;
const QUOTED: usize = 1280 - ipv6::HEADER - HEADER;
const ECHO_REQUEST: u8 = 8;
const ECHO_REPLY: u8 = 0;
const ECHO_REQUEST6: u8 = 128;
const ECHO_REPLY6: u8 = 129;

/// A destination-unreachable message to the sender of `packet`, which is a packet or its beginning (at least its header);
/// `None` if it is none. It comes from `reporter`, or from the packet's own destination if that has another IP version.
pub fn unreachable(packet: &[u8], why: Unreachable, reporter: Option<IpAddr>) -> Option<Vec<u8>> {
    match ip::version(packet) {
        4 if packet.len() >= ipv4::HEADER => {
            let quoted = &packet[..packet.len().min(QUOTED4)];
            let source = Ipv4Addr::from(long(packet, 12)).into();
            let own = Ipv4Addr::from(long(packet, 16)).into();
            let from = reporter.filter(IpAddr::is_ipv4).unwrap_or(own);
            Some(message(from, source, why.kind4(), why.word(), quoted))
        }
        6 if packet.len() >= ipv6::HEADER => {
            let quoted = &packet[..packet.len().min(QUOTED)];
            let source = ipv6::address(packet, 8).into();
            let own = ipv6::address(packet, 24).into();
            let from = reporter.filter(IpAddr::is_ipv6).unwrap_or(own);
            Some(message(from, source, why.kind6(), why.word(), quoted))
        }
        _ => None,
    }
}

fn message(from: IpAddr, to: IpAddr, kind: [u8; 2], word: u32, quoted: &[u8]) -> Vec<u8> {
    let mut message = vec![kind[0], kind[1], 0, 0];
    message.extend_from_slice(&word.to_be_bytes());
    message.extend_from_slice(quoted);
    wrap(from, to, message)
}

/// An ICMP error that came for something sent earlier, as the kernel reports it (ip(7), IP_RECVERR).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reported {
    pub kind: u8,
    pub code: u8,
    /// MTU of a link that a packet was too big for, place of what was wrong in it, else 0.
    pub info: u32,
    /// Who sent it.
    pub from: IpAddr,
}

/// The same error to the sender of `packet`, which is its beginning; `None` for what is no error about it or has another version.
pub fn passed_on(packet: &[u8], error: &Reported) -> Option<Vec<u8>> {
    let to: IpAddr = match (ip::version(packet), error.from, error.kind) {
        // Unreachable, time exceeded, parameter problem.
        (4, IpAddr::V4(_), 3 | 11 | 12) => Ipv4Addr::from(long(packet.get(..20)?, 12)).into(),
        // The same and packet too big.
        (6, IpAddr::V6(_), 1..=4) => ipv6::address(packet.get(..40)?, 8).into(),
        _ => return None,
    };
    let most = if to.is_ipv4() { QUOTED4 } else { QUOTED };
    let quoted = &packet[..packet.len().min(most)];
    // The pointer of IPv4 is a byte (RFC 792).
    let word = match (error.from.is_ipv4(), error.kind) {
        (true, 12) => error.info << 24,
        (true, 3) if error.code != 4 => 0,
        _ => error.info,
    };
    Some(message(
        error.from,
        to,
        [error.kind, error.code],
        word,
        quoted,
    ))
}

/// The head of an echo message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Echo {
    kind: u8,
    pub identifier: u16,
}

impl Echo {
    /// Reads it from a message or its beginning.
    pub fn parse(message: &[u8]) -> Option<Self> {
        let head = message.first_chunk::<HEADER>()?;
        Some(Self {
            kind: head[0],
            identifier: u16::from_be_bytes([head[4], head[5]]),
        })
    }

    pub fn is_reply(&self, is_ipv4: bool) -> bool {
        self.kind == if is_ipv4 { ECHO_REPLY } else { ECHO_REPLY6 }
    }
}

/// An echo message with another identifier. Its checksum is complete for IPv4; for IPv6 the kernel computes it (RFC 3542, 3.1).
pub fn with_identifier(message: &[u8], identifier: u16, is_ipv4: bool) -> Vec<u8> {
    let mut bytes = message.to_vec();
    bytes[4..6].copy_from_slice(&identifier.to_be_bytes());
    bytes[2..4].fill(0);
    if is_ipv4 {
        let value = !checksum::sum(&bytes);
        bytes[2..4].copy_from_slice(&value.to_be_bytes());
    }
    bytes
}

/// The packet around an echo message with another identifier and this hop limit.
pub fn echo_packet(from: IpAddr, to: IpAddr, message: &[u8], identifier: u16, hops: u8) -> Vec<u8> {
    let message = with_identifier(message, identifier, from.is_ipv4());
    let mut packet = wrap(from, to, message);
    if from.is_ipv4() {
        packet[8] = hops;
        ipv4::seal(&mut packet[..ipv4::HEADER]);
    } else {
        packet[7] = hops;
    }
    packet
}

/// Whether a packet is ICMP of its IP version.
pub fn is_icmp(packet: &Packet) -> bool {
    let own = if packet.source().is_ipv4() {
        ip::ICMP
    } else {
        ip::ICMPV6
    };
    packet.protocol() == own
}

/// Whether a packet is an echo request.
pub fn is_echo_request(packet: &Packet) -> bool {
    let request = if packet.source().is_ipv4() {
        ECHO_REQUEST
    } else {
        ECHO_REQUEST6
    };
    is_icmp(packet) && packet.payload().len() >= HEADER && packet.payload()[0] == request
}

/// The answer to an echo request; `None` for anything else.
pub fn echo_reply(packet: &Packet) -> Option<Vec<u8>> {
    if !is_echo_request(packet) {
        return None;
    }
    let mut message = packet.payload().to_vec();
    message[0] = if packet.source().is_ipv4() {
        ECHO_REPLY
    } else {
        ECHO_REPLY6
    };
    Some(wrap(packet.destination(), packet.source(), message))
}

/// The packet around a message, with its checksum; that of ICMPv6 covers the pseudo header, too.
fn wrap(from: IpAddr, to: IpAddr, mut message: Vec<u8>) -> Vec<u8> {
    message[2..4].fill(0);
    let (protocol, pseudo) = if from.is_ipv4() {
        (ip::ICMP, 0)
    } else {
        let pseudo = checksum::pseudo_header(from, to, ip::ICMPV6, message.len());
        (ip::ICMPV6, pseudo)
    };
    let value = !checksum::add(pseudo, checksum::sum(&message));
    message[2..4].copy_from_slice(&value.to_be_bytes());
    header::build(from, to, protocol, &message)
}
