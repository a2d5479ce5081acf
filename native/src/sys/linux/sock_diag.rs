//! Asks the kernel about TCP and UDP sockets of this network namespace, and destroys them (sock_diag(7)).

use super::netlink::{self, Netlink};
use crate::prefix::Prefix;
use std::cell::Cell;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

const SOCK_DIAG_BY_FAMILY: u16 = 20;
const SOCK_DESTROY: u16 = 21;
const LISTEN: u32 = 1 << 10;
const TIME_WAIT: u32 = 1 << 6;
/// TCP_CLOSE, which also stands for UDP sockets without a peer.
const UNCONNECTED: u32 = 1 << 7;
/// Bytes of `struct inet_diag_req_v2`.
const REQUEST: usize = 56;
const MESSAGE: usize = 72;
/// Bytes of `struct inet_diag_sockid`, and where it is in a message.
const SOCKET_ID: usize = 48;
/// Where the cookie is in it.
const COOKIE_AT: usize = 40;
const SOCKET_ID_AT: usize = 4;

/// A socket as the kernel describes it.
#[derive(Clone, Debug)]
pub struct Socket {
    pub local: SocketAddr,
    pub remote: SocketAddr,
    pub uid: u32,
    pub inode: u32,
    family: u8,
    id: [u8; SOCKET_ID],
}

impl Socket {
    /// What the kernel calls it, as SO_COOKIE says.
    pub fn cookie(&self) -> u64 {
        let half = |at: usize| {
            let bytes = self.id[at..at + 4].try_into();
            u64::from(bytes.map_or(0, u32::from_ne_bytes))
        };
        half(COOKIE_AT) | half(COOKIE_AT + 4) << 32
    }
}

thread_local! {
    /// What `find` asked by last: opening a connection costs more than a question.
    static KEPT: Cell<Option<Netlink>> = const { Cell::new(None) };
}

/// The socket at the local end of a connection; for UDP also an unconnected one that would get its answers.
pub fn find(protocol: i32, local: SocketAddr, remote: SocketAddr) -> io::Result<Option<Socket>> {
    let netlink = match KEPT.take() {
        Some(netlink) => netlink,
        None => open()?,
    };
    let found = find_by(&netlink, protocol, local, remote)?;
    // Not after an error: a late answer would be taken for that to the next question.
    KEPT.set(Some(netlink));
    Ok(found)
}

fn find_by(
    netlink: &Netlink,
    protocol: i32,
    local: SocketAddr,
    remote: SocketAddr,
) -> io::Result<Option<Socket>> {
    // For UDP the kernel takes the two ends the other way round than for TCP; which it did is seen in the answer.
    for (from, to) in [(local, remote), (remote, local)] {
        let id = socket_id(from, to);
        let family = family_of(local);
        let found = ask(
            netlink,
            &request(SOCK_DIAG_BY_FAMILY, 0, family, protocol, u32::MAX, &id),
        )?;
        let mine = found.into_iter().find(|socket| {
            socket.local.port() == local.port()
                && (socket.local.ip().is_unspecified()
                    || socket.local.ip().to_canonical() == local.ip())
        });
        if mine.is_some() || protocol == libc::IPPROTO_TCP {
            return Ok(mine);
        }
    }
    Ok(None)
}

/// TCP sockets listening at exactly this address and port, or at its wildcard, and UDP sockets that take what comes there.
pub fn listeners(address: IpAddr, port: u16) -> io::Result<Vec<Socket>> {
    let netlink = open()?;
    let mut found = Vec::new();
    for family in [libc::AF_INET, libc::AF_INET6] {
        let mut id = [0; SOCKET_ID];
        id[..2].copy_from_slice(&port.to_be_bytes());
        for (protocol, states) in [
            (libc::IPPROTO_TCP, LISTEN),
            (libc::IPPROTO_UDP, UNCONNECTED),
        ] {
            found.extend(ask(&netlink, &dump(family, protocol, states, &id))?);
        }
    }
    found.retain(|socket| {
        let ip = socket.local.ip().to_canonical();
        // A listener at :: takes IPv4 connections as well, unless told otherwise.
        let is_wildcard = ip.is_unspecified() && (ip.is_ipv6() || address.is_ipv4());
        socket.local.port() == port && (ip == address || is_wildcard)
    });
    Ok(found)
}

