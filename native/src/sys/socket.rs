//! Sockets by address instead of by C structure. Every socket made here is non-blocking and closed on exec.

use super::{check, check_size};
use std::io;
use std::mem::size_of;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6};
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

/// SO_MARK of a socket.
#[cfg(test)]
pub fn mark(fd: BorrowedFd) -> io::Result<u32> {
    let mut value = 0u32;
    let mut length = size_of::<u32>() as libc::socklen_t;
    // SAFETY: the value has the length given.
    check(unsafe {
        libc::getsockopt(
            fd.as_raw_fd(),
            libc::SOL_SOCKET,
            libc::SO_MARK,
            (&raw mut value).cast(),
            &mut length,
        )
    })?;
    Ok(value)
}

/// SO_NETNS_COOKIE: the number of a socket's network namespace (Linux 5.14).
pub fn namespace_cookie(fd: BorrowedFd) -> io::Result<u64> {
    const SO_NETNS_COOKIE: libc::c_int = 71;
    number(fd, SO_NETNS_COOKIE)
}

/// SO_COOKIE: the kernel's own number for a socket.
#[cfg(test)]
pub fn cookie(fd: BorrowedFd) -> io::Result<u64> {
    number(fd, libc::SO_COOKIE)
}

fn number(fd: BorrowedFd, option: libc::c_int) -> io::Result<u64> {
    let mut value = 0u64;
    let mut length = size_of::<u64>() as libc::socklen_t;
    // SAFETY: the value has the length given.
    check(unsafe {
        libc::getsockopt(
            fd.as_raw_fd(),
            libc::SOL_SOCKET,
            option,
            (&raw mut value).cast(),
            &mut length,
        )
    })?;
    Ok(value)
}

/// SO_ERROR: the pending error of a socket, which is thereby taken; 0 = none.
pub fn take_error(fd: BorrowedFd) -> i32 {
    let mut value: libc::c_int = 0;
    let mut length = size_of::<libc::c_int>() as libc::socklen_t;
    // SAFETY: the value has the length given.
    let result = check(unsafe {
        libc::getsockopt(
            fd.as_raw_fd(),
            libc::SOL_SOCKET,
            libc::SO_ERROR,
            (&raw mut value).cast(),
            &mut length,
        )
    });
    match result {
        Ok(_) => value,
        Err(error) => error.raw_os_error().unwrap_or(libc::EIO),
    }
}

/// SO_PEERCRED of a connected Unix socket (unix(7)).
pub fn peer_credentials(fd: BorrowedFd) -> io::Result<libc::ucred> {
    let mut credentials = libc::ucred {
        pid: 0,
        uid: 0,
        gid: 0,
    };
    let mut length = size_of::<libc::ucred>() as libc::socklen_t;
    // SAFETY: the structure has the length given.
    check(unsafe {
        libc::getsockopt(
            fd.as_raw_fd(),
            libc::SOL_SOCKET,
            libc::SO_PEERCRED,
            (&raw mut credentials).cast(),
            &mut length,
        )
    })?;
    Ok(credentials)
}

/// bind(2).
pub fn bind(fd: BorrowedFd, address: &SocketAddr) -> io::Result<()> {
    let raw = RawAddress::from(address);
    // SAFETY: the pointer and length are those of a live address.
    check(unsafe { libc::bind(fd.as_raw_fd(), raw.pointer(), raw.length) })?;
    Ok(())
}

