//! One outward connection from verdict to outcome: the dial, and for a proxy the handshake.

use crate::command::{DialPlan, Layer};
use crate::dial::{self, Dial};
use crate::event::{Attempt, Failure};
use crate::handshake::{End, Handshake};
use crate::socks5::{Command, Target};
use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

/// How an outward connection stands after `drive`.
pub enum Progress {
    /// Drive it again when its socket is ready, or at this time.
    Pending {
        wake: u64,
    },
    /// `bound` is what a SOCKS5 reply says.
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
    Talking {
        fd: OwnedFd,
        peer: SocketAddr,
        handshake: Handshake,
    },
    Ended,
}

/// An outward connection under way.
pub struct Outbound {
    stage: Stage,
    layer: Option<Layer>,
    command: Command,
    deadline: u64,
    started: u64,
    attempts: Vec<Attempt>,
}

impl Outbound {
    /// A TCP connection to the plan's target.
    pub fn connect(plan: DialPlan, mark: u32, now: u64) -> Self {
        Self::new(plan, Command::Connect, mark, now)
    }

    /// The control connection of a UDP association; the plan names a SOCKS5 proxy.
    pub fn associate(plan: DialPlan, mark: u32, now: u64) -> Self {
        Self::new(plan, Command::UdpAssociate, mark, now)
    }

    fn new(plan: DialPlan, command: Command, mark: u32, now: u64) -> Self {
        let dial = Dial::new(plan.hops, plan.port, mark, now, plan.timeout_ms)
            .for_proxy(plan.layer.is_some());
        Self {
            stage: Stage::Dialing(dial),
            layer: plan.layer,
            command,
            deadline: now + plan.timeout_ms,
            started: now,
            attempts: Vec::new(),
        }
    }

    /// Milliseconds since the verdict.
    pub fn elapsed(&self, now: u64) -> u64 {
        now.saturating_sub(self.started)
    }

    /// What came of the addresses, once the dial is over; see `Dial::report`.
    pub fn take_attempts(&mut self) -> Vec<Attempt> {
        std::mem::take(&mut self.attempts)
    }

    /// Does what can be done now. `watch` registers a new socket for (edge-triggered) events.
    pub fn drive(
        &mut self,
        now: u64,
        watch: &mut dyn FnMut(BorrowedFd) -> io::Result<()>,
    ) -> Progress {
        if let Stage::Dialing(dial) = &mut self.stage {
            let progress = dial.drive(now, watch);
            if let dial::Progress::Pending { wake } = progress {
                return Progress::Pending { wake };
            }
            self.attempts = dial.report(now);
            let (fd, peer) = match progress {
                dial::Progress::Pending { wake } => return Progress::Pending { wake },
                dial::Progress::Failed(errno) => return self.fail_dial(errno),
                dial::Progress::Connected { fd, peer } => (fd, peer),
            };
            let Some(layer) = self.layer.take() else {
                self.stage = Stage::Ended;
                return Progress::Ready {
                    fd,
                    peer,
                    bound: None,
                };
            };
            self.stage = Stage::Talking {
                fd,
                peer,
                handshake: Handshake::new(layer, self.command),
            };
        }
        self.talk(now)
    }

    fn talk(&mut self, now: u64) -> Progress {
        let Stage::Talking { fd, handshake, .. } = &mut self.stage else {
            return failed(Failure::Io, "the dial has ended");
        };
        let Some(end) = handshake.advance(fd.as_fd()) else {
            if now < self.deadline {
                return Progress::Pending {
                    wake: self.deadline,
                };
            }
            self.stage = Stage::Ended;
            return failed(Failure::Timeout, "the proxy did not answer in time");
        };
        let Stage::Talking { fd, peer, .. } = std::mem::replace(&mut self.stage, Stage::Ended)
        else {
            return failed(Failure::Io, "the dial has ended");
        };
        match end {
            End::Done { bound } => Progress::Ready { fd, peer, bound },
            End::Refused { failure, message } => Progress::Failed { failure, message },
        }
    }

