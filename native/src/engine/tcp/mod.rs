//! TCP connections of programs. `TcpFlows` is all that the engine knows of them: every packet finds its connection here and is
//! held, translated or refused; verdicts, sockets and timers bring it forward.

mod accepted;
mod dns_connection;
mod end;
mod firewall;
mod flow;
mod held_syn;
mod nat;
mod peek;
mod places;
mod redirection;
mod share;
mod token;
mod verdict;

use crate::engine::core::Core;
use crate::engine::flow::{FlowRef, Tuple};
use crate::engine::owner::Owner;
use crate::engine::tcp::firewall::Firewall;
use crate::engine::tcp::flow::{Phase, Purpose, TcpFlow};
use crate::engine::tcp::held_syn::HeldSyn;
use crate::engine::tcp::redirection::Redirection;
use crate::engine::tcp::share::TcpShares;
pub use crate::engine::tcp::token::TcpToken;
use crate::event::{Network, Reason};
use crate::options::Options;
use crate::packet::icmp::Unreachable;
use crate::packet::rewrite::{headers_length, rewrite};
use crate::packet::tcp::{self, Tcp};
use crate::pipe_pool::PipePool;
use crate::relay::{COPY_BUFFER, Side};
use crate::slab::{Key, Slab};
use crate::vnet_header::{self, VnetHeader};
use std::collections::HashMap;
use std::fs::File;
use std::io;
use std::net::SocketAddr;
use std::os::fd::OwnedFd;

/// Connections in any phase; more SYNs are ignored.
const MAX_FLOWS: usize = 400_000;
/// TCP connections to port 53 at once. Beyond it, of whoever has most, one that owes no answer gives way, or the longest silent.
const MAX_DNS_CONNECTIONS: usize = 512;
/// Bytes of answers that may wait in all DNS connections; beyond it those that have more than their share are reset.
pub(super) const MAX_DNS_BACKLOG: usize = 32 * 1024 * 1024;
/// How far away a timer may be set.
const FURTHEST_TIMER_MS: u64 = 600_000;
/// The port at which questions are answered by the DNS side.
pub const DNS_PORT: u16 = 53;

/// A TCP packet as it came from the device.
pub struct Segment<'a> {
    pub header: VnetHeader,
    /// Header and packet.
    pub frame: &'a mut [u8],
    pub ip_header_length: usize,
    pub source: SocketAddr,
    pub destination: SocketAddr,
    /// DSCP (RFC 2474).
    pub class: u8,
    pub tcp: Tcp,
}

/// All connections.
pub struct TcpFlows {
    pub(super) flows: Slab<TcpFlow>,
    pub(super) by_tuple: HashMap<Tuple, Key>,
    /// For IPv4, and for IPv6 if the device has an address of it.
    redirection4: Redirection,
    redirection6: Option<Redirection>,
    pub(super) firewall: Firewall,
    pub(super) pipes: PipePool,
    pub(super) shares: TcpShares,
    pub(super) buffer: Box<[u8]>,
    /// Relays that have more to do.
    pub(super) busy: Vec<Key>,
    pub(super) dns_connections: Vec<Key>,
    pub(super) dns_backlog: usize,
    /// Kept for accepting when there is no other descriptor left.
    pub(super) spare: Option<OwnedFd>,
}

impl TcpFlows {
    /// With the first listener at the device's own address.
    pub fn new(core: &Core) -> io::Result<Self> {
        let Options {
            name,
            address4,
            peer4,
            address6,
            ..
        } = &core.options;
        let mut redirection4 = Redirection::new((*address4).into(), (*peer4).into(), name);
        redirection4.listen(&core.epoll)?;
        // Its first listener comes with the first connection: the device's address is usable some time after it is up.
        let ends6 = address6.zip(core.peer6());
        let redirection6 = ends6.map(|(own, peer)| Redirection::new(own.into(), peer, name));
        Ok(Self {
            flows: Slab::default(),
            by_tuple: HashMap::new(),
            redirection4,
            redirection6,
            firewall: Firewall::new(),
            pipes: PipePool::default(),
            shares: TcpShares::new(),
            buffer: vec![0; COPY_BUFFER].into_boxed_slice(),
            busy: Vec::new(),
            dns_connections: Vec::new(),
            dns_backlog: 0,
            spare: spare_descriptor(),
        })
    }

    /// Number of flows JavaScript knows.
    pub fn open_flows(&self) -> u64 {
        self.shares.open() as u64
    }

