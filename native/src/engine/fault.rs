//! A fault on demand, for tests of what comes after one. Part of no build but theirs (cargo feature `fault`).

use crate::packet::ip::{self, Packet};

/// What a datagram ends with that strikes the engine down.
const WORD: &[u8] = b"mirage: fault";

/// Panics if the packet asks for it.
pub fn strike(packet: &Packet) {
    assert!(
        packet.protocol() != ip::UDP || !packet.payload().ends_with(WORD),
        "a fault that was asked for"
    );
}
