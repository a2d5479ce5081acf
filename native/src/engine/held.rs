//! Flows that wait for a verdict. JavaScript decides one after the other: a program that opens thousands at once must not
//! make everybody else wait behind them.

use crate::engine::flow::FlowRef;
use crate::engine::udp_share::Owner;
use std::collections::{BTreeMap, HashMap};

/// New flows are held while there are fewer, and while their owner has no more than it leaves free: one alone has half.
pub const MAX_UNDECIDED: usize = 1_024;

#[derive(Default)]
pub struct Held {
    /// By number, so oldest first.
    flows: BTreeMap<u64, (FlowRef, Owner)>,
    by_owner: HashMap<Owner, usize>,
}

impl Held {
    pub fn len(&self) -> usize {
        self.flows.len()
    }

    /// Whether another new flow of this owner may wait. Its first packet is repeated by whoever sent it.
    pub fn has_room_for(&self, owner: Owner) -> bool {
        let own = self.by_owner.get(&owner).copied().unwrap_or(0);
        own + self.len() < MAX_UNDECIDED
    }

    pub fn insert(&mut self, id: u64, place: FlowRef, owner: Owner) {
        if self.flows.insert(id, (place, owner)).is_none() {
            *self.by_owner.entry(owner).or_default() += 1;
        }
    }

    pub fn remove(&mut self, id: u64) {
        if let Some((_, owner)) = self.flows.remove(&id) {
            self.forget(owner);
        }
    }

    /// Takes the oldest out.
    pub fn pop_oldest(&mut self) -> Option<FlowRef> {
        let (_, (place, owner)) = self.flows.pop_first()?;
        self.forget(owner);
        Some(place)
    }

    fn forget(&mut self, owner: Owner) {
        if let Some(count) = self.by_owner.get_mut(&owner) {
            *count -= 1;
            if *count == 0 {
                self.by_owner.remove(&owner);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::slab::Slab;

    fn place() -> FlowRef {
        FlowRef::Udp(Slab::default().insert(()))
    }

    #[test]
    fn one_owner_gets_half_and_there_is_room_for_the_next() {
        let mut held = Held::default();
        let mut number = 0;
        let mut take_all = |held: &mut Held, owner: Owner| {
            let mut taken = 0;
            while held.has_room_for(owner) {
                number += 1;
                taken += 1;
                held.insert(number, place(), owner);
            }
            taken
        };
        let shares: Vec<usize> = (0..4)
            .map(|uid| take_all(&mut held, Owner::User(uid)))
            .collect();
        assert_eq!(shares, [512, 256, 128, 64]);
        assert!(held.has_room_for(Owner::User(9)));
    }

    #[test]
    fn what_is_decided_or_given_up_makes_room() {
        let mut held = Held::default();
        let owner = Owner::User(1);
        for id in 0..600 {
            held.insert(id, place(), owner);
        }
        held.insert(0, place(), owner);
        assert_eq!(held.len(), 600);
        assert!(!held.has_room_for(owner));
        for id in 0..300 {
            held.remove(id);
            held.remove(id);
        }
        assert!(held.has_room_for(owner));
        while held.pop_oldest().is_some() {}
        assert!(held.by_owner.is_empty());
    }
}
