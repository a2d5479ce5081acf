//! Datagrams with what comes beside them: addresses, segment sizes, and ICMP errors (udp(7), ip(7), ipv6(7)).

use super::control::{CONTROL, Control};
use crate::packet::icmp::Reported;
use crate::packet::ip::Treatment;
use crate::sys::address::RawAddress;
use crate::sys::{check_size, socket};
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::{AsRawFd, BorrowedFd};

/// `UDP_SEGMENT` and `UDP_GRO` of linux/udp.h: one call for many datagrams of one size.
const UDP_SEGMENT: libc::c_int = 103;
const UDP_GRO: libc::c_int = 104;
/// `SO_EE_ORIGIN_*` of linux/errqueue.h.
const ORIGIN_LOCAL: u8 = 1;
const ORIGIN_ICMP: u8 = 2;
const ORIGIN_ICMP6: u8 = 3;
/// Bytes of `struct sock_extended_err`.
const EXTENDED_ERROR: usize = 16;

/// A datagram that came, or several of one size back to back.
#[derive(Clone, Copy, Debug)]
pub struct Received {
    pub length: usize,
    pub from: Option<SocketAddr>,
    /// Bytes of each datagram but the last, which may be shorter. `None`: it is one.
    pub segment: Option<usize>,
    /// Type of service, after `enable_service`; else 0.
    pub service: u8,
}

/// What the kernel learned of a datagram that was sent earlier.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Failure {
    /// Where the datagram went; `None` if the kernel does not say.
    pub to: Option<SocketAddr>,
    pub errno: i32,
    /// The largest packet that fits the path, with EMSGSIZE.
    pub mtu: Option<u32>,
    /// The ICMP message that said so, if one did.
    pub icmp: Option<Reported>,
    /// Bytes of the datagram that are in the buffer.
    pub length: usize,
}

/// Lets reads give several datagrams of one sender and size at once. Failing of it does not matter.
pub fn enable_gro(fd: BorrowedFd) {
    let _ = socket::set_option(fd, libc::SOL_UDP, UDP_GRO, 1 as libc::c_int);
}

/// Lets reads tell the type of service of what has come. Failing of it does not matter.
pub fn enable_service(fd: BorrowedFd, is_ipv4: bool) {
    let (level, name) = if is_ipv4 {
        (libc::IPPROTO_IP, libc::IP_RECVTOS)
    } else {
        (libc::IPPROTO_IPV6, libc::IPV6_RECVTCLASS)
    };
    let _ = socket::set_option(fd, level, name, 1 as libc::c_int);
}

/// sendmsg(2) or sendto(2) to an address. With `segment`: many datagrams of that many bytes each.
pub fn send(
    fd: BorrowedFd,
    bytes: &[u8],
    to: &SocketAddr,
    segment: Option<u16>,
    treatment: Treatment,
) -> io::Result<usize> {
    let mut control = Control::new();
    control.push_treatment(treatment, to.is_ipv4());
    if let Some(size) = segment {
        control.push(libc::SOL_UDP, UDP_SEGMENT, size);
    }
    if control.length == 0 {
        return socket::send_to(fd, bytes, to);
    }
    send_with(fd, bytes, Some(to), &mut control)
}

/// send(2) to where the socket is connected; with `segment`, many datagrams of that many bytes each.
pub fn send_segments(fd: BorrowedFd, bytes: &[u8], segment: Option<u16>) -> io::Result<usize> {
    let Some(size) = segment else {
        return socket::send(fd, bytes);
    };
    let mut control = Control::new();
    control.push(libc::SOL_UDP, UDP_SEGMENT, size);
    send_with(fd, bytes, None, &mut control)
}

/// sendmsg(2) to where the socket is connected.
pub fn send_connected(
    fd: BorrowedFd,
    bytes: &[u8],
    treatment: Treatment,
    is_ipv4: bool,
) -> io::Result<usize> {
    let mut control = Control::new();
    control.push_treatment(treatment, is_ipv4);
    send_with(fd, bytes, None, &mut control)
}

