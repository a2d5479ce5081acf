//! Opens one TCP connection by trying several addresses 250 ms apart (RFC 8305, 5), without blocking.

use crate::egress;
use crate::event::{Attempt, AttemptEnd, Failure};
use crate::options::{Hop, Sender};
use crate::sys::{epoll, socket};
use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

/// Time an attempt has for itself before the next address is tried beside it.
const ATTEMPT_DELAY_MS: u64 = 250;

/// How a dial stands after `drive`.
pub enum Progress {
    /// Drive it again when a socket is ready, or at this time.
    Pending {
        wake: u64,
    },
    Connected {
        fd: OwnedFd,
        peer: SocketAddr,
    },
    /// An errno; ETIMEDOUT if the time ran out.
    Failed(i32),
}

struct Connecting {
    fd: OwnedFd,
    peer: SocketAddr,
    begun: u64,
}

/// A dial under way.
pub struct Dial {
    hops: Vec<Hop>,
    port: u16,
    sender: Sender,
    /// Whether the addresses are a proxy's.
    to_proxy: bool,
    next: usize,
    next_at: u64,
    deadline: u64,
    begun: u64,
    attempts: Vec<Connecting>,
    /// Those that are over.
    tried: Vec<Attempt>,
    errors: Vec<i32>,
}

impl Dial {
    /// Nothing is sent before the first `drive`.
    pub fn new(hops: Vec<Hop>, port: u16, sender: Sender, now: u64, timeout_ms: u64) -> Self {
        Self {
            hops,
            port,
            sender,
            to_proxy: false,
            next: 0,
            next_at: now,
            deadline: now + timeout_ms,
            begun: now,
            attempts: Vec::new(),
            tried: Vec::new(),
            errors: Vec::new(),
        }
    }

    /// The addresses are those of a proxy: its failures are told as such.
    pub fn for_proxy(self, to_proxy: bool) -> Self {
        Self { to_proxy, ..self }
    }

    /// Looks at the attempts and starts those that are due. `watch` registers a new socket for (edge-triggered) events.
    pub fn drive(
        &mut self,
        now: u64,
        watch: &mut dyn FnMut(BorrowedFd) -> io::Result<()>,
    ) -> Progress {
        if let Some((fd, peer)) = self.take_connected(now) {
            return Progress::Connected { fd, peer };
        }
        if now >= self.deadline {
            return Progress::Failed(libc::ETIMEDOUT);
        }
        while self.next < self.hops.len() && (now >= self.next_at || self.attempts.is_empty()) {
            self.start_next(now, watch);
        }
        if self.attempts.is_empty() {
            return Progress::Failed(self.most_telling_error());
        }
        let wake = if self.next < self.hops.len() {
            self.next_at.min(self.deadline)
        } else {
            self.deadline
        };
        Progress::Pending { wake }
    }

    /// What came of each address that was tried, once the dial is over. Nothing if the first one answered while it was alone.
    pub fn report(&mut self, now: u64) -> Vec<Attempt> {
        for connecting in std::mem::take(&mut self.attempts) {
            self.note(&connecting, now, AttemptEnd::Unanswered);
        }
        let mut tried = std::mem::take(&mut self.tried);
        tried.sort_by_key(|attempt| attempt.begun);
        if matches!(
            tried[..],
            [Attempt {
                end: AttemptEnd::Connected,
                ..
            }]
        ) {
            tried.clear();
        }
        tried
    }

    fn note(&mut self, connecting: &Connecting, now: u64, end: AttemptEnd) {
        self.tried.push(Attempt {
            address: connecting.peer.ip(),
            begun: connecting.begun - self.begun,
            took: now - connecting.begun,
            end,
        });
    }

    fn start_next(&mut self, now: u64, watch: &mut dyn FnMut(BorrowedFd) -> io::Result<()>) {
        let hop = &self.hops[self.next];
        self.next += 1;
        let begun = egress::begin_tcp(hop, self.port, self.sender)
            .and_then(|fd| watch(fd.as_fd()).map(|()| fd));
        match begun {
            Ok(fd) => {
                self.attempts.push(Connecting {
                    fd,
                    peer: hop.socket_address(self.port),
                    begun: now,
                });
                self.next_at = now + ATTEMPT_DELAY_MS;
            }
            Err(error) => {
                let errno = error.raw_os_error().unwrap_or(libc::EIO);
                self.errors.push(errno);
                self.tried.push(Attempt {
                    address: hop.address,
                    begun: now - self.begun,
                    took: 0,
                    end: AttemptEnd::Failed(Failure::of(errno, self.to_proxy)),
                });
            }
        }
    }

