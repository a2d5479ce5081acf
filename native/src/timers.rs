//! Deadlines of the engine in milliseconds. A deadline cannot be cancelled: who gets it looks whether it still matters.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// Deadlines with a payload each.
pub struct Timers<T: Ord> {
    heap: BinaryHeap<Reverse<(u64, T)>>,
}

impl<T: Ord> Default for Timers<T> {
    fn default() -> Self {
        Self {
            heap: BinaryHeap::new(),
        }
    }
}

impl<T: Ord> Timers<T> {
    /// Gives `payload` back once `at` has come.
    pub fn add(&mut self, at: u64, payload: T) {
        self.heap.push(Reverse((at, payload)));
    }

    /// The next payload whose time has come.
    pub fn pop_due(&mut self, now: u64) -> Option<T> {
        match self.heap.peek() {
            Some(Reverse((at, _))) if *at <= now => {
                self.heap.pop().map(|Reverse((_, payload))| payload)
            }
            _ => None,
        }
    }

    /// Milliseconds until the next one.
    pub fn wait_ms(&self, now: u64) -> Option<u64> {
        let Reverse((at, _)) = self.heap.peek()?;
        Some(at.saturating_sub(now))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gives_back_in_order_of_time() {
        let mut timers = Timers::default();
        assert_eq!(timers.wait_ms(0), None);
        timers.add(30, 'c');
        timers.add(10, 'a');
        timers.add(20, 'b');
        assert_eq!(timers.wait_ms(4), Some(6));
        assert_eq!(timers.pop_due(9), None);
        assert_eq!(timers.pop_due(20), Some('a'));
        assert_eq!(timers.pop_due(20), Some('b'));
        assert_eq!(timers.pop_due(20), None);
        assert_eq!(timers.wait_ms(40), Some(0));
    }
}
