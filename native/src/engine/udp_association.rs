//! Associations with proxies, as of SOCKS5 (RFC 1928, 7): one carries all destinations whose answers can be told apart.

use crate::command::{DialPlan, Layer, Rejection};
use crate::egress;
use crate::engine::core::Core;
use crate::engine::flow::{FlowRef, Token};
use crate::engine::owner::Owner;
use crate::engine::udp::UdpFlows;
use crate::engine::udp_control::Control;
use crate::engine::udp_flow::{Far, Phase};
use crate::engine::udp_outlet::{Outlet, OutletState, Targets, Way};
use crate::engine::udp_stream::DatagramStream;
use crate::event::{DialFault, Failure, Reason};
use crate::layer::datagram::{Socks5Datagrams, datagrams_of};
use crate::options::Hop;
use crate::outbound::{Opened, Outbound, Progress};
use crate::slab::Key;
use crate::socks5::relay_address::relay_address;
use crate::socks5::{Target, write_address};
use crate::sys::epoll::STREAM_EDGES;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::OwnedFd;

impl UdpFlows {
    /// Lets a flow go by an association with a proxy, which is opened if there is none that tells its answers apart.
    pub(super) fn associate(&mut self, core: &mut Core, key: Key, plan: DialPlan) {
        let Some(flow) = self.flows.get_mut(key) else {
            return;
        };
        let (client, owner) = (flow.tuple.client, flow.owner);
        let mut layers = plan.layers.clone();
        let Some(target) = layers.last_mut().and_then(Layer::take_target) else {
            return self.reject(core, key, Rejection::Reset);
        };
        let way = Way::Proxy {
            hops: plan.hops.clone(),
            port: plan.port,
            layers,
        };
        let mut address = Vec::new();
        write_address(&mut address, &target);
        let fitting = self
            .outlets_of(client)
            .filter(|(_, outlet)| outlet.way == way)
            .find(|(_, outlet)| {
                let targets = outlet.targets();
                targets.is_some_and(|targets| targets.accepts(&target))
            })
            .map(|(key, _)| key);
        let outlet = match fitting {
            Some(outlet) => outlet,
            None => match self.begin_association(core, key, (client, owner), way, plan) {
                Ok(outlet) => outlet,
                Err(error) => {
                    let errno = error.raw_os_error().unwrap_or(libc::EIO);
                    let fault = DialFault::plain(Failure::of(errno, true), error.to_string());
                    return self.hold_again(core, key, fault, 0);
                }
            },
        };
        let far = Far::Proxied(target, address.into_boxed_slice());
        self.enter_outlet(key, outlet, far);
        let Some(flow) = self.flows.get_mut(key) else {
            return;
        };
        flow.phase = Phase::Waiting {
            queue: flow.take_queue(),
            since: core.now,
        };
        self.schedule(core, key);
        match self.outlets.get(outlet).map(|outlet| &outlet.state) {
            Some(OutletState::Relay { proxy, .. } | OutletState::Stream { proxy, .. }) => {
                self.open_way(core, key, *proxy, 0);
            }
            _ if fitting.is_none() => self.drive(core, outlet),
            _ => {}
        }
    }

