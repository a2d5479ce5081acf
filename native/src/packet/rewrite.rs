//! Address translation of a TCP packet in place, keeping full and partial checksums right.

use super::{checksum, tcp::Tcp};
use std::net::SocketAddrV4;

const CHECKSUM: usize = 16;

/// Gives a TCP packet new end points. `partial`: the checksum field holds only the pseudo header's sum, so that the
/// ports are not part of it. `packet` has been parsed before with this `ip_header_length`.
pub fn rewrite(
    packet: &mut [u8],
    ip_header_length: usize,
    partial: bool,
    source: SocketAddrV4,
    destination: SocketAddrV4,
) {
    let (ip, segment) = packet.split_at_mut(ip_header_length);
    let old_addresses = checksum::sum(&ip[12..20]);
    let old_ports = checksum::sum(&segment[..4]);
    ip[12..16].copy_from_slice(&source.ip().octets());
    ip[16..20].copy_from_slice(&destination.ip().octets());
    segment[..2].copy_from_slice(&source.port().to_be_bytes());
    segment[2..4].copy_from_slice(&destination.port().to_be_bytes());
    let new_addresses = checksum::sum(&ip[12..20]);
    let new_ports = checksum::sum(&segment[..4]);

    let header_sum = checksum::replace(!super::word(ip, 10), old_addresses, new_addresses);
    ip[10..12].copy_from_slice(&(!header_sum).to_be_bytes());

    let field = super::word(segment, CHECKSUM);
    let updated = if partial {
        checksum::replace(field, old_addresses, new_addresses)
    } else {
        let moved = checksum::replace(!field, old_addresses, new_addresses);
        !checksum::replace(moved, old_ports, new_ports)
    };
    segment[CHECKSUM..CHECKSUM + 2].copy_from_slice(&updated.to_be_bytes());
}

/// Length of the IP and TCP headers together.
pub fn headers_length(ip_header_length: usize, segment: &Tcp) -> usize {
    ip_header_length + segment.header_length
}
