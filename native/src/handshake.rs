//! The conversation with a proxy as bytes, whatever its protocol. It takes not one byte behind the handshake, and touches no socket.

use crate::command::{HttpConnect, Socks5};
use crate::event::Failure;
use crate::http_connect::{Answer, Outcome};
use crate::socks5::{Action, Client, Command, Refusal, Target};
use std::net::{Ipv4Addr, SocketAddrV4};

/// How a handshake ends.
#[derive(Debug, PartialEq, Eq)]
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
pub struct Handshake(Protocol);

impl Handshake {
    /// With the bytes that are sent first.
    pub fn socks5(
        Socks5 {
            target,
            credentials,
        }: Socks5,
        command: Command,
    ) -> (Self, Vec<u8>) {
        let target = match command {
            Command::Connect => target,
            // The sender's address as the proxy would see it is not known behind NAT (RFC 1928, 4).
            Command::UdpAssociate => {
                Target::Address(SocketAddrV4::new(Ipv4Addr::UNSPECIFIED, 0).into())
            }
        };
        let client = Client::new(command, target, credentials);
        let greeting = client.greeting();
        let received = Vec::new();
        (Self(Protocol::Socks5 { client, received }), greeting)
    }

    /// The same with an HTTP proxy, which can only connect.
    pub fn http_connect(HttpConnect { request }: HttpConnect) -> (Self, Vec<u8>) {
        (Self(Protocol::HttpConnect(Answer::new())), request)
    }

    /// Bytes that `take` needs next, if that is known: so many can be taken from a socket. `None`: it must be shown more than it takes.
    pub fn wants(&self) -> Option<usize> {
        match &self.0 {
            Protocol::Socks5 { client, received } => Some(client.next() - received.len()),
            Protocol::HttpConnect(_) => None,
        }
    }

    /// Takes some of what has come: how many of the bytes belong to the handshake, and how it ends once that is known. What is to be
    /// sent is appended.
    pub fn take(&mut self, bytes: &[u8], outgoing: &mut Vec<u8>) -> (usize, Option<End>) {
        match &mut self.0 {
            Protocol::Socks5 { client, received } => {
                let mut used = 0;
                loop {
                    let missing = client.next() - received.len();
                    let taken = missing.min(bytes.len() - used);
                    received.extend_from_slice(&bytes[used..used + taken]);
                    used += taken;
                    if taken < missing {
                        return (used, None);
                    }
                    let action = client.advance(received);
                    received.clear();
                    match action {
                        Action::Send(bytes) => outgoing.extend_from_slice(&bytes),
                        Action::Read => {}
                        Action::Done(bound) => {
                            return (used, Some(End::Done { bound: Some(bound) }));
                        }
                        Action::Refused(refusal) => return (used, Some(refused(refusal))),
                    }
                }
            }
            Protocol::HttpConnect(answer) => {
                let (used, outcome) = answer.take(bytes);
                (used, outcome.map(End::from))
            }
        }
    }

    /// What it means that the proxy has ended the connection, which `how` says.
    pub fn ended(&self, how: &str) -> End {
        match &self.0 {
            Protocol::Socks5 { client, received } => match client.ended(received) {
                Some(refusal) => refused(refusal),
                None => End::Refused {
                    failure: Failure::ProxyFailed,
                    message: format!("the proxy ended the handshake: {how}"),
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
