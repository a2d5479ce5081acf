//! Bytes within a WebSocket, as a client (RFC 6455), or behind the HTTP Upgrade alone, without its frames.

use crate::event::Failure;
use crate::layer::outside::Outside;
use crate::layer::{Broken, Finish, Layer};
use ring::digest;

/// How a node's WebSocket is asked for.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct WebSocket {
    /// The head of the request without its last line: what is missing is the key of the handshake.
    pub head: Vec<u8>,
    /// Whether bytes go in frames; without, they go as they are once the server has switched.
    pub framed: bool,
}

/// The head of an answer.
const MAX_HEAD: usize = 16 * 1024;
/// Payload of a control frame (5.5).
const MAX_CONTROL: usize = 125;
/// The plain bytes of a frame of ours.
const FRAME: usize = 16 * 1024;
const FIN: u8 = 0x80;
const BINARY: u8 = 2;
const CLOSE: u8 = 8;
const PING: u8 = 9;
const MASKED: u8 = 0x80;
const END_OF_HEAD: &[u8] = b"\r\n\r\n";
/// 1.3.
const MAGIC: &[u8] = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

/// One connection.
pub struct WebSocketLayer {
    asked: WebSocket,
    outside: Outside,
    /// What the server has to prove that it has read the key; `None` once it has.
    accept: Option<String>,
    state: State,
    /// Of a head that has not come whole.
    rest: Vec<u8>,
    has_ended: bool,
}

enum State {
    Answer,
    FrameHead,
    /// Payload that is still to come.
    Payload(u64),
    /// The same, of a control frame, which is kept until it is whole.
    Control {
        kind: u8,
        left: usize,
    },
    Plain,
}

impl WebSocketLayer {
    pub fn new(asked: WebSocket, outside: Outside) -> Self {
        Self {
            asked,
            outside,
            accept: None,
            state: State::Answer,
            rest: Vec::new(),
            has_ended: false,
        }
    }

    /// Takes some of the bytes; how many.
    fn take(
        &mut self,
        bytes: &[u8],
        plain: &mut Vec<u8>,
        wire: &mut Vec<u8>,
    ) -> Result<usize, Broken> {
        match self.state {
            State::Plain => {
                plain.extend_from_slice(bytes);
                Ok(bytes.len())
            }
            State::Answer => self.take_answer(bytes),
            State::FrameHead => self.take_head(bytes[0], wire),
            State::Payload(left) => {
                let count = bytes.len().min(usize::try_from(left).unwrap_or(usize::MAX));
                plain.extend_from_slice(&bytes[..count]);
                self.state = match left - count as u64 {
                    0 => State::FrameHead,
                    left => State::Payload(left),
                };
                Ok(count)
            }
            State::Control { kind, left } => {
                let count = bytes.len().min(left);
                self.rest.extend_from_slice(&bytes[..count]);
                self.state = State::Control {
                    kind,
                    left: left - count,
                };
                if left == count {
                    self.on_control(kind, wire)?;
                }
                Ok(count)
            }
        }
    }

    fn take_answer(&mut self, bytes: &[u8]) -> Result<usize, Broken> {
        let before = self.rest.len();
        self.rest.extend_from_slice(bytes);
        let from = before.saturating_sub(END_OF_HEAD.len() - 1);
        let end = self.rest[from..]
            .windows(END_OF_HEAD.len())
            .position(|window| window == END_OF_HEAD);
        let Some(end) = end.map(|end| from + end + END_OF_HEAD.len()) else {
            return match self.rest.len() > MAX_HEAD {
                true => Err(failed("the head of the answer is too long")),
                false => Ok(bytes.len()),
            };
        };
        let head = std::mem::take(&mut self.rest);
        self.read_answer(&String::from_utf8_lossy(&head[..end]))?;
        self.state = match self.asked.framed {
            true => State::FrameHead,
            false => State::Plain,
        };
        Ok(end - before)
    }

    /// Whether the server has switched (4.1).
    fn read_answer(&mut self, head: &str) -> Result<(), Broken> {
        let mut lines = head.split("\r\n");
        let status = lines.next().and_then(|line| {
            let mut words = line.split(' ');
            let version = words.next()?;
            version.starts_with("HTTP/1.").then(|| words.next())?
        });
        match status {
            Some("101") => {}
            Some(code) if code.len() == 3 && code.bytes().all(|byte| byte.is_ascii_digit()) => {
                return Err(failed(&format!(
                    "HTTP status {code} instead of a WebSocket"
                )));
            }
            _ => return Err(failed("the answer is not HTTP")),
        }
        let expected = self.accept.take();
        let mut fields = lines.filter_map(|line| line.split_once(':'));
        let accept = fields.find(|(name, _)| name.eq_ignore_ascii_case("sec-websocket-accept"));
        if self.asked.framed && accept.map(|(_, value)| value.trim()) != expected.as_deref() {
            return Err(failed("the server has not read the WebSocket's key"));
        }
        Ok(())
    }

