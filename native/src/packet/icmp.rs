//! ICMP messages the engine sends (RFC 792).

use super::{checksum, ipv4, ipv4::Ipv4};
use std::net::Ipv4Addr;

/// Why a destination cannot be reached, as ICMP code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unreachable {
    Host = 1,
    Port = 3,
}

const ECHO_REPLY: u8 = 0;
const DESTINATION_UNREACHABLE: u8 = 3;
const ECHO_REQUEST: u8 = 8;
/// Payload bytes of the quoted packet that are sent back (RFC 792 asks for eight).
const QUOTED_PAYLOAD: usize = 8;

/// A destination-unreachable message from `reporter` to the sender of `packet`, an IPv4 packet or its beginning
/// (at least its header); `None` if it is no IPv4 packet.
pub fn unreachable(packet: &[u8], code: Unreachable, reporter: Ipv4Addr) -> Option<Vec<u8>> {
    if packet.len() < ipv4::HEADER || packet[0] >> 4 != 4 {
        return None;
    }
    let header_length = usize::from(packet[0] & 15) * 4;
    let quoted = packet.get(..packet.len().min(header_length + QUOTED_PAYLOAD))?;
    let mut message = vec![DESTINATION_UNREACHABLE, code as u8, 0, 0, 0, 0, 0, 0];
    message.extend_from_slice(quoted);
    seal(&mut message);
    let source = Ipv4Addr::from(super::long(packet, 12));
    Some(ipv4::build(reporter, source, ipv4::ICMP, 0, &message))
}

/// Whether an ICMP payload is an echo request.
pub fn is_echo_request(payload: &[u8]) -> bool {
    payload.len() >= 8 && payload[0] == ECHO_REQUEST
}

/// The answer to an echo request; `None` for anything else.
pub fn echo_reply(packet: &Ipv4) -> Option<Vec<u8>> {
    if packet.protocol() != ipv4::ICMP || !is_echo_request(packet.payload()) {
        return None;
    }
    let mut message = packet.payload().to_vec();
    message[0] = ECHO_REPLY;
    seal(&mut message);
    Some(ipv4::build(
        packet.destination(),
        packet.source(),
        ipv4::ICMP,
        packet.identification(),
        &message,
    ))
}

fn seal(message: &mut [u8]) {
    message[2..4].fill(0);
    let value = !checksum::sum(message);
    message[2..4].copy_from_slice(&value.to_be_bytes());
}