/// sendmsg(2) of a raw packet's payload from a chosen source address of this machine (IP_PKTINFO, IPV6_PKTINFO).
pub fn send_raw_from(
    fd: BorrowedFd,
    bytes: &[u8],
    source: IpAddr,
    to: IpAddr,
    treatment: Treatment,
) -> io::Result<usize> {
    let mut control = Control::new();
    control.push_treatment(treatment, to.is_ipv4());
    match source {
        IpAddr::V4(ip) => {
            let info = libc::in_pktinfo {
                ipi_ifindex: 0,
                ipi_spec_dst: libc::in_addr {
                    s_addr: u32::from_ne_bytes(ip.octets()),
                },
                ipi_addr: libc::in_addr { s_addr: 0 },
            };
            control.push(libc::IPPROTO_IP, libc::IP_PKTINFO, info);
        }
        IpAddr::V6(ip) => {
            let info = libc::in6_pktinfo {
                ipi6_addr: libc::in6_addr {
                    s6_addr: ip.octets(),
                },
                ipi6_ifindex: 0,
            };
            control.push(libc::IPPROTO_IPV6, libc::IPV6_PKTINFO, info);
        }
    }
    let to = SocketAddr::new(to, 0);
    send_with(fd, bytes, Some(&to), &mut control)
}

fn send_with(
    fd: BorrowedFd,
    bytes: &[u8],
    to: Option<&SocketAddr>,
    control: &mut Control,
) -> io::Result<usize> {
    let address = to.map(RawAddress::from);
    let mut vector = libc::iovec {
        iov_base: bytes.as_ptr().cast_mut().cast(),
        iov_len: bytes.len(),
    };
    // SAFETY: all-zero bytes are a valid msghdr.
    let mut message: libc::msghdr = unsafe { std::mem::zeroed() };
    if let Some(address) = &address {
        message.msg_name = address.pointer().cast_mut().cast();
        message.msg_namelen = address.length();
    }
    message.msg_iov = &mut vector;
    message.msg_iovlen = 1;
    if control.length > 0 {
        message.msg_control = control.bytes.as_mut_ptr().cast();
        message.msg_controllen = control.length as _;
    }
    // SAFETY: every pointer of the message is to live memory of the length given; nothing is written through them.
    check_size(unsafe { libc::sendmsg(fd.as_raw_fd(), &message, libc::MSG_NOSIGNAL) })
}

/// recvmsg(2): the next datagram, or several of one sender and size after `enable_gro`.
pub fn receive(fd: BorrowedFd, buffer: &mut [u8]) -> io::Result<Received> {
    let (length, from, control) = receive_with(fd, buffer, 0)?;
    let (mut segment, mut service) = (None, 0);
    control.each(|level, kind, data| match (level, kind) {
        (libc::SOL_UDP, UDP_GRO) => {
            segment = usize::try_from(number(data))
                .ok()
                .filter(|size| *size > 0 && *size < length);
        }
        // A single byte (ip(7)).
        (libc::IPPROTO_IP, libc::IP_TOS) => service = data.first().copied().unwrap_or(0),
        (libc::IPPROTO_IPV6, libc::IPV6_TCLASS) => service = number(data) as u8,
        _ => {}
    });
    Ok(Received {
        length,
        from,
        segment,
        service,
    })
}

/// The number of a control message; 0 of one that is too short.
fn number(data: &[u8]) -> i32 {
    data.first_chunk()
        .map_or(0, |bytes| i32::from_ne_bytes(*bytes))
}

/// The next entry of the error queue (IP_RECVERR, IPV6_RECVERR).
pub fn receive_failure(fd: BorrowedFd, buffer: &mut [u8]) -> io::Result<Failure> {
    let (length, to, control) = receive_with(fd, buffer, libc::MSG_ERRQUEUE)?;
    let mut failure = Failure {
        to: to.filter(|to| to.port() != 0),
        errno: libc::EIO,
        mtu: None,
        icmp: None,
        length,
    };
    control.each(|level, kind, data| {
        let is_error = (level, kind) == (libc::IPPROTO_IP, libc::IP_RECVERR)
            || (level, kind) == (libc::IPPROTO_IPV6, libc::IPV6_RECVERR);
        if is_error && let Some((errno, origin, info)) = extended_error(data) {
            failure.errno = errno;
            failure.icmp = reported(data);
            failure.mtu = (errno == libc::EMSGSIZE && info > 0).then_some(info);
            // An error of this machine's own is reported by the call, too.
            if origin == ORIGIN_LOCAL && errno != libc::EMSGSIZE {
                failure.to = None;
            }
        }
    });
    Ok(failure)
}

/// Error number, origin and `ee_info` of a `struct sock_extended_err`.
fn extended_error(data: &[u8]) -> Option<(i32, u8, u32)> {
    let errno = u32::from_ne_bytes(*data.first_chunk()?) as i32;
    let origin = *data.get(4)?;
    let info = u32::from_ne_bytes(data.get(8..12)?.try_into().ok()?);
    Some((errno, origin, info))
}

