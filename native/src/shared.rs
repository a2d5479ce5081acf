//! What the JavaScript thread and the engine's thread have in common: two queues, and figures.

use crate::command::Command;
use crate::counters::Counters;
use crate::event::Event;
use crate::metrics::Metrics;
use crate::question_pace::QuestionPace;
use crate::sys::epoll::Waker;
use std::io;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

/// Shared by reference count; every method may be called from any thread and none blocks for long.
pub struct Shared {
    commands: Mutex<Vec<Command>>,
    events: Mutex<Vec<Event>>,
    /// Changed only with `events` locked.
    questions_waiting: AtomicUsize,
    pace: Mutex<QuestionPace>,
    /// Of the pace: the engine asks at every question.
    question_limit: AtomicUsize,
    /// Whether the engine has more questions for JavaScript than it takes at a time.
    wants_questions_taken: AtomicBool,
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
            questions_waiting: AtomicUsize::new(0),
            question_limit: AtomicUsize::new(QuestionPace::default().limit()),
            pace: Mutex::default(),
            wants_questions_taken: AtomicBool::new(false),
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
        let asked = batch.iter().map(Event::questions).sum();
        self.questions_waiting.fetch_add(asked, Ordering::Relaxed);
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
        lock(&self.pace).turn_begins(Instant::now(), self.questions_waiting());
        self.take_events()
    }

    /// All events so far, for JavaScript. Nothing is announced until it is ready for the next ones.
    pub fn take_events(&self) -> Vec<Event> {
        let taken = {
            let mut events = lock(&self.events);
            self.questions_waiting.store(0, Ordering::Relaxed);
            std::mem::take(&mut *events)
        };
        if self.wants_questions_taken.load(Ordering::Acquire) {
            self.waker.wake();
        }
        taken
    }

    /// JavaScript has dealt with what it took, and with what else waited for its thread: the next events are announced once.
    pub fn ready(&self) {
        let limit = {
            let mut pace = lock(&self.pace);
            pace.turn_ends(Instant::now());
            pace.limit()
        };
        self.question_limit.store(limit, Ordering::Relaxed);
        self.announced.store(false, Ordering::Release);
        let has_events = !lock(&self.events).is_empty();
        if has_events && !self.announced.swap(true, Ordering::AcqRel) {
            (self.announce)();
        }
    }

    /// Whether the engine is to be woken when JavaScript takes the questions that it has.
    pub fn want_questions_taken(&self, is_wanted: bool) {
        self.wants_questions_taken
            .store(is_wanted, Ordering::Release);
        // It may have taken them just before.
        if is_wanted && self.questions_waiting() == 0 {
            self.waker.wake();
        }
    }

    /// Questions that JavaScript is to have at a time.
    pub fn question_limit(&self) -> usize {
        self.question_limit.load(Ordering::Relaxed)
    }

    /// Questions that JavaScript has not taken yet.
    pub fn questions_waiting(&self) -> usize {
        self.questions_waiting.load(Ordering::Relaxed)
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
