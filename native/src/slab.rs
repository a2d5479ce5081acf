//! A table whose keys are never mistaken for those of an earlier entry in the same place.

/// Place and generation of an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Key {
    index: u32,
    generation: u32,
}

/// Bits of a generation that `Key::pack` keeps.
const GENERATION_BITS: u32 = 24;
const GENERATION_MASK: u32 = (1 << GENERATION_BITS) - 1;

impl Key {
    /// The key in 56 bits.
    pub fn pack(self) -> u64 {
        u64::from(self.generation) << 32 | u64::from(self.index)
    }

    /// The key that `pack` made.
    pub fn unpack(bits: u64) -> Self {
        Self {
            index: bits as u32,
            generation: (bits >> 32) as u32 & GENERATION_MASK,
        }
    }
}

enum Entry<T> {
    Free { next: Option<u32> },
    Used(T),
}

/// The table.
pub struct Slab<T> {
    entries: Vec<(u32, Entry<T>)>,
    free: Option<u32>,
    used: usize,
}

impl<T> Default for Slab<T> {
    fn default() -> Self {
        Self {
            entries: Vec::new(),
            free: None,
            used: 0,
        }
    }
}

impl<T> Slab<T> {
    /// Adds an entry.
    pub fn insert(&mut self, value: T) -> Key {
        self.used += 1;
        if let Some(index) = self.free {
            let (generation, entry) = &mut self.entries[index as usize];
            if let Entry::Free { next } = entry {
                self.free = *next;
            }
            *entry = Entry::Used(value);
            return Key {
                index,
                generation: *generation,
            };
        }
        let index = self.entries.len() as u32;
        self.entries.push((0, Entry::Used(value)));
        Key {
            index,
            generation: 0,
        }
    }

    pub fn get(&self, key: Key) -> Option<&T> {
        match self.entries.get(key.index as usize) {
            Some((generation, Entry::Used(value))) if *generation == key.generation => Some(value),
            _ => None,
        }
    }

    pub fn get_mut(&mut self, key: Key) -> Option<&mut T> {
        match self.entries.get_mut(key.index as usize) {
            Some((generation, Entry::Used(value))) if *generation == key.generation => Some(value),
            _ => None,
        }
    }

    /// Takes an entry out; its key is dead from then on.
    pub fn remove(&mut self, key: Key) -> Option<T> {
        self.get(key)?;
        let (generation, entry) = &mut self.entries[key.index as usize];
        *generation = (*generation + 1) & GENERATION_MASK;
        let old = std::mem::replace(entry, Entry::Free { next: self.free });
        self.free = Some(key.index);
        self.used -= 1;
        match old {
            Entry::Used(value) => Some(value),
            Entry::Free { .. } => None,
        }
    }

    /// Number of entries.
    pub fn len(&self) -> usize {
        self.used
    }

    /// The keys of all entries at this moment.
    pub fn keys(&self) -> Vec<Key> {
        let used = self.entries.iter().enumerate();
        used.filter(|(_, (_, entry))| matches!(entry, Entry::Used(_)))
            .map(|(index, (generation, _))| Key {
                index: index as u32,
                generation: *generation,
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_dies_with_its_entry() {
        let mut slab = Slab::default();
        let first = slab.insert("first");
        assert_eq!(Key::unpack(first.pack()), first);
        assert_eq!(slab.remove(first), Some("first"));
        let second = slab.insert("second");
        assert_eq!(slab.get(first), None);
        assert_eq!(slab.remove(first), None);
        assert_eq!(slab.get(Key::unpack(second.pack())), Some(&"second"));
        assert_eq!((slab.len(), slab.keys()), (1, vec![second]));
    }
}
