//! Opens streams for JavaScript on one thread of its own, started when first needed: the same dials as those of flows. It is
//! handed a descriptor (where layers stay between, one end of a pair, and the thread carries the bytes), or the stream is kept
//! until JavaScript has a client for it, and the thread carries the bytes between the two.

pub mod carried;
mod ferry;
mod streams;

use crate::command::DialPlan;
use crate::event::{DialFault, DialReport, Failure, Reason};
use crate::layer::datagram::datagrams_of;
use crate::options::Sender;
use crate::outbound::{Opened, Outbound};
use crate::reactor::carried::{Carried, Carrying};
use crate::reactor::streams::Streams;
use crate::relay::{Relay, Side};
use crate::shared::lock;
use crate::slab::Key;
use crate::socks5::Target;
use crate::sys::epoll::{Epoll, Events, READABLE, Waker};
use crate::sys::process::{block_signals, monotonic_ms};
use crate::sys::socket;
use ferry::Ferry;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::OwnedFd;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex};

/// Milliseconds that a stream is kept for its client.
const KEEP_MS: u64 = 30_000;

/// A stream that JavaScript has asked for.
pub struct Stream {
    /// A TCP socket, or one end of a pair.
    pub fd: OwnedFd,
    /// Of the outward socket.
    pub peer: SocketAddr,
    pub local: IpAddr,
    /// What the last SOCKS5 reply says.
    pub bound: Option<Target>,
}

/// Called once, on the reactor's thread.
pub type Done = Box<dyn FnOnce(Result<Stream, DialFault>) + Send>;

/// A stream that waits for its client.
pub struct Kept {
    /// What it is known by.
    pub number: u64,
    /// Of the outward socket.
    pub peer: SocketAddr,
    pub local: IpAddr,
}

/// Called once, on the reactor's thread.
pub type KeptDone = Box<dyn FnOnce(Result<Kept, DialFault>, DialReport) + Send>;

/// How JavaScript ends a stream that is carried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Closing {
    /// FIN both ways after what is on its way.
    Graceful,
    Reset,
    /// A reset, because the way out is another now.
    Rerouted,
}

enum Purpose {
    HandOut(Done),
    Keep(KeptDone),
}

enum Job {
    Dial {
        outbound: Box<Outbound>,
        purpose: Purpose,
    },
    Kept {
        number: u64,
        opened: Opened,
        until: u64,
    },
    Carry(Carrying),
    /// Of a pair.
    Relay(Relay),
    Ferry(Box<Ferry>),
}

/// What JavaScript wants.
enum Request {
    Dial(Box<Outbound>, Purpose),
    Ferry(Box<Ferry>),
    Carry {
        number: u64,
        client: OwnedFd,
        first: Vec<u8>,
        carried: Arc<Carried>,
    },
    Close(u64, Closing),
}

/// Where requests wait for the thread.
struct Inbox {
    requests: Mutex<Vec<Request>>,
    waker: Waker,
}

impl Inbox {
    fn post(&self, request: Request) {
        lock(&self.requests).push(request);
        self.waker.wake();
    }
}

/// The functions of the addon have no object to belong to, so their thread is the process's.
static INBOX: Mutex<Option<Arc<Inbox>>> = Mutex::new(None);

const WAKER_TOKEN: u64 = u64::MAX;
/// Which end of a relay an event is of; the rest of a token is a key (56 bits).
const CLIENT_BIT: u64 = 1 << 56;

/// Dials by a plan; with `associate`, for datagrams by the last layer of the plan: the UDP relay of a SOCKS5 proxy, or a stream in
/// which they are framed (`Framing`).
pub fn open_stream(plan: DialPlan, associate: bool, mark: u32, done: Done) {
    let now = monotonic_ms();
    if let ([only], true) = (&plan.layers[..], associate)
        && let Some(datagrams) = datagrams_of(only)
    {
        let opened = Ferry::open(&plan, datagrams, mark).and_then(ferry);
        let fault = |error: io::Error| {
            let errno = error.raw_os_error().unwrap_or(libc::EIO);
            DialFault::plain(Failure::of(errno, true), error.to_string())
        };
        return done(opened.map_err(fault));
    }
    let outbound = if associate {
        Outbound::associate(plan, mark, now)
    } else {
        Outbound::connect(plan, Sender::own(mark), now)
    };
    match inbox() {
        Ok(inbox) => inbox.post(Request::Dial(Box::new(outbound), Purpose::HandOut(done))),
        Err(error) => done(Err(DialFault::plain(Failure::Io, error.to_string()))),
    }
}

