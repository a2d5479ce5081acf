//! Opens one TCP connection by trying several addresses 250 ms apart (RFC 8305, 5), without blocking.

use crate::egress;
use crate::options::Hop;
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

/// A dial under way.
pub struct Dial {
    hops: Vec<Hop>,
    port: u16,
    mark: u32,
    next: usize,
    next_at: u64,
    deadline: u64,
    attempts: Vec<(OwnedFd, SocketAddr)>,
    errors: Vec<i32>,
}

impl Dial {
    /// Nothing is sent before the first `drive`.
    pub fn new(hops: Vec<Hop>, port: u16, mark: u32, now: u64, timeout_ms: u64) -> Self {
        Self {
            hops,
            port,
            mark,
            next: 0,
            next_at: now,
            deadline: now + timeout_ms,
            attempts: Vec::new(),
            errors: Vec::new(),
        }
    }

    /// Looks at the attempts and starts those that are due. `watch` registers a new socket for (edge-triggered) events.
    pub fn drive(
        &mut self,
        now: u64,
        watch: &mut dyn FnMut(BorrowedFd) -> io::Result<()>,
    ) -> Progress {
        if let Some((fd, peer)) = self.take_connected() {
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

    fn start_next(&mut self, now: u64, watch: &mut dyn FnMut(BorrowedFd) -> io::Result<()>) {
        let hop = &self.hops[self.next];
        self.next += 1;
        let begun = egress::begin_tcp(hop, self.port, self.mark)
            .and_then(|fd| watch(fd.as_fd()).map(|()| fd));
        match begun {
            Ok(fd) => {
                self.attempts.push((fd, hop.socket_address(self.port)));
                self.next_at = now + ATTEMPT_DELAY_MS;
            }
            Err(error) => self.errors.push(error.raw_os_error().unwrap_or(libc::EIO)),
        }
    }

    /// Takes the first attempt that has connected, and drops those that have failed.
    fn take_connected(&mut self) -> Option<(OwnedFd, SocketAddr)> {
        if self.attempts.is_empty() {
            return None;
        }
        let fds: Vec<BorrowedFd> = self.attempts.iter().map(|(fd, _)| fd.as_fd()).collect();
        let ready = epoll::poll_writable(&fds).unwrap_or_default();
        for index in (0..self.attempts.len()).rev() {
            if !ready.get(index).copied().unwrap_or(false) {
                continue;
            }
            let attempt = self.attempts.remove(index);
            match socket::take_error(attempt.0.as_fd()) {
                0 => return Some(attempt),
                error => self.errors.push(error),
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
            0,
            0,
            2000,
        );
        match run(dial) {
            Progress::Connected { peer, .. } => assert_eq!(peer, listener.local_addr().unwrap()),
            _ => panic!("not connected"),
        }
    }

    #[test]
    fn says_why_nothing_answered() {
        let free = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = free.local_addr().unwrap().port();
        drop(free);
        let dial = Dial::new(vec![hop([127, 0, 0, 1])], port, 0, 0, 2000);
        assert!(matches!(run(dial), Progress::Failed(libc::ECONNREFUSED)));
        let nobody = Dial::new(Vec::new(), port, 0, 0, 2000);
        assert!(matches!(run(nobody), Progress::Failed(libc::EDESTADDRREQ)));
    }
}
