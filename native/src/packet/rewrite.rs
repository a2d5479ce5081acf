//! Address translation of a TCP packet in place, keeping full and partial checksums right.

use super::{checksum, ip, tcp::Tcp};
use std::net::{IpAddr, SocketAddr};

const CHECKSUM: usize = 16;

/// Gives a TCP packet new end points. `partial`: the checksum field holds only the pseudo header's sum, so that the
/// ports are not part of it. `packet` has been parsed before with this `ip_header_length`; all addresses are of its IP version.
pub fn rewrite(
    packet: &mut [u8],
    ip_header_length: usize,
    partial: bool,
    source: SocketAddr,
    destination: SocketAddr,
) {
    let (ip, segment) = packet.split_at_mut(ip_header_length);
    let version = ip::version(ip);
    let addresses = &mut ip[ip::addresses_of(version)];
    let old_addresses = checksum::sum(addresses);
    let old_ports = checksum::sum(&segment[..4]);
    let (from, to) = addresses.split_at_mut(addresses.len() / 2);
    put(from, source.ip());
    put(to, destination.ip());
    segment[..2].copy_from_slice(&source.port().to_be_bytes());
    segment[2..4].copy_from_slice(&destination.port().to_be_bytes());
    let new_addresses = checksum::sum(addresses);
    let new_ports = checksum::sum(&segment[..4]);

    if version == 4 {
        let header_sum = checksum::replace(!super::word(ip, 10), old_addresses, new_addresses);
        ip[10..12].copy_from_slice(&(!header_sum).to_be_bytes());
    }

    let field = super::word(segment, CHECKSUM);
    let updated = if partial {
        checksum::replace(field, old_addresses, new_addresses)
    } else {
        let moved = checksum::replace(!field, old_addresses, new_addresses);
        !checksum::replace(moved, old_ports, new_ports)
    };
    segment[CHECKSUM..CHECKSUM + 2].copy_from_slice(&updated.to_be_bytes());
}

/// Writes an address over one of the same version.
fn put(field: &mut [u8], address: IpAddr) {
    match address {
        IpAddr::V4(ip) => field.copy_from_slice(&ip.octets()),
        IpAddr::V6(ip) => field.copy_from_slice(&ip.octets()),
    }
}

/// Length of the IP and TCP headers together.
pub fn headers_length(ip_header_length: usize, segment: &Tcp) -> usize {
    ip_header_length + segment.header_length
}
