//! Echo requests of programs (ping, traceroute -I). Whether they go out is asked once for each pair of addresses, and held until
//! it is told. Those that do leave by a raw socket of that pair, with an identifier of ours; replies and ICMP errors about them
//! come back with the addresses, identifier and sequence number that the program used.

use crate::command::{EchoVerdict, Refusal};
use crate::engine::core::Core;
use crate::engine::echo_pair::{Identifiers, Pair, Phase, Request, open_phase};
use crate::engine::owner::Owner;
use crate::engine::quota::Quota;
use crate::packet::icmp::{self, Echo, Unreachable};
use crate::packet::ip::{Packet, Treatment};
use crate::slab::{Key, Slab};
use crate::sys::datagram::{self, Failure};
use crate::sys::route::Review;
use crate::sys::socket;
use std::collections::HashMap;
use std::net::IpAddr;
use std::os::fd::{AsFd, BorrowedFd};

/// Pairs of addresses at once; requests beyond are dropped, as a busy router would.
const MAX_PAIRS: usize = 1_024;
/// Bytes of requests on hold for a verdict in all; requests and bytes of one pair.
const MAX_HELD_BYTES: usize = 4 * 1024 * 1024;
const MAX_HELD: usize = 16;
const MAX_HELD_BYTES_OF_PAIR: usize = 128 * 1024;
/// Identifiers of a pair; the oldest are forgotten.
const MAX_IDENTIFIERS: usize = 64;
/// How long a verdict is waited for, a pair lives without requests, and until it is asked about again.
const VERDICT_MS: u64 = 10_000;
const IDLE_MS: u64 = 30_000;
const VALID_MS: u64 = 300_000;
/// How often the old ones are looked for.
pub const REVIEW_MS: u64 = 1_000;
const READ_BURST: usize = 64;
/// Of a reply whose own is not known.
const USUAL_HOPS: u8 = 64;

/// All pairs.
pub struct EchoFlows {
    pairs: Slab<Pair>,
    by_ends: HashMap<(IpAddr, IpAddr), Key>,
    by_id: HashMap<u64, Key>,
    places: Quota,
    held: Quota,
    next_identifier: u16,
    reviewed: u64,
    buffer: Box<[u8]>,
}

impl EchoFlows {
    /// `seed` makes identifiers differ from those of other programs.
    pub fn new(seed: u64) -> Self {
        Self {
            pairs: Slab::default(),
            by_ends: HashMap::new(),
            by_id: HashMap::new(),
            places: Quota::new(MAX_PAIRS),
            held: Quota::new(MAX_HELD_BYTES),
            next_identifier: seed as u16,
            reviewed: 0,
            buffer: vec![0; 65_536].into_boxed_slice(),
        }
    }

    /// Whether there is nothing that `review` would look at.
    pub fn is_empty(&self) -> bool {
        self.pairs.len() == 0
    }

    /// Takes an echo request. False if it is dropped.
    pub fn on_request(&mut self, core: &mut Core, packet: &Packet) -> bool {
        let ends = (packet.source(), packet.destination());
        let known = self.by_ends.get(&ends).copied();
        let is_old = |pair: &Pair| core.now.saturating_sub(pair.since) >= VALID_MS;
        let key = match known.filter(|key| !self.pairs.get(*key).is_none_or(is_old)) {
            Some(key) => key,
            None => {
                known.into_iter().for_each(|key| self.forget(key));
                match self.open(core, ends) {
                    Some(key) => key,
                    None => return false,
                }
            }
        };
        let Some(pair) = self.pairs.get_mut(key) else {
            return false;
        };
        pair.touched = core.now;
        let (message, treatment) = (packet.payload(), packet.treatment());
        match &mut pair.phase {
            Phase::Asked { requests, bytes } => {
                if requests.len() >= MAX_HELD
                    || *bytes + message.len() > MAX_HELD_BYTES_OF_PAIR
                    || !self.held.take(pair.owner, message.len())
                {
                    return false;
                }
                *bytes += message.len();
                let message = message.to_vec();
                requests.push(Request { message, treatment });
            }
            Phase::Open { .. } => self.send(core, key, message, treatment),
            Phase::Refused(how) => match told(*how) {
                None => return false,
                Some(why) => core.send_unreachable(packet.bytes(), why),
            },
        }
        true
    }