/// connect(2). `Ok(false)` means the connection is on its way.
pub fn connect(fd: BorrowedFd, address: &SocketAddr) -> io::Result<bool> {
    let raw = RawAddress::from(address);
    // SAFETY: the pointer and length are those of a live address.
    match check(unsafe { libc::connect(fd.as_raw_fd(), raw.pointer(), raw.length) }) {
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
            &mut raw.length,
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
    check(unsafe { libc::getsockname(fd.as_raw_fd(), raw.pointer_mut(), &mut raw.length) })?;
    raw.parse().ok_or_else(|| io::ErrorKind::InvalidData.into())
}

/// getpeername(2).
pub fn peer_address(fd: BorrowedFd) -> io::Result<SocketAddr> {
    let mut raw = RawAddress::empty();
    // SAFETY: the address has the length given.
    check(unsafe { libc::getpeername(fd.as_raw_fd(), raw.pointer_mut(), &mut raw.length) })?;
    raw.parse().ok_or_else(|| io::ErrorKind::InvalidData.into())
}

/// SO_BINDTOIFINDEX: index of the interface a socket is bound to; 0 = none.
pub fn bound_device(fd: BorrowedFd) -> io::Result<u32> {
    let mut value: libc::c_int = 0;
    let mut length = size_of::<libc::c_int>() as libc::socklen_t;
    // SAFETY: the value has the length given.
    check(unsafe {
        libc::getsockopt(
            fd.as_raw_fd(),
            libc::SOL_SOCKET,
            libc::SO_BINDTOIFINDEX,
            (&raw mut value).cast(),
            &mut length,
        )
    })?;
    Ok(value as u32)
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
            raw.length,
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

/// A socket address in the kernel's form.
pub(super) struct RawAddress {
    storage: libc::sockaddr_storage,
    length: libc::socklen_t,
}

impl RawAddress {
    pub(super) fn empty() -> Self {
        Self {
            // SAFETY: all-zero bytes are a valid sockaddr_storage.
            storage: unsafe { std::mem::zeroed() },
            length: size_of::<libc::sockaddr_storage>() as libc::socklen_t,
        }
    }

    pub(super) fn pointer(&self) -> *const libc::sockaddr {
        (&raw const self.storage).cast()
    }

    pub(super) fn pointer_mut(&mut self) -> *mut libc::sockaddr {
        (&raw mut self.storage).cast()
    }

    pub(super) fn length(&self) -> libc::socklen_t {
        self.length
    }

    pub(super) fn from(address: &SocketAddr) -> Self {
        let mut raw = Self::empty();
        match address {
            SocketAddr::V4(v4) => {
                let value = libc::sockaddr_in {
                    sin_family: libc::AF_INET as libc::sa_family_t,
                    sin_port: v4.port().to_be(),
                    sin_addr: libc::in_addr {
                        s_addr: u32::from_ne_bytes(v4.ip().octets()),
                    },
                    sin_zero: [0; 8],
                };
                // SAFETY: sockaddr_storage is larger than and aligned for sockaddr_in.
                unsafe { raw.pointer_mut().cast::<libc::sockaddr_in>().write(value) };
                raw.length = size_of::<libc::sockaddr_in>() as libc::socklen_t;
            }
            SocketAddr::V6(v6) => {
                let value = libc::sockaddr_in6 {
                    sin6_family: libc::AF_INET6 as libc::sa_family_t,
                    sin6_port: v6.port().to_be(),
                    sin6_flowinfo: 0,
                    sin6_addr: libc::in6_addr {
                        s6_addr: v6.ip().octets(),
                    },
                    sin6_scope_id: v6.scope_id(),
                };
                // SAFETY: sockaddr_storage is larger than and aligned for sockaddr_in6.
                unsafe { raw.pointer_mut().cast::<libc::sockaddr_in6>().write(value) };
                raw.length = size_of::<libc::sockaddr_in6>() as libc::socklen_t;
            }
        }
        raw
    }

    pub(super) fn parse(&self) -> Option<SocketAddr> {
        match i32::from(self.storage.ss_family) {
            libc::AF_INET => {
                // SAFETY: the family says which structure the storage holds.
                let value = unsafe { self.pointer().cast::<libc::sockaddr_in>().read() };
                let ip = Ipv4Addr::from(value.sin_addr.s_addr.to_ne_bytes());
                Some(SocketAddrV4::new(ip, u16::from_be(value.sin_port)).into())
            }
            libc::AF_INET6 => {
                // SAFETY: the family says which structure the storage holds.
                let value = unsafe { self.pointer().cast::<libc::sockaddr_in6>().read() };
                let ip = Ipv6Addr::from(value.sin6_addr.s6_addr);
                let port = u16::from_be(value.sin6_port);
                Some(SocketAddrV6::new(ip, port, 0, value.sin6_scope_id).into())
            }
            _ => None,
        }
    }
}
