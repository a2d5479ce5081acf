//! What is spoken over one connected socket before a flow's first byte: the layers of a plan, one after the other, each through
//! those before it. While they are handshakes only, not one byte behind the last is taken from the socket.

use crate::command::Layer as Planned;
use crate::event::{DialFault, Failure};
use crate::handshake::{End, Handshake};
use crate::layer::outside::SYSTEM;
use crate::layer::shadowsocks::ShadowsocksLayer;
use crate::layer::tls::TlsLayer;
use crate::layer::trojan::TrojanLayer;
use crate::layer::web_socket::WebSocketLayer;
use crate::layer::{Broken, Layer, Stack};
use crate::socks5::{Command, Target};
use crate::sys::{self, socket};
use std::collections::VecDeque;
use std::io;
use std::os::fd::BorrowedFd;

/// What is looked at together of an answer whose length is not known.
const LOOK: usize = 2_048;
/// What is read at once where a layer takes whatever has come.
const PIECE: usize = 16 * 1024;
/// What may come through layers before the flow begins: certificates, tickets, answers. Who says more never comes to an end.
const MAX_HEARD: usize = 256 * 1024;

/// What stays between a flow and its socket, and what has come through it already.
#[derive(Default)]
pub struct Through {
    pub stack: Stack,
    /// Bytes for the flow.
    pub plain: Vec<u8>,
}

/// The conversation.
pub struct Chain {
    /// Not begun yet.
    planned: VecDeque<(usize, Planned)>,
    current: Option<(usize, Step)>,
    through: Through,
    /// Bytes for the socket.
    outgoing: Vec<u8>,
    /// Bytes that layers were given.
    heard: usize,
    /// For the last SOCKS5 proxy; those before only connect.
    command: Command,
    bound: Option<Target>,
}

enum Step {
    Handshake(Handshake),
    /// The innermost layer of the stack is not open yet; what its end means.
    Opening(Failure),
}

/// What is known once all layers are done.
pub struct Spoken {
    /// `None` if bytes go as they are.
    pub through: Option<Box<Through>>,
    /// What the last SOCKS5 reply says.
    pub bound: Option<Target>,
}

impl Chain {
    pub fn new(layers: Vec<Planned>, command: Command) -> Self {
        Self {
            planned: layers.into_iter().enumerate().collect(),
            current: None,
            through: Through::default(),
            outgoing: Vec::new(),
            heard: 0,
            command,
            bound: None,
        }
    }

    /// Sends and receives until it is over (`Some`) or the socket is not ready (`None`).
    pub fn advance(&mut self, fd: BorrowedFd) -> Option<Result<Spoken, DialFault>> {
        loop {
            match self.step() {
                Ok(true) => {}
                Ok(false) if self.outgoing.is_empty() => return Some(Ok(self.spoken())),
                Ok(false) => {}
                Err(fault) => return Some(Err(fault)),
            }
            let unsent = match self.flush(fd) {
                Ok(()) => None,
                Err(error) if sys::would_block(&error) => return None,
                // What the proxy has said before may tell why.
                Err(error) => Some(error),
            };
            if self.current.is_none() {
                match unsent {
                    None => continue,
                    Some(error) => return Some(Err(self.broken(&error))),
                }
            }
            match self.receive(fd) {
                Ok(Ok(())) => {}
                Ok(Err(fault)) => return Some(Err(fault)),
                Err(error) if sys::would_block(&error) => {
                    return unsent.map(|error| Err(self.broken(&error)));
                }
                Err(error) => return Some(Err(self.broken(&error))),
            }
        }
    }

    fn spoken(&mut self) -> Spoken {
        let through = std::mem::take(&mut self.through);
        Spoken {
            through: (!through.stack.is_empty()).then(|| Box::new(through)),
            bound: self.bound.take(),
        }
    }

    /// Goes on with what has come, and begins what is next. Whether more must come.
    fn step(&mut self) -> Result<bool, DialFault> {
        loop {
            match &self.current {
                Some((_, Step::Opening(_))) if self.through.stack.is_open() => self.current = None,
                Some((_, Step::Opening(_))) => return Ok(true),
                Some((_, Step::Handshake(_))) if self.through.plain.is_empty() => return Ok(true),
                Some((_, Step::Handshake(_))) => {
                    let plain = std::mem::take(&mut self.through.plain);
                    let used = self.take(&plain)?;
                    self.through.plain = plain[used..].to_vec();
                }
                None => match self.planned.pop_front() {
                    None => return Ok(false),
                    Some((index, planned)) => self.begin(index, planned)?,
                },
            }
        }
    }

    fn begin(&mut self, index: usize, planned: Planned) -> Result<(), DialFault> {
        let command = match self.planned.is_empty() {
            true => self.command,
            false => Command::Connect,
        };
        let (handshake, first) = match planned {
            Planned::Socks5(socks5) => Handshake::socks5(socks5, command),
            Planned::HttpConnect(connect) => Handshake::http_connect(connect),
            Planned::Tls(tls) => {
                let layer = TlsLayer::new(&tls).map(|layer| Box::new(layer) as Box<dyn Layer>);
                return self.push(index, Failure::TlsFailed, layer);
            }
            Planned::Shadowsocks(node) => {
                let layer = ShadowsocksLayer::new(node, SYSTEM);
                return self.push(index, Failure::ProxyFailed, Ok(Box::new(layer)));
            }
            Planned::WebSocket(asked) => {
                let layer = WebSocketLayer::new(asked, SYSTEM);
                return self.push(index, Failure::ProxyFailed, Ok(Box::new(layer)));
            }
            Planned::Trojan(node) => {
                let layer = TrojanLayer::new(&node, command);
                return self.push(index, Failure::ProxyFailed, Ok(Box::new(layer)));
            }
        };
        self.current = Some((index, Step::Handshake(handshake)));
        self.say(&first)
    }

