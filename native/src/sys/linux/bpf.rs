//! Small programs inside the kernel (bpf(2)): maps, and what runs for the sockets of all processes.

use crate::sys::check;
use std::io;
use std::mem::size_of;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd};

const MAP_CREATE: libc::c_long = 0;
const MAP_LOOKUP: libc::c_long = 1;
const MAP_UPDATE: libc::c_long = 2;
const MAP_DELETE: libc::c_long = 3;
const PROGRAM_LOAD: libc::c_long = 5;
const LINK_CREATE: libc::c_long = 28;
const MAP_LRU_HASH: u32 = 9;
const PROGRAM_CGROUP_PACKET: u32 = 8;
const PROGRAM_CGROUP_SOCKET: u32 = 9;
const PROGRAM_CGROUP_ADDRESS: u32 = 18;
/// Bytes of `union bpf_attr` as far as it is used here, in the kernel's words.
const ATTRIBUTES: usize = 16;
/// The kernel lets only programs of such a licence call its helpers.
const LICENSE: &[u8] = b"Dual MIT/GPL\0";

/// A hash map in the kernel whose least recently used entries give way.
pub struct LruMap {
    fd: OwnedFd,
    key: usize,
    value: usize,
}

impl LruMap {
    /// A map of `entries` with keys and values of so many bytes. Fails with EPERM or ENOSYS where bpf(2) is not to be had.
    pub fn new(key: usize, value: usize, entries: u32) -> io::Result<Self> {
        let mut attributes = [0u64; ATTRIBUTES];
        attributes[0] = words(MAP_LRU_HASH, key as u32);
        attributes[1] = words(value as u32, entries);
        let fd = call(MAP_CREATE, &mut attributes)?;
        // SAFETY: the descriptor is new and owned by nobody else.
        let fd = unsafe { OwnedFd::from_raw_fd(fd) };
        Ok(Self { fd, key, value })
    }

    pub fn fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }

    /// Sets the value of a key. Both have the lengths of the map.
    pub fn insert(&self, key: &[u8], value: &[u8]) -> io::Result<()> {
        if key.len() != self.key || value.len() != self.value {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        let mut attributes = [0u64; ATTRIBUTES];
        attributes[0] = words(self.fd.as_raw_fd() as u32, 0);
        attributes[1] = key.as_ptr() as u64;
        attributes[2] = value.as_ptr() as u64;
        call(MAP_UPDATE, &mut attributes).map(drop)
    }

    /// Removes a key, if it is there.
    pub fn remove(&self, key: &[u8]) {
        if key.len() != self.key {
            return;
        }
        let mut attributes = [0u64; ATTRIBUTES];
        attributes[0] = words(self.fd.as_raw_fd() as u32, 0);
        attributes[1] = key.as_ptr() as u64;
        let _ = call(MAP_DELETE, &mut attributes);
    }

    /// Copies the value of a key into `value`; false if there is none. Both have the lengths of the map.
    pub fn look_up(&self, key: &[u8], value: &mut [u8]) -> bool {
        if key.len() != self.key || value.len() != self.value {
            return false;
        }
        let mut attributes = [0u64; ATTRIBUTES];
        attributes[0] = words(self.fd.as_raw_fd() as u32, 0);
        attributes[1] = key.as_ptr() as u64;
        attributes[2] = value.as_mut_ptr() as u64;
        call(MAP_LOOKUP, &mut attributes).is_ok()
    }
}

/// When a program attached to a cgroup runs.
#[derive(Clone, Copy)]
pub enum Moment {
    /// A socket is given a packet, after the firewall has let it through. The program sees it from its network header on.
    Ingress = 0,
    /// A socket is made; the program may give it a mark.
    Create = 2,
    Connect4 = 10,
    Connect6 = 11,
    /// A datagram is sent to an address that comes with it.
    Send4 = 14,
    Send6 = 15,
}

