//! Drives an engine step by step, without its thread and without a TUN device, for tests: the device is a socket pair, time is
//! what the caller says.

use super::core::Numbers;
use super::{Engine, Remains};
use crate::command::Command;
use crate::event::Event;
use crate::options::{Hijack, Options, Servers};
use crate::shared::Shared;
use crate::sys::tun::Tun;
use std::fs::File;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixDatagram;
use std::sync::Arc;

/// An engine and the far end of its device.
pub struct Driven {
    engine: Engine,
    device: UnixDatagram,
    shared: Arc<Shared>,
}

impl Driven {
    /// Listens on the loopback interface only. `shared` may have served another engine before.
    pub fn new(shared: Arc<Shared>) -> Self {
        let (near, device) = UnixDatagram::pair().expect("a socket pair");
        for end in [&near, &device] {
            end.set_nonblocking(true).expect("a non-blocking socket");
        }
        let any = Servers {
            taken: vec!["0.0.0.0/0".parse().expect("a prefix")],
            spared: vec![],
        };
        let options = Options {
            name: "lo".into(),
            mtu: 9_000,
            gso: true,
            queue_length: 100,
            address4: Ipv4Addr::LOCALHOST,
            peer4: Ipv4Addr::new(198, 18, 0, 2),
            address6: Some(Ipv6Addr::LOCALHOST),
            carried6: vec!["fd00::/8".parse().expect("a prefix")],
            mark: 0,
            max_held: 64,
            hijack: Hijack {
                udp: any.clone(),
                tcp: any,
            },
        };
        let tun = Tun::over(File::from(OwnedFd::from(near)));
        let engine = Engine::succeed(
            Remains {
                tun,
                options,
                numbers: Numbers::default(),
            },
            shared.clone(),
        )
        .expect("an engine");
        Self {
            engine,
            device,
            shared,
        }
    }

    /// Takes a frame (virtio-net header and packet) as if it came from the device.
    pub fn feed(&mut self, frame: &mut [u8]) {
        self.engine.on_frame(frame);
        self.engine.udp.flush(&mut self.engine.core);
        self.engine.trim_held();
    }

    /// Lets time pass.
    pub fn advance(&mut self, ms: u64) {
        self.engine.core.now += ms;
        self.engine.on_time();
    }

    /// Carries out a command of JavaScript.
    pub fn command(&mut self, command: Command) {
        self.shared.post_command(command);
        self.engine.on_commands();
    }

    /// Looks at some of the flows whose way out may have changed. Whether there are more.
    pub fn sweep(&mut self) -> bool {
        self.engine.sweep()
    }

    /// There is room for so many TCP connections.
    pub fn limit_connections(&mut self, most: usize) {
        self.engine.tcp.limit_places(most);
    }

    /// There is room for so many outward UDP sockets.
    pub fn limit_sockets(&mut self, most: usize) {
        self.engine.udp.shares.limit_sockets(most);
    }

    /// Others need so many descriptors.
    pub fn leave_descriptors(&mut self, count: usize) -> bool {
        self.engine.tcp.leave(&mut self.engine.core, count)
    }

    /// What the engine has told since the last call.
    pub fn events(&mut self) -> Vec<Event> {
        let mut events = self.turn();
        while self.engine.core.has_waiting() {
            self.shared.end_rest();
            events.append(&mut self.turn());
        }
        events
    }

    /// What JavaScript is given for a turn.
    pub fn turn(&mut self) -> Vec<Event> {
        self.engine.core.tell_waiting();
        self.engine.core.outbox.flush();
        self.shared.begin_turn()
    }

    /// JavaScript ends its turn: milliseconds until crowds have rested.
    pub fn end_turn(&mut self) -> Option<u64> {
        self.shared.ready();
        self.engine.core.rest_ms()
    }

    /// Milliseconds until crowds have rested, as `end_turn` says.
    pub fn rest_ms(&self) -> Option<u64> {
        self.engine.core.rest_ms()
    }

    /// The packets that the engine has sent to programs since the last call, without virtio-net headers.
    pub fn packets(&mut self) -> Vec<Vec<u8>> {
        let mut buffer = vec![0; crate::sys::tun::FRAME];
        let mut packets = Vec::new();
        while let Ok(length) = self.device.recv(&mut buffer) {
            packets.push(buffer[crate::vnet_header::LENGTH..length].to_vec());
        }
        packets
    }

    /// Lets the engine die as after a fault, and another take over; what was told of the first one.
    pub fn die_and_revive(&mut self) -> Vec<Event> {
        self.engine.reset_all();
        let spare = Driven::new(self.shared.clone()).engine;
        let (mut outbox, remains) = std::mem::replace(&mut self.engine, spare).bury();
        outbox.flush();
        self.engine = Engine::succeed(remains, self.shared.clone()).expect("another engine");
        self.shared.take_events()
    }

    /// Ends the engine as `stop` does; what it still told.
    pub fn stop(mut self) -> Vec<Event> {
        self.engine.stop();
        self.events()
    }
}
