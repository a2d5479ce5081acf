//! One outward connection from verdict to outcome: the dial, and for a proxy the SOCKS5 conversation.

use crate::command::{DialPlan, Proxied};
use crate::dial::{self, Dial};
use crate::event::Failure;
use crate::socks5::{Action, Client, Command, Refusal, Target};
use crate::sys::{self, socket};
use std::io;
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

/// How an outward connection stands after `drive`.
pub enum Progress {
    /// Drive it again when its socket is ready, or at this time.
    Pending {
        wake: u64,
    },
    /// `bound` is what the proxy's reply says.
    Ready {
        fd: OwnedFd,
        peer: SocketAddr,
        bound: Option<Target>,
    },
    Failed {
        failure: Failure,
        message: String,
    },
}

enum Stage {
    Dialing(Dial),
    Talking(Conversation),
    Ended,
}

struct Conversation {
    fd: OwnedFd,
    peer: SocketAddr,
    client: Client,
    outgoing: Vec<u8>,
    incoming: Vec<u8>,
}

/// An outward connection under way.
pub struct Outbound {
    stage: Stage,
    proxied: Option<Proxied>,
    command: Command,
    deadline: u64,
    started: u64,
}

impl Outbound {
    /// A TCP connection to the plan's target.
    pub fn connect(plan: DialPlan, mark: u32, now: u64) -> Self {
        Self::new(plan, Command::Connect, mark, now)
    }

    /// The control connection of a UDP association; the plan names a proxy.
    pub fn associate(plan: DialPlan, mark: u32, now: u64) -> Self {
        Self::new(plan, Command::UdpAssociate, mark, now)
    }

    fn new(plan: DialPlan, command: Command, mark: u32, now: u64) -> Self {
        let dial = Dial::new(plan.hops, plan.port, mark, now, plan.timeout_ms);
        Self {
            stage: Stage::Dialing(dial),
            proxied: plan.proxied,
            command,
            deadline: now + plan.timeout_ms,
            started: now,
        }
    }

    /// Milliseconds since the verdict.
    pub fn elapsed(&self, now: u64) -> u64 {
        now.saturating_sub(self.started)
    }

    /// Does what can be done now. `watch` registers a new socket for (edge-triggered) events.
    pub fn drive(
        &mut self,
        now: u64,
        watch: &mut dyn FnMut(BorrowedFd) -> io::Result<()>,
    ) -> Progress {
        if let Stage::Dialing(dial) = &mut self.stage {
            let (fd, peer) = match dial.drive(now, watch) {
                dial::Progress::Pending { wake } => return Progress::Pending { wake },
                dial::Progress::Failed(errno) => return self.fail_dial(errno),
                dial::Progress::Connected { fd, peer } => (fd, peer),
            };
            let Some(proxied) = self.proxied.take() else {
                self.stage = Stage::Ended;
                return Progress::Ready {
                    fd,
                    peer,
                    bound: None,
                };
            };
            let target = match self.command {
                Command::Connect => proxied.target,
                // The sender's address as the proxy would see it is not known behind NAT (RFC 1928, 4).
                Command::UdpAssociate => {
                    Target::Address(SocketAddrV4::new(Ipv4Addr::UNSPECIFIED, 0).into())
                }
            };
            let client = Client::new(self.command, target, proxied.credentials);
            self.stage = Stage::Talking(Conversation {
                fd,
                peer,
                outgoing: client.greeting(),
                client,
                incoming: Vec::new(),
            });
        }
        self.talk(now)
    }

    fn talk(&mut self, now: u64) -> Progress {
        let Stage::Talking(conversation) = &mut self.stage else {
            return failed(Failure::Io, "the dial has ended");
        };
        let action = match conversation.advance() {
            Ok(Some(action)) => action,
            Ok(None) if now < self.deadline => {
                return Progress::Pending {
                    wake: self.deadline,
                };
            }
            Ok(None) => {
                self.stage = Stage::Ended;
                return failed(Failure::Timeout, "the proxy did not answer in time");
            }
            Err(error) => {
                self.stage = Stage::Ended;
                let message = format!("the proxy ended the handshake: {error}");
                return failed(Failure::ProxyFailed, &message);
            }
        };
        let Stage::Talking(conversation) = std::mem::replace(&mut self.stage, Stage::Ended) else {
            return failed(Failure::Io, "the dial has ended");
        };
        match action {
            Action::Done(bound) => Progress::Ready {
                fd: conversation.fd,
                peer: conversation.peer,
                bound: Some(bound),
            },
            Action::Refused(refusal) => refused(refusal),
            Action::Send(_) | Action::Read => failed(Failure::Io, "unfinished handshake"),
        }
    }

