//! Accepted TCP connections: relays and DNS connections.

use crate::engine::core::Core;
use crate::engine::dns_desk::Asker;
use crate::engine::flow::{FlowRef, Tuple};
use crate::engine::owner::Owner;
use crate::engine::tcp::dns_connection::{Close, DnsConnection};
use crate::engine::tcp::flow::{Phase, Purpose, TcpFlow};
use crate::engine::tcp::redirection::Redirection;
use crate::engine::tcp::{MAX_DNS_BACKLOG, TcpFlows, TcpToken, spare_descriptor};
use crate::event::{Network, Reason};
use crate::relay::{Outcome, Relay, Side};
use crate::slab::Key;
use crate::sys::epoll::STREAM_EDGES;
use crate::sys::socket;
use std::collections::HashMap;
use std::net::IpAddr;
use std::os::fd::{AsFd, OwnedFd};

/// Connections accepted before others get their turn.
const ACCEPT_BURST: usize = 64;

impl TcpFlows {
    /// Accepts what has finished its handshake with the listener of a token.
    pub(super) fn on_listener(&mut self, core: &mut Core, token: usize) {
        let (is_ipv6, index) = Redirection::of_token(token);
        for _ in 0..ACCEPT_BURST {
            let Some(redirection) = self.redirection(is_ipv6) else {
                return;
            };
            let Some(listener) = redirection.socket(index) else {
                return;
            };
            let (fd, peer) = match socket::accept(listener) {
                Ok(accepted) => accepted,
                Err(error) => {
                    if matches!(error.raw_os_error(), Some(libc::EMFILE | libc::ENFILE)) {
                        self.refuse_by_spare(is_ipv6, index);
                    }
                    return;
                }
            };
            match redirection.owner(index, peer) {
                Some(key) => self.on_accepted(core, key, fd),
                None => socket::reset_on_close(fd.as_fd()),
            }
        }
    }

    /// Out of descriptors: one connection is accepted with the spare one and reset, or it would be reported for ever.
    fn refuse_by_spare(&mut self, is_ipv6: bool, index: usize) {
        drop(self.spare.take());
        let redirection = self.redirection(is_ipv6);
        if let Some(listener) = redirection.and_then(|found| found.socket(index))
            && let Ok((fd, _)) = socket::accept(listener)
        {
            socket::reset_on_close(fd.as_fd());
        }
        self.spare = spare_descriptor();
    }

    fn on_accepted(&mut self, core: &mut Core, key: Key, fd: OwnedFd) {
        let Some(flow) = self.flows.get_mut(key) else {
            return socket::reset_on_close(fd.as_fd());
        };
        if !matches!(flow.phase, Phase::Accepting { .. }) {
            return socket::reset_on_close(fd.as_fd());
        }
        let Phase::Accepting { purpose, knock, .. } =
            std::mem::replace(&mut flow.phase, Phase::Closing)
        else {
            return;
        };
        self.on_answered_knock(core, &knock);
        let Some(flow) = self.flows.get_mut(key) else {
            return;
        };
        let token = TcpToken::Client(key).pack();
        match purpose {
            Purpose::Relay { remote } => {
                let watched = core.epoll.add(fd.as_fd(), token, STREAM_EDGES).is_ok();
                let relay = Box::new(Relay::new(fd, remote, core.now));
                flow.phase = Phase::Relaying {
                    relay,
                    closing_since: None,
                };
                if watched {
                    self.pump(core, key);
                } else {
                    self.on_outcome(core, key, Outcome::Broken(Side::Client));
                }
            }
            Purpose::Peek(peek) => {
                if core.epoll.add(fd.as_fd(), token, STREAM_EDGES).is_ok() {
                    self.begin_peek(core, key, fd, peek);
                } else {
                    socket::reset_on_close(fd.as_fd());
                    drop(fd);
                    self.end(core, key, Reason::Dropped);
                }
            }
            Purpose::Dns => {
                let watched = core.epoll.add(fd.as_fd(), token, STREAM_EDGES).is_ok();
                let is_ours = core.is_peer(flow.tuple.destination.ip());
                flow.phase = Phase::Dns(Box::new(DnsConnection::new(fd, is_ours)));
                if watched {
                    self.advance_dns(core, key);
                } else {
                    self.end_dns(core, key, Close::Reset);
                }
            }
        }
        self.schedule(core, key);
    }

