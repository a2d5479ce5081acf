//! IPv6 is only refused: ICMPv6 "no route to destination" (RFC 4443, 3.1), so that programs turn to IPv4 at once.

use super::{checksum, ipv4, word};
use std::net::Ipv6Addr;

const HEADER: usize = 40;
const ICMPV6: u8 = 58;
const DESTINATION_UNREACHABLE: u8 = 1;
const ECHO_REQUEST: u8 = 128;
/// The whole message stays within the minimum IPv6 MTU.
const QUOTED: usize = 1280 - HEADER - 8;

/// The "no route" answer to a unicast TCP, UDP or echo packet, from `reporter` (the packet's own destination if `None`).
/// `None` for everything that is ignored: multicast, neighbour discovery, errors, malformed packets.
pub fn no_route(packet: &[u8], reporter: Option<Ipv6Addr>) -> Option<Vec<u8>> {
    if packet.len() < HEADER || packet[0] >> 4 != 6 {
        return None;
    }
    let source = address(packet, 8);
    let destination = address(packet, 24);
    if source.is_unspecified() || source.is_multicast() || destination.is_multicast() {
        return None;
    }
    let transport = packet.get(HEADER..HEADER + usize::from(word(packet, 4)))?;
    let answered = match packet[6] {
        ipv4::TCP | ipv4::UDP => true,
        ICMPV6 => transport.first() == Some(&ECHO_REQUEST),
        _ => false,
    };
    if !answered {
        return None;
    }
    let mut message = vec![DESTINATION_UNREACHABLE, 0, 0, 0, 0, 0, 0, 0];
    message.extend_from_slice(&packet[..(HEADER + transport.len()).min(QUOTED)]);
    let from = reporter.unwrap_or(destination);
    let value = !transport_sum(from, source, &message);
    message[2..4].copy_from_slice(&value.to_be_bytes());

    let mut answer = vec![0x60, 0, 0, 0];
    answer.extend_from_slice(&(message.len() as u16).to_be_bytes());
    answer.extend_from_slice(&[ICMPV6, 64]);
    answer.extend_from_slice(&from.octets());
    answer.extend_from_slice(&source.octets());
    answer.extend_from_slice(&message);
    Some(answer)
}

/// The other usable address of a /126: the one the router at the far end of the link would have.
pub fn neighbour(address: Ipv6Addr) -> Ipv6Addr {
    let bits = address.to_bits();
    Ipv6Addr::from_bits(if bits & 3 == 1 {
        bits + 1
    } else {
        bits & !3 | 1
    })
}

fn address(packet: &[u8], at: usize) -> Ipv6Addr {
    let mut octets = [0; 16];
    octets.copy_from_slice(&packet[at..at + 16]);
    Ipv6Addr::from(octets)
}

fn transport_sum(source: Ipv6Addr, destination: Ipv6Addr, message: &[u8]) -> u16 {
    let addresses = checksum::add(
        checksum::sum(&source.octets()),
        checksum::sum(&destination.octets()),
    );
    let pseudo = checksum::fold(u64::from(addresses) + message.len() as u64 + u64::from(ICMPV6));
    checksum::add(pseudo, checksum::sum(message))
}
