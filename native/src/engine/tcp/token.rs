//! What an epoll event of a TCP socket is about.

use crate::engine::flow::Token;
use crate::slab::Key;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TcpToken {
    /// Number of a listener among those of both IP versions.
    Listener(usize),
    /// The engine's end of a program's connection.
    Client(Key),
    /// The outward socket of a connection, or one of a dial under way.
    Remote(Key),
}

impl TcpToken {
    /// As epoll keeps it.
    pub fn pack(self) -> u64 {
        Token::Tcp(self).pack()
    }

    /// Its kind, from 0, and the 56 bits that say which.
    pub fn parts(self) -> (u64, u64) {
        match self {
            TcpToken::Listener(index) => (0, index as u64),
            TcpToken::Client(key) => (1, key.pack()),
            TcpToken::Remote(key) => (2, key.pack()),
        }
    }

    /// The token that has these parts.
    pub fn of_parts(kind: u64, rest: u64) -> Option<Self> {
        Some(match kind {
            0 => TcpToken::Listener(rest as usize),
            1 => TcpToken::Client(Key::unpack(rest)),
            2 => TcpToken::Remote(Key::unpack(rest)),
            _ => return None,
        })
    }
}
