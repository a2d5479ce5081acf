//! Whose what wants to be told is, and whether more than one user is about: alone, a user may have all of JavaScript's time.

use crate::engine::dns_desk::Asker;
use crate::engine::flow::Tuple;
use crate::engine::owner::Owner;
use std::collections::HashMap;
use std::net::SocketAddr;

/// How long it is remembered whose a socket is, and of how many.
const MEMORY_MS: u64 = 1_000;
const MOST_REMEMBERED: usize = 1_024;
/// How long an owner counts after it has wanted something, at least.
const ABOUT_MS: u64 = 2_000;

#[derive(Default)]
pub struct Askers {
    remembered: HashMap<(bool, SocketAddr), Owner>,
    remembered_since: u64,
    /// The last two different ones, the last first, and when that was.
    last: Option<(Owner, u64)>,
    other: Option<(Owner, u64)>,
}

impl Askers {
    /// Whose the socket is that asks. All that are forwarded are one: addresses cost them nothing.
    pub fn owner_of(&mut self, asker: Asker, ends: Tuple, now: u64) -> Owner {
        let is_old = now.saturating_sub(self.remembered_since) >= MEMORY_MS;
        if is_old || self.remembered.len() >= MOST_REMEMBERED {
            self.remembered.clear();
            self.remembered_since = now;
        }
        let is_tcp = matches!(asker, Asker::Tcp(_));
        *self
            .remembered
            .entry((is_tcp, ends.client))
            .or_insert_with(|| {
                let owner = if is_tcp {
                    Owner::of_tcp(ends.client, ends.destination)
                } else {
                    Owner::of_udp(ends.client, ends.destination)
                };
                owner.charged().last().unwrap_or(owner)
            })
    }

    /// An owner wants something.
    pub fn note(&mut self, owner: Owner, now: u64) {
        if let Some(last) = self.last
            && last.0 != owner
        {
            self.other = Some(last);
        }
        self.last = Some((owner, now));
    }

    /// Whether there was more than one lately.
    pub fn are_several(&self, now: u64) -> bool {
        self.other
            .is_some_and(|(_, at)| now.saturating_sub(at) < ABOUT_MS)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_user_is_alone_until_another_comes_and_some_time_after_it() {
        let (anna, bert) = (Owner::User(1), Owner::User(2));
        let mut askers = Askers::default();
        for now in 0..10 {
            askers.note(anna, now);
            assert!(!askers.are_several(now));
        }
        askers.note(bert, 10);
        assert!(askers.are_several(10));
        askers.note(anna, 11);
        assert!(askers.are_several(ABOUT_MS + 9));
        askers.note(anna, ABOUT_MS + 9);
        assert!(!askers.are_several(ABOUT_MS + 10));
    }
}
