//! What every part of the engine works with: the device, epoll, time, flow identities, and the way to JavaScript.

use crate::counters::Slots;
use crate::engine::askers::Askers;
use crate::engine::datagram_run::DatagramRun;
use crate::engine::dns_desk::{Asker, DnsDesk};
use crate::engine::flow::{FlowRef, Identity, Tuple};
use crate::engine::held::{Held, MAX_UNDECIDED};
use crate::engine::line::{self, Line, Opening, Question};
use crate::engine::owner::Owner;
use crate::event::{Event, Network, Reason};
use crate::options::Options;
use crate::outbox::Outbox;
use crate::pace::Kind;
use crate::packet::ipv6;
use crate::shared::Shared;
use crate::slab::Key;
use crate::sys::epoll::Epoll;
use crate::sys::tun::Tun;
use crate::timers::Timers;
use std::cell::LazyCell;
use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

/// Events JavaScript may be behind by before new flows are ignored (their first packets are repeated by the sender).
const MAX_BACKLOG: usize = 65_536;

/// Shared parts of the engine. Fields are public: the engine's modules are one thing in several files.
pub struct Core {
    pub options: Options,
    pub tun: Tun,
    pub epoll: Epoll,
    pub shared: Arc<Shared>,
    pub outbox: Outbox,
    /// Milliseconds of the monotonic clock, as of this turn of the loop.
    pub now: u64,
    pub timers: Timers<FlowRef>,
    pub dns: DnsDesk,
    askers: Askers,
    questions: Line<Question>,
    openings: Line<Opening>,
    /// Answers to questions that were forgotten.
    refused: Vec<(Key, Vec<u8>)>,
    /// Flows without a verdict.
    pub held: Held,
    flows: HashMap<u64, (FlowRef, Option<Owner>)>,
    slots: Slots,
    next_number: u64,
    pub(super) identification: u32,
    /// Memory for a packet that is made.
    pub(super) packet: Vec<u8>,
    /// Whether this turn began with waiting for something to do, and a single thing came.
    pub has_slept: bool,
    /// Datagrams for a program, of one remote address and type of service.
    pub(super) answers: DatagramRun<(Tuple, u8)>,
}

/// The last numbers that were given out.
#[derive(Clone, Copy, Default)]
pub struct Numbers {
    flow: u64,
    question: u64,
}

impl Core {
    pub fn new(
        options: Options,
        tun: Tun,
        epoll: Epoll,
        shared: Arc<Shared>,
        numbers: Numbers,
        now: u64,
    ) -> Self {
        Self {
            options,
            tun,
            epoll,
            outbox: Outbox::new(shared.clone()),
            shared,
            now,
            timers: Timers::default(),
            dns: DnsDesk::new(numbers.question),
            askers: Askers::default(),
            questions: Line::new(line::QUESTIONS),
            openings: Line::new(line::FLOWS),
            refused: Vec::new(),
            held: Held::default(),
            flows: HashMap::new(),
            slots: Slots::new(),
            next_number: numbers.flow,
            identification: 0,
            packet: Vec::new(),
            answers: DatagramRun::default(),
            has_slept: false,
        }
    }

    /// The last numbers that were given out.
    pub fn numbers(&self) -> Numbers {
        Numbers {
            flow: self.next_number,
            question: self.dns.last_token(),
        }
    }

    /// Asks about echo requests between two addresses. `None` if JavaScript is far behind.
    pub fn open_echo(&mut self, source: IpAddr, destination: IpAddr) -> Option<u64> {
        if self.shared.event_backlog() > MAX_BACKLOG {
            return None;
        }
        self.next_number += 1;
        let id = self.next_number * 2;
        self.outbox.push(Event::Echo {
            id,
            source,
            destination,
        });
        Some(id)
    }

    /// The far end of the device's IPv6 link.
    pub fn peer6(&self) -> Option<IpAddr> {
        Some(ipv6::neighbour(self.options.address6?).into())
    }

