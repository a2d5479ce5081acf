//! One TCP connection of a program: in which phase it is, and what its packets have shown.

use crate::command::{DialPlan, Peek};
use crate::engine::flow::{Identity, Tuple};
use crate::engine::owner::Owner;
use crate::engine::tcp::dns_connection::DnsConnection;
use crate::engine::tcp::firewall::Knock;
use crate::engine::tcp::held_syn::HeldSyn;
use crate::engine::tcp::nat::NatPort;
use crate::options::Sender;
use crate::outbound::Outbound;
use crate::packet::tcp::{self, Tcp};
use crate::relay::{Relay, Remote};
use std::os::fd::OwnedFd;

/// Time without a verdict after which a held flow is dropped.
const VERDICT_MS: u64 = 60_000;
/// Time for the program and the listener to finish their handshake.
const ACCEPT_MS: u64 = 30_000;
/// Time for the listener to answer, which takes it some microseconds, before a firewall is taken to be in the way.
const KNOCK_MS: u64 = 30;
/// Life of a mapping after its flow has ended: after a reset or when the program closed first, for strays;
/// when the listener's socket is in TIME_WAIT (60 s), for as long; otherwise since the last packet.
const STRAY_MS: u64 = 2_000;
const TIME_WAIT_MS: u64 = 62_000;
const UNFINISHED_MS: u64 = 180_000;

/// What an accepted connection is for.
pub enum Purpose {
    Relay { remote: Remote },
    Peek(Peek),
    Dns,
}

/// Where a connection stands.
pub enum Phase {
    /// Waits for a verdict.
    Held {
        syn: HeldSyn,
        since: u64,
    },
    /// Waits for the outcome of a dial.
    Dialing {
        syn: HeldSyn,
        outbound: Box<Outbound>,
        wake: u64,
    },
    /// Its SYN was passed on to the listener.
    Accepting {
        purpose: Purpose,
        since: u64,
        knock: Knock,
    },
    /// Accepted, and looked at until enough bytes have come.
    Peeking {
        fd: OwnedFd,
        at_least: usize,
        since: u64,
        until: u64,
    },
    /// Accepted, and waits for a verdict.
    Waiting {
        fd: OwnedFd,
        since: u64,
    },
    /// Accepted, and waits for the outcome of a dial.
    DialingAccepted {
        fd: OwnedFd,
        outbound: Box<Outbound>,
        wake: u64,
    },
    Relaying {
        relay: Box<Relay>,
        closing_since: Option<u64>,
    },
    Dns(Box<DnsConnection>),
    /// Dropped by verdict: its SYNs stay unanswered.
    Muted {
        syn: HeldSyn,
        since: u64,
    },
    /// The flow has ended; its last packets are still translated.
    Closing,
}

/// How long a dropped connection stays silent at least.
const MUTED_MS: u64 = 10_000;

/// The connection.
pub struct TcpFlow {
    pub tuple: Tuple,
    /// `None` once closed, and for connections JavaScript does not know (DNS).
    pub identity: Option<Identity>,
    /// Whose it is, if that was asked.
    pub owner: Option<Owner>,
    pub phase: Phase,
    pub port: Option<NatPort>,
    pub track: Track,
    /// When the last packet was seen.
    pub touched: u64,
    /// Its tuple belongs to a newer connection; nothing is translated any more.
    pub detached: bool,
    /// Whether the relay waits for its next turn.
    pub queued: bool,
    /// Whether a byte has come back.
    pub answered: bool,
    /// The earliest timer that is set.
    pub timer_at: Option<u64>,
}

impl TcpFlow {
    /// Whose the outward socket is: the program's user's where the connection goes to its target itself.
    pub fn sender(&self, plan: &DialPlan, mark: u32) -> Sender {
        let who = || Owner::of_tcp(self.tuple.client, self.tuple.destination);
        match plan.layers.is_empty() {
            true => Sender {
                mark,
                user: self.owner.unwrap_or_else(who).user(),
                port: Some(self.tuple.client.port()),
            },
            false => Sender::own(mark),
        }
    }

    pub fn new(tuple: Tuple, phase: Phase, now: u64) -> Self {
        Self {
            tuple,
            identity: None,
            owner: None,
            phase,
            port: None,
            track: Track::default(),
            touched: now,
            detached: false,
            queued: false,
            answered: false,
            timer_at: None,
        }
    }

