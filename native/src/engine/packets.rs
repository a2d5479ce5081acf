//! Packets of programs, from the device to whom they concern.

use crate::engine::Engine;
use crate::engine::tcp::Segment;
use crate::packet::icmp::{self, Unreachable};
use crate::packet::reassembly::Added;
use crate::packet::tcp::Tcp;
use crate::packet::udp::Udp;
use crate::packet::{header, ip};
use crate::sys;
use crate::vnet_header::{self, VnetHeader};
use std::io;
use std::net::SocketAddr;

impl Engine {
    pub(super) fn read_device(&mut self, packets: usize) -> io::Result<()> {
        let mut frame = std::mem::take(&mut self.frame);
        let mut result = Ok(());
        for _ in 0..packets {
            match self.core.tun.read(&mut frame) {
                Ok(length) => {
                    self.core.shared.metrics.packets_in.add(1);
                    let bytes = length.saturating_sub(vnet_header::LENGTH);
                    self.core.shared.metrics.bytes_in.add(bytes as u64);
                    self.on_frame(&mut frame[..length]);
                }
                Err(error) if sys::would_block(&error) => break,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => {
                    result = Err(error);
                    break;
                }
            }
        }
        self.frame = frame;
        self.udp.flush(&mut self.core);
        result
    }

    pub(super) fn on_frame(&mut self, frame: &mut [u8]) {
        if !self.on_packet(frame, false) {
            self.core.shared.metrics.dropped.add(1);
        }
    }

    /// `is_whole`: the packet was put together of fragments. One that says that it is a fragment again is refused: nobody sends
    /// such, and taking it apart over and over would be work without end.
    pub(super) fn on_packet(&mut self, frame: &mut [u8], is_whole: bool) -> bool {
        let Some(header) = VnetHeader::parse(frame) else {
            return false;
        };
        let Some(packet) = header::parse(&frame[vnet_header::LENGTH..]) else {
            return false;
        };
        if !packet.is_between_hosts() {
            return false;
        }
        if let Some(piece) = packet.piece() {
            if is_whole {
                return false;
            }
            return match self.reassembly.add(&packet, piece, self.core.now) {
                Added::Waiting => true,
                Added::Refused => false,
                Added::Whole(packet) => {
                    let mut frame = VnetHeader::default().encode().to_vec();
                    frame.extend_from_slice(&packet);
                    self.on_packet(&mut frame, true)
                }
            };
        }
        let packet = if is_whole {
            packet.put_together()
        } else {
            packet
        };
        #[cfg(feature = "fault")]
        super::fault::strike(&packet);
        match packet.protocol() {
            ip::TCP => {
                let Some(tcp) = Tcp::parse(packet.payload()) else {
                    return false;
                };
                // Port 0 is nobody's (RFC 6335, 6).
                if tcp.destination_port == 0 {
                    self.core
                        .send_unreachable(packet.bytes(), Unreachable::Port);
                    return true;
                }
                if tcp.source_port == 0 {
                    return false;
                }
                let segment = Segment {
                    header,
                    ip_header_length: packet.header_length(),
                    source: SocketAddr::new(packet.source(), tcp.source_port),
                    destination: SocketAddr::new(packet.destination(), tcp.destination_port),
                    class: packet.treatment().class(),
                    tcp,
                    frame,
                };
                self.tcp.on_segment(&mut self.core, segment);
            }
            ip::UDP => {
                let Some(datagram) = Udp::parse(packet.payload()) else {
                    return false;
                };
                let is_whole = header.is_trusted()
                    || datagram.checksum_holds(packet.source(), packet.destination());
                if !is_whole || datagram.destination_port() == 0 {
                    return false;
                }
                let segment = header.segment_size();
                self.udp
                    .on_datagram(&mut self.core, &packet, &datagram, segment);
            }
            _ if icmp::is_icmp(&packet) && !icmp::is_echo_request(&packet) => return false,
            _ if icmp::is_icmp(&packet) && self.core.is_peer(packet.destination()) => {
                if let Some(reply) = icmp::echo_reply(&packet) {
                    self.core.inject(&reply);
                }
            }
            _ if icmp::is_icmp(&packet) && self.core.carries(packet.destination()) => {
                return self.echo.on_request(&mut self.core, &packet);
            }
            _ if self.core.carries(packet.destination()) => {
                self.core
                    .send_unreachable(packet.bytes(), Unreachable::Host);
            }
            _ => self
                .core
                .send_unreachable(packet.bytes(), Unreachable::NoRoute),
        }
        true
    }
}
