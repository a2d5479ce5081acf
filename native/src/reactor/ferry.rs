//! Datagrams between JavaScript and a node that takes them at its own port: framed in a pair on one side, in their wire form on the
//! other.

use crate::command::DialPlan;
use crate::egress;
use crate::layer::datagram::{Datagrams, Framing};
use crate::socks5::write_address;
use crate::sys::{self, socket};
use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

/// What JavaScript has not read yet; beyond, datagrams are lost.
const MAX_UNREAD: usize = 256 * 1024;
/// Datagrams, or pieces of the pair, before others get their turn.
const TURN: usize = 64;
const MAX_DATAGRAM: usize = 65_536;

pub struct Ferry {
    near: OwnedFd,
    socket: OwnedFd,
    datagrams: Box<dyn Datagrams>,
    framing: Framing,
    unread: Vec<u8>,
    buffer: Vec<u8>,
}

impl Ferry {
    /// With the end of the pair that is JavaScript's, and where the datagrams go.
    pub fn open(
        plan: &DialPlan,
        datagrams: Box<dyn Datagrams>,
        mark: u32,
    ) -> io::Result<(Self, OwnedFd, SocketAddr)> {
        let (socket, hop) = egress::connect_first_udp(&plan.hops, plan.port, mark)?;
        let (near, far) = socket::pair()?;
        let ferry = Self {
            near,
            socket,
            datagrams,
            framing: Framing::default(),
            unread: Vec::new(),
            buffer: vec![0; MAX_DATAGRAM],
        };
        Ok((ferry, far, hop.socket_address(plan.port)))
    }

    pub fn near(&self) -> BorrowedFd<'_> {
        self.near.as_fd()
    }

    pub fn socket(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }

    /// Carries what there is, both ways; true if there may be more. `Err` when it has ended.
    pub fn pump(&mut self) -> io::Result<bool> {
        self.flush()?;
        Ok(self.outward()? | self.inward()?)
    }

    fn outward(&mut self) -> io::Result<bool> {
        for _ in 0..TURN {
            let count = match socket::receive(self.near.as_fd(), &mut self.buffer, 0) {
                Err(error) if sys::would_block(&error) => return Ok(false),
                Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                other => other?,
            };
            let (socket, datagrams) = (&self.socket, &mut self.datagrams);
            let (mut address, mut wire, mut refused) = (Vec::new(), Vec::new(), None);
            let taken = self
                .framing
                .take(&self.buffer[..count], &mut |to, payload| {
                    address.clear();
                    wire.clear();
                    write_address(&mut address, &to);
                    let sent = match datagrams.seal(&address, payload, &mut wire) {
                        Ok(()) => socket::send(socket.as_fd(), &wire).map(drop),
                        Err(broken) => Err(io::Error::other(broken.message)),
                    };
                    refused = sent.err().filter(is_end).or(refused.take());
                });
            taken.map_err(|_| io::Error::from(io::ErrorKind::InvalidData))?;
            if let Some(error) = refused {
                return Err(error);
            }
        }
        Ok(true)
    }

    fn inward(&mut self) -> io::Result<bool> {
        for _ in 0..TURN {
            let count = match socket::receive(self.socket.as_fd(), &mut self.buffer, 0) {
                Err(error) if sys::would_block(&error) => return Ok(false),
                Err(error) if is_end(&error) => return Err(error),
                Err(_) => continue,
                Ok(count) => count,
            };
            let Some((from, range)) = self.datagrams.open(&mut self.buffer[..count]) else {
                continue;
            };
            if self.unread.len() > MAX_UNREAD {
                continue;
            }
            let mut address = Vec::new();
            write_address(&mut address, &from);
            Framing::wrap(&address, &self.buffer[range], &mut self.unread);
            self.flush()?;
        }
        Ok(true)
    }

    fn flush(&mut self) -> io::Result<()> {
        while !self.unread.is_empty() {
            match socket::send(self.near.as_fd(), &self.unread) {
                Ok(count) => drop(self.unread.drain(..count)),
                Err(error) if sys::would_block(&error) => return Ok(()),
                Err(error) => return Err(error),
            }
        }
        self.unread = Vec::new();
        Ok(())
    }
}

/// Nobody is there, or there is no way any more.
fn is_end(error: &io::Error) -> bool {
    let ends = [
        libc::ECONNREFUSED,
        libc::ENETUNREACH,
        libc::ENETDOWN,
        libc::ENODEV,
    ];
    error
        .raw_os_error()
        .is_some_and(|errno| ends.contains(&errno))
}
