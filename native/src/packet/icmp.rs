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
}

impl Unreachable {
    /// Type and code of the message about an IPv4 packet.
    fn kind4(self) -> [u8; 2] {
        match self {
            Unreachable::NoRoute => [3, 0],
            Unreachable::Host => [3, 1],
            Unreachable::Port => [3, 3],
        }
    }

    /// Type and code of the message about an IPv6 packet.
    fn kind6(self) -> [u8; 2] {
        match self {
            Unreachable::NoRoute => [1, 0],
            Unreachable::Host => [1, 3],
            Unreachable::Port => [1, 4],
        }
    }
}

/// Bytes in front of what a message carries.
const HEADER: usize = 8;
/// Payload bytes of a quoted IPv4 packet that are sent back (RFC 792 asks for eight).
const QUOTED_PAYLOAD: usize = 8;
/// Bytes of a quoted IPv6 packet: the whole message stays within the minimum MTU.
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
            let header_length = usize::from(packet[0] & 15) * 4;
            let quoted = packet.get(..packet.len().min(header_length + QUOTED_PAYLOAD))?;
            let source = Ipv4Addr::from(long(packet, 12)).into();
            let own = Ipv4Addr::from(long(packet, 16)).into();
            let from = reporter.filter(IpAddr::is_ipv4).unwrap_or(own);
            Some(message(from, source, why.kind4(), quoted))
        }
        6 if packet.len() >= ipv6::HEADER => {
            let quoted = &packet[..packet.len().min(QUOTED)];
            let source = ipv6::address(packet, 8).into();
            let own = ipv6::address(packet, 24).into();
            let from = reporter.filter(IpAddr::is_ipv6).unwrap_or(own);
            Some(message(from, source, why.kind6(), quoted))
        }
        _ => None,
    }
}

fn message(from: IpAddr, to: IpAddr, kind: [u8; 2], quoted: &[u8]) -> Vec<u8> {
    let mut message = vec![kind[0], kind[1], 0, 0, 0, 0, 0, 0];
    message.extend_from_slice(quoted);
    wrap(from, to, message)
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
