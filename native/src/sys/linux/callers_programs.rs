//! The programs behind `callers`, run by the kernel: one notes callers, others let the answering socket of a server past our rules
//! for as long as it only answers.

use crate::sys::bpf::{Assembler, FRAME, Helper, Instruction, Moment, Size};
use crate::sys::callers::{KEY, PORTS_AT, SOCKET_AT, TIME_AT, VALUE};
use std::os::fd::BorrowedFd;

/// A caller that goes on is noted again after so long, in nanoseconds.
const NOTED_NS: i32 = 1_000_000_000;
/// Places in a program's memory, before its end.
const KEY_AT: i16 = -(KEY as i16);
const VALUE_AT: i16 = KEY_AT - VALUE as i16;

/// Bytes of a socket's cookie, which is the key in the set of marked sockets.
pub const COOKIE: usize = 8;

/// Runs for every packet that a socket is given, and notes who sent a UDP datagram to which socket; it lets everything through.
/// With `namespace`, only sockets of the network namespace with this cookie are looked at.
pub fn note_callers(map: BorrowedFd, except: u32, namespace: Option<u64>) -> Vec<Instruction> {
    /// Fields of `struct __sk_buff`.
    const PACKET_TYPE: i16 = 4;
    const PROTOCOL: i16 = 16;
    const DEVICE: i16 = 40;
    const PACKET_HOST: i32 = 0;
    const UDP: i32 = libc::IPPROTO_UDP;
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
    if let Some(cookie) = namespace {
        code.copy(1, 6);
        code.call(Helper::NamespaceCookie);
        code.set_long(1, cookie);
        code.jump_unless_same(0, 1, "out");
    }
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
    for half in [0, 8] {
        move_bytes(&mut code, HEADER_AT + 8 + half, KEY_AT + half, Size::U64);
        move_bytes(&mut code, HEADER_AT + 24 + half, VALUE_AT + half, Size::U64);
    }
    code.set(8, 40);
    code.load(2, FRAME, HEADER_AT + 6, Size::U8);
    // Datagrams in pieces have been put together; other extension headers are not in use.
    code.jump_unless_equal(2, UDP, "out");

    code.place("ports");
    load_bytes(&mut code, KEY_AT + PORTS_AT as i16, 4);
    code.call(Helper::MonotonicNs);
    code.store(FRAME, VALUE_AT + TIME_AT as i16, 0, Size::U64);
    code.copy(1, 6);
    code.call(Helper::SocketCookie);
    code.store(FRAME, VALUE_AT + SOCKET_AT as i16, 0, Size::U64);
    code.copy(9, 0);
    // Whoever was noted a moment ago costs a look only.
    code.set_map(1, map);
    code.copy(2, FRAME);
    code.add(2, i32::from(KEY_AT));
    code.call(Helper::MapLookUp);
    code.jump_if_equal(0, 0, "note");
    code.load(3, 0, SOCKET_AT as i16, Size::U64);
    code.jump_unless_same(3, 9, "note");
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
    code.set(0, 1);
    code.exit();
    code.finish()
}

/// What the programs that mark know.
pub struct Marking<'a> {
    pub callers: BorrowedFd<'a>,
    /// The cookies of the sockets that have the mark from us.
    pub marked: BorrowedFd<'a>,
    /// Cookie of the network namespace whose sockets are meant.
    pub namespace: u64,
    pub mark: u32,
    /// How long ago a caller may have spoken, in seconds.
    pub answerable_s: i32,
}

