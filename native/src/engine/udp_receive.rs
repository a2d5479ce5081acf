//! What comes back by outlets: answers to the programs, and errors.

use crate::engine::core::Core;
use crate::engine::flow::Tuple;
use crate::engine::udp::{UdpFlows, pieces};
use crate::engine::udp_flow::Phase;
use crate::engine::udp_outlet::OutletState;
use crate::engine::udp_send::{count, tell};
use crate::engine::udp_share::Standing;
use crate::event::Reason;
use crate::slab::Key;
use crate::socks5::Target;
use crate::sys;
use crate::sys::datagram::{self, Failure, Received};
use crate::sys::epoll::FAILED;
use std::net::SocketAddr;
use std::os::fd::{AsFd, BorrowedFd};

/// Reads from one socket before others get their turn.
const READ_BURST: usize = 64;

impl UdpFlows {
    /// Takes readiness of an outlet's socket.
    pub fn on_readable(&mut self, core: &mut Core, outlet: Key, bits: u32) {
        let mut buffer = std::mem::take(&mut self.buffer);
        for _ in 0..core.burst(READ_BURST) {
            let Some(fd) = self.socket_of(outlet) else {
                break;
            };
            match datagram::receive(fd, &mut buffer) {
                Ok(received) => {
                    let payload = &mut buffer[..received.length];
                    self.on_answer(core, outlet, &received, payload);
                }
                Err(error) if sys::would_block(&error) => break,
                // An ICMP error, which is in the error queue as well.
                Err(_) => {}
            }
        }
        self.buffer = buffer;
        core.flush_datagrams();
        if bits & FAILED != 0 {
            self.report_outlet_failures(core, outlet);
        }
    }

