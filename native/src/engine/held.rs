//! Flows that wait for a verdict. JavaScript decides one after the other: a program that opens thousands at once must not
//! make everybody else wait behind them.

use crate::engine::flow::FlowRef;
use crate::engine::owner::Owner;
use std::collections::{BTreeMap, HashMap};

/// New flows are held while there are fewer, and while their owner has no more than it leaves free (a forwarded address no more
/// than a third of it): one alone has about half (a quarter).
pub const MAX_UNDECIDED: usize = 1_024;
/// While fewer are held there is nothing to share out, and nobody is asked whose a new one is.
const FEW: usize = 32;

#[derive(Default)]
pub struct Held {
    /// By number, so oldest first.
    flows: BTreeMap<u64, (FlowRef, Option<Owner>)>,
    by_owner: HashMap<Owner, usize>,
}

impl Held {
    pub fn len(&self) -> usize {
        self.flows.len()
    }

    /// Whether another new flow may wait: the owner it counts for, if for any. Beyond it the flow's first packet is passed over,
    /// and repeated by whoever sent it.
    pub fn admit(&self, who: impl FnOnce() -> Owner) -> Result<Option<Owner>, ()> {
        if self.len() < FEW {
            return Ok(None);
        }
        let owner = who();
        let has_room = |charged: Owner| {
            let own = self.by_owner.get(&charged).copied().unwrap_or(0);
            own * (charged.divisor() - 1) + self.len() < MAX_UNDECIDED
        };
        if owner.charged().all(has_room) {
            Ok(Some(owner))
        } else {
            Err(())
        }
    }

    pub fn insert(&mut self, id: u64, place: FlowRef, owner: Option<Owner>) {
        let is_new = self.flows.insert(id, (place, owner)).is_none();
        let counted = owner.filter(|_| is_new);
        for charged in counted.into_iter().flat_map(Owner::charged) {
            *self.by_owner.entry(charged).or_default() += 1;
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

    fn forget(&mut self, owner: Option<Owner>) {
        for charged in owner.into_iter().flat_map(Owner::charged) {
            if let Some(count) = self.by_owner.get_mut(&charged) {
                *count -= 1;
                if *count == 0 {
                    self.by_owner.remove(&charged);
                }
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
            while let Ok(counted) = held.admit(|| owner) {
                number += 1;
                taken += 1;
                held.insert(number, place(), counted);
            }
            taken
        };
        let shares: Vec<usize> = (0..4)
            .map(|uid| take_all(&mut held, Owner::User(uid)))
            .collect();
        assert_eq!(shares, [528, 248, 124, 62]);
        assert!(held.admit(|| Owner::User(9)).is_ok());
    }

    #[test]
    fn a_container_that_invents_addresses_has_no_more_than_a_user() {
        let mut held = Held::default();
        let mut container = |number: u64, address: u32| {
            let owner = Owner::Host(std::net::Ipv4Addr::from_bits(address).into());
            let counted = held.admit(|| owner);
            if let Ok(counted) = counted {
                held.insert(number, place(), counted);
            }
            counted.is_ok()
        };
        assert_eq!((0..2_000).filter(|n| container(*n, 1)).count(), 280);
        assert_eq!(
            (2_000..4_000).filter(|n| container(*n, *n as u32)).count(),
            528 - 280
        );
        assert!(held.admit(|| Owner::User(1)).is_ok());
        while held.pop_oldest().is_some() {}
        assert!(held.by_owner.is_empty());
    }

    #[test]
    fn what_is_decided_or_given_up_makes_room() {
        let mut held = Held::default();
        let owner = Owner::User(1);
        for id in 0..600 {
            held.insert(id, place(), Some(owner));
        }
        held.insert(0, place(), Some(owner));
        assert_eq!(held.len(), 600);
        assert!(held.admit(|| owner).is_err());
        for id in 0..300 {
            held.remove(id);
            held.remove(id);
        }
        assert!(held.admit(|| owner).is_ok());
        while held.pop_oldest().is_some() {}
        assert!(held.by_owner.is_empty());
    }
}