/// Runs at connect(2) of every process, and when one sends to an address. A server that connects a socket at the wildcard address
/// to a caller would be given the TUN's address, and hear nothing more of it: with our mark its way is the one that it has without
/// us. The mark is taken back when the socket is connected to somebody else, or sends there: as the way of that datagram has been
/// chosen by then, it is refused (EPERM), as a firewall does.
pub fn mark_answering(marking: &Marking, moment: Moment) -> Vec<Instruction> {
    /// Fields of `struct bpf_sock_addr`, and of the `struct bpf_sock` in it.
    const ADDRESS4: i16 = 4;
    const ADDRESS6: i16 = 8;
    const PORT: i16 = 24;
    const PROTOCOL: i16 = 36;
    const SOCKET: i16 = 64;
    const OWN_ADDRESS4: i16 = 24;
    const OWN_ADDRESS6: i16 = 28;
    const OWN_PORT: i16 = 44;
    const MARK_AT: i16 = KEY_AT - 8;
    const COOKIE_AT: i16 = MARK_AT - COOKIE as i16;
    const ALLOW: i32 = 1;
    const REFUSE: i32 = 0;

    let is_ipv4 = matches!(moment, Moment::Connect4 | Moment::Send4);
    let is_send = matches!(moment, Moment::Send4 | Moment::Send6);
    let mut code = Assembler::default();
    let with_cookie = |code: &mut Assembler, helper| {
        code.set_map(1, marking.marked);
        code.copy(2, FRAME);
        code.add(2, i32::from(COOKIE_AT));
        code.copy(3, 2);
        code.set(4, 0);
        code.call(helper);
    };
    let set_mark = |code: &mut Assembler, mark| {
        code.set(2, mark);
        code.store(FRAME, MARK_AT, 2, Size::U32);
        code.copy(1, 6);
        code.set(2, libc::SOL_SOCKET);
        code.set(3, libc::SO_MARK);
        code.copy(4, FRAME);
        code.add(4, i32::from(MARK_AT));
        code.set(5, 4);
        code.call(Helper::SetSocketOption);
    };

    code.copy(6, 1);
    code.load(2, 6, PROTOCOL, Size::U32);
    code.jump_unless_equal(2, libc::IPPROTO_UDP, "out");
    code.load(7, 6, SOCKET, Size::U64);
    code.jump_if_equal(7, 0, "out");
    code.copy(1, 6);
    if !is_send {
        code.call(Helper::NamespaceCookie);
        code.set_long(1, marking.namespace);
        code.jump_unless_same(0, 1, "out");
        code.copy(1, 6);
    }
    code.call(Helper::SocketCookie);
    code.store(FRAME, COOKIE_AT, 0, Size::U64);
    if is_send {
        with_cookie(&mut code, Helper::MapLookUp);
        code.jump_if_equal(0, 0, "out");
    } else {
        // A socket with a source leaves as without us, mark or not.
        let sources: &[i16] = if is_ipv4 {
            &[OWN_ADDRESS4]
        } else {
            &[0, 4, 8, 12]
        };
        let from = if is_ipv4 { 0 } else { OWN_ADDRESS6 };
        for at in sources {
            code.load(2, 7, from + at, Size::U32);
            code.jump_unless_equal(2, 0, "other");
        }
    }
    code.load(7, 7, OWN_PORT, Size::U32);
    code.jump_if_equal(7, 0, "other");

    code.set(2, 0);
    for at in (KEY_AT..0).step_by(8) {
        code.store(FRAME, at, 2, Size::U64);
    }
    code.swap_into_network_order(7);
    code.store(FRAME, KEY_AT + PORTS_AT as i16 + 2, 7, Size::U16);
    code.load(2, 6, PORT, Size::U32);
    code.store(FRAME, KEY_AT + PORTS_AT as i16, 2, Size::U16);
    if is_ipv4 {
        code.set(2, 0xffff);
        code.store(FRAME, KEY_AT + 10, 2, Size::U16);
        code.load(2, 6, ADDRESS4, Size::U32);
        code.store(FRAME, KEY_AT + 12, 2, Size::U32);
    } else {
        for word in (0..16).step_by(4) {
            code.load(2, 6, ADDRESS6 + word, Size::U32);
            code.store(FRAME, KEY_AT + word, 2, Size::U32);
        }
    }
    code.set_map(1, marking.callers);
    code.copy(2, FRAME);
    code.add(2, i32::from(KEY_AT));
    code.call(Helper::MapLookUp);
    code.jump_if_equal(0, 0, "other");
    code.load(7, 0, TIME_AT as i16, Size::U64);
    code.call(Helper::MonotonicNs);
    code.subtract(0, 7);
    // Near enough to seconds.
    code.shift_right(0, 30);
    code.jump_if_less(0, marking.answerable_s, "answer");
    code.jump("other");

    code.place("answer");
    if !is_send {
        with_cookie(&mut code, Helper::MapUpdate);
        code.jump_unless_equal(0, 0, "out");
        set_mark(&mut code, marking.mark as i32);
    }
    code.jump("out");

    code.place("other");
    if !is_send {
        with_cookie(&mut code, Helper::MapLookUp);
        code.jump_if_equal(0, 0, "out");
    }
    set_mark(&mut code, 0);
    with_cookie(&mut code, Helper::MapDelete);
    if is_send {
        code.set(0, REFUSE);
        code.exit();
    }

    code.place("out");
    code.set(0, ALLOW);
    code.exit();
    code.finish()
}