/// Lets a program run whenever something happens to a socket of any cgroup, for as long as the result is open. Fails with EINVAL
/// or EACCES if the kernel does not like the program.
pub fn attach_to_all(program: &[Instruction], moment: Moment) -> io::Result<OwnedFd> {
    let kind = match moment {
        Moment::Ingress => PROGRAM_CGROUP_PACKET,
        Moment::Create => PROGRAM_CGROUP_SOCKET,
        _ => PROGRAM_CGROUP_ADDRESS,
    };
    let program = load(kind, moment as u32, program)?;
    let root = cgroup_root()?;
    let mut attributes = [0u64; ATTRIBUTES];
    attributes[0] = words(program.as_raw_fd() as u32, root.as_raw_fd() as u32);
    attributes[1] = words(moment as u32, 0);
    let fd = call(LINK_CREATE, &mut attributes)?;
    // SAFETY: the descriptor is new and owned by nobody else.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

/// The root of the cgroup hierarchy, wherever it is mounted, or if it is not (fsopen(2), fsmount(2)).
fn cgroup_root() -> io::Result<OwnedFd> {
    const CREATE: libc::c_long = 6;
    let kind = c"cgroup2";
    let nothing: libc::c_long = 0;
    // SAFETY: the name is a live C string; the descriptors are new and owned by nobody else.
    unsafe {
        let opened = libc::syscall(libc::SYS_fsopen, kind.as_ptr(), 1 as libc::c_long);
        let context = OwnedFd::from_raw_fd(check(opened as libc::c_int)?);
        let fd = libc::c_long::from(context.as_raw_fd());
        let made = libc::syscall(libc::SYS_fsconfig, fd, CREATE, nothing, nothing, nothing);
        check(made as libc::c_int)?;
        let mounted = libc::syscall(libc::SYS_fsmount, fd, 1 as libc::c_long, nothing);
        Ok(OwnedFd::from_raw_fd(check(mounted as libc::c_int)?))
    }
}

fn load(kind: u32, attach: u32, program: &[Instruction]) -> io::Result<OwnedFd> {
    let mut attributes = [0u64; ATTRIBUTES];
    attributes[0] = words(kind, program.len() as u32);
    attributes[1] = program.as_ptr() as u64;
    attributes[2] = LICENSE.as_ptr() as u64;
    attributes[8] = words(0, attach);
    let fd = call(PROGRAM_LOAD, &mut attributes)?;
    // SAFETY: the descriptor is new and owned by nobody else.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

fn words(low: u32, high: u32) -> u64 {
    let mut bytes = [0; 8];
    bytes[..4].copy_from_slice(&low.to_ne_bytes());
    bytes[4..].copy_from_slice(&high.to_ne_bytes());
    u64::from_ne_bytes(bytes)
}

fn call(command: libc::c_long, attributes: &mut [u64; ATTRIBUTES]) -> io::Result<libc::c_int> {
    // SAFETY: the attributes have the length given, and what they point to is alive and as long as the command takes it for.
    let result = unsafe {
        libc::syscall(
            libc::SYS_bpf,
            command,
            attributes.as_mut_ptr(),
            size_of::<[u64; ATTRIBUTES]>(),
        )
    };
    check(result as libc::c_int)
}

/// One instruction (Documentation/bpf/standardization/instruction-set.rst).
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
pub struct Instruction {
    code: u8,
    registers: u8,
    offset: i16,
    immediate: i32,
}

/// A register; `FRAME` points to the end of the program's memory.
pub type Register = u8;
pub const FRAME: Register = 10;

/// How many bytes are moved.
#[derive(Clone, Copy)]
pub enum Size {
    U8 = 0x10,
    U16 = 0x08,
    U32 = 0x00,
    U64 = 0x18,
}

/// Functions of the kernel (bpf-helpers(7)).
#[derive(Clone, Copy)]
pub enum Helper {
    MapLookUp = 1,
    MapUpdate = 2,
    MapDelete = 3,
    MonotonicNs = 5,
    ProcessId = 14,
    LoadBytes = 26,
    SocketCookie = 46,
    SetSocketOption = 49,
    NamespaceCookie = 122,
}

/// A program under construction. Its only jumps go forward: to a label that is placed later.
#[derive(Default)]
pub struct Assembler {
    program: Vec<Instruction>,
    jumps: Vec<(usize, &'static str)>,
}

impl Assembler {
    pub fn set(&mut self, to: Register, value: i32) {
        self.push(0xb7, to, 0, 0, value);
    }

    pub fn copy(&mut self, to: Register, from: Register) {
        self.push(0xbf, to, from, 0, 0);
    }

    pub fn add(&mut self, to: Register, value: i32) {
        self.push(0x07, to, 0, 0, value);
    }

    pub fn subtract(&mut self, to: Register, other: Register) {
        self.push(0x1f, to, other, 0, 0);
    }

    pub fn and(&mut self, to: Register, value: i32) {
        self.push(0x57, to, 0, 0, value);
    }

    pub fn shift_left(&mut self, to: Register, bits: i32) {
        self.push(0x67, to, 0, 0, bits);
    }

    pub fn shift_right(&mut self, to: Register, bits: i32) {
        self.push(0x77, to, 0, 0, bits);
    }

    /// Brings the low 16 bits into network order and clears the others.
    pub fn swap_into_network_order(&mut self, register: Register) {
        self.push(0xdc, register, 0, 0, 16);
    }

    pub fn load(&mut self, to: Register, from: Register, offset: i16, size: Size) {
        self.push(0x61 | size as u8, to, from, offset, 0);
    }

    pub fn store(&mut self, to: Register, offset: i16, from: Register, size: Size) {
        self.push(0x63 | size as u8, to, from, offset, 0);
    }

    pub fn set_long(&mut self, to: Register, value: u64) {
        self.push(0x18, to, 0, 0, value as i32);
        self.push(0, 0, 0, 0, (value >> 32) as i32);
    }

    /// Makes `to` the map.
    pub fn set_map(&mut self, to: Register, map: BorrowedFd) {
        self.push(0x18, to, 1, 0, map.as_raw_fd());
        self.push(0, 0, 0, 0, 0);
    }

    /// Calls a function with registers 1 to 5; its result is in 0, and 1 to 5 are lost.
    pub fn call(&mut self, helper: Helper) {
        self.push(0x85, 0, 0, 0, helper as i32);
    }

    pub fn jump(&mut self, label: &'static str) {
        self.jump_by(0x05, 0, 0, 0, label);
    }

    pub fn jump_if_equal(&mut self, register: Register, value: i32, label: &'static str) {
        self.jump_by(0x15, register, 0, value, label);
    }

    pub fn jump_unless_equal(&mut self, register: Register, value: i32, label: &'static str) {
        self.jump_by(0x55, register, 0, value, label);
    }

    pub fn jump_unless_same(&mut self, one: Register, other: Register, label: &'static str) {
        self.jump_by(0x5d, one, other, 0, label);
    }

    pub fn jump_if_less(&mut self, register: Register, value: i32, label: &'static str) {
        self.jump_by(0xa5, register, 0, value, label);
    }

    /// The jumps to this label so far lead here.
    pub fn place(&mut self, label: &'static str) {
        let here = self.program.len();
        let (come, others): (Vec<_>, Vec<_>) =
            self.jumps.drain(..).partition(|(_, name)| *name == label);
        for (from, _) in come {
            self.program[from].offset = (here - from - 1) as i16;
        }
        self.jumps = others;
    }

    pub fn exit(&mut self) {
        self.push(0x95, 0, 0, 0, 0);
    }

    pub fn finish(self) -> Vec<Instruction> {
        debug_assert!(self.jumps.is_empty());
        self.program
    }

    fn jump_by(&mut self, code: u8, to: Register, from: Register, value: i32, label: &'static str) {
        self.jumps.push((self.program.len(), label));
        self.push(code, to, from, 0, value);
    }

    fn push(&mut self, code: u8, to: Register, from: Register, offset: i16, immediate: i32) {
        self.program.push(Instruction {
            code,
            registers: to | from << 4,
            offset,
            immediate,
        });
    }
}
