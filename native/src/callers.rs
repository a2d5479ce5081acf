//! Who has spoken to UDP sockets of this machine: noted inside the kernel for every datagram that comes in, without waking
//! anybody, and asked when a program sends to an address for the first time.

use crate::callers_programs::{mark_answering, note_callers};
use crate::sys::bpf::{self, Filter, LruMap, Moment};
use crate::sys::process::monotonic_ms;
use crate::sys::socket;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::fd::{AsFd, OwnedFd};

/// Callers remembered; the least recent give way.
const MAX_CALLERS: u32 = 16_384;
/// How long after a caller's last datagram an answer is one (RFC 4787, REQ-5: at least 2 minutes).
const ANSWERABLE_MS: u64 = 180_000;

/// Bytes of a key: address (IPv4 in its IPv6 form) and port of the caller, port of ours, in network order; and of a value: our
/// address, and when (CLOCK_MONOTONIC, nanoseconds).
pub const KEY: usize = 24;
pub const VALUE: usize = 24;
pub const PORTS_AT: usize = 16;
pub const TIME_AT: usize = 16;

/// The notes. Without bpf(2) there are none.
pub struct Callers {
    map: LruMap,
    /// Run the programs for as long as they are open; nothing is ever read from them.
    #[cfg_attr(not(test), expect(dead_code, reason = "open"))]
    watches: Vec<OwnedFd>,
}

impl Callers {
    /// Begins to take notes of everything but what comes from the device with this index, and lets servers' sockets that are
    /// connected to a caller past our rules by `mark` (0: not). Fails where the kernel has no bpf(2) or packet sockets; where only
    /// cgroups have none, servers that connect are not helped.
    pub fn watch(except: u32, mark: u32) -> io::Result<Self> {
        let map = LruMap::new(KEY, VALUE, MAX_CALLERS)?;
        let filter = Filter::load(&note_callers(map.fd(), except))?;
        let mut watches = vec![
            filter.watch(libc::ETH_P_IP as u16)?,
            filter.watch(libc::ETH_P_IPV6 as u16)?,
        ];
        if mark != 0
            && let Ok(cookie) = socket::namespace_cookie(watches[0].as_fd())
        {
            let answerable = (ANSWERABLE_MS / 1_000) as i32;
            for (moment, is_ipv4) in [(Moment::Connect4, true), (Moment::Connect6, false)] {
                let program = mark_answering(map.fd(), is_ipv4, cookie, mark, answerable);
                watches.extend(bpf::attach_to_all(&program, moment).ok());
            }
        }
        Ok(Self { map, watches })
    }

    /// The address of ours that `caller` has spoken to at `port` in the last minutes.
    pub fn called(&self, caller: SocketAddr, port: u16) -> Option<IpAddr> {
        let mut value = [0; VALUE];
        if !self.map.look_up(&key(caller, port), &mut value) {
            return None;
        }
        let (address, time) = parse(&value);
        let age = monotonic_ms().saturating_sub(time / 1_000_000);
        (age < ANSWERABLE_MS && address.is_ipv4() == caller.is_ipv4()).then_some(address)
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

fn parse(value: &[u8; VALUE]) -> (IpAddr, u64) {
    let mut address = [0; 16];
    address.copy_from_slice(&value[..16]);
    let mut time = [0; 8];
    time.copy_from_slice(&value[TIME_AT..]);
    let mapped = Ipv6Addr::from(address);
    let address = mapped
        .to_ipv4_mapped()
        .map_or(IpAddr::V6(mapped), |ip: Ipv4Addr| ip.into());
    (address, u64::from_ne_bytes(time))
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
            return eprintln!("not to be tested without bpf(2) and packet sockets");
        };
        for (host, length) in [
            ("127.0.0.1", 5),
            ("127.0.0.1", 0),
            ("127.0.0.1", 60_000),
            ("::1", 5),
        ] {
            let [one, two] = [(); 2].map(|()| UdpSocket::bind((host, 0)).unwrap());
            let (caller, target) = talk(&one, &two, length);
            assert_eq!(callers.called(caller, target.port()), Some(target.ip()));
            assert_eq!(callers.called(target, caller.port()), None);
            let stranger = SocketAddr::new(caller.ip(), caller.port() ^ 1);
            assert_eq!(callers.called(stranger, target.port()), None);
            assert_eq!(callers.called(caller, target.port() ^ 1), None);
        }
    }

    #[test]
    fn a_server_that_connects_to_its_caller_is_marked_and_others_are_not() {
        const MARK: u32 = 0x4d49;
        let Ok(callers) = Callers::watch(u32::MAX >> 1, MARK) else {
            return eprintln!("not to be tested without bpf(2) and packet sockets");
        };
        if callers.watches.len() < 4 {
            return eprintln!("not to be tested without cgroup programs");
        }
        for host in ["127.0.0.1", "::1"] {
            let [caller, server, other] = [(); 3].map(|()| UdpSocket::bind((host, 0)).unwrap());
            let (peer, _) = talk(&caller, &server, 5);
            other.connect(peer).unwrap();
            server.connect(peer).unwrap();
            assert_eq!(socket::mark(server.as_fd()).unwrap(), MARK);
            assert_eq!(socket::mark(other.as_fd()).unwrap(), 0);
        }
    }

    #[test]
    fn the_excepted_device_is_not_watched() {
        let loopback = crate::sys::interface::index_of("lo").unwrap();
        let Ok(callers) = Callers::watch(loopback, 0) else {
            return eprintln!("not to be tested without bpf(2) and packet sockets");
        };
        let [one, two] = [(); 2].map(|()| UdpSocket::bind("127.0.0.1:0").unwrap());
        let (caller, target) = talk(&one, &two, 9);
        assert_eq!(callers.called(caller, target.port()), None);
    }
}
