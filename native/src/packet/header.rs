//! Headers of either IP version: read, and put in front of what the engine sends itself.

use super::ip::{self, Packet};
use super::{ipv4, ipv6};
use std::net::{IpAddr, Ipv6Addr};

/// `None` unless the header is right (RFC 791, RFC 8200) and all of the packet is there.
pub fn parse(bytes: &[u8]) -> Option<Packet<'_>> {
    match ip::version(bytes) {
        4 => ipv4::parse(bytes),
        6 => ipv6::parse(bytes),
        _ => None,
    }
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

/// Writes the type of service, or traffic class, of a header that `push_header` made.
pub fn set_service(packet: &mut [u8], service: u8) {
    if ip::version(packet) == 4 {
        packet[1] = service;
        ipv4::seal(&mut packet[..ipv4::HEADER]);
    } else {
        packet[0] = 0x60 | service >> 4;
        packet[1] = service << 4 | packet[1] & 15;
    }
}

/// Two versions never meet in one packet; if they did, the IPv4 address would be written in its IPv6 form (RFC 4291, 2.5.5.2).
fn as_ipv6(address: IpAddr) -> Ipv6Addr {
    match address {
        IpAddr::V4(ip) => ip.to_ipv6_mapped(),
        IpAddr::V6(ip) => ip,
    }
}
