//! The engine: one thread that owns the TUN device, all flows through it, and the sockets they go out by.

pub mod core;
mod dns_connection;
mod dns_desk;
#[cfg(test)]
pub mod drive;
mod echo;
#[cfg(feature = "fault")]
mod fault;
pub mod flow;
mod held;
mod owner;
mod quota;
mod redirection;
mod sweep;
mod tcp;
mod tcp_end;
mod tcp_flow;
pub mod tcp_peek;
mod tcp_share;
mod tcp_stream;
mod tcp_verdict;
pub mod thread;
mod udp;
mod udp_answers;
mod udp_association;
mod udp_flow;
mod udp_io;
mod udp_outlet;
mod udp_share;
mod udp_verdict;
mod udp_way;

use crate::command::{Command, Verdict};
use crate::dns::Answers;
use crate::engine::core::{Core, Numbers};
use crate::engine::dns_desk::Asker;
use crate::engine::echo::EchoFlows;
use crate::engine::flow::{FlowRef, Token};
use crate::engine::redirection::Redirection;
use crate::engine::sweep::Sweep;
use crate::engine::tcp::{Segment, TcpFlows};
use crate::engine::udp::UdpFlows;
use crate::event::Event;
use crate::options::Options;
use crate::outbox::Outbox;
use crate::packet::icmp::{self, Unreachable};
use crate::packet::reassembly::{Added, Reassembly, TIMEOUT_MS};
use crate::packet::tcp::Tcp;
use crate::packet::udp::Udp;
use crate::packet::{header, ip};
use crate::relay::Side;
use crate::shared::Shared;
use crate::sys;
use crate::sys::epoll::{Epoll, Events, READABLE};
use crate::sys::process::monotonic_ms;
use crate::tun::{self, Tun};
use crate::vnet_header::{self, VnetHeader};
use std::collections::VecDeque;
use std::io;
use std::net::SocketAddr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

/// Packets read before sockets get their turn.
const READ_BURST: usize = 64;
/// Epoll events taken at once.
const EVENT_BURST: usize = 256;
/// How often refused connections are told.
const TELL_REFUSED_MS: u64 = 1_000;
/// Packets looked at after a stop, to answer what programs send in reply to their resets.
const LAST_PACKETS: usize = 4_096;

/// What an engine that died leaves to the next one.
pub struct Remains {
    tun: Tun,
    options: Options,
    /// Numbers of flows and questions given out so far: none is given twice.
    numbers: Numbers,
}

/// The engine's state, owned by its thread.
pub struct Engine {
    core: Core,
    tcp: TcpFlows,
    udp: UdpFlows,
    echo: EchoFlows,
    reassembly: Reassembly,
    sweep: Sweep,
    frame: Vec<u8>,
    /// Those of this turn that were not carried out yet.
    commands: VecDeque<Command>,
    /// Refused connections that were told, and when others may be.
    told_refused: u64,
    tell_refused_at: u64,
}

impl Engine {
    /// Creates the device and the first listener.
    pub fn new(options: Options, shared: Arc<Shared>) -> io::Result<Self> {
        let tun = Tun::create(&options)?;
        let remains = Remains {
            tun,
            options,
            numbers: Numbers::default(),
        };
        Self::succeed(remains, shared)
    }

    /// An engine for a device that is there, and its first listener.
    pub fn succeed(remains: Remains, shared: Arc<Shared>) -> io::Result<Self> {
        let Remains {
            tun,
            options,
            numbers,
        } = remains;
        let told_refused = shared.metrics.tcp_refused.get();
        let epoll = Epoll::new()?;
        epoll.add(tun.fd(), Token::Device.pack(), READABLE)?;
        epoll.add(shared.waker.fd(), Token::Commands.pack(), READABLE)?;
        let name = options.name.clone();
        let (device, mark) = (tun.index(), options.mark);
        let core = Core::new(options, tun, epoll, shared, numbers, monotonic_ms());
        let own4 = core.options.address4.into();
        let mut redirection4 = Redirection::new(own4, core.options.peer4.into(), &name);
        redirection4.listen(&core.epoll)?;
        // Its first listener comes with the first connection: the device's address is usable some time after it is up.
        let ends6 = core.options.address6.zip(core.peer6());
        let redirection6 = ends6.map(|(own, peer)| Redirection::new(own.into(), peer, &name));
        Ok(Self {
            core,
            tcp: TcpFlows::new(redirection4, redirection6),
            udp: UdpFlows::new(device, mark),
            echo: EchoFlows::new(monotonic_ms()),
            reassembly: Reassembly::default(),
            sweep: Sweep::default(),
            frame: vec![0; tun::FRAME],
            commands: VecDeque::new(),
            told_refused,
            tell_refused_at: 0,
        })
    }

