//! What the files of processes tell (proc(5)): who there is, whose child, and which sockets each has.

use std::fs;
use std::io;

/// The children of a process (proc_pid_task_children(5)); none where the kernel does not tell.
pub fn pids_of_children(pid: u32) -> Vec<u32> {
    let tasks = fs::read_dir(format!("/proc/{pid}/task"));
    let lists = tasks
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|task| fs::read_to_string(task.path().join("children")).ok());
    lists
        .flat_map(|list| {
            let pids = list.split_whitespace().filter_map(|pid| pid.parse().ok());
            pids.collect::<Vec<u32>>()
        })
        .collect()
}

/// Parent of a process; `None` when it is gone.
pub fn parent_of(pid: u32) -> Option<u32> {
    stat_field(pid, 4).map(|parent| parent as u32)
}

pub fn pids() -> Vec<u32> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    let names = entries.map(|entry| entry.file_name());
    names
        .filter_map(|name| name.to_str()?.parse().ok())
        .collect()
}

/// Inodes of the sockets a process holds; empty if that may not be read.
pub fn socket_inodes(pid: u32) -> Vec<u32> {
    sockets_of(pid)
        .into_iter()
        .map(|(_, inode)| inode)
        .collect()
}

/// Descriptors and inodes of the sockets a process holds; empty if that may not be read.
pub fn sockets_of(pid: u32) -> Vec<(u32, u32)> {
    let entries = fs::read_dir(format!("/proc/{pid}/fd"))
        .into_iter()
        .flatten()
        .flatten();
    entries
        .filter_map(|entry| {
            let fd = entry.file_name().to_str()?.parse().ok()?;
            Some((fd, socket_at(pid, fd)?))
        })
        .collect()
}

/// The inode of the socket at a descriptor; `None` if none is there.
pub fn socket_at(pid: u32, fd: u32) -> Option<u32> {
    let target = fs::read_link(format!("/proc/{pid}/fd/{fd}")).ok()?;
    let inode = target
        .to_str()?
        .strip_prefix("socket:[")?
        .strip_suffix(']')?;
    inode.parse().ok()
}

/// Start time in clock ticks since boot.
pub fn start_time(pid: u32) -> Option<u64> {
    stat_field(pid, 22)
}

/// A numeric field of `/proc/PID/stat`, counted from 1 as in proc(5), after the name.
pub fn stat_field(pid: u32, number: usize) -> Option<u64> {
    let stat: io::Result<String> = fs::read_to_string(format!("/proc/{pid}/stat"));
    // The name may contain anything, also parentheses and spaces.
    let (_, fields) = stat.as_ref().ok()?.rsplit_once(") ")?;
    fields.split(' ').nth(number - 3)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parents() {
        assert_eq!(
            parent_of(std::process::id()),
            Some(std::os::unix::process::parent_id())
        );
        assert_eq!(parent_of(u32::MAX), None);
    }
}
