//! Who is at the other end of a Unix socket, by the kernel's word.

use crate::sys::socket;
use std::io;
use std::os::fd::BorrowedFd;

/// The credentials at the time of connect (unix(7)). EBADF for a number that is no descriptor, ENOTSOCK for one that
/// is no socket, ENOTCONN for one without a peer.
pub fn of(fd: i32) -> io::Result<libc::ucred> {
    if fd < 0 {
        return Err(io::Error::from_raw_os_error(libc::EBADF));
    }
    // SAFETY: the descriptor is borrowed for one system call, which answers EBADF if it is not open.
    let credentials = socket::peer_credentials(unsafe { BorrowedFd::borrow_raw(fd) })?;
    if credentials.pid == 0 {
        return Err(io::Error::from_raw_os_error(libc::ENOTCONN));
    }
    Ok(credentials)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::fd::AsRawFd;
    use std::os::unix::net::UnixStream;

    #[test]
    fn tells_the_peer_and_refuses_others() {
        let (left, _right) = UnixStream::pair().unwrap();
        let peer = of(left.as_raw_fd()).unwrap();
        assert_eq!(peer.pid as u32, std::process::id());
        assert_eq!(of(-1).unwrap_err().raw_os_error(), Some(libc::EBADF));
        let file = std::fs::File::open("/dev/null").unwrap();
        assert_eq!(
            of(file.as_raw_fd()).unwrap_err().raw_os_error(),
            Some(libc::ENOTSOCK)
        );
    }
}
