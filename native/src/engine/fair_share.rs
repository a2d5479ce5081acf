//! Who has how many of something that there is only so much of. One owner alone may have all of it; when it is used up, whoever
//! has most gives one to whoever has less (max-min fairness), so nobody goes without because another was first.

use crate::engine::owner::Owner;
use std::collections::{BTreeSet, HashMap};

/// Users, this machine and all that are forwarded are equals. Of those that are forwarded, each address has its part of theirs.
#[derive(Default)]
pub struct FairShare {
    owners: HashMap<Owner, usize>,
    /// By what they have: the equals, and the forwarded addresses.
    equals: BTreeSet<(usize, Owner)>,
    hosts: BTreeSet<(usize, Owner)>,
}

impl FairShare {
    /// Counts so many more.
    pub fn add(&mut self, owner: Owner, amount: usize) {
        self.change(owner, |has| has + amount);
    }

    /// Counts so many fewer.
    pub fn remove(&mut self, owner: Owner, amount: usize) {
        self.change(owner, |has| has - amount);
    }

    /// What an owner has.
    pub fn of(&self, owner: Owner) -> usize {
        self.owners.get(&owner).copied().unwrap_or(0)
    }

    /// Who gives one up for `owner` when nothing is left; never `Owner::Forwarded`, but one of its addresses. `None` if nobody
    /// has so much more that both are nearer to their fair share afterwards.
    pub fn giver(&self, owner: Owner) -> Option<Owner> {
        let levels = [&self.equals, &self.hosts];
        let charged: Vec<Owner> = owner.charged().collect();
        // The group first: what is between its addresses is decided only when it has its own part.
        charged
            .iter()
            .rev()
            .zip(levels)
            .find_map(|(charged, level)| {
                let (most, greatest) = *level.last()?;
                (most >= self.of(*charged) + 2).then_some(self.leaf(greatest))?
            })
    }

    /// Who has most of all; never `Owner::Forwarded`, but one of its addresses.
    pub fn greatest(&self) -> Option<Owner> {
        self.leaf(self.equals.last()?.1)
    }

    fn leaf(&self, owner: Owner) -> Option<Owner> {
        match owner {
            Owner::Forwarded => self.hosts.last().map(|(_, host)| *host),
            _ => Some(owner),
        }
    }

    fn change(&mut self, owner: Owner, change: impl Fn(usize) -> usize) {
        for charged in owner.charged() {
            let before = self.of(charged);
            let after = change(before);
            let level = match charged {
                Owner::Host(_) => &mut self.hosts,
                _ => &mut self.equals,
            };
            level.remove(&(before, charged));
            if after == 0 {
                self.owners.remove(&charged);
            } else {
                level.insert((after, charged));
                self.owners.insert(charged, after);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::net::Ipv4Addr;

    fn owner(number: u32) -> Owner {
        match number {
            0 => Owner::Machine,
            1..4 => Owner::User(number),
            _ => Owner::Host(Ipv4Addr::from_bits(number).into()),
        }
    }

    /// Its level's part for each, `who` included, of all that the level has.
    fn part(shares: &FairShare, who: Owner, most: usize) -> usize {
        let (level, total) = match who {
            Owner::Host(_) => (&shares.hosts, shares.of(Owner::Forwarded)),
            _ => (&shares.equals, most),
        };
        total / (level.iter().filter(|(_, other)| *other != who).count() + 1)
    }

    #[test]
    fn one_alone_has_all_and_the_next_gets_half() {
        let mut shares = FairShare::default();
        shares.add(Owner::User(1), 100);
        assert_eq!(shares.giver(Owner::User(1)), None);
        for _ in 0..50 {
            assert_eq!(shares.giver(Owner::User(2)), Some(Owner::User(1)));
            shares.remove(Owner::User(1), 1);
            shares.add(Owner::User(2), 1);
        }
        assert_eq!(shares.giver(Owner::User(2)), None);
        assert_eq!(shares.giver(Owner::User(1)), None);
    }

    #[test]
    fn addresses_that_cost_nothing_share_one_part() {
        let mut shares = FairShare::default();
        shares.add(Owner::User(1), 50);
        for number in 10..60 {
            shares.add(owner(number), 1);
        }
        assert_eq!(shares.giver(owner(99)), None);
        assert!(matches!(shares.giver(Owner::User(2)), Some(Owner::Host(_))));
        shares.remove(owner(10), 1);
        shares.add(owner(11), 1);
        assert_eq!(shares.giver(owner(99)), Some(owner(11)));
    }

    proptest! {
        #[test]
        fn never_over_the_total_and_fair_to_everybody(
            most in 1usize..60,
            steps in prop::collection::vec((0u32..9, prop::bool::weighted(0.8)), 0..300),
        ) {
            let mut shares = FairShare::default();
            let mut held: Vec<Owner> = Vec::new();
            for (who, is_taken) in steps {
                let who = owner(who);
                if !is_taken {
                    if let Some(at) = held.iter().position(|each| *each == who) {
                        held.remove(at);
                        shares.remove(who, 1);
                    }
                    continue;
                }
                if held.len() < most {
                    held.push(who);
                    shares.add(who, 1);
                    continue;
                }
                let is_below = |each: &Owner| shares.of(*each) < part(&shares, *each, most);
                let Some(giver) = shares.giver(who) else {
                    prop_assert!(!who.charged().any(|each| is_below(&each)), "has its part");
                    continue;
                };
                // Where theirs are different levels, the upper one is what counts.
                let from = giver.charged().find(|each| !matches!(each, Owner::Host(_))).unwrap();
                if who.charged().all(|each| each != from) {
                    let equals = shares.equals.iter().filter(|(_, each)| who.charged().all(|own| own != *each));
                    prop_assert!(shares.of(from) > most / (equals.count() + 1), "keeps its part");
                } else {
                    prop_assert!(shares.of(giver) > shares.of(who) + 1);
                }
                let at = held.iter().position(|each| *each == giver);
                prop_assert!(at.is_some(), "who gives has something");
                held.remove(at.unwrap());
                shares.remove(giver, 1);
                held.push(who);
                shares.add(who, 1);
                prop_assert!(held.len() <= most);
                for each in held.iter().flat_map(|each| each.charged()) {
                    let own = held.iter().filter(|it| it.charged().any(|charged| charged == each));
                    prop_assert_eq!(shares.of(each), own.count());
                }
            }
            for owner in held {
                shares.remove(owner, 1);
            }
            prop_assert!(shares.owners.is_empty() && shares.equals.is_empty() && shares.hosts.is_empty());
        }
    }
}
