//! Answers of UDP servers on this machine. A server at the wildcard address answers without a source, so the kernel leads its
//! answer into the TUN; it belongs to somebody who spoke first, so it is sent on as it would have left without us: from the
//! address that was asked, at the server's own port, by no rule.

use crate::engine::core::Core;
use crate::engine::flow::Tuple;
use crate::engine::udp::pieces;
use crate::packet::ip::{Packet, Treatment};
use crate::packet::udp;
use crate::sys::callers::{Call, Callers};
use crate::sys::sock_diag::{self, Socket};
use crate::sys::{self, datagram, socket};
use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::fd::{AsFd, OwnedFd};

/// Conversations remembered; beyond it all are looked up again.
const MAX_KNOWN: usize = 16_384;
/// How long it is taken for granted that the caller has spoken lately, and to the socket that is there.
const KNOWN_MS: u64 = 1_000;
/// What an answer can take before the kernel makes it wait.
const SEND_BUFFER: libc::c_int = 1024 * 1024;

struct Known {
    source: IpAddr,
    until: u64,
}

/// The servers' conversations.
pub struct Answers {
    callers: Option<Callers>,
    known: HashMap<Tuple, Known>,
    raw4: Option<OwnedFd>,
    raw6: Option<OwnedFd>,
    datagram: Vec<u8>,
}

impl Answers {
    /// `device` is the index of the TUN, `mark` that of our sockets. Where the kernel cannot tell who spoke first, answers are flows like all others.
    pub fn new(device: u32, mark: u32) -> Self {
        Self {
            // Without a device there is nothing to watch.
            callers: (device > 0)
                .then(|| Callers::watch(device, mark).ok())
                .flatten(),
            known: HashMap::new(),
            raw4: None,
            raw6: None,
            datagram: Vec::new(),
        }
    }

    /// Whether answers can be told from other datagrams.
    pub fn is_able(&self) -> bool {
        self.callers.is_some()
    }

    /// Sends datagrams of a program on if they are answers. False if they are not.
    pub fn on_datagram(
        &mut self,
        core: &Core,
        tuple: Tuple,
        packet: &Packet,
        payload: &[u8],
        segment: Option<usize>,
    ) -> bool {
        if !core.is_own(tuple.client.ip()) {
            return false;
        }
        let Some(source) = self.source_of(core, tuple) else {
            return false;
        };
        let treatment = packet.treatment();
        for piece in pieces(payload, segment) {
            match self.send(core.options.mark, tuple, source, piece, treatment) {
                Ok(()) => core.shared.metrics.udp_answers.add(1),
                Err(error) if is_source_gone(&error) => {
                    self.known.remove(&tuple);
                    return false;
                }
                Err(_) => core.shared.metrics.dropped.add(1),
            }
        }
        true
    }

    /// The address of ours that the destination has spoken to, if a server at the wildcard address was there.
    fn source_of(&mut self, core: &Core, tuple: Tuple) -> Option<IpAddr> {
        if let Some(known) = self.known.get(&tuple)
            && known.until > core.now
        {
            return Some(known.source);
        }
        self.known.remove(&tuple);
        let callers = self.callers.as_ref()?;
        let call = callers.called(tuple.destination, tuple.client.port())?;
        // An answer only if what was said went to a server: a program that spoke first itself has the caller's datagrams
        // by an outlet of ours, whose socket has an address.
        if core.is_own(call.to) || !is_server_there(&call, tuple) {
            return None;
        }
        if self.known.len() >= MAX_KNOWN {
            self.known.clear();
        }
        let (source, until) = (call.to, core.now + KNOWN_MS);
        self.known.insert(tuple, Known { source, until });
        Some(source)
    }

    fn send(
        &mut self,
        mark: u32,
        tuple: Tuple,
        source: IpAddr,
        payload: &[u8],
        treatment: Treatment,
    ) -> io::Result<()> {
        let from = SocketAddr::new(source, tuple.client.port());
        udp::build_bare(&mut self.datagram, from, tuple.destination, payload);
        let place = match source {
            IpAddr::V4(_) => &mut self.raw4,
            IpAddr::V6(_) => &mut self.raw6,
        };
        let raw = match place {
            Some(raw) => raw,
            None => place.insert(open_raw(source.is_ipv4(), mark)?),
        };
        let to = tuple.destination.ip();
        match datagram::send_raw_from(raw.as_fd(), &self.datagram, source, to, treatment) {
            // The network is slower than the server: lost, as in any queue.
            Err(error) if sys::would_block(&error) => Ok(()),
            sent => sent.map(drop),
        }
    }
}

/// Whether the socket that heard the call is still there, at the wildcard address.
fn is_server_there(call: &Call, tuple: Tuple) -> bool {
    let asked = SocketAddr::new(call.to, tuple.client.port());
    let is_meant = |found: &Socket| {
        found.cookie() == call.socket && found.local.ip().to_canonical().is_unspecified()
    };
    let found = sock_diag::find(libc::IPPROTO_UDP, asked, tuple.destination);
    // Of several at one port (SO_REUSEPORT) another one may have been found.
    found.is_ok_and(|found| found.as_ref().is_some_and(is_meant))
        || sock_diag::listeners(call.to, asked.port()).is_ok_and(|found| found.iter().any(is_meant))
}

/// A raw socket that only sends: it is bound to an address of the loopback that nobody speaks to, and takes nothing in.
fn open_raw(is_ipv4: bool, mark: u32) -> io::Result<OwnedFd> {
    let (family, quiet) = if is_ipv4 {
        (libc::AF_INET, IpAddr::V4(Ipv4Addr::new(127, 77, 73, 82)))
    } else {
        (libc::AF_INET6, IpAddr::V6(Ipv6Addr::LOCALHOST))
    };
    let raw = socket::open_family(family, libc::SOCK_RAW, libc::IPPROTO_UDP)?;
    socket::take_nothing_in(raw.as_fd())?;
    socket::bind(raw.as_fd(), &SocketAddr::new(quiet, 0))?;
    if mark != 0 {
        socket::set_option(raw.as_fd(), libc::SOL_SOCKET, libc::SO_MARK, mark)?;
    }
    let _ = socket::set_option(raw.as_fd(), libc::SOL_SOCKET, libc::SO_SNDBUF, SEND_BUFFER);
    Ok(raw)
}

fn is_source_gone(error: &io::Error) -> bool {
    matches!(
        error.raw_os_error(),
        Some(libc::EINVAL | libc::EADDRNOTAVAIL | libc::ENETUNREACH | libc::ENODEV)
    )
}
