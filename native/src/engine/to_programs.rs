//! What programs are sent by the device: packets, datagrams, ICMP errors.

use crate::engine::core::Core;
use crate::engine::datagram_run::DatagramRun;
use crate::engine::flow::Tuple;
use crate::packet::fragment::fragment;
use crate::packet::icmp::{self, Reported, Unreachable};
use crate::packet::{header, ip, ipv4, ipv6, udp};
use crate::vnet_header::{self, VnetHeader};
use std::net::SocketAddr;

impl Core {
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

    /// Sends one datagram to a program at once, in fragments if it is larger than the MTU.
    pub fn send_datagram(&mut self, from: SocketAddr, to: SocketAddr, payload: &[u8], service: u8) {
        if payload.len() > udp::max_payload(to.is_ipv4()) {
            self.shared.metrics.dropped.add(1);
            return;
        }
        if self.fits_mtu(from, payload) {
            if !self.send_unfinished(from, to, payload, None, service) {
                self.shared.metrics.dropped.add(1);
            }
            return;
        }
        self.identification = self.identification.wrapping_add(1);
        let mut packet = std::mem::take(&mut self.packet);
        let identification = self.identification;
        udp::build(&mut packet, from, to, identification as u16, payload);
        if service != 0 {
            header::set_service(&mut packet, service);
        }
        for piece in fragment(&packet, self.options.mtu as usize, identification) {
            self.inject(&piece);
        }
        self.packet = packet;
    }

    fn fits_mtu(&self, from: SocketAddr, payload: &[u8]) -> bool {
        let ip_header = if from.is_ipv4() {
            ipv4::HEADER
        } else {
            ipv6::HEADER
        };
        ip_header + udp::HEADER + payload.len() <= self.options.mtu as usize
    }

    /// Sends a program one datagram, or several of `segment` bytes each, whose checksums the kernel completes. False if it did not
    /// take them.
    fn send_unfinished(
        &mut self,
        from: SocketAddr,
        to: SocketAddr,
        payload: &[u8],
        segment: Option<usize>,
        service: u8,
    ) -> bool {
        self.identification = self.identification.wrapping_add(1);
        let mut packet = std::mem::take(&mut self.packet);
        let identification = self.identification as u16;
        let header = udp::build_unfinished(&mut packet, from, to, identification, payload, segment);
        if service != 0 {
            header::set_service(&mut packet, service);
        }
        let is_taken = self.tun.inject_unfinished(&header, &packet);
        if is_taken {
            self.count_out(packet.len());
        }
        self.packet = packet;
        is_taken
    }

    /// Sends a program what it is given until `flush_datagrams`: several of one size together.
    pub fn gather_datagrams(
        &mut self,
        from: SocketAddr,
        to: SocketAddr,
        payload: &[u8],
        segment: Option<usize>,
        service: u8,
    ) {
        let is_for_run = segment.is_none()
            && self.tun.takes_super_datagrams()
            && DatagramRun::<(Tuple, u8)>::is_for(payload.len())
            && self.fits_mtu(from, payload);
        let ends = Tuple {
            client: to,
            destination: from,
        };
        let way = (ends, service);
        if is_for_run && self.answers.push(way, payload) {
            return;
        }
        self.flush_datagrams();
        if !is_for_run || !self.answers.push(way, payload) {
            self.send_datagrams(from, to, payload, segment, service);
        }
    }

    /// Sends what was gathered.
    pub fn flush_datagrams(&mut self) {
        let Some((ends, service)) = self.answers.way() else {
            return;
        };
        let mut run = std::mem::take(&mut self.answers);
        let (bytes, segment) = run.datagrams();
        self.send_datagrams(ends.destination, ends.client, bytes, segment, service);
        run.clear();
        self.answers = run;
    }

    /// Sends a program datagrams of `segment` bytes each (the last may be shorter), in one piece where the kernel takes it.
    fn send_datagrams(
        &mut self,
        from: SocketAddr,
        to: SocketAddr,
        payload: &[u8],
        segment: Option<usize>,
        service: u8,
    ) {
        if let Some(size) = segment
            && payload.len() > size
            && self.tun.takes_super_datagrams()
            && self.send_unfinished(from, to, payload, segment, service)
        {
            return;
        }
        for piece in payload.chunks(segment.unwrap_or(usize::MAX)) {
            self.send_datagram(from, to, piece, service);
        }
        if payload.is_empty() {
            self.send_datagram(from, to, payload, service);
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
}
