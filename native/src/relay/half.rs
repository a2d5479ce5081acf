//! One direction of a relay: bytes from a source to a target, copied or by a pipe.

use crate::engine::owner::Owner;
use crate::pipe_pool::{Lent, PipePool};
use crate::sys::{self, socket};
use std::io;
use std::os::fd::BorrowedFd;

/// One direction.
#[derive(Default)]
pub(super) struct Half {
    /// Bytes on their way: in the pipe, or copied and not sent yet (never both).
    pub(super) pipe: Option<Lent>,
    pub(super) pending: Vec<u8>,
    /// With layers, upward: bytes of the flow that `pending` is the wire form of, counted once all of it is sent.
    pub(super) wrapped: Option<u64>,
    pub(super) bulk: bool,
    /// With layers: FIN follows what is pending.
    pub(super) fin: bool,
    /// The source has ended.
    pub(super) ended: bool,
    /// The end was passed on.
    pub(super) shut: bool,
    pub(super) bytes: u64,
}

/// Which socket of a half an error came from.
pub(super) enum End {
    Source,
    Target,
}

impl Half {
    /// Whether bytes wait for room in the target.
    pub(super) fn is_blocked(&self) -> bool {
        !self.pending.is_empty() || self.pipe.as_ref().is_some_and(|pipe| pipe.filled() > 0)
    }

    /// Sends what is on its way already; how many bytes went.
    pub(super) fn flush(&mut self, target: BorrowedFd) -> Result<usize, End> {
        let sent = if !self.pending.is_empty() {
            let count = ready(socket::send(target, &self.pending)).map_err(|_| End::Target)?;
            self.pending.drain(..count);
            if self.pending.is_empty() {
                // An idle flow keeps no buffer.
                self.pending = Vec::new();
            }
            if let Some(wrapped) = &mut self.wrapped {
                if self.pending.is_empty() {
                    self.bytes += std::mem::take(wrapped);
                }
                return Ok(count);
            }
            count
        } else if let Some(pipe) = self.pipe.as_mut().filter(|pipe| pipe.filled() > 0) {
            ready(pipe.drain_to(target)).map_err(|_| End::Target)?
        } else {
            0
        };
        self.bytes += sent as u64;
        Ok(sent)
    }

    /// Reads a piece and sends it on; what the target does not take at once becomes pending.
    pub(super) fn copy(
        &mut self,
        source: BorrowedFd,
        target: BorrowedFd,
        buffer: &mut [u8],
    ) -> Result<usize, End> {
        if self.is_blocked() {
            return Ok(0);
        }
        let count = self.discard(source, buffer)?;
        if count > 0 {
            let sent = ready(socket::send(target, &buffer[..count])).map_err(|_| End::Target)?;
            self.pending.extend_from_slice(&buffer[sent..count]);
            self.bytes += sent as u64;
            self.bulk = count == buffer.len();
        }
        Ok(count)
    }

    /// Whether there is a pipe, or one could be had.
    pub(super) fn has_pipe(&mut self, pool: &mut PipePool, owner: Option<Owner>) -> bool {
        if self.pipe.is_none() && self.pending.is_empty() {
            self.pipe = pool.take(owner);
        }
        self.pipe.is_some()
    }

    /// Moves bytes from the source into the pipe.
    pub(super) fn fill(&mut self, source: BorrowedFd) -> Result<usize, End> {
        if self.ended || !self.pending.is_empty() {
            return Ok(0);
        }
        let Some(pipe) = self.pipe.as_mut().filter(|pipe| !pipe.is_full()) else {
            return Ok(0);
        };
        match pipe.fill_from(source) {
            Ok(0) => {
                // Only an ordinary read says for sure whether the stream has ended.
                self.bulk = false;
                Ok(usize::from(pipe.filled() == 0))
            }
            Ok(count) => Ok(count),
            Err(error) if sys::would_block(&error) => {
                // With bytes inside, the pipe's slots may be what is used up: the source may have more.
                self.bulk = pipe.filled() > 0;
                Ok(0)
            }
            Err(_) => Err(End::Source),
        }
    }

    /// Reads bytes into the buffer only; notes the end of the stream.
    pub(super) fn discard(&mut self, source: BorrowedFd, buffer: &mut [u8]) -> Result<usize, End> {
        if self.ended {
            return Ok(0);
        }
        match socket::receive(source, buffer, 0) {
            Ok(0) => {
                self.ended = true;
                Ok(0)
            }
            other => ready(other).map_err(|_| End::Source),
        }
    }
}

/// "Not now" as no bytes.
fn ready(result: io::Result<usize>) -> io::Result<usize> {
    match result {
        Err(error) if sys::would_block(&error) => Ok(0),
        other => other,
    }
}
