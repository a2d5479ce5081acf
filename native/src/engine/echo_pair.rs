//! A pair of addresses that ping: what waits for its verdict, or the socket by which it goes.

use crate::command::Refusal;
use crate::egress;
use crate::engine::core::Core;
use crate::engine::flow::Token;
use crate::engine::owner::Owner;
use crate::options::Hop;
use crate::packet::ip::Treatment;
use crate::slab::Key;
use crate::sys::epoll::READABLE;
use std::collections::VecDeque;
use std::io;
use std::net::IpAddr;
use std::os::fd::{AsFd, OwnedFd};

pub enum Phase {
    Asked {
        requests: Vec<Request>,
        bytes: usize,
    },
    Open {
        socket: OwnedFd,
        target: IpAddr,
        identifiers: VecDeque<Identifiers>,
    },
    Refused(Refusal),
}

/// A request on hold.
pub struct Request {
    pub message: Vec<u8>,
    pub treatment: Treatment,
}

#[derive(Clone, Copy)]
pub struct Identifiers {
    pub program: u16,
    pub ours: u16,
}

pub struct Pair {
    pub id: u64,
    pub owner: Owner,
    pub client: IpAddr,
    pub destination: IpAddr,
    pub phase: Phase,
    pub since: u64,
    pub touched: u64,
}

/// The first hop to which a socket can be opened.
pub fn open_phase(core: &Core, key: Key, hops: &[Hop]) -> Phase {
    for hop in hops {
        let opened = egress::connect_icmp(hop, core.options.mark).and_then(|socket| {
            let token = Token::Echo(key).pack();
            core.epoll.add(socket.as_fd(), token, READABLE)?;
            Ok::<_, io::Error>(socket)
        });
        if let Ok(socket) = opened {
            return Phase::Open {
                socket,
                target: hop.address,
                identifiers: VecDeque::new(),
            };
        }
    }
    Phase::Refused(Refusal::Unreachable)
}
