//! The conversation with a proxy over a connected socket, whatever its protocol. It takes not one byte behind the handshake.

use crate::command::Layer;
use crate::event::Failure;
use crate::http_connect::{Answer, Outcome};
use crate::socks5::{Action, Client, Command, Refusal, Target};
use crate::sys::{self, socket};
use std::io;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::os::fd::BorrowedFd;

/// What is looked at together of an HTTP answer.
const LOOK: usize = 2_048;

/// How a handshake ends.
pub enum End {
    /// `bound`: what a SOCKS5 reply says.
    Done {
        bound: Option<Target>,
    },
    Refused {
        failure: Failure,
        message: String,
    },
}

enum Protocol {
    Socks5 {
        client: Client,
        /// Of what it wants.
        received: Vec<u8>,
    },
    HttpConnect(Answer),
}

/// One handshake under way.
pub struct Handshake {
    protocol: Protocol,
    outgoing: Vec<u8>,
}

impl Handshake {
    /// `command` is for SOCKS5: an HTTP proxy can only connect.
    pub fn new(layer: Layer, command: Command) -> Self {
        match layer {
            Layer::Socks5(socks5) => {
                let target = match command {
                    Command::Connect => socks5.target,
                    // The sender's address as the proxy would see it is not known behind NAT (RFC 1928, 4).
                    Command::UdpAssociate => {
                        Target::Address(SocketAddrV4::new(Ipv4Addr::UNSPECIFIED, 0).into())
                    }
                };
                let client = Client::new(command, target, socks5.credentials);
                Self {
                    outgoing: client.greeting(),
                    protocol: Protocol::Socks5 {
                        client,
                        received: Vec::new(),
                    },
                }
            }
            Layer::HttpConnect(connect) => Self {
                outgoing: connect.request,
                protocol: Protocol::HttpConnect(Answer::new()),
            },
        }
    }

    /// Sends and receives until it is over (`Some`) or the socket is not ready (`None`).
    pub fn advance(&mut self, fd: BorrowedFd) -> Option<End> {
        loop {
            let unsent = match self.send(fd) {
                Ok(()) => None,
                Err(error) if sys::would_block(&error) => return None,
                // What the proxy has said before may tell why.
                Err(error) => Some(error),
            };
            match self.receive(fd) {
                Ok(Some(end)) => return Some(end),
                Ok(None) => {}
                Err(error) if sys::would_block(&error) => {
                    return unsent.map(|error| self.broken(&error));
                }
                Err(error) => return Some(self.broken(&error)),
            }
        }
    }

    fn send(&mut self, fd: BorrowedFd) -> io::Result<()> {
        while !self.outgoing.is_empty() {
            let count = socket::send(fd, &self.outgoing)?;
            self.outgoing.drain(..count);
        }
        Ok(())
    }

    /// Takes some of what has come, at least a byte.
    fn receive(&mut self, fd: BorrowedFd) -> io::Result<Option<End>> {
        match &mut self.protocol {
            Protocol::Socks5 { client, received } => {
                let mut buffer = [0; 260];
                let missing = client.next() - received.len();
                let count = receive_some(fd, &mut buffer[..missing], 0)?;
                received.extend_from_slice(&buffer[..count]);
                if received.len() < client.next() {
                    return Ok(None);
                }
                let action = client.advance(received);
                received.clear();
                match action {
                    Action::Send(bytes) => self.outgoing = bytes,
                    Action::Read => {}
                    Action::Done(bound) => return Ok(Some(End::Done { bound: Some(bound) })),
                    Action::Refused(refusal) => return Ok(Some(refused(refusal))),
                }
                Ok(None)
            }
            Protocol::HttpConnect(answer) => {
                let mut buffer = [0; LOOK];
                let seen = receive_some(fd, &mut buffer, libc::MSG_PEEK)?;
                let (used, outcome) = answer.take(&buffer[..seen]);
                receive_some(fd, &mut buffer[..used], 0)?;
                Ok(outcome.map(End::from))
            }
        }
    }

    /// The proxy has ended the connection.
    fn broken(&self, error: &io::Error) -> End {
        match &self.protocol {
            Protocol::Socks5 { client, received } => match client.ended(received) {
                Some(refusal) => refused(refusal),
                None => End::Refused {
                    failure: Failure::ProxyFailed,
                    message: format!("the proxy ended the handshake: {error}"),
                },
            },
            Protocol::HttpConnect(answer) => answer.ended().into(),
        }
    }
}

impl From<Outcome> for End {
    fn from(outcome: Outcome) -> Self {
        match outcome {
            Outcome::Connected => End::Done { bound: None },
            Outcome::Refused(failure, message) => End::Refused { failure, message },
        }
    }
}

fn receive_some(fd: BorrowedFd, buffer: &mut [u8], flags: i32) -> io::Result<usize> {
    match socket::receive(fd, buffer, flags)? {
        0 => Err(io::ErrorKind::UnexpectedEof.into()),
        count => Ok(count),
    }
}

fn refused(refusal: Refusal) -> End {
    let (failure, message) = match refusal {
        Refusal::Authentication => (
            Failure::ProxyAuth,
            "the proxy refused the user name or password, or wants one".to_owned(),
        ),
        Refusal::Protocol(text) => (Failure::ProxyFailed, text.to_owned()),
        Refusal::Reply(code) => {
            let (failure, text) = match code {
                2 => (Failure::ProxyDenied, "not allowed by the proxy's rules"),
                3 => (Failure::NetworkUnreachable, "network unreachable"),
                4 => (Failure::HostUnreachable, "host unreachable"),
                5 => (Failure::Refused, "connection refused"),
                6 => (Failure::Timeout, "TTL expired"),
                7 => (Failure::ProxyFailed, "command not supported"),
                8 => (Failure::ProxyFailed, "address type not supported"),
                _ => (Failure::ProxyFailed, "general failure"),
            };
            (failure, format!("SOCKS5 reply {code}: {text}"))
        }
    };
    End::Refused { failure, message }
}
