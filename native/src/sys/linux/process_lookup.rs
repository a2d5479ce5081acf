//! Which process owns a socket: an exact INET_DIAG request, then inode to process among its user's processes (proc(5)).

use super::known_servers::KnownServers;
use super::process_files::{pids, socket_at, socket_inodes, sockets_of, start_time};
use crate::shared::lock;
use crate::sys::process::{block_signals, raise_priority};
use crate::sys::sock_diag;
use std::collections::HashMap;
use std::fs;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::os::unix::fs::MetadataExt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;
use std::sync::mpsc::{Sender, channel};
use std::time::{Duration, Instant};

/// How long a question may take, from the asking. A rule about programs does not match where it cannot be told, so a busy machine is
/// given time, while the connection is held.
const DEADLINE: Duration = Duration::from_millis(500);
/// Inodes remembered; beyond it all are forgotten.
const MAX_CACHED: usize = 16_384;
/// Processes that were found last, and descriptors of each at which their sockets were.
const MAX_RECENT: usize = 8;
const MAX_RECENT_FDS: usize = 16;
/// How long a description holds without being read again: a process may become another program (execve(2)).
const DESCRIBED_FOR: Duration = Duration::from_millis(100);

/// A process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Owner {
    pub pid: u32,
    pub uid: u32,
    /// `/proc/PID/comm`
    pub name: String,
    /// `/proc/PID/exe`, empty if it cannot be read.
    pub path: String,
}

type Job = Box<dyn FnOnce(&mut Lookup) + Send>;

/// The functions of the addon have no object to belong to, so their thread is the process's.
static JOBS: Mutex<Option<Sender<Job>>> = Mutex::new(None);

/// Finds the owner of the local end of a connection; `None` if it cannot be told in time. Whether it is one of those that
/// `find_listeners` has found is told in any case: their own flows and questions must not come back to them.
pub fn find_owner(
    protocol: i32,
    local: SocketAddr,
    remote: SocketAddr,
    done: Box<dyn FnOnce(Option<Owner>) + Send>,
) {
    let asked = Instant::now();
    run(Box::new(move |lookup| {
        let is_late = asked.elapsed() >= DEADLINE;
        let found = if is_late && lookup.servers.is_empty() {
            None
        } else {
            sock_diag::find(protocol, local, remote).ok().flatten()
        };
        let owner = found.filter(|socket| socket.inode != 0).and_then(|socket| {
            if is_late {
                return describe(lookup.servers.owner_of(socket.inode, asked)?);
            }
            lookup.owner_of(socket.inode, socket.uid, asked)
        });
        done(owner);
    }));
}

/// Finds all processes that hold a socket listening at an address and port, or at its wildcard.
pub fn find_listeners(address: IpAddr, port: u16, done: Box<dyn FnOnce(Vec<Owner>) + Send>) {
    run(Box::new(move |lookup| {
        let sockets = sock_diag::listeners(address, port).unwrap_or_default();
        let inodes: Vec<u32> = sockets.iter().map(|socket| socket.inode).collect();
        let mut owners = Vec::new();
        for pid in pids() {
            if socket_inodes(pid)
                .iter()
                .any(|inode| inodes.contains(inode))
            {
                owners.extend(describe(pid));
            }
        }
        let pids: Vec<u32> = owners.iter().map(|owner| owner.pid).collect();
        lookup.servers.note(address, port, &pids);
        done(owners);
    }));
}

fn run(job: Job) {
    let mut jobs = lock(&JOBS);
    if jobs.is_none() {
        *jobs = start().ok();
    }
    match jobs.as_ref() {
        Some(sender) => {
            // The thread holds the other end for as long as the process lives.
            let _ = sender.send(job);
        }
        // No thread to be had: rather a short wait here than a promise without an end.
        None => job(&mut Lookup::default()),
    }
}

fn start() -> io::Result<Sender<Job>> {
    let (sender, receiver) = channel::<Job>();
    let thread = std::thread::Builder::new().name("mirage-lookup".into());
    thread.spawn(move || {
        block_signals();
        // A program that has just connected may be gone in a moment: others can wait for so little work.
        raise_priority();
        let mut lookup = Lookup::default();
        for job in receiver {
            if catch_unwind(AssertUnwindSafe(|| job(&mut lookup))).is_err() {
                lookup = Lookup::default();
            }
        }
    })?;
    Ok(sender)
}

/// What earlier questions have shown.
#[derive(Default)]
struct Lookup {
    /// Owner by inode: process number and its start time, without which a reused number would deceive.
    cache: HashMap<u32, (u32, u64)>,
    /// The last found first.
    recent: Vec<Recent>,
    servers: KnownServers,
}

