//! How much of the UDP tables a program may have, and which of its flows give way first.

use crate::engine::fair_share::FairShare;
use crate::engine::owner::Owner;
use crate::engine::quota::Quota;
use crate::slab::Key;
use std::collections::{BTreeMap, HashMap};

/// Flows in all.
pub const MAX_FLOWS: usize = 8_192;
/// Descriptors of outward sockets in all. An association with a proxy has two.
pub const MAX_SOCKETS: usize = 4_096;
/// Bytes of datagrams that wait for a way out, in all.
pub const MAX_KEPT: usize = 8 * 1024 * 1024;

/// What a flow is worth: the least give way first.
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

/// All shares. One alone may have everything; when it is used up, who has most gives way to who has less. Each flow counts for its
/// owner and, if it is forwarded, for all that are: those have a part like one user, out of which the oldest of the lowest standing
/// gives way, whoever sent it. So one that invents addresses ends its own, which nobody answers.
#[derive(Default)]
pub struct Shares {
    flows: Use,
    sockets: Use,
    /// The flows of each owner, and of all that are forwarded, by what they are worth.
    ranked: HashMap<Owner, BTreeMap<Rank, Key>>,
    kept: Kept,
    serial: u64,
}

/// What is in use of flows or of descriptors.
#[derive(Default)]
struct Use {
    total: usize,
    shares: FairShare,
}

impl Use {
    fn add(&mut self, owner: Owner, amount: usize) {
        self.total += amount;
        self.shares.add(owner, amount);
    }

    fn remove(&mut self, owner: Owner, amount: usize) {
        self.total -= amount;
        self.shares.remove(owner, amount);
    }
}

struct Kept(Quota);

impl Default for Kept {
    fn default() -> Self {
        Self(Quota::new(MAX_KEPT))
    }
}

impl Shares {
    /// Counts a new flow.
    pub fn add_flow(&mut self, owner: Owner, key: Key) -> Rank {
        self.serial += 1;
        let rank = (Standing::OneWay, self.serial);
        self.flows.add(owner, 1);
        self.rank(owner, rank, key);
        rank
    }

    /// The rank of a flow whose standing may have risen.
    pub fn promote(&mut self, owner: Owner, rank: Rank, standing: Standing) -> Rank {
        if standing <= rank.0 {
            return rank;
        }
        let next = (standing, rank.1);
        if let Some(key) = self.unrank(owner, rank) {
            self.rank(owner, next, key);
        }
        next
    }

    /// Takes a flow out.
    pub fn remove_flow(&mut self, owner: Owner, rank: Rank) {
        self.flows.remove(owner, 1);
        self.unrank(owner, rank);
    }

    /// Whether another flow has room without one that gives way.
    pub fn has_room_for_flow(&self) -> bool {
        self.flows.total < MAX_FLOWS
    }

    /// The same for `count` descriptors.
    pub fn has_room_for_sockets(&self, count: usize) -> bool {
        self.sockets.total + count <= MAX_SOCKETS
    }

    /// The flow that gives way to a new one of `owner` for want of flows: one of whoever has most, or of its own. `None`: nobody
    /// has more than it, and all of its own are conversations.
    pub fn yielding_flow(&self, owner: Owner) -> Option<Key> {
        self.in_order(&self.flows.shares, owner).next()
    }

    /// The same for want of descriptors, in the order in which they would give way: not every flow has a socket.
    pub fn yielding_for_socket(&self, owner: Owner) -> impl Iterator<Item = Key> {
        self.in_order(&self.sockets.shares, owner)
    }

    /// Counts descriptors that were opened.
    pub fn take_sockets(&mut self, owner: Owner, count: usize) {
        self.sockets.add(owner, count);
    }

    /// Counts descriptors that were closed.
    pub fn give_sockets(&mut self, owner: Owner, count: usize) {
        self.sockets.remove(owner, count);
    }

    /// There is room for so many descriptors: as if nobody's were the others.
    #[cfg(test)]
    pub fn limit_sockets(&mut self, most: usize) {
        self.sockets.total += MAX_SOCKETS - most;
    }

    /// Whether so many bytes may be kept; they are counted if so.
    pub fn keep(&mut self, owner: Owner, bytes: usize) -> bool {
        self.kept.0.take(owner, bytes)
    }

    /// Counts bytes that are kept no longer.
    pub fn release(&mut self, owner: Owner, bytes: usize) {
        self.kept.0.give(owner, bytes);
    }

    /// Descriptors in use.
    pub fn sockets(&self) -> usize {
        self.sockets.total
    }

