//! What the engine tells JavaScript, and the guard that every flow is closed exactly once.

use crate::dns::Questions;
use crate::shared::Shared;
use std::collections::HashSet;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

/// Transport of a flow or question.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Network {
    Tcp,
    Udp,
}

impl Network {
    /// Its number in IP packets.
    fn protocol(self) -> u8 {
        match self {
            Network::Tcp => 6,
            Network::Udp => 17,
        }
    }
}

/// See `DialFailure` in index.d.ts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failure {
    Refused,
    NetworkUnreachable,
    HostUnreachable,
    Timeout,
    ProxyRefused,
    ProxyUnreachable,
    ProxyAuth,
    ProxyDenied,
    ProxyFailed,
    Io,
}

impl Failure {
    /// What an errno of a dial means. `proxied`: the dial went to a proxy and says nothing about the target.
    pub fn of(errno: i32, proxied: bool) -> Self {
        match errno {
            libc::ECONNREFUSED if proxied => Failure::ProxyRefused,
            libc::ECONNREFUSED => Failure::Refused,
            libc::ENETUNREACH
            | libc::ENETDOWN
            | libc::ENODEV
            | libc::EADDRNOTAVAIL
            | libc::EHOSTUNREACH
            | libc::EHOSTDOWN
            | libc::ETIMEDOUT
                if proxied =>
            {
                Failure::ProxyUnreachable
            }
            // The interface is gone or has no address: as good as no route.
            libc::ENETUNREACH | libc::ENETDOWN | libc::ENODEV | libc::EADDRNOTAVAIL => {
                Failure::NetworkUnreachable
            }
            libc::EHOSTUNREACH | libc::EHOSTDOWN => Failure::HostUnreachable,
            libc::ETIMEDOUT => Failure::Timeout,
            _ => Failure::Io,
        }
    }
}

/// See `CloseReason` in index.d.ts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    Done,
    ResetByClient,
    ResetByRemote,
    Closed,
    Rejected,
    Idle,
    Dropped,
    Abandoned,
    Stopped,
}

/// Why a peek is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PeekEnd {
    Bytes,
    End,
    Timeout,
}

/// See `EngineEvent` in index.d.ts.
#[derive(Debug)]
pub enum Event {
    Open {
        id: u64,
        slot: u32,
        network: Network,
        source: SocketAddr,
        destination: SocketAddr,
    },
    Dialed {
        id: u64,
        outcome: Result<IpAddr, (Failure, String)>,
        ms: u64,
    },
    Peeked {
        id: u64,
        chunks: Vec<Vec<u8>>,
        end: PeekEnd,
        ms: u64,
    },
    Accepted {
        id: u64,
    },
    Close {
        id: u64,
        up: u64,
        down: u64,
        reason: Reason,
    },
    Dns(Questions),
    Dead {
        message: String,
    },
}

impl Event {
    /// How many questions it carries.
    pub fn questions(&self) -> usize {
        match self {
            Event::Dns(questions) => questions.count as usize,
            _ => 0,
        }
    }
}

/// Events of the engine's thread on their way to JavaScript, handed over once per turn of its loop.
pub struct Outbox {
    shared: Arc<Shared>,
    batch: Vec<Event>,
    questions: Questions,
    open: HashSet<u64>,
}

impl Outbox {
    pub fn new(shared: Arc<Shared>) -> Self {
        Self {
            shared,
            batch: Vec::new(),
            questions: Questions::default(),
            open: HashSet::new(),
        }
    }

    /// Queues an event. A close of a flow that is not open is swallowed: each open gets one.
    pub fn push(&mut self, event: Event) {
        let wanted = match &event {
            Event::Open { id, .. } => self.open.insert(*id),
            Event::Close { id, .. } => self.open.remove(id),
            _ => true,
        };
        if wanted {
            self.batch.push(event);
        }
    }

    /// Queues a question, with others of this turn.
    pub fn ask(
        &mut self,
        token: u64,
        network: Network,
        source: SocketAddr,
        destination: SocketAddr,
        message: &[u8],
    ) {
        if !self.questions.takes(token) {
            self.end_questions();
        }
        self.questions
            .push(token, network.protocol(), source, destination, message);
    }

    fn end_questions(&mut self) {
        if self.questions.count > 0 {
            let questions = std::mem::take(&mut self.questions);
            self.batch.push(Event::Dns(questions));
        }
    }

    /// Hands the batch over.
    pub fn flush(&mut self) {
        self.end_questions();
        if !self.batch.is_empty() {
            self.shared.post_events(&mut self.batch);
        }
    }

    /// Closes what is still open, for an engine that cannot go on.
    pub fn close_all(&mut self) {
        for id in std::mem::take(&mut self.open) {
            self.batch.push(Event::Close {
                id,
                up: 0,
                down: 0,
                reason: Reason::Stopped,
            });
        }
    }
}
