//! Sockets by address instead of by C structure. Every socket made here is non-blocking and closed on exec.

use super::address::RawAddress;
use super::{check, check_size};
use std::io;
use std::mem::size_of;
use std::net::SocketAddr;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd};

/// A new socket of the address family of `address`; `kind` is SOCK_STREAM or SOCK_DGRAM.
pub fn open(address: &SocketAddr, kind: libc::c_int) -> io::Result<OwnedFd> {
    let family = match address {
        SocketAddr::V4(_) => libc::AF_INET,
        SocketAddr::V6(_) => libc::AF_INET6,
    };
    open_family(family, kind, 0)
}

/// A new socket of any family and protocol.
pub fn open_family(
    family: libc::c_int,
    kind: libc::c_int,
    protocol: libc::c_int,
) -> io::Result<OwnedFd> {
    let kind = kind | libc::SOCK_NONBLOCK | libc::SOCK_CLOEXEC;
    // SAFETY: no pointers are passed; the returned descriptor is owned by nobody else.
    unsafe {
        Ok(OwnedFd::from_raw_fd(check(libc::socket(
            family, kind, protocol,
        ))?))
    }
}

/// A connected pair of stream sockets (AF_UNIX).
pub fn pair() -> io::Result<(OwnedFd, OwnedFd)> {
    let kind = libc::SOCK_STREAM | libc::SOCK_NONBLOCK | libc::SOCK_CLOEXEC;
    let mut fds = [-1; 2];
    // SAFETY: there is room for the two descriptors, which are owned by nobody else.
    unsafe {
        check(libc::socketpair(libc::AF_UNIX, kind, 0, fds.as_mut_ptr()))?;
        Ok((OwnedFd::from_raw_fd(fds[0]), OwnedFd::from_raw_fd(fds[1])))
    }
}

/// setsockopt(2) with a plain value.
pub fn set_option<T: Copy>(
    fd: BorrowedFd,
    level: libc::c_int,
    name: libc::c_int,
    value: T,
) -> io::Result<()> {
    // SAFETY: the pointer and size are those of a live value.
    check(unsafe {
        libc::setsockopt(
            fd.as_raw_fd(),
            level,
            name,
            (&raw const value).cast(),
            size_of::<T>() as libc::socklen_t,
        )
    })?;
    Ok(())
}

/// setsockopt(2) with bytes, for names of devices.
pub fn set_option_bytes(
    fd: BorrowedFd,
    level: libc::c_int,
    name: libc::c_int,
    value: &[u8],
) -> io::Result<()> {
    // SAFETY: the pointer and length are those of a live slice.
    check(unsafe {
        libc::setsockopt(
            fd.as_raw_fd(),
            level,
            name,
            value.as_ptr().cast(),
            value.len() as libc::socklen_t,
        )
    })?;
    Ok(())
}

/// Keeps everything out of a socket's receive queue (SO_ATTACH_FILTER), for one that only sends.
pub fn take_nothing_in(fd: BorrowedFd) -> io::Result<()> {
    // "Return 0 bytes."
    let mut code = [libc::sock_filter {
        code: 6,
        jt: 0,
        jf: 0,
        k: 0,
    }];
    let program = libc::sock_fprog {
        len: 1,
        filter: code.as_mut_ptr(),
    };
    set_option(fd, libc::SOL_SOCKET, libc::SO_ATTACH_FILTER, program)
}

/// An option of a socket (getsockopt(2)); `empty` is overwritten as far as the kernel writes.
fn option<T: Copy>(
    fd: BorrowedFd,
    level: libc::c_int,
    name: libc::c_int,
    empty: T,
) -> io::Result<T> {
    let mut value = empty;
    let mut length = size_of::<T>() as libc::socklen_t;
    // SAFETY: the value has the length given; callers take types of which any bytes are a value.
    check(unsafe {
        libc::getsockopt(
            fd.as_raw_fd(),
            level,
            name,
            (&raw mut value).cast(),
            &mut length,
        )
    })?;
    Ok(value)
}

