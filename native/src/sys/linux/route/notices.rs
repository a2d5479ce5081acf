//! Whether the kernel's choice of ways may have changed: the notices of rtnetlink(7), which the kernel queues before the
//! change's own system call returns. So to look into the queue is enough; nobody has to wait for a message to be read.

use crate::sys::{self, socket};
use std::io;
use std::os::fd::{AsFd, OwnedFd};

/// RTNLGRP_LINK, _IPV4_IFADDR, _IPV4_ROUTE, _IPV4_RULE, _IPV6_IFADDR, _IPV6_ROUTE, _IPV6_RULE, _IPV4_NETCONF, _IPV6_NETCONF and
/// _NEXTHOP (linux/rtnetlink.h). Neighbours are not among them: they change all the time and hardly ever a way.
const GROUPS: [libc::c_int; 10] = [1, 5, 7, 8, 9, 11, 19, 24, 25, 32];
/// Notices taken at once; what is left is found by the next look.
const BURST: usize = 256;
/// A kernel that does not know the group (before 5.3) has no next hops that change by themselves.
const OPTIONAL: [libc::c_int; 1] = [32];

/// A queue of notices. What does not fit is reported as an overflow, which counts as a notice.
pub struct Notices(OwnedFd);

impl Notices {
    pub fn open() -> io::Result<Self> {
        let fd = socket::open_family(libc::AF_NETLINK, libc::SOCK_RAW, libc::NETLINK_ROUTE)?;
        socket::bind_netlink(fd.as_fd())?;
        for group in GROUPS {
            let joined = socket::set_option(
                fd.as_fd(),
                libc::SOL_NETLINK,
                libc::NETLINK_ADD_MEMBERSHIP,
                group,
            );
            if !OPTIONAL.contains(&group) {
                joined?;
            }
        }
        Ok(Self(fd))
    }

    /// Whether something has changed since the last look.
    pub fn take(&self) -> bool {
        let mut is_any = false;
        let mut byte = [0; 1];
        for _ in 0..BURST {
            // The rest of a notice is cut off: what it says does not matter.
            match socket::receive(self.0.as_fd(), &mut byte, 0) {
                Ok(_) => is_any = true,
                Err(error) if sys::would_block(&error) => break,
                // ENOBUFS: more came than fits; the error is told once.
                Err(_) => is_any = true,
            }
        }
        is_any
    }
}
