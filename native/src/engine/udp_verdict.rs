//! Verdicts for UDP conversations: a socket of their own, an association with a SOCKS5 proxy, or a refusal.

use crate::command::{DialPlan, Peek, Rejection, Verdict};
use crate::egress;
use crate::engine::core::Core;
use crate::engine::flow::{FlowRef, Token};
use crate::engine::udp::UdpFlows;
use crate::engine::udp_flow::{Phase, Queue, Session};
use crate::event::{Event, Failure, PeekEnd, Reason};
use crate::options::Hop;
use crate::outbound::{Outbound, Progress};
use crate::packet::icmp::Unreachable;
use crate::slab::Key;
use crate::socks5;
use crate::sys::epoll::{READABLE, STREAM_EDGES};
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::{AsFd, OwnedFd};

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
            core.held.remove(&identity.id);
        }
        match verdict {
            Verdict::Peek(peek) => self.peek(core, key, peek),
            Verdict::Dial(plan) if plan.proxied.is_some() => self.associate(core, key, plan),
            Verdict::Dial(plan) => self.connect(core, key, &plan),
            Verdict::Reject(how) => self.reject(core, key, how),
            // Refused by the caller before it came here.
            Verdict::Stream => self.reject(core, key, Rejection::Reset),
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
            core.held.insert(identity.id, FlowRef::Udp(key));
            core.outbox.push(Event::Peeked {
                id: identity.id,
                chunks: queue.copies(),
                end,
                ms: core.now - begun,
            });
        }
        self.schedule(core, key);
    }

    fn connect(&mut self, core: &mut Core, key: Key, plan: &DialPlan) {
        let mut failure = io::Error::from_raw_os_error(libc::EDESTADDRREQ);
        for hop in &plan.hops {
            match egress::connect_udp(hop, plan.port, core.options.mark) {
                Ok(socket) => {
                    let session = Session {
                        socket,
                        header: Vec::new(),
                        control: None,
                    };
                    return self.open_session(core, key, session, hop.address, 0);
                }
                Err(error) => failure = error,
            }
        }
        let errno = failure.raw_os_error().unwrap_or(libc::EIO);
        let message = failure.to_string();
        self.hold_again(core, key, Failure::of(errno, false), message, 0);
    }

    fn associate(&mut self, core: &mut Core, key: Key, plan: DialPlan) {
        let Some(flow) = self.flows.get_mut(key) else {
            return;
        };
        let target = plan.proxied.as_ref().map(|proxied| &proxied.target);
        let header = target.map(socks5::datagram_header).unwrap_or_default();
        let hops = plan.hops.clone();
        flow.phase = Phase::Associating {
            queue: take_queue(&mut flow.phase),
            outbound: Box::new(Outbound::associate(plan, core.options.mark, core.now)),
            header,
            hops,
            wake: core.now,
        };
        self.drive(core, key);
    }

    /// Brings an association forward after an event of its sockets, or when its time has come.
    pub fn drive(&mut self, core: &mut Core, key: Key) {
        let Some(flow) = self.flows.get_mut(key) else {
            return;
        };
        let Phase::Associating {
            outbound,
            header,
            hops,
            wake,
            ..
        } = &mut flow.phase
        else {
            return;
        };
        let token = Token::UdpControl(key).pack();
        let epoll = &core.epoll;
        let progress = outbound.drive(core.now, &mut |fd| epoll.add(fd, token, STREAM_EDGES));
        let ms = outbound.elapsed(core.now);
        match progress {
            Progress::Pending { wake: at } => {
                *wake = at;
                self.schedule(core, key);
            }
            Progress::Failed { failure, message } => {
                self.hold_again(core, key, failure, message, ms);
            }
            Progress::Ready { fd, peer, bound } => {
                match relay_socket(hops, peer, bound, core.options.mark) {
                    Ok(socket) => {
                        let session = Session {
                            socket,
                            header: std::mem::take(header),
                            control: Some(fd),
                        };
                        self.open_session(core, key, session, peer.ip(), ms);
                    }
                    Err(error) => {
                        let message = format!("the proxy's UDP relay: {error}");
                        self.hold_again(core, key, Failure::ProxyUnreachable, message, ms);
                    }
                }
            }
        }
    }

    fn open_session(
        &mut self,
        core: &mut Core,
        key: Key,
        session: Session,
        address: IpAddr,
        ms: u64,
    ) {
        let Some(flow) = self.flows.get_mut(key) else {
            return;
        };
        let token = Token::UdpRemote(key).pack();
        if let Err(error) = core.epoll.add(session.socket.as_fd(), token, READABLE) {
            return self.hold_again(core, key, Failure::Io, error.to_string(), ms);
        }
        let queue = take_queue(&mut flow.phase);
        flow.phase = Phase::Open(session);
        if let Some(identity) = flow.identity {
            let (id, outcome) = (identity.id, Ok(address));
            core.outbox.push(Event::Dialed { id, outcome, ms });
        }
        for datagram in queue.into_datagrams() {
            self.send(core, key, &datagram);
        }
        self.schedule(core, key);
        // Whatever the proxy did with its connection meanwhile came before the session.
        self.on_control(core, key);
    }

    fn hold_again(
        &mut self,
        core: &mut Core,
        key: Key,
        failure: Failure,
        message: String,
        ms: u64,
    ) {
        let Some(flow) = self.flows.get_mut(key) else {
            return;
        };
        flow.phase = Phase::Held {
            queue: take_queue(&mut flow.phase),
            since: core.now,
        };
        if let Some(identity) = flow.identity {
            core.held.insert(identity.id, FlowRef::Udp(key));
            core.outbox.push(Event::Dialed {
                id: identity.id,
                outcome: Err((failure, message)),
                ms,
            });
        }
        self.schedule(core, key);
    }

    fn reject(&mut self, core: &mut Core, key: Key, how: Rejection) {
        let Some(flow) = self.flows.get_mut(key) else {
            return;
        };
        let code = match how {
            Rejection::Reset => Unreachable::Port,
            Rejection::Unreachable => Unreachable::Host,
            Rejection::Drop => {
                flow.phase = Phase::Muted { since: core.now };
                self.announce_end(core, key, Reason::Rejected);
                return self.schedule(core, key);
            }
        };
        core.send_unreachable(&flow.quote, code);
        self.end(core, key, Reason::Rejected);
    }
}

fn take_queue(phase: &mut Phase) -> Queue {
    match phase {
        Phase::Held { queue, .. } | Phase::Associating { queue, .. } => std::mem::take(queue),
        Phase::Open(_) | Phase::Muted { .. } => Queue::default(),
    }
}

/// The socket towards the relay address of a SOCKS5 reply. A proxy that does not know its own address says 0.0.0.0,
/// or one that is right only on its own machine: then it is where the control connection went.
fn relay_socket(
    hops: &[Hop],
    peer: SocketAddr,
    bound: Option<SocketAddr>,
    mark: u32,
) -> io::Result<OwnedFd> {
    let bound = bound.ok_or(io::ErrorKind::InvalidData)?;
    let is_usable = !bound.ip().is_unspecified()
        && bound.is_ipv4() == peer.is_ipv4()
        && (!bound.ip().is_loopback() || peer.ip().is_loopback());
    let address = if is_usable { bound.ip() } else { peer.ip() };
    let dialed = hops.iter().find(|hop| hop.address == peer.ip());
    let device = dialed.and_then(|hop| hop.device.clone());
    egress::connect_udp(&Hop { address, device }, bound.port(), mark)
}
