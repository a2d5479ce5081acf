//! Where a program's datagrams leave the machine: one socket for all destinations of one socket of the program, as long as
//! answers can be told apart (RFC 4787: endpoint-independent mapping and filtering).

use crate::command::Layer;
use crate::engine::owner::Owner;
use crate::engine::udp_control::Control;
use crate::engine::udp_flow::Far;
use crate::engine::udp_stream::DatagramStream;
use crate::layer::datagram::Datagrams;
use crate::options::Hop;
use crate::outbound::Outbound;
use crate::packet::ip;
use crate::slab::Key;
use crate::socks5::Target;
use crate::sys::route::{Origin, Review};
use crate::sys::socket;
use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::{AsFd, OwnedFd};

/// By which way datagrams leave.
#[derive(Clone, PartialEq, Eq, Hash)]
pub enum Way {
    /// From this address, through this device.
    Direct {
        device: Option<String>,
        source: IpAddr,
    },
    /// By an association with this proxy.
    Proxy {
        hops: Vec<Hop>,
        port: u16,
        /// That of the proxy is the last; it leads nowhere (`Layer::take_target`).
        layers: Vec<Layer>,
    },
}

/// A socket towards the network, and whose datagrams go through it.
pub struct Outlet {
    /// The program's socket.
    pub client: SocketAddr,
    pub way: Way,
    pub owner: Owner,
    pub state: OutletState,
}

pub enum OutletState {
    Direct {
        socket: OwnedFd,
        remotes: Remotes,
        /// Whether the socket cuts no datagram.
        forbids_fragments: bool,
    },
    /// Waits for the proxy.
    Associating {
        outbound: Box<Outbound>,
        wake: u64,
        targets: Targets,
    },
    /// To the proxy, which takes datagrams by themselves.
    Relay {
        socket: OwnedFd,
        datagrams: Box<dyn Datagrams>,
        /// What it lives as long as.
        control: Option<Control>,
        proxy: IpAddr,
        targets: Targets,
    },
    /// To the proxy, which takes them in a stream.
    Stream {
        stream: Box<DatagramStream>,
        proxy: IpAddr,
        targets: Targets,
    },
}

impl Outlet {
    /// Descriptors that it has, or will have.
    pub fn descriptors(&self) -> usize {
        match &self.way {
            Way::Direct { .. } => 1,
            Way::Proxy { layers, .. } => match layers.last() {
                Some(Layer::Socks5(_)) => 2,
                _ => 1,
            },
        }
    }

    /// Whether the way to one of its destinations is no longer the kernel's choice.
    pub fn is_stale(&self, far: &Far, review: &mut Review) -> bool {
        match (&self.state, &self.way, far) {
            (
                OutletState::Direct { socket, .. },
                Way::Direct { source, .. },
                Far::Direct(remote),
            ) => {
                let device = socket::bound_device(socket.as_fd()).unwrap_or(0);
                let transport = Some((ip::UDP, remote.port()));
                let local = socket::local_address(socket.as_fd()).ok();
                let from = Origin {
                    user: self.owner.user(),
                    port: local.map(|local| local.port()),
                };
                !review.is_own(*source) || !review.leads_by(remote.ip(), transport, from, device)
            }
            (
                OutletState::Relay {
                    socket, control, ..
                },
                ..,
            ) => {
                let is_stale = |control: &Control| review.is_stale(control.socket());
                control.as_ref().is_some_and(is_stale) || review.is_stale(socket.as_fd())
            }
            (OutletState::Stream { stream, .. }, ..) => review.is_stale(stream.socket()),
            _ => false,
        }
    }

    /// The flows that use it.
    pub fn flows(&self) -> Vec<Key> {
        match &self.state {
            OutletState::Direct { remotes, .. } => remotes.by_address.values().copied().collect(),
            _ => self.targets().map(Targets::flows).unwrap_or_default(),
        }
    }

