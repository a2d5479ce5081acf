//! Who a share belongs to. Nobody gets more by using more addresses: those whose addresses cost them nothing share one part.

use crate::prefix::network64;
use crate::sys::route::{self, Query};
use crate::sys::sock_diag;
use std::net::{IpAddr, SocketAddr};

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Owner {
    /// A user of this machine.
    User(u32),
    /// Somebody on this machine: the kernel does not say who.
    Machine,
    /// Another machine or a container, whose packets are forwarded here: its IPv4 address, or its /64 (RFC 4291, 2.5.1: all of
    /// its addresses are the host's to choose).
    Host(IpAddr),
    /// All of those together: a container may send from any address of its bridge's network.
    Forwarded,
}

impl Owner {
    /// Whose UDP socket `client` is (sock_diag(7)).
    pub fn of_udp(client: SocketAddr, destination: SocketAddr) -> Self {
        Self::of_socket(libc::IPPROTO_UDP, client, destination)
    }

    /// The same of a TCP connection.
    pub fn of_tcp(client: SocketAddr, destination: SocketAddr) -> Self {
        Self::of_socket(libc::IPPROTO_TCP, client, destination)
    }

    fn of_socket(protocol: i32, client: SocketAddr, destination: SocketAddr) -> Self {
        match sock_diag::find(protocol, client, destination) {
            // Of one that its program has closed the kernel tells no inode, and root instead of its user.
            Ok(Some(socket)) if socket.inode != 0 => Owner::User(socket.uid),
            _ => Self::of_address(client.ip()),
        }
    }

    /// Who sends from an address, as far as that alone says it.
    pub fn of_address(address: IpAddr) -> Self {
        let query = Query {
            destination: address,
            mark: 0,
            transport: None,
            uid: None,
            source_port: None,
        };
        match route::find(&query) {
            Ok(Some(route)) if route.is_local => Owner::Machine,
            _ => Owner::Host(network64(address)),
        }
    }

    /// The user of this machine that it is.
    pub fn user(self) -> Option<u32> {
        match self {
            Owner::User(user) => Some(user),
            _ => None,
        }
    }

    /// Everybody whose share something of this owner counts for: itself, and all that are forwarded if it is one of them.
    pub fn charged(self) -> impl Iterator<Item = Owner> {
        let group = matches!(self, Owner::Host(_)).then_some(Owner::Forwarded);
        [Some(self), group].into_iter().flatten()
    }

    /// The part of everything that it may have is one of so many.
    pub fn divisor(self) -> usize {
        match self {
            Owner::User(_) | Owner::Machine | Owner::Forwarded => 2,
            Owner::Host(_) => 4,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_that_cost_nothing_are_one_owner() {
        let of = |address: &str| Owner::of_address(address.parse().unwrap());
        assert_eq!(of("127.0.0.9"), Owner::Machine);
        assert_eq!(of("2001:db8:7:8::1"), of("2001:db8:7:8:ffff:1:2:3"));
        assert_ne!(of("2001:db8:7:8::1"), of("2001:db8:7:9::1"));
        assert_ne!(of("203.0.113.7"), of("203.0.113.8"));
        let charged: Vec<Owner> = of("203.0.113.7").charged().collect();
        assert_eq!(charged, [of("203.0.113.7"), Owner::Forwarded]);
        assert_eq!(
            Owner::User(7).charged().collect::<Vec<_>>(),
            [Owner::User(7)]
        );
    }
}
