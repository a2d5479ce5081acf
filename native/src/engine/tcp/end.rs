//! The end of TCP connections: on demand, by time, by reset, and when the engine stops.

use crate::command::Ending;
use crate::engine::core::Core;
use crate::engine::tcp::TcpFlows;
use crate::engine::tcp::flow::{Phase, Purpose};
use crate::event::Reason;
use crate::packet::tcp;
use crate::slab::Key;
use crate::sys::route::Review;
use crate::sys::socket;
use std::os::fd::AsFd;
use std::panic::{AssertUnwindSafe, catch_unwind};

impl TcpFlows {
    /// Ends a flow on demand.
    pub fn close(&mut self, core: &mut Core, key: Key, ending: Ending) {
        let Some(flow) = self.flows.get_mut(key) else {
            return;
        };
        match (&mut flow.phase, ending) {
            (Phase::Held { .. } | Phase::Dialing { .. }, _) => {
                self.refuse_held(core, key);
                self.end(core, key, Reason::Closed);
            }
            (
                Phase::Relaying {
                    relay,
                    closing_since,
                },
                Ending::Graceful,
            ) => {
                relay.finish();
                closing_since.get_or_insert(core.now);
                self.pump(core, key);
                self.schedule(core, key);
            }
            (
                Phase::Relaying { .. }
                | Phase::Accepting { .. }
                | Phase::Peeking { .. }
                | Phase::Waiting { .. }
                | Phase::DialingAccepted { .. }
                | Phase::Dns(_),
                _,
            ) => self.break_off(core, key, Reason::Closed),
            (Phase::Muted { .. } | Phase::Closing, _) => {}
        }
    }

    /// Resets a flow, both ways, if its way out is no longer the kernel's choice: its next packet begins anew.
    pub fn review(&mut self, core: &mut Core, review: &mut Review, key: Key) {
        let remote = match self.flows.get(key).map(|flow| &flow.phase) {
            Some(Phase::Relaying { relay, .. }) => relay.remote(),
            Some(Phase::Accepting {
                purpose: Purpose::Relay { remote },
                ..
            }) => remote.socket(),
            _ => return,
        };
        if review.is_stale(remote) {
            self.break_off(core, key, Reason::Rerouted);
        }
    }

    /// Resets a connection both ways and ends its flow.
    pub(super) fn break_off(&mut self, core: &mut Core, key: Key, reason: Reason) {
        let Some(flow) = self.flows.get(key) else {
            return;
        };
        match &flow.phase {
            Phase::Held { .. } | Phase::Dialing { .. } => self.refuse_held(core, key),
            Phase::Relaying { relay, .. } => relay.reset(),
            Phase::Dns(connection) => connection.reset(),
            Phase::Peeking { fd, .. }
            | Phase::Waiting { fd, .. }
            | Phase::DialingAccepted { fd, .. } => socket::reset_on_close(fd.as_fd()),
            Phase::Accepting { purpose, .. } => {
                if let Purpose::Relay { remote } = purpose {
                    socket::reset_on_close(remote.socket());
                }
                self.reset_by_packet(core, key);
            }
            Phase::Closing => self.reset_by_packet(core, key),
            Phase::Muted { .. } => {}
        }
        self.end(core, key, reason);
    }

    /// Sends RST to both ends of a translated connection, for those whose socket is not ours (any more).
    pub(super) fn reset_by_packet(&mut self, core: &mut Core, key: Key) {
        let Some(flow) = self.flows.get_mut(key) else {
            return;
        };
        flow.track.was_reset = true;
        let (track, tuple) = (flow.track, flow.tuple);
        let (up, down) = (
            track.client_next.unwrap_or(0),
            track.listener_next.unwrap_or(0),
        );
        if !flow.detached {
            core.inject(&tcp::reset(tuple.destination, tuple.client, down, Some(up)));
        }
        if let Some((from, to)) = self.listener_side(key) {
            core.inject(&tcp::reset(from, to, up, Some(down)));
        }
    }

    /// Announces the end of a flow. Its sockets close; a mapping stays for its last packets.
    pub(super) fn end(&mut self, core: &mut Core, key: Key, reason: Reason) {
        let Some(flow) = self.flows.get_mut(key) else {
            return;
        };
        if let Some(identity) = flow.identity.take() {
            core.close(identity, flow.bytes(), reason);
            self.shares.remove(key, flow.owner.take());
        }
        match std::mem::replace(&mut flow.phase, Phase::Closing) {
            Phase::Relaying { relay, .. } => relay.recycle(&mut self.pipes),
            Phase::Dns(connection) => {
                self.dns_backlog -= connection.backlog();
                self.dns_connections.retain(|other| *other != key);
            }
            Phase::Accepting {
                purpose: Purpose::Dns,
                ..
            } => self.dns_connections.retain(|other| *other != key),
            _ => {}
        }
        if flow.port.is_some() {
            self.schedule(core, key);
        } else {
            self.forget(key);
        }
    }

