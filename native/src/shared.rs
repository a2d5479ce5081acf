//! What the JavaScript thread and the engine's thread have in common: two queues, the accepted streams, figures.

use crate::command::Command;
use crate::counters::Counters;
use crate::event::Event;
use crate::metrics::Metrics;
use crate::sys::epoll::Waker;
use std::collections::HashMap;
use std::io;
use std::os::fd::OwnedFd;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Shared by reference count; every method may be called from any thread and none blocks for long.
pub struct Shared {
    commands: Mutex<Vec<Command>>,
    events: Mutex<Vec<Event>>,
    /// Changed only with `events` locked.
    questions_waiting: AtomicUsize,
    /// Whether JavaScript has been told that events wait and has not taken them yet.
    announced: AtomicBool,
    streams: Mutex<HashMap<u64, OwnedFd>>,
    announce: Box<dyn Fn() + Send + Sync>,
    pub waker: Waker,
    pub counters: Counters,
    pub metrics: Metrics,
    pub offloads: Mutex<String>,
}

impl Shared {
    /// `announce` is called when events wait and none were announced before; it makes JavaScript call `take_events`.
    pub fn new(announce: Box<dyn Fn() + Send + Sync>) -> io::Result<Self> {
        Ok(Self {
            commands: Mutex::default(),
            events: Mutex::default(),
            questions_waiting: AtomicUsize::new(0),
            announced: AtomicBool::new(false),
            streams: Mutex::default(),
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

    /// All events so far, for JavaScript.
    pub fn take_events(&self) -> Vec<Event> {
        self.announced.store(false, Ordering::Release);
        let mut events = lock(&self.events);
        self.questions_waiting.store(0, Ordering::Relaxed);
        std::mem::take(&mut *events)
    }

    /// Questions that JavaScript has not taken yet.
    pub fn questions_waiting(&self) -> usize {
        self.questions_waiting.load(Ordering::Relaxed)
    }

    /// Events that JavaScript has not taken yet.
    pub fn event_backlog(&self) -> usize {
        lock(&self.events).len()
    }

    /// Keeps an accepted connection until it is taken.
    pub fn put_stream(&self, id: u64, fd: OwnedFd) {
        lock(&self.streams).insert(id, fd);
    }

    /// An accepted connection, once.
    pub fn take_stream(&self, id: u64) -> Option<OwnedFd> {
        lock(&self.streams).remove(&id)
    }

    /// Closes the connections nobody took.
    pub fn clear_streams(&self) {
        lock(&self.streams).clear();
    }
}

/// A lock that survives a panic of another holder: all data here is consistent between statements.
pub fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
