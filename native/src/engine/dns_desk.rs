//! Questions to port 53 that JavaScript has not answered yet.

use crate::engine::flow::Tuple;
use crate::slab::Key;
use std::collections::BTreeMap;

/// How long an answer is waited for: resolvers ask again long before.
const TIMEOUT_MS: u64 = 30_000;
/// Questions that may wait at once; the oldest give way.
pub const MAX_WAITING: usize = 8_192;

/// Where an answer goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asker {
    Udp(Tuple),
    Tcp(Key),
}

/// The waiting questions.
pub struct DnsDesk {
    /// When each was asked, and where its answer goes; the oldest have the lowest tokens.
    waiting: BTreeMap<u64, (u64, Asker)>,
    last_token: u64,
}

impl DnsDesk {
    /// Gives out tokens after `last_token`.
    pub fn new(last_token: u64) -> Self {
        Self {
            waiting: BTreeMap::new(),
            last_token,
        }
    }

    /// The token that was given out last.
    pub fn last_token(&self) -> u64 {
        self.last_token
    }

    /// Notes a question; its token, one more than the last, is given back with its answer.
    pub fn ask(&mut self, asker: Asker, now: u64) -> u64 {
        while let Some(oldest) = self.waiting.first_entry() {
            let is_old = now.saturating_sub(oldest.get().0) >= TIMEOUT_MS;
            if !is_old && self.waiting.len() < MAX_WAITING {
                break;
            }
            self.waiting.pop_first();
        }
        self.last_token += 1;
        self.waiting.insert(self.last_token, (now, asker));
        self.last_token
    }

    /// Who asked; `None` for an unknown, answered or forgotten token.
    pub fn take(&mut self, token: u64) -> Option<Asker> {
        self.waiting.remove(&token).map(|(_, asker)| asker)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_find_their_asker_once() {
        let mut desk = DnsDesk::new(0);
        let asker = Asker::Tcp(Key::unpack(1));
        let token = desk.ask(asker, 0);
        assert_eq!(desk.take(token), Some(asker));
        assert_eq!(desk.take(token), None);
    }

    #[test]
    fn questions_are_bounded_in_time_and_number() {
        let mut desk = DnsDesk::new(0);
        let asker = Asker::Tcp(Key::unpack(1));
        let old = desk.ask(asker, 0);
        let first = desk.ask(asker, TIMEOUT_MS);
        assert_eq!(desk.take(old), None);
        for _ in 0..MAX_WAITING {
            desk.ask(asker, TIMEOUT_MS);
        }
        assert_eq!(desk.take(first), None);
        assert_eq!(desk.waiting.len(), MAX_WAITING);
    }
}
