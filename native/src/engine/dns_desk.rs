//! Questions to port 53 that JavaScript has not answered yet.

use crate::slab::Key;
use std::collections::{HashMap, VecDeque};
use std::net::SocketAddrV4;

/// How long an answer is waited for: resolvers ask again long before.
const TIMEOUT_MS: u64 = 30_000;
/// Questions that may wait at once; the oldest give way.
const MAX_WAITING: usize = 8_192;

/// Where an answer goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asker {
    Udp {
        source: SocketAddrV4,
        destination: SocketAddrV4,
    },
    Tcp(Key),
}

/// The waiting questions.
#[derive(Default)]
pub struct DnsDesk {
    waiting: HashMap<u64, Asker>,
    order: VecDeque<(u64, u64)>,
    last_token: u64,
}

impl DnsDesk {
    /// Notes a question; the token is given back with its answer.
    pub fn ask(&mut self, asker: Asker, now: u64) -> u64 {
        while let Some((asked_at, token)) = self.order.front().copied() {
            let is_answered = !self.waiting.contains_key(&token);
            let is_old = now.saturating_sub(asked_at) >= TIMEOUT_MS;
            if !is_answered && !is_old && self.waiting.len() < MAX_WAITING {
                break;
            }
            self.waiting.remove(&token);
            self.order.pop_front();
        }
        self.last_token += 1;
        self.waiting.insert(self.last_token, asker);
        self.order.push_back((now, self.last_token));
        self.last_token
    }

    /// Who asked; `None` for an unknown, answered or forgotten token.
    pub fn take(&mut self, token: u64) -> Option<Asker> {
        self.waiting.remove(&token)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_find_their_asker_once() {
        let mut desk = DnsDesk::default();
        let asker = Asker::Tcp(Key::unpack(1));
        let token = desk.ask(asker, 0);
        assert_eq!(desk.take(token), Some(asker));
        assert_eq!(desk.take(token), None);
    }

    #[test]
    fn questions_are_bounded_in_time_and_number() {
        let mut desk = DnsDesk::default();
        let asker = Asker::Tcp(Key::unpack(1));
        let old = desk.ask(asker, 0);
        let first = desk.ask(asker, TIMEOUT_MS);
        assert_eq!(desk.take(old), None);
        for _ in 0..MAX_WAITING {
            desk.ask(asker, TIMEOUT_MS);
        }
        assert_eq!(desk.take(first), None);
        assert_eq!(
            (desk.waiting.len(), desk.order.len()),
            (MAX_WAITING, MAX_WAITING)
        );
    }
}