    /// Removes every trace of a connection.
    pub(super) fn forget(&mut self, key: Key) {
        let Some(flow) = self.flows.remove(key) else {
            return;
        };
        if !flow.detached {
            self.by_tuple.remove(&flow.tuple);
        }
        let redirection = self.redirection_mut(flow.tuple.client.is_ipv6());
        if let (Some(port), Some(redirection)) = (flow.port, redirection) {
            redirection.release(port);
        }
    }

    /// Looks at a connection whose timer has run out.
    pub fn on_timer(&mut self, core: &mut Core, key: Key) {
        let Some(flow) = self.flows.get_mut(key) else {
            return;
        };
        if flow.timer_at.is_some_and(|at| at > core.now) {
            return;
        }
        flow.timer_at = None;
        if core.now < flow.deadline() {
            return self.schedule(core, key);
        }
        match &mut flow.phase {
            Phase::Held { syn, .. } => {
                let is_abandoned = core.now >= syn.given_up_at();
                let reason = if is_abandoned {
                    Reason::Abandoned
                } else {
                    Reason::Dropped
                };
                self.end(core, key, reason);
            }
            Phase::Dialing { syn, .. } if core.now >= syn.given_up_at() => {
                self.end(core, key, Reason::Abandoned);
            }
            Phase::Dialing { .. } | Phase::DialingAccepted { .. } => self.drive(core, key),
            Phase::Peeking { .. } => self.look(core, key),
            Phase::Waiting { .. } => self.break_off(core, key, Reason::Dropped),
            Phase::Accepting { .. } => self.on_patience_over(core, key),
            Phase::Relaying {
                closing_since: Some(_),
                ..
            } => self.break_off(core, key, Reason::Closed),
            Phase::Relaying { relay, .. } if relay.greets_at().is_some() => {
                relay.greet();
                self.pump(core, key);
                self.schedule(core, key);
            }
            Phase::Relaying { .. } => self.break_off(core, key, Reason::Idle),
            Phase::Dns(_) => self.end(core, key, Reason::Idle),
            Phase::Muted { .. } => self.forget(key),
            Phase::Closing => {
                if !flow.detached && !flow.track.was_reset && !flow.track.is_finished() {
                    self.reset_by_packet(core, key);
                }
                self.forget(key);
            }
        }
    }

    /// A program and a listener have not come together: for want of the listener's answer the firewall is told, once.
    fn on_patience_over(&mut self, core: &mut Core, key: Key) {
        let Some(flow) = self.flows.get_mut(key) else {
            return;
        };
        let Phase::Accepting { knock, .. } = &mut flow.phase else {
            return;
        };
        if !std::mem::take(&mut knock.is_trial) {
            return self.break_off(core, key, Reason::Abandoned);
        }
        if flow.track.listener_next.is_none() {
            self.knock_again(core, key);
        }
        self.schedule(core, key);
    }

    /// Drops a held flow that gave way to newer ones. The sender's next SYN is a new flow.
    pub fn drop_held(&mut self, core: &mut Core, key: Key) {
        if let Some(Phase::Waiting { .. }) = self.flows.get(key).map(|flow| &flow.phase) {
            return self.break_off(core, key, Reason::Dropped);
        }
        self.end(core, key, Reason::Dropped);
    }

    /// Resets every connection of a program and ends all flows.
    pub fn stop(&mut self, core: &mut Core) {
        for key in self.keys() {
            self.stop_one(core, key);
        }
    }

    /// After a fault, the same: each on its own, for what the fault has left may be faulty too.
    pub fn reset_all(&mut self, core: &mut Core) {
        for key in self.keys() {
            let _ = catch_unwind(AssertUnwindSafe(|| self.stop_one(core, key)));
        }
    }

    /// All connections, those included whose flow has ended.
    pub fn keys(&self) -> Vec<Key> {
        self.flows.keys()
    }

    /// Resets a connection and forgets it.
    pub(super) fn stop_one(&mut self, core: &mut Core, key: Key) {
        let is_open = match self.flows.get(key).map(|flow| &flow.phase) {
            None | Some(Phase::Muted { .. }) => false,
            Some(
                Phase::Relaying { .. }
                | Phase::Dns(_)
                | Phase::Peeking { .. }
                | Phase::Waiting { .. }
                | Phase::DialingAccepted { .. },
            ) => {
                // The kernel's own reset would be translated too late.
                self.reset_by_packet(core, key);
                true
            }
            Some(_) => true,
        };
        if is_open {
            self.break_off(core, key, Reason::Stopped);
        }
        self.forget(key);
    }
}
