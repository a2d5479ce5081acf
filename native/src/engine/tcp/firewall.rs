//! A firewall of this machine that lets in only what belongs to a conversation (ufw, firewalld) takes what we redirect to our own
//! listeners for a connection from outside. Where one is in the way, each connection is told to the kernel's connection tracking
//! before its first packet. Where none is, nothing is done and nothing asked: connections find out, and find out again, for
//! firewalls come and go.

use crate::engine::core::Core;
use crate::engine::tcp::flow::Phase;
use crate::engine::tcp::{Segment, TcpFlows, translate};
use crate::packet::header;
use crate::packet::tcp::Tcp;
use crate::slab::Key;
use crate::sys::conntrack::{self, Stage};
use crate::vnet_header::{self, VnetHeader};
use std::io;
use std::net::SocketAddr;

/// How often a connection goes without being told, behind a firewall, to see whether that is still there: it costs that
/// connection the patience of a trial.
const TRIAL_EVERY_MS: u64 = 300_000;
/// How long connection tracking that cannot be told anything is left alone.
const ASK_AGAIN_MS: u64 = 60_000;

/// Whether what is not told beforehand comes in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Known {
    /// No connection has come to a listener yet.
    Nothing,
    Open,
    Closed {
        /// When that is tried again.
        until: u64,
    },
}

/// How a connection is told.
type Admit = fn(SocketAddr, SocketAddr, Stage) -> io::Result<()>;

/// What is known of the firewall.
pub struct Firewall {
    known: Known,
    ask_at: u64,
    admit: Admit,
}

/// A SYN that was passed on to a listener, as long as that has not answered.
pub struct Knock {
    /// To be repeated once the connection has been told.
    frame: Option<Vec<u8>>,
    /// The answer is awaited for some milliseconds only: nobody knows whether the SYN gets through.
    pub is_trial: bool,
    told: Told,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Told {
    Never,
    Before,
    /// Because nobody had answered.
    Later,
}

impl Firewall {
    pub fn new() -> Self {
        // Tests leave this machine's connection tracking alone.
        let admit: Admit = if cfg!(test) {
            |_, _, _| Ok(())
        } else {
            conntrack::admit
        };
        Self::telling(admit)
    }

    fn telling(admit: Admit) -> Self {
        Self {
            known: Known::Nothing,
            ask_at: 0,
            admit,
        }
    }

    /// Whether the next connection is told before its SYN; and if not, whether that is a trial.
    fn plan(&mut self, now: u64) -> (bool, bool) {
        match &mut self.known {
            Known::Nothing => (false, true),
            Known::Open => (false, false),
            Known::Closed { until } if now >= *until => {
                *until = now + TRIAL_EVERY_MS;
                (false, true)
            }
            Known::Closed { .. } => (true, false),
        }
    }

    /// A listener has answered a connection.
    fn answered(&mut self, told: Told, now: u64) {
        match told {
            Told::Never => self.known = Known::Open,
            // It may have been slow for another reason: the next trial puts that right.
            Told::Later => {
                self.known = Known::Closed {
                    until: now + TRIAL_EVERY_MS,
                }
            }
            Told::Before => {}
        }
    }

    /// Tells connection tracking of a connection. Whether it was told.
    fn tell(&mut self, ends: (SocketAddr, SocketAddr), stage: Stage, now: u64) -> bool {
        if now < self.ask_at {
            return false;
        }
        let Err(error) = (self.admit)(ends.0, ends.1, stage) else {
            return true;
        };
        // These are about this connection alone; else the kernel has no connection tracking, or does not let us.
        let is_about_it = [libc::EBUSY, libc::EEXIST, libc::ENOMEM].map(Some);
        if !is_about_it.contains(&error.raw_os_error()) {
            self.ask_at = now + ASK_AGAIN_MS;
        }
        false
    }
}

impl TcpFlows {
    /// Passes a SYN on to the listener of its connection.
    pub(super) fn knock(&mut self, core: &mut Core, key: Key, frame: Vec<u8>) -> Knock {
        let (is_told, is_trial) = self.firewall.plan(core.now);
        let is_told = is_told && self.tell_firewall(core, key, Stage::Begins);
        let kept = (!is_told).then(|| frame.clone());
        self.pass_on(core, key, frame);
        Knock {
            frame: kept,
            is_trial,
            told: if is_told { Told::Before } else { Told::Never },
        }
    }

    /// Nobody has answered the SYN of a connection, or a firewall has: it is told, once, and the SYN repeated. Whether it was.
    pub(super) fn knock_again(&mut self, core: &mut Core, key: Key) -> bool {
        let Some(frame) = self.take_knock(key) else {
            return false;
        };
        if !self.tell_firewall(core, key, Stage::Begins) {
            return false;
        }
        self.note_told_later(key);
        self.pass_on(core, key, frame);
        true
    }

    /// The program repeats its SYN, which goes on to the listener: it is told first.
    pub(super) fn tell_of_repeated_syn(&mut self, core: &mut Core, key: Key) {
        self.take_knock(key);
        if self.tell_firewall(core, key, Stage::Begins) {
            self.note_told_later(key);
        }
    }

