//! Carries bytes, half-closes and resets between two connected stream sockets: small pieces by copying, bulk by splice(2). What has
//! layers is copied through them (`relay/layered.rs`).

mod layered;

use crate::chain::Through;
use crate::engine::owner::Owner;
use crate::layer::Stack;
use crate::pipe_pool::{Lent, PipePool};
use crate::sys::epoll::{CAN_READ, CAN_WRITE};
use crate::sys::{self, socket};
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

/// Bytes copied before a burst is taken to be bulk.
pub const COPY_BUFFER: usize = 16 * 1024;
/// Bytes one half may move before others get their turn.
const BUDGET: usize = 2 << 20;

/// One of the two connections.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    Client,
    Remote,
}

/// How a relay stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Waits for readiness of a socket.
    Waiting,
    /// Has more to do right away.
    Busy,
    /// Both directions have ended by FIN.
    Finished,
    /// The connection on this side is broken; the other is to be reset.
    Broken(Side),
}

/// The outward end: a socket, and what stays between it and the bytes.
pub struct Remote {
    fd: OwnedFd,
    through: Option<Box<Through>>,
}

impl Remote {
    pub fn new(fd: OwnedFd, through: Option<Box<Through>>) -> Self {
        Self { fd, through }
    }

    pub fn socket(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

/// One direction.
#[derive(Default)]
struct Half {
    /// Bytes on their way: in the pipe, or copied and not sent yet (never both).
    pipe: Option<Lent>,
    pending: Vec<u8>,
    /// With layers, upward: bytes of the flow that `pending` is the wire form of, counted once all of it is sent.
    wrapped: Option<u64>,
    bulk: bool,
    /// The source has ended.
    ended: bool,
    /// The end was passed on.
    shut: bool,
    bytes: u64,
}

/// Two connections and what is on its way between them.
pub struct Relay {
    client: OwnedFd,
    remote: OwnedFd,
    layers: Option<Box<Stack>>,
    up: Half,
    down: Half,
    closing: bool,
    /// Whose share of the pipes it takes from, if that was asked.
    owner: Option<Owner>,
}

impl Relay {
    pub fn new(client: OwnedFd, Remote { fd, through }: Remote) -> Self {
        let (layers, plain) = match through {
            Some(through) => (Some(Box::new(through.stack)), through.plain),
            None => (None, Vec::new()),
        };
        // The end may have come with the last answer of a proxy.
        let ended = layers.as_ref().is_some_and(|layers| layers.has_ended());
        Self {
            client,
            remote: fd,
            up: Half {
                wrapped: layers.as_ref().map(|_| 0),
                ..Half::default()
            },
            down: Half {
                pending: plain,
                ended,
                ..Half::default()
            },
            layers,
            closing: false,
            owner: None,
        }
    }

    /// The socket towards the client.
    pub fn client(&self) -> BorrowedFd<'_> {
        self.client.as_fd()
    }

    /// The socket towards the remote side.
    pub fn remote(&self) -> BorrowedFd<'_> {
        self.remote.as_fd()
    }

    /// Says whose it is.
    pub fn belongs_to(&mut self, owner: Option<Owner>) {
        self.owner = owner;
    }

    /// Bytes the remote side and the client have taken.
    pub fn bytes(&self) -> (u64, u64) {
        (self.up.bytes, self.down.bytes)
    }

    /// Whether exactly one direction has ended.
    pub fn is_half_closed(&self) -> bool {
        self.up.shut != self.down.shut
    }

    /// Reads nothing more; what is on its way is delivered, then FIN goes both ways.
    pub fn finish(&mut self) {
        self.closing = true;
    }

    /// Makes the closing of the sockets send RST.
    pub fn reset(&self) {
        socket::reset_on_close(self.client.as_fd());
        socket::reset_on_close(self.remote.as_fd());
    }

    /// Gives the pipes back.
    pub fn recycle(self, pool: &mut PipePool) {
        for pipe in [self.up.pipe, self.down.pipe].into_iter().flatten() {
            pool.give(pipe);
        }
    }

