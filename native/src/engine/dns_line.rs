//! Questions that come faster than JavaScript takes them. They wait here, owners in turn, so that a flood of one is nobody
//! else's delay and pushes out nothing but its own.

use crate::engine::dns_desk::Asker;
use crate::engine::flow::Tuple;
use crate::engine::owner::Owner;
use std::collections::{HashMap, VecDeque};
use std::net::SocketAddr;

/// Questions of an owner that may wait, and their bytes; beyond it its longest waiting one is forgotten.
const MOST_OF_ONE: usize = 512;
const MOST_BYTES_OF_ONE: usize = 256 * 1024;
/// Of all; beyond it whoever has most loses its longest waiting one.
const MOST: usize = 2_048;
/// How long it is remembered whose a socket is, and of how many.
const MEMORY_MS: u64 = 1_000;
const MOST_REMEMBERED: usize = 1_024;

/// A question that has no token yet.
#[derive(Debug, PartialEq, Eq)]
pub struct Question {
    pub asker: Asker,
    pub ends: Tuple,
    pub message: Vec<u8>,
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

#[derive(Default)]
struct Queue {
    questions: VecDeque<Question>,
    bytes: usize,
}

impl Queue {
    fn pop(&mut self) -> Option<Question> {
        let question = self.questions.pop_front()?;
        self.bytes -= question.message.len();
        Some(question)
    }
}

#[derive(Default)]
pub struct DnsLine {
    queues: HashMap<Owner, Queue>,
    /// Owners with questions, the next one first.
    turns: VecDeque<Owner>,
    count: usize,
    remembered: HashMap<(bool, SocketAddr), Owner>,
    remembered_since: u64,
}

impl DnsLine {
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Whose the socket is that asks. All that are forwarded are one: addresses cost them nothing.
    pub fn owner_of(&mut self, asker: Asker, ends: Tuple, now: u64) -> Owner {
        let is_old = now.saturating_sub(self.remembered_since) >= MEMORY_MS;
        if is_old || self.remembered.len() >= MOST_REMEMBERED {
            self.remembered.clear();
            self.remembered_since = now;
        }
        let is_tcp = matches!(asker, Asker::Tcp(_));
        *self
            .remembered
            .entry((is_tcp, ends.client))
            .or_insert_with(|| {
                let owner = if is_tcp {
                    Owner::of_tcp(ends.client, ends.destination)
                } else {
                    Owner::of_udp(ends.client, ends.destination)
                };
                owner.charged().last().unwrap_or(owner)
            })
    }

    /// Puts a question behind its owner's others. Gives back those that are forgotten for it.
    pub fn push(&mut self, owner: Owner, question: Question) -> Vec<Question> {
        let mut forgotten = Vec::new();
        let queue = self.queues.entry(owner).or_default();
        if queue.questions.is_empty() {
            self.turns.push_back(owner);
        }
        queue.bytes += question.message.len();
        queue.questions.push_back(question);
        self.count += 1;
        while queue.questions.len() > MOST_OF_ONE || queue.bytes > MOST_BYTES_OF_ONE {
            forgotten.extend(queue.pop());
            self.count -= 1;
        }
        if queue.questions.is_empty() {
            self.leave(owner);
        }
        if self.count > MOST {
            let greatest = self
                .queues
                .iter()
                .max_by_key(|(_, queue)| queue.questions.len());
            if let Some(greatest) = greatest.map(|(owner, _)| *owner) {
                forgotten.extend(self.pop(greatest));
            }
        }
        forgotten
    }

    /// The longest waiting question of the owner whose turn it is, and whose it is.
    pub fn take(&mut self) -> Option<(Owner, Question)> {
        let owner = self.turns.pop_front()?;
        self.turns.push_back(owner);
        Some((owner, self.pop(owner)?))
    }

    fn pop(&mut self, owner: Owner) -> Option<Question> {
        let queue = self.queues.get_mut(&owner)?;
        let question = queue.pop()?;
        self.count -= 1;
        if queue.questions.is_empty() {
            self.leave(owner);
        }
        Some(question)
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

    #[test]
    fn one_question_beside_a_flood_is_the_next_but_one() {
        let mut line = DnsLine::default();
        for _ in 0..10_000 {
            line.push(Owner::User(4_321), question(40));
        }
        line.push(Owner::User(1_000), question(7));
        assert_eq!(line.count, MOST_OF_ONE + 1);
        line.take();
        assert_eq!(line.take(), Some((Owner::User(1_000), question(7))));
        let rest = std::iter::from_fn(|| line.take()).count();
        assert_eq!((rest, line.is_empty()), (MOST_OF_ONE - 1, true));
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
        let mut line = DnsLine::default();
        let forgotten: usize = (0..100)
            .map(|_| line.push(Owner::Machine, question(65_000)).len())
            .sum();
        assert_eq!((line.count, forgotten), (4, 96));
        line.push(Owner::Machine, question(MOST_BYTES_OF_ONE + 1));
        assert!(line.is_empty() && line.take().is_none());
    }

    proptest! {
        #[test]
        fn bounds_hold_and_every_question_leaves_once(
            steps in prop::collection::vec((0u32..12, 0usize..2_000, any::<bool>()), 0..3_000)
        ) {
            let mut line = DnsLine::default();
            let (mut pushed, mut left) = (0, 0);
            for (uid, length, is_push) in steps {
                if is_push {
                    pushed += 1;
                    left += line.push(Owner::User(uid), question(length)).len();
                } else {
                    left += usize::from(line.take().is_some());
                }
                prop_assert_eq!(line.count, pushed - left);
                prop_assert!(line.count <= MOST);
                prop_assert_eq!(line.turns.len(), line.queues.len());
            }
            let rest = std::iter::from_fn(|| line.take()).count();
            prop_assert_eq!(pushed, left + rest);
            prop_assert!(line.queues.is_empty() && line.turns.is_empty());
        }
    }
}