    /// The program repeats what nobody has acknowledged: connection tracking may have forgotten an open connection, or a firewall
    /// has come since it began.
    pub(super) fn tell_of_repetition(&mut self, core: &mut Core, key: Key) {
        self.tell_firewall(core, key, Stage::GoesOn);
    }

    /// The listener has answered.
    pub(super) fn on_answered_knock(&mut self, core: &Core, knock: &Knock) {
        self.firewall.answered(knock.told, core.now);
    }

    fn tell_firewall(&mut self, core: &Core, key: Key, stage: Stage) -> bool {
        let ends = self.listener_side(key);
        ends.is_some_and(|ends| self.firewall.tell(ends, stage, core.now))
    }

    /// The SYN that is to be repeated, once.
    fn take_knock(&mut self, key: Key) -> Option<Vec<u8>> {
        match &mut self.flows.get_mut(key)?.phase {
            Phase::Accepting { knock, .. } => {
                knock.is_trial = false;
                knock.frame.take()
            }
            _ => None,
        }
    }

    fn note_told_later(&mut self, key: Key) {
        if let Some(flow) = self.flows.get_mut(key)
            && let Phase::Accepting { knock, .. } = &mut flow.phase
            && knock.told == Told::Never
        {
            knock.told = Told::Later;
        }
    }

    fn pass_on(&mut self, core: &mut Core, key: Key, mut frame: Vec<u8>) {
        let Some(tuple) = self.flows.get(key).map(|flow| flow.tuple) else {
            return;
        };
        let Some(header) = VnetHeader::parse(&frame) else {
            return;
        };
        let parsed = header::parse(&frame[vnet_header::LENGTH..])
            .and_then(|ip| Some((ip.header_length(), Tcp::parse(ip.payload())?)));
        let (Some((ip_header_length, tcp)), Some((from, to))) = (parsed, self.listener_side(key))
        else {
            return;
        };
        let segment = Segment {
            header,
            frame: &mut frame,
            ip_header_length,
            source: tuple.client,
            destination: tuple.destination,
            class: 0,
            tcp,
        };
        translate(core, segment, from, to);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ends() -> (SocketAddr, SocketAddr) {
        (
            "198.18.0.2:40000".parse().unwrap(),
            "198.18.0.1:5000".parse().unwrap(),
        )
    }

    fn willing() -> Firewall {
        Firewall::telling(|_, _, _| Ok(()))
    }

    #[test]
    fn the_first_connection_finds_out() {
        let mut firewall = willing();
        assert_eq!(firewall.plan(0), (false, true));
        firewall.answered(Told::Never, 1);
        assert_eq!(firewall.plan(2), (false, false));
        // A firewall has come since.
        firewall.answered(Told::Later, 3);
        assert_eq!(firewall.plan(4), (true, false));
        firewall.answered(Told::Before, 5);
        assert_eq!(firewall.plan(6), (true, false));
    }

    #[test]
    fn a_firewall_that_has_gone_is_noticed_and_one_that_stays_costs_a_trial_now_and_then() {
        let mut firewall = willing();
        firewall.answered(Told::Later, 0);
        assert_eq!(firewall.plan(TRIAL_EVERY_MS - 1), (true, false));
        assert_eq!(firewall.plan(TRIAL_EVERY_MS), (false, true));
        // Only one at a time.
        assert_eq!(firewall.plan(TRIAL_EVERY_MS), (true, false));
        firewall.answered(Told::Later, TRIAL_EVERY_MS + 30);
        assert_eq!(firewall.plan(TRIAL_EVERY_MS + 31), (true, false));
        assert_eq!(firewall.plan(2 * TRIAL_EVERY_MS + 30), (false, true));
        firewall.answered(Told::Never, 2 * TRIAL_EVERY_MS + 31);
        assert_eq!(firewall.plan(2 * TRIAL_EVERY_MS + 32), (false, false));
    }

    #[test]
    fn to_be_told_is_no_proof_of_a_firewall() {
        let mut firewall = willing();
        assert!(firewall.tell(ends(), Stage::Begins, 0));
        assert_eq!(firewall.plan(1), (false, true));
    }

    #[test]
    fn what_cannot_be_told_is_not_asked_at_every_syn() {
        static ASKED: std::sync::atomic::AtomicUsize = std::sync::atomic::AtomicUsize::new(0);
        let mut firewall = Firewall::telling(|_, _, _| {
            ASKED.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
            Err(io::Error::from_raw_os_error(libc::EPROTONOSUPPORT))
        });
        for now in 0..1_000 {
            assert!(!firewall.tell(ends(), Stage::Begins, now * 100));
        }
        assert_eq!(ASKED.load(std::sync::atomic::Ordering::Relaxed), 2);
    }

    #[test]
    fn a_connection_that_cannot_be_told_does_not_speak_for_others() {
        let mut firewall = Firewall::telling(|client, _, _| match client.port() {
            40_000 => Err(io::Error::from_raw_os_error(libc::EBUSY)),
            _ => Ok(()),
        });
        assert!(!firewall.tell(ends(), Stage::Begins, 0));
        let other = ("198.18.0.2:40001".parse().unwrap(), ends().1);
        assert!(firewall.tell(other, Stage::Begins, 1));
    }
}
