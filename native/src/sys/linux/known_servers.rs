//! Processes that were found to listen where a proxy or resolver is configured, and their children: whether a socket is one of
//! theirs can be told exactly however busy the machine is, for only their descriptors are read (proc(5)).

use super::process_files::{pids_of_children, socket_inodes, start_time};
use std::collections::HashMap;
use std::net::IpAddr;
use std::time::Instant;

/// Places that are remembered; the one that was told least recently is forgotten.
const MAX_PLACES: usize = 32;
/// Processes looked into, children included.
const MAX_PROCESSES: usize = 64;

/// Who listens at one place: process numbers and start times, without which a reused number would deceive.
struct Place {
    address: IpAddr,
    port: u16,
    processes: Vec<(u32, u64)>,
}

#[derive(Default)]
pub struct KnownServers {
    places: Vec<Place>,
    /// Whose each of their sockets was, and when that was read.
    sockets: Option<(Instant, HashMap<u32, u32>)>,
}

impl KnownServers {
    /// Takes down who listens at a place now.
    pub fn note(&mut self, address: IpAddr, port: u16, pids: &[u32]) {
        self.places
            .retain(|place| (place.address, place.port) != (address, port));
        self.sockets = None;
        let processes: Vec<(u32, u64)> = pids
            .iter()
            // The first process keeps sockets for services that it starts later; its children are everything.
            .filter(|pid| **pid > 1)
            .filter_map(|pid| Some((*pid, start_time(*pid)?)))
            .collect();
        if processes.is_empty() {
            return;
        }
        if self.places.len() >= MAX_PLACES {
            self.places.remove(0);
        }
        self.places.push(Place {
            address,
            port,
            processes,
        });
    }

    pub fn is_empty(&self) -> bool {
        self.places.is_empty()
    }

    /// The same as `owner_of`, if nothing has to be read for it.
    pub fn known_owner_of(&self, inode: u32, since: Instant) -> Option<u32> {
        let (read, sockets) = self.sockets.as_ref()?;
        if *read < since {
            return None;
        }
        sockets.get(&inode).copied()
    }

    /// Whether their sockets were read since they were noted.
    #[cfg(test)]
    pub fn was_read(&self) -> bool {
        self.sockets.is_some()
    }

    /// The process among them that has a socket. `since`: the socket was there by then, so what was read later tells for sure, and
    /// thousands of questions that have waited are answered by one reading.
    pub fn owner_of(&mut self, inode: u32, since: Instant) -> Option<u32> {
        if self.is_empty() {
            return None;
        }
        if self.sockets.as_ref().is_none_or(|(read, _)| *read < since) {
            self.sockets = Some((Instant::now(), self.read()));
        }
        let (_, sockets) = self.sockets.as_ref()?;
        sockets.get(&inode).copied()
    }

    fn read(&mut self) -> HashMap<u32, u32> {
        for place in &mut self.places {
            place
                .processes
                .retain(|(pid, started)| start_time(*pid) == Some(*started));
        }
        self.places.retain(|place| !place.processes.is_empty());
        let mut pids: Vec<u32> = Vec::new();
        let listening = self.places.iter().flat_map(|place| &place.processes);
        for (pid, _) in listening {
            if !pids.contains(pid) {
                pids.push(*pid);
            }
        }
        let mut at = 0;
        while at < pids.len() && pids.len() < MAX_PROCESSES {
            let children = pids_of_children(pids[at]);
            let new: Vec<u32> = children
                .into_iter()
                .filter(|it| !pids.contains(it))
                .collect();
            pids.extend(new);
            at += 1;
        }
        pids.truncate(MAX_PROCESSES);
        // A child has its parent's sockets between fork and exec: they are the parent's, which is put in last.
        pids.into_iter()
            .rev()
            .flat_map(|pid| {
                socket_inodes(pid)
                    .into_iter()
                    .map(move |inode| (inode, pid))
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::UdpSocket;
    use std::os::fd::AsRawFd;
    use std::os::unix::fs::MetadataExt;
    use std::process::{Command, Stdio};

    fn inode(socket: &UdpSocket) -> u32 {
        let path = format!("/proc/self/fd/{}", socket.as_raw_fd());
        std::fs::metadata(path).unwrap().ino() as u32
    }

    #[test]
    fn a_socket_of_theirs_is_told_however_late_it_is_asked_and_others_are_not() {
        let mut servers = KnownServers::default();
        let here: IpAddr = "127.0.0.1".parse().unwrap();
        let own = std::process::id();
        let first = UdpSocket::bind("127.0.0.1:0").unwrap();
        assert_eq!(servers.owner_of(inode(&first), Instant::now()), None);
        servers.note(here, 53, &[own]);
        assert_eq!(servers.owner_of(inode(&first), Instant::now()), Some(own));
        // One that came after the last reading is found as well: it is read again.
        let second = UdpSocket::bind("127.0.0.1:0").unwrap();
        assert_eq!(servers.owner_of(inode(&second), Instant::now()), Some(own));
        assert_eq!(servers.owner_of(1, Instant::now()), None);
        // Nobody listens there any more.
        servers.note(here, 53, &[]);
        assert_eq!(servers.owner_of(inode(&first), Instant::now()), None);
    }

    #[test]
    fn their_children_belong_to_them_and_the_dead_do_not() {
        let mut servers = KnownServers::default();
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        let of_child = inode(&socket);
        // A child's child, as a resolver has that forks for each connection; it holds the socket as its standard input.
        let mut shell = Command::new("sh")
            .args(["-c", "sleep 30 & echo ready; wait"])
            .stdin(Stdio::from(std::os::fd::OwnedFd::from(socket)))
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut ready = [0; 6];
        std::io::Read::read_exact(shell.stdout.as_mut().unwrap(), &mut ready).unwrap();
        let [child] = pids_of_children(shell.id())[..] else {
            panic!("one child");
        };
        // Its child had it as well before it got another standard input.
        for parent in [std::process::id(), shell.id()] {
            servers.note("127.0.0.1".parse().unwrap(), 53, &[parent]);
            assert_eq!(servers.owner_of(of_child, Instant::now()), Some(shell.id()));
        }
        // SAFETY: a process that this test has started.
        unsafe { libc::kill(child as i32, libc::SIGKILL) };
        shell.kill().unwrap();
        shell.wait().unwrap();
        assert_eq!(servers.owner_of(of_child, Instant::now()), None);
        assert!(servers.is_empty());
    }
}