    /// A conversation gives way only to somebody who has less than its owner.
    fn in_order(&self, shares: &FairShare, owner: Owner) -> impl Iterator<Item = Key> {
        let giver = shares.giver(owner);
        let ranked = |of: Owner| self.ranked.get(&of).into_iter().flatten();
        let group = giver.unwrap_or(owner).charged().last();
        let one_way = group.into_iter().flat_map(ranked);
        one_way
            .take_while(|(rank, _)| rank.0 < Standing::Conversation)
            .chain(giver.into_iter().flat_map(ranked))
            .map(|(_, key)| *key)
    }

    fn rank(&mut self, owner: Owner, rank: Rank, key: Key) {
        for charged in owner.charged() {
            self.ranked.entry(charged).or_default().insert(rank, key);
        }
    }

    fn unrank(&mut self, owner: Owner, rank: Rank) -> Option<Key> {
        let mut key = None;
        for charged in owner.charged() {
            let Some(ranked) = self.ranked.get_mut(&charged) else {
                continue;
            };
            key = ranked.remove(&rank);
            if ranked.is_empty() {
                self.ranked.remove(&charged);
            }
        }
        key
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;
    use std::net::Ipv4Addr;

    const ANNA: Owner = Owner::User(1000);
    const BERT: Owner = Owner::User(1001);

    fn container(number: u32) -> Owner {
        Owner::Host(Ipv4Addr::from_bits(0x0a00_0000 + number).into())
    }

    /// Adds a flow as the engine does, which ends others until there is room. The keys of those; `None` if it is refused.
    fn open(shares: &mut Shares, flows: &mut Flows, owner: Owner, number: u64) -> Option<Vec<u64>> {
        let mut ended = Vec::new();
        while !shares.has_room_for_flow() {
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
    fn the_oldest_one_way_flow_gives_way_and_a_conversation_only_to_who_has_less() {
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
        assert_eq!(shares.yielding_flow(BERT), Some(Key::unpack(0)));
    }

    #[test]
    fn one_has_all_until_another_comes() {
        let (mut shares, mut flows) = (Shares::default(), Flows::default());
        for number in 0..MAX_FLOWS as u64 {
            let ended = open(&mut shares, &mut flows, ANNA, number);
            assert_eq!(ended, Some(vec![]));
        }
        for number in 0..MAX_FLOWS as u64 / 2 {
            let ended = open(&mut shares, &mut flows, BERT, (1 << 20) + number);
            assert_eq!(ended, Some(vec![number]));
        }
        assert_eq!(
            open(&mut shares, &mut flows, BERT, 1 << 30),
            Some(vec![1 << 20])
        );
        shares.take_sockets(ANNA, MAX_SOCKETS);
        assert!(!shares.has_room_for_sockets(1));
        let first_of_anna = Some(Key::unpack(MAX_FLOWS as u64 / 2));
        assert_eq!(shares.yielding_for_socket(BERT).next(), first_of_anna);
        shares.give_sockets(ANNA, 1);
        assert!(shares.has_room_for_sockets(1) && !shares.has_room_for_sockets(2));
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
        assert_eq!(shares.flows.total, MAX_FLOWS);
        // Half is the users', and what they have not had so far is given up by the strangers.
        let before = flows.clone();
        for _ in 0..MAX_FLOWS / 2 - 60 {
            let ended = open(&mut shares, &mut flows, ANNA, next()).unwrap();
            let mut owners = ended.iter().filter_map(|key| before.get(key));
            assert!(owners.all(|(owner, _)| matches!(owner, Owner::Host(_))));
            assert!(ended.iter().all(|key| !honest.contains(key)));
        }
        assert_eq!(shares.flows.total, MAX_FLOWS);
    }

    #[test]
    fn an_address_that_only_has_conversations_gives_way_to_another() {
        let (mut shares, mut flows) = (Shares::default(), Flows::default());
        for number in 0..MAX_FLOWS as u64 {
            open(&mut shares, &mut flows, container(1), number).unwrap();
            let (owner, rank) = flows[&number];
            let rank = shares.promote(owner, rank, Standing::Conversation);
            flows.insert(number, (owner, rank));
        }
        assert_eq!(open(&mut shares, &mut flows, container(1), 1 << 20), None);
        assert_eq!(
            open(&mut shares, &mut flows, container(2), 1 << 20),
            Some(vec![0])
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
                prop_assert_eq!(shares.flows.total, flows.len());
                for (owner, ranked) in &shares.ranked {
                    let own = || flows.iter().filter(|(it, ..)| it.charged().any(|it| it == *owner));
                    prop_assert_eq!(shares.flows.shares.of(*owner), own().count());
                    prop_assert_eq!(shares.sockets.shares.of(*owner), own().map(|(_, _, sockets)| sockets).sum::<usize>());
                    let ranks: BTreeSet<Rank> = own().map(|(_, rank, _)| *rank).collect();
                    prop_assert!(ranked.keys().copied().eq(ranks));
                }
            }
        }
    }
}
