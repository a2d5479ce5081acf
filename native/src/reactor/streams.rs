//! What the reactor's thread has under way: dials, streams that wait for their clients, and those whose bytes it carries.

use super::carried::{Carried, Carrying};
use super::ferry::Ferry;
use super::{CLIENT_BIT, Closing, Job, KEEP_MS, Kept, Purpose, Request, Stream};
use crate::engine::owner::Owner;
use crate::event::{DialFault, DialReport, Failure, Reason};
use crate::outbound::{Opened, Progress};
use crate::pipe_pool::PipePool;
use crate::relay::{COPY_BUFFER, Outcome, Relay, Remote, Side};
use crate::slab::{Key, Slab};
use crate::sys::epoll::{Epoll, STREAM_EDGES};
use crate::sys::socket;
use crate::timers::Timers;
use std::collections::HashMap;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;

/// Milliseconds after which a stream is looked at again at the latest: its deadline may have come nearer.
const LOOK_MS: u64 = 60_000;

/// All of the thread.
pub(super) struct Streams {
    pub epoll: Epoll,
    pub jobs: Slab<Job>,
    /// Those that JavaScript knows by number, and the last number.
    numbers: HashMap<u64, Key>,
    last: u64,
    pub timers: Timers<Key>,
    pipes: PipePool,
    buffer: Box<[u8]>,
    /// Relays that have more to do.
    pub busy: Vec<Key>,
}

impl Streams {
    pub fn new(epoll: Epoll) -> Self {
        Self {
            epoll,
            jobs: Slab::default(),
            numbers: HashMap::new(),
            last: 0,
            timers: Timers::default(),
            pipes: PipePool::default(),
            buffer: vec![0; COPY_BUFFER].into_boxed_slice(),
            busy: Vec::new(),
        }
    }

    pub fn serve(&mut self, request: Request, now: u64) {
        match request {
            Request::Dial(outbound, purpose) => {
                let key = self.jobs.insert(Job::Dial { outbound, purpose });
                self.drive(key, now);
            }
            Request::Ferry(ferry) => self.ferry(ferry),
            Request::Carry {
                number,
                client,
                first,
                carried,
            } => self.carry(number, client, first, carried, now),
            Request::Close(number, how) => self.close(number, how, now),
        }
    }

    pub fn on_ready(&mut self, key: Key, side: Side, bits: u32, now: u64) {
        let outcome = match self.jobs.get_mut(key) {
            Some(Job::Dial { .. }) => return self.drive(key, now),
            Some(Job::Relay(relay)) => {
                relay.on_ready(side, bits, &mut self.pipes, &mut self.buffer)
            }
            Some(Job::Carry(carrying)) => {
                let (pipes, buffer) = (&mut self.pipes, &mut self.buffer);
                let outcome = carrying.relay.on_ready(side, bits, pipes, buffer);
                carrying.touch(now);
                outcome
            }
            Some(Job::Ferry(_)) => return self.pump(key, now),
            // What has come is seen when it is carried.
            Some(Job::Kept { .. }) | None => return,
        };
        self.on_outcome(key, outcome);
    }

    pub fn on_time(&mut self, key: Key, now: u64) {
        match self.jobs.get_mut(key) {
            Some(Job::Dial { .. }) => self.drive(key, now),
            Some(Job::Kept { until, .. }) if now >= *until => self.forget(key),
            Some(Job::Relay(relay)) if relay.greets_at().is_some_and(|at| at <= now) => {
                relay.greet();
                self.pump(key, now);
            }
            Some(Job::Carry(carrying)) => {
                let deadline = carrying.deadline();
                if now < deadline {
                    return self.timers.add(deadline.min(now + LOOK_MS), key);
                }
                if carrying.relay.greets_at().is_some() {
                    carrying.relay.greet();
                    self.timers.add(now + LOOK_MS, key);
                    return self.pump(key, now);
                }
                carrying.relay.reset();
                carrying.finish(Reason::Idle);
                self.forget(key);
            }
            _ => {}
        }
    }

