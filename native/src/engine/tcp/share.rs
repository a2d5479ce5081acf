//! How many TCP connections there may be, and whose they are. Who opens one is asked of the kernel only when there are many: below
//! a quarter of all there is nothing to share out, and connecting stays as fast as it is. Beyond it each new one has two of the
//! earlier ones asked about as well, so that all have an owner before there is no room.

use crate::engine::fair_share::FairShare;
use crate::engine::owner::Owner;
use crate::slab::Key;
use crate::sys::process;
use std::collections::{BTreeSet, HashMap, VecDeque};

/// Connections that may be open at once where the limit of descriptors allows them; each has two.
const MOST: usize = 65_536;
/// Descriptors that are left to the helper itself, and for what UDP and pipes take before connections have made room.
const RESERVED: usize = 8_192;
/// Of fewer descriptors one in sixteen is left, but never less than this.
const LEAST_RESERVED: usize = 512;
/// Never fewer connections, however low the limit is.
const LEAST: usize = 256;

/// Who has how many.
pub struct TcpShares {
    /// Descriptors of connections, pipes and UDP together.
    descriptors: usize,
    least: usize,
    most: usize,
    open: usize,
    places: FairShare,
    /// Connections of nobody knows whom.
    unknown: BTreeSet<Key>,
    known: HashMap<Owner, Connections>,
    /// Connections of hosts, in the order in which their owners were asked for; some may be open or gone by now.
    opening: VecDeque<Key>,
}

/// Those of one owner.
#[derive(Default)]
struct Connections {
    all: BTreeSet<Key>,
    /// Of some, when they were last touched, and which, the longest idle last. Older than what is known now.
    idle: Vec<(u64, Key)>,
}

impl TcpShares {
    /// By the process's limit of descriptors.
    pub fn new() -> Self {
        Self::of(process::descriptor_limit())
    }

    fn of(limit: usize) -> Self {
        let reserved = (limit / 16).clamp(LEAST_RESERVED, RESERVED);
        Self::with(limit.saturating_sub(reserved), LEAST)
    }

    /// Of so many descriptors.
    pub fn with(descriptors: usize, least: usize) -> Self {
        Self {
            descriptors,
            least,
            most: (descriptors / 2).clamp(least, MOST),
            open: 0,
            places: FairShare::default(),
            unknown: BTreeSet::new(),
            known: HashMap::new(),
            opening: VecDeque::new(),
        }
    }

    /// Open connections.
    pub fn open(&self) -> usize {
        self.open
    }

    /// Leaves so many descriptors to others. Whether there are more connections now than may be.
    pub fn leave(&mut self, descriptors: usize) -> bool {
        let left = self.descriptors.saturating_sub(descriptors) / 2;
        self.most = left.clamp(self.least, MOST);
        self.open > self.most
    }

    /// Whether it matters whose a new connection is.
    pub fn is_scarce(&self) -> bool {
        self.open >= self.most / 4
    }

    /// Whether there is no room for another.
    pub fn is_full(&self) -> bool {
        self.open >= self.most
    }

    /// Counts a connection, of `owner` if that was asked.
    pub fn add(&mut self, key: Key, owner: Option<Owner>) {
        self.open += 1;
        match owner {
            Some(owner) => self.add_known(key, owner),
            None => {
                self.unknown.insert(key);
            }
        }
    }

    fn add_known(&mut self, key: Key, owner: Owner) {
        self.places.add(owner, 1);
        self.known.entry(owner).or_default().all.insert(key);
        if matches!(owner, Owner::Host(_)) {
            if self.opening.len() >= MOST {
                self.opening.pop_front();
            }
            self.opening.push_back(key);
        }
    }

    /// Takes a connection out, which belongs to `owner` if that was asked.
    pub fn remove(&mut self, key: Key, owner: Option<Owner>) {
        self.open -= 1;
        match owner {
            Some(owner) => {
                self.places.remove(owner, 1);
                if let Some(connections) = self.known.get_mut(&owner) {
                    connections.all.remove(&key);
                    if connections.all.is_empty() {
                        self.known.remove(&owner);
                    }
                }
            }
            None => {
                self.unknown.remove(&key);
            }
        }
    }

    /// A connection of nobody knows whom, which is to be `identify`ed.
    pub fn unknown(&self) -> Option<Key> {
        self.unknown.first().copied()
    }

    /// Counts a connection of nobody knows whom for its owner.
    pub fn identify(&mut self, key: Key, owner: Owner) {
        if self.unknown.remove(&key) {
            self.add_known(key, owner);
        }
    }

    /// Whose connection gives way to a new one of `owner`, or to something else.
    pub fn giver(&self, owner: Option<Owner>) -> Option<Owner> {
        match owner {
            Some(owner) => self.places.giver(owner),
            None => self.places.greatest(),
        }
    }

    /// Whether a host that has nothing may have the place of another's connection that has not opened yet: sources may be invented,
    /// and then they all have one, so that nobody has more than another.
    pub fn may_have_unopened(&self, owner: Owner) -> bool {
        matches!(owner, Owner::Host(_)) && self.places.of(owner) == 0
    }