    /// Takes a packet.
    pub fn on_segment(&mut self, core: &mut Core, segment: Segment) {
        let redirection = self.redirection(segment.source.is_ipv6());
        let listener = redirection.and_then(|redirection| {
            let index = redirection.listener_of(segment.source, segment.destination)?;
            Some(redirection.owner(index, segment.destination))
        });
        if let Some(owner) = listener {
            return self.on_listener_segment(core, segment, owner);
        }
        let tuple = Tuple {
            client: segment.source,
            destination: segment.destination,
        };
        match self.by_tuple.get(&tuple).copied() {
            Some(key) => self.on_client_segment(core, key, segment),
            None => self.on_unknown_segment(core, tuple, segment),
        }
    }

    /// Takes the readiness of a socket.
    pub fn on_socket(&mut self, core: &mut Core, token: TcpToken, bits: u32) {
        match token {
            TcpToken::Listener(index) => self.on_listener(core, index),
            TcpToken::Client(key) => self.on_ready(core, key, Side::Client, bits),
            TcpToken::Remote(key) => self.on_ready(core, key, Side::Remote, bits),
        }
    }

    /// Where connections of an IP version are redirected to; `None` if they are not carried.
    pub(super) fn redirection(&self, is_ipv6: bool) -> Option<&Redirection> {
        if is_ipv6 {
            self.redirection6.as_ref()
        } else {
            Some(&self.redirection4)
        }
    }

    /// The same, to be changed.
    pub(super) fn redirection_mut(&mut self, is_ipv6: bool) -> Option<&mut Redirection> {
        if is_ipv6 {
            self.redirection6.as_mut()
        } else {
            Some(&mut self.redirection4)
        }
    }

    fn on_listener_segment(&mut self, core: &mut Core, segment: Segment, owner: Option<Key>) {
        let Some((key, flow)) = owner.and_then(|key| Some((key, self.flows.get_mut(key)?))) else {
            return refuse(core, &segment);
        };
        if flow.detached {
            core.shared.metrics.dropped.add(1);
            return;
        }
        flow.touched = core.now;
        let is_reset = segment.tcp.has(tcp::RST);
        // Our listeners answer a SYN, or are too busy to: it is a firewall that refuses.
        if is_reset && flow.track.listener_next.is_none() && self.knock_again(core, key) {
            return;
        }
        let Some(flow) = self.flows.get_mut(key) else {
            return;
        };
        flow.track.on_listener(&segment.tcp);
        let Tuple {
            client,
            destination,
        } = flow.tuple;
        translate(core, segment, destination, client);
        self.after_segment(core, key, is_reset, Reason::ResetByRemote);
    }

    fn on_client_segment(&mut self, core: &mut Core, key: Key, segment: Segment) {
        let Some(flow) = self.flows.get_mut(key) else {
            return;
        };
        let is_reset = segment.tcp.has(tcp::RST);
        if segment.tcp.opens() && (flow.track.is_finished() || flow.track.was_reset) {
            // The program's port is in use again, perhaps before the relay has noticed the end. The old connection
            // keeps its redirection port until TIME_WAIT is over.
            flow.detached = true;
            let tuple = flow.tuple;
            self.by_tuple.remove(&tuple);
            return self.on_unknown_segment(core, tuple, segment);
        }
        match &mut flow.phase {
            Phase::Held { syn, .. } | Phase::Dialing { syn, .. } | Phase::Muted { syn, .. } => {
                if segment.tcp.opens() {
                    syn.repeat(segment.frame, core.now);
                } else if is_reset {
                    self.end(core, key, Reason::Abandoned);
                }
            }
            Phase::Accepting { .. }
            | Phase::Peeking { .. }
            | Phase::Waiting { .. }
            | Phase::DialingAccepted { .. }
            | Phase::Relaying { .. }
            | Phase::Dns(_)
            | Phase::Closing => {
                let Some((from, to)) = self.listener_side(key) else {
                    return;
                };
                if let Some(flow) = self.flows.get_mut(key) {
                    flow.touched = core.now;
                    let is_repetition = flow.track.on_client(&segment.tcp);
                    if segment.tcp.opens() && flow.track.listener_next.is_none() {
                        self.tell_of_repeated_syn(core, key);
                    } else if is_repetition && !flow.track.was_reset {
                        self.tell_of_repetition(core, key);
                    }
                }
                translate(core, segment, from, to);
                self.after_segment(core, key, is_reset, Reason::ResetByClient);
            }
        }
    }

    /// End points of the connection's other half: the redirected source and the listener.
    pub(super) fn listener_side(&self, key: Key) -> Option<(SocketAddr, SocketAddr)> {
        let flow = self.flows.get(key)?;
        self.redirection(flow.tuple.client.is_ipv6())?
            .ends(flow.port?)
    }