    /// Index of the device.
    pub fn device_index(&self) -> u32 {
        self.core.tun.index()
    }

    /// Whether answers of UDP servers on this machine are told from what programs send by themselves.
    pub fn knows_answers(&self) -> bool {
        self.udp.knows_answers()
    }

    /// Names of the offloads in use.
    pub fn offloads(&self) -> &'static str {
        self.core.tun.offloads()
    }

    /// Works until told to stop. An error means the device is gone.
    pub fn run(&mut self) -> io::Result<()> {
        let mut events = Events::new(EVENT_BURST);
        let mut is_busy = false;
        loop {
            let wait = if is_busy { 0 } else { self.wait_ms() };
            self.core.epoll.wait(&mut events, wait)?;
            self.core.now = monotonic_ms();
            let mut index = 0;
            while let Some((token, bits)) = events.get(index) {
                index += 1;
                let Some(token) = Token::unpack(token) else {
                    continue;
                };
                if token == Token::Commands {
                    if !self.on_commands() {
                        return Ok(());
                    }
                } else {
                    self.on_event(token, bits)?;
                }
            }
            self.on_time();
            is_busy = self.tcp.pump_busy(&mut self.core);
            is_busy |= self.sweep();
            self.trim_held();
            self.measure();
            self.core.outbox.flush();
        }
    }

    /// Does everything whose time has come.
    fn on_time(&mut self) {
        while let Some(flow) = self.core.timers.pop_due(self.core.now) {
            match flow {
                FlowRef::Tcp(key) => self.tcp.on_timer(&mut self.core, key),
                FlowRef::Udp(key) => self.udp.on_timer(&mut self.core, key),
                FlowRef::UdpOutlet(key) => self.udp.on_outlet_timer(&mut self.core, key),
            }
        }
        if !self.reassembly.is_empty() {
            self.reassembly.expire(self.core.now);
        }
        if !self.echo.is_empty() {
            self.echo.review(self.core.now);
        }
    }

    /// How long nothing has to be done unless something happens, as epoll wants it.
    fn wait_ms(&self) -> i32 {
        let wait = self.core.timers.wait_ms(self.core.now);
        if self.reassembly.is_empty() && self.echo.is_empty() {
            return wait;
        }
        // Incomplete packets and pings are to be forgotten also when nothing else comes.
        let longest = TIMEOUT_MS as i32;
        if wait < 0 { longest } else { wait.min(longest) }
    }

    /// After a fault: resets what programs have open, so that none of them waits for ever. Each on its own, for what the fault
    /// has left may be faulty too.
    pub fn reset_all(&mut self) {
        for key in self.tcp.keys() {
            let _ = catch_unwind(AssertUnwindSafe(|| self.tcp.stop_one(&mut self.core, key)));
        }
        let _ = catch_unwind(AssertUnwindSafe(|| self.udp.stop(&mut self.core)));
        self.core.outbox.close_all();
        self.core.shared.clear_streams();
    }

    /// What the next engine needs of this one, and what is still to be told of it.
    pub fn bury(self) -> (Outbox, Remains) {
        let core = self.core;
        core.shared.put_back(self.commands.into());
        let remains = Remains {
            numbers: core.numbers(),
            tun: core.tun,
            options: core.options,
        };
        (core.outbox, remains)
    }

    fn on_event(&mut self, token: Token, bits: u32) -> io::Result<()> {
        let core = &mut self.core;
        match token {
            Token::Device => return self.read_device(READ_BURST),
            Token::Commands => {}
            Token::Listener(index) => self.tcp.on_listener(core, index),
            Token::TcpClient(key) => self.tcp.on_ready(core, key, Side::Client, bits),
            Token::TcpRemote(key) => self.tcp.on_ready(core, key, Side::Remote, bits),
            Token::UdpRemote(key) => self.udp.on_readable(core, key, bits),
            Token::UdpControl(key) => self.udp.on_control(core, key),
            Token::Echo(key) => self.echo.on_readable(core, key),
        }
        Ok(())
    }

    fn read_device(&mut self, packets: usize) -> io::Result<()> {
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
        result
    }

    fn on_frame(&mut self, frame: &mut [u8]) {
        if !self.on_packet(frame, false) {
            self.core.shared.metrics.dropped.add(1);
        }
    }

    /// `is_whole`: the packet was put together of fragments. One that says that it is a fragment again is refused: nobody sends
    /// such, and taking it apart over and over would be work without end.
    fn on_packet(&mut self, frame: &mut [u8], is_whole: bool) -> bool {
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
        #[cfg(feature = "fault")]
        fault::strike(&packet);
        match packet.protocol() {
            ip::TCP => {
                let Some(tcp) = Tcp::parse(packet.payload()) else {
                    return false;
                };
                let segment = Segment {
                    header,
                    ip_header_length: packet.header_length(),
                    source: SocketAddr::new(packet.source(), tcp.source_port),
                    destination: SocketAddr::new(packet.destination(), tcp.destination_port),
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
                if !is_whole {
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

    /// False after `stop`.
    fn on_commands(&mut self) -> bool {
        self.commands = self.core.shared.take_commands().into();
        while let Some(command) = self.commands.pop_front() {
            match command {
                Command::Decide { id, verdict } => self.decide(id, verdict),
                Command::DecideEcho { id, verdict } => {
                    self.echo.decide(&mut self.core, id, verdict);
                }
                Command::Close { id, ending } => match self.core.find(id) {
                    Some(FlowRef::Tcp(key)) => self.tcp.close(&mut self.core, key, ending),
                    Some(FlowRef::Udp(key)) => self.udp.close(&mut self.core, key, ending),
                    Some(FlowRef::UdpOutlet(_)) | None => {}
                },
                Command::AnswerDns { answers } => {
                    for (token, message) in Answers(&answers).flatten() {
                        self.answer_dns(token, message);
                    }
                }
                Command::Carry6 { prefixes } => self.core.options.carried6 = prefixes,
                Command::HijackDns { hijack } => self.core.options.hijack = hijack,
                Command::Review => {
                    self.sweep.demand();
                    self.echo.reroute(self.core.options.mark);
                }
                Command::Stop => {
                    self.stop();
                    return false;
                }
            }
        }
        true
    }

    fn answer_dns(&mut self, token: u64, message: &[u8]) {
        match self.core.dns.take(token) {
            Some(Asker::Tcp(key)) => self.tcp.answer_dns(&mut self.core, key, message),
            Some(Asker::Udp(ends)) => {
                self.core
                    .send_datagram(ends.destination, ends.client, message);
            }
            None => {}
        }
    }

    fn decide(&mut self, id: u64, verdict: Verdict) {
        match self.core.find(id) {
            Some(FlowRef::Tcp(key)) => self.tcp.decide(&mut self.core, key, verdict),
            Some(FlowRef::Udp(key)) => self.udp.decide(&mut self.core, key, verdict),
            Some(FlowRef::UdpOutlet(_)) | None => {}
        }
    }

    fn stop(&mut self) {
        self.tcp.stop(&mut self.core);
        self.udp.stop(&mut self.core);
        // No flow is known now: whatever still comes is answered with a reset.
        let _ = self.read_device(LAST_PACKETS);
        self.trim_held();
        self.tcp.stop(&mut self.core);
        self.udp.stop(&mut self.core);
        self.measure();
        self.core.outbox.flush();
        self.core.shared.clear_streams();
    }

    /// Drops the oldest flows that wait for a verdict if there are too many.
    fn trim_held(&mut self) {
        while self.core.held.len() > self.core.options.max_held {
            match self.core.held.pop_oldest() {
                Some(FlowRef::Tcp(key)) => self.tcp.drop_held(&mut self.core, key),
                Some(FlowRef::Udp(key)) => self.udp.drop_held(&mut self.core, key),
                Some(FlowRef::UdpOutlet(_)) => {}
                None => break,
            }
        }
    }

    fn measure(&mut self) {
        let metrics = &self.core.shared.metrics;
        if metrics.tcp_refused.get() > self.told_refused && self.core.now >= self.tell_refused_at {
            let refused = metrics.tcp_refused.get() - self.told_refused;
            self.core.outbox.push(Event::Crowded { refused });
            self.told_refused += refused;
            self.tell_refused_at = self.core.now + TELL_REFUSED_MS;
        }
        metrics.held.set(self.core.held.len() as u64);
        metrics.tcp_flows.set(self.tcp.open_flows());
        metrics.udp_flows.set(self.udp.open_flows());
        metrics.udp_sockets.set(self.udp.sockets());
    }
}

#[cfg(test)]
mod tests;
