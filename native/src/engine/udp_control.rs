//! The connection that a UDP association lives as long as (RFC 1928, 6): nothing comes there but its end.

use crate::chain::Through;
use crate::sys::{self, socket};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

/// Bytes of layers at a time.
const MAX_HEARD: usize = 64 * 1024;

pub struct Control {
    fd: OwnedFd,
    through: Option<Box<Through>>,
}

impl Control {
    pub fn new(fd: OwnedFd, through: Option<Box<Through>>) -> Self {
        Self { fd, through }
    }

    pub fn socket(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }

    /// Reads what has come: false at its end, and at words that no proxy has a reason for, for to read on would let it keep this
    /// thread busy. What layers say to each other (TLS: tickets, new keys) is no word of the proxy, while it is little.
    pub fn is_quiet(&mut self, buffer: &mut [u8]) -> bool {
        let mut heard = 0;
        loop {
            let count = match socket::receive(self.fd.as_fd(), buffer, 0) {
                Err(error) if sys::would_block(&error) => return true,
                Ok(0) | Err(_) => return false,
                Ok(count) => count,
            };
            let Some(through) = &mut self.through else {
                return false;
            };
            heard += count;
            if heard > MAX_HEARD {
                return false;
            }
            let (mut plain, mut wire) = (Vec::new(), Vec::new());
            let taken = through
                .stack
                .receive(&mut buffer[..count], &mut plain, &mut wire);
            if taken.is_err() || !plain.is_empty() || through.stack.has_ended() {
                return false;
            }
            // A few bytes on a connection that nothing else is sent on.
            if !wire.is_empty() && socket::send(self.fd.as_fd(), &wire).ok() != Some(wire.len()) {
                return false;
            }
        }
    }
}
