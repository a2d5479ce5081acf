//! Verdicts for UDP conversations: a way out, or a refusal.

use crate::command::{Peek, Rejection, Verdict};
use crate::engine::core::Core;
use crate::engine::udp::UdpFlows;
use crate::engine::udp_flow::Phase;
use crate::event::{Event, PeekEnd, Reason};
use crate::packet::icmp::Unreachable;
use crate::slab::Key;

impl UdpFlows {
    /// Carries out a verdict; one for a flow that does not wait for any is ignored.
    pub fn decide(&mut self, core: &mut Core, key: Key, verdict: Verdict) {
        let Some(flow) = self.flows.get(key) else {
            return;
        };
        if !matches!(flow.phase, Phase::Held { .. }) {
            return;
        }
        if let Some(identity) = flow.identity {
            core.held.remove(identity.id);
        }
        match verdict {
            Verdict::Peek(peek) => self.peek(core, key, peek),
            Verdict::Dial(plan) if plan.layers.is_empty() => self.connect(core, key, &plan),
            Verdict::Dial(plan) => self.associate(core, key, plan),
            Verdict::Reject(how) => self.reject(core, key, how),
        }
    }

    fn peek(&mut self, core: &mut Core, key: Key, peek: Peek) {
        if let Some(flow) = self.flows.get_mut(key) {
            flow.peek = Some((peek.at_least, core.now, core.now + peek.timeout_ms));
        }
        self.look(core, key);
        self.schedule(core, key);
    }

    /// Shows the datagrams on hold once there are enough of them, or the time is over.
    pub(super) fn look(&mut self, core: &mut Core, key: Key) {
        let Some(flow) = self.flows.get_mut(key) else {
            return;
        };
        let (Phase::Held { queue, since }, Some((at_least, begun, until))) =
            (&mut flow.phase, flow.peek)
        else {
            return;
        };
        let (length, has_room) = queue.fill();
        let end = match (length >= at_least, has_room) {
            (true, _) => PeekEnd::Bytes,
            (false, false) => PeekEnd::End,
            (false, true) if core.now >= until => PeekEnd::Timeout,
            (false, true) => return,
        };
        *since = core.now;
        flow.peek = None;
        if let Some(identity) = flow.identity {
            core.hold_again(identity.id);
            core.outbox.push(Event::Peeked {
                id: identity.id,
                chunks: queue.copies(),
                end,
                ms: core.now - begun,
            });
        }
        self.schedule(core, key);
    }

    pub(super) fn reject(&mut self, core: &mut Core, key: Key, how: Rejection) {
        let Some(flow) = self.flows.get_mut(key) else {
            return;
        };
        let code = match how {
            Rejection::Reset => Unreachable::Port,
            Rejection::NoRoute => Unreachable::NoRouteForSure,
            Rejection::Unreachable => Unreachable::HostForSure,
            Rejection::Drop => {
                let queue = flow.take_queue();
                self.shares.release(flow.owner, queue.bytes());
                flow.phase = Phase::Muted { since: core.now };
                self.announce_end(core, key, Reason::Rejected);
                return self.schedule(core, key);
            }
        };
        core.send_unreachable(&flow.quote(&[]), code);
        self.end(core, key, Reason::Rejected);
    }
}
