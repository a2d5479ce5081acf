//! How much of the UDP tables a program may have, and which of its flows give way first.

use crate::engine::owner::Owner;
use crate::engine::quota::Quota;
use crate::slab::Key;
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// Flows in all.
pub const MAX_FLOWS: usize = 16_384;
/// Descriptors of outward sockets in all. An association with a proxy has two.
pub const MAX_SOCKETS: usize = 4_096;
/// Bytes of datagrams that wait for a way out, in all.
pub const MAX_KEPT: usize = 8 * 1024 * 1024;

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
    yielding: BTreeMap<Rank, Key>,
}

/// All shares. Each flow counts for its owner and, if it is forwarded, for all that are: those have a part like one user, out of
/// which the oldest of the lowest standing gives way, whoever sent it. So one that invents addresses ends its own, which
/// nobody answers.
pub struct Shares {
    owners: HashMap<Owner, Share>,
    /// Users, this machine, and all that are forwarded, if any of their flows may give way: by what they have.
    by_flows: BTreeSet<(usize, Owner)>,
    by_sockets: BTreeSet<(usize, Owner)>,
    flows: usize,
    sockets: usize,
    kept: Quota,
    serial: u64,
}

impl Default for Shares {
    fn default() -> Self {
        Self {
            owners: HashMap::new(),
            by_flows: BTreeSet::new(),
            by_sockets: BTreeSet::new(),
            flows: 0,
            sockets: 0,
            kept: Quota::new(MAX_KEPT),
            serial: 0,
        }
    }
}

impl Shares {
    /// Counts a new flow.
    pub fn add_flow(&mut self, owner: Owner, key: Key) -> Rank {
        self.serial += 1;
        let rank = (Standing::OneWay, self.serial);
        self.flows += 1;
        self.change(owner, |share| {
            share.flows += 1;
            share.yielding.insert(rank, key);
        });
        rank
    }

    /// The rank of a flow whose standing may have risen.
    pub fn promote(&mut self, owner: Owner, rank: Rank, standing: Standing) -> Rank {
        if standing <= rank.0 {
            return rank;
        }
        let next = (standing, rank.1);
        self.change(owner, |share| {
            if let Some(key) = share.yielding.remove(&rank)
                && standing < Standing::Conversation
            {
                share.yielding.insert(next, key);
            }
        });
        next
    }

    /// Takes a flow out.
    pub fn remove_flow(&mut self, owner: Owner, rank: Rank) {
        self.flows -= 1;
        self.change(owner, |share| {
            share.flows -= 1;
            share.yielding.remove(&rank);
        });
    }

    /// Whether another flow of `owner` has room without one that gives way.
    pub fn has_room_for_flow(&self, owner: Owner) -> bool {
        self.flows < MAX_FLOWS && self.full(owner, MAX_FLOWS, 1, |it| it.flows).is_none()
    }

    /// The same for `count` descriptors.
    pub fn has_room_for_sockets(&self, owner: Owner, count: usize) -> bool {
        let full = self.full(owner, MAX_SOCKETS, count, |it| it.sockets);
        self.sockets + count <= MAX_SOCKETS && full.is_none()
    }

    /// The flow that gives way to a new one of `owner` for want of flows: one out of the share that is used up, else one of
    /// whoever has the most. `None`: there are only conversations.
    pub fn yielding_flow(&self, owner: Owner) -> Option<Key> {
        let full = self.full(owner, MAX_FLOWS, 1, |it| it.flows);
        self.first_of(full, &self.by_flows)
    }

    /// The same for want of `count` descriptors.
    pub fn yielding_socket(&self, owner: Owner, count: usize) -> Option<Key> {
        let full = self.full(owner, MAX_SOCKETS, count, |it| it.sockets);
        self.first_of(full, &self.by_sockets)
    }

    /// Counts descriptors that were opened.
    pub fn take_sockets(&mut self, owner: Owner, count: usize) {
        self.sockets += count;
        self.change(owner, |share| share.sockets += count);
    }

    /// Counts descriptors that were closed.
    pub fn give_sockets(&mut self, owner: Owner, count: usize) {
        self.sockets -= count;
        self.change(owner, |share| share.sockets -= count);
    }

