//! Packets as bytes: parsing, building and rewriting. Nothing here does I/O or keeps state, except `reassembly`.

pub mod checksum;
pub mod fragment;
pub mod header;
pub mod icmp;
pub mod ip;
pub mod ipv4;
pub mod ipv6;
pub mod reassembly;
pub mod rewrite;
pub mod segment;
pub mod tcp;
pub mod udp;

#[cfg(test)]
mod tests;

/// Big-endian 16 bits at `at`; the caller has checked the length.
fn word(bytes: &[u8], at: usize) -> u16 {
    u16::from_be_bytes([bytes[at], bytes[at + 1]])
}

/// Big-endian 32 bits at `at`; the caller has checked the length.
fn long(bytes: &[u8], at: usize) -> u32 {
    u32::from_be_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
}
