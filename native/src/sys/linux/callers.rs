//! Who has spoken to UDP sockets of this machine: noted inside the kernel for every datagram that a socket is given, without waking
//! anybody, and asked when a program sends to an address for the first time.

use super::callers_programs::{COOKIE, Marking, mark_answering, note_callers};
use crate::sys::bpf::{self, LruMap, Moment};
use crate::sys::process::monotonic_ms;
use crate::sys::socket;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::fd::{AsFd, OwnedFd};

/// Callers remembered; the least recent give way.
const MAX_CALLERS: u32 = 16_384;
/// Sockets with our mark remembered. One that is forgotten keeps the mark.
const MAX_MARKED: u32 = 16_384;
/// How long after a caller's last datagram an answer is one (RFC 4787, REQ-5: at least 2 minutes).
const ANSWERABLE_MS: u64 = 180_000;

/// Bytes of a key: address (IPv4 in its IPv6 form) and port of the caller, port of ours, in network order; and of a value: our
/// address, when (CLOCK_MONOTONIC, nanoseconds), and the cookie of the socket that heard it.
pub const KEY: usize = 24;
pub const VALUE: usize = 32;
pub const PORTS_AT: usize = 16;
pub const TIME_AT: usize = 16;
pub const SOCKET_AT: usize = 24;

/// What a caller last did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Call {
    /// The address of ours that it spoke to.
    pub to: IpAddr,
    /// The cookie of the socket that heard it (SO_COOKIE).
    pub socket: u64,
}

/// The notes. Without bpf(2) there are none.
pub struct Callers {
    map: LruMap,
    /// Run the programs for as long as they are open; nothing is ever read from them.
    #[cfg_attr(not(test), expect(dead_code, reason = "open"))]
    watches: Vec<OwnedFd>,
    #[expect(dead_code, reason = "programs use it")]
    marked: LruMap,
}

impl Callers {
    /// Begins to take notes of everything but what comes from the device with this index, and lets servers' sockets that are
    /// connected to a caller past our rules by `mark` (0: not). Fails where the kernel has no bpf(2) for cgroups; where only
    /// programs at sendto(2) cannot set options (before Linux 5.12), servers that connect are not helped.
    pub fn watch(except: u32, mark: u32) -> io::Result<Self> {
        let map = LruMap::new(KEY, VALUE, MAX_CALLERS)?;
        let marked = LruMap::new(COOKIE, COOKIE, MAX_MARKED)?;
        let any = socket::open_family(libc::AF_INET, libc::SOCK_DGRAM, 0)?;
        let namespace = socket::namespace_cookie(any.as_fd());
        let note = |namespace| {
            let program = note_callers(map.fd(), except, namespace);
            bpf::attach_to_all(&program, Moment::Ingress)
        };
        // Older kernels do not tell the namespace of a packet. Notes of others' sockets only take room: a socket is compared.
        let noting = match &namespace {
            Ok(cookie) => note(Some(*cookie)).or_else(|_| note(None)),
            Err(_) => note(None),
        };
        let mut watches = vec![noting?];
        if mark != 0
            && let Ok(namespace) = namespace
        {
            let marking = Marking {
                callers: map.fd(),
                marked: marked.fd(),
                namespace,
                mark,
                answerable_s: (ANSWERABLE_MS / 1_000) as i32,
            };
            // What takes marks back comes first: without it none is given.
            let moments = [
                Moment::Send4,
                Moment::Send6,
                Moment::Connect4,
                Moment::Connect6,
            ];
            let attach = |moment| bpf::attach_to_all(&mark_answering(&marking, moment), moment);
            watches.extend(moments.into_iter().map_while(|moment| attach(moment).ok()));
        }
        Ok(Self {
            map,
            watches,
            marked,
        })
    }

    /// What `caller` last did at `port`, if that was in the last minutes.
    pub fn called(&self, caller: SocketAddr, port: u16) -> Option<Call> {
        let mut value = [0; VALUE];
        if !self.map.look_up(&key(caller, port), &mut value) {
            return None;
        }
        let (call, time) = parse(&value);
        let age = monotonic_ms().saturating_sub(time / 1_000_000);
        (age < ANSWERABLE_MS && call.to.is_ipv4() == caller.is_ipv4()).then_some(call)
    }
}