    /// When the phase is over unless something happens.
    pub fn deadline(&self) -> u64 {
        match &self.phase {
            Phase::Held { syn, since } => syn.given_up_at().min(since + VERDICT_MS),
            Phase::Dialing { syn, wake, .. } => syn.given_up_at().min(*wake),
            Phase::Accepting { since, knock, .. } if knock.is_trial => since + KNOCK_MS,
            Phase::Accepting { since, .. } => since + ACCEPT_MS,
            Phase::Peeking { until, .. } => *until,
            Phase::Waiting { since, .. } => since + VERDICT_MS,
            Phase::DialingAccepted { wake, .. } => *wake,
            Phase::Relaying {
                relay,
                closing_since,
                ..
            } => relay.deadline(self.touched, *closing_since),
            Phase::Dns(connection) => self.touched + connection.patience_ms(),
            Phase::Muted { syn, since } => syn.given_up_at().max(since + MUTED_MS),
            Phase::Closing => self.touched + self.track.linger_ms(),
        }
    }

    /// Bytes both ways so far.
    pub fn bytes(&self) -> (u64, u64) {
        match &self.phase {
            Phase::Relaying { relay, .. } => relay.bytes(),
            _ => (0, 0),
        }
    }
}

/// What the packets of a translated connection have shown. "Listener" is the engine's end of it.
#[derive(Clone, Copy, Debug, Default)]
pub struct Track {
    /// The sequence numbers each end sends next.
    pub client_next: Option<u32>,
    pub listener_next: Option<u32>,
    /// Payload bytes that the program has sent.
    up: u64,
    client_fin: Option<u32>,
    listener_fin: Option<u32>,
    client_fin_acknowledged: bool,
    listener_fin_acknowledged: bool,
    client_was_first: bool,
    pub was_reset: bool,
}

impl Track {
    /// Notes a segment from the program. Whether it only repeats what the program has sent before.
    pub fn on_client(&mut self, segment: &Tcp) -> bool {
        let is_repetition = repeats(self.client_next, segment);
        self.up += advance(&mut self.client_next, segment);
        self.was_reset |= segment.has(tcp::RST);
        if segment.has(tcp::FIN) && self.client_fin.is_none() {
            self.client_fin = Some(segment.next_sequence());
            self.client_was_first = self.listener_fin.is_none();
        }
        self.listener_fin_acknowledged |= acknowledges(segment, self.listener_fin);
        is_repetition
    }

    /// Notes a segment from the listener.
    pub fn on_listener(&mut self, segment: &Tcp) {
        advance(&mut self.listener_next, segment);
        self.was_reset |= segment.has(tcp::RST);
        if segment.has(tcp::FIN) && self.listener_fin.is_none() {
            self.listener_fin = Some(segment.next_sequence());
        }
        self.client_fin_acknowledged |= acknowledges(segment, self.client_fin);
    }

    /// Whether the program has sent FIN behind `bytes` bytes.
    pub fn has_ended_after(&self, bytes: u64) -> bool {
        self.client_fin.is_some() && bytes >= self.up
    }

    /// Whether both ends have sent FIN and seen the other's acknowledged.
    pub fn is_finished(&self) -> bool {
        self.client_fin_acknowledged && self.listener_fin_acknowledged
    }

    /// How long the mapping is kept after the last packet of an ended flow.
    fn linger_ms(&self) -> u64 {
        if self.was_reset {
            return STRAY_MS;
        }
        match (self.is_finished(), self.client_was_first) {
            (true, true) => STRAY_MS,
            (true, false) => TIME_WAIT_MS,
            (false, _) => UNFINISHED_MS,
        }
    }
}

/// Moves `next` forward; how many payload bytes are new.
fn advance(next: &mut Option<u32>, segment: &Tcp) -> u64 {
    let after = segment.next_sequence();
    let Some(known) = *next else {
        *next = Some(after);
        return segment.payload_length as u64;
    };
    let step = after.wrapping_sub(known);
    if step == 0 || step > i32::MAX as u32 || segment.has(tcp::RST) {
        return 0;
    }
    *next = Some(after);
    u64::from(step - u32::from(segment.has(tcp::FIN)))
}

