//! Control messages of sendmsg(2) and recvmsg(2) (cmsg(3)): what goes beside the bytes of a datagram.

use crate::packet::ip::Treatment;
use std::mem::size_of;

/// Room for the control messages of one call.
pub(super) const CONTROL: usize = 256;

/// Control messages under construction or as received.
#[repr(C, align(8))]
pub(super) struct Control {
    pub(super) bytes: [u8; CONTROL],
    pub(super) length: usize,
}

impl Control {
    pub(super) fn new() -> Self {
        Self {
            bytes: [0; CONTROL],
            length: 0,
        }
    }

    /// Appends a message; the few that are ever sent together fit.
    pub(super) fn push<T: Copy>(&mut self, level: libc::c_int, kind: libc::c_int, value: T) {
        // SAFETY: CMSG_SPACE and CMSG_LEN are arithmetic.
        let (space, whole) = unsafe {
            (
                libc::CMSG_SPACE(size_of::<T>() as u32) as usize,
                libc::CMSG_LEN(size_of::<T>() as u32) as usize,
            )
        };
        if self.length + space > CONTROL {
            return;
        }
        let header = libc::cmsghdr {
            cmsg_len: whole as _,
            cmsg_level: level,
            cmsg_type: kind,
        };
        let data = size_of::<libc::cmsghdr>();
        // SAFETY: `space` bytes from `length` on are inside the buffer, which is aligned for the header at multiples of 8,
        // and the value is written without regard to its alignment.
        unsafe {
            let at = self.bytes.as_mut_ptr().add(self.length);
            at.cast::<libc::cmsghdr>().write(header);
            at.add(data).cast::<T>().write_unaligned(value);
        }
        self.length += space;
    }

    /// What differs from the usual. A hop limit of 0 would be refused.
    pub(super) fn push_treatment(&mut self, treatment: Treatment, is_ipv4: bool) {
        let (level, service, hops) = if is_ipv4 {
            (libc::IPPROTO_IP, libc::IP_TOS, libc::IP_TTL)
        } else {
            let level = libc::IPPROTO_IPV6;
            (level, libc::IPV6_TCLASS, libc::IPV6_HOPLIMIT)
        };
        if treatment.service != Treatment::USUAL.service {
            self.push(level, service, libc::c_int::from(treatment.service));
        }
        if treatment.hops != Treatment::USUAL.hops {
            self.push(level, hops, libc::c_int::from(treatment.hops.max(1)));
        }
    }

    /// Calls `each` with level, type and data of every message that is whole.
    pub(super) fn each(&self, mut each: impl FnMut(libc::c_int, libc::c_int, &[u8])) {
        let head = size_of::<libc::cmsghdr>();
        let mut at = 0;
        while at + head <= self.length {
            // SAFETY: the header is inside what the kernel has written, at a multiple of 8.
            let header = unsafe { self.bytes.as_ptr().add(at).cast::<libc::cmsghdr>().read() };
            let whole = header.cmsg_len;
            if whole < head || at + whole > self.length {
                return;
            }
            each(
                header.cmsg_level,
                header.cmsg_type,
                &self.bytes[at + head..at + whole],
            );
            at += whole.next_multiple_of(8);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KIND: libc::c_int = 103;

    #[test]
    fn control_messages_are_read_as_they_were_written() {
        let mut control = Control::new();
        control.push(libc::SOL_UDP, KIND, 1200u16);
        control.push(libc::IPPROTO_IP, libc::IP_TTL, 64 as libc::c_int);
        let mut seen = Vec::new();
        control.each(|level, kind, data| seen.push((level, kind, data.to_vec())));
        assert_eq!(
            seen,
            [
                (libc::SOL_UDP, KIND, 1200u16.to_ne_bytes().to_vec()),
                (libc::IPPROTO_IP, libc::IP_TTL, 64i32.to_ne_bytes().to_vec()),
            ]
        );
    }
}
