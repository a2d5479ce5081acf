//! Datagrams of Shadowsocks: each with a key of its own (SIP004), or those of a session, which is known by a number and counts them
//! (SIP022, 3.2).

use crate::layer::Broken;
use crate::layer::datagram::Datagrams;
use crate::layer::outside::Outside;
use crate::layer::shadowsocks::cipher::{
    Key, LONG_NONCE, decrypt_block, encrypt_block, identity_of,
};
use crate::layer::shadowsocks::window::Window;
use crate::layer::shadowsocks::{Node, check_time};
use crate::socks5::{Target, parse_address};
use std::ops::Range;

/// Session and number of a datagram.
const HEADER: usize = 16;
const CLIENT: u8 = 0;
const SERVER: u8 = 1;
/// Seconds that a session of the server is still heard after another has begun (SIP022, 3.2.4).
const OLD_SESSION: u64 = 60;

/// One association.
pub struct ShadowsocksDatagrams {
    node: Node,
    outside: Outside,
    /// Ours, of SIP022, with the number of the next datagram.
    session: Option<Own>,
    /// The server's, the newest first.
    sessions: [Option<Session>; 2],
}

struct Own {
    id: [u8; 8],
    next: u64,
    key: Key,
}

struct Session {
    id: [u8; 8],
    key: Key,
    window: Window,
    heard: u64,
}

impl ShadowsocksDatagrams {
    pub fn new(node: Node, outside: Outside) -> Self {
        Self {
            node,
            outside,
            session: None,
            sessions: [None, None],
        }
    }

    fn seal_alone(&self, address: &[u8], payload: &[u8], wire: &mut Vec<u8>) -> Result<(), Broken> {
        let Node { method, key, .. } = &self.node;
        let from = wire.len();
        wire.resize(from + method.key_length(), 0);
        (self.outside.fill)(&mut wire[from..])?;
        let key = Key::of_session(*method, key, &wire[from..]);
        let from = wire.len();
        wire.extend_from_slice(address);
        wire.extend_from_slice(payload);
        key.seal(&[0; LONG_NONCE], wire, from);
        Ok(())
    }

    fn open_alone(&self, bytes: &mut [u8]) -> Option<(Target, Range<usize>)> {
        let Node { method, key, .. } = &self.node;
        let (salt, sealed) = bytes.split_at_mut_checked(method.key_length())?;
        let key = Key::of_session(*method, key, salt);
        let length = key.open(&[0; LONG_NONCE], sealed)?;
        let (from, used) = parse_address(&sealed[..length])?;
        let begin = method.key_length() + used;
        Some((from, begin..method.key_length() + length))
    }

    /// Our session, begun with the first datagram.
    fn own(&mut self) -> Result<&mut Own, Broken> {
        if self.session.is_none() {
            let mut id = [0; 8];
            (self.outside.fill)(&mut id)?;
            self.session = Some(Own {
                id,
                next: 0,
                key: self.key_of(&id),
            });
        }
        self.session.as_mut().ok_or_else(no_session)
    }

    fn key_of(&self, id: &[u8; 8]) -> Key {
        match self.node.method.has_identities() {
            true => Key::of_session(self.node.method, &self.node.key, id),
            false => Key::extended(&self.node.key),
        }
    }

    fn seal_counted(
        &mut self,
        address: &[u8],
        payload: &[u8],
        wire: &mut Vec<u8>,
    ) -> Result<(), Broken> {
        let outside = self.outside;
        let own = self.own()?;
        let mut header = [0; HEADER];
        header[..8].copy_from_slice(&own.id);
        header[8..].copy_from_slice(&own.next.to_be_bytes());
        own.next += 1;
        let mut nonce = [0; LONG_NONCE];
        let body = |wire: &mut Vec<u8>| {
            wire.push(CLIENT);
            wire.extend_from_slice(&(outside.seconds)().to_be_bytes());
            wire.extend_from_slice(&[0, 0]);
            wire.extend_from_slice(address);
            wire.extend_from_slice(payload);
        };
        let Some(own) = &self.session else {
            return Err(no_session());
        };
        let from;
        if self.node.method.has_identities() {
            nonce[..12].copy_from_slice(&header[4..]);
            let Node {
                key, identities, ..
            } = &self.node;
            let mut block = header;
            encrypt_block(identities.first().unwrap_or(key), &mut block);
            wire.extend_from_slice(&block);
            let next = identities.iter().skip(1).chain([key]);
            for (identity, next) in identities.iter().zip(next) {
                let mut block = identity_of(next);
                for (byte, other) in block.iter_mut().zip(header) {
                    *byte ^= other;
                }
                encrypt_block(identity, &mut block);
                wire.extend_from_slice(&block);
            }
            from = wire.len();
        } else {
            (outside.fill)(&mut nonce)?;
            wire.extend_from_slice(&nonce);
            from = wire.len();
            wire.extend_from_slice(&header);
        }
        body(wire);
        own.key.seal(&nonce, wire, from);
        Ok(())
    }

