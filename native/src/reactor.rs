//! Opens streams for JavaScript on one thread of its own, started when first needed: the same dials as those of flows, with a
//! descriptor as the client's end. Where layers stay between, that is one end of a pair, and the thread carries the bytes.

mod ferry;

use crate::command::DialPlan;
use crate::event::{DialFault, Failure};
use crate::layer::datagram::datagrams_of;
use crate::options::Sender;
use crate::outbound::{Opened, Outbound, Progress};
use crate::pipe_pool::PipePool;
use crate::relay::{COPY_BUFFER, Outcome, Relay, Remote, Side};
use crate::shared::lock;
use crate::slab::{Key, Slab};
use crate::socks5::Target;
use crate::sys::epoll::{Epoll, Events, READABLE, STREAM_EDGES, Waker};
use crate::sys::process::{block_signals, monotonic_ms};
use crate::sys::socket;
use crate::timers::Timers;
use ferry::Ferry;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex};

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

enum Job {
    Dial { outbound: Outbound, done: Done },
    Relay(Relay),
    Ferry(Box<Ferry>),
}

/// Where jobs wait for the thread.
struct Inbox {
    jobs: Mutex<Vec<Job>>,
    waker: Waker,
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
        Ok(inbox) => {
            lock(&inbox.jobs).push(Job::Dial { outbound, done });
            inbox.waker.wake();
        }
        Err(error) => done(Err(DialFault::plain(Failure::Io, error.to_string()))),
    }
}

/// Gives a ferry to the thread.
fn ferry((ferry, far, peer): (Ferry, OwnedFd, SocketAddr)) -> io::Result<Stream> {
    let local = socket::local_address(ferry.socket())?.ip();
    let inbox = inbox()?;
    lock(&inbox.jobs).push(Job::Ferry(Box::new(ferry)));
    inbox.waker.wake();
    Ok(Stream {
        fd: far,
        peer,
        local,
        bound: None,
    })
}

