//! epoll(7), eventfd(2) and a zero-timeout poll(2).

use crate::sys::{check, check_size};
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd};

/// What edge-triggered stream sockets are watched for.
pub const STREAM_EDGES: u32 =
    (libc::EPOLLIN | libc::EPOLLOUT | libc::EPOLLRDHUP | libc::EPOLLET) as u32;
/// Readiness to read, reported as long as it lasts.
pub const READABLE: u32 = libc::EPOLLIN as u32;

/// Bits after which a read can make progress (data, end of stream or an error).
pub const CAN_READ: u32 =
    (libc::EPOLLIN | libc::EPOLLRDHUP | libc::EPOLLHUP | libc::EPOLLERR) as u32;
/// An error waits, perhaps in the error queue; always reported.
pub const FAILED: u32 = libc::EPOLLERR as u32;
/// Bits after which a write can make progress or fail.
pub const CAN_WRITE: u32 = (libc::EPOLLOUT | libc::EPOLLHUP | libc::EPOLLERR) as u32;

/// An epoll instance; descriptors leave it when they are closed.
pub struct Epoll(OwnedFd);

/// Room for the events of one wait.
pub struct Events {
    buffer: Vec<libc::epoll_event>,
    filled: usize,
}

impl Events {
    /// Room for `capacity` events.
    pub fn new(capacity: usize) -> Self {
        Self {
            buffer: vec![libc::epoll_event { events: 0, u64: 0 }; capacity],
            filled: 0,
        }
    }

    /// The token and readiness bits of event `index` of the last wait.
    pub fn get(&self, index: usize) -> Option<(u64, u32)> {
        let event = self.buffer[..self.filled].get(index)?;
        Some((event.u64, event.events))
    }
}

impl Epoll {
    /// A new instance, closed on exec.
    pub fn new() -> io::Result<Self> {
        // SAFETY: no pointers are passed; the returned descriptor is owned by nobody else.
        let fd = unsafe { OwnedFd::from_raw_fd(check(libc::epoll_create1(libc::EPOLL_CLOEXEC))?) };
        Ok(Self(fd))
    }

    /// Watches `fd` for `interest`; events carry `token`.
    pub fn add(&self, fd: BorrowedFd, token: u64, interest: u32) -> io::Result<()> {
        let mut event = libc::epoll_event {
            events: interest,
            u64: token,
        };
        // SAFETY: `event` outlives the call and both descriptors are open.
        check(unsafe {
            libc::epoll_ctl(
                self.0.as_raw_fd(),
                libc::EPOLL_CTL_ADD,
                fd.as_raw_fd(),
                &mut event,
            )
        })?;
        Ok(())
    }

    /// Stops watching `fd`, for descriptors that are handed to someone else.
    pub fn remove(&self, fd: BorrowedFd) {
        // SAFETY: both descriptors are open; the event pointer is ignored since Linux 2.6.9.
        unsafe {
            libc::epoll_ctl(
                self.0.as_raw_fd(),
                libc::EPOLL_CTL_DEL,
                fd.as_raw_fd(),
                std::ptr::null_mut(),
            )
        };
    }

    /// Waits up to so many milliseconds, or for ever. An interrupted wait is an empty one.
    pub fn wait(&self, events: &mut Events, timeout_ms: Option<u64>) -> io::Result<()> {
        let timeout = timeout_ms.map_or(-1, |ms| ms.try_into().unwrap_or(i32::MAX));
        // SAFETY: the buffer has room for the number of events given.
        let result = check(unsafe {
            libc::epoll_wait(
                self.0.as_raw_fd(),
                events.buffer.as_mut_ptr(),
                events.buffer.len() as i32,
                timeout,
            )
        });
        events.filled = match result {
            Ok(count) => count as usize,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => 0,
            Err(error) => return Err(error),
        };
        Ok(())
    }
}

/// Wakes a thread that waits in epoll.
pub struct Waker(OwnedFd);

impl Waker {
    /// A new eventfd(2), non-blocking and closed on exec.
    pub fn new() -> io::Result<Self> {
        // SAFETY: no pointers are passed; the returned descriptor is owned by nobody else.
        let fd = unsafe {
            OwnedFd::from_raw_fd(check(libc::eventfd(
                0,
                libc::EFD_NONBLOCK | libc::EFD_CLOEXEC,
            ))?)
        };
        Ok(Self(fd))
    }

    /// The descriptor to watch.
    pub fn fd(&self) -> BorrowedFd<'_> {
        use std::os::fd::AsFd;
        self.0.as_fd()
    }

    /// Makes the descriptor readable. Never blocks.
    pub fn wake(&self) {
        let one = 1u64;
        // SAFETY: eight bytes are read from a live u64. A full counter wakes as well, so errors do not matter.
        unsafe { libc::write(self.0.as_raw_fd(), (&raw const one).cast(), 8) };
    }

    /// Takes the wake-ups so far.
    pub fn clear(&self) {
        let mut count = 0u64;
        // SAFETY: eight bytes are written to a live u64.
        let _ = check_size(unsafe { libc::read(self.0.as_raw_fd(), (&raw mut count).cast(), 8) });
    }
}

/// Which of `fds` are writable or have failed right now (poll(2) with no waiting).
pub fn poll_writable(fds: &[BorrowedFd]) -> io::Result<Vec<bool>> {
    let mut polled: Vec<libc::pollfd> = fds
        .iter()
        .map(|fd| libc::pollfd {
            fd: fd.as_raw_fd(),
            events: libc::POLLOUT,
            revents: 0,
        })
        .collect();
    // SAFETY: the array has the length given.
    check(unsafe { libc::poll(polled.as_mut_ptr(), polled.len() as libc::nfds_t, 0) })?;
    Ok(polled.iter().map(|entry| entry.revents != 0).collect())
}
