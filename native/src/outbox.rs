//! Events on their way to JavaScript, and the guard that every flow is closed exactly once.

use crate::dns::Questions;
use crate::event::{Event, Network, Reason};
use crate::shared::Shared;
use std::collections::HashSet;
use std::net::SocketAddr;
use std::sync::Arc;

/// Events of the engine's thread on their way to JavaScript, handed over once per turn of its loop.
pub struct Outbox {
    shared: Arc<Shared>,
    batch: Vec<Event>,
    questions: Questions,
    open: HashSet<u64>,
}

impl Outbox {
    pub fn new(shared: Arc<Shared>) -> Self {
        Self {
            shared,
            batch: Vec::new(),
            questions: Questions::default(),
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
        if !self.questions.takes(token) {
            self.end_questions();
        }
        self.questions
            .push(token, network.protocol(), source, destination, message);
    }

    fn end_questions(&mut self) {
        if self.questions.count > 0 {
            let questions = std::mem::take(&mut self.questions);
            self.batch.push(Event::Dns(questions));
        }
    }

    /// Hands the batch over.
    pub fn flush(&mut self) {
        self.end_questions();
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
                reason: Reason::Stopped,
            });
        }
    }
}
