//! A place for each TCP connection: where there is none, one of whoever has most gives way, the longest idle first.

use crate::engine::core::Core;
use crate::engine::owner::Owner;
use crate::engine::tcp::TcpFlows;
use crate::engine::tcp::flow::{Phase, TcpFlow};
#[cfg(test)]
use crate::engine::tcp::share::TcpShares;
use crate::event::Reason;
use crate::slab::Key;

/// Earlier connections that each new one has asked about: with two, all are known when three quarters more have come.
const ASKED_WITH_EACH: usize = 2;
/// Connections that give way in one turn when others need descriptors.
const BURST: usize = 256;

impl TcpFlows {
    /// Finds a place for a connection of whomever `who` says: its owner, if that was asked. `Err` if there is none, and nobody has
    /// more than this owner.
    pub(super) fn find_place(
        &mut self,
        core: &mut Core,
        who: impl FnOnce() -> Owner,
    ) -> Result<Option<Owner>, ()> {
        if !self.shares.is_scarce() {
            return Ok(None);
        }
        self.identify(ASKED_WITH_EACH);
        let owner = who();
        if self.shares.is_full() {
            self.identify(usize::MAX);
            match self.shares.giver(Some(owner)) {
                Some(giver) => self.give_way(core, giver),
                None if self.shares.may_have_unopened(owner) => {
                    let unopened = self.first_unopened().ok_or(())?;
                    self.give_way_one(core, unopened);
                }
                None => return Err(()),
            }
        }
        Ok(Some(owner))
    }

    /// Of the connections of hosts that are forwarded, one of the oldest whose program has not seen it open: a source that was invented never
    /// does, and one that is there does so in a moment.
    fn first_unopened(&mut self) -> Option<Key> {
        loop {
            let key = self.shares.next_opening()?;
            let is_unopened = |flow: &TcpFlow| {
                matches!(
                    flow.phase,
                    Phase::Held { .. } | Phase::Dialing { .. } | Phase::Accepting { .. }
                ) && flow.identity.is_some()
                    && matches!(flow.owner, Some(Owner::Host(_)))
            };
            if self.flows.get(key).is_some_and(is_unopened) {
                return Some(key);
            }
        }
    }

    /// Makes room for so many descriptors of others. True if there is more to do.
    pub fn leave(&mut self, core: &mut Core, descriptors: usize) -> bool {
        let others = descriptors + self.pipes.descriptors();
        for _ in 0..BURST {
            if !self.shares.leave(others) {
                return false;
            }
            self.identify(usize::MAX);
            let Some(giver) = self.shares.giver(None) else {
                return false;
            };
            self.give_way(core, giver);
        }
        true
    }

    /// There is room for so many.
    #[cfg(test)]
    pub fn limit_places(&mut self, most: usize) {
        self.shares = TcpShares::with(2 * most, 0);
    }

    /// Asks whose connections are, of so many whose are not known.
    fn identify(&mut self, most: usize) {
        for _ in 0..most {
            let Some(key) = self.shares.unknown() else {
                return;
            };
            self.identify_one(key);
        }
    }

    /// Asks whose a connection is, if that is not known.
    pub(super) fn identify_one(&mut self, key: Key) {
        if let Some(flow) = self.flows.get_mut(key)
            && flow.owner.is_none()
        {
            let owner = Owner::of_tcp(flow.tuple.client, flow.tuple.destination);
            flow.owner = Some(owner);
            self.shares.identify(key, owner);
        }
    }

    /// Resets the connection of an owner that has been idle for longest.
    fn give_way(&mut self, core: &mut Core, owner: Owner) {
        if let Some(key) = self.longest_idle(owner) {
            self.give_way_one(core, key);
        }
    }

    fn give_way_one(&mut self, core: &mut Core, key: Key) {
        core.shared.metrics.tcp_gave_way.add(1);
        self.break_off(core, key, Reason::GaveWay);
    }

    fn longest_idle(&mut self, owner: Owner) -> Option<Key> {
        let mut is_sorted = false;
        loop {
            let Some((touched, key)) = self.shares.longest_idle(owner) else {
                if is_sorted {
                    return None;
                }
                is_sorted = true;
                self.sort(owner);
                continue;
            };
            let is_still = |flow: &TcpFlow| {
                flow.owner == Some(owner) && flow.identity.is_some() && flow.touched == touched
            };
            if self.flows.get(key).is_some_and(is_still) {
                return Some(key);
            }
        }
    }

    fn sort(&mut self, owner: Owner) {
        let flows = &self.flows;
        self.shares.sort(owner, |key| Some(flows.get(key)?.touched));
    }
}
