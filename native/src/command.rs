//! What JavaScript tells the engine.

use crate::layer::shadowsocks::Shadowsocks;
use crate::layer::tls::Tls;
use crate::layer::trojan::Trojan;
use crate::layer::web_socket::WebSocket;
use crate::options::{Hijack, Hop};
use crate::prefix::Prefix;
use crate::socks5::{Credentials, Target};
use std::net::{Ipv4Addr, SocketAddrV4};

/// See `Verdict` in index.d.ts.
pub enum Verdict {
    Dial(DialPlan),
    Reject(Rejection),
    Peek(Peek),
}

/// How much is waited for, and how long.
#[derive(Clone, Copy, Debug)]
pub struct Peek {
    /// Bytes, or datagrams.
    pub at_least: usize,
    pub timeout_ms: u64,
}

/// How to reach the far side.
#[derive(Clone)]
pub struct DialPlan {
    pub hops: Vec<Hop>,
    pub port: u16,
    /// What is spoken over the socket, in this order. None if the hops lead to the target itself.
    pub layers: Vec<Layer>,
    pub timeout_ms: u64,
}

/// What is spoken over a connected socket: mostly a handshake that is over before the flow's first byte and leads on to its target,
/// which may be another proxy.
#[derive(Clone, PartialEq, Eq, Hash)]
pub enum Layer {
    Socks5(Socks5),
    HttpConnect(HttpConnect),
    /// Those that stay for the flow's life.
    Tls(Tls),
    Shadowsocks(Shadowsocks),
    Trojan(Trojan),
    WebSocket(WebSocket),
}

impl Layer {
    /// Takes out where it leads: what is left is the same for all that leads by it. `None` if it cannot carry datagrams.
    pub fn take_target(&mut self) -> Option<Target> {
        let target = match self {
            Layer::Socks5(Socks5 { target, .. })
            | Layer::Shadowsocks(Shadowsocks { target, .. })
            | Layer::Trojan(Trojan { target, .. }) => target,
            Layer::HttpConnect(_) | Layer::Tls(_) | Layer::WebSocket(_) => return None,
        };
        let nowhere = Target::Address(SocketAddrV4::new(Ipv4Addr::UNSPECIFIED, 0).into());
        Some(std::mem::replace(target, nowhere))
    }
}

/// What a SOCKS5 proxy is told.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Socks5 {
    pub credentials: Option<Credentials>,
    pub target: Target,
}

/// What an HTTP proxy is told.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct HttpConnect {
    /// The whole head of the CONNECT request.
    pub request: Vec<u8>,
}

/// What becomes of echo requests between two addresses.
pub enum EchoVerdict {
    /// They go to the first hop that can be reached.
    Direct(Vec<Hop>),
    Refuse(Refusal),
}

/// What a program that pings is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    Prohibited,
    NoRoute,
    Unreachable,
    Silent,
}

/// What the program is told.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Rejection {
    Reset,
    NoRoute,
    Unreachable,
    Drop,
}

/// How a flow is ended by `close`.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    Graceful,
    Reset,
}

/// A call of JavaScript.
pub enum Command {
    Decide {
        id: u64,
        verdict: Verdict,
    },
    DecideEcho {
        id: u64,
        verdict: EchoVerdict,
    },
    Close {
        id: u64,
        ending: Ending,
    },
    /// Answers as in index.d.ts, checked.
    AnswerDns {
        answers: Vec<u8>,
    },
    /// The IPv6 destinations whose flows are carried.
    Carry6 {
        prefixes: Vec<Prefix>,
    },
    /// The device has another MTU now.
    SetMtu {
        mtu: u32,
    },
    /// Whose questions to port 53 are answered here.
    HijackDns {
        hijack: Hijack,
    },
    /// The machine's network has changed: flows and pings whose way out is no longer the kernel's choice end.
    Review,
    Stop,
}
