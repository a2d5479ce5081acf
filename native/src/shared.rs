//! What the JavaScript thread and the engine's thread have in common: two queues, and figures.

use crate::command::Command;
use crate::counters::Counters;
use crate::event::Event;
use crate::metrics::Metrics;
use crate::pace::{Kind, Pace};
use crate::sys::epoll::Waker;
use crate::sys::process::monotonic_ms;
use std::io;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering, fence};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

/// How long crowds rest after a turn with something of theirs, in times of what it took: they have a third of the thread at most.
const REST: u32 = 2;
/// Milliseconds: a turn that long was not their fault alone.
const LONGEST_REST_MS: u64 = 30;
/// `rest_until` while a turn with something of theirs is to come or under way.
const UNTIL_A_TURN_ENDS: u64 = u64::MAX;

/// Shared by reference count; every method may be called from any thread and none blocks for long.
pub struct Shared {
    commands: Mutex<Vec<Command>>,
    events: Mutex<Vec<Event>>,
    /// What of each kind waits among them. Changed only with `events` locked.
    told: [AtomicUsize; 2],
    pace: Mutex<Pace>,
    /// Of the pace: the engine asks at every question and flow.
    limits: [AtomicUsize; 2],
    /// Whether the engine has more for JavaScript than it takes at a time.
    wants_taken: AtomicBool,
    /// Until when crowds rest; 0 while they need not.
    rest_until: AtomicU64,
    /// Whether the turn that is under way has something of theirs.
    is_crowded: AtomicBool,
    /// Whether JavaScript has been told that events wait, and is not ready for others yet.
    announced: AtomicBool,
    announce: Box<dyn Fn() + Send + Sync>,
    pub waker: Waker,
    pub counters: Counters,
    pub metrics: Metrics,
    pub offloads: Mutex<String>,
}

impl Shared {
    /// `announce` is called when events wait and JavaScript is ready for them; it makes it call `take_events`, and `ready` later.
    pub fn new(announce: Box<dyn Fn() + Send + Sync>) -> io::Result<Self> {
        Ok(Self {
            commands: Mutex::default(),
            events: Mutex::default(),
            told: Default::default(),
            limits: Kind::ALL.map(|kind| AtomicUsize::new(kind.most())),
            pace: Mutex::default(),
            wants_taken: AtomicBool::new(false),
            rest_until: AtomicU64::new(0),
            is_crowded: AtomicBool::new(false),
            announced: AtomicBool::new(false),
            announce,
            waker: Waker::new()?,
            counters: Counters::new(),
            metrics: Metrics::default(),
            offloads: Mutex::default(),
        })
    }

    /// Queues a command for the engine.
    pub fn post_command(&self, command: Command) {
        let mut commands = lock(&self.commands);
        commands.push(command);
        if commands.len() == 1 {
            self.waker.wake();
        }
    }

    /// All commands so far, for the engine.
    pub fn take_commands(&self) -> Vec<Command> {
        self.waker.clear();
        std::mem::take(&mut *lock(&self.commands))
    }

    /// Puts commands that were taken and not carried out before those that have come since.
    pub fn put_back(&self, unfinished: Vec<Command>) {
        lock(&self.commands).splice(0..0, unfinished);
        self.waker.wake();
    }

    /// Queues events for JavaScript, emptying `batch`. Questions that wait already take the next ones with them.
    pub fn post_events(&self, batch: &mut Vec<Event>) {
        let mut events = lock(&self.events);
        for kind in Kind::ALL {
            let told = batch.iter().map(|event| event.told(kind)).sum();
            self.told[kind as usize].fetch_add(told, Ordering::Relaxed);
        }
        let mut rest = batch.drain(..);
        if let (Some(Event::Dns(waiting)), [Event::Dns(next), ..]) =
            (events.last_mut(), rest.as_slice())
            && waiting.takes(next.first_token)
        {
            waiting.append(next);
            rest.next();
        }
        events.extend(rest);
        drop(events);
        if !self.announced.swap(true, Ordering::AcqRel) {
            (self.announce)();
        }
    }

