//! The Internet checksum (RFC 1071) and its incremental update (RFC 1624). Sums are folded and not complemented.

use std::net::IpAddr;

/// One's complement sum of big-endian 16-bit words; an odd last byte counts as the high half of a word.
pub fn sum(bytes: &[u8]) -> u16 {
    let mut total = 0u64;
    let mut chunks = bytes.chunks_exact(4);
    for chunk in &mut chunks {
        total += u64::from(u32::from_be_bytes([chunk[0], chunk[1], chunk[2], chunk[3]]));
    }
    let rest = chunks.remainder();
    for (at, byte) in rest.iter().enumerate() {
        total += u64::from(*byte) << if at % 2 == 0 { 8 } else { 0 };
    }
    fold(total)
}

/// Adds the carries back in until 16 bits are left.
pub fn fold(mut total: u64) -> u16 {
    while total > 0xffff {
        total = (total & 0xffff) + (total >> 16);
    }
    total as u16
}

/// One's complement addition.
pub fn add(left: u16, right: u16) -> u16 {
    fold(u64::from(left) + u64::from(right))
}

/// Sum of the pseudo header (RFC 793, RFC 768; RFC 8200, 8.1).
pub fn pseudo_header(
    source: IpAddr,
    destination: IpAddr,
    protocol: u8,
    transport_length: usize,
) -> u16 {
    let addresses = add(address(source), address(destination));
    fold(u64::from(addresses) + u64::from(protocol) + transport_length as u64)
}

fn address(address: IpAddr) -> u16 {
    match address {
        IpAddr::V4(ip) => sum(&ip.octets()),
        IpAddr::V6(ip) => sum(&ip.octets()),
    }
}

/// `field` (a sum, not complemented) after words summing to `old` were replaced by words summing to `new`.
pub fn replace(field: u16, old: u16, new: u16) -> u16 {
    add(add(field, !old), new)
}