    /// Brings a dial forward.
    fn drive(&mut self, key: Key, now: u64) {
        let Some(Job::Dial { outbound, .. }) = self.jobs.get_mut(key) else {
            return;
        };
        let epoll = &self.epoll;
        let mut watch = |fd: BorrowedFd| epoll.add(fd, key.pack(), STREAM_EDGES);
        let progress = outbound.drive(now, &mut watch);
        if let Progress::Pending { wake } = progress {
            return self.timers.add(wake, key);
        }
        let report = DialReport {
            ms: outbound.elapsed(now),
            attempts: outbound.take_attempts(),
        };
        let Some(Job::Dial { purpose, .. }) = self.jobs.remove(key) else {
            return;
        };
        let opened = match progress {
            Progress::Pending { .. } => return,
            Progress::Failed(fault) => Err(fault),
            Progress::Ready(opened) => {
                self.epoll.remove(opened.fd.as_fd());
                Ok(opened)
            }
        };
        match purpose {
            Purpose::HandOut(done) => {
                done(opened.and_then(|opened| self.hand_out(opened, now).map_err(io_fault)));
            }
            Purpose::Keep(done) => done(
                opened.and_then(|opened| self.keep(opened, now).map_err(io_fault)),
                report,
            ),
        }
    }

    /// Keeps it until JavaScript has a client for it.
    pub fn keep(&mut self, opened: Opened, now: u64) -> io::Result<Kept> {
        self.last += 1;
        let number = self.last;
        let kept = Kept {
            number,
            peer: opened.peer,
            local: socket::local_address(opened.fd.as_fd())?.ip(),
        };
        let until = now + KEEP_MS;
        let key = self.jobs.insert(Job::Kept {
            number,
            opened,
            until,
        });
        self.numbers.insert(number, key);
        self.timers.add(until, key);
        Ok(kept)
    }

    fn carry(
        &mut self,
        number: u64,
        client: OwnedFd,
        first: Vec<u8>,
        carried: Arc<Carried>,
        now: u64,
    ) {
        // One that was kept for too long.
        let kept = self.numbers.remove(&number);
        let Some(Job::Kept { opened, .. }) = kept.and_then(|key| self.jobs.remove(key)) else {
            socket::reset_on_close(client.as_fd());
            return carried.finish(Reason::Stopped);
        };
        let Opened { fd, through, .. } = opened;
        let owner = owner_of(&client);
        let mut relay = Relay::new(client, Remote::new(fd, through), now);
        relay.begin_with(first);
        relay.belongs_to(owner);
        let carrying = Carrying::new(number, relay, carried, now);
        let look = carrying.deadline().min(now + LOOK_MS);
        let key = self.jobs.insert(Job::Carry(carrying));
        self.numbers.insert(number, key);
        match self.watch(key) {
            Ok(()) => self.timers.add(look, key),
            Err(_) => self.on_outcome(key, Outcome::Broken(Side::Remote)),
        }
    }

    fn close(&mut self, number: u64, how: Closing, now: u64) {
        let Some(key) = self.numbers.get(&number).copied() else {
            return;
        };
        let reason = match how {
            Closing::Rerouted => Reason::Rerouted,
            Closing::Graceful | Closing::Reset => Reason::Closed,
        };
        if let Some(Job::Carry(carrying)) = self.jobs.get_mut(key) {
            carrying.close(reason, now);
            if how == Closing::Graceful {
                carrying.relay.finish();
                self.timers.add(carrying.deadline(), key);
                return self.be_busy(key);
            }
            carrying.relay.reset();
            carrying.finish(reason);
        }
        self.forget(key);
    }

    fn forget(&mut self, key: Key) {
        match self.jobs.remove(key) {
            Some(Job::Kept { number, .. }) => {
                self.numbers.remove(&number);
            }
            Some(Job::Carry(Carrying { relay, number, .. })) => {
                self.numbers.remove(&number);
                relay.recycle(&mut self.pipes);
            }
            Some(Job::Relay(relay)) => relay.recycle(&mut self.pipes),
            Some(Job::Dial { .. } | Job::Ferry(_)) | None => {}
        }
    }