    /// Moves what can be moved after the readiness `bits` of one side's socket.
    pub fn on_ready(
        &mut self,
        side: Side,
        bits: u32,
        pool: &mut PipePool,
        buffer: &mut [u8],
    ) -> Outcome {
        let (reads, writes) = match side {
            Side::Client => (Side::Client, Side::Remote),
            Side::Remote => (Side::Remote, Side::Client),
        };
        // A pair whose other end is closed: nobody reads what still comes, as after a RST of TCP (which is an error as well).
        let (hung_up, failed) = (libc::EPOLLHUP as u32, libc::EPOLLERR as u32);
        if side == Side::Client && bits & (hung_up | failed) == hung_up && !self.down.shut {
            return Outcome::Broken(Side::Client);
        }
        let mut busy = false;
        if bits & CAN_READ != 0 {
            match self.pump(reads, pool, buffer) {
                Ok(more) => busy |= more,
                Err(broken) => return Outcome::Broken(broken),
            }
        }
        // Room to write matters only to a half that waits for it.
        if bits & CAN_WRITE != 0 && self.half(writes).is_blocked() {
            match self.pump(writes, pool, buffer) {
                Ok(more) => busy |= more,
                Err(broken) => return Outcome::Broken(broken),
            }
        }
        if bits & failed != 0 && self.half(reads).ended {
            // Nothing reads here any more, so nobody else would see the error.
            let fd = self.fd(side);
            if socket::take_error(fd) != 0 {
                return Outcome::Broken(side);
            }
        }
        self.outcome(busy)
    }

    /// Moves what can be moved in both directions.
    pub fn pump_both(&mut self, pool: &mut PipePool, buffer: &mut [u8]) -> Outcome {
        let mut busy = false;
        for from in [Side::Client, Side::Remote] {
            match self.pump(from, pool, buffer) {
                Ok(more) => busy |= more,
                Err(broken) => return Outcome::Broken(broken),
            }
        }
        self.outcome(busy)
    }

    fn outcome(&self, busy: bool) -> Outcome {
        let halves = [&self.up, &self.down];
        if halves
            .iter()
            .all(|half| half.shut && half.ended && !half.is_blocked())
        {
            return Outcome::Finished;
        }
        if busy {
            Outcome::Busy
        } else {
            Outcome::Waiting
        }
    }

    fn half(&self, from: Side) -> &Half {
        match from {
            Side::Client => &self.up,
            Side::Remote => &self.down,
        }
    }

    fn fd(&self, side: Side) -> BorrowedFd<'_> {
        match side {
            Side::Client => self.client.as_fd(),
            Side::Remote => self.remote.as_fd(),
        }
    }

    /// True if it stopped only because its share was used up.
    fn pump(&mut self, from: Side, pool: &mut PipePool, buffer: &mut [u8]) -> Result<bool, Side> {
        if self.layers.is_some() {
            return self.pump_layered(from, buffer);
        }
        let (closing, owner) = (self.closing, self.owner);
        let (source, target, half, to) = match from {
            Side::Client => (&self.client, &self.remote, &mut self.up, Side::Remote),
            Side::Remote => (&self.remote, &self.client, &mut self.down, Side::Client),
        };
        let (source, target) = (source.as_fd(), target.as_fd());
        let named = |end: End| match end {
            End::Source => from,
            End::Target => to,
        };
        let mut moved = 0;
        loop {
            let sent = half.flush(target).map_err(named)?;
            let read = if closing {
                half.discard(source, buffer).map_err(named)?
            } else if half.bulk && half.has_pipe(pool, owner) {
                half.fill(source).map_err(named)?
            } else {
                half.copy(source, target, buffer).map_err(named)?
            };
            if sent == 0 && read == 0 {
                break;
            }
            moved += sent + read;
            if moved >= BUDGET {
                return Ok(true);
            }
        }
        if !half.is_blocked() {
            if let Some(pipe) = half.pipe.take() {
                pool.give(pipe);
            }
            if (half.ended || closing) && !half.shut {
                half.shut = true;
                socket::finish_sending(target);
            }
        }
        Ok(false)
    }
}

/// Which socket of a half an error came from.
enum End {
    Source,
    Target,
}

impl Half {
    /// Whether bytes wait for room in the target.
    fn is_blocked(&self) -> bool {
        !self.pending.is_empty() || self.pipe.as_ref().is_some_and(|pipe| pipe.filled() > 0)
    }

    /// Sends what is on its way already; how many bytes went.
    fn flush(&mut self, target: BorrowedFd) -> Result<usize, End> {
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
    fn copy(
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
    fn has_pipe(&mut self, pool: &mut PipePool, owner: Option<Owner>) -> bool {
        if self.pipe.is_none() && self.pending.is_empty() {
            self.pipe = pool.take(owner);
        }
        self.pipe.is_some()
    }

    /// Moves bytes from the source into the pipe.
    fn fill(&mut self, source: BorrowedFd) -> Result<usize, End> {
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
    fn discard(&mut self, source: BorrowedFd, buffer: &mut [u8]) -> Result<usize, End> {
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

#[cfg(test)]
mod tests;
