//! The engine: one thread that owns the TUN device, all flows through it, and the sockets they go out by.

mod askers;
mod commands;
pub mod core;
mod datagram_run;
mod dns_desk;
#[cfg(test)]
pub mod drive;
mod echo;
mod echo_pair;
mod fair_share;
#[cfg(feature = "fault")]
mod fault;
pub mod flow;
mod held;
mod line;
pub mod owner;
mod packets;
mod quota;
mod sweep;
mod tcp;
pub mod thread;
mod to_programs;
mod udp;
mod udp_answers;
mod udp_association;
mod udp_control;
mod udp_flow;
mod udp_outlet;
mod udp_receive;
mod udp_send;
mod udp_share;
mod udp_stream;
mod udp_verdict;
mod udp_way;

use crate::command::Command;
use crate::engine::core::{Core, Numbers};
use crate::engine::echo::EchoFlows;
use crate::engine::flow::{FlowRef, Token};
use crate::engine::sweep::Sweep;
use crate::engine::tcp::TcpFlows;
use crate::engine::udp::UdpFlows;
use crate::event::Event;
use crate::options::Options;
use crate::outbox::Outbox;
use crate::pace::Kind;
use crate::packet::reassembly::{Reassembly, TIMEOUT_MS};
use crate::shared::Shared;
use crate::sys::epoll::{Epoll, Events, READABLE};
use crate::sys::process::monotonic_ms;
use crate::sys::tun::{self, Tun};
use std::collections::VecDeque;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Packets read before sockets get their turn.
const READ_BURST: usize = 64;
/// What a wait takes for which there was something to do already.
const BRIEF_WAIT: Duration = Duration::from_micros(4);
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
        let (device, mark) = (tun.index(), options.mark);
        let core = Core::new(options, tun, epoll, shared, numbers, monotonic_ms());
        let tcp = TcpFlows::new(&core)?;
        Ok(Self {
            core,
            tcp,
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
            let wait = if is_busy { Some(0) } else { self.wait_ms() };
            let begun = Instant::now();
            self.core.epoll.wait(&mut events, wait)?;
            self.core.has_slept =
                wait != Some(0) && events.get(1).is_none() && begun.elapsed() > BRIEF_WAIT;
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
            is_busy |= self.tcp.leave(&mut self.core, self.udp.sockets() as usize);
            self.trim_held();
            self.measure();
            self.core.tell_waiting();
            for (key, message) in self.core.take_refused() {
                self.tcp.answer_dns(&mut self.core, key, &message);
            }
            self.core.outbox.end_turn(self.core.now);
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

    /// For how many milliseconds nothing has to be done unless something happens.
    fn wait_ms(&self) -> Option<u64> {
        let now = self.core.now;
        // Incomplete packets and pings are to be forgotten also when nothing else comes.
        let is_remembering = !self.reassembly.is_empty() || !self.echo.is_empty();
        let waits = [
            self.core.timers.wait_ms(now),
            self.sweep.wait_ms(now),
            self.core.outbox.wait_ms(now),
            self.core.rest_ms(),
            is_remembering.then_some(TIMEOUT_MS),
        ];
        waits.into_iter().flatten().min()
    }

    /// After a fault: resets what programs have open, so that none of them waits for ever. Each on its own, for what the fault
    /// has left may be faulty too.
    pub fn reset_all(&mut self) {
        self.tcp.reset_all(&mut self.core);
        let _ = catch_unwind(AssertUnwindSafe(|| self.udp.stop(&mut self.core)));
        self.core.outbox.close_all();
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
            Token::Device => {
                let packets = core.burst(READ_BURST);
                self.read_device(packets)?;
                // Questions go to JavaScript together.
                if packets < READ_BURST && self.core.outbox.told(Kind::Question) > 0 {
                    self.read_device(READ_BURST)?;
                }
                return Ok(());
            }
            Token::Commands => {}
            Token::Tcp(token) => self.tcp.on_socket(core, token, bits),
            Token::UdpRemote(key) => self.udp.on_readable(core, key, bits),
            Token::UdpControl(key) => self.udp.on_control(core, key),
            Token::Echo(key) => self.echo.on_readable(core, key),
        }
        Ok(())
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
