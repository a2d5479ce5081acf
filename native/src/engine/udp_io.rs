//! The traffic of outlets: datagrams out, answers and errors back to the programs.

use crate::engine::core::Core;
use crate::engine::udp::{UdpFlows, pieces};
use crate::engine::udp_flow::{Far, Phase, USUAL_HOPS, UdpFlow};
use crate::engine::udp_outlet::OutletState;
use crate::event::Reason;
use crate::packet::icmp::Unreachable;
use crate::slab::Key;
use crate::socks5::{self, Target};
use crate::sys::datagram::{self, Failure};
use crate::sys::epoll::FAILED;
use crate::sys::{self, socket};
use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsFd, BorrowedFd};

/// Reads from one socket before others get their turn.
const READ_BURST: usize = 64;
/// Most datagrams of one call (UDP_MAX_SEGMENTS of older kernels).
const MAX_SEGMENTS: usize = 64;

impl UdpFlows {
    /// Sends datagrams out. A failure is told the program by ICMP.
    pub(super) fn send(
        &mut self,
        core: &mut Core,
        key: Key,
        payload: &[u8],
        segment: Option<usize>,
    ) {
        let Some(error) = self.try_send(core, key, payload, segment) else {
            return;
        };
        // The error may belong to an earlier datagram, perhaps of another flow; it is taken by being reported.
        self.report_failures(core, key);
        let Some(again) = self.try_send(core, key, payload, segment) else {
            return;
        };
        core.shared.metrics.dropped.add(1);
        let Some(flow) = self.flows.get(key) else {
            return;
        };
        if is_way_gone(&again) {
            // The next datagram opens a flow anew, by whatever way there is then.
            return self.end(core, key, Reason::Rerouted);
        }
        let errno = again.raw_os_error().or(error.raw_os_error());
        tell(core, flow, errno.unwrap_or(libc::EIO));
    }

    /// The error if not all could be sent, except for want of room in the socket.
    fn try_send(
        &mut self,
        core: &mut Core,
        key: Key,
        payload: &[u8],
        segment: Option<usize>,
    ) -> Option<io::Error> {
        let flow = self.flows.get_mut(key)?;
        let (outlet, far) = flow.outlet.as_ref()?;
        let outgoing = &mut self.outgoing;
        let sent = match (&self.outlets.get(*outlet)?.state, far) {
            (OutletState::Direct { socket, .. }, Far::Direct(remote)) => {
                send_direct(socket.as_fd(), payload, remote, segment, flow.hops)
            }
            (OutletState::Relay { socket, .. }, Far::Proxied(_, header)) => {
                send_each(payload, segment, |piece| {
                    outgoing.clear();
                    outgoing.extend_from_slice(header);
                    outgoing.extend_from_slice(piece);
                    socket::send(socket.as_fd(), outgoing)
                })
            }
            _ => return None,
        };
        match sent {
            Ok(count) => {
                flow.sent += count;
                flow.up += payload.len() as u64;
            }
            Err(error) if sys::would_block(&error) => core.shared.metrics.dropped.add(1),
            Err(error) => return Some(error),
        }
        count(core, flow);
        None
    }

    /// Takes readiness of an outlet's socket.
    pub fn on_readable(&mut self, core: &mut Core, outlet: Key, bits: u32) {
        let mut buffer = std::mem::take(&mut self.buffer);
        for _ in 0..READ_BURST {
            let Some(fd) = self.socket_of(outlet) else {
                break;
            };
            match datagram::receive(fd, &mut buffer) {
                Ok(received) => {
                    let payload = &buffer[..received.length];
                    match received.from {
                        Some(from) => {
                            self.on_answer(core, outlet, from, payload, received.segment);
                        }
                        None => core.shared.metrics.dropped.add(1),
                    }
                }
                Err(error) if sys::would_block(&error) => break,
                // An ICMP error, which is in the error queue as well.
                Err(_) => {}
            }
        }
        self.buffer = buffer;
        if bits & FAILED != 0 {
            self.report_outlet_failures(core, outlet);
        }
    }