/// A process that opened a socket lately. Who does that does it again, and at the same descriptors: the kernel gives the
/// lowest that is free (open(2)). One readlink then tells what a scan of all processes would.
struct Recent {
    owner: Owner,
    /// The user of its sockets, who need not be that of the process.
    socket_uid: u32,
    described: Instant,
    fds: Vec<u32>,
}

impl Recent {
    /// Where among its likely descriptors this socket is.
    fn find(&self, inode: u32) -> Option<u32> {
        let next = self.fds.iter().max().map_or(0, |highest| highest + 1);
        let likely = self.fds.iter().copied().chain([next, next + 1]);
        likely
            .into_iter()
            .find(|fd| socket_at(self.owner.pid, *fd) == Some(inode))
    }

    fn note(&mut self, fd: u32) {
        self.fds.retain(|known| *known != fd);
        self.fds.insert(0, fd);
        self.fds.truncate(MAX_RECENT_FDS);
    }
}

impl Lookup {
    /// Looks where sockets of this user were found before.
    fn recent_owner(&mut self, inode: u32, uid: u32) -> Option<Owner> {
        let mut candidates = self.recent.iter().enumerate();
        let (at, fd) = candidates.find_map(|(at, recent)| {
            let fd = (recent.socket_uid == uid).then(|| recent.find(inode))??;
            Some((at, fd))
        })?;
        let mut recent = self.recent.remove(at);
        if recent.described.elapsed() > DESCRIBED_FOR {
            recent.owner = describe(recent.owner.pid)?;
            recent.described = Instant::now();
        }
        recent.note(fd);
        let owner = recent.owner.clone();
        self.recent.insert(0, recent);
        Some(owner)
    }

    fn remember(&mut self, owner: &Owner, inode: u32, socket_uid: u32) {
        let sockets = sockets_of(owner.pid);
        let Some(fd) = sockets.iter().find(|(_, at)| *at == inode) else {
            return;
        };
        let before = self
            .recent
            .iter()
            .position(|known| known.owner.pid == owner.pid && known.socket_uid == socket_uid);
        let mut recent = match before {
            Some(at) => self.recent.remove(at),
            None => Recent {
                owner: owner.clone(),
                socket_uid,
                described: Instant::now(),
                fds: Vec::new(),
            },
        };
        recent.note(fd.0);
        self.recent.insert(0, recent);
        self.recent.truncate(MAX_RECENT);
    }

    fn owner_of(&mut self, inode: u32, uid: u32, asked: Instant) -> Option<Owner> {
        if let Some(owner) = self.recent_owner(inode, uid) {
            return Some(owner);
        }
        if let Some((pid, started)) = self.cache.get(&inode).copied()
            && start_time(pid) == Some(started)
            && let Some(owner) = describe(pid)
        {
            return Some(owner);
        }
        // Servers may have thousands of sockets: they are read only for what the scan does not find, or finds too late.
        let pid = self
            .servers
            .known_owner_of(inode, asked)
            .or_else(|| self.scan(inode, uid, asked + DEADLINE))
            .or_else(|| self.servers.owner_of(inode, asked))
            .or_else(|| is_ours(inode).then(std::process::id))?;
        let owner = describe(pid)?;
        self.remember(&owner, inode, uid);
        Some(owner)
    }

    /// Looks through the processes of a user, newest first, remembering every socket it passes.
    fn scan(&mut self, inode: u32, uid: u32, deadline: Instant) -> Option<u32> {
        let mut pids = pids();
        pids.sort_unstable_by(|left, right| right.cmp(left));
        for pid in pids {
            if Instant::now() >= deadline {
                return None;
            }
            let is_theirs =
                fs::metadata(format!("/proc/{pid}")).is_ok_and(|data| data.uid() == uid);
            if !is_theirs {
                continue;
            }
            let inodes = socket_inodes(pid);
            let Some(started) = start_time(pid).filter(|_| !inodes.is_empty()) else {
                continue;
            };
            if self.cache.len() + inodes.len() > MAX_CACHED {
                self.cache.clear();
            }
            self.cache
                .extend(inodes.iter().map(|inode| (*inode, (pid, started))));
            if inodes.contains(&inode) {
                return Some(pid);
            }
        }
        None
    }
}

/// Whether a socket is of this process, which opens them for others (`process::as_user`).
fn is_ours(inode: u32) -> bool {
    socket_inodes(std::process::id()).contains(&inode)
}