    /// The destinations of an association.
    pub fn targets(&self) -> Option<&Targets> {
        match &self.state {
            OutletState::Direct { .. } => None,
            OutletState::Associating { targets, .. }
            | OutletState::Relay { targets, .. }
            | OutletState::Stream { targets, .. } => Some(targets),
        }
    }

    /// The same, to change.
    pub fn targets_mut(&mut self) -> Option<&mut Targets> {
        match &mut self.state {
            OutletState::Direct { .. } => None,
            OutletState::Associating { targets, .. }
            | OutletState::Relay { targets, .. }
            | OutletState::Stream { targets, .. } => Some(targets),
        }
    }
}

/// The destinations of a direct outlet.
#[derive(Default)]
pub struct Remotes {
    by_address: HashMap<SocketAddr, Key>,
    /// The address that the program knows a host by, which is another one for destinations by name, and how many flows say so.
    faces: HashMap<IpAddr, (IpAddr, usize)>,
}

impl Remotes {
    /// Whether answers of `remote` could be told from those of the others if the program knew the host as `asked`.
    pub fn accepts(&self, remote: SocketAddr, asked: IpAddr) -> bool {
        !self.by_address.contains_key(&remote)
            && self.face_of(remote.ip()).is_none_or(|known| known == asked)
    }

    pub fn add(&mut self, remote: SocketAddr, asked: IpAddr, flow: Key) {
        self.by_address.insert(remote, flow);
        self.faces.entry(remote.ip()).or_insert((asked, 0)).1 += 1;
    }

    pub fn remove(&mut self, remote: SocketAddr) {
        if self.by_address.remove(&remote).is_none() {
            return;
        }
        if let Some((_, count)) = self.faces.get_mut(&remote.ip()) {
            *count -= 1;
            if *count == 0 {
                self.faces.remove(&remote.ip());
            }
        }
    }

    /// The flow towards exactly this address and port.
    pub fn flow_of(&self, remote: SocketAddr) -> Option<Key> {
        self.by_address.get(&remote).copied()
    }

    /// The address by which the program knows a host.
    pub fn face_of(&self, host: IpAddr) -> Option<IpAddr> {
        self.faces.get(&host).map(|(face, _)| *face)
    }

    pub fn is_empty(&self) -> bool {
        self.by_address.is_empty()
    }
}

/// The destinations of an association. Answers carry an address, so of destinations by name at most one has a port, and no
/// destination by address has that port then.
#[derive(Default)]
pub struct Targets {
    by_address: HashMap<SocketAddr, Key>,
    by_name: HashMap<u16, Key>,
    /// Ports of destinations by address, and how many have each.
    ports: HashMap<u16, usize>,
}

impl Targets {
    /// Whether answers of `target` could be told from those of the others.
    pub fn accepts(&self, target: &Target) -> bool {
        match target {
            Target::Address(address) => {
                !self.by_address.contains_key(address)
                    && !self.by_name.contains_key(&address.port())
            }
            Target::Name(_, port) => {
                !self.by_name.contains_key(port) && !self.ports.contains_key(port)
            }
        }
    }

    pub fn add(&mut self, target: &Target, flow: Key) {
        match target {
            Target::Address(address) => {
                self.by_address.insert(*address, flow);
                *self.ports.entry(address.port()).or_insert(0) += 1;
            }
            Target::Name(_, port) => drop(self.by_name.insert(*port, flow)),
        }
    }

    pub fn remove(&mut self, target: &Target) {
        match target {
            Target::Address(address) => {
                if self.by_address.remove(address).is_none() {
                    return;
                }
                if let Some(count) = self.ports.get_mut(&address.port()) {
                    *count -= 1;
                    if *count == 0 {
                        self.ports.remove(&address.port());
                    }
                }
            }
            Target::Name(_, port) => drop(self.by_name.remove(port)),
        }
    }

