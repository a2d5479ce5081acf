//! The SOCKS5 client's side of a conversation (RFC 1928, RFC 1929) as a pure state machine. It names the exact number
//! of bytes it can take next, so that what follows the reply is never read by accident.

pub mod relay_address;

use std::net::{IpAddr, SocketAddr, SocketAddrV4, SocketAddrV6};

/// User name and password, 1 to 255 bytes each.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Credentials {
    pub username: String,
    pub password: String,
}

/// What the proxy is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Command {
    Connect = 1,
    UdpAssociate = 3,
}

/// A destination named to the proxy; names have 1 to 255 bytes.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Target {
    Name(String, u16),
    Address(SocketAddr),
}

/// Why the proxy did not do it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// No method acceptable, or user name and password wrong.
    Authentication,
    /// Reply code 1 to 255 of the request.
    Reply(u8),
    /// The bytes are not SOCKS5; the text says which.
    Protocol(&'static str),
}

/// What to do after `next` bytes were given to `advance`.
#[derive(Debug, PartialEq, Eq)]
pub enum Action {
    /// Send these, then read on.
    Send(Vec<u8>),
    /// Read on.
    Read,
    /// The request is granted; what the server says that it is bound to.
    Done(Target),
    Refused(Refusal),
}

enum State {
    Method,
    Authentication,
    ReplyHead,
    ReplyRest { head: [u8; 5], length: usize },
    Ended,
}

/// One conversation.
pub struct Client {
    credentials: Option<Credentials>,
    command: Command,
    target: Target,
    state: State,
}

const VERSION: u8 = 5;
const NO_AUTHENTICATION: u8 = 0;
const USER_PASSWORD: u8 = 2;
const NONE_ACCEPTABLE: u8 = 255;

impl Client {
    /// A conversation about `target`; for UDP ASSOCIATE that is the sender's address, usually 0.0.0.0:0.
    pub fn new(command: Command, target: Target, credentials: Option<Credentials>) -> Self {
        Self {
            credentials,
            command,
            target,
            state: State::Method,
        }
    }

    /// The first bytes to send.
    pub fn greeting(&self) -> Vec<u8> {
        match self.credentials {
            Some(_) => vec![VERSION, 2, NO_AUTHENTICATION, USER_PASSWORD],
            None => vec![VERSION, 1, NO_AUTHENTICATION],
        }
    }

    /// How many bytes `advance` needs next.
    pub fn next(&self) -> usize {
        match self.state {
            State::Method | State::Authentication => 2,
            State::ReplyHead => 5,
            State::ReplyRest { length, .. } => length,
            State::Ended => 0,
        }
    }

    /// Takes exactly `next()` bytes.
    pub fn advance(&mut self, bytes: &[u8]) -> Action {
        debug_assert_eq!(bytes.len(), self.next());
        match self.state {
            State::Method => self.on_method(bytes),
            State::Authentication => self.on_authentication(bytes),
            State::ReplyHead => self.on_reply_head(bytes),
            State::ReplyRest { head, .. } => {
                let bound = parse_address(&[&head[3..], bytes].concat());
                match bound {
                    Some((target, _)) => self.end(Action::Done(target)),
                    None => self.refuse(Refusal::Protocol("reply without an address")),
                }
            }
            State::Ended => Action::Refused(Refusal::Protocol("bytes after the end")),
        }
    }

    /// What it means that the proxy ends the connection after only `received` of the `next()` bytes: some say no more to a wrong
    /// password, and some cut their reply short. `None` where it tells nothing.
    pub fn ended(&self, received: &[u8]) -> Option<Refusal> {
        match (&self.state, received) {
            (State::Authentication, _) => Some(Refusal::Authentication),
            (State::ReplyHead, [VERSION, code, ..]) if *code != 0 => Some(Refusal::Reply(*code)),
            _ => None,
        }
    }

    fn on_method(&mut self, bytes: &[u8]) -> Action {
        if bytes[0] != VERSION {
            return self.refuse(Refusal::Protocol("the answer is not SOCKS5"));
        }
        match (bytes[1], &self.credentials) {
            (NO_AUTHENTICATION, _) => self.request(),
            (USER_PASSWORD, Some(credentials)) => {
                let mut message = vec![1];
                for field in [&credentials.username, &credentials.password] {
                    message.push(field.len() as u8);
                    message.extend_from_slice(field.as_bytes());
                }
                self.state = State::Authentication;
                Action::Send(message)
            }
            (USER_PASSWORD | NONE_ACCEPTABLE, _) => self.refuse(Refusal::Authentication),
            _ => self.refuse(Refusal::Protocol("a method that was not offered")),
        }
    }

