//! Sockets that leave the machine: marked, and bound to the interface their destination was assigned.

use crate::options::{Hop, Sender};
use crate::sys::process::as_user;
use crate::sys::route::{self, Query};
use crate::sys::{datagram, socket};
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

/// Unsent bytes at which a TCP socket says it is full; more would only add latency.
const NOT_SENT_LOW_WATER: libc::c_int = 128 * 1024;
/// Silence after which a peer is probed, between probes (seconds), and probes until it counts as gone.
const KEEPALIVE: [(libc::c_int, libc::c_int); 3] = [
    (libc::TCP_KEEPIDLE, 120),
    (libc::TCP_KEEPINTVL, 15),
    (libc::TCP_KEEPCNT, 8),
];

/// `SOL_RAW` and `ICMP_FILTER` of linux/icmp.h, and `ICMPV6_FILTER`.
const SOL_RAW: libc::c_int = 255;
const ICMP_FILTER: libc::c_int = 1;
const ICMP6_FILTER: libc::c_int = 1;

/// The hop by the interface that rules choose for this sender, where they look at users or source ports: it was chosen as for
/// ourselves. With it the address that they choose, where it is the sender's port that counts. Fails with ENETUNREACH if they refuse
/// that sender the way.
pub fn hop_of(
    hop: &Hop,
    transport: (u8, u16),
    sender: Sender,
) -> io::Result<(Hop, Option<SocketAddr>)> {
    let as_it_is = || Ok((hop.clone(), None));
    if sender.user.is_none() && sender.port.is_none() {
        return as_it_is();
    }
    let sights = route::sights();
    let port = sender.port.filter(|_| sights.source_ports);
    if port.is_none() && (!sights.users || sender.user.is_none()) {
        return as_it_is();
    }
    let query = Query {
        destination: hop.address,
        mark: sender.mark,
        transport: Some(transport),
        uid: sender.user,
        source_port: port,
    };
    let route = route::find(&query)?.ok_or(io::Error::from_raw_os_error(libc::ENETUNREACH))?;
    let device = match route.is_local {
        true => None,
        false => Some(route::device_name(&route)?),
    };
    let source = match (route.source, port) {
        (Some(source), Some(port)) => Some(SocketAddr::new(source, port)),
        _ => None,
    };
    Ok((Hop { device, ..*hop }, source))
}

/// A TCP socket that has begun to connect (SO_MARK, SO_BINDTODEVICE, TCP_NODELAY).
pub fn begin_tcp(hop: &Hop, port: u16, sender: Sender) -> io::Result<OwnedFd> {
    let address = hop.socket_address(port);
    let fd = as_user(sender.user, || socket::open(&address, libc::SOCK_STREAM))?;
    let (hop, source) = hop_of(hop, (libc::IPPROTO_TCP as u8, port), sender)?;
    mark_and_bind(fd.as_fd(), hop.device.as_deref(), sender.mark)?;
    tune_tcp(fd.as_fd());
    if let Some(source) = source {
        // A port that is taken there is another one's: without it the rules choose again.
        let reuse = 1 as libc::c_int;
        let _ = socket::set_option(fd.as_fd(), libc::SOL_SOCKET, libc::SO_REUSEADDR, reuse);
        let _ = socket::bind(fd.as_fd(), &source);
    }
    socket::connect(fd.as_fd(), &address)?;
    Ok(fd)
}

/// A UDP socket connected to the hop. ICMP errors of its datagrams are reported by it (IP_RECVERR).
pub fn connect_udp(hop: &Hop, port: u16, mark: u32) -> io::Result<OwnedFd> {
    let address = hop.socket_address(port);
    let fd = socket::open(&address, libc::SOCK_DGRAM)?;
    mark_and_bind(fd.as_fd(), hop.device.as_deref(), mark)?;
    report_errors(fd.as_fd(), address.is_ipv4())?;
    socket::connect(fd.as_fd(), &address)?;
    Ok(fd)
}

/// The same towards the first hop to which there is a way, and that hop.
pub fn connect_first_udp(hops: &[Hop], port: u16, mark: u32) -> io::Result<(OwnedFd, &Hop)> {
    let mut failure = io::Error::from_raw_os_error(libc::EDESTADDRREQ);
    for hop in hops {
        match connect_udp(hop, port, mark) {
            Ok(socket) => return Ok((socket, hop)),
            Err(error) => failure = error,
        }
    }
    Err(failure)
}

/// The address of this machine from which datagrams to the hop leave.
pub fn source_towards(hop: &Hop, port: u16, sender: Sender) -> io::Result<IpAddr> {
    let address = hop.socket_address(port);
    let fd = as_user(sender.user, || socket::open(&address, libc::SOCK_DGRAM))?;
    mark_and_bind(fd.as_fd(), hop.device.as_deref(), sender.mark)?;
    socket::connect(fd.as_fd(), &address)?;
    Ok(socket::local_address(fd.as_fd())?.ip())
}