    /// Takes the readiness of a connection's socket.
    pub(super) fn on_ready(&mut self, core: &mut Core, key: Key, side: Side, bits: u32) {
        self.share_pipes(key);
        let Some(flow) = self.flows.get_mut(key) else {
            return;
        };
        match &mut flow.phase {
            Phase::Dialing { .. } => self.drive(core, key),
            // What the program does meanwhile is seen by the relay's first turn.
            Phase::DialingAccepted { .. } if side == Side::Remote => self.drive(core, key),
            Phase::Peeking { .. } => self.look(core, key),
            Phase::Relaying { relay, .. } => {
                let outcome = relay.on_ready(side, bits, &mut self.pipes, &mut self.buffer);
                self.on_outcome(core, key, outcome);
            }
            Phase::Dns(_) => self.advance_dns(core, key),
            // A remote that ends before the program was accepted is seen by the relay's first turn.
            _ => {}
        }
    }

    /// Gives relays that had more to do another turn. True if some still have.
    pub fn pump_busy(&mut self, core: &mut Core) -> bool {
        for key in std::mem::take(&mut self.busy) {
            if let Some(flow) = self.flows.get_mut(key) {
                flow.queued = false;
                self.pump(core, key);
            }
        }
        !self.busy.is_empty()
    }

    /// Tells a relay whose pipes it uses, once that matters.
    fn share_pipes(&mut self, key: Key) {
        if !self.pipes.is_scarce() {
            return;
        }
        self.identify_one(key);
        if let Some(flow) = self.flows.get_mut(key)
            && let Phase::Relaying { relay, .. } = &mut flow.phase
        {
            relay.belongs_to(flow.owner);
        }
    }

    pub(super) fn pump(&mut self, core: &mut Core, key: Key) {
        self.share_pipes(key);
        let Some(flow) = self.flows.get_mut(key) else {
            return;
        };
        if let Phase::Relaying { relay, .. } = &mut flow.phase {
            let outcome = relay.pump_both(&mut self.pipes, &mut self.buffer);
            self.on_outcome(core, key, outcome);
        }
    }

    fn on_outcome(&mut self, core: &mut Core, key: Key, outcome: Outcome) {
        let Some(flow) = self.flows.get_mut(key) else {
            return;
        };
        let Phase::Relaying {
            relay,
            closing_since,
        } = &flow.phase
        else {
            return;
        };
        let (up, down) = relay.bytes();
        if down > 0
            && !flow.answered
            && let Some(identity) = flow.identity
        {
            flow.answered = true;
            core.note_first_byte(identity);
        }
        match outcome {
            Outcome::Waiting | Outcome::Busy => {
                let is_half_closed = relay.is_half_closed();
                if let Some(identity) = flow.identity {
                    core.shared.counters.set(identity.slot, up, down);
                }
                if outcome == Outcome::Busy && !flow.queued {
                    flow.queued = true;
                    self.busy.push(key);
                }
                if is_half_closed {
                    self.schedule(core, key);
                }
            }
            Outcome::Finished => {
                let is_asked = closing_since.is_some();
                let reason = if is_asked {
                    Reason::Closed
                } else {
                    Reason::Done
                };
                self.end(core, key, reason);
            }
            Outcome::Broken(side) => {
                relay.reset();
                let reason = match side {
                    _ if closing_since.is_some() => Reason::Closed,
                    Side::Client => Reason::ResetByClient,
                    Side::Remote if relay.is_unreadable() => Reason::Unreadable,
                    Side::Remote => Reason::ResetByRemote,
                };
                self.end(core, key, reason);
            }
        }
    }

