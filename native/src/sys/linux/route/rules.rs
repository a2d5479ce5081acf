//! What the kernel's rules of routing look at (RTM_GETRULE, rtnetlink(7)), whoever made them.

use super::super::netlink::{self, Attributes, Netlink};
use std::io;

const RTM_GETRULE: u16 = 34;
/// Bytes of `struct fib_rule_hdr`.
const RULE_MESSAGE: usize = 12;
const FRA_UID_RANGE: u16 = 20;

/// Whether a rule of either IP version is for some users only.
pub fn look_at_users() -> io::Result<bool> {
    let mut is_any = false;
    for family in [libc::AF_INET, libc::AF_INET6] {
        let mut body = vec![0; RULE_MESSAGE];
        body[0] = family as u8;
        let request = netlink::request(RTM_GETRULE, libc::NLM_F_DUMP as u16, &body);
        let asked = Netlink::open(libc::NETLINK_ROUTE)?
            .ask(&request, &mut |rule| is_any |= looks_at_users(rule));
        match asked.as_ref().map_err(io::Error::raw_os_error) {
            // The kernel knows no rules of this version, or the version itself not.
            Err(Some(libc::EOPNOTSUPP | libc::EAFNOSUPPORT)) => {}
            _ => asked?,
        }
    }
    Ok(is_any)
}

fn looks_at_users(rule: &[u8]) -> bool {
    let attributes = rule.get(RULE_MESSAGE..).unwrap_or_default();
    Attributes(attributes).any(|(kind, _)| kind == FRA_UID_RANGE)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_range_of_users_is_seen_wherever_it_stands() {
        let rule = |kinds: &[u16]| {
            let mut rule = vec![0; RULE_MESSAGE];
            for kind in kinds {
                netlink::push_attribute(&mut rule, *kind, &[1, 0, 0, 0, 2, 0, 0, 0]);
            }
            rule
        };
        assert!(looks_at_users(&rule(&[FRA_UID_RANGE])));
        assert!(looks_at_users(&rule(&[15, FRA_UID_RANGE, 14])));
        assert!(!looks_at_users(&rule(&[15, 14])) && !looks_at_users(&rule(&[])));
    }

    #[test]
    fn the_kernel_answers() {
        look_at_users().unwrap();
    }

    proptest! {
        #[test]
        fn any_answer_is_survived(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            looks_at_users(&bytes);
        }
    }
}
