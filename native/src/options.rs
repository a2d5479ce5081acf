//! What an engine is created with, and where its outward sockets go.

use crate::prefix::Prefix;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// See `EngineOptions` in index.d.ts.
#[derive(Clone, Debug)]
pub struct Options {
    pub name: String,
    pub mtu: u32,
    pub gso: bool,
    pub queue_length: u32,
    pub address4: Ipv4Addr,
    pub peer4: Ipv4Addr,
    pub address6: Option<Ipv6Addr>,
    pub carried6: Vec<Prefix>,
    pub mark: u32,
    pub max_held: usize,
    pub hijack: Hijack,
}

/// Whose questions to port 53 are answered here; see `DnsHijack` in index.d.ts.
#[derive(Clone, Debug, Default)]
pub struct Hijack {
    pub udp: Servers,
    pub tcp: Servers,
}

/// Servers of which some are spared.
#[derive(Clone, Debug, Default)]
pub struct Servers {
    pub taken: Vec<Prefix>,
    pub spared: Vec<Prefix>,
}

impl Servers {
    /// Whether questions to a server are answered here.
    pub fn contain(&self, server: IpAddr) -> bool {
        let is_in = |prefixes: &[Prefix]| prefixes.iter().any(|prefix| prefix.contains(server));
        is_in(&self.taken) && !is_in(&self.spared)
    }
}

/// Whose a socket is, for rules of routing and firewalls.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sender {
    /// SO_MARK, 0 if none.
    pub mark: u32,
    /// The user whose program it is for; our own if nobody's.
    pub user: Option<u32>,
    /// The port that the program sends from, where the socket goes to its target itself.
    pub port: Option<u16>,
}

impl Sender {
    /// A socket for ourselves.
    pub fn own(mark: u32) -> Self {
        Self {
            mark,
            ..Self::default()
        }
    }
}

/// One address to try and the interface its socket is bound to.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Hop {
    pub address: IpAddr,
    pub device: Option<String>,
}

impl Hop {
    /// The hop with a port.
    pub fn socket_address(&self, port: u16) -> SocketAddr {
        SocketAddr::new(self.address, port)
    }
}
