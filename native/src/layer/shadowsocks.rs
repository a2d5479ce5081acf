//! Shadowsocks as a client, over a stream: SIP004 (AEAD) and SIP022 (2022 edition). It is open at once; where it leads is said with the
//! first bytes of the flow, in one piece.

pub mod cipher;
pub mod datagram;
mod window;

use crate::event::Failure;
use crate::layer::outside::Outside;
use crate::layer::shadowsocks::cipher::{
    Counting, Key, Method, TAG, derived, encrypt_block, identity_of,
};
use crate::layer::{Broken, Finish, Layer};
use crate::socks5::{Target, write_address};

/// One node, and where it leads.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Shadowsocks {
    pub node: Node,
    pub target: Target,
}

/// How a node is spoken to. All keys have the length of the method.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Node {
    pub method: Method,
    /// Of the user, or the server's only one.
    pub key: Vec<u8>,
    /// Of the servers that lead to the user, the nearest first (SIP023).
    pub identities: Vec<Vec<u8>>,
}

/// The plain bytes of a chunk: 14 bits of length in SIP004, 16 in SIP022.
const CHUNK: usize = 0x3fff;
const CHUNK_2022: usize = 0xffff;
const LENGTH: usize = 2;
/// Type, time.
const FIXED_2022: usize = 1 + 8;
const CLIENT_STREAM: u8 = 0;
const SERVER_STREAM: u8 = 1;
/// Seconds that clocks may differ by (SIP022, 3.1.3).
const CLOCKS_APART: u64 = 30;
/// Where the first bytes have no payload there is padding instead (SIP022, 3.1.3).
const MAX_PADDING: usize = 900;

/// One connection.
pub struct ShadowsocksLayer {
    node: Node,
    outside: Outside,
    /// Until it is said.
    target: Option<Target>,
    /// What the request began with, which the answer repeats.
    salt: Vec<u8>,
    sealing: Option<Counting>,
    opening: Option<Counting>,
    awaited: Awaited,
    /// Of what is awaited.
    rest: Vec<u8>,
}

/// What comes next.
enum Awaited {
    Salt,
    Header,
    Length,
    Chunk(usize),
}

impl ShadowsocksLayer {
    pub fn new(Shadowsocks { node, target }: Shadowsocks, outside: Outside) -> Self {
        Self {
            node,
            outside,
            target: Some(target),
            salt: Vec::new(),
            sealing: None,
            opening: None,
            awaited: Awaited::Salt,
            rest: Vec::new(),
        }
    }

    /// Bytes of what is awaited.
    fn needs(&self) -> usize {
        let method = self.node.method;
        match self.awaited {
            Awaited::Salt => method.key_length(),
            Awaited::Header => FIXED_2022 + method.key_length() + LENGTH + TAG,
            Awaited::Length => LENGTH + TAG,
            Awaited::Chunk(length) => length + TAG,
        }
    }

    /// Takes what is awaited, whole.
    fn take(&mut self, bytes: &mut [u8], plain: &mut Vec<u8>) -> Result<(), Broken> {
        let method = self.node.method;
        if let Awaited::Salt = self.awaited {
            if bytes == self.salt {
                return Err(failed("the answer is an echo of what was sent"));
            }
            self.opening = Some(Counting::new(Key::of_session(
                method,
                &self.node.key,
                bytes,
            )));
            self.awaited = match method.is_2022() {
                true => Awaited::Header,
                false => Awaited::Length,
            };
            return Ok(());
        }
        let opened = self.opening.as_mut().and_then(|key| key.open(bytes));
        let opened = &bytes[..opened.ok_or_else(unreadable)?];
        self.awaited = match self.awaited {
            Awaited::Header => Awaited::Chunk(self.read_header(opened)?),
            Awaited::Length => Awaited::Chunk(read_length(opened, method)?),
            Awaited::Chunk(_) | Awaited::Salt => {
                plain.extend_from_slice(opened);
                Awaited::Length
            }
        };
        Ok(())
    }

    /// The header of an answer (SIP022, 3.1.3): the length of the first chunk.
    fn read_header(&self, header: &[u8]) -> Result<usize, Broken> {
        let (fixed, rest) = header.split_at(FIXED_2022);
        let (salt, length) = rest.split_at(self.salt.len());
        if fixed[0] != SERVER_STREAM || salt != self.salt {
            return Err(failed("the answer belongs to another request"));
        }
        check_time(&fixed[1..], self.outside)?;
        read_length(length, self.node.method)
    }

    /// Says where it leads, together with the first bytes; how many of them went along.
    fn begin_request(&mut self, plain: &[u8], wire: &mut Vec<u8>) -> Result<usize, Broken> {
        let Some(target) = self.target.take() else {
            return Ok(0);
        };
        let method = self.node.method;
        let mut salt = vec![0; method.key_length()];
        (self.outside.fill)(&mut salt)?;
        wire.extend_from_slice(&salt);
        let mut sealing = Counting::new(Key::of_session(method, &self.node.key, &salt));
        let mut head = Vec::new();
        write_address(&mut head, &target);
        if method.is_2022() {
            write_identities(wire, &self.node, &salt);
            let padding = match plain.is_empty() {
                true => padding(self.outside)?,
                false => Vec::new(),
            };
            head.extend_from_slice(&(padding.len() as u16).to_be_bytes());
            head.extend_from_slice(&padding);
        }
        let limit = longest(method);
        let taken = plain.len().min(limit - head.len());
        let length = ((head.len() + taken) as u16).to_be_bytes();
        let from = wire.len();
        if method.is_2022() {
            wire.push(CLIENT_STREAM);
            wire.extend_from_slice(&(self.outside.seconds)().to_be_bytes());
        }
        wire.extend_from_slice(&length);
        sealing.seal(wire, from);
        let from = wire.len();
        wire.extend_from_slice(&head);
        wire.extend_from_slice(&plain[..taken]);
        sealing.seal(wire, from);
        self.salt = salt;
        self.sealing = Some(sealing);
        Ok(taken)
    }
}

