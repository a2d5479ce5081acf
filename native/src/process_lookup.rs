//! Which process owns a socket: an exact INET_DIAG request, then inode to process among its user's processes (proc(5)).

use crate::shared::lock;
use crate::sock_diag;
use crate::sys::process::block_signals;
use std::collections::HashMap;
use std::fs;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::os::unix::fs::MetadataExt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;
use std::sync::mpsc::{Sender, channel};
use std::time::{Duration, Instant};

/// How long a question may take, from the asking.
const DEADLINE: Duration = Duration::from_millis(20);
/// Inodes remembered; beyond it all are forgotten.
const MAX_CACHED: usize = 16_384;

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

/// Finds the owner of the local end of a connection; `None` if it cannot be told in time.
pub fn find_owner(
    protocol: i32,
    local: SocketAddr,
    remote: SocketAddr,
    done: Box<dyn FnOnce(Option<Owner>) + Send>,
) {
    let deadline = Instant::now() + DEADLINE;
    run(Box::new(move |lookup| {
        let is_late = Instant::now() >= deadline;
        let found = if is_late {
            None
        } else {
            sock_diag::find(protocol, local, remote).ok().flatten()
        };
        let owner = found
            .filter(|socket| socket.inode != 0)
            .and_then(|socket| lookup.owner_of(socket.inode, socket.uid, deadline));
        done(owner);
    }));
}

/// Finds all processes that hold a socket listening at an address and port, or at its wildcard.
pub fn find_listeners(address: IpAddr, port: u16, done: Box<dyn FnOnce(Vec<Owner>) + Send>) {
    run(Box::new(move |_| {
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
        done(owners);
    }));
}

/// Parent of a process; `None` when it is gone.
pub fn parent_of(pid: u32) -> Option<u32> {
    stat_field(pid, 4).map(|parent| parent as u32)
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
}

impl Lookup {
    fn owner_of(&mut self, inode: u32, uid: u32, deadline: Instant) -> Option<Owner> {
        if let Some((pid, started)) = self.cache.get(&inode).copied()
            && start_time(pid) == Some(started)
            && let Some(owner) = describe(pid)
        {
            return Some(owner);
        }
        let pid = self.scan(inode, uid, deadline)?;
        describe(pid)
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

fn pids() -> Vec<u32> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    let names = entries.map(|entry| entry.file_name());
    names
        .filter_map(|name| name.to_str()?.parse().ok())
        .collect()
}

/// Inodes of the sockets a process holds; empty if that may not be read.
fn socket_inodes(pid: u32) -> Vec<u32> {
    let entries = fs::read_dir(format!("/proc/{pid}/fd"))
        .into_iter()
        .flatten()
        .flatten();
    entries
        .filter_map(|entry| {
            let target = fs::read_link(entry.path()).ok()?;
            let inode = target
                .to_str()?
                .strip_prefix("socket:[")?
                .strip_suffix(']')?;
            inode.parse().ok()
        })
        .collect()
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

/// Start time in clock ticks since boot.
fn start_time(pid: u32) -> Option<u64> {
    stat_field(pid, 22)
}

/// A numeric field of `/proc/PID/stat`, counted from 1 as in proc(5), after the name.
fn stat_field(pid: u32, number: usize) -> Option<u64> {
    let stat: io::Result<String> = fs::read_to_string(format!("/proc/{pid}/stat"));
    // The name may contain anything, also parentheses and spaces.
    let (_, fields) = stat.as_ref().ok()?.rsplit_once(") ")?;
    fields.split(' ').nth(number - 3)?.parse().ok()
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
            let owner = ask(local, remote).unwrap();
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
    fn parents() {
        assert_eq!(
            parent_of(std::process::id()),
            Some(std::os::unix::process::parent_id())
        );
        assert_eq!(parent_of(u32::MAX), None);
    }
}
