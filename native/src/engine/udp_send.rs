//! Datagrams of programs on their way out: together where they can be, and what is told when they cannot leave.

use crate::egress;
use crate::engine::core::Core;
use crate::engine::datagram_run::DatagramRun;
use crate::engine::udp::{UdpFlows, pieces};
use crate::engine::udp_flow::{Far, Phase, UdpFlow};
use crate::engine::udp_outlet::OutletState;
use crate::event::Reason;
use crate::layer::datagram::Datagrams;
use crate::packet::icmp::Unreachable;
use crate::packet::ip::Treatment;
use crate::packet::udp;
use crate::slab::Key;
use crate::sys;
use crate::sys::datagram::{self};
use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsFd, BorrowedFd};

/// Most datagrams of one call (UDP_MAX_SEGMENTS of older kernels).
const MAX_SEGMENTS: usize = 64;
/// Most bytes of one call, by either IP version.
const MAX_BYTES: usize = udp::max_payload(true);

impl UdpFlows {
    /// Sends datagrams out: several of one flow and size, which come one behind the other, together.
    pub(super) fn gather(
        &mut self,
        core: &mut Core,
        key: Key,
        payload: &[u8],
        segment: Option<usize>,
    ) {
        let takes_runs = self.flows.get(key).is_some_and(|flow| flow.takes_runs);
        let is_for_run =
            takes_runs && segment.is_none() && DatagramRun::<Key>::is_for(payload.len());
        if is_for_run && self.run.push(key, payload) {
            return;
        }
        self.flush(core);
        if !is_for_run || !self.run.push(key, payload) {
            self.send(core, key, payload, segment);
        }
    }

    /// Sends what was gathered.
    pub fn flush(&mut self, core: &mut Core) {
        let Some(key) = self.run.way() else {
            return;
        };
        let mut run = std::mem::take(&mut self.run);
        let (bytes, segment) = run.datagrams();
        self.send(core, key, bytes, segment);
        run.clear();
        self.run = run;
    }

    /// Sends datagrams out. A failure is told the program by ICMP.
    pub(super) fn send(
        &mut self,
        core: &mut Core,
        key: Key,
        payload: &[u8],
        segment: Option<usize>,
    ) {
        let Some(error) = self.try_send(core, key, payload, segment) else {
            return;
        };
        // The error may belong to an earlier datagram, perhaps of another flow; it is taken by being reported.
        self.report_failures(core, key);
        let Some(again) = self.try_send(core, key, payload, segment) else {
            return;
        };
        core.shared.metrics.dropped.add(1);
        let Some(flow) = self.flows.get(key) else {
            return;
        };
        if is_way_gone(&again) {
            // The next datagram opens a flow anew, by whatever way there is then.
            return self.end(core, key, Reason::Rerouted);
        }
        let errno = again.raw_os_error().or(error.raw_os_error());
        tell(core, flow, errno.unwrap_or(libc::EIO));
        if errno == Some(libc::EMSGSIZE) {
            self.tell_size(core, key, payload);
        }
    }

    /// A program has sent more than its way takes, and not to be cut: it hears how much that is.
    fn tell_size(&mut self, core: &mut Core, key: Key, payload: &[u8]) {
        if let Some(mtu) = self.report_failures(core, key)
            && let Some(flow) = self.flows.get(key)
        {
            core.send_unreachable(&flow.quote(payload), Unreachable::TooBig(mtu));
        }
    }

    /// The error if not all could be sent, except for want of room in the socket.
    fn try_send(
        &mut self,
        core: &mut Core,
        key: Key,
        payload: &[u8],
        segment: Option<usize>,
    ) -> Option<io::Error> {
        let flow = self.flows.get_mut(key)?;
        let (outlet, far) = flow.outlet.as_ref()?;
        let outgoing = &mut self.outgoing;
        let outlet = self.outlets.get_mut(*outlet)?;
        let (owner, shares) = (outlet.owner, &mut self.shares);
        let sent = match (&mut outlet.state, far) {
            (
                OutletState::Direct {
                    socket,
                    forbids_fragments,
                    ..
                },
                Far::Direct(remote),
            ) => {
                // What a program lets its kernel cut looks the same as what it does not. Without us it would be cut to this
                // machine's links, so it is; only what counts hops up (tracepath) is surely looking for the MTU.
                let is_probe = flow.treatment.hops != Treatment::USUAL.hops;
                let forbids = flow.forbids_fragments && is_probe;
                if *forbids_fragments != forbids
                    && egress::forbid_fragments(socket.as_fd(), remote.is_ipv4(), forbids).is_ok()
                {
                    *forbids_fragments = forbids;
                }
                send_direct(socket.as_fd(), payload, remote, segment, flow.treatment)
            }
            (
                OutletState::Relay {
                    socket, datagrams, ..
                },
                Far::Proxied(_, address),
            ) => {
                let datagrams = &mut **datagrams;
                send_sealed(
                    socket.as_fd(),
                    payload,
                    (datagrams, address),
                    segment,
                    outgoing,
                )
            }
            (OutletState::Stream { stream, .. }, Far::Proxied(_, address)) => {
                pieces(payload, segment).try_fold(Sent::default(), |sent, piece| {
                    let put = stream.send(address, piece, owner, shares);
                    put.map(|()| sent.and_one())
                })
            }
            _ => return None,
        };
        match sent {
            Ok(sent) => {
                flow.sent += sent.datagrams;
                flow.takes_runs &= !sent.one_by_one;
                flow.up += payload.len() as u64;
            }
            Err(error) if sys::would_block(&error) => {
                let lost = pieces(payload, segment).count() as u64;
                core.shared.metrics.dropped.add(lost);
            }
            Err(error) => return Some(error),
        }
        count(core, flow);
        None
    }
}

