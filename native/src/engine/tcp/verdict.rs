//! Verdicts for TCP connections: dial and tell the outcome, refuse, or let the listener answer.

use crate::command::{DialPlan, Rejection, Verdict};
use crate::engine::core::Core;
use crate::engine::tcp::TcpFlows;
use crate::engine::tcp::TcpToken;
use crate::engine::tcp::flow::{Phase, Purpose};
use crate::engine::tcp::held_syn::HeldSyn;
use crate::event::{DialFault, DialReport, Event, Failure, Reason};
use crate::outbound::{Opened, Outbound, Progress};
use crate::packet::header;
use crate::packet::icmp::Unreachable;
use crate::packet::tcp::{self, Tcp};
use crate::relay::Remote;
use crate::slab::Key;
use crate::sys::epoll::STREAM_EDGES;
use crate::vnet_header;
use std::net::{IpAddr, SocketAddr};

impl TcpFlows {
    /// Carries out a verdict; one for a flow that does not wait for any is ignored.
    pub fn decide(&mut self, core: &mut Core, key: Key, verdict: Verdict) {
        let Some(flow) = self.flows.get_mut(key) else {
            return;
        };
        if !matches!(flow.phase, Phase::Held { .. } | Phase::Waiting { .. }) {
            return;
        }
        if let Some(identity) = flow.identity {
            core.held.remove(identity.id);
        }
        if matches!(flow.phase, Phase::Waiting { .. }) {
            return self.decide_accepted(core, key, verdict);
        }
        match verdict {
            Verdict::Dial(plan) => self.dial(core, key, plan),
            Verdict::Reject(how) => self.reject(core, key, how),
            Verdict::Peek(peek) => self.peek_held(core, key, peek),
        }
    }

    fn dial(&mut self, core: &mut Core, key: Key, plan: DialPlan) {
        let Some(flow) = self.flows.get_mut(key) else {
            return;
        };
        let sender = flow.sender(&plan, core.options.mark);
        flow.phase = match std::mem::replace(&mut flow.phase, Phase::Closing) {
            Phase::Held { syn, .. } => Phase::Dialing {
                syn,
                outbound: Box::new(Outbound::connect(plan, sender, core.now)),
                wake: core.now,
            },
            other => other,
        };
        self.drive(core, key);
    }

    /// Brings a dial forward after an event of one of its sockets, or when its time has come.
    pub(super) fn drive(&mut self, core: &mut Core, key: Key) {
        let Some(flow) = self.flows.get_mut(key) else {
            return;
        };
        let (Phase::Dialing { outbound, wake, .. } | Phase::DialingAccepted { outbound, wake, .. }) =
            &mut flow.phase
        else {
            return;
        };
        let token = TcpToken::Remote(key).pack();
        let epoll = &core.epoll;
        let progress = outbound.drive(core.now, &mut |fd| epoll.add(fd, token, STREAM_EDGES));
        if let Progress::Pending { wake: at } = progress {
            *wake = at;
            return self.schedule(core, key);
        }
        let report = DialReport {
            ms: outbound.elapsed(core.now),
            attempts: outbound.take_attempts(),
        };
        match progress {
            Progress::Pending { .. } => {}
            Progress::Ready(Opened {
                fd, peer, through, ..
            }) => self.on_dialed(core, key, Remote::new(fd, through), peer, report),
            Progress::Failed(fault) => self.hold_again(core, key, fault, report),
        }
    }

    fn on_dialed(
        &mut self,
        core: &mut Core,
        key: Key,
        remote: Remote,
        peer: SocketAddr,
        report: DialReport,
    ) {
        if let Some(Phase::DialingAccepted { .. }) = self.flows.get(key).map(|flow| &flow.phase) {
            return self.join(core, key, remote, peer, report);
        }
        if !self.admit(core, key, Purpose::Relay { remote }) {
            let fault = DialFault::plain(Failure::Io, "no redirection port is free");
            return self.hold_again(core, key, fault, report);
        }
        self.announce(core, key, Ok(peer.ip()), report);
    }

