//! Pipes for splice(2).

use crate::sys::{check, check_size};
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd};

/// Bytes that a large pipe is asked to hold; the kernel may grant less. A small one has what the kernel gives by itself, 64 KiB.
const LARGE_CAPACITY: usize = 1 << 20;

/// A non-blocking pipe with the number of bytes inside.
pub struct Pipe {
    read: OwnedFd,
    write: OwnedFd,
    capacity: usize,
    filled: usize,
    is_large: bool,
}

impl Pipe {
    pub fn new(is_large: bool) -> io::Result<Self> {
        let mut fds = [-1; 2];
        // SAFETY: `fds` has room for two descriptors, which on success are owned by nobody else.
        let (read, write) = unsafe {
            check(libc::pipe2(
                fds.as_mut_ptr(),
                libc::O_NONBLOCK | libc::O_CLOEXEC,
            ))?;
            (OwnedFd::from_raw_fd(fds[0]), OwnedFd::from_raw_fd(fds[1]))
        };
        // SAFETY: plain integers on an open descriptor.
        let capacity = unsafe {
            if is_large {
                let wanted = LARGE_CAPACITY as libc::c_int;
                libc::fcntl(write.as_raw_fd(), libc::F_SETPIPE_SZ, wanted);
            }
            check(libc::fcntl(write.as_raw_fd(), libc::F_GETPIPE_SZ))?
        };
        Ok(Self {
            read,
            write,
            capacity: capacity as usize,
            filled: 0,
            is_large,
        })
    }

    pub fn is_large(&self) -> bool {
        self.is_large
    }

    /// Bytes inside.
    pub fn filled(&self) -> usize {
        self.filled
    }

    /// Whether no more bytes fit for sure. It may refuse earlier: its slots can be used up by small pieces.
    pub fn is_full(&self) -> bool {
        self.filled >= self.capacity
    }

    /// Moves bytes from a socket into the pipe. 0 means the socket's stream may have ended.
    pub fn fill_from(&mut self, source: BorrowedFd) -> io::Result<usize> {
        let moved = splice(source, self.write.as_fd(), self.capacity - self.filled)?;
        self.filled += moved;
        Ok(moved)
    }

    /// Moves bytes from the pipe into a socket.
    pub fn drain_to(&mut self, target: BorrowedFd) -> io::Result<usize> {
        let moved = splice(self.read.as_fd(), target, self.filled)?;
        self.filled -= moved;
        Ok(moved)
    }
}

fn splice(from: BorrowedFd, to: BorrowedFd, length: usize) -> io::Result<usize> {
    // SAFETY: both offsets are null and both descriptors are open.
    check_size(unsafe {
        libc::splice(
            from.as_raw_fd(),
            std::ptr::null_mut(),
            to.as_raw_fd(),
            std::ptr::null_mut(),
            length,
            libc::SPLICE_F_MOVE | libc::SPLICE_F_NONBLOCK,
        )
    })
}
