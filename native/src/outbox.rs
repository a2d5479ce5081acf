//! Events on their way to JavaScript, and the guard that every flow is closed exactly once.

use crate::dns::Questions;
use crate::event::{Event, Network, Reason};
use crate::pace::Kind;
use crate::shared::Shared;
use std::collections::HashSet;
use std::net::SocketAddr;
use std::sync::Arc;

/// How long notes wait for an event that somebody has to act upon: waking JavaScript costs as much as an event itself.
const NOTES_MS: u64 = 10;
/// Notes that wait at most.
const MAX_NOTES: usize = 256;

/// Events of the engine's thread on their way to JavaScript, handed over once per turn of its loop; of turns with notes only, a few
/// together.
pub struct Outbox {
    shared: Arc<Shared>,
    batch: Vec<Event>,
    /// While there are but notes: when they are handed over.
    notes_until: Option<u64>,
    /// There are others.
    is_urgent: bool,
    questions: Questions,
    /// Of each kind since the last hand-over.
    told: [usize; 2],
    open: HashSet<u64>,
}

impl Outbox {
    pub fn new(shared: Arc<Shared>) -> Self {
        Self {
            shared,
            batch: Vec::new(),
            notes_until: None,
            is_urgent: false,
            questions: Questions::default(),
            told: [0; 2],
            open: HashSet::new(),
        }
    }

    /// Queues an event. A close of a flow that is not open is swallowed: each open gets one.
    pub fn push(&mut self, event: Event) {
        let wanted = match &event {
            Event::Open { id, .. } => self.open.insert(*id),
            Event::Close { id, .. } => self.open.remove(id),
            _ => true,
        };
        if wanted {
            self.told[Kind::Flow as usize] += event.told(Kind::Flow);
            self.is_urgent |= !event.is_note();
            self.batch.push(event);
        }
    }

    /// Queues a question, with others of this turn.
    pub fn ask(
        &mut self,
        token: u64,
        network: Network,
        source: SocketAddr,
        destination: SocketAddr,
        message: &[u8],
    ) {
        self.told[Kind::Question as usize] += 1;
        if !self.questions.takes(token) {
            self.end_questions();
        }
        self.questions
            .push(token, network.protocol(), source, destination, message);
    }

    /// How many of a kind are not handed over yet.
    pub fn told(&self, kind: Kind) -> usize {
        self.told[kind as usize]
    }

    fn end_questions(&mut self) {
        if self.questions.count > 0 {
            let questions = std::mem::take(&mut self.questions);
            self.is_urgent = true;
            self.batch.push(Event::Dns(questions));
        }
    }

    /// Hands the batch over at the end of a turn, unless it can wait.
    pub fn end_turn(&mut self, now: u64) {
        let is_urgent = self.is_urgent || self.questions.count > 0 || self.batch.len() > MAX_NOTES;
        if !is_urgent && !self.batch.is_empty() {
            let until = *self.notes_until.get_or_insert(now + NOTES_MS);
            if now < until {
                return;
            }
        }
        self.flush();
    }

    /// Milliseconds until the next hand-over if nothing else happens.
    pub fn wait_ms(&self, now: u64) -> Option<u64> {
        self.notes_until.map(|at| at.saturating_sub(now))
    }

    /// Hands the batch over.
    pub fn flush(&mut self) {
        self.end_questions();
        self.notes_until = None;
        self.is_urgent = false;
        self.told = [0; 2];
        if !self.batch.is_empty() {
            self.shared.post_events(&mut self.batch);
        }
    }

    /// Closes what is still open, for an engine that cannot go on.
    pub fn close_all(&mut self) {
        for id in std::mem::take(&mut self.open) {
            self.batch.push(Event::Close {
                id,
                up: 0,
                down: 0,
                first_byte: None,
                reason: Reason::Stopped,
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn close(id: u64) -> Event {
        Event::Close {
            id,
            up: 0,
            down: 0,
            first_byte: None,
            reason: Reason::Done,
        }
    }

    fn open(id: u64) -> Event {
        let any = "192.0.2.1:9".parse().unwrap();
        Event::Open {
            id,
            slot: 0,
            network: Network::Tcp,
            source: any,
            destination: any,
            class: 0,
        }
    }

    fn outbox_with_open(count: u64) -> (Arc<Shared>, Outbox) {
        let shared = Arc::new(Shared::new(Box::new(|| ())).unwrap());
        let mut outbox = Outbox::new(shared.clone());
        (1..=count).for_each(|id| outbox.push(open(id)));
        outbox.end_turn(0);
        assert_eq!(shared.take_events().len(), count as usize);
        (shared, outbox)
    }

    #[test]
    fn notes_wait_for_company_but_not_long() {
        let (shared, mut outbox) = outbox_with_open(3);
        outbox.push(close(1));
        outbox.end_turn(100);
        outbox.push(close(2));
        outbox.end_turn(104);
        assert!(shared.take_events().is_empty());
        assert_eq!(outbox.wait_ms(104), Some(6));
        outbox.end_turn(110);
        assert_eq!(shared.take_events().len(), 2);
        assert_eq!(outbox.wait_ms(110), None);

        outbox.push(close(3));
        outbox.end_turn(120);
        outbox.push(open(4));
        outbox.end_turn(121);
        let kinds: Vec<bool> = shared.take_events().iter().map(Event::is_note).collect();
        assert_eq!(kinds, [true, false]);
        assert_eq!(outbox.wait_ms(121), None);
    }

    #[test]
    fn many_notes_do_not_wait_and_a_failure_never_does() {
        let count = MAX_NOTES as u64 + 1;
        let (shared, mut outbox) = outbox_with_open(count);
        (1..count).for_each(|id| outbox.push(close(id)));
        outbox.end_turn(0);
        assert!(shared.take_events().is_empty());
        outbox.push(close(count));
        outbox.end_turn(0);
        assert_eq!(shared.take_events().len(), count as usize);

        let fault = crate::event::DialFault::plain(crate::event::Failure::Refused, "");
        let outcome = Err(fault);
        let dialed = Event::Dialed {
            id: 1,
            outcome,
            ms: 1,
            attempts: Vec::new(),
        };
        outbox.push(dialed);
        outbox.end_turn(0);
        assert_eq!(shared.take_events().len(), 1);
    }
}
