//! What flows are known by: their ends, their place, their number, and what epoll says of them.

use crate::event::Network;
use crate::slab::Key;
use std::net::SocketAddr;

/// Both ends of a program's connection, of one IP version.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Tuple {
    pub client: SocketAddr,
    pub destination: SocketAddr,
}

/// Where a flow lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum FlowRef {
    Tcp(Key),
    Udp(Key),
    /// Only its timers.
    UdpOutlet(Key),
}

/// What an epoll event is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Token {
    Device,
    Commands,
    Listener(usize),
    TcpClient(Key),
    TcpRemote(Key),
    UdpRemote(Key),
    UdpControl(Key),
    Echo(Key),
}

impl Token {
    /// The token in the 64 bits epoll keeps.
    pub fn pack(self) -> u64 {
        let (kind, rest) = match self {
            Token::Device => (0, 0),
            Token::Commands => (1, 0),
            Token::Listener(index) => (2, index as u64),
            Token::TcpClient(key) => (3, key.pack()),
            Token::TcpRemote(key) => (4, key.pack()),
            Token::UdpRemote(key) => (5, key.pack()),
            Token::UdpControl(key) => (6, key.pack()),
            Token::Echo(key) => (7, key.pack()),
        };
        kind << 56 | rest
    }

    /// The token that `pack` made.
    pub fn unpack(bits: u64) -> Option<Self> {
        let rest = bits & ((1 << 56) - 1);
        let key = Key::unpack(rest);
        Some(match bits >> 56 {
            0 => Token::Device,
            1 => Token::Commands,
            2 => Token::Listener(rest as usize),
            3 => Token::TcpClient(key),
            4 => Token::TcpRemote(key),
            5 => Token::UdpRemote(key),
            6 => Token::UdpControl(key),
            7 => Token::Echo(key),
            _ => return None,
        })
    }
}

/// A flow JavaScript knows: its number and its place among the counters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Identity {
    pub id: u64,
    pub slot: u32,
}

/// The network of a flow by its number: TCP flows are even, UDP flows odd.
pub fn network_of(id: u64) -> Network {
    if id.is_multiple_of(2) {
        Network::Tcp
    } else {
        Network::Udp
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_survive_epoll() {
        let key = Key::unpack(0x00ab_cdef_1234_5678);
        for token in [
            Token::Device,
            Token::Commands,
            Token::Listener(3),
            Token::TcpClient(key),
            Token::TcpRemote(key),
            Token::UdpRemote(key),
            Token::UdpControl(key),
            Token::Echo(key),
        ] {
            assert_eq!(Token::unpack(token.pack()), Some(token));
        }
        assert_eq!(Token::unpack(u64::MAX), None);
    }

    #[test]
    fn numbers_tell_the_network() {
        assert_eq!(network_of(4), Network::Tcp);
        assert_eq!(network_of(5), Network::Udp);
    }
}