    /// All events so far, for JavaScript, which begins a turn with them and ends it by `ready`.
    pub fn begin_turn(&self) -> Vec<Event> {
        let told = Kind::ALL.map(|kind| self.told(kind));
        lock(&self.pace).turn_begins(Instant::now(), told);
        let taken = self.take_events();
        // Looked at behind the taking: what was taken of crowds was said to be there before.
        let is_crowded = self.rest_until.load(Ordering::Acquire) == UNTIL_A_TURN_ENDS;
        self.is_crowded.store(is_crowded, Ordering::Relaxed);
        taken
    }

    /// All events so far, for JavaScript. Nothing is announced until it is ready for the next ones.
    pub fn take_events(&self) -> Vec<Event> {
        let taken = {
            let mut events = lock(&self.events);
            for told in &self.told {
                told.store(0, Ordering::Relaxed);
            }
            std::mem::take(&mut *events)
        };
        self.wake_if_wanted();
        taken
    }

    /// JavaScript has dealt with what it took, and with what else waited for its thread: the next events are announced once.
    pub fn ready(&self) {
        let took = {
            let mut pace = lock(&self.pace);
            let took = pace.turn_ends(Instant::now());
            for kind in Kind::ALL {
                self.limits[kind as usize].store(pace.limit(kind), Ordering::Relaxed);
            }
            took
        };
        if self.is_crowded.swap(false, Ordering::Relaxed) {
            let rest = (took * REST).as_millis() as u64 + 1;
            let until = monotonic_ms() + rest.min(LONGEST_REST_MS);
            self.rest_until.store(until, Ordering::Release);
            self.wake_if_wanted();
        }
        self.announced.store(false, Ordering::Release);
        let has_events = !lock(&self.events).is_empty();
        if has_events && !self.announced.swap(true, Ordering::AcqRel) {
            (self.announce)();
        }
    }

    /// Whether the engine is to be woken when JavaScript takes what it has, or crowds begin their rest: of what happens after this is
    /// set.
    pub fn want_taken(&self, is_wanted: bool) {
        self.wants_taken.store(is_wanted, Ordering::Release);
        fence(Ordering::SeqCst);
    }

    fn wake_if_wanted(&self) {
        fence(Ordering::SeqCst);
        if self.wants_taken.load(Ordering::Acquire) {
            self.waker.wake();
        }
    }

    /// The engine is about to tell something of crowds: they rest after the turn that it comes in.
    pub fn crowds_told(&self) {
        self.rest_until.store(UNTIL_A_TURN_ENDS, Ordering::Release);
    }

    /// Whether crowds have nothing told now (milliseconds of the monotonic clock).
    pub fn is_resting(&self, now: u64) -> bool {
        now < self.rest_until.load(Ordering::Acquire)
    }

    /// When their rest ends, if that is known.
    pub fn rest_until(&self) -> Option<u64> {
        let until = self.rest_until.load(Ordering::Acquire);
        (until != 0 && until != UNTIL_A_TURN_ENDS).then_some(until)
    }

    /// Crowds have rested.
    #[cfg(test)]
    pub fn end_rest(&self) {
        self.rest_until.store(0, Ordering::Release);
    }

    /// How much of a kind JavaScript is to have at a time.
    pub fn limit(&self, kind: Kind) -> usize {
        self.limits[kind as usize].load(Ordering::Relaxed)
    }

    /// How much of a kind JavaScript has not taken yet.
    pub fn told(&self, kind: Kind) -> usize {
        self.told[kind as usize].load(Ordering::Relaxed)
    }

    /// Events that JavaScript has not taken yet.
    pub fn event_backlog(&self) -> usize {
        lock(&self.events).len()
    }
}

/// A lock that survives a panic of another holder: all data here is consistent between statements.
pub fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
