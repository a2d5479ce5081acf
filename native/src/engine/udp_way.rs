//! Ways out of UDP conversations: which outlet a flow takes, how one is opened, and when it is closed.

use crate::command::DialPlan;
use crate::egress;
use crate::engine::core::Core;
use crate::engine::flow::Token;
use crate::engine::owner::Owner;
use crate::engine::udp::UdpFlows;
use crate::engine::udp_flow::{Far, Phase};
use crate::engine::udp_outlet::{Outlet, OutletState, Remotes, Targets, Way};
use crate::event::{DialFault, Event, Failure};
use crate::options::{Hop, Sender};
use crate::packet::ip;
use crate::slab::Key;
use crate::sys::epoll::READABLE;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::AsFd;

/// Flows that give way at most for one descriptor: some may share theirs with a conversation.
const MAX_GIVING_WAY: usize = 64;

impl UdpFlows {
    /// Lets a flow go directly, by the first hop to which there is a way.
    pub(super) fn connect(&mut self, core: &mut Core, key: Key, plan: &DialPlan) {
        let mut failure = io::Error::from_raw_os_error(libc::EDESTADDRREQ);
        for hop in self.in_known_order(key, plan) {
            match self.outlet_towards(core, key, hop, plan.port) {
                Ok(outlet) => {
                    let far = Far::Direct(hop.socket_address(plan.port));
                    self.enter_outlet(key, outlet, far);
                    return self.open_way(core, key, hop.address, 0);
                }
                Err(error) => failure = error,
            }
        }
        let errno = failure.raw_os_error().unwrap_or(libc::EIO);
        let message = failure.to_string();
        let fault = DialFault::plain(Failure::of(errno, false), message);
        self.hold_again(core, key, fault, 0);
    }

