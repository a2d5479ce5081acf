//! What comes faster than JavaScript takes it: questions, and new flows. It waits here, owners in turn, so that a flood of one is
//! nobody else's delay and pushes out nothing but its own.

use crate::engine::dns_desk::Asker;
use crate::engine::flow::Tuple;
use crate::engine::owner::Owner;
use crate::event::Event;
use std::collections::{HashMap, VecDeque};

/// What may wait at most.
pub struct Most {
    /// Of an owner, and their bytes; beyond it its longest waiting one is forgotten.
    of_one: usize,
    bytes_of_one: usize,
    /// Of all; beyond it whoever has most loses its longest waiting one.
    of_all: usize,
}

pub const QUESTIONS: Most = Most {
    of_one: 512,
    bytes_of_one: 256 * 1024,
    of_all: 2_048,
};
/// `Held` bounds those that live.
pub const FLOWS: Most = Most {
    of_one: usize::MAX,
    bytes_of_one: usize::MAX,
    of_all: usize::MAX,
};
/// Whoever has more waiting is a crowd.
const FEW: usize = 8;

/// Something that waits.
pub trait Item {
    /// What of it is counted besides itself.
    fn bytes(&self) -> usize;
}

/// A question that has no token yet.
#[derive(Debug, PartialEq, Eq)]
pub struct Question {
    pub asker: Asker,
    pub ends: Tuple,
    pub message: Vec<u8>,
}

impl Item for Question {
    fn bytes(&self) -> usize {
        self.message.len()
    }
}

/// A new flow: its number, and how it is told.
pub struct Opening(pub u64, pub Event);

impl Item for Opening {
    fn bytes(&self) -> usize {
        0
    }
}

impl Question {
    /// It given back as its own answer: nobody had time for it (SERVFAIL, RFC 1035 section 4.1.1).
    pub fn refused(self) -> Vec<u8> {
        let mut message = self.message;
        if let Some(flags) = message.get_mut(2..4) {
            flags[0] = flags[0] & 0x79 | 0x80;
            flags[1] = flags[1] & 0x10 | 0x82;
        }
        message
    }
}

struct Queue<T> {
    items: VecDeque<T>,
    bytes: usize,
}

impl<T: Item> Queue<T> {
    fn pop(&mut self) -> Option<T> {
        let item = self.items.pop_front()?;
        self.bytes -= item.bytes();
        Some(item)
    }
}

/// What was taken out of a line, and whether its owner is a crowd.
pub struct Taken<T> {
    pub owner: Owner,
    pub item: T,
    pub is_of_crowd: bool,
}

pub struct Line<T> {
    most: Most,
    queues: HashMap<Owner, Queue<T>>,
    /// Owners with something here, the next one first.
    turns: VecDeque<Owner>,
    count: usize,
}

impl<T: Item> Line<T> {
    pub fn new(most: Most) -> Self {
        Self {
            most,
            queues: HashMap::new(),
            turns: VecDeque::new(),
            count: 0,
        }
    }

    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Of an owner.
    pub fn waiting(&self, owner: Owner) -> usize {
        self.queues.get(&owner).map_or(0, |queue| queue.items.len())
    }

    /// Puts one behind its owner's others. Gives back those that are forgotten for it.
    pub fn push(&mut self, owner: Owner, item: T) -> Vec<T> {
        let mut forgotten = Vec::new();
        let queue = self.queues.entry(owner).or_insert_with(|| Queue {
            items: VecDeque::new(),
            bytes: 0,
        });
        if queue.items.is_empty() {
            self.turns.push_back(owner);
        }
        queue.bytes += item.bytes();
        queue.items.push_back(item);
        self.count += 1;
        while queue.items.len() > self.most.of_one || queue.bytes > self.most.bytes_of_one {
            forgotten.extend(queue.pop());
            self.count -= 1;
        }
        if queue.items.is_empty() {
            self.leave(owner);
        }
        if self.count > self.most.of_all {
            let greatest = self
                .queues
                .iter()
                .max_by_key(|(_, queue)| queue.items.len());
            if let Some(greatest) = greatest.map(|(owner, _)| *owner) {
                forgotten.extend(self.pop(greatest));
            }
        }
        forgotten
    }

    /// The longest waiting one of the owner whose turn it is; of those who are no crowd, unless `crowds` may have a turn.
    pub fn take(&mut self, crowds: bool) -> Option<Taken<T>> {
        for _ in 0..self.turns.len() {
            let owner = self.turns.pop_front()?;
            self.turns.push_back(owner);
            let is_of_crowd = self.waiting(owner) > FEW;
            if crowds || !is_of_crowd {
                let item = self.pop(owner)?;
                return Some(Taken {
                    owner,
                    item,
                    is_of_crowd,
                });
            }
        }
        None
    }

    /// Takes out what is no longer wanted.
    pub fn retain(&mut self, owner: Owner, wanted: impl FnMut(&T) -> bool) {
        let Some(queue) = self.queues.get_mut(&owner) else {
            return;
        };
        self.count -= queue.items.len();
        queue.items.retain(wanted);
        queue.bytes = queue.items.iter().map(Item::bytes).sum();
        self.count += queue.items.len();
        if queue.items.is_empty() {
            self.leave(owner);
        }
    }

