//! What the kernel's rules of routing look at (RTM_GETRULE, rtnetlink(7)), whoever made them.

use super::super::netlink::{self, Attributes, Netlink};
use std::io;

const RTM_GETRULE: u16 = 34;
/// Bytes of `struct fib_rule_hdr`.
const RULE_MESSAGE: usize = 12;
const FRA_UID_RANGE: u16 = 20;
const FRA_SPORT_RANGE: u16 = 23;

/// What of a sender rules look at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sights {
    /// `uidrange` of ip-rule(8).
    pub users: bool,
    /// `sport`.
    pub source_ports: bool,
}

impl Sights {
    pub const ALL: Self = Self {
        users: true,
        source_ports: true,
    };

    fn add(&mut self, rule: &[u8]) {
        let attributes = rule.get(RULE_MESSAGE..).unwrap_or_default();
        for (kind, _) in Attributes(attributes) {
            self.users |= kind == FRA_UID_RANGE;
            self.source_ports |= kind == FRA_SPORT_RANGE;
        }
    }
}

/// What the rules of both IP versions look at.
pub fn sights() -> io::Result<Sights> {
    let mut sights = Sights::default();
    for family in [libc::AF_INET, libc::AF_INET6] {
        let mut body = vec![0; RULE_MESSAGE];
        body[0] = family as u8;
        let request = netlink::request(RTM_GETRULE, libc::NLM_F_DUMP as u16, &body);
        let asked = Netlink::open(libc::NETLINK_ROUTE)?.ask(&request, &mut |rule| sights.add(rule));
        match asked.as_ref().map_err(io::Error::raw_os_error) {
            // The kernel knows no rules of this version, or the version itself not.
            Err(Some(libc::EOPNOTSUPP | libc::EAFNOSUPPORT)) => {}
            _ => asked?,
        }
    }
    Ok(sights)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn ranges_of_users_and_source_ports_are_seen_wherever_they_stand() {
        let rule = |kinds: &[u16]| {
            let mut rule = vec![0; RULE_MESSAGE];
            for kind in kinds {
                netlink::push_attribute(&mut rule, *kind, &[1, 0, 0, 0, 2, 0, 0, 0]);
            }
            let mut sights = Sights::default();
            sights.add(&rule);
            (sights.users, sights.source_ports)
        };
        assert_eq!(rule(&[FRA_UID_RANGE]), (true, false));
        assert_eq!(rule(&[15, FRA_UID_RANGE, 14]), (true, false));
        assert_eq!(rule(&[15, FRA_SPORT_RANGE]), (false, true));
        assert_eq!(rule(&[15, 14, 24]), (false, false));
        assert_eq!(rule(&[]), (false, false));
    }

    #[test]
    fn the_kernel_answers() {
        sights().unwrap();
    }

    proptest! {
        #[test]
        fn any_answer_is_survived(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            Sights::default().add(&bytes);
        }
    }
}
