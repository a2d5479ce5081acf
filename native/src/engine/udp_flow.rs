//! One UDP conversation of a program: (source, destination) with its own outward socket.

use crate::engine::flow::{Identity, Tuple};
use crate::outbound::Outbound;
use crate::packet::ip::Packet;
use crate::packet::udp;
use std::collections::VecDeque;
use std::os::fd::OwnedFd;

/// Datagrams kept until there is a way out, and their bytes together.
const QUEUE_LENGTH: usize = 16;
const QUEUE_BYTES: usize = 128 * 1024;
/// Time without a verdict after which a held flow is dropped.
const VERDICT_MS: u64 = 60_000;
/// How long a dropped conversation stays silent.
const MUTED_MS: u64 = 10_000;
/// Idle time (RFC 4787, REQ-5: at least 2 minutes unless known better), shorter before a real exchange was seen.
const BRIEF_IDLE_MS: u64 = 60_000;
const IDLE_MS: u64 = 300_000;
/// Datagrams in each direction that make a real exchange.
const EXCHANGE: u64 = 3;

/// Datagrams on hold.
#[derive(Default)]
pub struct Queue {
    datagrams: VecDeque<Vec<u8>>,
    bytes: usize,
}

impl Queue {
    /// False if there is no room.
    pub fn push(&mut self, payload: &[u8]) -> bool {
        if self.datagrams.len() >= QUEUE_LENGTH || self.bytes + payload.len() > QUEUE_BYTES {
            return false;
        }
        self.bytes += payload.len();
        self.datagrams.push_back(payload.to_vec());
        true
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

    /// All datagrams in order.
    pub fn into_datagrams(self) -> VecDeque<Vec<u8>> {
        self.datagrams
    }
}

/// A way out.
pub struct Session {
    pub socket: OwnedFd,
    /// In front of every datagram (SOCKS5); empty for direct ones.
    pub header: Vec<u8>,
    /// Ends the session when it ends (SOCKS5).
    pub control: Option<OwnedFd>,
}

/// Where a conversation stands.
pub enum Phase {
    /// Waits for a verdict.
    Held {
        queue: Queue,
        since: u64,
    },
    /// Waits for a proxy.
    Associating {
        queue: Queue,
        outbound: Box<Outbound>,
        /// The SOCKS5 header, and the devices of the proxy's addresses.
        header: Vec<u8>,
        hops: Vec<crate::options::Hop>,
        wake: u64,
    },
    Open(Session),
    /// Dropped by verdict.
    Muted {
        since: u64,
    },
}

/// The conversation.
pub struct UdpFlow {
    pub tuple: Tuple,
    pub identity: Option<Identity>,
    pub phase: Phase,
    /// The beginning of the program's last packet, which ICMP errors quote.
    pub quote: Vec<u8>,
    pub touched: u64,
    pub up: u64,
    pub down: u64,
    pub sent: u64,
    pub received: u64,
    pub timer_at: Option<u64>,
    /// While it is held: how many datagrams are waited for, since when and until when.
    pub peek: Option<(usize, u64, u64)>,
}

impl UdpFlow {
    pub fn new(tuple: Tuple, now: u64) -> Self {
        Self {
            tuple,
            identity: None,
            phase: Phase::Held {
                queue: Queue::default(),
                since: now,
            },
            quote: Vec::new(),
            touched: now,
            up: 0,
            down: 0,
            sent: 0,
            received: 0,
            timer_at: None,
            peek: None,
        }
    }

    /// Notes a packet of the program.
    pub fn touch(&mut self, packet: &Packet, now: u64) {
        self.touched = now;
        let bytes = packet.bytes();
        let length = bytes.len().min(packet.header_length() + udp::HEADER);
        self.quote.clear();
        self.quote.extend_from_slice(&bytes[..length]);
    }

    /// When the phase is over unless something happens.
    pub fn deadline(&self) -> u64 {
        match &self.phase {
            Phase::Held { since, .. } => match self.peek {
                Some((_, _, until)) => until,
                None => since + VERDICT_MS,
            },
            Phase::Associating { wake, .. } => *wake,
            Phase::Open(_) if self.sent >= EXCHANGE && self.received >= EXCHANGE => {
                self.touched + IDLE_MS
            }
            Phase::Open(_) => self.touched + BRIEF_IDLE_MS,
            Phase::Muted { since } => since + MUTED_MS,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys::socket;

    #[test]
    fn the_queue_is_bounded_in_number_and_bytes() {
        let mut queue = Queue::default();
        for _ in 0..QUEUE_LENGTH {
            assert!(queue.push(b"datagram"));
        }
        assert!(!queue.push(b"one too many"));
        let mut queue = Queue::default();
        assert!(queue.push(&vec![0; 65_000]) && queue.push(&vec![0; 65_000]));
        assert!(!queue.push(&vec![0; 65_000]));
        assert_eq!(queue.into_datagrams().len(), 2);
    }

    #[test]
    fn a_real_exchange_lives_longer() {
        let address = "10.0.0.1:1".parse().unwrap();
        let tuple = Tuple {
            client: address,
            destination: address,
        };
        let mut flow = UdpFlow::new(tuple, 1_000);
        assert_eq!(flow.deadline(), 1_000 + VERDICT_MS);
        let socket = socket::open_family(libc::AF_INET, libc::SOCK_DGRAM, 0).unwrap();
        flow.phase = Phase::Open(Session {
            socket,
            header: Vec::new(),
            control: None,
        });
        assert_eq!(flow.deadline(), 1_000 + BRIEF_IDLE_MS);
        (flow.sent, flow.received) = (EXCHANGE, EXCHANGE - 1);
        assert_eq!(flow.deadline(), 1_000 + BRIEF_IDLE_MS);
        flow.received = EXCHANGE;
        assert_eq!(flow.deadline(), 1_000 + IDLE_MS);
        flow.phase = Phase::Muted { since: 2_000 };
        assert_eq!(flow.deadline(), 2_000 + MUTED_MS);
    }
}
