//! How many questions JavaScript is given in one turn of its event loop. What one costs is not known beforehand (microseconds
//! for a name that is known, a socket and a wait for one that somebody must be asked about), but what a turn took is.

use std::time::{Duration, Instant};

/// In a short turn.
const MOST: usize = 128;
/// However long the turns are; users come in turn, so that everybody's next question is among them.
const FEWEST: usize = 4;
/// A turn that takes longer makes the next one smaller, a shorter one larger.
const LONG: Duration = Duration::from_millis(4);
const SHORT: Duration = Duration::from_millis(2);

#[derive(Debug)]
pub struct QuestionPace {
    limit: usize,
    begun: Option<Instant>,
    /// Whether a turn had about as many questions as it may: only such a one shows that more would do.
    is_full: bool,
}

impl Default for QuestionPace {
    fn default() -> Self {
        Self {
            limit: MOST,
            begun: None,
            is_full: false,
        }
    }
}

impl QuestionPace {
    pub fn limit(&self) -> usize {
        self.limit
    }

    /// JavaScript begins with what it was told, so many questions among it.
    pub fn turn_begins(&mut self, now: Instant, questions: usize) {
        self.begun = Some(now);
        self.is_full = questions >= self.limit / 2;
    }

    /// It has dealt with that, and with what else waited for its thread.
    pub fn turn_ends(&mut self, now: Instant) {
        let Some(begun) = self.begun.take() else {
            return;
        };
        let took = now.saturating_duration_since(begun);
        if took > LONG {
            self.limit = (self.limit / 2).max(FEWEST);
        } else if took < SHORT && self.is_full {
            self.limit = (self.limit * 2).min(MOST);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The limit after turns that take so much for each question.
    fn settled(pace: &mut QuestionPace, per_question: Duration) -> usize {
        let mut now = Instant::now();
        for _ in 0..20 {
            pace.turn_begins(now, pace.limit());
            now += per_question * pace.limit() as u32;
            pace.turn_ends(now);
        }
        pace.limit()
    }

    #[test]
    fn dear_questions_come_few_at_a_time_and_cheap_ones_many() {
        let mut pace = QuestionPace::default();
        assert_eq!(settled(&mut pace, Duration::from_micros(3)), MOST);
        assert_eq!(settled(&mut pace, Duration::from_micros(400)), 8);
        assert_eq!(settled(&mut pace, Duration::from_secs(1)), FEWEST);
        assert_eq!(settled(&mut pace, Duration::from_micros(10)), MOST);
        assert_eq!(settled(&mut pace, Duration::from_micros(40)), MOST / 2);
    }

    #[test]
    fn turns_without_questions_raise_nothing() {
        let mut pace = QuestionPace::default();
        let dear = settled(&mut pace, Duration::from_micros(400));
        let now = Instant::now();
        for _ in 0..9 {
            pace.turn_begins(now, 0);
            pace.turn_ends(now);
        }
        assert_eq!(pace.limit(), dear);
    }

    #[test]
    fn a_turn_that_was_not_begun_says_nothing() {
        let mut pace = QuestionPace::default();
        pace.turn_ends(Instant::now() + Duration::from_secs(9));
        assert_eq!(pace.limit(), MOST);
    }
}
