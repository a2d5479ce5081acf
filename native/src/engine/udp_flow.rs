//! One UDP conversation of a program: (source, destination). Its datagrams leave through an outlet that it may share.

use crate::engine::flow::{Identity, Tuple};
use crate::engine::owner::Owner;
use crate::engine::udp_share::{Rank, Standing};
use crate::packet::ip::Treatment;
use crate::packet::udp;
use crate::slab::Key;
use crate::socks5::Target;
use std::collections::VecDeque;
use std::net::SocketAddr;

/// Datagrams kept until there is a way out, and their bytes together.
const QUEUE_LENGTH: usize = 16;
const QUEUE_BYTES: usize = 128 * 1024;
/// Time without a verdict, or without an answer of a proxy, after which a flow is dropped.
const VERDICT_MS: u64 = 60_000;
/// How long a dropped conversation stays silent.
const MUTED_MS: u64 = 10_000;
/// Idle time without any answer, and after the short exchange with a well-known port (a question of DNS or NTP).
const BRIEF_IDLE_MS: u64 = 60_000;
/// Idle time once something was answered (RFC 4787, REQ-5: at least 2 minutes), and after a real exchange (5 are recommended).
const ANSWERED_IDLE_MS: u64 = 120_000;
const IDLE_MS: u64 = 300_000;
/// Only the program keeps a flow alive for good (RFC 4787, REQ-6); what comes in does for so long after its last datagram.
const INBOUND_MS: u64 = 3_600_000;
/// Ports that may have shorter times (RFC 4787, REQ-5 a).
const WELL_KNOWN: std::ops::Range<u16> = 0..1024;
/// Datagrams in each direction that make a real exchange.
const EXCHANGE: u64 = 3;

/// Datagrams on hold.
#[derive(Default)]
pub struct Queue {
    datagrams: VecDeque<Vec<u8>>,
    bytes: usize,
}

impl Queue {
    /// Whether another of so many bytes could be taken.
    pub fn has_room_for(&self, bytes: usize) -> bool {
        self.datagrams.len() < QUEUE_LENGTH && self.bytes + bytes <= QUEUE_BYTES
    }

    /// Takes another, for which there is room.
    pub fn push(&mut self, payload: &[u8]) {
        self.bytes += payload.len();
        self.datagrams.push_back(payload.to_vec());
    }

    /// Copies of the datagrams in order.
    pub fn copies(&self) -> Vec<Vec<u8>> {
        self.datagrams.iter().cloned().collect()
    }

    /// Datagrams in it, and whether another could be taken.
    pub fn fill(&self) -> (usize, bool) {
        let has_room = self.datagrams.len() < QUEUE_LENGTH && self.bytes < QUEUE_BYTES;
        (self.datagrams.len(), has_room)
    }

    /// Bytes of all datagrams.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// All datagrams in order.
    pub fn into_datagrams(self) -> VecDeque<Vec<u8>> {
        self.datagrams
    }
}

/// Where a conversation stands.
pub enum Phase {
    /// Waits for a verdict.
    Held {
        queue: Queue,
        since: u64,
    },
    /// Waits until its outlet is ready.
    Waiting {
        queue: Queue,
        since: u64,
    },
    Open,
    /// Dropped by verdict.
    Muted {
        since: u64,
    },
}

/// Where a conversation's datagrams go once they have left through its outlet.
pub enum Far {
    Direct(SocketAddr),
    /// With the address as SOCKS5 writes it.
    Proxied(Target, Box<[u8]>),
}

/// More of a payload is quoted by no ICMP error.
const QUOTED: usize = 1_280;

/// The conversation.
pub struct UdpFlow {
    pub tuple: Tuple,
    pub owner: Owner,
    /// Its place in the order of giving way.
    pub rank: Rank,
    pub identity: Option<Identity>,
    pub phase: Phase,
    /// Its outlet, and where it leads; set together.
    pub outlet: Option<(Key, Far)>,
    /// Of the last datagram: traceroute counts hop limits up, QUIC marks its packets for ECN.
    pub treatment: Treatment,
    /// Whether the last datagram is not to be cut.
    pub forbids_fragments: bool,
    /// Whether several of its datagrams may be sent by one call: not where the kernel has refused that.
    pub takes_runs: bool,
    /// Times of the last datagram out and in.
    pub touched: u64,
    pub heard: u64,
    pub up: u64,
    pub down: u64,
    pub sent: u64,
    pub received: u64,
    pub timer_at: Option<u64>,
    /// While it is held: how many datagrams are waited for, since when and until when.
    pub peek: Option<(usize, u64, u64)>,
}

impl UdpFlow {
    pub fn new(tuple: Tuple, owner: Owner, now: u64) -> Self {
        Self {
            tuple,
            owner,
            rank: (Standing::OneWay, 0),
            identity: None,
            phase: Phase::Held {
                queue: Queue::default(),
                since: now,
            },
            outlet: None,
            treatment: Treatment::USUAL,
            forbids_fragments: false,
            takes_runs: true,
            touched: now,
            heard: 0,
            up: 0,
            down: 0,
            sent: 0,
            received: 0,
            timer_at: None,
            peek: None,
        }
    }

