//! A relay whose remote side has layers: every byte is copied through them. At most a piece each way is on its way, besides what a
//! layer keeps of a record that has not come whole.

use super::half::End;
use super::{BUDGET, Relay, Side};
use crate::layer::{Broken, Finish};
use crate::sys::socket;
use std::os::fd::AsFd;

/// What layers may have said to the remote side that it does not take: it is not listening, and goes on speaking.
const MAX_UNSAID: usize = 16 * 1024;

/// What is read of the client at a time: it fits one chunk of Shadowsocks and one record of TLS. A byte more would be two of each.
const PIECE: usize = 0x3fff;

impl Relay {
    /// The client's bytes begin with these, which were read already.
    pub fn begin_with(&mut self, first: Vec<u8>) {
        match self.layers {
            None => self.up.pending = first,
            Some(_) => self.first = (first, 0),
        }
    }

    /// Reads the client's next bytes.
    fn read_client(&mut self, buffer: &mut [u8]) -> Result<usize, Side> {
        let (first, at) = &mut self.first;
        if first.is_empty() {
            return self.up.discard(self.client.as_fd(), buffer).map_err(named);
        }
        let count = buffer.len().min(first.len() - *at);
        buffer[..count].copy_from_slice(&first[*at..*at + count]);
        *at += count;
        if *at == first.len() {
            self.first = (Vec::new(), 0);
        }
        Ok(count)
    }

    /// True if there is more to do at once: its share was used up, or what the layers answered took along what the client's bytes
    /// waited for, which no event tells.
    pub(super) fn pump_layered(&mut self, from: Side, buffer: &mut [u8]) -> Result<bool, Side> {
        let waited = from == Side::Remote && self.up.is_blocked();
        let mut moved = 0;
        loop {
            let (sent, read) = match from {
                Side::Client => (self.flush_up()?, self.wrap(buffer)?),
                Side::Remote => (self.flush_down()?, self.unwrap(buffer)?),
            };
            if sent == 0 && read == 0 {
                break;
            }
            moved += sent + read;
            if moved >= BUDGET {
                return Ok(true);
            }
        }
        match from {
            Side::Client => self.pass_end_up(),
            Side::Remote => self.pass_end_down(),
        }
        .map(|()| waited && !self.up.is_blocked())
    }

    /// When `greet` is to be called; `None` if nothing is owed any more.
    pub fn greets_at(&self) -> Option<u64> {
        self.greets_at
    }

    /// The client says nothing: has layers say what they owe. It is sent with the next turn.
    pub fn greet(&mut self) {
        self.greets_at = None;
        if let Some(layers) = &mut self.layers {
            // One that cannot is broken for the next bytes as well.
            let _ = layers.send(&[], &mut self.up.pending);
        }
    }

    fn flush_up(&mut self) -> Result<usize, Side> {
        let remote = self.remote.as_fd();
        let sent = self.up.flush(remote).map_err(|_| Side::Remote)?;
        if self.up.fin && !self.up.is_blocked() {
            self.up.fin = false;
            socket::finish_sending(remote);
        }
        Ok(sent)
    }

    fn broken(&mut self, _: Broken) -> Side {
        self.unreadable = true;
        Side::Remote
    }

    fn flush_down(&mut self) -> Result<usize, Side> {
        let to = self.client.as_fd();
        self.down.flush(to).map_err(|_| Side::Client)
    }

    /// Reads a piece of the client and sends its wire form; how much was read.
    fn wrap(&mut self, buffer: &mut [u8]) -> Result<usize, Side> {
        if self.layers.is_none() || self.up.is_blocked() {
            return Ok(0);
        }
        let room = buffer.len().min(PIECE);
        let count = self.read_client(&mut buffer[..room])?;
        let Some(layers) = &mut self.layers else {
            return Ok(0);
        };
        let half = &mut self.up;
        if count == 0 || self.closing {
            return Ok(count);
        }
        self.greets_at = None;
        let sent = layers.send(&buffer[..count], &mut half.pending);
        sent.map_err(|_| Side::Remote)?;
        half.wrapped = Some(half.wrapped.unwrap_or(0) + count as u64);
        self.flush_up()?;
        Ok(count)
    }

    /// Reads a piece of the remote side and gives the client what it means; how much was read.
    fn unwrap(&mut self, buffer: &mut [u8]) -> Result<usize, Side> {
        let Some(layers) = &mut self.layers else {
            return Ok(0);
        };
        if self.down.is_blocked() {
            return Ok(0);
        }
        let remote = self.remote.as_fd();
        let count = match self.down.discard(remote, buffer) {
            Ok(count) => count,
            Err(_) => return Err(Side::Remote),
        };
        if count == 0 {
            if self.down.ended
                && let Err(cut) = layers.cut()
            {
                return Err(self.broken(cut));
            }
            return Ok(0);
        }
        let (up, down) = (&mut self.up, &mut self.down);
        let taken = layers.receive(&mut buffer[..count], &mut down.pending, &mut up.pending);
        if let Err(broken) = taken {
            return Err(self.broken(broken));
        }
        down.ended |= layers.has_ended();
        if self.closing {
            down.pending = Vec::new();
        }
        self.flush_up()?;
        if self.up.pending.len() > MAX_UNSAID.max(2 * buffer.len()) {
            return Err(Side::Remote);
        }
        self.flush_down()?;
        Ok(count)
    }

    /// The client's FIN is the layer's own word for it where it has one: the connection below still carries answers, and others' words.
    fn pass_end_up(&mut self) -> Result<(), Side> {
        if self.up.is_blocked() || self.up.shut || !(self.up.ended || self.closing) {
            return Ok(());
        }
        if let Some(layers) = &mut self.layers {
            let finish = layers.finish(&mut self.up.pending);
            self.up.fin = finish.map_err(|_| Side::Remote)? == Finish::Below || self.closing;
        }
        self.greets_at = None;
        self.up.shut = true;
        self.flush_up().map(|_| ())
    }

    fn pass_end_down(&mut self) -> Result<(), Side> {
        if self.down.is_blocked() || self.down.shut || !(self.down.ended || self.closing) {
            return Ok(());
        }
        self.down.shut = true;
        socket::finish_sending(self.client.as_fd());
        Ok(())
    }
}

/// Only what is read at the client's side comes here.
fn named(end: End) -> Side {
    match end {
        End::Source => Side::Client,
        End::Target => Side::Remote,
    }
}