    fn pop(&mut self, owner: Owner) -> Option<T> {
        let queue = self.queues.get_mut(&owner)?;
        let item = queue.pop()?;
        self.count -= 1;
        if queue.items.is_empty() {
            self.leave(owner);
        }
        Some(item)
    }

    fn leave(&mut self, owner: Owner) {
        self.queues.remove(&owner);
        self.turns.retain(|each| *each != owner);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::net::SocketAddr;

    const ANNA: Owner = Owner::User(1_000);
    const CROWD: Owner = Owner::User(4_321);

    fn question(length: usize) -> Question {
        let address = SocketAddr::from(([127, 0, 0, 1], 9));
        let ends = Tuple {
            client: address,
            destination: address,
        };
        Question {
            asker: Asker::Udp(ends),
            ends,
            message: vec![0; length],
        }
    }

    fn take(line: &mut Line<Question>, crowds: bool) -> Option<(Owner, usize)> {
        let taken = line.take(crowds)?;
        Some((taken.owner, taken.item.message.len()))
    }

    #[test]
    fn one_question_beside_a_flood_is_the_next_but_one() {
        let mut line = Line::new(QUESTIONS);
        for _ in 0..10_000 {
            line.push(CROWD, question(40));
        }
        line.push(ANNA, question(7));
        assert_eq!(line.count, QUESTIONS.of_one + 1);
        take(&mut line, true);
        assert_eq!(take(&mut line, true), Some((ANNA, 7)));
        let rest = std::iter::from_fn(|| line.take(true)).count();
        assert_eq!((rest, line.is_empty()), (QUESTIONS.of_one - 1, true));
    }

    #[test]
    fn while_crowds_rest_those_with_little_are_served() {
        let mut line = Line::new(QUESTIONS);
        for _ in 0..FEW {
            line.push(ANNA, question(7));
            line.push(CROWD, question(40));
        }
        line.push(CROWD, question(40));
        let served: Vec<_> = std::iter::from_fn(|| take(&mut line, false)).collect();
        assert_eq!(served, [(ANNA, 7); FEW]);
        assert_eq!(take(&mut line, true), Some((CROWD, 40)));
        // What it has left is little.
        assert_eq!(std::iter::from_fn(|| line.take(false)).count(), FEW);
    }

    #[test]
    fn what_is_no_longer_wanted_leaves_its_place() {
        let mut line = Line::new(QUESTIONS);
        for length in 0..10 {
            line.push(ANNA, question(length));
        }
        line.push(CROWD, question(1));
        line.retain(ANNA, |question| question.message.len() == 9);
        assert_eq!((line.count, line.waiting(ANNA)), (2, 1));
        line.retain(ANNA, |_| false);
        assert_eq!(take(&mut line, true), Some((CROWD, 1)));
        assert!(line.queues.is_empty() && line.turns.is_empty());
    }

    #[test]
    fn what_is_refused_is_an_answer_to_that_question() {
        let mut asked = question(0);
        asked.message = vec![
            7, 9, 0x01, 0x30, 0, 1, 0, 0, 0, 0, 0, 0, 1, b'a', 0, 0, 1, 0, 1,
        ];
        let answer = asked.refused();
        assert_eq!(&answer[..4], [7, 9, 0x81, 0x92]);
        assert_eq!(
            &answer[4..],
            [0, 1, 0, 0, 0, 0, 0, 0, 1, b'a', 0, 0, 1, 0, 1]
        );
        assert!(question(3).refused().len() == 3);
    }

    #[test]
    fn large_questions_are_bounded_by_their_bytes() {
        let mut line = Line::new(QUESTIONS);
        let forgotten: usize = (0..100)
            .map(|_| line.push(Owner::Machine, question(65_000)).len())
            .sum();
        assert_eq!((line.count, forgotten), (4, 96));
        line.push(Owner::Machine, question(QUESTIONS.bytes_of_one + 1));
        assert!(line.is_empty() && line.take(true).is_none());
    }

    proptest! {
        #[test]
        fn bounds_hold_and_every_question_leaves_once(
            steps in prop::collection::vec((0u32..12, 0usize..2_000, 0u8..4), 0..3_000)
        ) {
            let mut line = Line::new(QUESTIONS);
            let (mut pushed, mut left) = (0, 0);
            for (uid, length, step) in steps {
                if step > 1 {
                    pushed += 1;
                    left += line.push(Owner::User(uid), question(length)).len();
                } else {
                    let taken = line.take(step == 0);
                    prop_assert!(step == 0 || taken.as_ref().is_none_or(|taken| !taken.is_of_crowd));
                    left += usize::from(taken.is_some());
                }
                prop_assert_eq!(line.count, pushed - left);
                prop_assert!(line.count <= QUESTIONS.of_all);
                prop_assert_eq!(line.turns.len(), line.queues.len());
            }
            let rest = std::iter::from_fn(|| line.take(true)).count();
            prop_assert_eq!(pushed, left + rest);
            prop_assert!(line.queues.is_empty() && line.turns.is_empty());
        }
    }
}
