//! Pipes for splice(2), and a pool that keeps the empty ones.

use super::{check, check_size};
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd};

/// Bytes that a large pipe is asked to hold; the kernel may grant less. A small one has what the kernel gives by itself, 64 KiB.
const LARGE_CAPACITY: usize = 1 << 20;
/// Pipes that may be at once: what nobody reads on the other side stays in them. Beyond, bytes are copied.
pub const MAX_LARGE: usize = 64;
pub const MAX_SMALL: usize = 1_024;
/// Empty pipes of each size that are kept for reuse; more are closed when they come back.
const MAX_IDLE: usize = 32;

/// A non-blocking pipe with the number of bytes inside.
pub struct Pipe {
    read: OwnedFd,
    write: OwnedFd,
    capacity: usize,
    filled: usize,
    is_large: bool,
}

impl Pipe {
    fn new(is_large: bool) -> io::Result<Self> {
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

/// All pipes: how many there are, and the empty ones for reuse.
#[derive(Default)]
pub struct PipePool {
    large: Kind,
    small: Kind,
}

#[derive(Default)]
struct Kind {
    /// Idle ones included.
    count: usize,
    idle: Vec<Pipe>,
}

impl PipePool {
    /// One that has given everything away.
    #[cfg(test)]
    pub fn exhausted() -> Self {
        let all = |count| Kind {
            count,
            idle: Vec::new(),
        };
        Self {
            large: all(MAX_LARGE),
            small: all(MAX_SMALL),
        }
    }

    /// An empty pipe, large if there may be another; `None` if there may be none, or no descriptors are left.
    pub fn take(&mut self) -> Option<Pipe> {
        for (kind, is_large, most) in [
            (&mut self.large, true, MAX_LARGE),
            (&mut self.small, false, MAX_SMALL),
        ] {
            if let Some(pipe) = kind.idle.pop() {
                return Some(pipe);
            }
            if kind.count < most {
                let pipe = Pipe::new(is_large).ok()?;
                kind.count += 1;
                return Some(pipe);
            }
        }
        None
    }

    /// Takes a pipe back; one with bytes inside is closed, because they would end up in another flow.
    pub fn give(&mut self, pipe: Pipe) {
        let kind = if pipe.is_large {
            &mut self.large
        } else {
            &mut self.small
        };
        if pipe.filled == 0 && kind.idle.len() < MAX_IDLE {
            kind.idle.push(pipe);
        } else {
            kind.count -= 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pipes_are_bounded_and_come_back() {
        crate::sys::process::raise_descriptor_limit();
        let mut pool = PipePool::default();
        let mut taken: Vec<Pipe> = std::iter::from_fn(|| pool.take()).collect();
        let large = taken.iter().filter(|pipe| pipe.is_large).count();
        assert_eq!((large, taken.len()), (MAX_LARGE, MAX_LARGE + MAX_SMALL));
        assert!(
            taken
                .iter()
                .all(|pipe| pipe.is_large || pipe.capacity <= 1 << 16)
        );
        // One with bytes inside is closed, which makes room for another.
        let mut full = taken.pop().unwrap();
        full.filled = 1;
        pool.give(full);
        assert!(pool.take().is_some_and(|pipe| !pipe.is_large));
        for pipe in taken {
            pool.give(pipe);
        }
        assert_eq!(
            (pool.large.count, pool.large.idle.len()),
            (MAX_IDLE, MAX_IDLE)
        );
        assert!(pool.take().is_some_and(|pipe| pipe.is_large));
    }
}
