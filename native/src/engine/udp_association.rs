//! Associations with SOCKS5 proxies (RFC 1928, 7): one carries all destinations whose answers can be told apart.

use crate::command::{DialPlan, Layer, Rejection, Socks5};
use crate::egress;
use crate::engine::core::Core;
use crate::engine::flow::{FlowRef, Token};
use crate::engine::udp::UdpFlows;
use crate::engine::udp_control::Control;
use crate::engine::udp_flow::{Far, Phase};
use crate::engine::udp_outlet::{Outlet, OutletState, Targets, Way};
use crate::event::{DialFault, Failure, Reason};
use crate::options::Hop;
use crate::outbound::{Opened, Outbound, Progress};
use crate::slab::Key;
use crate::socks5::relay_address::relay_address;
use crate::socks5::{Target, datagram_header};
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
        let Some(Layer::Socks5(Socks5 {
            credentials,
            target,
        })) = layers.pop()
        else {
            return self.reject(core, key, Rejection::Reset);
        };
        let way = Way::Proxy {
            hops: plan.hops.clone(),
            port: plan.port,
            layers,
            credentials,
        };
        let header = datagram_header(&target).into_boxed_slice();
        let fitting =
            self.outlets_of(client)
                .filter(|(_, outlet)| outlet.way == way)
                .find(|(_, outlet)| match &outlet.state {
                    OutletState::Associating { targets, .. }
                    | OutletState::Relay { targets, .. } => targets.accepts(&target),
                    OutletState::Direct { .. } => false,
                })
                .map(|(key, _)| key);
        let outlet = match fitting {
            Some(outlet) => outlet,
            None => {
                if let Err(error) = self.make_room(core, key, owner, 2) {
                    let fault = DialFault::plain(Failure::Io, error.to_string());
                    return self.hold_again(core, key, fault, 0);
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
        self.enter_outlet(key, outlet, Far::Proxied(target, header));
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
            Progress::Failed(fault) => self.fail_outlet(core, outlet, &fault, ms),
            Progress::Ready(Opened {
                fd,
                peer,
                through,
                bound,
            }) => {
                let Way::Proxy { hops, .. } = &found.way else {
                    return;
                };
                match relay_socket(hops, peer, bound.as_ref(), core.options.mark) {
                    Ok(socket) => {
                        found.state = OutletState::Relay {
                            socket,
                            control: Control::new(fd, through),
                            proxy: peer.ip(),
                            targets: std::mem::take(targets),
                        };
                        self.open_relay(core, outlet, peer.ip(), ms);
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

    /// Takes readiness of a proxy's control connection: nothing comes there but its end.
    pub fn on_control(&mut self, core: &mut Core, outlet: Key) {
        let Some(found) = self.outlets.get_mut(outlet) else {
            return;
        };
        let control = match &mut found.state {
            OutletState::Associating { .. } => return self.drive(core, outlet),
            OutletState::Relay { control, .. } => control,
            OutletState::Direct { .. } => return,
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
