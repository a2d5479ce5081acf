//! What every part of the engine works with: the device, epoll, time, flow identities, and the way to JavaScript.

use crate::counters::Slots;
use crate::engine::dns_desk::{Asker, DnsDesk, MAX_WAITING};
use crate::engine::flow::{FlowRef, Identity, Tuple};
use crate::engine::held::Held;
use crate::engine::owner::Owner;
use crate::event::{Event, Network, Reason};
use crate::options::Options;
use crate::outbox::Outbox;
use crate::packet::fragment::fragment;
use crate::packet::icmp::{self, Reported, Unreachable};
use crate::packet::{ip, ipv4, ipv6, udp};
use crate::shared::Shared;
use crate::sys::epoll::Epoll;
use crate::timers::Timers;
use crate::tun::Tun;
use crate::vnet_header::{self, VnetHeader};
use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

/// Events JavaScript may be behind by before new flows are ignored (their first packets are repeated by the sender).
const MAX_BACKLOG: usize = 65_536;

/// Shared parts of the engine. Fields are public: the engine's modules are one thing in several files.
pub struct Core {
    pub options: Options,
    pub tun: Tun,
    pub epoll: Epoll,
    pub shared: Arc<Shared>,
    pub outbox: Outbox,
    /// Milliseconds of the monotonic clock, as of this turn of the loop.
    pub now: u64,
    pub timers: Timers<FlowRef>,
    pub dns: DnsDesk,
    /// Flows without a verdict.
    pub held: Held,
    flows: HashMap<u64, (FlowRef, Option<Owner>)>,
    slots: Slots,
    next_number: u64,
    identification: u32,
    /// Memory for a packet that is made.
    packet: Vec<u8>,
}

/// The last numbers that were given out.
#[derive(Clone, Copy, Default)]
pub struct Numbers {
    flow: u64,
    question: u64,
}

impl Core {
    pub fn new(
        options: Options,
        tun: Tun,
        epoll: Epoll,
        shared: Arc<Shared>,
        numbers: Numbers,
        now: u64,
    ) -> Self {
        Self {
            options,
            tun,
            epoll,
            outbox: Outbox::new(shared.clone()),
            shared,
            now,
            timers: Timers::default(),
            dns: DnsDesk::new(numbers.question),
            held: Held::default(),
            flows: HashMap::new(),
            slots: Slots::new(),
            next_number: numbers.flow,
            identification: 0,
            packet: Vec::new(),
        }
    }

    /// The last numbers that were given out.
    pub fn numbers(&self) -> Numbers {
        Numbers {
            flow: self.next_number,
            question: self.dns.last_token(),
        }
    }

    /// Sends a packet with complete checksums to the programs.
    pub fn inject(&mut self, packet: &[u8]) {
        if self.tun.inject(packet) {
            self.count_out(packet.len());
        } else {
            self.shared.metrics.dropped.add(1);
        }
    }

    /// Sends a rewritten frame back through the device.
    pub fn forward(&mut self, header: &VnetHeader, frame: &mut [u8]) {
        if self.tun.forward(header, frame) {
            self.count_out(frame.len() - vnet_header::LENGTH);
        } else {
            self.shared.metrics.dropped.add(1);
        }
    }

    /// Sends one datagram to a program, in fragments if it is larger than the MTU.
    pub fn send_datagram(&mut self, from: SocketAddr, to: SocketAddr, payload: &[u8]) {
        if payload.len() > udp::MAX_PAYLOAD {
            self.shared.metrics.dropped.add(1);
            return;
        }
        self.identification = self.identification.wrapping_add(1);
        let mut packet = std::mem::take(&mut self.packet);
        let identification = self.identification;
        udp::build(&mut packet, from, to, identification as u16, payload);
        if packet.len() <= self.options.mtu as usize {
            self.inject(&packet);
        } else {
            for piece in fragment(&packet, self.options.mtu as usize, identification) {
                self.inject(&piece);
            }
        }
        self.packet = packet;
    }

    /// Sends a program datagrams of `segment` bytes each (the last may be shorter), in one piece where the kernel takes it.
    pub fn send_datagrams(
        &mut self,
        from: SocketAddr,
        to: SocketAddr,
        payload: &[u8],
        segment: Option<usize>,
    ) {
        if let Some(size) = segment
            && payload.len() > size
            && self.tun.takes_super_datagrams()
        {
            self.identification = self.identification.wrapping_add(1);
            let mut frame = std::mem::take(&mut self.packet);
            let identification = self.identification as u16;
            let header = udp::build_super(&mut frame, from, to, identification, payload, size);
            let is_taken = self.tun.inject_super(&header, &frame);
            if is_taken {
                self.count_out(frame.len());
            }
            self.packet = frame;
            if is_taken {
                return;
            }
        }
        for piece in payload.chunks(segment.unwrap_or(usize::MAX)) {
            self.send_datagram(from, to, piece);
        }
        if payload.is_empty() {
            self.send_datagram(from, to, payload);
        }
    }

    /// Tells the sender of `packet` (or its beginning) that it cannot be delivered.
    pub fn send_unreachable(&mut self, packet: &[u8], code: Unreachable) {
        let reporter = match ip::version(packet) {
            4 => Some(self.options.peer4.into()),
            _ => self.peer6(),
        };
        if let Some(message) = icmp::unreachable(packet, code, reporter) {
            self.inject(&message);
        }
    }