    fn fail_dial(&mut self, errno: i32) -> Progress {
        self.stage = Stage::Ended;
        let failure = Failure::of(errno, self.proxied.is_some());
        failed(failure, &io::Error::from_raw_os_error(errno).to_string())
    }
}

impl Conversation {
    /// Sends and receives until the conversation is over (`Some`) or the socket is not ready (`None`).
    fn advance(&mut self) -> io::Result<Option<Action>> {
        loop {
            while !self.outgoing.is_empty() {
                match socket::send(self.fd.as_fd(), &self.outgoing) {
                    Ok(count) => drop(self.outgoing.drain(..count)),
                    Err(error) if sys::would_block(&error) => return Ok(None),
                    Err(error) => return Err(error),
                }
            }
            let missing = self.client.next() - self.incoming.len();
            let mut buffer = [0; 260];
            match socket::receive(self.fd.as_fd(), &mut buffer[..missing], 0) {
                Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(count) => self.incoming.extend_from_slice(&buffer[..count]),
                Err(error) if sys::would_block(&error) => return Ok(None),
                Err(error) => return Err(error),
            }
            if self.incoming.len() < self.client.next() {
                continue;
            }
            let action = self.client.advance(&self.incoming);
            self.incoming.clear();
            match action {
                Action::Send(bytes) => self.outgoing = bytes,
                Action::Read => {}
                Action::Done(_) | Action::Refused(_) => return Ok(Some(action)),
            }
        }
    }
}

fn refused(refusal: Refusal) -> Progress {
    match refusal {
        Refusal::Authentication => failed(
            Failure::ProxyAuth,
            "the proxy refused the user name or password, or wants one",
        ),
        Refusal::Protocol(text) => failed(Failure::ProxyFailed, text),
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
            failed(failure, &format!("SOCKS5 reply {code}: {text}"))
        }
    }
}

fn failed(failure: Failure, message: &str) -> Progress {
    Progress::Failed {
        failure,
        message: message.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::options::Hop;
    use crate::sys::process::monotonic_ms;
    use std::io::{Read, Write};
    use std::net::{IpAddr, TcpListener, TcpStream};
    use std::thread;
    use std::time::Duration;

    /// Dials a proxy whose behaviour is `serve`.
    fn dial(serve: impl FnOnce(TcpStream) + Send + 'static, timeout_ms: u64) -> Progress {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let server = thread::spawn(move || serve(listener.accept().unwrap().0));
        let hop = Hop {
            address: IpAddr::V4(Ipv4Addr::LOCALHOST),
            device: None,
        };
        let plan = DialPlan {
            hops: vec![hop],
            port,
            proxied: Some(Proxied {
                credentials: None,
                target: Target::new("a.example", 80),
            }),
            timeout_ms,
        };
        let mut outbound = Outbound::connect(plan, 0, monotonic_ms());
        let progress = loop {
            match outbound.drive(monotonic_ms(), &mut |_| Ok(())) {
                Progress::Pending { .. } => thread::sleep(Duration::from_millis(1)),
                end => break end,
            }
        };
        server.join().unwrap();
        progress
    }

    fn failure_of(progress: Progress) -> Option<Failure> {
        match progress {
            Progress::Failed { failure, .. } => Some(failure),
            _ => None,
        }
    }

    #[test]
    fn a_reply_may_come_byte_by_byte_and_is_not_overread() {
        let progress = dial(
            |mut stream| {
                stream.set_nodelay(true).unwrap();
                let mut greeting = [0; 3];
                stream.read_exact(&mut greeting).unwrap();
                for byte in [5, 0] {
                    stream.write_all(&[byte]).unwrap();
                    thread::sleep(Duration::from_millis(2));
                }
                let mut request = [0; 16];
                stream.read_exact(&mut request).unwrap();
                for byte in *b"\x05\x00\x00\x03\x04name\x01\x02hello" {
                    stream.write_all(&[byte]).unwrap();
                    thread::sleep(Duration::from_millis(2));
                }
            },
            2_000,
        );
        let Progress::Ready { fd, .. } = progress else {
            panic!("not ready");
        };
        let mut stream = TcpStream::from(fd);
        stream.set_nonblocking(false).unwrap();
        let mut text = String::new();
        stream.read_to_string(&mut text).unwrap();
        assert_eq!(text, "hello");
    }

    #[test]
    fn a_proxy_that_hangs_up_or_says_nothing_fails() {
        assert_eq!(failure_of(dial(drop, 2_000)), Some(Failure::ProxyFailed));
        let silent = |mut stream: TcpStream| {
            let mut all = Vec::new();
            // Ends when the dialler gives up.
            let _ = stream.read_to_end(&mut all);
        };
        assert_eq!(failure_of(dial(silent, 50)), Some(Failure::Timeout));
    }
}