/// Gives a ferry to the thread.
fn ferry((ferry, far, peer): (Ferry, OwnedFd, SocketAddr)) -> io::Result<Stream> {
    let local = socket::local_address(ferry.socket())?.ip();
    inbox()?.post(Request::Ferry(Box::new(ferry)));
    Ok(Stream {
        fd: far,
        peer,
        local,
        bound: None,
    })
}

/// Dials by a plan. The stream is kept for `carry`, or `close`, or until its time is over.
pub fn keep_stream(plan: DialPlan, mark: u32, done: KeptDone) {
    let outbound = Outbound::connect(plan, Sender::own(mark), monotonic_ms());
    match inbox() {
        Ok(inbox) => inbox.post(Request::Dial(Box::new(outbound), Purpose::Keep(done))),
        Err(error) => {
            let fault = DialFault::plain(Failure::Io, error.to_string());
            let (ms, attempts) = (0, Vec::new());
            done(Err(fault), DialReport { ms, attempts });
        }
    }
}

/// Carries a client's bytes, of which `first` are the first, over a stream that was kept.
pub fn carry(number: u64, client: OwnedFd, first: Vec<u8>) -> Arc<Carried> {
    let carried = Arc::new(Carried::default());
    match inbox() {
        Ok(inbox) => inbox.post(Request::Carry {
            number,
            client,
            first,
            carried: carried.clone(),
        }),
        Err(_) => carried.finish(Reason::Stopped),
    }
    carried
}

/// Ends a stream that is kept or carried.
pub fn close(number: u64, how: Closing) {
    if let Ok(inbox) = inbox() {
        inbox.post(Request::Close(number, how));
    }
}

fn inbox() -> io::Result<Arc<Inbox>> {
    let mut current = lock(&INBOX);
    if let Some(inbox) = current.as_ref() {
        return Ok(inbox.clone());
    }
    let inbox = Arc::new(Inbox {
        requests: Mutex::default(),
        waker: Waker::new()?,
    });
    let owned = inbox.clone();
    std::thread::Builder::new()
        .name("mirage-streams".into())
        .spawn(move || {
            block_signals();
            // A panic drops what is under way; the next turn starts with an empty table.
            while catch_unwind(AssertUnwindSafe(|| run(&owned))).is_err() {}
        })?;
    *current = Some(inbox.clone());
    Ok(inbox)
}

fn run(inbox: &Inbox) {
    let Ok(epoll) = Epoll::new() else {
        return;
    };
    if epoll.add(inbox.waker.fd(), WAKER_TOKEN, READABLE).is_err() {
        return;
    }
    let mut events = Events::new(64);
    let mut streams = Streams::new(epoll);
    loop {
        let now = monotonic_ms();
        let wait = match streams.busy.is_empty() {
            true => streams.timers.wait_ms(now),
            false => Some(0),
        };
        if streams.epoll.wait(&mut events, wait).is_err() {
            return;
        }
        let now = monotonic_ms();
        for key in std::mem::take(&mut streams.busy) {
            streams.pump(key, now);
        }
        let mut index = 0;
        while let Some((token, bits)) = events.get(index) {
            index += 1;
            if token == WAKER_TOKEN {
                inbox.waker.clear();
                for request in std::mem::take(&mut *lock(&inbox.requests)) {
                    streams.serve(request, now);
                }
                continue;
            }
            let side = match token & CLIENT_BIT {
                0 => Side::Remote,
                _ => Side::Client,
            };
            streams.on_ready(Key::unpack(token & !CLIENT_BIT), side, bits, now);
        }
        while let Some(key) = streams.timers.pop_due(now) {
            streams.on_time(key, now);
        }
    }
}

#[cfg(test)]
mod tests;
