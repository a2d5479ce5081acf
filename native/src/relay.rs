//! Carries bytes, half-closes and resets between two connected stream sockets: small pieces by copying, bulk by splice(2). What has
//! layers is copied through them (`relay/layered.rs`).

mod half;
mod layered;
mod patience;

use crate::chain::Through;
use crate::engine::owner::Owner;
use crate::layer::Stack;
use crate::pipe_pool::PipePool;
use crate::sys::epoll::{CAN_READ, CAN_WRITE};
use crate::sys::socket;
use half::{End, Half};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

/// Bytes copied before a burst is taken to be bulk.
pub const COPY_BUFFER: usize = 16 * 1024;
/// How long what a layer owes waits for the client's first bytes.
const GREETING_MS: u64 = 10;
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

/// Two connections and what is on its way between them.
pub struct Relay {
    client: OwnedFd,
    remote: OwnedFd,
    layers: Option<Box<Stack>>,
    up: Half,
    down: Half,
    closing: bool,
    /// When layers say at the latest what they owe.
    greets_at: Option<u64>,
    /// The remote side has said what a layer cannot read.
    unreadable: bool,
    /// With layers: the client's bytes that were read before, and how many of them are under way.
    first: (Vec<u8>, usize),
    /// Whose share of the pipes it takes from, if that was asked.
    owner: Option<Owner>,
}

impl Relay {
    pub fn new(client: OwnedFd, Remote { fd, through }: Remote, now: u64) -> Self {
        let (layers, plain) = match through {
            Some(through) => (Some(Box::new(through.stack)), through.plain),
            None => (None, Vec::new()),
        };
        // The end may have come with the last answer of a proxy.
        let ended = layers.as_ref().is_some_and(|layers| layers.has_ended());
        let owes = layers.as_ref().is_some_and(|layers| layers.owes());
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
            greets_at: owes.then_some(now + GREETING_MS),
            unreadable: false,
            first: (Vec::new(), 0),
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

    /// Whether it broke because the remote side has said what a layer cannot read.
    pub fn is_unreadable(&self) -> bool {
        self.unreadable
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

#[cfg(test)]
mod tests;