fn describe(pid: u32) -> Option<Owner> {
    let uid = fs::metadata(format!("/proc/{pid}")).ok()?.uid();
    let name = fs::read_to_string(format!("/proc/{pid}/comm")).ok()?;
    let path = fs::read_link(format!("/proc/{pid}/exe")).unwrap_or_default();
    Some(Owner {
        pid,
        uid,
        name: name.trim_end_matches('\n').to_owned(),
        path: path.to_string_lossy().into_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::{TcpListener, TcpStream};
    use std::sync::mpsc;

    fn ask(local: SocketAddr, remote: SocketAddr) -> Option<Owner> {
        let (sender, receiver) = mpsc::channel();
        let done = Box::new(move |owner| sender.send(owner).unwrap());
        find_owner(libc::IPPROTO_TCP, local, remote, done);
        receiver.recv().unwrap()
    }

    #[test]
    fn finds_this_process_with_and_without_cache() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let stream = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (local, remote) = (stream.local_addr().unwrap(), listener.local_addr().unwrap());
        for _ in 0..2 {
            // On a busy machine an answer may be late, and so none.
            let owner = std::iter::repeat_with(|| ask(local, remote))
                .take(100)
                .find_map(|owner| owner)
                .unwrap();
            assert_eq!(owner.pid, std::process::id());
            assert!(owner.path.starts_with('/'), "{owner:?}");
        }
        assert_eq!(ask(local, SocketAddr::new(remote.ip(), 9)), None);

        let (sender, receiver) = mpsc::channel();
        let done = Box::new(move |owners: Vec<Owner>| sender.send(owners).unwrap());
        find_listeners(remote.ip(), remote.port(), done);
        let pids: Vec<u32> = receiver
            .recv()
            .unwrap()
            .iter()
            .map(|owner| owner.pid)
            .collect();
        assert_eq!(pids, [std::process::id()]);
    }

    #[test]
    fn one_that_opens_sockets_again_is_found_without_a_scan() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let mut lookup = Lookup::default();
        let inode_of = |stream: &TcpStream| {
            let local = stream.local_addr().unwrap();
            let found = sock_diag::find(libc::IPPROTO_TCP, local, address);
            found.unwrap().unwrap()
        };
        let first = TcpStream::connect(address).unwrap();
        let socket = inode_of(&first);
        assert_eq!(lookup.recent_owner(socket.inode, socket.uid), None);
        let asked = Instant::now() + Duration::from_secs(5);
        let owner = lookup.owner_of(socket.inode, socket.uid, asked);
        assert_eq!(owner.unwrap().pid, std::process::id());
        // No time is left for a scan: what is still known is known from before.
        let past = Instant::now() - DEADLINE;
        let again = lookup.owner_of(socket.inode, socket.uid, past).unwrap();
        assert_eq!(again.pid, std::process::id());
        // The descriptor alone is no proof: neither of another socket at it, nor of another user's.
        // (No socket of another test has this inode; a neighbour's number may well be taken.)
        assert_eq!(lookup.recent_owner(u32::MAX, socket.uid), None);
        assert_eq!(lookup.recent_owner(socket.inode, socket.uid ^ 1), None);
    }

    #[test]
    fn servers_are_read_only_for_what_a_scan_does_not_find() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let stream = TcpStream::connect(address).unwrap();
        let local = stream.local_addr().unwrap();
        let socket = sock_diag::find(libc::IPPROTO_TCP, local, address);
        let socket = socket.unwrap().unwrap();
        let later = Instant::now() + Duration::from_secs(5);
        let mut lookup = Lookup::default();
        let own = std::process::id();
        lookup.servers.note(address.ip(), address.port(), &[own]);
        let owner = lookup.owner_of(socket.inode, socket.uid, later);
        assert_eq!(owner.unwrap().pid, own);
        assert!(!lookup.servers.was_read());
        // One that has given up its user since (setuid(2)), and one that is asked for too late.
        let past = Instant::now() - DEADLINE;
        for (uid, asked) in [(socket.uid ^ 1, later), (socket.uid, past)] {
            let mut lookup = Lookup::default();
            lookup.servers.note(address.ip(), address.port(), &[own]);
            let owner = lookup.owner_of(socket.inode, uid, asked);
            assert_eq!(owner.unwrap().pid, own);
            assert!(lookup.servers.was_read());
        }
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        let owner = |pid| Owner {
            pid,
            uid: 0,
            name: String::new(),
            path: String::new(),
        };
        let mut recent = Recent {
            owner: owner(1),
            socket_uid: 0,
            described: Instant::now(),
            fds: Vec::new(),
        };
        for fd in 0..1000 {
            recent.note(fd % 300);
        }
        assert_eq!(recent.fds.len(), MAX_RECENT_FDS);
        assert_eq!(recent.fds[0], 99);
    }
}
