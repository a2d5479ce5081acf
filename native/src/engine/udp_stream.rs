//! Associations whose datagrams go in one stream, framed: with Trojan.

use crate::chain::Through;
use crate::engine::core::Core;
use crate::engine::flow::FlowRef;
use crate::engine::owner::Owner;
use crate::engine::udp::UdpFlows;
use crate::engine::udp_outlet::OutletState;
use crate::engine::udp_share::Shares;
use crate::event::Reason;
use crate::layer::datagram::Framing;
use crate::slab::Key;
use crate::socks5::Target;
use crate::sys::{self, socket};
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

/// What the proxy has not taken yet; beyond, datagrams are lost.
const MAX_UNSENT: usize = 256 * 1024;
/// What the frame of a datagram, and the layers below, add to it at most.
const MAX_OVERHEAD: usize = 512;
/// Bytes read before others get their turn.
const TURN: usize = 256 * 1024;

/// One stream.
pub struct DatagramStream {
    fd: OwnedFd,
    through: Through,
    framing: Framing,
    unsent: Vec<u8>,
    /// What its owner is charged for it.
    charged: usize,
}

/// What has come in one turn.
#[derive(Default)]
pub struct Came {
    pub datagrams: Vec<(Target, Vec<u8>)>,
    pub next: Next,
}

/// What comes behind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Next {
    /// An event tells.
    #[default]
    Later,
    /// There may be more at once.
    Now,
    /// Nothing: the stream has ended, or is broken.
    Never,
}

impl DatagramStream {
    pub fn new(fd: OwnedFd, through: Option<Box<Through>>) -> Self {
        Self {
            fd,
            through: through.map(|through| *through).unwrap_or_default(),
            framing: Framing::default(),
            unsent: Vec::new(),
            charged: 0,
        }
    }

    pub fn socket(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }

    /// Sends a datagram; EAGAIN if there is no room for it, here or in what its owner may keep.
    pub fn send(
        &mut self,
        address: &[u8],
        payload: &[u8],
        owner: Owner,
        shares: &mut Shares,
    ) -> io::Result<()> {
        let most = address.len() + payload.len() + MAX_OVERHEAD;
        if self.unsent.len() > MAX_UNSENT || !shares.keep(owner, most) {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        self.charged += most;
        let sent = self.put(address, payload);
        self.settle(owner, shares);
        sent
    }

    /// Charges its owner for what waits, and no more.
    fn settle(&mut self, owner: Owner, shares: &mut Shares) {
        let over = self.charged.saturating_sub(self.unsent.len());
        shares.release(owner, over);
        self.charged -= over;
    }

    fn put(&mut self, address: &[u8], payload: &[u8]) -> io::Result<()> {
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

    /// Reads what has come. What came before its end, or before what is no datagram, counts.
    pub fn receive(&mut self, buffer: &mut [u8]) -> Came {
        let mut datagrams = Vec::new();
        let next = self.read(buffer, &mut datagrams).unwrap_or(Next::Never);
        Came { datagrams, next }
    }

    fn read(
        &mut self,
        buffer: &mut [u8],
        datagrams: &mut Vec<(Target, Vec<u8>)>,
    ) -> io::Result<Next> {
        self.flush()?;
        let mut plain = std::mem::take(&mut self.through.plain);
        let mut read = 0;
        loop {
            let mut told = |target, payload: &[u8]| datagrams.push((target, payload.to_vec()));
            let taken = self.framing.take(&plain, &mut told);
            taken.map_err(|_| io::Error::from(io::ErrorKind::InvalidData))?;
            plain.clear();
            if self.through.stack.has_ended() {
                return Ok(Next::Never);
            }
            if read >= TURN {
                return Ok(Next::Now);
            }
            let count = match socket::receive(self.fd.as_fd(), buffer, 0) {
                Err(error) if sys::would_block(&error) => return Ok(Next::Later),
                Ok(0) => return Ok(Next::Never),
                other => other?,
            };
            read += count;
            let stack = &mut self.through.stack;
            let taken = stack.receive(&mut buffer[..count], &mut plain, &mut self.unsent);
            taken.map_err(|broken| io::Error::other(broken.message))?;
            self.flush()?;
            if self.unsent.len() > 2 * MAX_UNSENT {
                return Ok(Next::Never);
            }
        }
    }

    /// Its owner is not charged for it any more.
    pub fn discharge(&mut self, owner: Owner, shares: &mut Shares) {
        self.unsent = Vec::new();
        self.settle(owner, shares);
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
        let Came { datagrams, next } = stream.receive(&mut self.buffer);
        stream.settle(found.owner, &mut self.shares);
        for (from, payload) in datagrams {
            self.deliver_from(core, outlet, &from, &payload);
        }
        core.flush_datagrams();
        match next {
            Next::Later => {}
            // Not in this turn: others have theirs before.
            Next::Now => core.timers.add(core.now + 1, FlowRef::UdpOutlet(outlet)),
            Next::Never => {
                for key in self.flows_of(outlet) {
                    self.end(core, key, Reason::ResetByRemote);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::udp_share::MAX_KEPT;

    const ANNA: Owner = Owner::User(1_000);

    fn stream() -> (DatagramStream, OwnedFd) {
        let (near, far) = socket::pair().unwrap();
        (DatagramStream::new(near, None), far)
    }

    #[test]
    fn what_proxies_do_not_take_is_charged_to_its_owner_and_bounded_for_all_of_them() {
        let mut shares = Shares::default();
        let mut streams: Vec<_> = (0..80).map(|_| stream()).collect();
        let payload = [7; 60_000];
        for (stream, _) in &mut streams {
            while stream
                .send(&[1, 127, 0, 0, 1, 0, 9], &payload, ANNA, &mut shares)
                .is_ok()
            {}
        }
        let unsent: usize = streams.iter().map(|(stream, _)| stream.unsent.len()).sum();
        let charged: usize = streams.iter().map(|(stream, _)| stream.charged).sum();
        assert_eq!(unsent, charged);
        assert!(unsent <= MAX_KEPT / 2, "{unsent}");
        assert!(unsent > MAX_KEPT / 2 - 100_000, "{unsent}");
        assert!(
            shares.keep(Owner::User(1_001), MAX_KEPT / 2),
            "another's share"
        );
        for (stream, _) in &mut streams {
            stream.discharge(ANNA, &mut shares);
        }
        assert!(shares.keep(ANNA, MAX_KEPT / 2));
    }

    #[test]
    fn what_came_before_the_end_counts() {
        let (mut stream, far) = stream();
        let mut wire = Vec::new();
        for payload in [b"one", b"two"] {
            Framing::wrap(&[1, 192, 0, 2, 1, 0, 53], payload, &mut wire);
        }
        socket::send(far.as_fd(), &wire).unwrap();
        drop(far);
        let came = stream.receive(&mut [0; 4_096]);
        let payloads: Vec<&[u8]> = came
            .datagrams
            .iter()
            .map(|(_, payload)| &payload[..])
            .collect();
        assert_eq!(payloads, [b"one", b"two"]);
        assert_eq!(came.next, Next::Never);
    }
}
