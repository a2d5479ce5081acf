//! Questions to port 53 that JavaScript has not answered yet.

use crate::engine::flow::Tuple;
use crate::engine::owner::Owner;
use crate::slab::Key;
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// How long an answer is waited for: resolvers ask again long before.
const TIMEOUT_MS: u64 = 30_000;
/// Questions that may wait at once; beyond it the oldest of whoever has most gives way.
const MAX_WAITING: usize = 8_192;

/// Where an answer goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asker {
    Udp(Tuple),
    Tcp(Key),
}

struct Waiting {
    since: u64,
    asker: Asker,
    owner: Option<Owner>,
}

/// The waiting questions.
pub struct DnsDesk {
    /// The oldest have the lowest tokens.
    waiting: BTreeMap<u64, Waiting>,
    /// The tokens of those that are somebody's.
    by_owner: HashMap<Owner, BTreeSet<u64>>,
    /// How many are nobody's: they came while few were asked, and nothing more is kept of these.
    unowned: usize,
    last_token: u64,
    /// Connections that owe an answer no more: the question was forgotten.
    forgotten: Vec<Key>,
}

impl DnsDesk {
    /// Gives out tokens after `last_token`.
    pub fn new(last_token: u64) -> Self {
        Self {
            waiting: BTreeMap::new(),
            by_owner: HashMap::new(),
            unowned: 0,
            last_token,
            forgotten: Vec::new(),
        }
    }

    /// The token that was given out last.
    pub fn last_token(&self) -> u64 {
        self.last_token
    }

    /// Notes a question; its token, one more than the last, is given back with its answer.
    pub fn ask(&mut self, asker: Asker, owner: Option<Owner>, now: u64) -> u64 {
        while let Some((token, oldest)) = self.waiting.first_key_value() {
            if now.saturating_sub(oldest.since) < TIMEOUT_MS {
                break;
            }
            let token = *token;
            self.forget(token);
        }
        if self.waiting.len() >= MAX_WAITING
            && let Some(oldest) = self.oldest_of_greatest()
        {
            self.forget(oldest);
        }
        self.last_token += 1;
        let waiting = Waiting {
            since: now,
            asker,
            owner,
        };
        self.waiting.insert(self.last_token, waiting);
        match owner {
            None => self.unowned += 1,
            Some(owner) => {
                let tokens = self.by_owner.entry(owner).or_default();
                tokens.insert(self.last_token);
            }
        }
        self.last_token
    }

    /// The longest waiting question of whoever has most.
    fn oldest_of_greatest(&self) -> Option<u64> {
        let greatest = self.by_owner.values().max_by_key(|tokens| tokens.len());
        match greatest {
            Some(tokens) if tokens.len() > self.unowned => tokens.first().copied(),
            _ => {
                let mut all = self.waiting.iter();
                all.find(|(_, waiting)| waiting.owner.is_none())
                    .map(|(token, _)| *token)
            }
        }
    }

    /// The connections whose questions were forgotten since, one for each question.
    pub fn take_forgotten(&mut self) -> Vec<Key> {
        std::mem::take(&mut self.forgotten)
    }

    fn forget(&mut self, token: u64) {
        if let Some(Asker::Tcp(key)) = self.take(token) {
            self.forgotten.push(key);
        }
    }

    /// Who asked; `None` for an unknown, answered or forgotten token.
    pub fn take(&mut self, token: u64) -> Option<Asker> {
        let Waiting { asker, owner, .. } = self.waiting.remove(&token)?;
        match owner {
            None => self.unowned -= 1,
            Some(owner) => {
                if let Some(tokens) = self.by_owner.get_mut(&owner) {
                    tokens.remove(&token);
                    if tokens.is_empty() {
                        self.by_owner.remove(&owner);
                    }
                }
            }
        }
        Some(asker)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_find_their_asker_once() {
        let mut desk = DnsDesk::new(0);
        let asker = Asker::Tcp(Key::unpack(1));
        let token = desk.ask(asker, None, 0);
        assert_eq!(desk.take(token), Some(asker));
        assert_eq!(desk.take(token), None);
    }

    #[test]
    fn questions_are_bounded_in_time_and_number() {
        let mut desk = DnsDesk::new(0);
        let asker = Asker::Tcp(Key::unpack(1));
        let old = desk.ask(asker, None, 0);
        let first = desk.ask(asker, None, TIMEOUT_MS);
        assert_eq!(desk.take(old), None);
        assert_eq!(desk.take_forgotten(), [Key::unpack(1)]);
        for _ in 0..MAX_WAITING {
            desk.ask(asker, None, TIMEOUT_MS);
        }
        assert_eq!(desk.take(first), None);
        assert_eq!(desk.take_forgotten(), [Key::unpack(1)]);
        assert_eq!(desk.waiting.len(), MAX_WAITING);
    }

    #[test]
    fn where_most_are_nobodys_the_oldest_of_these_gives_way() {
        let mut desk = DnsDesk::new(0);
        let asker = Asker::Tcp(Key::unpack(1));
        let owned = desk.ask(asker, Some(Owner::User(1_000)), 0);
        let first = desk.ask(asker, None, 0);
        for _ in 0..MAX_WAITING - 1 {
            desk.ask(asker, None, 0);
        }
        assert_eq!(desk.waiting.len(), MAX_WAITING);
        assert_eq!(desk.take(first), None);
        assert_eq!(desk.take(owned), Some(asker));
        assert_eq!(desk.unowned, MAX_WAITING - 1);
    }

    #[test]
    fn a_flood_pushes_out_its_own_questions() {
        let mut desk = DnsDesk::new(0);
        let asker = Asker::Tcp(Key::unpack(1));
        let honest = desk.ask(asker, Some(Owner::User(1_000)), 0);
        let first = desk.ask(asker, Some(Owner::User(4_321)), 0);
        for _ in 0..3 * MAX_WAITING {
            desk.ask(asker, Some(Owner::User(4_321)), 1);
        }
        assert_eq!((desk.take(first), desk.take(honest)), (None, Some(asker)));
        while let Some((token, _)) = desk.waiting.first_key_value() {
            desk.take(*token);
        }
        assert!(desk.by_owner.is_empty());
    }
}