    fn fail_dial(&mut self, errno: i32) -> Progress {
        self.stage = Stage::Ended;
        let failure = Failure::of(errno, self.layer.is_some());
        failed(failure, &io::Error::from_raw_os_error(errno).to_string())
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
    use crate::command::{HttpConnect, Socks5};
    use crate::options::Hop;
    use crate::sys::process::monotonic_ms;
    use std::io::{Read, Write};
    use std::net::{IpAddr, Ipv4Addr, TcpListener, TcpStream};
    use std::thread;
    use std::time::Duration;

    const REQUEST: &[u8] = b"CONNECT a.example:80 HTTP/1.1\r\n\r\n";

    fn socks5() -> Layer {
        Layer::Socks5(Socks5 {
            credentials: None,
            target: Target::new("a.example", 80),
        })
    }

    fn http() -> Layer {
        Layer::HttpConnect(HttpConnect {
            request: REQUEST.to_vec(),
        })
    }

    /// What comes behind the handshake, to the end.
    fn rest_of(progress: Progress) -> String {
        let Progress::Ready { fd, .. } = progress else {
            panic!("not ready");
        };
        let mut stream = TcpStream::from(fd);
        stream.set_nonblocking(false).unwrap();
        let mut text = String::new();
        stream.read_to_string(&mut text).unwrap();
        text
    }

    /// Dials a proxy whose behaviour is `serve`.
    fn dial(
        layer: Layer,
        serve: impl FnOnce(TcpStream) + Send + 'static,
        timeout_ms: u64,
    ) -> Progress {
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
            layer: Some(layer),
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
            socks5(),
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
        assert_eq!(rest_of(progress), "hello");
    }

    #[test]
    fn a_reply_that_is_cut_short_is_understood_all_the_same() {
        for (reply, failure) in [
            (&[5, 5][..], Failure::Refused),
            (&[5, 4, 0], Failure::HostUnreachable),
            (&[5, 2, 0, 1], Failure::ProxyDenied),
            (&[5, 0, 0, 1], Failure::ProxyFailed),
            (&[5], Failure::ProxyFailed),
        ] {
            let progress = dial(
                socks5(),
                move |mut stream| {
                    stream.read_exact(&mut [0; 3]).unwrap();
                    stream.write_all(&[5, 0]).unwrap();
                    stream.read_exact(&mut [0; 16]).unwrap();
                    stream.write_all(reply).unwrap();
                },
                2_000,
            );
            assert_eq!(failure_of(progress), Some(failure), "{reply:?}");
        }
    }

    #[test]
    fn a_proxy_that_hangs_up_or_says_nothing_fails() {
        for layer in [socks5(), http()] {
            let progress = dial(layer, drop, 2_000);
            assert_eq!(failure_of(progress), Some(Failure::ProxyFailed));
        }
        let silent = |mut stream: TcpStream| {
            let mut all = Vec::new();
            // Ends when the dialler gives up.
            let _ = stream.read_to_end(&mut all);
        };
        for layer in [socks5(), http()] {
            assert_eq!(failure_of(dial(layer, silent, 50)), Some(Failure::Timeout));
        }
    }

    #[test]
    fn an_http_answer_in_any_pieces_leaves_the_target_its_bytes() {
        let long = "Via: x\r\n".repeat(500);
        let head = format!("HTTP/1.1 200 Connection established\r\n{long}\r\n");
        for size in [1, 100, 3_000, 8_000] {
            let bytes = format!("{head}hello");
            let progress = dial(
                http(),
                move |mut stream| {
                    stream.set_nodelay(true).unwrap();
                    let mut request = [0; REQUEST.len()];
                    stream.read_exact(&mut request).unwrap();
                    assert_eq!(request, REQUEST);
                    for piece in bytes.as_bytes().chunks(size) {
                        stream.write_all(piece).unwrap();
                    }
                },
                5_000,
            );
            assert_eq!(rest_of(progress), "hello", "pieces of {size}");
        }
    }

    #[test]
    fn a_proxy_that_dribbles_is_given_up_when_the_time_is_over() {
        let dribble = |mut stream: TcpStream| {
            for byte in b"HTTP/1.1 200 OK\r\n".iter().cycle() {
                if stream.write_all(&[*byte]).is_err() {
                    return;
                }
                thread::sleep(Duration::from_millis(5));
            }
        };
        assert_eq!(
            failure_of(dial(http(), dribble, 150)),
            Some(Failure::Timeout)
        );
    }

    #[test]
    fn a_refusal_with_a_reset_behind_it_is_understood_all_the_same() {
        let refuse = |mut stream: TcpStream| {
            // What it has not read becomes a reset when it closes.
            stream.read_exact(&mut [0; 10]).unwrap();
            stream.write_all(b"HTTP/1.1 407 No\r\n\r\n").unwrap();
        };
        for _ in 0..20 {
            let failure = failure_of(dial(http(), refuse, 2_000));
            assert_eq!(failure, Some(Failure::ProxyAuth));
        }
    }
}
