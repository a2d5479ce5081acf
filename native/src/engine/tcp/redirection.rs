//! Where the connections of one IP version are redirected to: listeners of the engine's own, reached through the device, and
//! the ports by which the connections are told apart there.

use crate::egress;
use crate::engine::tcp::TcpToken;
use crate::engine::tcp::nat::{Allocation, MAX_LISTENERS, NatPort, PortSpace};
use crate::slab::Key;
use crate::sys::epoll::{Epoll, READABLE};
use crate::sys::socket;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

/// Handshakes a listener may have waiting; the kernel's `somaxconn` limits it further.
const BACKLOG: i32 = 65_535;

struct Listener {
    fd: OwnedFd,
    port: u16,
}

/// The listeners at the device's own address. What they see comes from its peer's.
pub struct Redirection {
    own: IpAddr,
    peer: IpAddr,
    device: String,
    ports: PortSpace,
    listeners: Vec<Listener>,
}

impl Redirection {
    /// Listens at nothing yet.
    pub fn new(own: IpAddr, peer: IpAddr, device: &str) -> Self {
        Self {
            own,
            peer,
            device: device.to_owned(),
            ports: PortSpace::default(),
            listeners: Vec::new(),
        }
    }

    /// Number of a listener among those of both IP versions.
    pub fn token(is_ipv6: bool, index: usize) -> usize {
        index + if is_ipv6 { MAX_LISTENERS } else { 0 }
    }

    /// IP version (is it IPv6) and number of a listener.
    pub fn of_token(token: usize) -> (bool, usize) {
        (token >= MAX_LISTENERS, token % MAX_LISTENERS)
    }

    /// Adds a listener at a free port, reachable only through the device. What is accepted inherits its settings.
    pub fn listen(&mut self, epoll: &Epoll) -> io::Result<()> {
        let any_port = SocketAddr::new(self.own, 0);
        let fd = socket::open(&any_port, libc::SOCK_STREAM)?;
        socket::set_option_bytes(
            fd.as_fd(),
            libc::SOL_SOCKET,
            libc::SO_BINDTODEVICE,
            self.device.as_bytes(),
        )?;
        egress::tune_tcp(fd.as_fd());
        socket::bind(fd.as_fd(), &any_port)?;
        socket::listen(fd.as_fd(), BACKLOG)?;
        let token = Self::token(self.own.is_ipv6(), self.listeners.len());
        epoll.add(fd.as_fd(), TcpToken::Listener(token).pack(), READABLE)?;
        let port = socket::local_address(fd.as_fd())?.port();
        self.listeners.push(Listener { fd, port });
        self.ports.add_listener();
        Ok(())
    }

    /// The socket of a listener.
    pub fn socket(&self, index: usize) -> Option<BorrowedFd<'_>> {
        Some(self.listeners.get(index)?.fd.as_fd())
    }

    /// Number of the listener that sends from `source` to `destination`; `None` if that is no listener's packet.
    pub fn listener_of(&self, source: SocketAddr, destination: SocketAddr) -> Option<usize> {
        if source.ip() != self.own || destination.ip() != self.peer {
            return None;
        }
        self.listeners
            .iter()
            .position(|listener| listener.port == source.port())
    }

    /// Whose connection listener `index` has with `peer`.
    pub fn owner(&self, index: usize, peer: SocketAddr) -> Option<Key> {
        if peer.ip() != self.peer {
            return None;
        }
        self.ports.owner(NatPort::new(index, peer.port())?)
    }

    /// Takes a free port, adding a listener if all are in use. `None` if that fails or there are too many.
    pub fn allocate(&mut self, epoll: &Epoll, owner: Key) -> Option<NatPort> {
        loop {
            match self.ports.allocate(owner) {
                Allocation::Port(port) => return Some(port),
                Allocation::Exhausted => return None,
                Allocation::NeedsListener => self.listen(epoll).ok()?,
            }
        }
    }

    /// Gives a port back.
    pub fn release(&mut self, port: NatPort) {
        self.ports.release(port);
    }

    /// End points of a redirected connection: the source its listener sees, and the listener.
    pub fn ends(&self, port: NatPort) -> Option<(SocketAddr, SocketAddr)> {
        let listener = self.listeners.get(port.listener())?;
        Some((
            SocketAddr::new(self.peer, port.port()),
            SocketAddr::new(self.own, listener.port),
        ))
    }
}