/// What became of datagrams.
#[derive(Default)]
struct Sent {
    datagrams: u64,
    /// The kernel did not take several at once.
    one_by_one: bool,
}

impl Sent {
    fn and_one(self) -> Self {
        Self {
            datagrams: self.datagrams + 1,
            ..self
        }
    }
}

/// Sends datagrams to an address, by one call where the kernel can.
fn send_direct(
    fd: BorrowedFd,
    payload: &[u8],
    to: &SocketAddr,
    segment: Option<usize>,
    treatment: Treatment,
) -> io::Result<Sent> {
    let send = |bytes: &[u8], size| datagram::send(fd, bytes, to, size, treatment);
    send_pieces(payload, segment, send)
}

/// Sends datagrams to the proxy that the socket is connected to, in their wire form; by one call where the kernel can.
fn send_sealed(
    fd: BorrowedFd,
    payload: &[u8],
    (datagrams, address): (&mut dyn Datagrams, &[u8]),
    segment: Option<usize>,
    outgoing: &mut Vec<u8>,
) -> io::Result<Sent> {
    outgoing.clear();
    let mut first = None;
    for piece in pieces(payload, segment) {
        let sealed = datagrams.seal(address, piece, outgoing);
        sealed.map_err(|broken| io::Error::other(broken.message))?;
        first.get_or_insert(outgoing.len());
    }
    let segment = segment.and(first);
    let send = |bytes: &[u8], size| datagram::send_segments(fd, bytes, size);
    send_pieces(outgoing, segment, send)
}

/// Sends datagrams by `send`, which takes the bytes of each if they are several.
fn send_pieces(
    bytes: &[u8],
    segment: Option<usize>,
    send: impl Fn(&[u8], Option<u16>) -> io::Result<usize>,
) -> io::Result<Sent> {
    let size = segment.and_then(|size| u16::try_from(size).ok());
    let Some(size) = size.filter(|size| *size > 0 && bytes.len() > usize::from(*size)) else {
        return Ok(Sent {
            datagrams: send_each(bytes, segment, &send)?,
            one_by_one: false,
        });
    };
    let each = usize::from(size);
    let mut sent = Sent {
        datagrams: 0,
        one_by_one: false,
    };
    for chunk in bytes.chunks(each * (MAX_BYTES / each).clamp(1, MAX_SEGMENTS)) {
        let count = match send(chunk, (chunk.len() > each).then_some(size)) {
            Ok(_) => chunk.len().div_ceil(each) as u64,
            // Larger than the path's packets, or a device without checksums: they are sent one by one.
            Err(error) if is_refusal_of_segments(&error) => {
                sent.one_by_one = true;
                send_each(chunk, segment, &send)?
            }
            Err(error) => return Err(error),
        };
        sent.datagrams += count;
    }
    Ok(sent)
}

fn send_each(
    bytes: &[u8],
    segment: Option<usize>,
    send: impl Fn(&[u8], Option<u16>) -> io::Result<usize>,
) -> io::Result<u64> {
    let mut sent = 0;
    for piece in pieces(bytes, segment) {
        send(piece, None)?;
        sent += 1;
    }
    Ok(sent)
}

fn is_refusal_of_segments(error: &io::Error) -> bool {
    matches!(
        error.raw_os_error(),
        Some(libc::EINVAL | libc::EIO | libc::EMSGSIZE | libc::ENOPROTOOPT | libc::EOPNOTSUPP)
    )
}

/// Whether a socket's device or address is not there any more, or leads nowhere.
fn is_way_gone(error: &io::Error) -> bool {
    matches!(
        error.raw_os_error(),
        Some(
            libc::ENODEV
                | libc::ENXIO
                | libc::ENETDOWN
                | libc::ENETUNREACH
                | libc::EADDRNOTAVAIL
                | libc::EINVAL
        )
    )
}

pub(super) fn count(core: &Core, flow: &UdpFlow) {
    if let Some(identity) = flow.identity {
        core.shared.counters.set(identity.slot, flow.up, flow.down);
    }
}

/// Passes an error of the outward socket on as ICMP.
pub(super) fn tell(core: &mut Core, flow: &UdpFlow, errno: i32) {
    if !matches!(flow.phase, Phase::Open) {
        return;
    }
    match errno {
        libc::ECONNREFUSED => core.send_unreachable(&flow.quote(&[]), Unreachable::Port),
        libc::EHOSTUNREACH | libc::ENETUNREACH | libc::EACCES | libc::EPERM => {
            core.send_unreachable(&flow.quote(&[]), Unreachable::Host);
        }
        _ => {}
    }
}