    /// Whether so many bytes may be kept; they are counted if so.
    pub fn keep(&mut self, owner: Owner, bytes: usize) -> bool {
        self.kept.take(owner, bytes)
    }

    /// Counts bytes that are kept no longer.
    pub fn release(&mut self, owner: Owner, bytes: usize) {
        self.kept.give(owner, bytes);
    }

    /// Descriptors in use.
    pub fn sockets(&self) -> usize {
        self.sockets
    }

    /// Whose share, of those that something of `owner` counts for, has no room for so much more.
    fn full(
        &self,
        owner: Owner,
        most: usize,
        amount: usize,
        has: impl Fn(&Share) -> usize,
    ) -> Option<Owner> {
        owner.charged().find(|charged| {
            let has = self.owners.get(charged).map_or(0, &has);
            has + amount > most / charged.divisor()
        })
    }

    /// What gives way in a full share, or else in the greatest.
    fn first_of(&self, full: Option<Owner>, greatest: &BTreeSet<(usize, Owner)>) -> Option<Key> {
        let owner = full.or_else(|| greatest.last().map(|(_, owner)| *owner))?;
        let (_, key) = self.owners.get(&owner)?.yielding.first_key_value()?;
        Some(*key)
    }

    /// Changes the share of everybody for whom something of `owner` counts, and its place among the others.
    fn change(&mut self, owner: Owner, change: impl Fn(&mut Share)) {
        for charged in owner.charged() {
            let share = self.owners.entry(charged).or_default();
            let places = |share: &Share| ((share.flows, charged), (share.sockets, charged));
            let is_ranked = !matches!(charged, Owner::Host(_));
            if is_ranked && !share.yielding.is_empty() {
                let (by_flows, by_sockets) = places(share);
                self.by_flows.remove(&by_flows);
                self.by_sockets.remove(&by_sockets);
            }
            change(share);
            if is_ranked && !share.yielding.is_empty() {
                let (by_flows, by_sockets) = places(share);
                self.by_flows.insert(by_flows);
                self.by_sockets.insert(by_sockets);
            }
            if share.flows == 0 && share.sockets == 0 {
                self.owners.remove(&charged);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::net::Ipv4Addr;

    const ANNA: Owner = Owner::User(1000);
    const BERT: Owner = Owner::User(1001);
    const OWNER_FLOWS: usize = MAX_FLOWS / 2;
    const OWNER_SOCKETS: usize = MAX_SOCKETS / 2;

    fn container(number: u32) -> Owner {
        Owner::Host(Ipv4Addr::from_bits(0x0a00_0000 + number).into())
    }

    /// Adds a flow as the engine does, which ends others until there is room. The keys of those; `None` if it is refused.
    fn open(shares: &mut Shares, flows: &mut Flows, owner: Owner, number: u64) -> Option<Vec<u64>> {
        let mut ended = Vec::new();
        while !shares.has_room_for_flow(owner) {
            let key = shares.yielding_flow(owner)?.pack();
            let (owner, rank) = flows.remove(&key).unwrap();
            shares.remove_flow(owner, rank);
            ended.push(key);
        }
        let rank = shares.add_flow(owner, Key::unpack(number));
        flows.insert(number, (owner, rank));
        Some(ended)
    }

    type Flows = HashMap<u64, (Owner, Rank)>;

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

    #[test]
    fn a_container_that_invents_addresses_ends_its_own_flows() {
        let (mut shares, mut flows) = (Shares::default(), Flows::default());
        let mut number = 0;
        let mut next = || {
            number += 1;
            number
        };
        let mut honest = Vec::new();
        for owner in [ANNA, BERT, container(1), Owner::Machine] {
            for _ in 0..20 {
                let key = next();
                assert_eq!(open(&mut shares, &mut flows, owner, key), Some(vec![]));
                let (_, rank) = flows[&key];
                let rank = shares.promote(owner, rank, Standing::Answered);
                flows.insert(key, (owner, rank));
                honest.push(key);
            }
        }
        for address in 0..30_000 {
            let key = next();
            let ended = open(&mut shares, &mut flows, container(100 + address), key);
            assert!(ended.is_some_and(|ended| ended.iter().all(|key| !honest.contains(key))));
        }
        assert_eq!(shares.owners[&Owner::Forwarded].flows, OWNER_FLOWS);
        // The whole other half is the users', and none of them gives way for the asking of strangers.
        for _ in 0..OWNER_FLOWS - 60 {
            assert_eq!(open(&mut shares, &mut flows, ANNA, next()), Some(vec![]));
        }
        assert_eq!(shares.flows, MAX_FLOWS);
        let (key, before) = (next(), flows.clone());
        let ended = open(&mut shares, &mut flows, container(1), key).unwrap();
        assert!(
            ended
                .iter()
                .all(|key| matches!(before[key].0, Owner::Host(_)))
        );
        // And a user's next comes out of theirs.
        let ended = open(&mut shares, &mut flows, BERT, next()).unwrap();
        assert!(
            ended
                .iter()
                .all(|key| matches!(before[key].0, Owner::Host(_)))
        );
    }

    #[test]
    fn one_address_leaves_half_of_the_forwarded_to_others() {
        let (mut shares, mut flows) = (Shares::default(), Flows::default());
        for number in 0..OWNER_FLOWS as u64 {
            open(&mut shares, &mut flows, container(1), number).unwrap();
        }
        assert_eq!(shares.flows, MAX_FLOWS / 4);
        assert_eq!(
            open(&mut shares, &mut flows, container(2), 1 << 20),
            Some(vec![])
        );
        shares.take_sockets(container(1), MAX_SOCKETS / 4);
        assert!(!shares.has_room_for_sockets(container(1), 1));
        assert!(shares.has_room_for_sockets(container(2), 2));
        assert!(
            shares
                .yielding_socket(container(1), 1)
                .is_some_and(|key| flows[&key.pack()].0 == container(1))
        );
    }

    proptest! {
        #[test]
        fn counts_and_order_are_those_of_the_flows(
            steps in prop::collection::vec((0u8..5, 0u32..6, any::<prop::sample::Index>()), 0..200)
        ) {
            let (mut shares, mut flows) = (Shares::default(), Vec::<(Owner, Rank, usize)>::new());
            let owner = |number| match number {
                0 => Owner::Machine,
                1 | 2 => Owner::User(number),
                _ => container(number),
            };
            for (step, who, index) in steps {
                if step < 2 || flows.is_empty() {
                    let rank = shares.add_flow(owner(who), Key::unpack(0));
                    flows.push((owner(who), rank, 0));
                } else {
                    let at = index.index(flows.len());
                    let (owner, rank, sockets) = flows[at];
                    match step {
                        2 => flows[at].1 = shares.promote(owner, rank, Standing::Answered),
                        3 => {
                            shares.take_sockets(owner, 2);
                            flows[at].2 += 2;
                        }
                        _ => {
                            shares.give_sockets(owner, sockets);
                            shares.remove_flow(owner, rank);
                            flows.remove(at);
                        }
                    }
                }
                for (owner, share) in &shares.owners {
                    let own = || flows.iter().filter(|(it, ..)| it.charged().any(|it| it == *owner));
                    prop_assert_eq!(share.flows, own().count());
                    prop_assert_eq!(share.sockets, own().map(|(_, _, sockets)| sockets).sum::<usize>());
                    let ranks: BTreeSet<Rank> = own().map(|(_, rank, _)| *rank).collect();
                    prop_assert!(share.yielding.keys().copied().eq(ranks));
                    let is_ranked = !matches!(owner, Owner::Host(_));
                    prop_assert_eq!(shares.by_flows.contains(&(share.flows, *owner)), is_ranked);
                    prop_assert_eq!(shares.by_sockets.contains(&(share.sockets, *owner)), is_ranked);
                }
                let ranked = shares.owners.keys().filter(|it| !matches!(it, Owner::Host(_))).count();
                prop_assert_eq!((shares.by_flows.len(), shares.by_sockets.len()), (ranked, ranked));
            }
        }
    }
}
