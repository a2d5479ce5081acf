//! Byte counters of the live flows, and when their first byte came, in memory that JavaScript reads without a call.

use std::sync::atomic::{AtomicU64, Ordering};

/// Flows that may live at once.
pub const SLOTS: usize = 131_072;

/// Two counters per slot: up at `2 * slot`, down at `2 * slot + 1`. Behind all of them, at `2 * SLOTS + slot`, the milliseconds
/// from the opening of the flow to the first byte that came back, and one; 0 before.
pub struct Counters {
    cells: Box<[AtomicU64]>,
}

impl Counters {
    /// All zero.
    pub fn new() -> Self {
        let cells = std::iter::repeat_with(AtomicU64::default).take(SLOTS * 3);
        Self {
            cells: cells.collect(),
        }
    }

    /// The memory, for JavaScript to read: `SLOTS * 3` entries that live as long as this object.
    pub fn cells(&self) -> &[AtomicU64] {
        &self.cells
    }

    /// Notes the first byte of a slot. Only the engine's thread writes.
    pub fn set_first_byte(&self, slot: u32, ms: u64) {
        self.cells[SLOTS * 2 + slot as usize].store(ms + 1, Ordering::Relaxed);
    }

    /// Milliseconds until the first byte; `None` before.
    pub fn first_byte(&self, slot: u32) -> Option<u64> {
        let cell = &self.cells[SLOTS * 2 + slot as usize];
        cell.load(Ordering::Relaxed).checked_sub(1)
    }

    /// All zero, for a flow that begins.
    pub fn clear(&self, slot: u32) {
        self.set(slot, 0, 0);
        self.cells[SLOTS * 2 + slot as usize].store(0, Ordering::Relaxed);
    }

    /// Sets both counters of a slot. Only the engine's thread writes.
    pub fn set(&self, slot: u32, up: u64, down: u64) {
        let at = slot as usize * 2;
        self.cells[at].store(up, Ordering::Relaxed);
        self.cells[at + 1].store(down, Ordering::Relaxed);
    }
}

/// Which slots are in use; the lowest free one is given out, so that readers look at a short prefix.
pub struct Slots {
    free: std::collections::BTreeSet<u32>,
    fresh: u32,
}

impl Slots {
    /// All free.
    pub fn new() -> Self {
        Self {
            free: Default::default(),
            fresh: 0,
        }
    }

    /// A free slot, `None` if every one is in use.
    pub fn take(&mut self) -> Option<u32> {
        if let Some(slot) = self.free.pop_first() {
            return Some(slot);
        }
        if (self.fresh as usize) < SLOTS {
            self.fresh += 1;
            return Some(self.fresh - 1);
        }
        None
    }

    /// Gives a slot back.
    pub fn give(&mut self, slot: u32) {
        self.free.insert(slot);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_are_reused_and_bounded() {
        let mut slots = Slots::new();
        assert_eq!(
            (slots.take(), slots.take(), slots.take()),
            (Some(0), Some(1), Some(2))
        );
        slots.give(1);
        assert_eq!((slots.take(), slots.take()), (Some(1), Some(3)));
        while slots.take().is_some() {}
        slots.give(7);
        assert_eq!((slots.take(), slots.take()), (Some(7), None));
    }
}
