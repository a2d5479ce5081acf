//! The ports by which redirected connections reach the engine's own listeners: which are in use, and whose they are.

use crate::slab::Key;
use std::collections::VecDeque;

/// Ports of one listener: 1024 to 65535.
pub const PORTS: u32 = 65_536 - FIRST as u32;
const FIRST: u16 = 1024;
/// Listeners that may exist; each has a port space of its own, which the kernel tells apart.
pub const MAX_LISTENERS: usize = 8;

/// A port of one of the listeners.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NatPort(u32);

impl NatPort {
    /// The port `port` towards listener number `listener`; `None` below 1024.
    pub fn new(listener: usize, port: u16) -> Option<Self> {
        let offset = port.checked_sub(FIRST)?;
        Some(Self(listener as u32 * PORTS + u32::from(offset)))
    }

    /// Number of the listener.
    pub fn listener(self) -> usize {
        (self.0 / PORTS) as usize
    }

    /// The port.
    pub fn port(self) -> u16 {
        FIRST + (self.0 % PORTS) as u16
    }
}

/// What an allocation found.
#[derive(Debug, PartialEq, Eq)]
pub enum Allocation {
    Port(NatPort),
    /// Every port is in use; another listener would bring more.
    NeedsListener,
    /// Every port of every listener is in use.
    Exhausted,
}

/// The port spaces of all listeners. A port is free again only when its owner says so, which is after both ends
/// of the connection are closed and TIME_WAIT has passed: Linux would answer an early reuse with an old ACK.
#[derive(Default)]
pub struct PortSpace {
    owners: Vec<Option<Key>>,
    free: VecDeque<NatPort>,
    listeners: usize,
}

impl PortSpace {
    /// Takes the port that has been free for longest, else one never used.
    pub fn allocate(&mut self, owner: Key) -> Allocation {
        if let Some(port) = self.free.pop_front() {
            self.owners[port.0 as usize] = Some(owner);
            return Allocation::Port(port);
        }
        if self.owners.len() < self.listeners * PORTS as usize {
            self.owners.push(Some(owner));
            return Allocation::Port(NatPort(self.owners.len() as u32 - 1));
        }
        if self.listeners < MAX_LISTENERS {
            return Allocation::NeedsListener;
        }
        Allocation::Exhausted
    }

    /// Adds the port space of one more listener.
    pub fn add_listener(&mut self) {
        self.listeners += 1;
    }

    /// Whose port this is.
    pub fn owner(&self, port: NatPort) -> Option<Key> {
        self.owners.get(port.0 as usize).copied().flatten()
    }

    /// Gives a port back.
    pub fn release(&mut self, port: NatPort) {
        if let Some(owner) = self.owners.get_mut(port.0 as usize)
            && owner.take().is_some()
        {
            self.free.push_back(port);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn taken(allocation: Allocation) -> NatPort {
        match allocation {
            Allocation::Port(port) => port,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn ports_are_reused_oldest_first() {
        let key = Key::unpack(7);
        let mut space = PortSpace::default();
        assert_eq!(space.allocate(key), Allocation::NeedsListener);
        space.add_listener();
        let first = taken(space.allocate(key));
        let second = taken(space.allocate(key));
        assert_eq!(
            (first.port(), first.listener(), second.port()),
            (1024, 0, 1025)
        );
        assert_eq!(space.owner(first), Some(key));
        space.release(second);
        space.release(first);
        space.release(first);
        assert_eq!(space.owner(first), None);
        assert_eq!(taken(space.allocate(key)), second);
        assert_eq!(taken(space.allocate(key)), first);
        assert_eq!(taken(space.allocate(key)).port(), 1026);
    }

    #[test]
    fn a_full_space_asks_for_listeners_until_there_are_enough() {
        let key = Key::unpack(0);
        let mut space = PortSpace::default();
        space.add_listener();
        for _ in 0..PORTS {
            taken(space.allocate(key));
        }
        assert_eq!(space.allocate(key), Allocation::NeedsListener);
        space.add_listener();
        let port = taken(space.allocate(key));
        assert_eq!((port.listener(), port.port()), (1, 1024));
        assert_eq!(NatPort::new(1, 1024), Some(port));
        assert_eq!(NatPort::new(0, 1023), None);
    }
}