impl Layer for ShadowsocksLayer {
    fn begin(&mut self, _wire: &mut Vec<u8>) -> Result<(), Broken> {
        Ok(())
    }

    fn receive(
        &mut self,
        mut bytes: &mut [u8],
        plain: &mut Vec<u8>,
        _wire: &mut Vec<u8>,
    ) -> Result<(), Broken> {
        if !bytes.is_empty() && self.target.is_some() {
            return Err(failed("the server has spoken first"));
        }
        while !bytes.is_empty() {
            let needs = self.needs();
            let missing = needs - self.rest.len();
            if bytes.len() < missing {
                self.rest.reserve_exact(missing);
                self.rest.extend_from_slice(bytes);
                break;
            }
            let (taken, left) = bytes.split_at_mut(missing);
            bytes = left;
            if self.rest.is_empty() {
                self.take(taken, plain)?;
            } else {
                // An idle connection keeps no buffer.
                let mut whole = std::mem::take(&mut self.rest);
                whole.extend_from_slice(taken);
                self.take(&mut whole, plain)?;
            }
        }
        Ok(())
    }

    fn send(&mut self, mut plain: &[u8], wire: &mut Vec<u8>) -> Result<(), Broken> {
        let taken = self.begin_request(plain, wire)?;
        plain = &plain[taken..];
        let limit = longest(self.node.method);
        wire.reserve(plain.len() + (plain.len() / limit + 1) * (LENGTH + 2 * TAG));
        let Some(sealing) = &mut self.sealing else {
            return Err(failed("its beginning could not be said"));
        };
        // Of one size: a last one of a byte costs as much as another.
        let count = plain.len().div_ceil(limit).max(1);
        for chunk in plain.chunks(plain.len().div_ceil(count).max(1)) {
            let from = wire.len();
            wire.extend_from_slice(&(chunk.len() as u16).to_be_bytes());
            sealing.seal(wire, from);
            let from = wire.len();
            wire.extend_from_slice(chunk);
            sealing.seal(wire, from);
        }
        Ok(())
    }

    fn finish(&mut self, wire: &mut Vec<u8>) -> Result<Finish, Broken> {
        self.send(&[], wire).map(|()| Finish::Below)
    }

    fn cut(&mut self) -> Result<(), Broken> {
        match (&self.awaited, self.rest.is_empty()) {
            (Awaited::Salt | Awaited::Length, true) => Ok(()),
            _ => Err(failed("the connection ends within a chunk")),
        }
    }

    fn owes(&self) -> bool {
        self.target.is_some()
    }

    fn is_open(&self) -> bool {
        true
    }

    fn has_ended(&self) -> bool {
        false
    }
}

fn longest(method: Method) -> usize {
    match method.is_2022() {
        true => CHUNK_2022,
        false => CHUNK,
    }
}

fn read_length(bytes: &[u8], method: Method) -> Result<usize, Broken> {
    match bytes {
        [high, low] => {
            let length = usize::from(u16::from_be_bytes([*high, *low]));
            match length <= longest(method) {
                true => Ok(length),
                false => Err(failed("a chunk is too long")),
            }
        }
        _ => Err(unreadable()),
    }
}

/// Whose key the user's is known by, for each server on the way (SIP023).
fn write_identities(wire: &mut Vec<u8>, node: &Node, salt: &[u8]) {
    let next = node.identities.iter().skip(1).chain([&node.key]);
    for (key, next) in node.identities.iter().zip(next) {
        let subkey = derived("shadowsocks 2022 identity subkey", key, salt);
        let mut block = identity_of(next);
        encrypt_block(&subkey[..node.method.key_length()], &mut block);
        wire.extend_from_slice(&block);
    }
}

/// 1 to 900 bytes.
pub fn padding(outside: Outside) -> Result<Vec<u8>, Broken> {
    let mut chance = [0; 2];
    (outside.fill)(&mut chance)?;
    Ok(vec![
        0;
        1 + usize::from(u16::from_le_bytes(chance))
            % MAX_PADDING
    ])
}

/// Whether it is the time there that it is here.
pub fn check_time(bytes: &[u8], outside: Outside) -> Result<(), Broken> {
    let there = bytes.try_into().map_or(0, u64::from_be_bytes);
    match (outside.seconds)().abs_diff(there) <= CLOCKS_APART {
        true => Ok(()),
        false => Err(failed("the server's clock differs by more than 30 seconds")),
    }
}

fn unreadable() -> Broken {
    Broken {
        failure: Failure::ProxyAuth,
        message: "the answer cannot be read: another password or method, or no Shadowsocks".into(),
    }
}

fn failed(message: &str) -> Broken {
    Broken {
        failure: Failure::ProxyFailed,
        message: message.to_owned(),
    }
}

#[cfg(test)]
mod tests;
