//! Associations whose datagrams go in one stream, framed: with Trojan.

use crate::chain::Through;
use crate::engine::core::Core;
use crate::engine::flow::FlowRef;
use crate::engine::udp::UdpFlows;
use crate::engine::udp_outlet::OutletState;
use crate::event::Reason;
use crate::layer::datagram::Framing;
use crate::slab::Key;
use crate::socks5::Target;
use crate::sys::{self, socket};
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

/// What the proxy has not taken yet; beyond, datagrams are lost.
const MAX_UNSENT: usize = 256 * 1024;
/// Bytes read before others get their turn.
const TURN: usize = 256 * 1024;

/// One stream.
pub struct DatagramStream {
    fd: OwnedFd,
    through: Through,
    framing: Framing,
    unsent: Vec<u8>,
}

/// What has come in one turn.
#[derive(Default)]
pub struct Came {
    pub datagrams: Vec<(Target, Vec<u8>)>,
    /// Whether there may be more.
    pub is_more: bool,
}

impl DatagramStream {
    pub fn new(fd: OwnedFd, through: Option<Box<Through>>) -> Self {
        Self {
            fd,
            through: through.map(|through| *through).unwrap_or_default(),
            framing: Framing::default(),
            unsent: Vec::new(),
        }
    }

    pub fn socket(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }

    /// Sends a datagram; EAGAIN if there is no room for it.
    pub fn send(&mut self, address: &[u8], payload: &[u8]) -> io::Result<()> {
        if self.unsent.len() > MAX_UNSENT {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        let mut framed = Vec::with_capacity(address.len() + 4 + payload.len());
        Framing::wrap(address, payload, &mut framed);
        let sent = self.through.stack.send(&framed, &mut self.unsent);
        sent.map_err(|broken| io::Error::other(broken.message))?;
        self.flush()
    }

    /// Sends what waits, as much as there is room for.
    pub fn flush(&mut self) -> io::Result<()> {
        while !self.unsent.is_empty() {
            match socket::send(self.fd.as_fd(), &self.unsent) {
                Ok(count) => drop(self.unsent.drain(..count)),
                Err(error) if sys::would_block(&error) => return Ok(()),
                Err(error) => return Err(error),
            }
        }
        // An idle association keeps no buffer.
        self.unsent = Vec::new();
        Ok(())
    }

    /// Reads what has come. `Err` at its end, and at what is no datagram.
    pub fn receive(&mut self, buffer: &mut [u8]) -> io::Result<Came> {
        let mut came = Came::default();
        let mut plain = std::mem::take(&mut self.through.plain);
        let mut read = 0;
        loop {
            let mut told = |target, payload: &[u8]| came.datagrams.push((target, payload.to_vec()));
            let taken = self.framing.take(&plain, &mut told);
            taken.map_err(|_| io::Error::from(io::ErrorKind::InvalidData))?;
            plain.clear();
            if read >= TURN {
                came.is_more = true;
                return Ok(came);
            }
            let count = match socket::receive(self.fd.as_fd(), buffer, 0) {
                Err(error) if sys::would_block(&error) => return Ok(came),
                Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                other => other?,
            };
            read += count;
            let stack = &mut self.through.stack;
            let taken = stack.receive(&mut buffer[..count], &mut plain, &mut self.unsent);
            taken.map_err(|broken| io::Error::other(broken.message))?;
            self.flush()?;
            if self.through.stack.has_ended() || self.unsent.len() > 2 * MAX_UNSENT {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
    }
}

impl UdpFlows {
    /// Takes readiness of a stream with datagrams.
    pub(super) fn on_stream(&mut self, core: &mut Core, outlet: Key) {
        let Some(found) = self.outlets.get_mut(outlet) else {
            return;
        };
        let OutletState::Stream { stream, .. } = &mut found.state else {
            return;
        };
        let came = stream
            .flush()
            .and_then(|()| stream.receive(&mut self.buffer));
        match came {
            Ok(Came { datagrams, is_more }) => {
                if is_more {
                    core.timers.add(core.now, FlowRef::UdpOutlet(outlet));
                }
                for (from, payload) in datagrams {
                    self.deliver_from(core, outlet, &from, &payload);
                }
                core.flush_datagrams();
            }
            Err(_) => {
                for key in self.flows_of(outlet) {
                    self.end(core, key, Reason::ResetByRemote);
                }
            }
        }
    }
}
