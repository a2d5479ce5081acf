//! Whether the ways of sockets are still the kernel's choice.

use super::{Query, Route, find};
use crate::sys::socket;
use std::collections::HashMap;
use std::net::IpAddr;
use std::os::fd::BorrowedFd;

/// Whose a socket is, and its own port, as far as they are known.
#[derive(Clone, Copy, Debug, Default)]
pub struct Origin {
    pub user: Option<u32>,
    pub port: Option<u16>,
}

/// Looks through sockets after the machine's network has changed; asks the kernel once for each address and port.
pub struct Review {
    mark: u32,
    answers: HashMap<Query, Option<Route>>,
    is_unsure: bool,
}

impl Review {
    /// `mark` is that of the sockets.
    pub fn new(mark: u32) -> Self {
        Self {
            mark,
            answers: HashMap::new(),
            is_unsure: false,
        }
    }

    /// Whether the kernel could not be asked about some: they count as unchanged, and are to be looked at again.
    pub fn is_unsure(&self) -> bool {
        self.is_unsure
    }

    /// Whether the way of a connected socket is no longer the kernel's choice for its peer: its source address is not ours
    /// any more, or a packet to the peer would leave by another interface than the one it is bound to, or by none.
    pub fn is_stale(&mut self, fd: BorrowedFd) -> bool {
        let (Ok(local), Ok(peer)) = (socket::local_address(fd), socket::peer_address(fd)) else {
            return true;
        };
        let device = socket::bound_device(fd).unwrap_or(0);
        let transport = socket::protocol(fd)
            .ok()
            .map(|protocol| (protocol, peer.port()));
        let from = Origin {
            user: socket::user(fd).ok(),
            port: Some(local.port()),
        };
        !self.is_own(local.ip()) || !self.leads_by(peer.ip(), transport, from, device)
    }

    /// Whether an address is this machine's.
    pub fn is_own(&mut self, address: IpAddr) -> bool {
        self.agrees(address, None, Origin::default(), |route| route.is_local)
    }

    /// Whether packets of a socket to an address leave by the interface of this index; 0 stands for any way there is. `transport`
    /// as in `Query`.
    pub fn leads_by(
        &mut self,
        address: IpAddr,
        transport: Option<(u8, u16)>,
        from: Origin,
        device: u32,
    ) -> bool {
        self.agrees(address, transport, from, |route| {
            device == 0 || !route.is_local && route.device == device
        })
    }

    fn agrees(
        &mut self,
        address: IpAddr,
        transport: Option<(u8, u16)>,
        from: Origin,
        is_so: impl Fn(&Route) -> bool,
    ) -> bool {
        let query = Query {
            destination: address.to_canonical(),
            mark: self.mark,
            transport,
            uid: from.user,
            source_port: from.port,
        };
        if let Some(known) = self.answers.get(&query) {
            return known.as_ref().is_some_and(is_so);
        }
        match find(&query) {
            Ok(route) => {
                self.answers.insert(query, route);
                route.as_ref().is_some_and(is_so)
            }
            Err(error) if error.raw_os_error() == Some(libc::ETIMEDOUT) => {
                self.is_unsure = true;
                true
            }
            Err(_) => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::{TcpListener, TcpStream};
    use std::os::fd::AsFd;

    #[test]
    fn a_connection_on_loopback_is_not_stale() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let stream = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let mut review = Review::new(0);
        assert!(!review.is_stale(stream.as_fd()));
        // Not connected: there is nothing that it could still do.
        assert!(review.is_stale(listener.as_fd()));
    }
}
