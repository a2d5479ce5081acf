//! One outward connection from verdict to outcome: the dial, and what is spoken before the flow's first byte.

use crate::chain::{Chain, Spoken, Through};
use crate::command::{DialPlan, Layer};
use crate::dial::{self, Dial};
use crate::event::{Attempt, DialFault, Failure};
use crate::options::Sender;
use crate::socks5::{Command, Target};
use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

/// A connection that is ready for a flow.
pub struct Opened {
    pub fd: OwnedFd,
    pub peer: SocketAddr,
    /// What stays between the flow's bytes and the socket; `None` if they go as they are.
    pub through: Option<Box<Through>>,
    /// What a SOCKS5 reply says.
    pub bound: Option<Target>,
}

/// How an outward connection stands after `drive`.
pub enum Progress {
    /// Drive it again when its socket is ready, or at this time.
    Pending {
        wake: u64,
    },
    Ready(Opened),
    Failed(DialFault),
}

enum Stage {
    Dialing(Dial),
    Talking {
        fd: OwnedFd,
        peer: SocketAddr,
        chain: Chain,
    },
    Ended,
}

/// An outward connection under way.
pub struct Outbound {
    stage: Stage,
    layers: Vec<Layer>,
    command: Command,
    deadline: u64,
    started: u64,
    attempts: Vec<Attempt>,
}

impl Outbound {
    /// A TCP connection to the plan's target.
    pub fn connect(plan: DialPlan, sender: Sender, now: u64) -> Self {
        Self::new(plan, Command::Connect, sender, now)
    }

    /// The control connection of a UDP association; the plan's last layer is SOCKS5.
    pub fn associate(plan: DialPlan, mark: u32, now: u64) -> Self {
        Self::new(plan, Command::UdpAssociate, Sender::own(mark), now)
    }

    fn new(plan: DialPlan, command: Command, sender: Sender, now: u64) -> Self {
        let dial = Dial::new(plan.hops, plan.port, sender, now, plan.timeout_ms)
            .for_proxy(!plan.layers.is_empty());
        Self {
            stage: Stage::Dialing(dial),
            layers: plan.layers,
            command,
            deadline: now + plan.timeout_ms,
            started: now,
            attempts: Vec::new(),
        }
    }

    /// Milliseconds since the verdict.
    pub fn elapsed(&self, now: u64) -> u64 {
        now.saturating_sub(self.started)
    }

    /// What came of the addresses, once the dial is over; see `Dial::report`.
    pub fn take_attempts(&mut self) -> Vec<Attempt> {
        std::mem::take(&mut self.attempts)
    }

    /// Does what can be done now. `watch` registers a new socket for (edge-triggered) events.
    pub fn drive(
        &mut self,
        now: u64,
        watch: &mut dyn FnMut(BorrowedFd) -> io::Result<()>,
    ) -> Progress {
        if let Stage::Dialing(dial) = &mut self.stage {
            let progress = dial.drive(now, watch);
            if let dial::Progress::Pending { wake } = progress {
                return Progress::Pending { wake };
            }
            self.attempts = dial.report(now);
            let (fd, peer) = match progress {
                dial::Progress::Pending { wake } => return Progress::Pending { wake },
                dial::Progress::Failed(errno) => return self.fail_dial(errno),
                dial::Progress::Connected { fd, peer } => (fd, peer),
            };
            let chain = Chain::new(std::mem::take(&mut self.layers), self.command);
            self.stage = Stage::Talking { fd, peer, chain };
        }
        self.talk(now)
    }

    fn talk(&mut self, now: u64) -> Progress {
        let Stage::Talking { fd, chain, .. } = &mut self.stage else {
            return failed(Failure::Io, "the dial has ended");
        };
        let Some(spoken) = chain.advance(fd.as_fd()) else {
            if now < self.deadline {
                return Progress::Pending {
                    wake: self.deadline,
                };
            }
            let late = chain.late();
            self.stage = Stage::Ended;
            return Progress::Failed(late);
        };
        let Stage::Talking { fd, peer, .. } = std::mem::replace(&mut self.stage, Stage::Ended)
        else {
            return failed(Failure::Io, "the dial has ended");
        };
        match spoken {
            Ok(Spoken { through, bound }) => Progress::Ready(Opened {
                fd,
                peer,
                through,
                bound,
            }),
            Err(fault) => Progress::Failed(fault),
        }
    }

    fn fail_dial(&mut self, errno: i32) -> Progress {
        self.stage = Stage::Ended;
        let failure = Failure::of(errno, !self.layers.is_empty());
        failed(failure, &io::Error::from_raw_os_error(errno).to_string())
    }
}

fn failed(failure: Failure, message: &str) -> Progress {
    Progress::Failed(DialFault::plain(failure, message))
}

#[cfg(test)]
mod tests;