/// SO_MARK of a socket.
#[cfg(test)]
pub fn mark(fd: BorrowedFd) -> io::Result<u32> {
    option(fd, libc::SOL_SOCKET, libc::SO_MARK, 0)
}

/// SO_NETNS_COOKIE: the number of a socket's network namespace (Linux 5.14).
pub fn namespace_cookie(fd: BorrowedFd) -> io::Result<u64> {
    const SO_NETNS_COOKIE: libc::c_int = 71;
    option(fd, libc::SOL_SOCKET, SO_NETNS_COOKIE, 0)
}

/// SO_COOKIE: the kernel's own number for a socket.
#[cfg(test)]
pub fn cookie(fd: BorrowedFd) -> io::Result<u64> {
    option(fd, libc::SOL_SOCKET, libc::SO_COOKIE, 0)
}

/// SO_ERROR: the pending error of a socket, which is thereby taken; 0 = none.
pub fn take_error(fd: BorrowedFd) -> i32 {
    let value: io::Result<libc::c_int> = option(fd, libc::SOL_SOCKET, libc::SO_ERROR, 0);
    value.unwrap_or_else(|error| error.raw_os_error().unwrap_or(libc::EIO))
}

/// The user whose a socket is to the kernel (fstat(2)).
pub fn user(fd: BorrowedFd) -> io::Result<u32> {
    // SAFETY: any bytes are a value of it; the kernel overwrites them.
    let mut status: libc::stat = unsafe { std::mem::zeroed() };
    // SAFETY: the pointer is to a live value of the right type.
    check(unsafe { libc::fstat(fd.as_raw_fd(), &mut status) })?;
    Ok(status.st_uid)
}

/// SO_PEERCRED of a connected Unix socket (unix(7)).
pub fn peer_credentials(fd: BorrowedFd) -> io::Result<libc::ucred> {
    let empty = libc::ucred {
        pid: 0,
        uid: 0,
        gid: 0,
    };
    option(fd, libc::SOL_SOCKET, libc::SO_PEERCRED, empty)
}

/// bind(2).
pub fn bind(fd: BorrowedFd, address: &SocketAddr) -> io::Result<()> {
    let raw = RawAddress::from(address);
    // SAFETY: the pointer and length are those of a live address.
    check(unsafe { libc::bind(fd.as_raw_fd(), raw.pointer(), raw.length()) })?;
    Ok(())
}

/// connect(2). `Ok(false)` means the connection is on its way.
pub fn connect(fd: BorrowedFd, address: &SocketAddr) -> io::Result<bool> {
    let raw = RawAddress::from(address);
    // SAFETY: the pointer and length are those of a live address.
    match check(unsafe { libc::connect(fd.as_raw_fd(), raw.pointer(), raw.length()) }) {
        Ok(_) => Ok(true),
        Err(error) if error.raw_os_error() == Some(libc::EINPROGRESS) => Ok(false),
        Err(error) => Err(error),
    }
}

/// listen(2).
pub fn listen(fd: BorrowedFd, backlog: i32) -> io::Result<()> {
    // SAFETY: plain integers on an open descriptor.
    check(unsafe { libc::listen(fd.as_raw_fd(), backlog) })?;
    Ok(())
}

/// accept4(2): the connection and its peer.
pub fn accept(fd: BorrowedFd) -> io::Result<(OwnedFd, SocketAddr)> {
    let mut raw = RawAddress::empty();
    // SAFETY: the address has the length given; the returned descriptor is owned by nobody else.
    let accepted = unsafe {
        OwnedFd::from_raw_fd(check(libc::accept4(
            fd.as_raw_fd(),
            raw.pointer_mut(),
            raw.length_mut(),
            libc::SOCK_NONBLOCK | libc::SOCK_CLOEXEC,
        ))?)
    };
    let peer = raw.parse().ok_or(io::ErrorKind::InvalidData)?;
    Ok((accepted, peer))
}

