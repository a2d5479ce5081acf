//! Questions that may take long for no reason of ours, asked by a thread of their own: who asks waits for a moment, and while one
//! is without an answer, for none.

use std::io;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender, TryRecvError};
use std::time::Duration;

/// How long an answer is waited for.
const PATIENCE: Duration = Duration::from_millis(20);

/// One that is made when there is a question, and anew when its thread has ended.
pub struct Standby<Q, A>(Option<Patient<Q, A>>);

impl<Q: Send + 'static, A: Send + 'static> Standby<Q, A> {
    pub fn new() -> Self {
        Self(None)
    }

    /// As `Patient::ask`; `ask` is for one that is made now.
    pub fn ask<F: FnMut(Q) -> A + Send + 'static>(
        &mut self,
        name: &str,
        ask: impl FnOnce() -> F,
        question: Q,
    ) -> io::Result<A> {
        let patient = match self.0.take() {
            Some(patient) => patient,
            None => Patient::new(name, ask())?,
        };
        let patient = self.0.insert(patient);
        let answer = patient.ask(question);
        if patient.is_gone {
            self.0 = None;
        }
        answer
    }
}

struct Patient<Q, A> {
    questions: Sender<Q>,
    answers: Receiver<A>,
    /// An answer is due that nobody waits for any more.
    is_overdue: bool,
    /// Its thread has ended: another is needed.
    is_gone: bool,
}

impl<Q: Send + 'static, A: Send + 'static> Patient<Q, A> {
    /// `ask` answers one question; it may block. Its thread ends with this.
    fn new(name: &str, mut ask: impl FnMut(Q) -> A + Send + 'static) -> io::Result<Self> {
        let (questions, asked) = mpsc::channel();
        let (tell, answers) = mpsc::channel();
        std::thread::Builder::new()
            .name(name.into())
            .spawn(move || {
                for question in asked {
                    if tell.send(ask(question)).is_err() {
                        break;
                    }
                }
            })?;
        Ok(Self {
            questions,
            answers,
            is_overdue: false,
            is_gone: false,
        })
    }

    /// Fails with ETIMEDOUT if the answer does not come within 20 ms, and at once while an earlier one has not come either.
    fn ask(&mut self, question: Q) -> io::Result<A> {
        if self.is_overdue {
            match self.answers.try_recv() {
                Ok(_) => self.is_overdue = false,
                Err(TryRecvError::Empty) => return Err(overdue()),
                Err(TryRecvError::Disconnected) => return Err(self.gone()),
            }
        }
        if self.questions.send(question).is_err() {
            return Err(self.gone());
        }
        match self.answers.recv_timeout(PATIENCE) {
            Ok(answer) => Ok(answer),
            Err(RecvTimeoutError::Timeout) => {
                self.is_overdue = true;
                Err(overdue())
            }
            Err(RecvTimeoutError::Disconnected) => Err(self.gone()),
        }
    }

    fn gone(&mut self) -> io::Error {
        self.is_gone = true;
        io::Error::from_raw_os_error(libc::EPIPE)
    }
}

fn overdue() -> io::Error {
    io::Error::from_raw_os_error(libc::ETIMEDOUT)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::{Arc, Mutex};
    use std::time::Instant;

    #[test]
    fn who_asks_is_not_held_up_by_who_does_not_answer() {
        let lock = Arc::new(Mutex::new(()));
        let held = lock.lock().unwrap();
        let asked = Arc::clone(&lock);
        let mut patient = Patient::new("asks", move |question: u32| {
            drop(asked.lock());
            question + 1
        })
        .unwrap();
        let begun = Instant::now();
        for _ in 0..1_000 {
            let error = patient.ask(1).unwrap_err();
            assert_eq!(error.raw_os_error(), Some(libc::ETIMEDOUT));
        }
        // The first has waited, the others have not: all of them would have for 1,000 times as long.
        assert!(begun.elapsed() >= PATIENCE);
        assert!(begun.elapsed() < PATIENCE * 500);
        drop(held);
        // Late answers are not taken for those to other questions.
        for question in [7, 40] {
            let answer = loop {
                match patient.ask(question) {
                    Err(_) => std::thread::yield_now(),
                    Ok(answer) => break answer,
                }
            };
            assert_eq!(answer, question + 1);
        }
    }
}
