//! Errors as JavaScript sees them: `code` is the name of an errno.

use napi::Error;
use std::io;

/// The `code` property.
#[derive(Debug, Clone)]
pub struct Code(&'static str);

impl AsRef<str> for Code {
    fn as_ref(&self) -> &str {
        self.0
    }
}

/// Result of a synchronous function.
pub type Result<T> = std::result::Result<T, Error<Code>>;

/// An argument that makes no sense.
pub fn invalid(message: impl ToString) -> Error<Code> {
    Error::new(Code("EINVAL"), message.to_string())
}

/// There is no such thing (any more).
pub fn missing(message: impl ToString) -> Error<Code> {
    Error::new(Code("ENOENT"), message.to_string())
}

/// A conversion that failed: the argument has the wrong type.
pub fn mistyped(error: Error) -> Error<Code> {
    invalid(error.reason.clone())
}

/// A failed system call; `what` begins the message.
pub fn system(what: &str, error: &io::Error) -> Error<Code> {
    let code = Code(code_of(error));
    Error::new(code.clone(), format!("{}: {what}: {error}", code.0))
}

/// Name of an error's errno.
fn code_of(error: &io::Error) -> &'static str {
    match error.raw_os_error().unwrap_or(libc::EIO) {
        libc::EACCES => "EACCES",
        libc::EADDRINUSE => "EADDRINUSE",
        libc::EADDRNOTAVAIL => "EADDRNOTAVAIL",
        libc::EAFNOSUPPORT => "EAFNOSUPPORT",
        libc::EAGAIN => "EAGAIN",
        libc::EBADF => "EBADF",
        libc::EBUSY => "EBUSY",
        libc::ECONNABORTED => "ECONNABORTED",
        libc::ECONNREFUSED => "ECONNREFUSED",
        libc::ECONNRESET => "ECONNRESET",
        libc::EDESTADDRREQ => "EDESTADDRREQ",
        libc::EEXIST => "EEXIST",
        libc::EHOSTUNREACH => "EHOSTUNREACH",
        libc::EINVAL => "EINVAL",
        libc::EMFILE => "EMFILE",
        libc::ENETDOWN => "ENETDOWN",
        libc::ENETUNREACH => "ENETUNREACH",
        libc::ENFILE => "ENFILE",
        libc::ENOBUFS => "ENOBUFS",
        libc::ENODEV => "ENODEV",
        libc::ENOENT => "ENOENT",
        libc::ENOMEM => "ENOMEM",
        libc::ENOTCONN => "ENOTCONN",
        libc::ENOTSOCK => "ENOTSOCK",
        libc::ENXIO => "ENXIO",
        libc::EOPNOTSUPP => "EOPNOTSUPP",
        libc::EPERM => "EPERM",
        libc::ETIMEDOUT => "ETIMEDOUT",
        _ => "EIO",
    }
}
