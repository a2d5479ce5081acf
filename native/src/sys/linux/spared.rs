//! Processes whose sockets get a mark when they are made, for as long as they are spared: proxies and resolvers on this machine
//! that choose their own way, which strict-route would refuse.

use crate::sys::bpf::{self, Assembler, FRAME, Helper, Instruction, LruMap, Moment, Size};
use std::io;
use std::os::fd::{BorrowedFd, OwnedFd};

/// Processes at once; of more the least recent give way.
const MAX_SPARED: u32 = 256;
/// Bytes of a process id, which is the key, and of a value, which says nothing.
const PID: usize = 4;
const NOTHING: [u8; 4] = [1, 0, 0, 0];

/// The marking of sockets; it ends when this is dropped.
pub struct Spared {
    map: LruMap,
    mark: u32,
    #[expect(dead_code, reason = "open")]
    program: OwnedFd,
    pids: Vec<u32>,
}

impl Spared {
    /// Nobody is spared yet. Fails where the kernel has no bpf(2) for cgroups.
    pub fn new(mark: u32) -> io::Result<Self> {
        let map = LruMap::new(PID, NOTHING.len(), MAX_SPARED)?;
        let program = bpf::attach_to_all(&mark_new_sockets(map.fd(), mark), Moment::Create)?;
        Ok(Self {
            map,
            mark,
            program,
            pids: Vec::new(),
        })
    }

    pub fn mark(&self) -> u32 {
        self.mark
    }

    /// These and no others are spared from now on. Ids are those of the first PID namespace; in another one they are nobody's,
    /// or somebody else's.
    pub fn set(&mut self, pids: Vec<u32>) -> io::Result<()> {
        for gone in self.pids.iter().filter(|pid| !pids.contains(pid)) {
            self.map.remove(&gone.to_ne_bytes());
        }
        for pid in &pids {
            self.map.insert(&pid.to_ne_bytes(), &NOTHING)?;
        }
        self.pids = pids;
        Ok(())
    }
}

/// Runs at socket(2) of every process.
fn mark_new_sockets(map: BorrowedFd, mark: u32) -> Vec<Instruction> {
    /// A field of `struct bpf_sock`.
    const MARK: i16 = 16;
    const PID_AT: i16 = -8;
    let mut code = Assembler::default();
    code.copy(6, 1);
    code.call(Helper::ProcessId);
    // The upper half is the process, the lower one the thread.
    code.shift_right(0, 32);
    code.store(FRAME, PID_AT, 0, Size::U32);
    code.set_map(1, map);
    code.copy(2, FRAME);
    code.add(2, i32::from(PID_AT));
    code.call(Helper::MapLookUp);
    code.jump_if_equal(0, 0, "out");
    code.set(2, mark as i32);
    code.store(6, MARK, 2, Size::U32);
    code.place("out");
    code.set(0, 1);
    code.exit();
    code.finish()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys::socket;
    use std::net::{TcpListener, UdpSocket};
    use std::os::fd::AsFd;

    #[test]
    fn new_sockets_of_spared_processes_have_the_mark_others_none() {
        const MARK: u32 = 0x4d4a;
        let Ok(mut spared) = Spared::new(MARK) else {
            return eprintln!("not to be tested without bpf(2)");
        };
        let marks = || {
            let datagram = UdpSocket::bind("127.0.0.1:0").unwrap();
            let stream = TcpListener::bind("[::1]:0").unwrap();
            [datagram.as_fd(), stream.as_fd()].map(|each| socket::mark(each).unwrap())
        };
        let own = std::process::id();
        let before = UdpSocket::bind("127.0.0.1:0").unwrap();
        spared.set(vec![own ^ 1]).unwrap();
        assert_eq!(marks(), [0, 0]);
        spared.set(vec![own ^ 1, own]).unwrap();
        if marks() == [0, 0] {
            return eprintln!("not to be tested in a PID namespace");
        }
        assert_eq!(marks(), [MARK, MARK]);
        assert_eq!(socket::mark(before.as_fd()).unwrap(), 0);
        spared.set(vec![own ^ 1]).unwrap();
        assert_eq!(marks(), [0, 0]);
        spared.set(vec![own]).unwrap();
        drop(spared);
        assert_eq!(marks(), [0, 0]);
    }
}