    /// Whether an address is one of the device's link.
    pub fn is_own(&self, address: IpAddr) -> bool {
        address == self.options.address4
            || Some(address) == self.options.address6.map(IpAddr::from)
            || self.is_peer(address)
    }

    /// Whether an address is the far end of the device's link.
    pub fn is_peer(&self, address: IpAddr) -> bool {
        address == self.options.peer4 || Some(address) == self.peer6()
    }

    /// Whether what a program sends to port 53 of a server may be a question for us. Our own address takes nothing else.
    pub fn hijacks(&self, network: Network, server: IpAddr) -> bool {
        let servers = match network {
            Network::Tcp => &self.options.hijack.tcp,
            Network::Udp => &self.options.hijack.udp,
        };
        self.is_peer(server) || servers.contain(server)
    }

    /// Whether flows to an address are carried. All of IPv4 are, and of IPv6 what the options say, except to the device's link.
    pub fn carries(&self, destination: IpAddr) -> bool {
        let carried6 = &self.options.carried6;
        destination.is_ipv4()
            || Some(destination) != self.peer6()
                && carried6.iter().any(|prefix| prefix.contains(destination))
    }

    /// Holds a new flow of a traffic class, of whomever `who` says, and announces it, at once or when its owner's turn comes. `None` if
    /// there is no room, for its owner or at all, or JavaScript is far behind.
    pub fn open(
        &mut self,
        network: Network,
        source: SocketAddr,
        destination: SocketAddr,
        class: u8,
        place: FlowRef,
        who: impl FnOnce() -> Owner,
    ) -> Option<Identity> {
        if self.shared.event_backlog() > MAX_BACKLOG {
            return None;
        }
        let who = LazyCell::new(who);
        let owner = self.held.admit(|| *who).ok()?;
        let slot = self.slots.take()?;
        self.next_number += 1;
        // Numbers of TCP flows are even, of UDP flows odd.
        let id = self.next_number * 2 + u64::from(network == Network::Udp);
        self.shared.counters.clear(slot);
        self.flows.insert(id, (place, owner));
        self.held.insert(id, place, owner);
        let event = Event::Open {
            id,
            slot,
            network,
            source,
            destination,
            class,
        };
        if self.openings.is_empty() && self.takes(Kind::Flow) && !self.shared.is_resting(self.now) {
            self.outbox.push(event);
        } else {
            let charged = who.charged().last().unwrap_or(*who);
            self.askers.note(charged, self.now);
            self.openings.push(charged, Opening(id, event));
            if self.openings.waiting(charged) > 2 * MAX_UNDECIDED {
                let flows = &self.flows;
                self.openings
                    .retain(charged, |Opening(id, _)| flows.contains_key(id));
            }
        }
        Some(Identity {
            id,
            slot,
            opened: self.now,
        })
    }

    /// Passes a question on, at once or when its owner's turn comes.
    pub fn ask(&mut self, asker: Asker, ends: Tuple, message: &[u8]) {
        let is_first = self.questions.is_empty() && !self.shared.is_resting(self.now);
        if is_first && self.takes(Kind::Question) {
            return self.put_question(asker, None, ends, message);
        }
        let owner = self.askers.owner_of(asker, ends, self.now);
        self.askers.note(owner, self.now);
        let message = message.to_vec();
        let question = Question {
            asker,
            ends,
            message,
        };
        let forgotten = self.questions.push(owner, question);
        self.shared.metrics.dropped.add(forgotten.len() as u64);
        // By UDP silence is what a flood is answered with anywhere.
        self.refused
            .extend(forgotten.into_iter().filter_map(|each| match each.asker {
                Asker::Tcp(key) => Some((key, each.refused())),
                Asker::Udp(_) => None,
            }));
    }

    /// What connections to port 53 are owed for questions that nobody will answer; empty where there is nothing to say.
    pub fn take_refused(&mut self) -> Vec<(Key, Vec<u8>)> {
        let mut refused = std::mem::take(&mut self.refused);
        let forgotten = self.dns.take_forgotten();
        refused.extend(forgotten.into_iter().map(|key| (key, Vec::new())));
        refused
    }