/// Destroys TCP and UDP sockets with an end, local or remote, inside a prefix, unless the remote one is inside a spared prefix;
/// listening ones stay. Returns how many; 0 where the kernel cannot.
pub fn destroy(prefixes: &[Prefix], spared: &[Prefix]) -> io::Result<u32> {
    let netlink = open()?;
    let mut destroyed = 0;
    for (protocol, states) in [
        (libc::IPPROTO_TCP, !(LISTEN | TIME_WAIT)),
        (libc::IPPROTO_UDP, u32::MAX),
    ] {
        for family in [libc::AF_INET, libc::AF_INET6] {
            let none = [0; SOCKET_ID];
            for found in ask(&netlink, &dump(family, protocol, states, &none))? {
                let (local, remote) = (found.local.ip(), found.remote.ip());
                let meant = |prefix: &Prefix| prefix.contains(local) || prefix.contains(remote);
                if !prefixes.iter().any(meant)
                    || spared.iter().any(|prefix| prefix.contains(remote))
                {
                    continue;
                }
                match ask(&netlink, &order(&found, protocol)) {
                    Ok(_) => destroyed += 1,
                    Err(error) if error.raw_os_error() == Some(libc::EOPNOTSUPP) => return Ok(0),
                    // It ended by itself meanwhile.
                    Err(error) if error.raw_os_error() == Some(libc::ENOENT) => {}
                    Err(error) => return Err(error),
                }
            }
        }
    }
    Ok(destroyed)
}

fn order(socket: &Socket, protocol: i32) -> Vec<u8> {
    let acknowledged = libc::NLM_F_ACK as u16;
    let family = i32::from(socket.family);
    request(
        SOCK_DESTROY,
        acknowledged,
        family,
        protocol,
        u32::MAX,
        &socket.id,
    )
}

fn open() -> io::Result<Netlink> {
    Netlink::open(libc::NETLINK_SOCK_DIAG)
}

/// The sockets that the kernel answers with; none of an exact request that nothing matches.
fn ask(netlink: &Netlink, request: &[u8]) -> io::Result<Vec<Socket>> {
    let mut found = Vec::new();
    match netlink.ask(request, &mut |message| found.extend(parse(message))) {
        Err(error) if error.raw_os_error() == Some(libc::ENOENT) && !is_destroy(request) => {}
        result => result?,
    }
    Ok(found)
}

fn is_destroy(request: &[u8]) -> bool {
    u16::from_ne_bytes([request[4], request[5]]) == SOCK_DESTROY
}

fn parse(message: &[u8]) -> Option<Socket> {
    if message.len() < MESSAGE {
        return None;
    }
    let id: [u8; SOCKET_ID] = message[SOCKET_ID_AT..SOCKET_ID_AT + SOCKET_ID]
        .try_into()
        .ok()?;
    let family = message[0];
    let at = |at: usize, port: usize| {
        let port = u16::from_be_bytes([id[port], id[port + 1]]);
        let octets: [u8; 16] = id[at..at + 16].try_into().ok()?;
        let ip: IpAddr = match i32::from(family) {
            libc::AF_INET => Ipv4Addr::new(octets[0], octets[1], octets[2], octets[3]).into(),
            _ => Ipv6Addr::from(octets).into(),
        };
        Some(SocketAddr::new(ip, port))
    };
    let number = |at: usize| message[at..at + 4].try_into().map(u32::from_ne_bytes).ok();
    Some(Socket {
        local: at(4, 0)?,
        remote: at(20, 2)?,
        uid: number(64)?,
        inode: number(68)?,
        family,
        id,
    })
}

