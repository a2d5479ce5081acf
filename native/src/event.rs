//! What the engine tells JavaScript.

use crate::dns::Questions;
use crate::pace::Kind;
use std::net::{IpAddr, SocketAddr};

/// Transport of a flow or question.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Network {
    Tcp,
    Udp,
}

impl Network {
    /// Its number in IP packets.
    pub fn protocol(self) -> u8 {
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
    TlsExpired,
    TlsNotYetValid,
    TlsName,
    TlsUnknownIssuer,
    TlsFingerprint,
    TlsCertificate,
    TlsClientCertificate,
    TlsFailed,
    Io,
}

/// Why a dial failed, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DialFault {
    pub failure: Failure,
    /// Which layer of the plan it was, if it was not the connection itself.
    pub layer: Option<usize>,
    pub message: String,
}

impl DialFault {
    /// Not that of a layer.
    pub fn plain(failure: Failure, message: impl Into<String>) -> Self {
        Self {
            failure,
            layer: None,
            message: message.into(),
        }
    }
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

    /// What it means if what could not be reached is another proxy, not the target; `None` if the failure is not about reaching it.
    pub fn at_proxy(self) -> Option<Self> {
        match self {
            Failure::Refused => Some(Failure::ProxyRefused),
            Failure::NetworkUnreachable | Failure::HostUnreachable | Failure::Timeout => {
                Some(Failure::ProxyUnreachable)
            }
            _ => None,
        }
    }
}

/// See `CloseReason` in index.d.ts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    Done,
    ResetByClient,
    ResetByRemote,
    Unreadable,
    Closed,
    Rejected,
    Idle,
    Dropped,
    Abandoned,
    GaveWay,
    Rerouted,
    Stopped,
}

/// One address of a dial, and what came of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attempt {
    pub address: IpAddr,
    /// Milliseconds since the dial began.
    pub begun: u64,
    /// Milliseconds since then until its end.
    pub took: u64,
    pub end: AttemptEnd,
}

/// How long a dial took, and what came of its addresses.
#[derive(Debug)]
pub struct DialReport {
    pub ms: u64,
    pub attempts: Vec<Attempt>,
}

/// How an attempt ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AttemptEnd {
    Connected,
    Failed(Failure),
    /// Another address answered first, or the time was over.
    Unanswered,
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
        /// Of the first packet (DSCP, RFC 2474): 0 to 63.
        class: u8,
    },
    Dialed {
        id: u64,
        outcome: Result<IpAddr, DialFault>,
        ms: u64,
        /// The addresses that were tried; none where the first one answered.
        attempts: Vec<Attempt>,
    },
    Peeked {
        id: u64,
        chunks: Vec<Vec<u8>>,
        end: PeekEnd,
        ms: u64,
    },
    Close {
        id: u64,
        up: u64,
        down: u64,
        /// Milliseconds from the opening to the first byte that came back.
        first_byte: Option<u64>,
        reason: Reason,
    },
    Dns(Questions),
    /// Echo requests between two addresses that nobody has decided about.
    Echo {
        id: u64,
        source: IpAddr,
        destination: IpAddr,
    },
    /// Connections refused since the last time, because their program or all together have too many.
    Crowded {
        refused: u64,
    },
    Dead {
        message: String,
        /// Whether `EngineThread::revive` may be called.
        revivable: bool,
    },
}

impl Event {
    /// Whether nobody waits for it: it is only noted, and may come a moment later.
    pub fn is_note(&self) -> bool {
        matches!(
            self,
            Event::Dialed { outcome: Ok(_), .. } | Event::Close { .. }
        )
    }

    /// How many of a kind it tells.
    pub fn told(&self, kind: Kind) -> usize {
        match (self, kind) {
            (Event::Dns(questions), Kind::Question) => questions.count as usize,
            (Event::Open { .. }, Kind::Flow) => 1,
            _ => 0,
        }
    }
}
