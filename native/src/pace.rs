//! How much JavaScript is given in one turn of its event loop. What a question or a new flow costs is not known beforehand
//! (microseconds for a name that is known, a socket and a wait for one that somebody must be asked about), but what a turn took is.

use std::time::{Duration, Instant};

/// What is given out by the turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Question,
    Flow,
}

impl Kind {
    pub const ALL: [Kind; 2] = [Kind::Question, Kind::Flow];

    /// How many in a short turn.
    pub const fn most(self) -> usize {
        match self {
            Kind::Question => 128,
            Kind::Flow => 32,
        }
    }

    /// However long the turns are; users come in turn, so that everybody's next one is among them.
    const fn fewest(self) -> usize {
        match self {
            Kind::Question => 4,
            Kind::Flow => 8,
        }
    }
}

/// A turn that takes longer makes the next one smaller, a shorter one larger.
const LONG: Duration = Duration::from_millis(4);
const SHORT: Duration = Duration::from_millis(2);

#[derive(Debug)]
pub struct Pace {
    limits: [usize; 2],
    begun: Option<Instant>,
    /// Whether a turn had about as many as it may: only such a one shows that more would do.
    is_full: [bool; 2],
}

impl Default for Pace {
    fn default() -> Self {
        Self {
            limits: Kind::ALL.map(Kind::most),
            begun: None,
            is_full: [false; 2],
        }
    }
}

impl Pace {
    pub fn limit(&self, kind: Kind) -> usize {
        self.limits[kind as usize]
    }

    /// JavaScript begins with what it was told, so many of each kind among it.
    pub fn turn_begins(&mut self, now: Instant, told: [usize; 2]) {
        self.begun = Some(now);
        self.is_full = Kind::ALL.map(|kind| told[kind as usize] >= self.limit(kind).div_ceil(2));
    }

    /// It has dealt with that, and with what else waited for its thread: how long it took.
    pub fn turn_ends(&mut self, now: Instant) -> Duration {
        let Some(begun) = self.begun.take() else {
            return Duration::ZERO;
        };
        let took = now.saturating_duration_since(begun);
        for kind in Kind::ALL {
            let limit = &mut self.limits[kind as usize];
            if took > LONG {
                *limit = (*limit / 2).max(kind.fewest());
            } else if took < SHORT && self.is_full[kind as usize] {
                *limit = (*limit * 2).min(kind.most());
            }
        }
        took
    }
}

#[cfg(test)]
mod tests {
    use super::Kind::{Flow, Question};
    use super::*;

    /// The limit after turns that take so much for each of a kind.
    fn settled(pace: &mut Pace, kind: Kind, each: Duration) -> usize {
        let mut now = Instant::now();
        for _ in 0..20 {
            let mut told = [0; 2];
            told[kind as usize] = pace.limit(kind);
            pace.turn_begins(now, told);
            now += each * pace.limit(kind) as u32;
            pace.turn_ends(now);
        }
        pace.limit(kind)
    }

    #[test]
    fn dear_ones_come_few_at_a_time_and_cheap_ones_many() {
        let mut pace = Pace::default();
        let mut questions = |each| settled(&mut pace, Question, each);
        assert_eq!(questions(Duration::from_micros(3)), Question.most());
        assert_eq!(questions(Duration::from_micros(400)), 8);
        assert_eq!(questions(Duration::from_secs(1)), Question.fewest());
        assert_eq!(questions(Duration::from_micros(10)), Question.most());
        assert_eq!(questions(Duration::from_micros(40)), Question.most() / 2);
        assert_eq!(settled(&mut pace, Flow, Duration::from_micros(50)), 32);
        assert_eq!(settled(&mut pace, Flow, Duration::from_micros(500)), 8);
        assert_eq!(settled(&mut pace, Flow, Duration::from_secs(1)), 8);
    }

    #[test]
    fn turns_without_any_raise_nothing() {
        let mut pace = Pace::default();
        let dear = settled(&mut pace, Question, Duration::from_micros(400));
        let now = Instant::now();
        for _ in 0..9 {
            pace.turn_begins(now, [0; 2]);
            pace.turn_ends(now);
        }
        assert_eq!(pace.limit(Question), dear);
    }

    #[test]
    fn a_turn_that_was_not_begun_says_nothing() {
        let mut pace = Pace::default();
        let took = pace.turn_ends(Instant::now() + Duration::from_secs(9));
        assert_eq!(took, Duration::ZERO);
        assert_eq!(pace.limit(Question), Question.most());
    }
}