/// Whether a segment has nothing of its sender's that is new, but something that is old: sent again, or a probe of an idle end.
fn repeats(next: Option<u32>, segment: &Tcp) -> bool {
    let after = segment.next_sequence();
    let is_about_old = |next: u32| match next.wrapping_sub(after) {
        0 => segment.payload_length > 0 || segment.has(tcp::FIN),
        behind => behind <= i32::MAX as u32,
    };
    !segment.has(tcp::SYN) && !segment.has(tcp::RST) && next.is_some_and(is_about_old)
}

fn acknowledges(segment: &Tcp, fin: Option<u32>) -> bool {
    let Some(fin) = fin else {
        return false;
    };
    segment.has(tcp::ACK) && segment.acknowledgement.wrapping_sub(fin) <= i32::MAX as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    fn segment(flags: u8, sequence: u32, acknowledgement: u32, payload_length: usize) -> Tcp {
        Tcp {
            source_port: 1,
            destination_port: 2,
            sequence,
            acknowledgement,
            flags,
            header_length: 20,
            payload_length,
        }
    }

    /// A handshake, 10 bytes up and 20 down; sequence numbers wrap around.
    fn opened() -> Track {
        let mut track = Track::default();
        let client = u32::MAX - 3;
        track.on_client(&segment(tcp::SYN, client, 0, 0));
        track.on_listener(&segment(
            tcp::SYN | tcp::ACK,
            100,
            client.wrapping_add(1),
            0,
        ));
        track.on_client(&segment(tcp::ACK, client.wrapping_add(1), 101, 10));
        track.on_client(&segment(tcp::ACK, client.wrapping_add(1), 101, 10));
        track.on_listener(&segment(tcp::ACK, 101, client.wrapping_add(11), 20));
        track
    }

    #[test]
    fn counts_each_byte_once() {
        let track = opened();
        assert_eq!(track.up, 10);
        assert_eq!(
            (track.client_next, track.listener_next),
            (Some(7), Some(121))
        );
        assert!(!track.is_finished());
        assert_eq!(track.linger_ms(), UNFINISHED_MS);
    }

    #[test]
    fn who_closes_first_decides_about_time_wait() {
        let mut by_client = opened();
        by_client.on_client(&segment(tcp::FIN | tcp::ACK, 7, 121, 0));
        by_client.on_listener(&segment(tcp::FIN | tcp::ACK, 121, 8, 0));
        assert!(!by_client.is_finished());
        by_client.on_client(&segment(tcp::ACK, 8, 122, 0));
        assert!(by_client.is_finished());
        assert_eq!((by_client.linger_ms(), by_client.up), (STRAY_MS, 10));

        let mut by_listener = opened();
        by_listener.on_listener(&segment(tcp::FIN | tcp::ACK, 121, 7, 0));
        by_listener.on_client(&segment(tcp::FIN | tcp::ACK, 7, 122, 0));
        by_listener.on_listener(&segment(tcp::ACK, 122, 8, 0));
        assert!(by_listener.is_finished());
        assert_eq!(by_listener.linger_ms(), TIME_WAIT_MS);
    }

    #[test]
    fn what_is_sent_again_is_told_from_what_is_new() {
        let mut track = opened();
        // Sequence 7 is next.
        for (is_repetition, flags, sequence, length) in [
            (false, tcp::ACK, 7, 0),
            (true, tcp::ACK, 2, 5),
            (true, tcp::ACK, u32::MAX, 3),
            (true, tcp::ACK, 6, 0),
            (false, tcp::RST, 6, 0),
            (false, tcp::ACK, 7, 10),
            (true, tcp::ACK, 7, 10),
            (false, tcp::ACK, 12, 10),
            (false, tcp::ACK | tcp::FIN, 22, 0),
            (true, tcp::ACK | tcp::FIN, 22, 0),
            (false, tcp::ACK, 23, 0),
        ] {
            let segment = segment(flags, sequence, 121, length);
            assert_eq!(track.on_client(&segment), is_repetition, "{segment:?}");
        }
    }

    #[test]
    fn a_reset_ends_it_soon() {
        let mut track = opened();
        track.on_client(&segment(tcp::RST, 7, 0, 0));
        assert!(track.was_reset);
        assert_eq!(track.linger_ms(), STRAY_MS);
    }
}