    fn open(&mut self, core: &mut Core, ends: (IpAddr, IpAddr)) -> Option<Key> {
        let (client, destination) = ends;
        let owner = Owner::of_address(client);
        if !self.places.take(owner, 1) {
            return None;
        }
        let Some(id) = core.open_echo(client, destination) else {
            self.places.give(owner, 1);
            return None;
        };
        let key = self.pairs.insert(Pair {
            id,
            owner,
            client,
            destination,
            phase: Phase::Asked {
                requests: Vec::new(),
                bytes: 0,
            },
            since: core.now,
            touched: core.now,
        });
        self.by_ends.insert(ends, key);
        self.by_id.insert(id, key);
        Some(key)
    }

    /// Carries out a verdict; one for a pair that does not wait for any is ignored.
    pub fn decide(&mut self, core: &mut Core, id: u64, verdict: EchoVerdict) {
        let Some(key) = self.by_id.get(&id).copied() else {
            return;
        };
        let Some(pair) = self.pairs.get_mut(key) else {
            return;
        };
        if !matches!(pair.phase, Phase::Asked { .. }) {
            return;
        }
        let phase = match verdict {
            EchoVerdict::Direct(hops) => open_phase(core, key, &hops),
            EchoVerdict::Refuse(how) => Phase::Refused(how),
        };
        let Phase::Asked { requests, bytes } = std::mem::replace(&mut pair.phase, phase) else {
            return;
        };
        self.held.give(pair.owner, bytes);
        for Request { message, treatment } in requests {
            match &self.pairs.get(key).map(|pair| &pair.phase) {
                Some(Phase::Open { .. }) => self.send(core, key, &message, treatment),
                Some(Phase::Refused(how)) => {
                    if let Some(why) = told(*how) {
                        self.tell(core, key, &message, why);
                    }
                }
                _ => {}
            }
        }
    }

    fn send(&mut self, core: &mut Core, key: Key, message: &[u8], treatment: Treatment) {
        let Some(echo) = Echo::parse(message) else {
            return;
        };
        let next = self.next_identifier.wrapping_add(1);
        let Some(pair) = self.pairs.get_mut(key) else {
            return;
        };
        let Phase::Open {
            socket,
            target,
            identifiers,
        } = &mut pair.phase
        else {
            return;
        };
        let known = identifiers
            .iter()
            .find(|known| known.program == echo.identifier);
        let ours = match known {
            Some(known) => known.ours,
            None => {
                if identifiers.len() >= MAX_IDENTIFIERS {
                    identifiers.pop_front();
                }
                identifiers.push_back(Identifiers {
                    program: echo.identifier,
                    ours: next,
                });
                self.next_identifier = next;
                next
            }
        };
        let request = icmp::with_identifier(message, ours, target.is_ipv4());
        let result =
            datagram::send_connected(socket.as_fd(), &request, treatment, target.is_ipv4());
        if let Err(error) = result {
            let errno = error.raw_os_error();
            if !crate::sys::would_block(&error) && errno != Some(libc::EMSGSIZE) {
                self.tell(core, key, message, Unreachable::Host);
            }
            core.shared.metrics.dropped.add(1);
        }
    }

    /// Takes readiness of a pair's socket.
    pub fn on_readable(&mut self, core: &mut Core, key: Key) {
        let mut buffer = std::mem::take(&mut self.buffer);
        for _ in 0..READ_BURST {
            let Some(socket) = self.socket(key) else {
                break;
            };
            match socket::receive(socket, &mut buffer, 0) {
                Ok(length) => self.on_reply(core, key, &buffer[..length]),
                Err(error) if crate::sys::would_block(&error) => break,
                // An ICMP error, which is in the error queue as well.
                Err(_) => {}
            }
        }
        for _ in 0..READ_BURST {
            let failure = self
                .socket(key)
                .and_then(|socket| datagram::receive_failure(socket, &mut buffer).ok());
            let Some(failure) = failure else {
                break;
            };
            let quoted = &buffer[..failure.length.min(buffer.len())];
            self.on_failure(core, key, &failure, quoted);
        }
        self.buffer = buffer;
    }