fn key(caller: SocketAddr, port: u16) -> [u8; KEY] {
    let mut key = [0; KEY];
    let address = match caller.ip() {
        IpAddr::V4(ip) => ip.to_ipv6_mapped(),
        IpAddr::V6(ip) => ip,
    };
    key[..PORTS_AT].copy_from_slice(&address.octets());
    key[PORTS_AT..PORTS_AT + 2].copy_from_slice(&caller.port().to_be_bytes());
    key[PORTS_AT + 2..PORTS_AT + 4].copy_from_slice(&port.to_be_bytes());
    key
}

fn parse(value: &[u8; VALUE]) -> (Call, u64) {
    let mut address = [0; 16];
    address.copy_from_slice(&value[..16]);
    let number = |at: usize| {
        let mut bytes = [0; 8];
        bytes.copy_from_slice(&value[at..at + 8]);
        u64::from_ne_bytes(bytes)
    };
    let mapped = Ipv6Addr::from(address);
    let to = mapped
        .to_ipv4_mapped()
        .map_or(IpAddr::V6(mapped), |ip: Ipv4Addr| ip.into());
    let socket = number(SOCKET_AT);
    (Call { to, socket }, number(TIME_AT))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::UdpSocket;

    fn talk(from: &UdpSocket, to: &UdpSocket, length: usize) -> (SocketAddr, SocketAddr) {
        let target = to.local_addr().unwrap();
        from.send_to(&vec![7; length], target).unwrap();
        let mut buffer = vec![0; 65_536];
        let (got, caller) = to.recv_from(&mut buffer).unwrap();
        assert_eq!(got, length);
        (caller, target)
    }

    #[test]
    fn callers_are_known_by_address_and_both_ports() {
        let Ok(callers) = Callers::watch(u32::MAX >> 1, 0) else {
            return eprintln!("not to be tested without bpf(2)");
        };
        for (host, length) in [
            ("127.0.0.1", 5),
            ("127.0.0.1", 0),
            ("127.0.0.1", 60_000),
            ("::1", 5),
        ] {
            let [one, two] = [(); 2].map(|()| UdpSocket::bind((host, 0)).unwrap());
            let (caller, target) = talk(&one, &two, length);
            let call = callers.called(caller, target.port()).unwrap();
            let socket = socket::cookie(two.as_fd()).unwrap();
            assert_eq!((call.to, call.socket), (target.ip(), socket));
            assert_eq!(callers.called(target, caller.port()), None);
            let stranger = SocketAddr::new(caller.ip(), caller.port() ^ 1);
            assert_eq!(callers.called(stranger, target.port()), None);
            assert_eq!(callers.called(caller, target.port() ^ 1), None);
        }
    }

    #[test]
    fn a_server_connected_to_its_caller_is_marked_for_as_long_as_it_is() {
        const MARK: u32 = 0x4d49;
        let Ok(callers) = Callers::watch(u32::MAX >> 1, MARK) else {
            return eprintln!("not to be tested without bpf(2)");
        };
        if callers.watches.len() < 5 {
            return eprintln!("not to be tested without programs at sendto(2)");
        }
        for host in ["127.0.0.1", "::1"] {
            let [caller, stranger] = [(); 2].map(|()| UdpSocket::bind((host, 0)).unwrap());
            let nobody = stranger.local_addr().unwrap();
            // At the wildcard address: one that answers, one that was not spoken to, and those that leave their caller.
            let wildcard = if host == "::1" { "::" } else { "0.0.0.0" };
            let [server, other, leaving, sending] =
                [(); 4].map(|()| UdpSocket::bind((wildcard, 0)).unwrap());
            let mark = |socket: &UdpSocket| socket::mark(socket.as_fd()).unwrap();
            let peer = caller.local_addr().unwrap();
            for each in [&server, &leaving, &sending] {
                let at = SocketAddr::new(peer.ip(), each.local_addr().unwrap().port());
                caller.send_to(b"hello", at).unwrap();
                each.recv_from(&mut [0; 9]).unwrap();
                each.connect(peer).unwrap();
            }
            other.connect(peer).unwrap();
            assert_eq!([&server, &leaving, &sending].map(mark), [MARK; 3]);
            assert_eq!(mark(&other), 0);

            leaving.connect(nobody).unwrap();
            assert_eq!(mark(&leaving), 0);
            server.send_to(b"answer", peer).unwrap();
            assert_eq!(mark(&server), MARK);
            let refused = sending.send_to(b"elsewhere", nobody).unwrap_err();
            assert_eq!(refused.raw_os_error(), Some(libc::EPERM));
            assert_eq!(mark(&sending), 0);
            sending.send_to(b"elsewhere", nobody).unwrap();

            let [caller, with_source] = [(); 2].map(|()| UdpSocket::bind((host, 0)).unwrap());
            let (peer, _) = talk(&caller, &with_source, 5);
            with_source.connect(peer).unwrap();
            assert_eq!(mark(&with_source), 0);
        }
    }

    #[test]
    fn what_no_socket_hears_is_not_noted_and_another_socket_is_told_from_the_one_that_did() {
        let Ok(callers) = Callers::watch(u32::MAX >> 1, 0) else {
            return eprintln!("not to be tested without bpf(2)");
        };
        for host in ["127.0.0.1", "::1"] {
            let [caller, gone] = [(); 2].map(|()| UdpSocket::bind((host, 0)).unwrap());
            let (from, target) = (caller.local_addr().unwrap(), gone.local_addr().unwrap());
            drop(gone);
            caller.send_to(b"anybody?", target).unwrap();
            assert_eq!(callers.called(from, target.port()), None);

            let mut heard = Vec::new();
            for _ in 0..2 {
                let server = UdpSocket::bind(target).unwrap();
                // The refusal of before is taken.
                let _ = caller.send_to(b"hello", target);
                caller.send_to(b"hello", target).unwrap();
                server.recv_from(&mut [0; 9]).unwrap();
                heard.push(callers.called(from, target.port()).unwrap().socket);
                assert_eq!(heard.last(), socket::cookie(server.as_fd()).ok().as_ref());
            }
            assert_ne!(heard[0], heard[1]);
        }
    }

    #[test]
    fn the_excepted_device_is_not_watched() {
        let loopback = crate::sys::interface::index_of("lo").unwrap();
        let Ok(callers) = Callers::watch(loopback, 0) else {
            return eprintln!("not to be tested without bpf(2)");
        };
        let [one, two] = [(); 2].map(|()| UdpSocket::bind("127.0.0.1:0").unwrap());
        let (caller, target) = talk(&one, &two, 9);
        assert_eq!(callers.called(caller, target.port()), None);
    }

    #[test]
    fn namespaces_are_told_apart_where_the_kernel_can() {
        let any = UdpSocket::bind("127.0.0.1:0").unwrap();
        let Ok(ours) = socket::namespace_cookie(any.as_fd()) else {
            return eprintln!("not to be tested without cookies of namespaces");
        };
        // Older kernels take the program without a namespace only.
        for (namespace, is_noted) in [(None, true), (Some(ours), true), (Some(ours + 1), false)] {
            let map = LruMap::new(KEY, VALUE, 64).unwrap();
            let program = note_callers(map.fd(), u32::MAX >> 1, namespace);
            let Ok(_watch) = bpf::attach_to_all(&program, Moment::Ingress) else {
                eprintln!("the kernel does not take {namespace:?}");
                continue;
            };
            let [one, two] = [(); 2].map(|()| UdpSocket::bind("127.0.0.1:0").unwrap());
            let (caller, target) = talk(&one, &two, 5);
            let found = map.look_up(&key(caller, target.port()), &mut [0; VALUE]);
            assert_eq!(found, is_noted, "{namespace:?}");
        }
    }
}
