//! Answers about ways, kept until the kernel says that something has changed. Bounded; the least recent give way.

use std::collections::HashMap;
use std::hash::Hash;

/// Answers kept at most: two generations of this size.
const GENERATION: usize = 2_048;
/// How long an answer counts (milliseconds) if nothing is heard: the choice between IPv6 routers by their reachability
/// (RFC 4191, 3.2) changes without a notice.
const MAX_AGE_MS: u64 = 10_000;
/// Some notices come just before what they tell of (an IPv4 route that is deleted): for so long nothing is kept.
const SETTLE_MS: u64 = 20;

/// A bounded map that is emptied by any change.
pub struct Cache<K, V> {
    young: HashMap<K, (V, u64)>,
    old: HashMap<K, (V, u64)>,
    settled_at: u64,
}

impl<K: Hash + Eq + Copy, V: Copy> Cache<K, V> {
    pub fn new() -> Self {
        Self {
            young: HashMap::new(),
            old: HashMap::new(),
            settled_at: 0,
        }
    }

    /// What was kept is over.
    pub fn clear(&mut self, now: u64) {
        self.young.clear();
        self.old.clear();
        self.settled_at = now + SETTLE_MS;
    }

    pub fn get(&mut self, key: &K, now: u64) -> Option<V> {
        let (value, asked) = match self.young.get(key) {
            Some(kept) => *kept,
            None => {
                let kept = self.old.remove(key)?;
                self.insert(*key, kept);
                kept
            }
        };
        (now.saturating_sub(asked) < MAX_AGE_MS).then_some(value)
    }

    /// Keeps what was asked at `now`.
    pub fn put(&mut self, key: K, value: V, now: u64) {
        if now >= self.settled_at {
            self.insert(key, (value, now));
        }
    }

    fn insert(&mut self, key: K, kept: (V, u64)) {
        if self.young.len() >= GENERATION {
            self.old = std::mem::take(&mut self.young);
        }
        self.young.insert(key, kept);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_is_asked_right_after_a_change_is_not_kept() {
        let mut cache = Cache::new();
        cache.put(1, 'a', 0);
        assert_eq!(cache.get(&1, 5), Some('a'));
        cache.clear(10);
        assert_eq!(cache.get(&1, 10), None);
        cache.put(1, 'b', 10 + SETTLE_MS - 1);
        assert_eq!(cache.get(&1, 10 + SETTLE_MS), None);
        cache.put(1, 'c', 10 + SETTLE_MS);
        assert_eq!(cache.get(&1, 10 + SETTLE_MS), Some('c'));
        assert_eq!(cache.get(&1, 10 + SETTLE_MS + MAX_AGE_MS), None);
    }

    #[test]
    fn what_is_in_use_stays_while_thousands_pass() {
        let mut cache = Cache::new();
        cache.put(0, 0, 0);
        for key in 1..20_000 {
            cache.put(key, key, 0);
            if key % 1_000 == 0 {
                assert_eq!(cache.get(&0, 0), Some(0));
            }
            assert!(cache.young.len() + cache.old.len() <= 2 * GENERATION);
        }
        assert_eq!(cache.get(&1, 0), None);
    }

    proptest! {
        /// Whatever is got was put last under its key, after the last change, and not long ago.
        #[test]
        fn no_answer_outlives_a_change(steps in prop::collection::vec((0u8..4, 0u8..6, 0u64..6_000), 0..80)) {
            let mut cache = Cache::new();
            let mut model: HashMap<u8, (usize, u64)> = HashMap::new();
            let (mut now, mut changed) = (1_000, 0);
            for (number, (step, key, passed)) in steps.into_iter().enumerate() {
                now += passed;
                match step {
                    0 => {
                        cache.clear(now);
                        model.clear();
                        changed = now;
                    }
                    1 | 2 => {
                        cache.put(key, number, now);
                        if now >= changed + SETTLE_MS || changed == 0 {
                            model.insert(key, (number, now));
                        }
                    }
                    _ => {
                        let known = model.get(&key).filter(|(_, asked)| now - asked < MAX_AGE_MS);
                        prop_assert_eq!(cache.get(&key, now), known.map(|(value, _)| *value));
                    }
                }
            }
        }
    }
}