    fn socket(&self, key: Key) -> Option<BorrowedFd<'_>> {
        match &self.pairs.get(key)?.phase {
            Phase::Open { socket, .. } => Some(socket.as_fd()),
            Phase::Asked { .. } | Phase::Refused { .. } => None,
        }
    }

    /// The program's identifier, for one of ours.
    fn identifier(&self, key: Key, ours: u16) -> Option<u16> {
        let Phase::Open { identifiers, .. } = &self.pairs.get(key)?.phase else {
            return None;
        };
        let known = identifiers.iter().find(|known| known.ours == ours)?;
        Some(known.program)
    }

    fn on_reply(&mut self, core: &mut Core, key: Key, bytes: &[u8]) {
        let Some(pair) = self.pairs.get(key) else {
            return;
        };
        let (client, destination) = (pair.client, pair.destination);
        let is_ipv4 = client.is_ipv4();
        // Raw sockets of IPv4 give the IP header, too (raw(7)); those of IPv6 do not.
        let (message, hops) = if is_ipv4 {
            let length = bytes.first().map_or(0, |byte| usize::from(byte & 15) * 4);
            match (bytes.get(length..), bytes.get(8)) {
                (Some(message), Some(hops)) => (message, *hops),
                _ => return,
            }
        } else {
            (bytes, USUAL_HOPS)
        };
        // Others' pings are seen here, too.
        let program = Echo::parse(message)
            .filter(|echo| echo.is_reply(is_ipv4))
            .and_then(|echo| self.identifier(key, echo.identifier));
        if let Some(program) = program {
            let packet = icmp::echo_packet(destination, client, message, program, hops);
            core.inject_whole(&packet);
        }
    }

    /// Passes an ICMP error on: from who sent it, about the request as the program had sent it.
    fn on_failure(&mut self, core: &mut Core, key: Key, failure: &Failure, quoted: &[u8]) {
        let Some(echo) = Echo::parse(quoted) else {
            return;
        };
        let program = self.identifier(key, echo.identifier);
        let (Some(program), Some(pair)) = (program, self.pairs.get(key)) else {
            return;
        };
        let (client, destination) = (pair.client, pair.destination);
        let request = icmp::echo_packet(client, destination, quoted, program, 1);
        match failure.icmp {
            Some(error) => core.send_icmp_error(&request, &error),
            None => core.send_unreachable(&request, Unreachable::Host),
        }
    }

    /// Tells the program that its request does not get there.
    fn tell(&mut self, core: &mut Core, key: Key, message: &[u8], why: Unreachable) {
        let (Some(pair), Some(echo)) = (self.pairs.get(key), Echo::parse(message)) else {
            return;
        };
        let (client, destination) = (pair.client, pair.destination);
        let request = icmp::echo_packet(client, destination, message, echo.identifier, 64);
        core.send_unreachable(&request, why);
    }

    /// Forgets pairs whose way out is no longer the kernel's choice, and refused ones: the next request is asked about anew.
    pub fn reroute(&mut self, mark: u32) {
        let mut review = Review::new(mark);
        self.forget_where(|pair| match &pair.phase {
            Phase::Open { socket, .. } => review.is_stale(socket.as_fd()),
            Phase::Refused { .. } => true,
            Phase::Asked { .. } => false,
        });
    }

    /// Forgets what is over.
    pub fn review(&mut self, now: u64) {
        if now.saturating_sub(self.reviewed) < REVIEW_MS {
            return;
        }
        self.reviewed = now;
        self.forget_where(|pair| {
            let patience = match pair.phase {
                Phase::Asked { .. } => VERDICT_MS,
                Phase::Open { .. } | Phase::Refused { .. } => IDLE_MS,
            };
            now.saturating_sub(pair.touched) >= patience
                || now.saturating_sub(pair.since) >= VALID_MS
        });
    }

    fn forget_where(&mut self, mut is_over: impl FnMut(&Pair) -> bool) {
        for key in self.pairs.keys() {
            if self.pairs.get(key).is_some_and(&mut is_over) {
                self.forget(key);
            }
        }
    }

    fn forget(&mut self, key: Key) {
        let Some(pair) = self.pairs.remove(key) else {
            return;
        };
        self.by_ends.remove(&(pair.client, pair.destination));
        self.by_id.remove(&pair.id);
        self.places.give(pair.owner, 1);
        if let Phase::Asked { bytes, .. } = pair.phase {
            self.held.give(pair.owner, bytes);
        }
    }
}

/// By which message a refusal is told, if by any.
fn told(how: Refusal) -> Option<Unreachable> {
    match how {
        Refusal::Prohibited => Some(Unreachable::Prohibited),
        Refusal::NoRoute => Some(Unreachable::NoRoute),
        Refusal::Unreachable => Some(Unreachable::Host),
        Refusal::Silent => None,
    }
}