    pub fn hand_out(&mut self, opened: Opened, now: u64) -> io::Result<Stream> {
        let Opened {
            fd,
            peer,
            through,
            bound,
        } = opened;
        let local = socket::local_address(fd.as_fd())?.ip();
        let fd = match through {
            None => fd,
            Some(through) => self.pair(Remote::new(fd, Some(through)), now)?,
        };
        Ok(Stream {
            fd,
            peer,
            local,
            bound,
        })
    }

    /// Carries the bytes of a pair, of which this is the other end.
    fn pair(&mut self, remote: Remote, now: u64) -> io::Result<OwnedFd> {
        let (near, far) = socket::pair()?;
        let relay = Relay::new(near, remote, now);
        let greets_at = relay.greets_at();
        let key = self.jobs.insert(Job::Relay(relay));
        let watched = self.watch(key);
        if watched.is_err() {
            self.jobs.remove(key);
        }
        if let Some(at) = greets_at {
            self.timers.add(at, key);
        }
        watched.map(|()| far)
    }

    fn ferry(&mut self, ferry: Box<Ferry>) {
        let key = self.jobs.insert(Job::Ferry(ferry));
        if self.watch(key).is_err() {
            self.jobs.remove(key);
        }
    }

    /// Waits for both ends.
    fn watch(&mut self, key: Key) -> io::Result<()> {
        let (near, far) = match self.jobs.get(key) {
            Some(Job::Relay(relay)) => (relay.client(), relay.remote()),
            Some(Job::Carry(Carrying { relay, .. })) => (relay.client(), relay.remote()),
            Some(Job::Ferry(ferry)) => (ferry.near(), ferry.socket()),
            _ => return Err(io::ErrorKind::NotFound.into()),
        };
        self.epoll
            .add(near, key.pack() | CLIENT_BIT, STREAM_EDGES)?;
        self.epoll.add(far, key.pack(), STREAM_EDGES)?;
        // What came before it was watched, an end among it, no event tells.
        self.be_busy(key);
        Ok(())
    }

    fn be_busy(&mut self, key: Key) {
        if !self.busy.contains(&key) {
            self.busy.push(key);
        }
    }

    pub fn pump(&mut self, key: Key, now: u64) {
        let (pipes, buffer) = (&mut self.pipes, &mut self.buffer);
        let outcome = match self.jobs.get_mut(key) {
            Some(Job::Relay(relay)) => relay.pump_both(pipes, buffer),
            Some(Job::Carry(carrying)) => {
                let outcome = carrying.relay.pump_both(pipes, buffer);
                carrying.touch(now);
                outcome
            }
            Some(Job::Ferry(ferry)) => {
                return match ferry.pump() {
                    Ok(false) => {}
                    Ok(true) => self.be_busy(key),
                    Err(_) => drop(self.jobs.remove(key)),
                };
            }
            _ => return,
        };
        self.on_outcome(key, outcome);
    }

    fn on_outcome(&mut self, key: Key, outcome: Outcome) {
        let reason = match outcome {
            Outcome::Waiting => return,
            Outcome::Busy => return self.be_busy(key),
            Outcome::Finished => Reason::Done,
            Outcome::Broken(Side::Client) => Reason::ResetByClient,
            Outcome::Broken(Side::Remote) => match self.jobs.get(key) {
                Some(Job::Carry(carrying)) if carrying.relay.is_unreadable() => Reason::Unreadable,
                _ => Reason::ResetByRemote,
            },
        };
        let relay = match self.jobs.get(key) {
            Some(Job::Relay(relay)) => relay,
            Some(Job::Carry(carrying)) => {
                carrying.finish(reason);
                &carrying.relay
            }
            _ => return,
        };
        if outcome != Outcome::Finished {
            relay.reset();
        }
        self.forget(key);
    }
}

/// Who the client is, if it is a connection by an address.
fn owner_of(client: &OwnedFd) -> Option<Owner> {
    let peer = socket::peer_address(client.as_fd()).ok()?;
    let local = socket::local_address(client.as_fd()).ok()?;
    Some(Owner::of_tcp(peer, local))
}

fn io_fault(error: io::Error) -> DialFault {
    DialFault::plain(Failure::Io, error.to_string())
}