    /// The head of a frame (5.2), byte by byte.
    fn take_head(&mut self, byte: u8, wire: &mut Vec<u8>) -> Result<usize, Broken> {
        self.rest.push(byte);
        let &[first, second, ref length @ ..] = &self.rest[..] else {
            return Ok(1);
        };
        if second & MASKED != 0 || first & 0x70 != 0 {
            return Err(failed("a frame of the WebSocket is not one of a server"));
        }
        let length = match (second, length) {
            (126, [high, low]) => u64::from(u16::from_be_bytes([*high, *low])),
            (127, length) if length.len() == 8 => length.try_into().map_or(0, u64::from_be_bytes),
            (126 | 127, _) => return Ok(1),
            (short, _) => u64::from(short),
        };
        let kind = first & 15;
        self.rest = Vec::new();
        if kind < CLOSE {
            self.state = match length {
                0 => State::FrameHead,
                left => State::Payload(left),
            };
            return Ok(1);
        }
        let left = length as usize;
        if left > MAX_CONTROL || first & FIN == 0 {
            return Err(failed("a control frame of the WebSocket is too long"));
        }
        self.state = State::Control { kind, left };
        if left == 0 {
            self.on_control(kind, wire)?;
        }
        Ok(1)
    }

    fn on_control(&mut self, kind: u8, wire: &mut Vec<u8>) -> Result<(), Broken> {
        let payload = std::mem::take(&mut self.rest);
        self.state = State::FrameHead;
        match kind {
            CLOSE => self.has_ended = true,
            PING => self.frame(PING + 1, &payload, wire)?,
            _ => {}
        }
        Ok(())
    }

    /// Appends a frame, masked as a client's are (5.3).
    fn frame(&self, kind: u8, payload: &[u8], wire: &mut Vec<u8>) -> Result<(), Broken> {
        let mut mask = [0; 4];
        (self.outside.fill)(&mut mask)?;
        wire.push(FIN | kind);
        match payload.len() {
            short @ 0..126 => wire.push(MASKED | short as u8),
            length @ 126..=0xffff => {
                wire.push(MASKED | 126);
                wire.extend_from_slice(&(length as u16).to_be_bytes());
            }
            length => {
                wire.push(MASKED | 127);
                wire.extend_from_slice(&(length as u64).to_be_bytes());
            }
        }
        wire.extend_from_slice(&mask);
        let from = wire.len();
        wire.extend_from_slice(payload);
        for chunk in wire[from..].chunks_mut(4) {
            for (byte, mask) in chunk.iter_mut().zip(mask) {
                *byte ^= mask;
            }
        }
        Ok(())
    }
}

impl Layer for WebSocketLayer {
    fn begin(&mut self, wire: &mut Vec<u8>) -> Result<(), Broken> {
        wire.extend_from_slice(&self.asked.head);
        if self.asked.framed {
            let mut nonce = [0; 16];
            (self.outside.fill)(&mut nonce)?;
            let key = base64(&nonce);
            wire.extend_from_slice(format!("Sec-WebSocket-Key: {key}\r\n").as_bytes());
            let proof = [key.as_bytes(), MAGIC].concat();
            let digest = digest::digest(&digest::SHA1_FOR_LEGACY_USE_ONLY, &proof);
            self.accept = Some(base64(digest.as_ref()));
        }
        wire.extend_from_slice(b"\r\n");
        Ok(())
    }

    fn receive(
        &mut self,
        bytes: &mut [u8],
        plain: &mut Vec<u8>,
        wire: &mut Vec<u8>,
    ) -> Result<(), Broken> {
        let mut left = &bytes[..];
        // What follows the end is nothing (5.5.1).
        while !left.is_empty() && !self.has_ended {
            let taken = self.take(left, plain, wire)?;
            left = &left[taken..];
        }
        Ok(())
    }

    fn send(&mut self, plain: &[u8], wire: &mut Vec<u8>) -> Result<(), Broken> {
        if !self.asked.framed {
            wire.extend_from_slice(plain);
            return Ok(());
        }
        wire.reserve(plain.len() + (plain.len() / FRAME + 1) * 8);
        let mut frames = plain.chunks(FRAME);
        frames.try_for_each(|chunk| self.frame(BINARY, chunk, wire))
    }

    /// A WebSocket has no half-closes: the server ends as well.
    fn finish(&mut self, wire: &mut Vec<u8>) -> Result<Finish, Broken> {
        if !self.asked.framed {
            return Ok(Finish::Below);
        }
        let normal = 1000u16.to_be_bytes();
        self.frame(CLOSE, &normal, wire).map(|()| Finish::Said)
    }

    fn cut(&mut self) -> Result<(), Broken> {
        match self.state {
            State::Payload(_) | State::Control { .. } if !self.has_ended => {
                Err(failed("the connection ends within a frame"))
            }
            _ => Ok(()),
        }
    }

    fn is_open(&self) -> bool {
        !matches!(self.state, State::Answer)
    }

    fn has_ended(&self) -> bool {
        self.has_ended
    }
}

fn failed(message: &str) -> Broken {
    Broken {
        failure: Failure::ProxyFailed,
        message: message.to_owned(),
    }
}

/// RFC 4648, 4.
fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for chunk in bytes.chunks(3) {
        let mut group = [0; 4];
        group[1..=chunk.len()].copy_from_slice(chunk);
        let group = u32::from_be_bytes(group);
        for place in 0..4 {
            text.push(match place <= chunk.len() {
                true => char::from(DIGITS[(group >> (18 - 6 * place)) as usize & 63]),
                false => '=',
            });
        }
    }
    text
}

#[cfg(test)]
mod tests;