    /// Passes on what waits, as much as JavaScript takes. It wakes this thread when it takes more. While several users are about, what
    /// there is in crowds comes by itself, in turns after which they rest.
    pub fn tell_waiting(&mut self) {
        if !self.has_waiting() {
            return self.shared.want_taken(false);
        }
        self.shared.want_taken(true);
        let are_several = self.askers.are_several(self.now);
        let crowds = !are_several || !self.shared.is_resting(self.now);
        let mut are_told = false;
        while self.takes(Kind::Question)
            && let Some(taken) = self.questions.take(crowds)
        {
            are_told |= taken.is_of_crowd;
            let Question {
                asker,
                ends,
                message,
            } = taken.item;
            self.put_question(asker, Some(taken.owner), ends, &message);
        }
        while self.takes(Kind::Flow)
            && let Some(taken) = self.openings.take(crowds)
        {
            let Opening(id, event) = taken.item;
            if self.flows.contains_key(&id) {
                are_told |= taken.is_of_crowd;
                self.outbox.push(event);
            }
        }
        if are_several && are_told {
            self.shared.crowds_told();
        }
    }

    /// Whether there is something to be told.
    pub fn has_waiting(&self) -> bool {
        !(self.questions.is_empty() && self.openings.is_empty())
    }

    /// Milliseconds until crowds have rested, if something waits.
    pub fn rest_ms(&self) -> Option<u64> {
        let until = self.shared.rest_until().filter(|_| self.has_waiting())?;
        // One that is over wakes nobody: JavaScript does when it takes more (`want_taken`).
        until.checked_sub(self.now).filter(|left| *left > 0)
    }

    fn takes(&self, kind: Kind) -> bool {
        self.shared.told(kind) + self.outbox.told(kind) < self.shared.limit(kind)
    }

    fn put_question(&mut self, asker: Asker, owner: Option<Owner>, ends: Tuple, message: &[u8]) {
        let network = match asker {
            Asker::Tcp(_) => Network::Tcp,
            Asker::Udp(_) => Network::Udp,
        };
        let token = self.dns.ask(asker, owner, self.now);
        self.outbox
            .ask(token, network, ends.client, ends.destination, message);
    }

    /// The first byte of a flow has come back.
    pub fn note_first_byte(&self, identity: Identity) {
        let ms = self.now.saturating_sub(identity.opened);
        self.shared.counters.set_first_byte(identity.slot, ms);
    }

    /// Announces the end of a flow.
    pub fn close(&mut self, identity: Identity, bytes: (u64, u64), reason: Reason) {
        self.flows.remove(&identity.id);
        self.held.remove(identity.id);
        self.shared.counters.set(identity.slot, bytes.0, bytes.1);
        let first_byte = self.shared.counters.first_byte(identity.slot);
        self.slots.give(identity.slot);
        self.outbox.push(Event::Close {
            id: identity.id,
            up: bytes.0,
            down: bytes.1,
            first_byte,
            reason,
        });
    }

    /// Holds a flow again, which has been decided before and needs another verdict.
    pub fn hold_again(&mut self, id: u64) {
        if let Some((place, owner)) = self.flows.get(&id).copied() {
            self.held.insert(id, place, owner);
        }
    }

    /// Where a flow lives, `None` if it has ended.
    pub fn find(&self, id: u64) -> Option<FlowRef> {
        self.flows.get(&id).map(|(place, _)| *place)
    }

    /// How much is read at a time of what would give `most`. What woke this thread is likely to be alone: it goes on before more is
    /// asked for, which would mostly be a system call for nothing. What is left is told by the next wait, which does not sleep.
    pub fn burst(&self, most: usize) -> usize {
        if self.has_slept { 1 } else { most }
    }

    pub(super) fn count_out(&self, bytes: usize) {
        self.shared.metrics.packets_out.add(1);
        self.shared.metrics.bytes_out.add(bytes as u64);
    }
}
