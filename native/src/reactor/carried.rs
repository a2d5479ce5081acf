//! A client's stream that is carried for JavaScript: what both threads know of it.

use crate::event::Reason;
use crate::relay::Relay;
use crate::shared::lock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

/// How it ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct End {
    pub bytes: (u64, u64),
    /// Milliseconds from its beginning to the first byte that came back.
    pub first_byte: Option<u64>,
    pub reason: Reason,
}

/// Called once, on any thread.
pub type Told = Box<dyn FnOnce(End) + Send>;

/// What JavaScript sees of it.
#[derive(Default)]
pub struct Carried {
    up: AtomicU64,
    down: AtomicU64,
    /// One more than the milliseconds; 0 before.
    first_byte: AtomicU64,
    end: Mutex<Ending>,
}

#[derive(Default)]
enum Ending {
    #[default]
    Open,
    Awaited(Told),
    Over(End),
}

impl Carried {
    /// Bytes that the remote side and the client have taken.
    pub fn bytes(&self) -> (u64, u64) {
        let of = |count: &AtomicU64| count.load(Ordering::Relaxed);
        (of(&self.up), of(&self.down))
    }

    /// Milliseconds from its beginning to the first byte that came back.
    pub fn first_byte(&self) -> Option<u64> {
        self.first_byte.load(Ordering::Relaxed).checked_sub(1)
    }

    /// Tells its end, also one that was already. For one who asks.
    pub fn on_end(&self, told: Told) {
        let mut ending = lock(&self.end);
        if let Ending::Over(end) = *ending {
            drop(ending);
            return told(end);
        }
        *ending = Ending::Awaited(told);
    }

    fn note(&self, (up, down): (u64, u64), age: u64) {
        self.up.store(up, Ordering::Relaxed);
        self.down.store(down, Ordering::Relaxed);
        if down > 0 && self.first_byte.load(Ordering::Relaxed) == 0 {
            self.first_byte.store(age + 1, Ordering::Relaxed);
        }
    }

    /// It is over; only the first reason counts.
    pub fn finish(&self, reason: Reason) {
        let end = End {
            bytes: self.bytes(),
            first_byte: self.first_byte(),
            reason,
        };
        let mut ending = lock(&self.end);
        if let Ending::Over(_) = *ending {
            return;
        }
        let before = std::mem::replace(&mut *ending, Ending::Over(end));
        drop(ending);
        if let Ending::Awaited(told) = before {
            told(end);
        }
    }
}

/// The reactor's side of it.
pub struct Carrying {
    pub number: u64,
    pub relay: Relay,
    carried: Ender,
    begun: u64,
    touched: u64,
    /// Why and since when it is ending, once somebody wants that.
    closing: Option<(Reason, u64)>,
}

impl Carrying {
    pub fn new(number: u64, relay: Relay, carried: Arc<Carried>, now: u64) -> Self {
        Self {
            number,
            relay,
            carried: Ender(carried),
            begun: now,
            touched: now,
            closing: None,
        }
    }

    /// Something has moved.
    pub fn touch(&mut self, now: u64) {
        self.touched = now;
        self.carried.0.note(self.relay.bytes(), now - self.begun);
    }

    /// When it is given up unless something happens.
    pub fn deadline(&self) -> u64 {
        let closing_since = self.closing.map(|(_, since)| since);
        self.relay.deadline(self.touched, closing_since)
    }

    /// It is to end, for this reason unless there is one already.
    pub fn close(&mut self, reason: Reason, now: u64) {
        self.closing.get_or_insert((reason, now));
    }

    /// It is over.
    pub fn finish(&self, reason: Reason) {
        self.carried
            .0
            .finish(self.closing.map_or(reason, |(wanted, _)| wanted));
    }
}

/// Whatever becomes of the thread, there is an end.
struct Ender(Arc<Carried>);

impl Drop for Ender {
    fn drop(&mut self) {
        self.0.finish(Reason::Stopped);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc;

    #[test]
    fn the_first_end_is_told_once_whenever_it_is_asked_for() {
        for asks_first in [true, false] {
            let (sender, ends) = mpsc::channel();
            let told: Told = Box::new(move |end: End| sender.send(end).unwrap());
            let carried = Carried::default();
            carried.note((3, 5), 7);
            carried.note((4, 9), 20);
            if asks_first {
                carried.on_end(told);
                carried.finish(Reason::Done);
            } else {
                carried.finish(Reason::Done);
                carried.on_end(told);
            }
            carried.finish(Reason::Stopped);
            let expected = End {
                bytes: (4, 9),
                first_byte: Some(7),
                reason: Reason::Done,
            };
            assert_eq!(ends.iter().collect::<Vec<_>>(), [expected]);
        }
    }
}