    fn open_counted(&mut self, bytes: &mut [u8]) -> Option<(Target, Range<usize>)> {
        let mut header = [0; HEADER];
        let mut nonce = [0; LONG_NONCE];
        let (begin, length);
        let is_separate = self.node.method.has_identities();
        if is_separate {
            header.copy_from_slice(bytes.get(..HEADER)?);
            decrypt_block(&self.node.key, &mut header);
            nonce[..12].copy_from_slice(&header[4..]);
            begin = HEADER;
        } else {
            nonce.copy_from_slice(bytes.get(..LONG_NONCE)?);
            begin = LONG_NONCE;
        }
        let sealed = &mut bytes[begin..];
        let id: [u8; 8] = header[..8].try_into().ok()?;
        let known = self.sessions.iter().flatten().find(|each| each.id == id);
        length = match known {
            Some(session) if is_separate => session.key.open(&nonce, sealed)?,
            _ => self.key_of(&id).open(&nonce, sealed)?,
        };
        let mut body = &sealed[..length];
        let mut skipped = begin;
        if !is_separate {
            header.copy_from_slice(body.get(..HEADER)?);
            body = &body[HEADER..];
            skipped += HEADER;
        }
        let (from, used) = self.read_body(body)?;
        if !self.counts(&header) {
            return None;
        }
        Some((from, skipped + used..begin + length))
    }

    /// The sender, and where the payload begins (SIP022, 3.2.3).
    fn read_body(&self, body: &[u8]) -> Option<(Target, usize)> {
        let (&[kind], rest) = body.split_first_chunk::<1>()?;
        let (time, rest) = rest.split_first_chunk::<8>()?;
        let (client, rest) = rest.split_first_chunk::<8>()?;
        let (padding, rest) = rest.split_first_chunk::<2>()?;
        let is_ours = self.session.as_ref().is_some_and(|own| own.id == *client);
        if kind != SERVER || !is_ours || check_time(time, self.outside).is_err() {
            return None;
        }
        let padding = usize::from(u16::from_be_bytes(*padding));
        let (from, used) = parse_address(rest.get(padding..)?)?;
        Some((from, 1 + 8 + 8 + 2 + padding + used))
    }

    /// Whether it is the first with this number. Told only of what was sealed with our key.
    fn counts(&mut self, header: &[u8; HEADER]) -> bool {
        let (Ok(id), Ok(number)) = (<[u8; 8]>::try_from(&header[..8]), header[8..].try_into())
        else {
            return false;
        };
        let now = (self.outside.seconds)();
        let number = u64::from_be_bytes(number);
        if let Some(session) = self
            .sessions
            .iter_mut()
            .flatten()
            .find(|each| each.id == id)
        {
            session.heard = now;
            return session.window.is_new(number);
        }
        let [newest, old] = &mut self.sessions;
        if newest.is_some()
            && old
                .as_ref()
                .is_some_and(|old| now < old.heard + OLD_SESSION)
        {
            return false;
        }
        let mut window = Window::default();
        let is_new = window.is_new(number);
        let key = match self.node.method.has_identities() {
            true => Key::of_session(self.node.method, &self.node.key, &id),
            false => Key::extended(&self.node.key),
        };
        *old = newest.take();
        *newest = Some(Session {
            id,
            key,
            window,
            heard: now,
        });
        is_new
    }
}

impl Datagrams for ShadowsocksDatagrams {
    fn seal(&mut self, address: &[u8], payload: &[u8], wire: &mut Vec<u8>) -> Result<(), Broken> {
        match self.node.method.is_2022() {
            true => self.seal_counted(address, payload, wire),
            false => self.seal_alone(address, payload, wire),
        }
    }

    fn open(&mut self, bytes: &mut [u8]) -> Option<(Target, Range<usize>)> {
        match self.node.method.is_2022() {
            true => self.open_counted(bytes),
            false => self.open_alone(bytes),
        }
    }

    fn target_of(&self, _quoted: &[u8]) -> Option<Target> {
        None
    }
}

fn no_session() -> Broken {
    Broken {
        failure: crate::event::Failure::Io,
        message: "there is no session".to_owned(),
    }
}

#[cfg(test)]
mod tests;