    /// A packet as the program has sent it, with as much of its payload as is known, which ICMP errors quote.
    pub fn quote(&self, payload: &[u8]) -> Vec<u8> {
        let mut packet = Vec::new();
        udp::build(
            &mut packet,
            self.tuple.client,
            self.tuple.destination,
            0,
            &payload[..payload.len().min(QUOTED)],
        );
        packet
    }

    /// What is on hold.
    pub fn queue(&mut self) -> Option<&mut Queue> {
        match &mut self.phase {
            Phase::Held { queue, .. } | Phase::Waiting { queue, .. } => Some(queue),
            Phase::Open | Phase::Muted { .. } => None,
        }
    }

    /// Takes what is on hold.
    pub fn take_queue(&mut self) -> Queue {
        self.queue().map(std::mem::take).unwrap_or_default()
    }

    /// How much of a conversation it is.
    pub fn standing(&self) -> Standing {
        match self.received {
            0 => Standing::OneWay,
            EXCHANGE.. if self.sent >= EXCHANGE => Standing::Conversation,
            _ => Standing::Answered,
        }
    }

    /// When the phase is over unless something happens.
    pub fn deadline(&self) -> u64 {
        match &self.phase {
            Phase::Held { since, .. } => match self.peek {
                Some((_, _, until)) => until,
                None => since + VERDICT_MS,
            },
            Phase::Waiting { since, .. } => since + VERDICT_MS,
            Phase::Open => self.alive_at() + self.idle_ms(),
            Phase::Muted { since } => since + MUTED_MS,
        }
    }

    fn alive_at(&self) -> u64 {
        self.heard.min(self.touched + INBOUND_MS).max(self.touched)
    }

    fn idle_ms(&self) -> u64 {
        match self.standing() {
            Standing::OneWay => BRIEF_IDLE_MS,
            Standing::Answered if WELL_KNOWN.contains(&self.tuple.destination.port()) => {
                BRIEF_IDLE_MS
            }
            Standing::Answered => ANSWERED_IDLE_MS,
            Standing::Conversation => IDLE_MS,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::packet::ip;

    fn flow(port: u16) -> UdpFlow {
        let tuple = Tuple {
            client: "10.0.0.1:40000".parse().unwrap(),
            destination: SocketAddr::new("192.0.2.1".parse().unwrap(), port),
        };
        UdpFlow::new(tuple, Owner::User(0), 1_000)
    }

    #[test]
    fn the_queue_is_bounded_in_number_and_bytes() {
        let mut queue = Queue::default();
        for _ in 0..QUEUE_LENGTH {
            assert!(queue.has_room_for(8));
            queue.push(b"datagram");
        }
        assert!(!queue.has_room_for(1));
        let mut queue = Queue::default();
        queue.push(&vec![0; 65_000]);
        assert!(queue.has_room_for(65_000));
        queue.push(&vec![0; 65_000]);
        assert!(!queue.has_room_for(65_000));
        assert_eq!(queue.into_datagrams().len(), 2);
    }

    #[test]
    fn times_are_those_of_rfc_4787() {
        let mut flow = flow(3478);
        assert_eq!(flow.deadline(), 1_000 + VERDICT_MS);
        flow.phase = Phase::Open;
        flow.sent = 9;
        assert_eq!(flow.deadline(), 1_000 + BRIEF_IDLE_MS);
        (flow.received, flow.heard) = (1, 1_500);
        assert_eq!(flow.deadline(), 1_500 + ANSWERED_IDLE_MS);
        flow.received = EXCHANGE;
        assert_eq!(flow.deadline(), 1_500 + IDLE_MS);
        flow.phase = Phase::Muted { since: 2_000 };
        assert_eq!(flow.deadline(), 2_000 + MUTED_MS);
    }

    #[test]
    fn a_question_to_a_well_known_port_is_soon_over() {
        let mut flow = flow(123);
        flow.phase = Phase::Open;
        (flow.sent, flow.received, flow.heard) = (1, 1, 2_000);
        assert_eq!(flow.deadline(), 2_000 + BRIEF_IDLE_MS);
    }

    #[test]
    fn what_comes_in_does_not_keep_a_flow_for_ever() {
        let mut flow = flow(9);
        flow.phase = Phase::Open;
        (flow.sent, flow.received) = (5, 1_000_000);
        flow.heard = 1_000 + 24 * 3_600_000;
        assert_eq!(flow.deadline(), 1_000 + INBOUND_MS + IDLE_MS);
    }

    #[test]
    fn errors_quote_what_the_program_sent() {
        let quote = flow(53).quote(b"hello");
        let packet = crate::packet::header::parse(&quote).unwrap();
        assert_eq!(packet.protocol(), ip::UDP);
        let datagram = udp::Udp::parse(packet.payload()).unwrap();
        assert_eq!(
            (datagram.source_port(), datagram.destination_port()),
            (40_000, 53)
        );
        assert_eq!(datagram.payload(), b"hello");
        assert!(flow(53).quote(&[0; 65_507]).len() < 1_500);
    }
}