    fn advance_dns(&mut self, core: &mut Core, key: Key) {
        let Some(flow) = self.flows.get_mut(key) else {
            return;
        };
        let tuple = flow.tuple;
        let Phase::Dns(connection) = &mut flow.phase else {
            return;
        };
        self.dns_backlog -= connection.backlog();
        let result = connection.advance(&mut self.buffer, &mut |message| {
            core.ask(Asker::Tcp(key), tuple, &message);
        });
        self.dns_backlog += connection.backlog();
        match result {
            Ok(()) => {}
            Err(Close::NotDns) => self.hold_accepted(core, key),
            Err(close) => self.end_dns(core, key, close),
        }
    }

    /// Makes a flow of a connection to port 53 that is not DNS: it is accepted, and waits for a verdict.
    fn hold_accepted(&mut self, core: &mut Core, key: Key) {
        let Some(flow) = self.flows.get_mut(key) else {
            return;
        };
        let Tuple {
            client,
            destination,
        } = flow.tuple;
        if !core.carries(destination.ip()) {
            return self.end_dns(core, key, Close::Reset);
        }
        let who = || Owner::of_tcp(client, destination);
        let Ok(owner) = self.find_place(core, who) else {
            core.shared.metrics.tcp_refused.add(1);
            return self.end_dns(core, key, Close::Reset);
        };
        let place = FlowRef::Tcp(key);
        let Some(identity) = core.open(Network::Tcp, client, destination, 0, place, who) else {
            return self.end_dns(core, key, Close::Reset);
        };
        self.dns_connections.retain(|other| *other != key);
        self.shares.add(key, owner);
        let Some(flow) = self.flows.get_mut(key) else {
            return;
        };
        flow.identity = Some(identity);
        flow.owner = owner;
        flow.phase = match std::mem::replace(&mut flow.phase, Phase::Closing) {
            Phase::Dns(connection) => Phase::Waiting {
                fd: connection.into_socket(),
                since: core.now,
            },
            other => other,
        };
        self.schedule(core, key);
    }

    /// Sends an answer to a DNS connection, if it is still there.
    pub fn answer_dns(&mut self, core: &mut Core, key: Key, message: &[u8]) {
        let Some(flow) = self.flows.get_mut(key) else {
            return;
        };
        flow.touched = core.now;
        let Phase::Dns(connection) = &mut flow.phase else {
            return;
        };
        self.dns_backlog -= connection.backlog();
        let result = connection.answer(message);
        let backlog = connection.backlog();
        self.dns_backlog += backlog;
        let share = MAX_DNS_BACKLOG / self.dns_connections.len().max(1);
        if self.dns_backlog > MAX_DNS_BACKLOG && backlog > share {
            return self.end_dns(core, key, Close::Reset);
        }
        match result {
            // More questions may be waiting that were not read before.
            Ok(()) => self.advance_dns(core, key),
            Err(close) => self.end_dns(core, key, close),
        }
    }

    /// Ends a DNS connection of the client that has most: one that owes no answer, else the one that was longest silent.
    pub(super) fn make_room_for_dns(&mut self, core: &mut Core) {
        let mut counts: HashMap<IpAddr, usize> = HashMap::new();
        for flow in self
            .dns_connections
            .iter()
            .filter_map(|key| self.flows.get(*key))
        {
            *counts.entry(flow.tuple.client.ip()).or_default() += 1;
        }
        let Some((greatest, _)) = counts.into_iter().max_by_key(|(_, count)| *count) else {
            return;
        };
        let rank = |key: &Key| {
            let flow = self.flows.get(*key)?;
            let owes = !matches!(&flow.phase, Phase::Dns(connection) if connection.is_idle());
            (flow.tuple.client.ip() == greatest).then_some((owes, flow.touched, *key))
        };
        if let Some((_, _, key)) = self.dns_connections.iter().filter_map(rank).min() {
            self.break_off(core, key, Reason::Dropped);
        }
    }

    fn end_dns(&mut self, core: &mut Core, key: Key, close: Close) {
        if let Some(TcpFlow {
            phase: Phase::Dns(connection),
            ..
        }) = self.flows.get(key)
            && close == Close::Reset
        {
            connection.reset();
        }
        self.end(core, key, Reason::Done);
    }
}
