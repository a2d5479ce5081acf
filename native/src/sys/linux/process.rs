//! Limits and signals of the process and its threads.

use crate::sys::check;

/// Descriptors that suffice: 65,536 connections have two each, and there is room for the rest.
const ENOUGH: libc::rlim_t = 262_144;

/// Raises the limits of open descriptors to what suffices, as far as rights and fs.nr_open allow, and the soft one to the hard one
/// in any case (setrlimit(2)). What fails leaves them as they were.
pub fn raise_descriptor_limit() {
    let mut limit = libc::rlimit {
        rlim_cur: 0,
        rlim_max: 0,
    };
    // SAFETY: the pointer is to a live rlimit.
    if check(unsafe { libc::getrlimit(libc::RLIMIT_NOFILE, &mut limit) }).is_err() {
        return;
    }
    for most in [limit.rlim_max.max(ENOUGH), limit.rlim_max] {
        let raised = libc::rlimit {
            rlim_cur: most,
            rlim_max: most,
        };
        // SAFETY: the pointer is to a live rlimit.
        if check(unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, &raised) }).is_ok() {
            return;
        }
    }
}

/// How many descriptors this process may have (getrlimit(2)); 0 if that cannot be told.
pub fn descriptor_limit() -> usize {
    let mut limit = libc::rlimit {
        rlim_cur: 0,
        rlim_max: 0,
    };
    // SAFETY: the pointer is to a live rlimit.
    match check(unsafe { libc::getrlimit(libc::RLIMIT_NOFILE, &mut limit) }) {
        Ok(_) => usize::try_from(limit.rlim_cur).unwrap_or(usize::MAX),
        Err(_) => 0,
    }
}

/// Runs `open` with the file rights of a user (setfsuid(2), of the calling thread alone): a socket made meanwhile is that user's to
/// routing rules and firewalls (`uidrange` of ip-rule(8), `skuid` of nft(8)). Without rights to it, or a user, it is our own.
pub fn as_user<T>(user: Option<u32>, open: impl FnOnce() -> T) -> T {
    let own = own_user();
    let Some(user) = user.filter(|user| *user != own) else {
        return open();
    };
    let _back = FileRights(own);
    // SAFETY: no memory is involved.
    unsafe { libc::setfsuid(user) };
    open()
}

/// Whose file rights the thread has again when this is dropped.
struct FileRights(u32);

impl Drop for FileRights {
    fn drop(&mut self) {
        // SAFETY: no memory is involved.
        unsafe { libc::setfsuid(self.0) };
    }
}

/// The user of this process.
pub fn own_user() -> u32 {
    // SAFETY: no memory is involved, and it cannot fail.
    unsafe { libc::geteuid() }
}

/// Keeps every signal away from the calling thread: they are the JavaScript thread's, and SIGPIPE is nobody's.
pub fn block_signals() {
    // SAFETY: the set is initialised by sigfillset before it is used.
    unsafe {
        let mut set = std::mem::zeroed();
        libc::sigfillset(&mut set);
        libc::pthread_sigmask(libc::SIG_BLOCK, &set, std::ptr::null_mut());
    }
}

/// Has the calling thread run before others that wait (setpriority(2), where 0 is the calling thread); failing leaves it as it
/// was.
pub fn raise_priority() {
    // SAFETY: no memory is involved.
    unsafe {
        libc::setpriority(libc::PRIO_PROCESS, 0, -10);
    }
}

/// Milliseconds of the monotonic clock.
pub fn monotonic_ms() -> u64 {
    let mut time = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    // SAFETY: the pointer is to a live timespec; CLOCK_MONOTONIC always exists.
    unsafe { libc::clock_gettime(libc::CLOCK_MONOTONIC, &mut time) };
    time.tv_sec as u64 * 1000 + time.tv_nsec as u64 / 1_000_000
}

/// Version of the running kernel (uname(2)): major and minor number.
pub fn kernel_version() -> Option<(u32, u32)> {
    // SAFETY: all-zero bytes are a valid utsname, and the pointer is to a live one.
    let name = unsafe {
        let mut name: libc::utsname = std::mem::zeroed();
        check(libc::uname(&mut name)).ok()?;
        name
    };
    let bytes: Vec<u8> = name.release.iter().map(|byte| *byte as u8).collect();
    let text = String::from_utf8_lossy(&bytes);
    let mut numbers = text.split(|each: char| !each.is_ascii_digit());
    Some((numbers.next()?.parse().ok()?, numbers.next()?.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys::socket;
    use std::os::fd::AsFd;

    #[test]
    fn a_socket_for_a_user_is_that_users_and_the_next_one_is_ours() {
        let own = own_user();
        let made_as = |user| {
            let open = || socket::open_family(libc::AF_INET, libc::SOCK_DGRAM, 0).unwrap();
            socket::user(as_user(user, open).as_fd()).unwrap()
        };
        // Only root may make them for others.
        let others = if own == 0 { [1, 65_534] } else { [own; 2] };
        for user in others {
            assert_eq!([made_as(Some(user)), made_as(None)], [user, own]);
        }
        let panicked = std::panic::catch_unwind(|| as_user(Some(1), || panic!("on purpose")));
        assert!(panicked.is_err());
        assert_eq!([made_as(Some(own)), made_as(None)], [own; 2]);
    }

    #[test]
    fn the_soft_limit_is_the_hard_one_or_what_suffices() {
        raise_descriptor_limit();
        let mut limit = libc::rlimit {
            rlim_cur: 0,
            rlim_max: 0,
        };
        // SAFETY: the pointer is to a live rlimit.
        unsafe { libc::getrlimit(libc::RLIMIT_NOFILE, &mut limit) };
        assert_eq!(limit.rlim_cur, limit.rlim_max);
        assert_eq!(descriptor_limit() as u64, limit.rlim_cur);
    }
}
