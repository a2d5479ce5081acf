//! How much of the UDP tables a program may have, and which of its flows give way first.

use crate::engine::owner::Owner;
use crate::slab::Key;
use std::collections::{BTreeMap, HashMap};

/// Flows in all, and of one owner.
pub const MAX_FLOWS: usize = 16_384;
pub const OWNER_FLOWS: usize = MAX_FLOWS / 2;
/// Descriptors of outward sockets in all, and of one owner. An association with a proxy has two.
pub const MAX_SOCKETS: usize = 4_096;
pub const OWNER_SOCKETS: usize = MAX_SOCKETS / 2;
/// Bytes of datagrams that wait for a way out, in all and of one owner.
pub const MAX_KEPT: usize = 8 * 1024 * 1024;
pub const OWNER_KEPT: usize = MAX_KEPT / 2;

/// What a flow is worth: the least give way first, and a real conversation never does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Standing {
    /// Nothing has come back yet.
    OneWay,
    /// Something has.
    Answered,
    /// Several datagrams each way.
    Conversation,
}

/// Place in the order of giving way: the oldest of the lowest standing first.
pub type Rank = (Standing, u64);

#[derive(Default)]
struct Share {
    flows: usize,
    sockets: usize,
    kept: usize,
    yielding: BTreeMap<Rank, Key>,
}

/// All shares.
#[derive(Default)]
pub struct Shares {
    owners: HashMap<Owner, Share>,
    total: Share,
    serial: u64,
}

impl Shares {
    /// Counts a new flow.
    pub fn add_flow(&mut self, owner: Owner, key: Key) -> Rank {
        self.serial += 1;
        let rank = (Standing::OneWay, self.serial);
        let share = self.owners.entry(owner).or_default();
        share.flows += 1;
        share.yielding.insert(rank, key);
        self.total.flows += 1;
        rank
    }

    /// The rank of a flow whose standing may have risen.
    pub fn promote(&mut self, owner: Owner, rank: Rank, standing: Standing) -> Rank {
        if standing <= rank.0 {
            return rank;
        }
        let next = (standing, rank.1);
        if let Some(share) = self.owners.get_mut(&owner)
            && let Some(key) = share.yielding.remove(&rank)
            && standing < Standing::Conversation
        {
            share.yielding.insert(next, key);
        }
        next
    }

    /// Takes a flow out.
    pub fn remove_flow(&mut self, owner: Owner, rank: Rank) {
        self.total.flows -= 1;
        if let Some(share) = self.owners.get_mut(&owner) {
            share.flows -= 1;
            share.yielding.remove(&rank);
        }
        self.forget_idle(owner);
    }

    /// Whether another flow of `owner` has room without one that gives way.
    pub fn has_room_for_flow(&self, owner: Owner) -> bool {
        self.total.flows < MAX_FLOWS && self.of(owner).is_none_or(|it| it.flows < OWNER_FLOWS)
    }

    /// The same for `count` descriptors.
    pub fn has_room_for_sockets(&self, owner: Owner, count: usize) -> bool {
        self.total.sockets + count <= MAX_SOCKETS
            && self
                .of(owner)
                .is_none_or(|it| it.sockets + count <= OWNER_SOCKETS)
    }

    /// The flow that gives way to a new one of `owner` for want of flows: its own if its share is used up, else one of
    /// whoever has the most. `None`: there are only conversations.
    pub fn yielding_flow(&self, owner: Owner) -> Option<Key> {
        let own = self.of(owner);
        if own.is_some_and(|it| it.flows >= OWNER_FLOWS) {
            return own.and_then(first);
        }
        self.owners
            .values()
            .max_by_key(|it| it.flows)
            .and_then(first)
    }

    /// The same for want of descriptors.
    pub fn yielding_socket(&self, owner: Owner) -> Option<Key> {
        let own = self.of(owner);
        if own.is_some_and(|it| it.sockets + 2 > OWNER_SOCKETS) {
            return own.and_then(first);
        }
        self.owners
            .values()
            .max_by_key(|it| it.sockets)
            .and_then(first)
    }

    /// Counts descriptors that were opened.
    pub fn take_sockets(&mut self, owner: Owner, count: usize) {
        self.owners.entry(owner).or_default().sockets += count;
        self.total.sockets += count;
    }

