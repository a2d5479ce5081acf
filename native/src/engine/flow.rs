//! What flows are known by: their ends, their place, their number, and what epoll says of them.

use crate::engine::tcp::TcpToken;
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
    Tcp(TcpToken),
    UdpRemote(Key),
    UdpControl(Key),
    Echo(Key),
}

/// Kinds of tokens from this one on are of TCP sockets.
const FIRST_TCP: u64 = 5;

impl Token {
    /// The token in the 64 bits epoll keeps.
    pub fn pack(self) -> u64 {
        let (kind, rest) = match self {
            Token::Device => (0, 0),
            Token::Commands => (1, 0),
            Token::UdpRemote(key) => (2, key.pack()),
            Token::UdpControl(key) => (3, key.pack()),
            Token::Echo(key) => (4, key.pack()),
            Token::Tcp(token) => {
                let (kind, rest) = token.parts();
                (FIRST_TCP + kind, rest)
            }
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
            2 => Token::UdpRemote(key),
            3 => Token::UdpControl(key),
            4 => Token::Echo(key),
            kind => Token::Tcp(TcpToken::of_parts(kind - FIRST_TCP, rest)?),
        })
    }
}

/// A flow JavaScript knows: its number and its place among the counters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Identity {
    pub id: u64,
    pub slot: u32,
    /// By the engine's clock.
    pub opened: u64,
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
            Token::Tcp(TcpToken::Listener(3)),
            Token::Tcp(TcpToken::Client(key)),
            Token::Tcp(TcpToken::Remote(key)),
            Token::UdpRemote(key),
            Token::UdpControl(key),
            Token::Echo(key),
        ] {
            assert_eq!(Token::unpack(token.pack()), Some(token));
        }
        assert_eq!(Token::unpack(u64::MAX), None);
    }
}