fn inbox() -> io::Result<Arc<Inbox>> {
    let mut current = lock(&INBOX);
    if let Some(inbox) = current.as_ref() {
        return Ok(inbox.clone());
    }
    let inbox = Arc::new(Inbox {
        jobs: Mutex::default(),
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
    let mut streams = Streams {
        epoll,
        jobs: Slab::default(),
        timers: Timers::default(),
        pipes: PipePool::default(),
        buffer: vec![0; COPY_BUFFER].into_boxed_slice(),
        busy: Vec::new(),
    };
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
            streams.pump(key);
        }
        let mut index = 0;
        while let Some((token, bits)) = events.get(index) {
            index += 1;
            if token == WAKER_TOKEN {
                inbox.waker.clear();
                for job in std::mem::take(&mut *lock(&inbox.jobs)) {
                    let key = streams.jobs.insert(job);
                    streams.begin(key, now);
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
            streams.drive(key, now);
        }
    }
}

struct Streams {
    epoll: Epoll,
    jobs: Slab<Job>,
    timers: Timers<Key>,
    pipes: PipePool,
    buffer: Box<[u8]>,
    /// Relays that have more to do.
    busy: Vec<Key>,
}

impl Streams {
    fn on_ready(&mut self, key: Key, side: Side, bits: u32, now: u64) {
        match self.jobs.get_mut(key) {
            Some(Job::Dial { .. }) => self.drive(key, now),
            Some(Job::Relay(relay)) => {
                let outcome = relay.on_ready(side, bits, &mut self.pipes, &mut self.buffer);
                self.on_outcome(key, outcome);
            }
            Some(Job::Ferry(_)) => self.pump(key),
            None => {}
        }
    }

    fn begin(&mut self, key: Key, now: u64) {
        let Some(Job::Ferry(ferry)) = self.jobs.get(key) else {
            return self.drive(key, now);
        };
        let near = key.pack() | CLIENT_BIT;
        let watched = self.epoll.add(ferry.near(), near, STREAM_EDGES);
        let watched =
            watched.and_then(|()| self.epoll.add(ferry.socket(), key.pack(), STREAM_EDGES));
        match watched {
            Ok(()) => self.pump(key),
            Err(_) => drop(self.jobs.remove(key)),
        }
    }

    /// Brings a dial forward, or has a relay say what it owes.
    fn drive(&mut self, key: Key, now: u64) {
        if let Some(Job::Relay(relay)) = self.jobs.get_mut(key)
            && relay.greets_at().is_some_and(|at| at <= now)
        {
            relay.greet();
            return self.pump(key);
        }
        let Some(Job::Dial { outbound, .. }) = self.jobs.get_mut(key) else {
            return;
        };
        let epoll = &self.epoll;
        let mut watch = |fd: BorrowedFd| epoll.add(fd, key.pack(), STREAM_EDGES);
        let progress = outbound.drive(now, &mut watch);
        if let Progress::Pending { wake } = progress {
            return self.timers.add(wake, key);
        }
        let Some(Job::Dial { done, .. }) = self.jobs.remove(key) else {
            return;
        };
        match progress {
            Progress::Pending { .. } => {}
            Progress::Failed(fault) => done(Err(fault)),
            Progress::Ready(opened) => done(
                self.hand_out(opened, now)
                    .map_err(|error| DialFault::plain(Failure::Io, error.to_string())),
            ),
        }
    }

    fn hand_out(&mut self, opened: Opened, now: u64) -> io::Result<Stream> {
        let Opened {
            fd,
            peer,
            through,
            bound,
        } = opened;
        self.epoll.remove(fd.as_fd());
        let local = socket::local_address(fd.as_fd())?.ip();
        let fd = match through {
            None => fd,
            Some(through) => self.carry(Remote::new(fd, Some(through)), now)?,
        };
        Ok(Stream {
            fd,
            peer,
            local,
            bound,
        })
    }

    /// Carries the bytes of a pair, of which this is the other end.
    fn carry(&mut self, remote: Remote, now: u64) -> io::Result<OwnedFd> {
        let (near, far) = socket::pair()?;
        let relay = Relay::new(near, remote, now);
        let greets_at = relay.greets_at();
        let key = self.jobs.insert(Job::Relay(relay));
        let Some(Job::Relay(relay)) = self.jobs.get(key) else {
            return Err(io::ErrorKind::NotFound.into());
        };
        // What is there already is told as well.
        let watched = self
            .epoll
            .add(relay.client(), key.pack() | CLIENT_BIT, STREAM_EDGES);
        let watched =
            watched.and_then(|()| self.epoll.add(relay.remote(), key.pack(), STREAM_EDGES));
        if watched.is_err() {
            self.jobs.remove(key);
        }
        watched?;
        // What came before it was watched, an end among it, no event tells.
        self.busy.push(key);
        if let Some(at) = greets_at {
            self.timers.add(at, key);
        }
        Ok(far)
    }

    fn pump(&mut self, key: Key) {
        if let Some(Job::Ferry(ferry)) = self.jobs.get_mut(key) {
            match ferry.pump() {
                Ok(false) => {}
                Ok(true) if self.busy.contains(&key) => {}
                Ok(true) => self.busy.push(key),
                Err(_) => drop(self.jobs.remove(key)),
            }
            return;
        }
        if let Some(Job::Relay(relay)) = self.jobs.get_mut(key) {
            let outcome = relay.pump_both(&mut self.pipes, &mut self.buffer);
            self.on_outcome(key, outcome);
        }
    }

    fn on_outcome(&mut self, key: Key, outcome: Outcome) {
        match outcome {
            Outcome::Waiting => {}
            Outcome::Busy if self.busy.contains(&key) => {}
            Outcome::Busy => self.busy.push(key),
            Outcome::Finished | Outcome::Broken(_) => {
                if let Some(Job::Relay(relay)) = self.jobs.remove(key) {
                    if outcome != Outcome::Finished {
                        relay.reset();
                    }
                    relay.recycle(&mut self.pipes);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests;
