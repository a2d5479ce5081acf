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
