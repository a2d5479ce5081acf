//! Requests to the kernel by netlink(7): one is sent, and its answers are read until the last.

use crate::sys::{self, socket};
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::time::{Duration, Instant};

const HEADER: usize = 16;
/// Bytes in front of the value of an attribute: its length and type.
const ATTRIBUTE_HEADER: usize = 4;
/// The bits of an attribute's type that are flags.
const ATTRIBUTE_FLAGS: u16 = 0xc000;
/// Bytes that are read at once: of one object, of a list.
const ONE: usize = 4 * 1024;
const MANY: usize = 64 * 1024;
/// How long the kernel is waited for; it answers within the call, so this only guards.
const PATIENCE: Duration = Duration::from_millis(100);

/// A connection to one of the kernel's netlink families.
pub struct Netlink(OwnedFd);

impl Netlink {
    /// `protocol` is one of NETLINK_*.
    pub fn open(protocol: libc::c_int) -> io::Result<Self> {
        let fd = socket::open_family(libc::AF_NETLINK, libc::SOCK_RAW, protocol)?;
        Ok(Self(fd))
    }

    /// Sends a request and gives the payload of each answer to `take`. Not to be used again after an error: a late answer
    /// would be taken for that to the next request.
    pub fn ask(&self, request: &[u8], take: &mut dyn FnMut(&[u8])) -> io::Result<()> {
        socket::send(self.0.as_fd(), request)?;
        let is_dump = u16::from_ne_bytes([request[6], request[7]]) & libc::NLM_F_DUMP as u16
            == libc::NLM_F_DUMP as u16;
        let deadline = Instant::now() + PATIENCE;
        let mut buffer = vec![0; if is_dump { MANY } else { ONE }];
        loop {
            let length = match socket::receive(self.0.as_fd(), &mut buffer, 0) {
                Ok(length) => length,
                Err(error) if sys::would_block(&error) && Instant::now() < deadline => {
                    std::thread::yield_now();
                    continue;
                }
                Err(error) => return Err(error),
            };
            let mut rest = &buffer[..length];
            while let Some((kind, payload, after)) = next_message(rest) {
                rest = after;
                match i32::from(kind) {
                    libc::NLMSG_DONE => return Ok(()),
                    libc::NLMSG_ERROR => {
                        let code = payload
                            .first_chunk()
                            .map_or(0, |code| i32::from_ne_bytes(*code));
                        return match -code {
                            0 => Ok(()),
                            errno => Err(io::Error::from_raw_os_error(errno)),
                        };
                    }
                    _ => take(payload),
                }
                if !is_dump {
                    return Ok(());
                }
            }
        }
    }
}

/// A request with its header.
pub fn request(kind: u16, flags: u16, body: &[u8]) -> Vec<u8> {
    let length = HEADER + body.len();
    let flags = flags | libc::NLM_F_REQUEST as u16;
    let mut bytes = Vec::with_capacity(length);
    bytes.extend_from_slice(&(length as u32).to_ne_bytes());
    bytes.extend_from_slice(&kind.to_ne_bytes());
    bytes.extend_from_slice(&flags.to_ne_bytes());
    bytes.extend_from_slice(&[0; 8]);
    bytes.extend_from_slice(body);
    bytes
}

/// Adds an attribute (rtnetlink(7)) to the body of a request.
pub fn push_attribute(body: &mut Vec<u8>, kind: u16, value: &[u8]) {
    body.extend_from_slice(&((ATTRIBUTE_HEADER + value.len()) as u16).to_ne_bytes());
    body.extend_from_slice(&kind.to_ne_bytes());
    body.extend_from_slice(value);
    body.resize(body.len().next_multiple_of(4), 0);
}

/// Type and value of each attribute.
pub struct Attributes<'a>(pub &'a [u8]);

impl<'a> Iterator for Attributes<'a> {
    type Item = (u16, &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        let bytes = self.0;
        let length = usize::from(u16::from_ne_bytes(*bytes.first_chunk()?));
        let kind = u16::from_ne_bytes([*bytes.get(2)?, *bytes.get(3)?]) & !ATTRIBUTE_FLAGS;
        let value = bytes.get(ATTRIBUTE_HEADER..length)?;
        self.0 = bytes.get(length.next_multiple_of(4)..).unwrap_or_default();
        Some((kind, value))
    }
}

/// Type and payload of the first message, and what follows.
fn next_message(bytes: &[u8]) -> Option<(u16, &[u8], &[u8])> {
    let length = u32::from_ne_bytes(*bytes.first_chunk()?) as usize;
    let kind = u16::from_ne_bytes([*bytes.get(4)?, *bytes.get(5)?]);
    let payload = bytes.get(HEADER..length)?;
    let after = bytes.get(length.next_multiple_of(4)..).unwrap_or_default();
    Some((kind, payload, after))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn any_answer_is_survived(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
            let mut rest = &bytes[..];
            while let Some((_, payload, after)) = next_message(rest) {
                prop_assert!(Attributes(payload).count() <= payload.len());
                prop_assert!(after.len() < rest.len());
                rest = after;
            }
        }

        #[test]
        fn attributes_are_read_as_they_were_written(
            attributes in prop::collection::vec((0u16..0x4000, prop::collection::vec(any::<u8>(), 0..20)), 0..6),
        ) {
            let mut body = Vec::new();
            for (kind, value) in &attributes {
                push_attribute(&mut body, *kind, value);
            }
            let read: Vec<_> = Attributes(&body).map(|(kind, value)| (kind, value.to_vec())).collect();
            prop_assert_eq!(read, attributes);
        }
    }
}