    /// Takes the first attempt that has connected, and drops those that have failed.
    fn take_connected(&mut self, now: u64) -> Option<(OwnedFd, SocketAddr)> {
        if self.attempts.is_empty() {
            return None;
        }
        let fds: Vec<BorrowedFd> = self.attempts.iter().map(|each| each.fd.as_fd()).collect();
        let ready = epoll::poll_writable(&fds).unwrap_or_default();
        for index in (0..self.attempts.len()).rev() {
            if !ready.get(index).copied().unwrap_or(false) {
                continue;
            }
            let attempt = self.attempts.remove(index);
            match socket::take_error(attempt.fd.as_fd()) {
                0 => {
                    if !(self.tried.is_empty() && self.attempts.is_empty()) {
                        self.note(&attempt, now, AttemptEnd::Connected);
                    }
                    return Some((attempt.fd, attempt.peer));
                }
                error => {
                    self.errors.push(error);
                    let end = AttemptEnd::Failed(Failure::of(error, self.to_proxy));
                    self.note(&attempt, now, end);
                }
            }
        }
        None
    }

    /// An answer of a host says more than a missing route.
    fn most_telling_error(&self) -> i32 {
        let rank = |errno: i32| match errno {
            libc::ECONNREFUSED => 0,
            libc::EHOSTUNREACH => 1,
            libc::ETIMEDOUT => 2,
            libc::ENETUNREACH | libc::EADDRNOTAVAIL | libc::EAFNOSUPPORT => 4,
            _ => 3,
        };
        let best = self.errors.iter().copied().min_by_key(|errno| rank(*errno));
        best.unwrap_or(libc::EDESTADDRREQ)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::{IpAddr, Ipv4Addr, TcpListener};
    use std::time::Duration;

    fn hop(address: [u8; 4]) -> Hop {
        Hop {
            address: IpAddr::V4(Ipv4Addr::from(address)),
            device: None,
        }
    }

    fn run(mut dial: Dial) -> Progress {
        let mut now = 0;
        loop {
            match dial.drive(now, &mut |_| Ok(())) {
                Progress::Pending { .. } => {
                    std::thread::sleep(Duration::from_millis(5));
                    now += 5;
                }
                done => return done,
            }
        }
    }

    #[test]
    fn falls_over_to_the_address_that_answers() {
        let listener = TcpListener::bind("127.0.0.2:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let dial = Dial::new(
            vec![hop([127, 0, 0, 3]), hop([127, 0, 0, 2])],
            port,
            Sender::default(),
            0,
            2000,
        );
        match run(dial) {
            Progress::Connected { peer, .. } => assert_eq!(peer, listener.local_addr().unwrap()),
            _ => panic!("not connected"),
        }
    }

    #[test]
    fn tells_what_came_of_each_address() {
        let listener = TcpListener::bind("127.0.0.2:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let ends = |hops: Vec<Hop>| {
            let mut dial = Dial::new(hops, port, Sender::default(), 10, 2000);
            let mut now = 10;
            while let Progress::Pending { .. } = dial.drive(now, &mut |_| Ok(())) {
                std::thread::sleep(Duration::from_millis(5));
                now += 5;
            }
            dial.report(now)
        };
        let refused = AttemptEnd::Failed(Failure::Refused);
        let both = ends(vec![hop([127, 0, 0, 3]), hop([127, 0, 0, 2])]);
        let told: Vec<_> = both.iter().map(|each| (each.address, each.end)).collect();
        assert_eq!(
            told,
            [
                (IpAddr::from([127, 0, 0, 3]), refused),
                (IpAddr::from([127, 0, 0, 2]), AttemptEnd::Connected)
            ]
        );
        assert!(both.iter().all(|each| each.begun < 100 && each.took < 100));
        assert_eq!(ends(vec![hop([127, 0, 0, 2])]), []);
        assert_eq!(ends(vec![hop([127, 0, 0, 3])])[0].end, refused);
    }

    #[test]
    fn says_why_nothing_answered() {
        let free = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = free.local_addr().unwrap().port();
        drop(free);
        let dial = Dial::new(vec![hop([127, 0, 0, 1])], port, Sender::default(), 0, 2000);
        assert!(matches!(run(dial), Progress::Failed(libc::ECONNREFUSED)));
        let nobody = Dial::new(Vec::new(), port, Sender::default(), 0, 2000);
        assert!(matches!(run(nobody), Progress::Failed(libc::EDESTADDRREQ)));
    }
}