    /// The flow that an answer from there belongs to.
    pub fn flow_of(&self, from: &Target) -> Option<Key> {
        let by_port = |port: &u16| self.by_name.get(port).copied();
        match from {
            Target::Address(address) => self
                .by_address
                .get(address)
                .copied()
                .or_else(|| by_port(&address.port())),
            Target::Name(_, port) => by_port(port),
        }
    }

    /// The only destination, if it is one by name: whatever comes from another port is from there.
    pub fn only_name(&self) -> Option<Key> {
        match (self.by_address.is_empty(), self.by_name.len()) {
            (true, 1) => self.by_name.values().next().copied(),
            _ => None,
        }
    }

    /// Whether some destinations are by address.
    pub fn has_addresses(&self) -> bool {
        !self.by_address.is_empty()
    }

    pub fn is_empty(&self) -> bool {
        self.by_address.is_empty() && self.by_name.is_empty()
    }

    fn flows(&self) -> Vec<Key> {
        let all = self.by_address.values().chain(self.by_name.values());
        all.copied().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn at(text: &str) -> SocketAddr {
        text.parse().unwrap()
    }

    #[test]
    fn two_names_of_one_host_do_not_share_a_socket() {
        let mut remotes = Remotes::default();
        let host = at("203.0.113.80:443");
        let (one, two): (IpAddr, IpAddr) =
            ("198.18.0.5".parse().unwrap(), "198.18.0.6".parse().unwrap());
        let flow = Key::unpack(1);
        assert!(remotes.accepts(host, one));
        remotes.add(host, one, flow);
        assert!(!remotes.accepts(host, two) && !remotes.accepts(at("203.0.113.80:80"), two));
        assert!(!remotes.accepts(at("203.0.113.80:80"), host.ip()));
        assert!(remotes.accepts(at("203.0.113.80:80"), one));
        assert!(remotes.accepts(at("203.0.113.81:443"), two));
        assert_eq!(remotes.face_of(host.ip()), Some(one));
        remotes.remove(host);
        assert!(remotes.is_empty() && remotes.accepts(host, two));
    }

    #[test]
    fn answers_through_a_proxy_are_told_apart_by_address_or_by_port() {
        let mut targets = Targets::default();
        let name = |port| Target::Name("a.example".into(), port);
        let address = |text| Target::Address(at(text));
        targets.add(&name(443), Key::unpack(1));
        assert!(!targets.accepts(&Target::Name("b.example".into(), 443)));
        assert!(!targets.accepts(&address("203.0.113.80:443")));
        assert!(targets.accepts(&name(80)) && targets.accepts(&address("203.0.113.80:123")));
        assert_eq!(targets.only_name(), Some(Key::unpack(1)));
        targets.add(&address("203.0.113.80:123"), Key::unpack(2));
        assert_eq!(targets.only_name(), None);
        let found = |text| targets.flow_of(&address(text));
        assert_eq!(found("192.0.2.1:443"), Some(Key::unpack(1)));
        assert_eq!(found("203.0.113.80:123"), Some(Key::unpack(2)));
        assert_eq!(found("203.0.113.80:124"), None);
    }

    proptest! {
        #[test]
        fn what_is_accepted_is_found_and_what_is_removed_is_not(steps in prop::collection::vec((0u8..6, 1u16..4, any::<bool>()), 0..60)) {
            let mut targets = Targets::default();
            let mut inside: Vec<(Target, Key)> = Vec::new();
            for (number, (host, port, by_name)) in steps.into_iter().enumerate() {
                let target = if by_name {
                    Target::Name(format!("n{host}"), port)
                } else {
                    Target::Address(SocketAddr::from(([192, 0, 2, host], port)))
                };
                let key = Key::unpack(number as u64);
                if targets.accepts(&target) {
                    targets.add(&target, key);
                    inside.push((target, key));
                } else if let Some((gone, _)) = inside.pop() {
                    targets.remove(&gone);
                }
                for (target, key) in &inside {
                    prop_assert_eq!(targets.flow_of(target), Some(*key));
                }
                prop_assert_eq!(targets.flows().len(), inside.len());
            }
        }
    }
}