fn family_of(address: SocketAddr) -> i32 {
    if address.is_ipv4() {
        libc::AF_INET
    } else {
        libc::AF_INET6
    }
}

/// `struct inet_diag_sockid` with no interface and no cookie.
fn socket_id(local: SocketAddr, remote: SocketAddr) -> [u8; SOCKET_ID] {
    let mut id = [0; SOCKET_ID];
    id[..2].copy_from_slice(&local.port().to_be_bytes());
    id[2..4].copy_from_slice(&remote.port().to_be_bytes());
    for (at, address) in [(4, local), (20, remote)] {
        match address.ip() {
            IpAddr::V4(ip) => id[at..at + 4].copy_from_slice(&ip.octets()),
            IpAddr::V6(ip) => id[at..at + 16].copy_from_slice(&ip.octets()),
        }
    }
    id[COOKIE_AT..].fill(0xff);
    id
}

fn dump(family: i32, protocol: i32, states: u32, id: &[u8; SOCKET_ID]) -> Vec<u8> {
    let flags = libc::NLM_F_DUMP as u16;
    request(SOCK_DIAG_BY_FAMILY, flags, family, protocol, states, id)
}

fn request(
    kind: u16,
    flags: u16,
    family: i32,
    protocol: i32,
    states: u32,
    id: &[u8; SOCKET_ID],
) -> Vec<u8> {
    let mut body = Vec::with_capacity(REQUEST);
    body.extend_from_slice(&[family as u8, protocol as u8, 0, 0]);
    body.extend_from_slice(&states.to_ne_bytes());
    body.extend_from_slice(id);
    netlink::request(kind, flags, &body)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys::socket::cookie;
    use proptest::prelude::*;
    use std::net::{TcpListener, TcpStream, UdpSocket};
    use std::os::fd::AsFd;

    proptest! {
        #[test]
        fn any_answer_is_survived(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
            parse(&bytes);
        }
    }

    #[test]
    fn finds_sockets_by_their_ends() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let stream = TcpStream::connect(address).unwrap();
        let local = stream.local_addr().unwrap();
        let found = find(libc::IPPROTO_TCP, local, address).unwrap().unwrap();
        assert_eq!((found.local, found.remote), (local, address));
        assert_ne!(found.inode, 0);
        let stranger = SocketAddr::new(local.ip(), 1);
        assert!(find(libc::IPPROTO_TCP, local, stranger).unwrap().is_none());

        let at = listeners(address.ip(), address.port()).unwrap();
        assert_eq!(
            at.iter().map(|socket| socket.local).collect::<Vec<_>>(),
            [address]
        );
    }

    #[test]
    fn finds_what_takes_datagrams() {
        let server = UdpSocket::bind("127.0.0.5:0").unwrap();
        let address = server.local_addr().unwrap();
        let client = UdpSocket::bind("127.0.0.1:0").unwrap();
        client.connect(address).unwrap();
        let at = listeners(address.ip(), address.port()).unwrap();
        let found: Vec<_> = at.iter().map(|socket| socket.local).collect();
        assert_eq!(found, [address]);
        let connected = client.local_addr().unwrap();
        assert!(
            listeners(connected.ip(), connected.port())
                .unwrap()
                .is_empty()
        );
    }

    #[test]
    fn finds_udp_sockets_connected_or_not() {
        let remote: SocketAddr = "127.0.0.9:9".parse().unwrap();
        for connected in [true, false] {
            let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
            if connected {
                socket.connect(remote).unwrap();
            }
            let local = socket.local_addr().unwrap();
            let found = find(libc::IPPROTO_UDP, local, remote).unwrap().unwrap();
            assert_eq!(found.local, local);
            assert_eq!(found.cookie(), cookie(socket.as_fd()).unwrap());
        }
    }
}