    /// An outlet for an association: with a proxy that takes datagrams at its port there is nothing to wait for.
    fn begin_association(
        &mut self,
        core: &mut Core,
        key: Key,
        (client, owner): (SocketAddr, Owner),
        way: Way,
        plan: DialPlan,
    ) -> io::Result<Key> {
        let targets = Targets::default();
        let datagrams = match &plan.layers[..] {
            [only] => datagrams_of(only),
            _ => None,
        };
        let mut outlet = Outlet {
            client,
            way,
            owner,
            state: OutletState::Associating {
                outbound: Box::new(Outbound::associate(
                    plan.clone(),
                    core.options.mark,
                    core.now,
                )),
                wake: core.now,
                targets,
            },
        };
        self.make_room(core, key, owner, outlet.descriptors())?;
        let Some(datagrams) = datagrams else {
            return Ok(self.add_outlet(outlet));
        };
        let (socket, hop) = egress::connect_first_udp(&plan.hops, plan.port, core.options.mark)?;
        outlet.state = OutletState::Relay {
            socket,
            datagrams,
            control: None,
            proxy: hop.address,
            targets: Targets::default(),
        };
        let outlet = self.add_outlet(outlet);
        self.watch(core, outlet)?;
        Ok(outlet)
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
            Progress::Failed(fault) => self.fail_outlet(core, outlet, &fault, ms),
            Progress::Ready(Opened {
                fd,
                peer,
                through,
                bound,
            }) => {
                let Way::Proxy { hops, layers, .. } = &found.way else {
                    return;
                };
                if !matches!(layers.last(), Some(Layer::Socks5(_))) {
                    found.state = OutletState::Stream {
                        stream: Box::new(DatagramStream::new(fd, through)),
                        proxy: peer.ip(),
                        targets: std::mem::take(targets),
                    };
                    return self.open_association(core, outlet, peer.ip(), ms);
                }
                match relay_socket(hops, peer, bound.as_ref(), core.options.mark) {
                    Ok(socket) => {
                        found.state = OutletState::Relay {
                            socket,
                            datagrams: Box::new(Socks5Datagrams),
                            control: Some(Control::new(fd, through)),
                            proxy: peer.ip(),
                            targets: std::mem::take(targets),
                        };
                        self.open_association(core, outlet, peer.ip(), ms);
                    }
                    Err(error) => {
                        let message = format!("the proxy's UDP relay: {error}");
                        let fault = DialFault::plain(Failure::ProxyUnreachable, message);
                        self.fail_outlet(core, outlet, &fault, ms);
                    }
                }
            }
        }
    }

    /// Looks at an association whose time has come.
    pub fn on_outlet_timer(&mut self, core: &mut Core, outlet: Key) {
        match self.outlets.get(outlet).map(|outlet| &outlet.state) {
            Some(OutletState::Associating { wake, .. }) if *wake <= core.now => {
                self.drive(core, outlet);
            }
            Some(OutletState::Stream { .. }) => self.on_stream(core, outlet),
            _ => {}
        }
    }

    fn open_association(&mut self, core: &mut Core, outlet: Key, proxy: IpAddr, ms: u64) {
        if let Err(error) = self.watch(core, outlet) {
            let fault = DialFault::plain(Failure::Io, error.to_string());
            return self.fail_outlet(core, outlet, &fault, ms);
        }
        for key in self.flows_of(outlet) {
            self.open_way(core, key, proxy, ms);
        }
        // Whatever the proxy did with its connection meanwhile came before the way was open.
        self.on_control(core, outlet);
    }

    fn fail_outlet(&mut self, core: &mut Core, outlet: Key, fault: &DialFault, ms: u64) {
        // The outlet is gone with its last flow.
        for key in self.flows_of(outlet) {
            self.leave_outlet(key);
            self.hold_again(core, key, fault.clone(), ms);
        }
    }

    /// Takes readiness of a proxy's connection. Where datagrams do not come in it, nothing comes there but its end.
    pub fn on_control(&mut self, core: &mut Core, outlet: Key) {
        let Some(found) = self.outlets.get_mut(outlet) else {
            return;
        };
        let control = match &mut found.state {
            OutletState::Associating { .. } => return self.drive(core, outlet),
            OutletState::Stream { .. } => return self.on_stream(core, outlet),
            OutletState::Relay {
                control: Some(control),
                ..
            } => control,
            OutletState::Relay { .. } | OutletState::Direct { .. } => return,
        };
        if control.is_quiet(&mut self.buffer) {
            return;
        }
        for key in found.flows() {
            self.end(core, key, Reason::ResetByRemote);
        }
    }
}

/// The socket towards the relay that a SOCKS5 reply names.
fn relay_socket(
    hops: &[Hop],
    proxy: SocketAddr,
    bound: Option<&Target>,
    mark: u32,
) -> io::Result<OwnedFd> {
    let bound = bound.ok_or(io::ErrorKind::InvalidData)?;
    let relay = relay_address(bound, proxy);
    let dialed = hops.iter().find(|hop| hop.address == proxy.ip());
    let device = dialed.and_then(|hop| hop.device.clone());
    let address = relay.ip();
    egress::connect_udp(&Hop { address, device }, relay.port(), mark)
}
