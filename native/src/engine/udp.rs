//! UDP of programs: each datagram finds its conversation here; answers carry the asked address as their source.

use crate::command::Ending;
use crate::dns::{self, Judgement};
use crate::engine::core::Core;
use crate::engine::dns_desk::Asker;
use crate::engine::flow::{FlowRef, Tuple};
use crate::engine::tcp::DNS_PORT;
use crate::engine::udp_flow::{Phase, Session, UdpFlow};
use crate::event::{Network, Reason};
use crate::packet::icmp::Unreachable;
use crate::packet::ip::Packet;
use crate::packet::udp::Udp;
use crate::slab::{Key, Slab};
use crate::socks5;
use crate::sys::{self, socket};
use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::{AsFd, BorrowedFd};

/// Conversations at once; more are answered with ICMP host unreachable.
const MAX_FLOWS: usize = 32_768;
/// Datagrams read from one socket before others get their turn.
const READ_BURST: usize = 64;

/// All conversations.
pub struct UdpFlows {
    pub(super) flows: Slab<UdpFlow>,
    by_tuple: HashMap<Tuple, Key>,
    buffer: Box<[u8]>,
    outgoing: Vec<u8>,
    open: u64,
}

impl UdpFlows {
    pub fn new() -> Self {
        Self {
            flows: Slab::default(),
            by_tuple: HashMap::new(),
            buffer: vec![0; 65_536].into_boxed_slice(),
            outgoing: Vec::new(),
            open: 0,
        }
    }

    /// Number of flows JavaScript knows.
    pub fn open_flows(&self) -> u64 {
        self.open
    }

    /// Takes a datagram of a program.
    pub fn on_datagram(&mut self, core: &mut Core, packet: &Packet, datagram: &Udp) {
        let tuple = Tuple {
            client: SocketAddr::new(packet.source(), datagram.source_port()),
            destination: SocketAddr::new(packet.destination(), datagram.destination_port()),
        };
        if tuple.destination.port() == DNS_PORT
            && is_question(core, tuple.destination.ip(), datagram.payload())
            && !self.by_tuple.contains_key(&tuple)
        {
            return on_question(core, tuple, datagram.payload());
        }
        let key = match self.by_tuple.get(&tuple) {
            Some(key) => *key,
            None if !core.carries(packet.destination()) => {
                return core.send_unreachable(packet.bytes(), Unreachable::NoRoute);
            }
            None => match self.open_flow(core, tuple) {
                Some(key) => key,
                None => return core.send_unreachable(packet.bytes(), Unreachable::Host),
            },
        };
        let Some(flow) = self.flows.get_mut(key) else {
            return;
        };
        flow.touch(packet, core.now);
        match &mut flow.phase {
            Phase::Held { queue, .. } | Phase::Associating { queue, .. } => {
                if !queue.push(datagram.payload()) {
                    core.shared.metrics.dropped.add(1);
                }
                self.look(core, key);
            }
            Phase::Open(_) => self.send(core, key, datagram.payload()),
            Phase::Muted { .. } => core.shared.metrics.dropped.add(1),
        }
    }

    fn open_flow(&mut self, core: &mut Core, tuple: Tuple) -> Option<Key> {
        if self.flows.len() >= MAX_FLOWS {
            return None;
        }
        let key = self.flows.insert(UdpFlow::new(tuple, core.now));
        let place = FlowRef::Udp(key);
        let Some(identity) = core.open(Network::Udp, tuple.client, tuple.destination, place) else {
            self.flows.remove(key);
            return None;
        };
        if let Some(flow) = self.flows.get_mut(key) {
            flow.identity = Some(identity);
        }
        self.open += 1;
        self.by_tuple.insert(tuple, key);
        self.schedule(core, key);
        Some(key)
    }

    /// Sends one datagram out. A failure is told the program by ICMP.
    pub(super) fn send(&mut self, core: &mut Core, key: Key, payload: &[u8]) {
        let Some(flow) = self.flows.get_mut(key) else {
            return;
        };
        let Phase::Open(session) = &flow.phase else {
            return;
        };
        let bytes = if session.header.is_empty() {
            payload
        } else {
            self.outgoing.clear();
            self.outgoing.extend_from_slice(&session.header);
            self.outgoing.extend_from_slice(payload);
            &self.outgoing
        };
        let mut result = socket::send(session.socket.as_fd(), bytes);
        if let Err(error) = &result
            && !sys::would_block(error)
        {
            // The error may belong to an earlier datagram; it is taken by being reported.
            tell_failure(core, &flow.quote, error);
            result = socket::send(session.socket.as_fd(), bytes);
        }
        match result {
            Ok(_) => {
                flow.sent += 1;
                flow.up += payload.len() as u64;
            }
            Err(_) => core.shared.metrics.dropped.add(1),
        }
        count(core, flow);
    }

    /// Takes readiness of an outward socket.
    pub fn on_readable(&mut self, core: &mut Core, key: Key) {
        let Some(flow) = self.flows.get_mut(key) else {
            return;
        };
        let Phase::Open(session) = &flow.phase else {
            return;
        };
        let fd = session.socket.as_fd();
        for _ in 0..READ_BURST {
            let length = match socket::receive(fd, &mut self.buffer, 0) {
                Ok(length) => length,
                Err(error) if sys::would_block(&error) => break,
                Err(error) => {
                    tell_failure(core, &flow.quote, &error);
                    continue;
                }
            };
            let Some(payload) = payload_of(session, &self.buffer[..length]) else {
                core.shared.metrics.dropped.add(1);
                continue;
            };
            flow.received += 1;
            flow.down += payload.len() as u64;
            flow.touched = core.now;
            core.send_datagram(flow.tuple.destination, flow.tuple.client, payload);
        }
        drain_error_queue(fd, &mut self.buffer);
        count(core, flow);
    }