    fn socket_of(&self, outlet: Key) -> Option<BorrowedFd<'_>> {
        match &self.outlets.get(outlet)?.state {
            OutletState::Direct { socket, .. } | OutletState::Relay { socket, .. } => {
                Some(socket.as_fd())
            }
            OutletState::Associating { .. } => None,
        }
    }

    fn on_answer(
        &mut self,
        core: &mut Core,
        outlet: Key,
        from: SocketAddr,
        payload: &[u8],
        segment: Option<usize>,
    ) {
        let Some(found) = self.outlets.get(outlet) else {
            return;
        };
        let client = found.client;
        match &found.state {
            OutletState::Direct { remotes, .. } => match remotes.flow_of(from) {
                Some(flow) => self.deliver(core, flow, payload, segment),
                None => {
                    let face = remotes.face_of(from.ip()).unwrap_or(from.ip());
                    let from = SocketAddr::new(face, from.port());
                    self.deliver_stranger(core, client, from, payload, segment);
                }
            },
            OutletState::Relay { targets, .. } => {
                let Some((from, payload)) = socks5::parse_datagram(payload) else {
                    return core.shared.metrics.dropped.add(1);
                };
                if let Some(flow) = targets.flow_of(&from) {
                    return self.deliver(core, flow, payload, None);
                }
                let stranger = match (from, targets.only_name()) {
                    (Target::Address(from), Some(flow)) => self
                        .flows
                        .get(flow)
                        .map(|flow| SocketAddr::new(flow.tuple.destination.ip(), from.port())),
                    (Target::Address(from), None) if targets.has_addresses() => Some(from),
                    _ => None,
                };
                match stranger {
                    Some(from) => self.deliver_stranger(core, client, from, payload, None),
                    None => core.shared.metrics.dropped.add(1),
                }
            }
            OutletState::Associating { .. } => {}
        }
    }

    /// Gives a program answers of a flow.
    fn deliver(&mut self, core: &mut Core, key: Key, payload: &[u8], segment: Option<usize>) {
        let Some(flow) = self.flows.get_mut(key) else {
            return;
        };
        flow.received += pieces(payload, segment).count() as u64;
        flow.down += payload.len() as u64;
        flow.heard = core.now;
        count(core, flow);
        core.send_datagrams(flow.tuple.destination, flow.tuple.client, payload, segment);
        let (owner, rank, standing) = (flow.owner, flow.rank, flow.standing());
        if standing > rank.0 {
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
        segment: Option<usize>,
    ) {
        let tuple = crate::engine::flow::Tuple {
            client,
            destination: from,
        };
        let is_deliverable = client.is_ipv4() == from.is_ipv4() && from.port() != 0;
        if !is_deliverable || self.by_tuple.contains_key(&tuple) || core.is_own(from.ip()) {
            return core.shared.metrics.dropped.add(1);
        }
        core.send_datagrams(from, client, payload, segment);
    }

    fn report_failures(&mut self, core: &mut Core, flow: Key) {
        let outlet = self.flows.get(flow).and_then(|flow| flow.outlet.as_ref());
        if let Some((outlet, _)) = outlet {
            let outlet = *outlet;
            self.report_outlet_failures(core, outlet);
        }
    }

    /// Tells the programs what became of earlier datagrams.
    fn report_outlet_failures(&mut self, core: &mut Core, outlet: Key) {
        let mut buffer = std::mem::take(&mut self.buffer);
        for _ in 0..READ_BURST {
            let Some(fd) = self.socket_of(outlet) else {
                break;
            };
            match datagram::receive_failure(fd, &mut buffer) {
                Ok(failure) => {
                    let quoted = &buffer[..failure.length.min(buffer.len())];
                    self.report(core, outlet, failure, quoted);
                }
                Err(_) => break,
            }
        }
        self.buffer = buffer;
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
                        core.send_icmp_error(&flow.quote(), &error);
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
            (OutletState::Relay { targets, .. }, _) => {
                let flow = socks5::parse_datagram(quoted)
                    .and_then(|(target, _)| targets.flow_of(&target))
                    .and_then(|key| self.flows.get(key));
                if let Some(flow) = flow {
                    tell(core, flow, failure.errno);
                }
            }
            _ => {}
        }
    }
}

/// Sends datagrams to an address, by one call where the kernel can; how many.
fn send_direct(
    fd: BorrowedFd,
    payload: &[u8],
    to: &SocketAddr,
    segment: Option<usize>,
    hops: u8,
) -> io::Result<u64> {
    let hops = (hops != USUAL_HOPS).then_some(hops);
    let one = |piece: &[u8]| datagram::send(fd, piece, Some(to), None, hops);
    let size = segment.and_then(|size| u16::try_from(size).ok());
    let Some(size) = size.filter(|size| *size > 0 && payload.len() > usize::from(*size)) else {
        return send_each(payload, segment, one);
    };
    let each = usize::from(size);
    let mut sent = 0;
    for chunk in payload.chunks(each * MAX_SEGMENTS) {
        sent += match datagram::send(fd, chunk, Some(to), Some(size), hops) {
            Ok(_) => chunk.len().div_ceil(each) as u64,
            // Larger than the path's packets, or a device without checksums: they are sent one by one.
            Err(error) if is_refusal_of_segments(&error) => send_each(chunk, segment, one)?,
            Err(error) => return Err(error),
        };
    }
    Ok(sent)
}

fn send_each(
    payload: &[u8],
    segment: Option<usize>,
    mut send: impl FnMut(&[u8]) -> io::Result<usize>,
) -> io::Result<u64> {
    let mut sent = 0;
    for piece in pieces(payload, segment) {
        send(piece)?;
        sent += 1;
    }
    Ok(sent)
}

fn is_refusal_of_segments(error: &io::Error) -> bool {
    matches!(
        error.raw_os_error(),
        Some(libc::EINVAL | libc::EIO | libc::EMSGSIZE | libc::ENOPROTOOPT | libc::EOPNOTSUPP)
    )
}

/// Whether a socket's device or address is not there any more, or leads nowhere.
fn is_way_gone(error: &io::Error) -> bool {
    matches!(
        error.raw_os_error(),
        Some(
            libc::ENODEV
                | libc::ENXIO
                | libc::ENETDOWN
                | libc::ENETUNREACH
                | libc::EADDRNOTAVAIL
                | libc::EINVAL
        )
    )
}

fn count(core: &Core, flow: &UdpFlow) {
    if let Some(identity) = flow.identity {
        core.shared.counters.set(identity.slot, flow.up, flow.down);
    }
}

/// Passes an error of the outward socket on as ICMP.
fn tell(core: &mut Core, flow: &UdpFlow, errno: i32) {
    if !matches!(flow.phase, Phase::Open) {
        return;
    }
    match errno {
        libc::ECONNREFUSED => core.send_unreachable(&flow.quote(), Unreachable::Port),
        libc::EHOSTUNREACH | libc::ENETUNREACH | libc::EACCES | libc::EPERM => {
            core.send_unreachable(&flow.quote(), Unreachable::Host);
        }
        _ => {}
    }
}
