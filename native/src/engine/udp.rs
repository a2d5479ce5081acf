//! UDP of programs: each datagram finds its conversation here, and each answer its way back.

use crate::command::Ending;
use crate::dns::{self, Judgement};
use crate::engine::core::Core;
use crate::engine::datagram_run::DatagramRun;
use crate::engine::dns_desk::Asker;
use crate::engine::flow::{FlowRef, Tuple};
use crate::engine::owner::Owner;
use crate::engine::tcp::DNS_PORT;
use crate::engine::udp_answers::Answers;
use crate::engine::udp_flow::{Phase, UdpFlow};
use crate::engine::udp_outlet::Outlet;
use crate::engine::udp_share::Shares;
use crate::event::{Network, Reason};
use crate::packet::icmp::Unreachable;
use crate::packet::ip::Packet;
use crate::packet::udp::Udp;
use crate::slab::{Key, Slab};
use crate::sys::route::Review;
use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};

/// A socket of a program, for as long as it has flows.
pub(super) struct Client {
    owner: Owner,
    flows: usize,
    pub outlets: Vec<Key>,
}

/// All conversations.
pub struct UdpFlows {
    pub(super) flows: Slab<UdpFlow>,
    pub(super) outlets: Slab<Outlet>,
    pub(super) by_tuple: HashMap<Tuple, Key>,
    pub(super) clients: HashMap<SocketAddr, Client>,
    pub(super) shares: Shares,
    answers: Answers,
    pub(super) buffer: Box<[u8]>,
    pub(super) outgoing: Vec<u8>,
    /// Datagrams of one flow that are sent with the next of it, if that comes at once.
    pub(super) run: DatagramRun<Key>,
    open: u64,
}

impl UdpFlows {
    /// `device` is the index of the TUN, `mark` that of our sockets.
    pub fn new(device: u32, mark: u32) -> Self {
        Self {
            flows: Slab::default(),
            outlets: Slab::default(),
            by_tuple: HashMap::new(),
            clients: HashMap::new(),
            shares: Shares::default(),
            answers: Answers::new(device, mark),
            buffer: vec![0; 65_536].into_boxed_slice(),
            outgoing: Vec::new(),
            run: DatagramRun::default(),
            open: 0,
        }
    }

    /// Number of flows JavaScript knows.
    pub fn open_flows(&self) -> u64 {
        self.open
    }

    /// Number of descriptors towards the network.
    pub fn sockets(&self) -> u64 {
        self.shares.sockets() as u64
    }

    /// Whether answers of servers on this machine are told from what programs send by themselves.
    pub fn knows_answers(&self) -> bool {
        self.answers.is_able()
    }

    /// Takes a datagram of a program, or several of `segment` bytes each (the last may be shorter). What is gathered of them is
    /// sent by `flush` at the latest.
    pub fn on_datagram(
        &mut self,
        core: &mut Core,
        packet: &Packet,
        datagram: &Udp,
        segment: Option<usize>,
    ) {
        let tuple = Tuple {
            client: SocketAddr::new(packet.source(), datagram.source_port()),
            destination: SocketAddr::new(packet.destination(), datagram.destination_port()),
        };
        // While others have their turn flows may end; nothing of them waits then.
        let is_next = |flow: &UdpFlow| flow.tuple == tuple && flow.treatment == packet.treatment();
        if let Some(key) = self.run.way()
            && !self.flows.get(key).is_some_and(is_next)
        {
            self.flush(core);
        }
        let payload = datagram.payload();
        if tuple.destination.port() != DNS_PORT {
            return self.on_payload(core, packet, tuple, payload, segment);
        }
        for message in pieces(payload, segment) {
            let is_known = self.by_tuple.contains_key(&tuple);
            if !is_known && is_question(core, tuple.destination.ip(), message) {
                on_question(core, tuple, message);
            } else {
                self.on_payload(core, packet, tuple, message, None);
            }
        }
    }

    fn on_payload(
        &mut self,
        core: &mut Core,
        packet: &Packet,
        tuple: Tuple,
        payload: &[u8],
        segment: Option<usize>,
    ) {
        let key = match self.by_tuple.get(&tuple) {
            Some(key) => *key,
            None if self
                .answers
                .on_datagram(core, tuple, packet, payload, segment) =>
            {
                return;
            }
            None if !core.carries(packet.destination()) => {
                return core.send_unreachable(packet.bytes(), Unreachable::NoRoute);
            }
            None => match self.open_flow(core, tuple, packet.treatment().class()) {
                Some(key) => key,
                None => {
                    core.shared.metrics.udp_refused.add(1);
                    return core.send_unreachable(packet.bytes(), Unreachable::Host);
                }
            },
        };
        let Some(flow) = self.flows.get_mut(key) else {
            return;
        };
        flow.touched = core.now;
        flow.treatment = packet.treatment();
        flow.forbids_fragments = packet.forbids_fragments();
        match &flow.phase {
            Phase::Held { .. } | Phase::Waiting { .. } => {
                for piece in pieces(payload, segment) {
                    self.keep(core, key, piece);
                }
                self.look(core, key);
            }
            Phase::Open => self.gather(core, key, payload, segment),
            Phase::Muted { .. } => core.shared.metrics.dropped.add(1),
        }
    }

