//! How much of something there is, and how much of it each owner has.

use crate::engine::owner::Owner;
use std::collections::HashMap;

pub struct Quota {
    most: usize,
    total: usize,
    owners: HashMap<Owner, usize>,
}

impl Quota {
    /// Of so much in all.
    pub fn new(most: usize) -> Self {
        Self {
            most,
            total: 0,
            owners: HashMap::new(),
        }
    }

    /// Takes so much if everybody whom it counts for still has room for it, and says whether.
    pub fn take(&mut self, owner: Owner, amount: usize) -> bool {
        if !self.has_room(owner, amount) {
            return false;
        }
        for charged in owner.charged() {
            *self.owners.entry(charged).or_default() += amount;
        }
        self.total += amount;
        true
    }

    fn has_room(&self, owner: Owner, amount: usize) -> bool {
        let is_within = |charged: Owner| {
            let has = self.owners.get(&charged).copied().unwrap_or(0);
            has + amount <= self.most / charged.divisor()
        };
        self.total + amount <= self.most && owner.charged().all(is_within)
    }

    /// Gives so much back.
    pub fn give(&mut self, owner: Owner, amount: usize) {
        self.total -= amount;
        for charged in owner.charged() {
            if let Some(has) = self.owners.get_mut(&charged) {
                *has -= amount;
                if *has == 0 {
                    self.owners.remove(&charged);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::net::{IpAddr, Ipv4Addr};

    fn owner(number: u32) -> Owner {
        match number % 3 {
            0 => Owner::User(number),
            1 => Owner::Machine,
            _ => Owner::Host(IpAddr::V4(Ipv4Addr::from_bits(number))),
        }
    }

    #[test]
    fn strangers_of_any_number_leave_half_to_users() {
        let mut quota = Quota::new(1_000);
        let taken = (0..5_000u32)
            .filter(|n| quota.take(owner(n * 3 + 2), 1))
            .count();
        assert_eq!(taken, 500);
        assert!(quota.take(Owner::User(1), 500));
        assert!(!quota.take(Owner::User(2), 1));
        let mut quota = Quota::new(1_000);
        assert!(quota.take(owner(2), 250) && !quota.take(owner(2), 1) && quota.take(owner(5), 1));
    }

    proptest! {
        #[test]
        fn nobody_exceeds_a_share_and_nothing_is_left_of_what_was_given_back(
            steps in prop::collection::vec((0u32..9, 0usize..200, any::<bool>()), 0..200)
        ) {
            let mut quota = Quota::new(1_000);
            let mut held: Vec<(Owner, usize)> = Vec::new();
            for (who, amount, is_given) in steps {
                if is_given && let Some((owner, amount)) = held.pop() {
                    quota.give(owner, amount);
                } else if quota.take(owner(who), amount) {
                    held.push((owner(who), amount));
                }
                prop_assert_eq!(quota.total, held.iter().map(|(_, amount)| amount).sum::<usize>());
                prop_assert!(quota.total <= 1_000);
                for (owner, has) in &quota.owners {
                    prop_assert!(*has <= 1_000 / owner.divisor());
                    let of_owner = |it: &Owner| it.charged().any(|charged| charged == *owner);
                    prop_assert_eq!(*has, held.iter().filter(|(it, _)| of_owner(it)).map(|(_, amount)| amount).sum::<usize>());
                }
            }
            for (owner, amount) in held {
                quota.give(owner, amount);
            }
            prop_assert!(quota.owners.values().all(|has| *has == 0));
        }
    }
}