    fn push(
        &mut self,
        index: usize,
        ending: Failure,
        layer: Result<Box<dyn Layer>, Broken>,
    ) -> Result<(), DialFault> {
        self.current = Some((index, Step::Opening(ending)));
        let Through { stack, .. } = &mut self.through;
        let pushed = layer.and_then(|layer| stack.push(layer, &mut self.outgoing));
        pushed.map_err(|broken| self.fault(broken))
    }

    fn say(&mut self, bytes: &[u8]) -> Result<(), DialFault> {
        let sent = self.through.stack.send(bytes, &mut self.outgoing);
        sent.map_err(|broken| self.fault(broken))
    }

    /// Lets the handshake take bytes; how many it took.
    fn take(&mut self, bytes: &[u8]) -> Result<usize, DialFault> {
        let Some((_, Step::Handshake(handshake))) = &mut self.current else {
            return Ok(0);
        };
        let mut said = Vec::new();
        let (used, end) = handshake.take(bytes, &mut said);
        self.say(&said)?;
        match end {
            None => {}
            Some(End::Done { bound }) => {
                self.bound = bound;
                self.current = None;
            }
            Some(End::Refused { failure, message }) => {
                return Err(self.fault(Broken { failure, message }));
            }
        }
        Ok(used)
    }

    fn flush(&mut self, fd: BorrowedFd) -> io::Result<()> {
        while !self.outgoing.is_empty() {
            let count = socket::send(fd, &self.outgoing)?;
            self.outgoing.drain(..count);
        }
        Ok(())
    }

    /// Takes some of what has come, at least a byte.
    fn receive(&mut self, fd: BorrowedFd) -> io::Result<Result<(), DialFault>> {
        let wanted = match &self.current {
            Some((_, Step::Handshake(handshake))) if self.through.stack.is_empty() => {
                handshake.wants()
            }
            _ => return self.receive_through(fd),
        };
        let mut buffer = [0; LOOK];
        if let Some(wanted) = wanted {
            let count = receive_some(fd, &mut buffer[..wanted.min(LOOK)], 0)?;
            return Ok(self.take(&buffer[..count]).map(|_| ()));
        }
        let seen = receive_some(fd, &mut buffer, libc::MSG_PEEK)?;
        let (used, result) = match self.take(&buffer[..seen]) {
            Ok(used) => (used, Ok(())),
            // The connection is closed: what is left of it does not matter.
            Err(fault) => (seen, Err(fault)),
        };
        receive_some(fd, &mut buffer[..used], 0)?;
        Ok(result)
    }

    fn receive_through(&mut self, fd: BorrowedFd) -> io::Result<Result<(), DialFault>> {
        let mut buffer = [0; PIECE];
        let count = receive_some(fd, &mut buffer, 0)?;
        self.heard += count;
        if self.heard > MAX_HEARD {
            return Ok(Err(self.fault(Broken {
                failure: Failure::ProxyFailed,
                message: "the proxy says much, and never that it is ready".to_owned(),
            })));
        }
        let Through { stack, plain } = &mut self.through;
        let taken = stack.receive(&mut buffer[..count], plain, &mut self.outgoing);
        Ok(taken.map_err(|broken| self.fault(broken)))
    }

    /// The connection is broken.
    fn broken(&self, error: &io::Error) -> DialFault {
        let how = error.to_string();
        let end = match &self.current {
            Some((_, Step::Handshake(handshake))) => handshake.ended(&how),
            Some((_, Step::Opening(failure))) => End::Refused {
                failure: *failure,
                message: format!("the server ended the connection before it was ready: {how}"),
            },
            _ => End::Done { bound: None },
        };
        self.fault(match end {
            End::Refused { failure, message } => Broken { failure, message },
            End::Done { .. } => Broken {
                failure: Failure::ProxyFailed,
                message: format!("the proxy ended the connection: {how}"),
            },
        })
    }

    /// Whose failure it is: a proxy says of the next one that it cannot be reached.
    fn fault(&self, Broken { failure, message }: Broken) -> DialFault {
        let at = self.current.as_ref().map_or(0, |(index, _)| *index);
        match failure.at_proxy() {
            Some(failure) if !self.planned.is_empty() => DialFault {
                failure,
                layer: Some(at + 1),
                message,
            },
            _ => DialFault {
                failure,
                layer: Some(at),
                message,
            },
        }
    }

    /// Nothing came in time.
    pub fn late(&self) -> DialFault {
        DialFault {
            failure: Failure::Timeout,
            layer: self.current.as_ref().map(|(index, _)| *index),
            message: "the proxy did not answer in time".to_owned(),
        }
    }
}

fn receive_some(fd: BorrowedFd, buffer: &mut [u8], flags: i32) -> io::Result<usize> {
    match socket::receive(fd, buffer, flags)? {
        0 => Err(io::ErrorKind::UnexpectedEof.into()),
        count => Ok(count),
    }
}

#[cfg(test)]
mod tests;
