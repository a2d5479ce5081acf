//! Ways out of UDP conversations: which outlet a flow takes, how one is opened, and when it is closed.

use crate::command::DialPlan;
use crate::egress;
use crate::engine::core::Core;
use crate::engine::flow::{FlowRef, Token};
use crate::engine::udp::UdpFlows;
use crate::engine::udp_flow::{Far, Phase};
use crate::engine::udp_outlet::{Outlet, OutletState, Remotes, Targets, Way};
use crate::engine::udp_share::Owner;
use crate::event::{Event, Failure};
use crate::options::Hop;
use crate::outbound::{Outbound, Progress};
use crate::slab::Key;
use crate::socks5;
use crate::sys::epoll::{READABLE, STREAM_EDGES};
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::{AsFd, OwnedFd};

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
        self.hold_again(core, key, Failure::of(errno, false), message, 0);
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
        let source = egress::source_towards(hop, port, core.options.mark)?;
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
        let socket = egress::bind_udp(source, client.port(), device, core.options.mark)?;
        let remotes = Remotes::default();
        let outlet = self.add_outlet(Outlet {
            client,
            way,
            owner,
            state: OutletState::Direct { socket, remotes },
        });
        self.watch(core, outlet)?;
        Ok(outlet)
    }

    /// Makes room for descriptors. Fails with EMFILE if there are only conversations.
    fn make_room(
        &mut self,
        core: &mut Core,
        key: Key,
        owner: Owner,
        count: usize,
    ) -> io::Result<()> {
        for _ in 0..MAX_GIVING_WAY {
            if self.shares.has_room_for_sockets(owner, count) {
                return Ok(());
            }
            match self.shares.yielding_socket(owner) {
                Some(oldest) if oldest != key => self.give_way(core, oldest),
                _ => break,
            }
        }
        if self.shares.has_room_for_sockets(owner, count) {
            return Ok(());
        }
        core.shared.metrics.udp_refused.add(1);
        Err(io::Error::from_raw_os_error(libc::EMFILE))
    }

    fn outlets_of(&self, client: SocketAddr) -> impl Iterator<Item = (Key, &Outlet)> {
        let keys = self.clients.get(&client).map(|client| &client.outlets);
        keys.into_iter()
            .flatten()
            .filter_map(|key| Some((*key, self.outlets.get(*key)?)))
    }

    fn add_outlet(&mut self, outlet: Outlet) -> Key {
        self.shares.take_sockets(outlet.owner, outlet.descriptors());
        let client = outlet.client;
        let key = self.outlets.insert(outlet);
        if let Some(client) = self.clients.get_mut(&client) {
            client.outlets.push(key);
        }
        key
    }

    /// Watches an outlet's socket. One that cannot be watched is closed.
    fn watch(&mut self, core: &mut Core, outlet: Key) -> io::Result<()> {
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

    fn enter_outlet(&mut self, key: Key, outlet: Key, far: Far) {
        let Some(flow) = self.flows.get_mut(key) else {
            return;
        };
        let state = self.outlets.get_mut(outlet).map(|outlet| &mut outlet.state);
        match (state, &far) {
            (Some(OutletState::Direct { remotes, .. }), Far::Direct(remote)) => {
                remotes.add(*remote, flow.tuple.destination.ip(), key);
            }
            (
                Some(OutletState::Associating { targets, .. } | OutletState::Relay { targets, .. }),
                Far::Proxied(target, _),
            ) => targets.add(target, key),
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
        let state = self.outlets.get_mut(outlet).map(|outlet| &mut outlet.state);
        match (state, &far) {
            (Some(OutletState::Direct { remotes, .. }), Far::Direct(remote)) => {
                remotes.remove(*remote);
            }
            (
                Some(OutletState::Associating { targets, .. } | OutletState::Relay { targets, .. }),
                Far::Proxied(target, _),
            ) => targets.remove(target),
            _ => {}
        }
        self.close_if_idle(outlet);
    }

    fn close_if_idle(&mut self, key: Key) {
        let is_idle = match self.outlets.get(key).map(|outlet| &outlet.state) {
            Some(OutletState::Direct { remotes, .. }) => remotes.is_empty(),
            Some(OutletState::Associating { targets, .. } | OutletState::Relay { targets, .. }) => {
                targets.is_empty()
            }
            None => false,
        };
        if !is_idle {
            return;
        }
        let Some(outlet) = self.outlets.remove(key) else {
            return;
        };
        self.shares.give_sockets(outlet.owner, outlet.descriptors());
        if let Some(client) = self.clients.get_mut(&outlet.client) {
            client.outlets.retain(|other| *other != key);
        }
    }

    /// Lets a flow go by an association with a proxy, which is opened if there is none that tells its answers apart.
    pub(super) fn associate(&mut self, core: &mut Core, key: Key, plan: DialPlan) {
        let Some(proxied) = plan.proxied.clone() else {
            return;
        };
        let Some(flow) = self.flows.get_mut(key) else {
            return;
        };
        let (client, owner) = (flow.tuple.client, flow.owner);
        let way = Way::Proxy {
            hops: plan.hops.clone(),
            port: plan.port,
            credentials: proxied.credentials,
        };
        let header = socks5::datagram_header(&proxied.target).into_boxed_slice();
        let fitting =
            self.outlets_of(client)
                .filter(|(_, outlet)| outlet.way == way)
                .find(|(_, outlet)| match &outlet.state {
                    OutletState::Associating { targets, .. }
                    | OutletState::Relay { targets, .. } => targets.accepts(&proxied.target),
                    OutletState::Direct { .. } => false,
                })
                .map(|(key, _)| key);
        let outlet = match fitting {
            Some(outlet) => outlet,
            None => {
                if let Err(error) = self.make_room(core, key, owner, 2) {
                    let message = error.to_string();
                    return self.hold_again(core, key, Failure::Io, message, 0);
                }
                let outbound = Outbound::associate(plan, core.options.mark, core.now);
                let state = OutletState::Associating {
                    outbound: Box::new(outbound),
                    wake: core.now,
                    targets: Targets::default(),
                };
                self.add_outlet(Outlet {
                    client,
                    way,
                    owner,
                    state,
                })
            }
        };
        self.enter_outlet(key, outlet, Far::Proxied(proxied.target, header));
        let Some(flow) = self.flows.get_mut(key) else {
            return;
        };
        flow.phase = Phase::Waiting {
            queue: flow.take_queue(),
            since: core.now,
        };
        self.schedule(core, key);
        match self.outlets.get(outlet).map(|outlet| &outlet.state) {
            Some(OutletState::Relay { proxy, .. }) => self.open_way(core, key, *proxy, 0),
            _ if fitting.is_none() => self.drive(core, outlet),
            _ => {}
        }
    }

    /// Brings an association forward after an event of its sockets, or when its time has come.
    pub fn drive(&mut self, core: &mut Core, outlet: Key) {
        let Some(found) = self.outlets.get_mut(outlet) else {
            return;
        };
        let OutletState::Associating {
            outbound,
            wake,
            targets,
        } = &mut found.state
        else {
            return;
        };
        let token = Token::UdpControl(outlet).pack();
        let epoll = &core.epoll;
        let progress = outbound.drive(core.now, &mut |fd| epoll.add(fd, token, STREAM_EDGES));
        let ms = outbound.elapsed(core.now);
        match progress {
            Progress::Pending { wake: at } => {
                *wake = at;
                core.timers.add(at, FlowRef::UdpOutlet(outlet));
            }
            Progress::Failed { failure, message } => {
                self.fail_outlet(core, outlet, failure, &message, ms);
            }
            Progress::Ready { fd, peer, bound } => {
                let Way::Proxy { hops, .. } = &found.way else {
                    return;
                };
                match relay_socket(hops, peer, bound, core.options.mark) {
                    Ok(socket) => {
                        found.state = OutletState::Relay {
                            socket,
                            control: fd,
                            proxy: peer.ip(),
                            targets: std::mem::take(targets),
                        };
                        self.open_relay(core, outlet, peer.ip(), ms);
                    }
                    Err(error) => {
                        let message = format!("the proxy's UDP relay: {error}");
                        self.fail_outlet(core, outlet, Failure::ProxyUnreachable, &message, ms);
                    }
                }
            }
        }
    }

    /// Looks at an association whose time has come.
    pub fn on_outlet_timer(&mut self, core: &mut Core, outlet: Key) {
        let due = match self.outlets.get(outlet).map(|outlet| &outlet.state) {
            Some(OutletState::Associating { wake, .. }) => *wake <= core.now,
            _ => false,
        };
        if due {
            self.drive(core, outlet);
        }
    }

    fn open_relay(&mut self, core: &mut Core, outlet: Key, proxy: IpAddr, ms: u64) {
        if let Err(error) = self.watch(core, outlet) {
            return self.fail_outlet(core, outlet, Failure::Io, &error.to_string(), ms);
        }
        for key in self.flows_of(outlet) {
            self.open_way(core, key, proxy, ms);
        }
        // Whatever the proxy did with its connection meanwhile came before the way was open.
        self.on_control(core, outlet);
    }

    fn fail_outlet(
        &mut self,
        core: &mut Core,
        outlet: Key,
        failure: Failure,
        message: &str,
        ms: u64,
    ) {
        // The outlet is gone with its last flow.
        for key in self.flows_of(outlet) {
            self.leave_outlet(key);
            self.hold_again(core, key, failure, message.to_owned(), ms);
        }
    }

    fn flows_of(&self, outlet: Key) -> Vec<Key> {
        self.outlets
            .get(outlet)
            .map(Outlet::flows)
            .unwrap_or_default()
    }

    /// Sends what is on hold by the way that is there now, and announces it.
    fn open_way(&mut self, core: &mut Core, key: Key, address: IpAddr, ms: u64) {
        let Some(flow) = self.flows.get_mut(key) else {
            return;
        };
        let queue = flow.take_queue();
        flow.phase = Phase::Open;
        self.shares.release(flow.owner, queue.bytes());
        if let Some(identity) = flow.identity {
            let (id, outcome) = (identity.id, Ok(address));
            core.outbox.push(Event::Dialed { id, outcome, ms });
        }
        for datagram in queue.into_datagrams() {
            self.send(core, key, &datagram, None);
        }
        self.schedule(core, key);
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
            queue: flow.take_queue(),
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