/// An unconnected UDP socket at this address of ours, and at `port` if that is free. It reports ICMP errors (IP_RECVERR).
pub fn bind_udp(
    source: IpAddr,
    port: u16,
    device: Option<&str>,
    sender: Sender,
) -> io::Result<OwnedFd> {
    let address = SocketAddr::new(source, port);
    let fd = as_user(sender.user, || socket::open(&address, libc::SOCK_DGRAM))?;
    mark_and_bind(fd.as_fd(), device, sender.mark)?;
    report_errors(fd.as_fd(), source.is_ipv4())?;
    datagram::enable_gro(fd.as_fd());
    datagram::enable_service(fd.as_fd(), source.is_ipv4());
    let wanted = socket::bind(fd.as_fd(), &address);
    if wanted.is_err() {
        socket::bind(fd.as_fd(), &SocketAddr::new(source, 0))?;
    }
    Ok(fd)
}

/// A raw ICMP socket of the hop's IP version, connected to it: it gets what comes from there, and errors about what it sends
/// (IP_RECVERR). Of ICMP it takes echo replies only.
pub fn connect_icmp(hop: &Hop, mark: u32) -> io::Result<OwnedFd> {
    let is_ipv4 = hop.address.is_ipv4();
    let (family, protocol) = if is_ipv4 {
        (libc::AF_INET, libc::IPPROTO_ICMP)
    } else {
        (libc::AF_INET6, libc::IPPROTO_ICMPV6)
    };
    let fd = socket::open_family(family, libc::SOCK_RAW, protocol)?;
    mark_and_bind(fd.as_fd(), hop.device.as_deref(), mark)?;
    report_errors(fd.as_fd(), is_ipv4)?;
    // A set bit blocks the type of its place (raw(7), ICMP_FILTER; RFC 3542, 3.2).
    if is_ipv4 {
        socket::set_option(fd.as_fd(), SOL_RAW, ICMP_FILTER, !1u32)?;
    } else {
        let mut filter = [u32::MAX; 8];
        filter[129 / 32] &= !(1 << (129 % 32));
        socket::set_option(fd.as_fd(), libc::IPPROTO_ICMPV6, ICMP6_FILTER, filter)?;
    }
    socket::connect(fd.as_fd(), &hop.socket_address(0))?;
    Ok(fd)
}

/// An unconnected UDP socket at a random port.
pub fn open_udp(v6: bool, device: Option<&str>, mark: u32) -> io::Result<OwnedFd> {
    let any = if v6 {
        SocketAddr::new(Ipv6Addr::UNSPECIFIED.into(), 0)
    } else {
        SocketAddr::new(Ipv4Addr::UNSPECIFIED.into(), 0)
    };
    let fd = socket::open(&any, libc::SOCK_DGRAM)?;
    mark_and_bind(fd.as_fd(), device, mark)?;
    socket::bind(fd.as_fd(), &any)?;
    Ok(fd)
}

/// No delay, little unsent data, dead peers noticed, urgent data in its place among the rest (RFC 6093, section 6: what relays
/// bytes would lose it otherwise). Failing of any of these does not matter.
pub fn tune_tcp(fd: BorrowedFd) {
    let tcp = |name, value: libc::c_int| socket::set_option(fd, libc::IPPROTO_TCP, name, value);
    let _ = tcp(libc::TCP_NODELAY, 1);
    let _ = tcp(libc::TCP_NOTSENT_LOWAT, NOT_SENT_LOW_WATER);
    for name in [libc::SO_KEEPALIVE, libc::SO_OOBINLINE] {
        let _ = socket::set_option(fd, libc::SOL_SOCKET, name, 1 as libc::c_int);
    }
    for (name, value) in KEEPALIVE {
        let _ = tcp(name, value);
    }
}

fn report_errors(fd: BorrowedFd, is_ipv4: bool) -> io::Result<()> {
    let (level, name) = if is_ipv4 {
        (libc::IPPROTO_IP, libc::IP_RECVERR)
    } else {
        (libc::IPPROTO_IPV6, libc::IPV6_RECVERR)
    };
    socket::set_option(fd, level, name, 1 as libc::c_int)
}

/// Whether a UDP socket's datagrams are sent whole or not at all (EMSGSIZE, and the MTU in the error queue), or cut where they do
/// not fit (ip(7), IP_MTU_DISCOVER).
pub fn forbid_fragments(fd: BorrowedFd, is_ipv4: bool, forbids: bool) -> io::Result<()> {
    let (level, name) = if is_ipv4 {
        (libc::IPPROTO_IP, libc::IP_MTU_DISCOVER)
    } else {
        (libc::IPPROTO_IPV6, libc::IPV6_MTU_DISCOVER)
    };
    // The values are the same for both.
    let value = if forbids {
        libc::IP_PMTUDISC_DO
    } else {
        libc::IP_PMTUDISC_WANT
    };
    socket::set_option(fd, level, name, value as libc::c_int)
}

fn mark_and_bind(fd: BorrowedFd, device: Option<&str>, mark: u32) -> io::Result<()> {
    if mark != 0 {
        socket::set_option(fd, libc::SOL_SOCKET, libc::SO_MARK, mark)?;
    }
    if let Some(device) = device {
        socket::set_option_bytes(
            fd,
            libc::SOL_SOCKET,
            libc::SO_BINDTODEVICE,
            device.as_bytes(),
        )?;
    }
    Ok(())
}