    /// The connections of hosts, each once, about the oldest first. They may have opened since, or be gone.
    pub fn next_opening(&mut self) -> Option<Key> {
        self.opening.pop_front()
    }

    /// The owner's connection that was idle for longest when they were sorted, and when it was last touched then; it is returned
    /// once. If it has not been touched since, it is so still.
    pub fn longest_idle(&mut self, owner: Owner) -> Option<(u64, Key)> {
        self.known.get_mut(&owner)?.idle.pop()
    }

    /// Sorts the connections of an owner by when each was last `touched`. Those that were idle for longest are kept, so that the
    /// work is a matter of what the owner has, and comes once for as many as give way.
    pub fn sort(&mut self, owner: Owner, touched: impl Fn(Key) -> Option<u64>) {
        let Some(connections) = self.known.get_mut(&owner) else {
            return;
        };
        let keys = connections.all.iter();
        let mut all: Vec<(u64, Key)> = keys
            .filter_map(|key| Some((touched(*key)?, *key)))
            .collect();
        let kept = (all.len() / 16).max(64);
        if all.len() > kept {
            all.select_nth_unstable(kept);
            all.truncate(kept);
            all.shrink_to_fit();
        }
        all.sort_unstable_by(|a, b| b.cmp(a));
        connections.idle = all;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::Cell;
    use std::net::Ipv4Addr;

    fn key(number: usize) -> Key {
        Key::unpack(number as u64)
    }

    #[test]
    fn one_user_may_have_all_and_gives_half_to_the_next() {
        let mut shares = TcpShares::with(2_000, 0);
        for number in 0..1_000 {
            assert!(!shares.is_full());
            let owner = shares.is_scarce().then_some(Owner::User(1));
            shares.add(key(number), owner);
        }
        assert!(shares.is_full());
        while let Some(key) = shares.unknown() {
            shares.identify(key, Owner::User(1));
        }
        assert_eq!(shares.giver(Some(Owner::User(1))), None);
        let mut given = 0;
        while let Some(giver) = shares.giver(Some(Owner::User(2))) {
            shares.remove(key(given), Some(giver));
            shares.add(key(1_000 + given), Some(Owner::User(2)));
            given += 1;
            assert_eq!(shares.open(), 1_000);
        }
        assert_eq!(given, 500);
    }

    #[test]
    fn the_longest_idle_is_found_among_many() {
        let mut shares = TcpShares::with(20_000, 0);
        let touched = |number: usize| (number as u64 * 7_919) % 10_007;
        for number in 0..5_000 {
            shares.add(key(number), Some(Owner::User(1)));
        }
        shares.sort(Owner::User(1), |key| Some(touched(key.pack() as usize)));
        let mut expected: Vec<u64> = (0..5_000).map(touched).collect();
        expected.sort_unstable();
        let found: Vec<u64> =
            std::iter::from_fn(|| Some(shares.longest_idle(Owner::User(1))?.0)).collect();
        assert_eq!(found, expected[..312]);
    }

    #[test]
    fn many_owners_with_as_much_as_each_other_cost_what_each_has() {
        let mut shares = TcpShares::with(8_000, 0);
        let host = |number: usize| Owner::Host(Ipv4Addr::from_bits(number as u32).into());
        for number in 0..4_000 {
            shares.add(key(number), Some(host(number % 40)));
        }
        let looked = Cell::new(0);
        let touched = |key: Key| {
            looked.set(looked.get() + 1);
            Some(key.pack())
        };
        for round in 0..2_000 {
            let giver = shares.giver(Some(Owner::User(1))).unwrap();
            let found = shares.longest_idle(giver).or_else(|| {
                shares.sort(giver, touched);
                shares.longest_idle(giver)
            });
            shares.remove(found.unwrap().1, Some(giver));
            shares.add(key(10_000 + round), Some(Owner::User(1)));
        }
        assert_eq!(shares.giver(Some(Owner::User(1))), None);
        // Each owner's connections once: the table as a whole was gone through no more than that.
        assert!(looked.get() <= 4_000, "{}", looked.get());
    }

    #[test]
    fn what_others_take_of_the_descriptors_is_left_to_them() {
        let mut shares = TcpShares::of(20_000);
        assert_eq!(shares.most, 9_375);
        for number in 0..9_000 {
            shares.add(key(number), None);
        }
        assert!(!shares.leave(700));
        assert!(shares.leave(4_096 + 2_176));
        assert_eq!(shares.most, 6_239);
        assert!(!shares.leave(0) && !shares.is_full());
    }

    #[test]
    fn the_limit_of_descriptors_decides_within_bounds() {
        for (limit, expected) in [
            (0, LEAST),
            (1_024, LEAST),
            (9_300, 4_359),
            (20_000, 9_375),
            (262_144, MOST),
            (usize::MAX, MOST),
        ] {
            assert_eq!(TcpShares::of(limit).most, expected);
        }
    }
}