    fn on_authentication(&mut self, bytes: &[u8]) -> Action {
        // The version byte should be 1, but servers that answer 5 exist; only the status decides.
        match bytes[1] {
            0 => self.request(),
            _ => self.refuse(Refusal::Authentication),
        }
    }

    fn request(&mut self) -> Action {
        self.state = State::ReplyHead;
        let mut message = vec![VERSION, self.command as u8, 0];
        write_address(&mut message, &self.target);
        Action::Send(message)
    }

    fn on_reply_head(&mut self, bytes: &[u8]) -> Action {
        if bytes[0] != VERSION {
            return self.refuse(Refusal::Protocol("the reply is not SOCKS5"));
        }
        if bytes[1] != 0 {
            return self.refuse(Refusal::Reply(bytes[1]));
        }
        // The fifth byte is the first of the address, or a name's length.
        let length = match bytes[3] {
            1 => 3 + 2,
            4 => 15 + 2,
            3 => usize::from(bytes[4]) + 2,
            _ => return self.refuse(Refusal::Protocol("unknown address type in the reply")),
        };
        let head = [bytes[0], bytes[1], bytes[2], bytes[3], bytes[4]];
        self.state = State::ReplyRest { head, length };
        Action::Read
    }

    fn refuse(&mut self, refusal: Refusal) -> Action {
        self.end(Action::Refused(refusal))
    }

    fn end(&mut self, action: Action) -> Action {
        self.state = State::Ended;
        action
    }
}

/// Appends address type, address and port.
pub fn write_address(message: &mut Vec<u8>, target: &Target) {
    let port = match target {
        Target::Name(name, port) => {
            message.extend_from_slice(&[3, name.len() as u8]);
            message.extend_from_slice(name.as_bytes());
            *port
        }
        Target::Address(SocketAddr::V4(address)) => {
            message.push(1);
            message.extend_from_slice(&address.ip().octets());
            address.port()
        }
        Target::Address(SocketAddr::V6(address)) => {
            message.push(4);
            message.extend_from_slice(&address.ip().octets());
            address.port()
        }
    };
    message.extend_from_slice(&port.to_be_bytes());
}

/// Reads address type, address and port; also how many bytes they took.
pub fn parse_address(bytes: &[u8]) -> Option<(Target, usize)> {
    let (kind, rest) = bytes.split_first()?;
    let (host_at, host_length) = match kind {
        1 => (0, 4),
        4 => (0, 16),
        3 => (1, usize::from(*rest.first()?)),
        _ => return None,
    };
    let host = rest.get(host_at..host_at + host_length)?;
    let port_at = host_at + host_length;
    let port = u16::from_be_bytes(rest.get(port_at..port_at + 2)?.try_into().ok()?);
    let target = match kind {
        1 => {
            let octets: [u8; 4] = host.try_into().ok()?;
            Target::Address(SocketAddrV4::new(octets.into(), port).into())
        }
        4 => {
            let octets: [u8; 16] = host.try_into().ok()?;
            Target::Address(SocketAddrV6::new(octets.into(), port, 0, 0).into())
        }
        _ => Target::Name(String::from_utf8_lossy(host).into_owned(), port),
    };
    Some((target, 1 + port_at + 2))
}

/// Sender and payload of a datagram from a UDP association (RFC 1928, 7); `None` if it is a fragment or malformed.
pub fn parse_datagram(datagram: &[u8]) -> Option<(Target, &[u8])> {
    let fragment = *datagram.get(2)?;
    let (from, length) = parse_address(datagram.get(3..)?)?;
    if fragment != 0 {
        return None;
    }
    Some((from, datagram.get(3 + length..)?))
}

impl Target {
    /// An address if the text is one, else a name.
    pub fn new(host: &str, port: u16) -> Self {
        match host.parse::<IpAddr>() {
            Ok(address) => Target::Address(SocketAddr::new(address, port)),
            Err(_) => Target::Name(host.to_owned(), port),
        }
    }
}

#[cfg(test)]
mod tests;
