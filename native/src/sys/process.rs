//! Limits and signals of the process and its threads.

use super::check;

/// Raises the soft limit of open descriptors to the hard one (setrlimit(2)); failing leaves it as it was.
pub fn raise_descriptor_limit() {
    let mut limit = libc::rlimit {
        rlim_cur: 0,
        rlim_max: 0,
    };
    // SAFETY: the pointer is to a live rlimit in both calls.
    unsafe {
        if check(libc::getrlimit(libc::RLIMIT_NOFILE, &mut limit)).is_ok() {
            limit.rlim_cur = limit.rlim_max;
            libc::setrlimit(libc::RLIMIT_NOFILE, &limit);
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

/// Keeps every signal away from the calling thread: they are the JavaScript thread's, and SIGPIPE is nobody's.
pub fn block_signals() {
    // SAFETY: the set is initialised by sigfillset before it is used.
    unsafe {
        let mut set = std::mem::zeroed();
        libc::sigfillset(&mut set);
        libc::pthread_sigmask(libc::SIG_BLOCK, &set, std::ptr::null_mut());
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