    /// Passes an ICMP error on to the sender of `packet` (or its beginning).
    pub fn send_icmp_error(&mut self, packet: &[u8], error: &Reported) {
        if let Some(message) = icmp::passed_on(packet, error) {
            self.inject(&message);
        }
    }

    /// Sends a packet with complete checksums to the programs, in fragments if it is larger than the MTU.
    pub fn inject_whole(&mut self, packet: &[u8]) {
        self.identification = self.identification.wrapping_add(1);
        let mut packet = packet.to_vec();
        if ip::version(&packet) == 4 {
            ipv4::set_identification(&mut packet, self.identification as u16);
        }
        for piece in fragment(&packet, self.options.mtu as usize, self.identification) {
            self.inject(&piece);
        }
    }

    /// Asks about echo requests between two addresses. `None` if JavaScript is far behind.
    pub fn open_echo(&mut self, source: IpAddr, destination: IpAddr) -> Option<u64> {
        if self.shared.event_backlog() > MAX_BACKLOG {
            return None;
        }
        self.next_number += 1;
        let id = self.next_number * 2;
        self.outbox.push(Event::Echo {
            id,
            source,
            destination,
        });
        Some(id)
    }

    /// The far end of the device's IPv6 link.
    pub fn peer6(&self) -> Option<IpAddr> {
        Some(ipv6::neighbour(self.options.address6?).into())
    }

    /// Whether an address is one of the device's link.
    pub fn is_own(&self, address: IpAddr) -> bool {
        address == self.options.address4
            || Some(address) == self.options.address6.map(IpAddr::from)
            || self.is_peer(address)
    }

    /// Whether an address is the far end of the device's link.
    pub fn is_peer(&self, address: IpAddr) -> bool {
        address == self.options.peer4 || Some(address) == self.peer6()
    }

    /// Whether what a program sends to port 53 of a server may be a question for us. Our own address takes nothing else.
    pub fn hijacks(&self, network: Network, server: IpAddr) -> bool {
        let servers = match network {
            Network::Tcp => &self.options.hijack.tcp,
            Network::Udp => &self.options.hijack.udp,
        };
        self.is_peer(server) || servers.contain(server)
    }

    /// Whether flows to an address are carried. All of IPv4 are, and of IPv6 what the options say, except to the device's link.
    pub fn carries(&self, destination: IpAddr) -> bool {
        let carried6 = &self.options.carried6;
        destination.is_ipv4()
            || Some(destination) != self.peer6()
                && carried6.iter().any(|prefix| prefix.contains(destination))
    }

    /// Announces a new flow, of whomever `who` says, and holds it. `None` if there is no room, for its owner or at all, or JavaScript is far behind.
    pub fn open(
        &mut self,
        network: Network,
        source: SocketAddr,
        destination: SocketAddr,
        place: FlowRef,
        who: impl FnOnce() -> Owner,
    ) -> Option<Identity> {
        if self.shared.event_backlog() > MAX_BACKLOG {
            return None;
        }
        let owner = self.held.admit(who).ok()?;
        let slot = self.slots.take()?;
        self.next_number += 1;
        let id = self.next_number * 2 + u64::from(network == Network::Udp);
        self.shared.counters.set(slot, 0, 0);
        self.flows.insert(id, (place, owner));
        self.held.insert(id, place, owner);
        self.outbox.push(Event::Open {
            id,
            slot,
            network,
            source,
            destination,
        });
        Some(Identity { id, slot })
    }

    /// Passes a question on, unless JavaScript is so far behind that its asker will have given up.
    pub fn ask(&mut self, asker: Asker, ends: Tuple, message: &[u8]) {
        if self.shared.questions_waiting() > MAX_WAITING {
            self.shared.metrics.dropped.add(1);
            return;
        }
        let network = match asker {
            Asker::Tcp(_) => Network::Tcp,
            Asker::Udp(_) => Network::Udp,
        };
        let token = self.dns.ask(asker, self.now);
        self.outbox
            .ask(token, network, ends.client, ends.destination, message);
    }

    /// Announces the end of a flow.
    pub fn close(&mut self, identity: Identity, bytes: (u64, u64), reason: Reason) {
        self.flows.remove(&identity.id);
        self.held.remove(identity.id);
        drop(self.shared.take_stream(identity.id));
        self.shared.counters.set(identity.slot, bytes.0, bytes.1);
        self.slots.give(identity.slot);
        self.outbox.push(Event::Close {
            id: identity.id,
            up: bytes.0,
            down: bytes.1,
            reason,
        });
    }

    /// Holds a flow again, which has been decided before and needs another verdict.
    pub fn hold_again(&mut self, id: u64) {
        if let Some((place, owner)) = self.flows.get(&id).copied() {
            self.held.insert(id, place, owner);
        }
    }

    /// Where a flow lives, `None` if it has ended.
    pub fn find(&self, id: u64) -> Option<FlowRef> {
        self.flows.get(&id).map(|(place, _)| *place)
    }

    fn count_out(&self, bytes: usize) {
        self.shared.metrics.packets_out.add(1);
        self.shared.metrics.bytes_out.add(bytes as u64);
    }
}