    /// Takes readiness of a proxy's control connection: nothing comes there but its end.
    pub fn on_control(&mut self, core: &mut Core, key: Key) {
        let Some(flow) = self.flows.get_mut(key) else {
            return;
        };
        if let Phase::Associating { .. } = flow.phase {
            return self.drive(core, key);
        }
        let Phase::Open(Session {
            control: Some(control),
            ..
        }) = &flow.phase
        else {
            return;
        };
        loop {
            match socket::receive(control.as_fd(), &mut self.buffer, 0) {
                Ok(0) => return self.end(core, key, Reason::ResetByRemote),
                Ok(_) => {}
                Err(error) if sys::would_block(&error) => return,
                Err(_) => return self.end(core, key, Reason::ResetByRemote),
            }
        }
    }

    /// Looks at a conversation whose timer has run out.
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
        match &flow.phase {
            Phase::Held { .. } if flow.peek.is_some() => self.look(core, key),
            Phase::Held { .. } => self.end(core, key, Reason::Dropped),
            Phase::Associating { .. } => self.drive(core, key),
            Phase::Open(_) => self.end(core, key, Reason::Idle),
            Phase::Muted { .. } => self.forget(key),
        }
    }

    /// Sets a timer for the phase's end, unless an earlier one is set.
    pub(super) fn schedule(&mut self, core: &mut Core, key: Key) {
        let Some(flow) = self.flows.get_mut(key) else {
            return;
        };
        let deadline = flow.deadline();
        if flow.timer_at.is_none_or(|at| deadline < at) {
            flow.timer_at = Some(deadline);
            core.timers.add(deadline, FlowRef::Udp(key));
        }
    }

    /// Ends a flow on demand. What waits for a way out is answered with ICMP if it is to be a reset.
    pub fn close(&mut self, core: &mut Core, key: Key, ending: Ending) {
        if let Some(flow) = self.flows.get(key)
            && ending == Ending::Reset
            && !matches!(flow.phase, Phase::Muted { .. })
        {
            let quote = flow.quote.clone();
            core.send_unreachable(&quote, Unreachable::Port);
        }
        self.end(core, key, Reason::Closed);
    }

    /// Drops a held flow that gave way to newer ones.
    pub fn drop_held(&mut self, core: &mut Core, key: Key) {
        self.end(core, key, Reason::Dropped);
    }

    /// Announces the end of a flow and removes it.
    pub(super) fn end(&mut self, core: &mut Core, key: Key, reason: Reason) {
        self.announce_end(core, key, reason);
        self.forget(key);
    }

    /// Announces the end of a flow, which stays to be silent.
    pub(super) fn announce_end(&mut self, core: &mut Core, key: Key, reason: Reason) {
        let Some(flow) = self.flows.get_mut(key) else {
            return;
        };
        if let Some(identity) = flow.identity.take() {
            core.close(identity, (flow.up, flow.down), reason);
            self.open -= 1;
        }
    }

    fn forget(&mut self, key: Key) {
        if let Some(flow) = self.flows.remove(key) {
            self.by_tuple.remove(&flow.tuple);
        }
    }

    /// Ends all flows.
    pub fn stop(&mut self, core: &mut Core) {
        for key in self.flows.keys() {
            self.end(core, key, Reason::Stopped);
        }
    }
}

/// Whether a datagram to port 53 is for us. Whatever else it is goes on as a flow.
fn is_question(core: &Core, server: IpAddr, message: &[u8]) -> bool {
    core.is_peer(server)
        || core.hijacks(Network::Udp, server) && dns::judge(message) == Judgement::Question
}

fn on_question(core: &mut Core, tuple: Tuple, message: &[u8]) {
    if message.len() < dns::MIN_MESSAGE {
        core.shared.metrics.dropped.add(1);
        return;
    }
    core.ask(Asker::Udp(tuple), tuple, message);
}

fn payload_of<'a>(session: &Session, datagram: &'a [u8]) -> Option<&'a [u8]> {
    if session.header.is_empty() {
        return Some(datagram);
    }
    socks5::datagram_payload(datagram)
}

fn count(core: &Core, flow: &UdpFlow) {
    if let Some(identity) = flow.identity {
        core.shared.counters.set(identity.slot, flow.up, flow.down);
    }
}

/// Passes an error of the outward socket on as ICMP.
fn tell_failure(core: &mut Core, quote: &[u8], error: &io::Error) {
    match error.raw_os_error() {
        Some(libc::ECONNREFUSED) => core.send_unreachable(quote, Unreachable::Port),
        Some(libc::EHOSTUNREACH | libc::ENETUNREACH | libc::EACCES | libc::EPERM) => {
            core.send_unreachable(quote, Unreachable::Host);
        }
        _ => {}
    }
}

/// Takes the copies of failed datagrams that IP_RECVERR keeps; their errors were reported by reads already.
fn drain_error_queue(fd: BorrowedFd, buffer: &mut [u8]) {
    while socket::receive(fd, buffer, libc::MSG_ERRQUEUE).is_ok() {}
}