    fn hold_again(&mut self, core: &mut Core, key: Key, fault: DialFault, report: DialReport) {
        let Some(flow) = self.flows.get_mut(key) else {
            return;
        };
        flow.phase = match std::mem::replace(&mut flow.phase, Phase::Closing) {
            Phase::Dialing { syn, .. } => Phase::Held {
                syn,
                since: core.now,
            },
            Phase::DialingAccepted { fd, .. } => Phase::Waiting {
                fd,
                since: core.now,
            },
            other => other,
        };
        if let Some(identity) = flow.identity {
            core.hold_again(identity.id);
        }
        self.schedule(core, key);
        self.announce(core, key, Err(fault), report);
    }

    pub(super) fn announce(
        &self,
        core: &mut Core,
        key: Key,
        outcome: Result<IpAddr, DialFault>,
        report: DialReport,
    ) {
        if let Some(identity) = self.flows.get(key).and_then(|flow| flow.identity) {
            let id = identity.id;
            let DialReport { ms, attempts } = report;
            core.outbox.push(Event::Dialed {
                id,
                outcome,
                ms,
                attempts,
            });
        }
    }

    fn reject(&mut self, core: &mut Core, key: Key, how: Rejection) {
        match how {
            Rejection::Reset => self.refuse_held(core, key),
            Rejection::NoRoute => self.tell_unreachable(core, key, Unreachable::NoRoute),
            Rejection::Unreachable => self.tell_unreachable(core, key, Unreachable::Host),
            Rejection::Drop => return self.mute(core, key),
        }
        self.end(core, key, Reason::Rejected);
    }

    fn tell_unreachable(&self, core: &mut Core, key: Key, why: Unreachable) {
        if let Some(syn) = self.held_syn(key) {
            let packet = syn.frame()[vnet_header::LENGTH..].to_vec();
            core.send_unreachable(&packet, why);
        }
    }

    fn mute(&mut self, core: &mut Core, key: Key) {
        let Some(flow) = self.flows.get_mut(key) else {
            return;
        };
        if let Some(identity) = flow.identity.take() {
            core.close(identity, (0, 0), Reason::Rejected);
            self.shares.remove(key, flow.owner.take());
        }
        flow.phase = match std::mem::replace(&mut flow.phase, Phase::Closing) {
            Phase::Held { syn, .. } => Phase::Muted {
                syn,
                since: core.now,
            },
            other => other,
        };
        self.schedule(core, key);
    }

    /// Answers the SYN of a connection that was not admitted with RST.
    pub(super) fn refuse_held(&mut self, core: &mut Core, key: Key) {
        let Some(flow) = self.flows.get(key) else {
            return;
        };
        let Some(syn) = self.held_syn(key) else {
            return;
        };
        let packet = header::parse(&syn.frame()[vnet_header::LENGTH..]);
        let segment = packet.and_then(|packet| Tcp::parse(packet.payload()));
        let answer = segment.and_then(|segment| {
            tcp::reset_answering(flow.tuple.client, flow.tuple.destination, &segment)
        });
        if let Some(answer) = answer {
            core.inject(&answer);
        }
    }

    fn held_syn(&self, key: Key) -> Option<&HeldSyn> {
        match &self.flows.get(key)?.phase {
            Phase::Held { syn, .. } | Phase::Dialing { syn, .. } => Some(syn),
            _ => None,
        }
    }

    /// Passes the held SYN on to a listener. False, with nothing changed, if no port is free or the SYN is not whole.
    pub(super) fn admit(&mut self, core: &mut Core, key: Key, purpose: Purpose) -> bool {
        let Some(frame) = self.held_syn(key).map(|syn| syn.frame().to_vec()) else {
            return false;
        };
        let packet = frame.get(vnet_header::LENGTH..).and_then(header::parse);
        let Some(tcp) = packet.and_then(|ip| Tcp::parse(ip.payload())) else {
            return false;
        };
        let Some(is_ipv6) = self.flows.get(key).map(|flow| flow.tuple.client.is_ipv6()) else {
            return false;
        };
        let redirection = self.redirection_mut(is_ipv6);
        let Some(port) = redirection.and_then(|found| found.allocate(&core.epoll, key)) else {
            return false;
        };
        let Some(flow) = self.flows.get_mut(key) else {
            return false;
        };
        flow.port = Some(port);
        flow.touched = core.now;
        flow.track.on_client(&tcp);
        let knock = self.knock(core, key, frame);
        if let Some(flow) = self.flows.get_mut(key) {
            flow.phase = Phase::Accepting {
                purpose,
                since: core.now,
                knock,
            };
        }
        self.schedule(core, key);
        true
    }
}
