//! Who has spoken to UDP sockets of this machine: noted inside the kernel for every datagram that comes in, without waking
//! anybody, and asked when a program sends to an address for the first time.

use crate::sys::bpf::{Assembler, FRAME, Filter, Helper, Instruction, LruMap, Size};
use crate::sys::process::monotonic_ms;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::fd::{BorrowedFd, OwnedFd};

/// Callers remembered; the least recent give way.
const MAX_CALLERS: u32 = 16_384;
/// How long after a caller's last datagram an answer is one (RFC 4787, REQ-5: at least 2 minutes).
const ANSWERABLE_MS: u64 = 180_000;
/// A caller that goes on is noted again after so long, in nanoseconds.
const NOTED_NS: i32 = 1_000_000_000;

/// Bytes of a key: address (IPv4 in its IPv6 form) and port of the caller, port of ours, in network order; and of a value: our
/// address, and when (CLOCK_MONOTONIC, nanoseconds).
const KEY: usize = 24;
const VALUE: usize = 24;
const PORTS_AT: usize = 16;
const TIME_AT: usize = 16;

/// The notes. Without bpf(2) there are none.
pub struct Callers {
    map: LruMap,
    /// Run the filter for as long as they are open; nothing is ever read from them.
    _watches: [OwnedFd; 2],
}

impl Callers {
    /// Begins to take notes of everything but what comes from the device with this index. Fails where the kernel has no bpf(2)
    /// or packet sockets.
    pub fn watch(except: u32) -> io::Result<Self> {
        let map = LruMap::new(KEY, VALUE, MAX_CALLERS)?;
        let filter = Filter::load(&program(map.fd(), except))?;
        let watches = [
            filter.watch(libc::ETH_P_IP as u16)?,
            filter.watch(libc::ETH_P_IPV6 as u16)?,
        ];
        Ok(Self {
            map,
            _watches: watches,
        })
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

/// The filter. It notes the first fragment or whole of every UDP datagram to this machine and lets nothing through.
fn program(map: BorrowedFd, except: u32) -> Vec<Instruction> {
    /// Fields of `struct __sk_buff`.
    const PACKET_TYPE: i16 = 4;
    const PROTOCOL: i16 = 16;
    const DEVICE: i16 = 40;
    const PACKET_HOST: i32 = 0;
    const UDP: i32 = libc::IPPROTO_UDP;
    /// Places in the program's memory, before its end.
    const KEY_AT: i16 = -(KEY as i16);
    const VALUE_AT: i16 = KEY_AT - VALUE as i16;
    const HEADER_AT: i16 = VALUE_AT - 40;
    let protocol = |kind: libc::c_int| i32::from((kind as u16).to_be());

    let mut code = Assembler::default();
    let load_bytes = |code: &mut Assembler, to: i16, length: i32| {
        // Register 8 says from where.
        code.copy(1, 6);
        code.copy(2, 8);
        code.copy(3, FRAME);
        code.add(3, i32::from(to));
        code.set(4, length);
        code.call(Helper::LoadBytes);
        code.jump_unless_equal(0, 0, "out");
    };
    let move_bytes = |code: &mut Assembler, from: i16, to: i16, size| {
        code.load(2, FRAME, from, size);
        code.store(FRAME, to, 2, size);
    };

    code.copy(6, 1);
    code.load(2, 6, PACKET_TYPE, Size::U32);
    code.jump_unless_equal(2, PACKET_HOST, "out");
    code.load(2, 6, DEVICE, Size::U32);
    code.jump_if_equal(2, except as i32, "out");
    code.set(2, 0);
    for at in (VALUE_AT..0).step_by(8) {
        code.store(FRAME, at, 2, Size::U64);
    }
    code.set(8, 0);
    code.load(7, 6, PROTOCOL, Size::U32);
    code.jump_if_equal(7, protocol(libc::ETH_P_IPV6), "ipv6");
    code.jump_unless_equal(7, protocol(libc::ETH_P_IP), "out");

    load_bytes(&mut code, HEADER_AT, 20);
    code.load(2, FRAME, HEADER_AT + 9, Size::U8);
    code.jump_unless_equal(2, UDP, "out");
    // Of the fragment offset (RFC 791) the high bits are in the first byte.
    code.load(2, FRAME, HEADER_AT + 6, Size::U8);
    code.and(2, 0x1f);
    code.jump_unless_equal(2, 0, "out");
    code.load(2, FRAME, HEADER_AT + 7, Size::U8);
    code.jump_unless_equal(2, 0, "out");
    code.load(8, FRAME, HEADER_AT, Size::U8);
    code.and(8, 15);
    code.shift_left(8, 2);
    code.set(2, 0xffff);
    code.store(FRAME, KEY_AT + 10, 2, Size::U16);
    code.store(FRAME, VALUE_AT + 10, 2, Size::U16);
    move_bytes(&mut code, HEADER_AT + 12, KEY_AT + 12, Size::U32);
    move_bytes(&mut code, HEADER_AT + 16, VALUE_AT + 12, Size::U32);
    code.jump("ports");

    code.place("ipv6");
    load_bytes(&mut code, HEADER_AT, 40);
    code.load(2, FRAME, HEADER_AT + 6, Size::U8);
    code.jump_unless_equal(2, UDP, "out");
    for half in [0, 8] {
        move_bytes(&mut code, HEADER_AT + 8 + half, KEY_AT + half, Size::U64);
        move_bytes(&mut code, HEADER_AT + 24 + half, VALUE_AT + half, Size::U64);
    }
    code.set(8, 40);

    code.place("ports");
    load_bytes(&mut code, KEY_AT + PORTS_AT as i16, 4);
    code.call(Helper::MonotonicNs);
    code.store(FRAME, VALUE_AT + TIME_AT as i16, 0, Size::U64);
    // Whoever was noted a moment ago costs a look only.
    code.set_map(1, map);
    code.copy(2, FRAME);
    code.add(2, i32::from(KEY_AT));
    code.call(Helper::MapLookUp);
    code.jump_if_equal(0, 0, "note");
    code.load(2, FRAME, VALUE_AT + TIME_AT as i16, Size::U64);
    code.load(3, 0, TIME_AT as i16, Size::U64);
    code.subtract(2, 3);
    code.jump_if_less(2, NOTED_NS, "out");
    code.place("note");
    code.set_map(1, map);
    code.copy(2, FRAME);
    code.add(2, i32::from(KEY_AT));
    code.copy(3, FRAME);
    code.add(3, i32::from(VALUE_AT));
    code.set(4, 0);
    code.call(Helper::MapUpdate);

    code.place("out");
    code.set(0, 0);
    code.exit();
    code.finish()
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
        let Ok(callers) = Callers::watch(u32::MAX >> 1) else {
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
    fn the_excepted_device_is_not_watched() {
        let loopback = crate::sys::interface::index_of("lo").unwrap();
        let Ok(callers) = Callers::watch(loopback) else {
            return eprintln!("not to be tested without bpf(2) and packet sockets");
        };
        let [one, two] = [(); 2].map(|()| UdpSocket::bind("127.0.0.1:0").unwrap());
        let (caller, target) = talk(&one, &two, 9);
        assert_eq!(callers.called(caller, target.port()), None);
    }
}