    /// Counts descriptors that were closed.
    pub fn give_sockets(&mut self, owner: Owner, count: usize) {
        self.total.sockets -= count;
        if let Some(share) = self.owners.get_mut(&owner) {
            share.sockets -= count;
        }
        self.forget_idle(owner);
    }

    /// Whether so many bytes may be kept; they are counted if so.
    pub fn keep(&mut self, owner: Owner, bytes: usize) -> bool {
        let own = self.owners.entry(owner).or_default();
        if self.total.kept + bytes > MAX_KEPT || own.kept + bytes > OWNER_KEPT {
            return false;
        }
        own.kept += bytes;
        self.total.kept += bytes;
        true
    }

    /// Counts bytes that are kept no longer.
    pub fn release(&mut self, owner: Owner, bytes: usize) {
        self.total.kept -= bytes;
        if let Some(share) = self.owners.get_mut(&owner) {
            share.kept -= bytes;
        }
    }

    /// Descriptors in use.
    pub fn sockets(&self) -> usize {
        self.total.sockets
    }

    fn of(&self, owner: Owner) -> Option<&Share> {
        self.owners.get(&owner)
    }

    fn forget_idle(&mut self, owner: Owner) {
        if self
            .of(owner)
            .is_some_and(|it| it.flows == 0 && it.sockets == 0 && it.kept == 0)
        {
            self.owners.remove(&owner);
        }
    }
}

fn first(share: &Share) -> Option<Key> {
    share.yielding.first_key_value().map(|(_, key)| *key)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const ANNA: Owner = Owner::User(1000);
    const BERT: Owner = Owner::User(1001);

    #[test]
    fn the_oldest_one_way_flow_gives_way_and_a_conversation_never() {
        let mut shares = Shares::default();
        let ranks: Vec<Rank> = (0..3)
            .map(|n| shares.add_flow(ANNA, Key::unpack(n)))
            .collect();
        assert_eq!(shares.yielding_flow(ANNA), Some(Key::unpack(0)));
        let answered = shares.promote(ANNA, ranks[0], Standing::Answered);
        assert_eq!(shares.yielding_flow(ANNA), Some(Key::unpack(1)));
        shares.remove_flow(ANNA, ranks[1]);
        shares.promote(ANNA, ranks[2], Standing::Conversation);
        assert_eq!(shares.yielding_flow(ANNA), Some(Key::unpack(0)));
        shares.promote(ANNA, answered, Standing::Conversation);
        assert_eq!(shares.yielding_flow(ANNA), None);
    }

    #[test]
    fn who_has_the_most_gives_way_to_others() {
        let mut shares = Shares::default();
        for n in 0..OWNER_FLOWS {
            shares.add_flow(ANNA, Key::unpack(n as u64));
        }
        assert!(!shares.has_room_for_flow(ANNA) && shares.has_room_for_flow(BERT));
        shares.add_flow(BERT, Key::unpack(1 << 20));
        assert_eq!(shares.yielding_flow(BERT), Some(Key::unpack(0)));
        shares.take_sockets(ANNA, OWNER_SOCKETS);
        assert!(!shares.has_room_for_sockets(ANNA, 1) && shares.has_room_for_sockets(BERT, 2));
        shares.give_sockets(ANNA, OWNER_SOCKETS);
        assert!(shares.has_room_for_sockets(ANNA, 1));
    }

    proptest! {
        #[test]
        fn kept_bytes_stay_below_both_bounds(steps in prop::collection::vec((0u32..4, 0usize..2_000_000, any::<bool>()), 0..200)) {
            let mut shares = Shares::default();
            let mut kept: Vec<(Owner, usize)> = Vec::new();
            for (who, bytes, is_release) in steps {
                let owner = Owner::User(who);
                if is_release && let Some((owner, bytes)) = kept.pop() {
                    shares.release(owner, bytes);
                } else if shares.keep(owner, bytes) {
                    kept.push((owner, bytes));
                }
                let sum: usize = kept.iter().map(|(_, bytes)| bytes).sum();
                let own: usize = kept.iter().filter(|(it, _)| *it == owner).map(|(_, bytes)| bytes).sum();
                prop_assert_eq!(sum, shares.total.kept);
                prop_assert!(sum <= MAX_KEPT && own <= OWNER_KEPT);
            }
        }
    }
}