/// The ICMP message of a `struct sock_extended_err` and the address behind it (SO_EE_OFFENDER).
fn reported(data: &[u8]) -> Option<Reported> {
    let [_, _, _, _, origin, kind, code, ..] = *data else {
        return None;
    };
    let offender = data.get(EXTENDED_ERROR..)?;
    let family = u16::from_ne_bytes(*offender.first_chunk()?);
    let from = match (origin, i32::from(family)) {
        (ORIGIN_ICMP, libc::AF_INET) => IpAddr::from(*offender.get(4..)?.first_chunk::<4>()?),
        (ORIGIN_ICMP6, libc::AF_INET6) => IpAddr::from(*offender.get(8..)?.first_chunk::<16>()?),
        _ => return None,
    };
    let info = u32::from_ne_bytes(data.get(8..12)?.try_into().ok()?);
    Some(Reported {
        kind,
        code,
        info,
        from,
    })
}

fn receive_with(
    fd: BorrowedFd,
    buffer: &mut [u8],
    flags: libc::c_int,
) -> io::Result<(usize, Option<SocketAddr>, Control)> {
    let mut raw = RawAddress::empty();
    let mut control = Control::new();
    let mut vector = libc::iovec {
        iov_base: buffer.as_mut_ptr().cast(),
        iov_len: buffer.len(),
    };
    // SAFETY: all-zero bytes are a valid msghdr.
    let mut message: libc::msghdr = unsafe { std::mem::zeroed() };
    message.msg_name = raw.pointer_mut().cast();
    message.msg_namelen = raw.length();
    message.msg_iov = &mut vector;
    message.msg_iovlen = 1;
    message.msg_control = control.bytes.as_mut_ptr().cast();
    message.msg_controllen = CONTROL as _;
    // SAFETY: every pointer of the message is to live memory of the length given.
    let length = check_size(unsafe { libc::recvmsg(fd.as_raw_fd(), &mut message, flags) })?;
    control.length = (message.msg_controllen as usize).min(CONTROL);
    let from = raw.parse().map(without_scope);
    Ok((length.min(buffer.len()), from, control))
}

/// Addresses are told apart without their interface.
fn without_scope(address: SocketAddr) -> SocketAddr {
    SocketAddr::new(address.ip(), address.port())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::net::UdpSocket;
    use std::os::fd::AsFd;
    use std::time::Duration;

    fn pair() -> (UdpSocket, UdpSocket) {
        let [one, two] = [(); 2].map(|()| UdpSocket::bind("127.0.0.1:0").unwrap());
        for socket in [&one, &two] {
            socket
                .set_read_timeout(Some(Duration::from_secs(2)))
                .unwrap();
        }
        (one, two)
    }

    proptest! {
        #[test]
        fn any_control_messages_are_survived(bytes in prop::collection::vec(any::<u8>(), 0..CONTROL), length in 0usize..CONTROL) {
            let mut control = Control::new();
            control.bytes[..bytes.len()].copy_from_slice(&bytes);
            control.length = length;
            control.each(|_, _, data| { let _ = (extended_error(data), reported(data)); });
        }
    }

    #[test]
    fn segments_go_out_and_come_in_together() {
        let (one, two) = pair();
        enable_gro(two.as_fd());
        let to = two.local_addr().unwrap();
        let payload: Vec<u8> = (0..2_500u32).map(|each| each as u8).collect();
        enable_service(two.as_fd(), true);
        let marked = Treatment {
            service: 0xb9,
            hops: 7,
        };
        send(one.as_fd(), &payload, &to, Some(1_000), marked).unwrap();
        let mut buffer = vec![0; 65_536];
        let mut got = Vec::new();
        while got.len() < payload.len() {
            let received = receive(two.as_fd(), &mut buffer).unwrap();
            assert_eq!(received.from, Some(one.local_addr().unwrap()));
            assert_eq!(received.service, 0xb9);
            got.extend_from_slice(&buffer[..received.length]);
        }
        assert_eq!(got, payload);
    }

    #[test]
    fn a_refused_datagram_is_told_with_its_destination() {
        let (one, two) = pair();
        let on = 1 as libc::c_int;
        socket::set_option(one.as_fd(), libc::IPPROTO_IP, libc::IP_RECVERR, on).unwrap();
        let to = two.local_addr().unwrap();
        drop(two);
        send(one.as_fd(), b"anybody?", &to, None, Treatment::USUAL).unwrap();
        let mut buffer = [0; 64];
        let failure = receive_failure(one.as_fd(), &mut buffer).unwrap();
        assert_eq!((failure.to, failure.errno), (Some(to), libc::ECONNREFUSED));
        let reported = Reported {
            kind: 3,
            code: 3,
            info: 0,
            from: to.ip(),
        };
        assert_eq!(failure.icmp, Some(reported));
    }
}