    /// Keeps a datagram until there is a way out, if there is room.
    fn keep(&mut self, core: &mut Core, key: Key, payload: &[u8]) {
        let Some(flow) = self.flows.get_mut(key) else {
            return;
        };
        let owner = flow.owner;
        match flow.queue() {
            Some(queue)
                if queue.has_room_for(payload.len()) && self.shares.keep(owner, payload.len()) =>
            {
                queue.push(payload);
            }
            _ => core.shared.metrics.dropped.add(1),
        }
    }

    fn open_flow(&mut self, core: &mut Core, tuple: Tuple, class: u8) -> Option<Key> {
        let owner = match self.clients.get(&tuple.client) {
            Some(client) => client.owner,
            None => Owner::of_udp(tuple.client, tuple.destination),
        };
        while !self.shares.has_room_for_flow() {
            let oldest = self.shares.yielding_flow(owner)?;
            self.give_way(core, oldest);
        }
        let key = self.flows.insert(UdpFlow::new(tuple, owner, core.now));
        let place = FlowRef::Udp(key);
        let opened = core.open(
            Network::Udp,
            tuple.client,
            tuple.destination,
            class,
            place,
            || owner,
        );
        let Some(identity) = opened else {
            self.flows.remove(key);
            return None;
        };
        let rank = self.shares.add_flow(owner, key);
        if let Some(flow) = self.flows.get_mut(key) {
            flow.identity = Some(identity);
            flow.rank = rank;
        }
        self.open += 1;
        self.by_tuple.insert(tuple, key);
        let client = self.clients.entry(tuple.client).or_insert(Client {
            owner,
            flows: 0,
            outlets: Vec::new(),
        });
        client.flows += 1;
        self.schedule(core, key);
        Some(key)
    }

    /// Ends a flow to make room for another.
    pub(super) fn give_way(&mut self, core: &mut Core, key: Key) {
        core.shared.metrics.udp_gave_way.add(1);
        self.end(core, key, Reason::GaveWay);
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
            Phase::Held { .. } | Phase::Waiting { .. } => self.end(core, key, Reason::Dropped),
            Phase::Open => self.end(core, key, Reason::Idle),
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
            core.send_unreachable(&flow.quote(&[]), Unreachable::Port);
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
        self.leave_outlet(key);
        let Some(mut flow) = self.flows.remove(key) else {
            return;
        };
        self.by_tuple.remove(&flow.tuple);
        self.shares.release(flow.owner, flow.take_queue().bytes());
        self.shares.remove_flow(flow.owner, flow.rank);
        if let Some(client) = self.clients.get_mut(&flow.tuple.client) {
            client.flows -= 1;
            if client.flows == 0 {
                self.clients.remove(&flow.tuple.client);
            }
        }
    }

    /// Ends a flow if its way out is no longer the kernel's choice: its next datagram opens one anew.
    pub fn review(&mut self, core: &mut Core, review: &mut Review, key: Key) {
        let way = self.flows.get(key).and_then(|flow| flow.outlet.as_ref());
        if let Some((outlet, far)) = way
            && let Some(outlet) = self.outlets.get(*outlet)
            && outlet.is_stale(far, review)
        {
            self.end(core, key, Reason::Rerouted);
        }
    }

    /// All flows.
    pub fn keys(&self) -> Vec<Key> {
        self.flows.keys()
    }

    /// Ends all flows.
    pub fn stop(&mut self, core: &mut Core) {
        for key in self.flows.keys() {
            self.end(core, key, Reason::Stopped);
        }
    }
}

/// The datagrams of a payload; an empty datagram is one, too.
pub(super) fn pieces(payload: &[u8], segment: Option<usize>) -> impl Iterator<Item = &[u8]> {
    let size = segment.filter(|size| *size > 0).unwrap_or(usize::MAX);
    let empty = payload.is_empty().then_some(payload);
    empty.into_iter().chain(payload.chunks(size))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_payload_is_cut_into_its_datagrams() {
        let lengths = |payload: &[u8], segment| -> Vec<usize> {
            pieces(payload, segment).map(<[u8]>::len).collect()
        };
        assert_eq!(lengths(&[0; 2_500], Some(1_000)), [1_000, 1_000, 500]);
        assert_eq!(lengths(&[0; 2_500], None), [2_500]);
        assert_eq!(lengths(&[], None), [0]);
        assert_eq!(lengths(&[0; 5], Some(0)), [5]);
    }
}