    /// Ends flows whose end is seen only by their packets.
    fn after_segment(&mut self, core: &mut Core, key: Key, is_reset: bool, reason: Reason) {
        let Some(flow) = self.flows.get(key) else {
            return;
        };
        match &flow.phase {
            Phase::Accepting { .. } if is_reset => self.end(core, key, Reason::Abandoned),
            Phase::Peeking { .. } | Phase::Waiting { .. } | Phase::DialingAccepted { .. }
                if is_reset =>
            {
                self.end(core, key, reason);
            }
            // The state may have come nearer to its end than the timer that is set.
            Phase::Closing => self.schedule(core, key),
            _ => {}
        }
    }

    fn on_unknown_segment(&mut self, core: &mut Core, tuple: Tuple, segment: Segment) {
        if !segment.tcp.opens() {
            return refuse(core, &segment);
        }
        if self.flows.len() >= MAX_FLOWS {
            core.shared.metrics.dropped.add(1);
            return;
        }
        if tuple.destination.port() == DNS_PORT
            && core.hijacks(Network::Tcp, tuple.destination.ip())
        {
            return self.open_dns(core, tuple, segment);
        }
        if !core.carries(tuple.destination.ip()) {
            let packet = &segment.frame[vnet_header::LENGTH..];
            return core.send_unreachable(packet, Unreachable::NoRoute);
        }
        let who = || Owner::of_tcp(tuple.client, tuple.destination);
        let Ok(owner) = self.find_place(core, who) else {
            core.shared.metrics.tcp_refused.add(1);
            return refuse(core, &segment);
        };
        let syn = HeldSyn::new(segment.frame, core.now);
        let phase = Phase::Held {
            syn,
            since: core.now,
        };
        let mut flow = TcpFlow::new(tuple, phase, core.now);
        flow.owner = owner;
        let key = self.flows.insert(flow);
        let place = FlowRef::Tcp(key);
        let opened = core.open(
            Network::Tcp,
            tuple.client,
            tuple.destination,
            segment.class,
            place,
            who,
        );
        match opened {
            Some(identity) => {
                if let Some(flow) = self.flows.get_mut(key) {
                    flow.identity = Some(identity);
                }
                self.shares.add(key, owner);
                self.by_tuple.insert(tuple, key);
                self.schedule(core, key);
            }
            None => {
                self.flows.remove(key);
                core.shared.metrics.dropped.add(1);
            }
        }
    }

    fn open_dns(&mut self, core: &mut Core, tuple: Tuple, segment: Segment) {
        if self.dns_connections.len() >= MAX_DNS_CONNECTIONS {
            self.make_room_for_dns(core);
        }
        let syn = HeldSyn::new(segment.frame, core.now);
        let phase = Phase::Held {
            syn,
            since: core.now,
        };
        let key = self.flows.insert(TcpFlow::new(tuple, phase, core.now));
        self.by_tuple.insert(tuple, key);
        if self.admit(core, key, Purpose::Dns) {
            self.dns_connections.push(key);
        } else {
            self.end(core, key, Reason::Dropped);
            refuse(core, &segment);
        }
    }

    /// Sets a timer for the phase's end, unless an earlier one is set.
    pub(super) fn schedule(&mut self, core: &mut Core, key: Key) {
        let Some(flow) = self.flows.get_mut(key) else {
            return;
        };
        // A timer cannot be taken back: far ones would outlive their flows in great numbers.
        let deadline = flow.deadline().min(core.now + FURTHEST_TIMER_MS);
        if flow.timer_at.is_none_or(|at| deadline < at) {
            flow.timer_at = Some(deadline);
            core.timers.add(deadline, FlowRef::Tcp(key));
        }
    }
}

/// A descriptor that is good for nothing but being closed.
pub(super) fn spare_descriptor() -> Option<OwnedFd> {
    File::open("/dev/null").ok().map(OwnedFd::from)
}

/// Sends a segment on with new end points.
pub(super) fn translate(
    core: &mut Core,
    segment: Segment,
    source: SocketAddr,
    destination: SocketAddr,
) {
    let mut header = segment.header;
    header.set_header_length(headers_length(segment.ip_header_length, &segment.tcp));
    let (head, packet) = segment.frame.split_at_mut(vnet_header::LENGTH);
    head.copy_from_slice(&header.encode());
    rewrite(
        packet,
        segment.ip_header_length,
        header.needs_checksum(),
        source,
        destination,
    );
    core.forward(&header, segment.frame);
}

/// Answers a segment of a connection nobody knows, so that its program sees a reset at once.
fn refuse(core: &mut Core, segment: &Segment) {
    core.shared.metrics.dropped.add(1);
    let answer = tcp::reset_answering(segment.source, segment.destination, &segment.tcp);
    if let Some(answer) = answer {
        core.inject(&answer);
    }
}