    fn socket_of(&self, outlet: Key) -> Option<BorrowedFd<'_>> {
        match &self.outlets.get(outlet)?.state {
            OutletState::Direct { socket, .. } | OutletState::Relay { socket, .. } => {
                Some(socket.as_fd())
            }
            OutletState::Associating { .. } | OutletState::Stream { .. } => None,
        }
    }

    fn on_answer(&mut self, core: &mut Core, outlet: Key, received: &Received, payload: &mut [u8]) {
        let (Some(found), Some(from)) = (self.outlets.get_mut(outlet), received.from) else {
            return core.shared.metrics.dropped.add(1);
        };
        let client = found.client;
        match &mut found.state {
            OutletState::Direct { remotes, .. } => {
                let beside = (received.segment, received.service);
                match remotes.flow_of(from) {
                    Some(flow) => self.deliver(core, flow, payload, beside),
                    None => {
                        let face = remotes.face_of(from.ip()).unwrap_or(from.ip());
                        let from = SocketAddr::new(face, from.port());
                        self.deliver_stranger(core, client, from, payload, beside);
                    }
                }
            }
            OutletState::Relay { datagrams, .. } => match datagrams.open(payload) {
                Some((from, range)) => self.deliver_from(core, outlet, &from, &payload[range]),
                None => core.shared.metrics.dropped.add(1),
            },
            OutletState::Associating { .. } | OutletState::Stream { .. } => {}
        }
    }

    /// Gives a program what a proxy has received from somebody.
    pub(super) fn deliver_from(
        &mut self,
        core: &mut Core,
        outlet: Key,
        from: &Target,
        payload: &[u8],
    ) {
        let Some((client, targets)) = self
            .outlets
            .get(outlet)
            .and_then(|found| Some((found.client, found.targets()?)))
        else {
            return;
        };
        if let Some(flow) = targets.flow_of(from) {
            return self.deliver(core, flow, payload, (None, 0));
        }
        let stranger = match (from, targets.only_name()) {
            (Target::Address(from), Some(flow)) => self
                .flows
                .get(flow)
                .map(|flow| SocketAddr::new(flow.tuple.destination.ip(), from.port())),
            (Target::Address(from), None) if targets.has_addresses() => Some(*from),
            _ => None,
        };
        match stranger {
            Some(from) => self.deliver_stranger(core, client, from, payload, (None, 0)),
            None => core.shared.metrics.dropped.add(1),
        }
    }

    /// Gives a program answers of a flow; with them comes the size of each, if they are several, and their type of service.
    fn deliver(
        &mut self,
        core: &mut Core,
        key: Key,
        payload: &[u8],
        (segment, service): (Option<usize>, u8),
    ) {
        let Some(flow) = self.flows.get_mut(key) else {
            return;
        };
        flow.received += pieces(payload, segment).count() as u64;
        flow.down += payload.len() as u64;
        flow.heard = core.now;
        count(core, flow);
        let Tuple {
            client,
            destination,
        } = flow.tuple;
        core.gather_datagrams(destination, client, payload, segment, service);
        let (owner, rank, standing) = (flow.owner, flow.rank, flow.standing());
        if standing > rank.0 {
            if let (Standing::OneWay, Some(identity)) = (rank.0, flow.identity) {
                core.note_first_byte(identity);
            }
            flow.rank = self.shares.promote(owner, rank, standing);
        }
    }

    /// Gives a program what came from elsewhere (RFC 4787, REQ-8: endpoint-independent filtering), unless the program would
    /// take it for the answer of a flow that goes another way.
    fn deliver_stranger(
        &mut self,
        core: &mut Core,
        client: SocketAddr,
        from: SocketAddr,
        payload: &[u8],
        (segment, service): (Option<usize>, u8),
    ) {
        let tuple = Tuple {
            client,
            destination: from,
        };
        let is_deliverable = client.is_ipv4() == from.is_ipv4() && from.port() != 0;
        if !is_deliverable || self.by_tuple.contains_key(&tuple) || core.is_own(from.ip()) {
            return core.shared.metrics.dropped.add(1);
        }
        core.gather_datagrams(from, client, payload, segment, service);
    }

    pub(super) fn report_failures(&mut self, core: &mut Core, flow: Key) -> Option<u32> {
        let (outlet, _) = self.flows.get(flow)?.outlet.as_ref()?;
        let outlet = *outlet;
        self.report_outlet_failures(core, outlet)
    }

    /// Tells the programs what became of earlier datagrams. Returns the MTU that this machine's kernel has refused one by: it does
    /// not say where that was to go.
    fn report_outlet_failures(&mut self, core: &mut Core, outlet: Key) -> Option<u32> {
        let mut mtu = None;
        let mut buffer = std::mem::take(&mut self.buffer);
        for _ in 0..READ_BURST {
            let Some(fd) = self.socket_of(outlet) else {
                break;
            };
            match datagram::receive_failure(fd, &mut buffer) {
                Ok(failure) => {
                    let quoted = &buffer[..failure.length.min(buffer.len())];
                    if failure.icmp.is_none() {
                        mtu = failure.mtu.or(mtu);
                    }
                    self.report(core, outlet, failure, quoted);
                }
                Err(_) => break,
            }
        }
        self.buffer = buffer;
        mtu
    }

    /// `quoted` is what could be seen of the datagram that failed.
    fn report(&mut self, core: &mut Core, outlet: Key, failure: Failure, quoted: &[u8]) {
        let Some(found) = self.outlets.get(outlet) else {
            return;
        };
        match (&found.state, failure.to) {
            (OutletState::Direct { remotes, .. }, Some(to)) => {
                let flow = remotes.flow_of(to).and_then(|key| self.flows.get(key));
                match (flow, failure.icmp) {
                    // As it came: a router on the way, the host itself.
                    (Some(flow), Some(error)) if matches!(flow.phase, Phase::Open) => {
                        core.send_icmp_error(&flow.quote(quoted), &error);
                    }
                    (Some(flow), None) => tell(core, flow, failure.errno),
                    _ => {}
                }
            }
            // The relay's port is closed: so for all, who are told once. What they send next asks the proxy for another.
            (OutletState::Relay { .. }, _) if failure.errno == libc::ECONNREFUSED => {
                for key in found.flows() {
                    if let Some(flow) = self.flows.get(key) {
                        tell(core, flow, failure.errno);
                    }
                    self.end(core, key, Reason::ResetByRemote);
                }
            }
            (
                OutletState::Relay {
                    targets, datagrams, ..
                },
                _,
            ) => {
                let flow = datagrams
                    .target_of(quoted)
                    .and_then(|target| targets.flow_of(&target))
                    .and_then(|key| self.flows.get(key));
                if let Some(flow) = flow {
                    tell(core, flow, failure.errno);
                }
            }
            _ => {}
        }
    }
}