    /// The hops, those first that the program talks to already by the same destination address: a server that answers from
    /// another port is one address of a name, and goes on to be it.
    fn in_known_order<'a>(&self, key: Key, plan: &'a DialPlan) -> Vec<&'a Hop> {
        let mut hops: Vec<&Hop> = plan.hops.iter().collect();
        if let (Some(flow), 2..) = (self.flows.get(key), hops.len()) {
            let asked = flow.tuple.destination.ip();
            let known = |hop: &&Hop| {
                self.outlets_of(flow.tuple.client).any(|(_, outlet)| {
                    matches!(&outlet.state, OutletState::Direct { remotes, .. }
                        if remotes.face_of(hop.address) == Some(asked))
                })
            };
            hops.sort_by_key(|hop| !known(hop));
        }
        hops
    }

    /// The outlet of a flow's program towards a hop, opened if there is none that tells its answers apart.
    fn outlet_towards(
        &mut self,
        core: &mut Core,
        key: Key,
        hop: &Hop,
        port: u16,
    ) -> io::Result<Key> {
        let flow = self.flows.get(key).ok_or(io::ErrorKind::NotFound)?;
        let (client, asked, owner) = (flow.tuple.client, flow.tuple.destination.ip(), flow.owner);
        let remote = hop.socket_address(port);
        let sender = Sender {
            mark: core.options.mark,
            user: owner.user(),
            port: Some(client.port()),
        };
        let (hop, source) = &egress::hop_of(hop, (ip::UDP, port), sender)?;
        let source = match source {
            Some(source) => source.ip(),
            None => egress::source_towards(hop, port, sender)?,
        };
        let way = Way::Direct {
            device: hop.device.clone(),
            source,
        };
        let fitting = self.outlets_of(client).find(|(_, outlet)| {
            outlet.way == way
                && matches!(&outlet.state, OutletState::Direct { remotes, .. }
                    if remotes.accepts(remote, asked))
        });
        if let Some((outlet, _)) = fitting {
            return Ok(outlet);
        }
        self.make_room(core, key, owner, 1)?;
        let device = hop.device.as_deref();
        let socket = egress::bind_udp(source, client.port(), device, sender)?;
        let remotes = Remotes::default();
        let outlet = self.add_outlet(Outlet {
            client,
            way,
            owner,
            state: OutletState::Direct {
                socket,
                remotes,
                forbids_fragments: false,
            },
        });
        self.watch(core, outlet)?;
        Ok(outlet)
    }

    /// Makes room for descriptors: whole sockets of whoever has most give way, with all their flows. Fails with EMFILE if nobody has
    /// more than their owner, whose flows are all conversations.
    pub(super) fn make_room(
        &mut self,
        core: &mut Core,
        key: Key,
        owner: Owner,
        count: usize,
    ) -> io::Result<()> {
        for _ in 0..MAX_GIVING_WAY {
            if self.shares.has_room_for_sockets(count) {
                return Ok(());
            }
            let oldest = self
                .shares
                .yielding_for_socket(owner)
                .find_map(|flow| self.flows.get(flow)?.outlet.as_ref());
            let Some(outlet) = oldest.and_then(|(outlet, _)| self.outlets.get(*outlet)) else {
                break;
            };
            for flow in outlet.flows() {
                if flow != key {
                    self.give_way(core, flow);
                }
            }
        }
        if self.shares.has_room_for_sockets(count) {
            return Ok(());
        }
        core.shared.metrics.udp_refused.add(1);
        Err(io::Error::from_raw_os_error(libc::EMFILE))
    }

    pub(super) fn outlets_of(&self, client: SocketAddr) -> impl Iterator<Item = (Key, &Outlet)> {
        let keys = self.clients.get(&client).map(|client| &client.outlets);
        keys.into_iter()
            .flatten()
            .filter_map(|key| Some((*key, self.outlets.get(*key)?)))
    }

    pub(super) fn add_outlet(&mut self, outlet: Outlet) -> Key {
        self.shares.take_sockets(outlet.owner, outlet.descriptors());
        let client = outlet.client;
        let key = self.outlets.insert(outlet);
        if let Some(client) = self.clients.get_mut(&client) {
            client.outlets.push(key);
        }
        key
    }

    /// Watches an outlet's socket. One that cannot be watched is closed.
    pub(super) fn watch(&mut self, core: &mut Core, outlet: Key) -> io::Result<()> {
        let token = Token::UdpRemote(outlet).pack();
        let watched = match self.outlets.get(outlet).map(|outlet| &outlet.state) {
            Some(OutletState::Direct { socket, .. } | OutletState::Relay { socket, .. }) => {
                core.epoll.add(socket.as_fd(), token, READABLE)
            }
            _ => Ok(()),
        };
        if watched.is_err() {
            self.close_if_idle(outlet);
        }
        watched
    }

    pub(super) fn enter_outlet(&mut self, key: Key, outlet: Key, far: Far) {
        let Some(flow) = self.flows.get_mut(key) else {
            return;
        };
        let Some(found) = self.outlets.get_mut(outlet) else {
            return;
        };
        match (&mut found.state, &far) {
            (OutletState::Direct { remotes, .. }, Far::Direct(remote)) => {
                remotes.add(*remote, flow.tuple.destination.ip(), key);
            }
            (_, Far::Proxied(target, _)) => match found.targets_mut() {
                Some(targets) => targets.add(target, key),
                None => return,
            },
            _ => return,
        }
        flow.outlet = Some((outlet, far));
    }

    /// Takes a flow out of its outlet, which is closed with its last one.
    pub(super) fn leave_outlet(&mut self, key: Key) {
        let Some((outlet, far)) = self.flows.get_mut(key).and_then(|flow| flow.outlet.take())
        else {
            return;
        };
        if let Some(found) = self.outlets.get_mut(outlet) {
            match (&mut found.state, &far) {
                (OutletState::Direct { remotes, .. }, Far::Direct(remote)) => {
                    remotes.remove(*remote);
                }
                (_, Far::Proxied(target, _)) => {
                    if let Some(targets) = found.targets_mut() {
                        targets.remove(target);
                    }
                }
                _ => {}
            }
        }
        self.close_if_idle(outlet);
    }

    fn close_if_idle(&mut self, key: Key) {
        let is_idle = self
            .outlets
            .get(key)
            .is_some_and(|outlet| match &outlet.state {
                OutletState::Direct { remotes, .. } => remotes.is_empty(),
                _ => outlet.targets().is_some_and(Targets::is_empty),
            });
        if !is_idle {
            return;
        }
        let Some(mut outlet) = self.outlets.remove(key) else {
            return;
        };
        if let OutletState::Stream { stream, .. } = &mut outlet.state {
            stream.discharge(outlet.owner, &mut self.shares);
        }
        self.shares.give_sockets(outlet.owner, outlet.descriptors());
        if let Some(client) = self.clients.get_mut(&outlet.client) {
            client.outlets.retain(|other| *other != key);
        }
    }

    pub(super) fn flows_of(&self, outlet: Key) -> Vec<Key> {
        self.outlets
            .get(outlet)
            .map(Outlet::flows)
            .unwrap_or_default()
    }

    /// Sends what is on hold by the way that is there now, and announces it.
    pub(super) fn open_way(&mut self, core: &mut Core, key: Key, address: IpAddr, ms: u64) {
        let Some(flow) = self.flows.get_mut(key) else {
            return;
        };
        let queue = flow.take_queue();
        flow.phase = Phase::Open;
        self.shares.release(flow.owner, queue.bytes());
        if let Some(identity) = flow.identity {
            let (id, outcome) = (identity.id, Ok(address));
            core.outbox.push(Event::Dialed {
                id,
                outcome,
                ms,
                attempts: Vec::new(),
            });
        }
        for datagram in queue.into_datagrams() {
            self.send(core, key, &datagram, None);
        }
        self.schedule(core, key);
    }

    pub(super) fn hold_again(&mut self, core: &mut Core, key: Key, fault: DialFault, ms: u64) {
        let Some(flow) = self.flows.get_mut(key) else {
            return;
        };
        flow.phase = Phase::Held {
            queue: flow.take_queue(),
            since: core.now,
        };
        if let Some(identity) = flow.identity {
            core.hold_again(identity.id);
            core.outbox.push(Event::Dialed {
                id: identity.id,
                outcome: Err(fault),
                ms,
                attempts: Vec::new(),
            });
        }
        self.schedule(core, key);
    }
}
