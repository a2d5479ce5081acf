//! Thin wrappers of system calls: the only place, beside the addon's glue, with `unsafe` code. No policy.

mod address;
#[cfg(target_os = "linux")]
mod linux;
pub mod socket;

#[cfg(target_os = "linux")]
pub use linux::*;
use std::io;

/// The result of a system call that reports failure by a negative value.
pub fn check(result: libc::c_int) -> io::Result<libc::c_int> {
    if result < 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(result)
}

/// The same for calls that return a byte count.
pub fn check_size(result: libc::ssize_t) -> io::Result<usize> {
    if result < 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(result as usize)
}

/// Whether an error only means "not now" (EAGAIN).
pub fn would_block(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::WouldBlock
}