/// getsockname(2).
pub fn local_address(fd: BorrowedFd) -> io::Result<SocketAddr> {
    let mut raw = RawAddress::empty();
    // SAFETY: the address has the length given.
    check(unsafe { libc::getsockname(fd.as_raw_fd(), raw.pointer_mut(), raw.length_mut()) })?;
    raw.parse().ok_or_else(|| io::ErrorKind::InvalidData.into())
}

/// getpeername(2).
pub fn peer_address(fd: BorrowedFd) -> io::Result<SocketAddr> {
    let mut raw = RawAddress::empty();
    // SAFETY: the address has the length given.
    check(unsafe { libc::getpeername(fd.as_raw_fd(), raw.pointer_mut(), raw.length_mut()) })?;
    raw.parse().ok_or_else(|| io::ErrorKind::InvalidData.into())
}

/// SO_BINDTOIFINDEX: index of the interface a socket is bound to; 0 = none.
pub fn bound_device(fd: BorrowedFd) -> io::Result<u32> {
    let value: libc::c_int = option(fd, libc::SOL_SOCKET, libc::SO_BINDTOIFINDEX, 0)?;
    Ok(value as u32)
}

/// SO_PROTOCOL: the IP protocol of a socket.
pub fn protocol(fd: BorrowedFd) -> io::Result<u8> {
    let value: libc::c_int = option(fd, libc::SOL_SOCKET, libc::SO_PROTOCOL, 0)?;
    Ok(value as u8)
}

/// recv(2) with flags.
pub fn receive(fd: BorrowedFd, buffer: &mut [u8], flags: libc::c_int) -> io::Result<usize> {
    // SAFETY: the pointer and length are those of a live slice.
    check_size(unsafe {
        libc::recv(
            fd.as_raw_fd(),
            buffer.as_mut_ptr().cast(),
            buffer.len(),
            flags,
        )
    })
}

/// Gives a netlink(7) socket an address of the kernel's choice: without one it is sent no notices.
pub fn bind_netlink(fd: BorrowedFd) -> io::Result<()> {
    // SAFETY: all-zero bytes are a valid sockaddr_nl.
    let mut address: libc::sockaddr_nl = unsafe { std::mem::zeroed() };
    address.nl_family = libc::AF_NETLINK as libc::sa_family_t;
    // SAFETY: the pointer and length are those of a live sockaddr_nl.
    check(unsafe {
        libc::bind(
            fd.as_raw_fd(),
            std::ptr::from_ref(&address).cast(),
            size_of::<libc::sockaddr_nl>() as libc::socklen_t,
        )
    })?;
    Ok(())
}

/// send(2), never raising SIGPIPE.
pub fn send(fd: BorrowedFd, bytes: &[u8]) -> io::Result<usize> {
    // SAFETY: the pointer and length are those of a live slice.
    check_size(unsafe {
        libc::send(
            fd.as_raw_fd(),
            bytes.as_ptr().cast(),
            bytes.len(),
            libc::MSG_NOSIGNAL,
        )
    })
}

/// sendto(2), never raising SIGPIPE.
pub fn send_to(fd: BorrowedFd, bytes: &[u8], to: &SocketAddr) -> io::Result<usize> {
    let raw = RawAddress::from(to);
    // SAFETY: the pointers and lengths are those of a live slice and address.
    check_size(unsafe {
        libc::sendto(
            fd.as_raw_fd(),
            bytes.as_ptr().cast(),
            bytes.len(),
            libc::MSG_NOSIGNAL,
            raw.pointer(),
            raw.length(),
        )
    })
}

/// shutdown(2) of the sending side: FIN after what is queued.
pub fn finish_sending(fd: BorrowedFd) {
    // SAFETY: plain integers on an open descriptor. ENOTCONN means the connection is gone already.
    unsafe { libc::shutdown(fd.as_raw_fd(), libc::SHUT_WR) };
}

/// Makes the close of a TCP socket send RST instead of FIN (SO_LINGER 0).
pub fn reset_on_close(fd: BorrowedFd) {
    let linger = libc::linger {
        l_onoff: 1,
        l_linger: 0,
    };
    let _ = set_option(fd, libc::SOL_SOCKET, libc::SO_LINGER, linger);
}
