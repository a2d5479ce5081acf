//! Which numbers of a session have come already (SIP022, 3.2.4): a window that slides, as that of IPsec (RFC 6479).

const WORDS: usize = 32;
const BITS: u64 = 64;
/// Numbers behind the greatest that are still told apart: others are taken for repetitions.
const SPAN: u64 = (WORDS as u64 - 1) * BITS;

#[derive(Default)]
pub struct Window {
    /// One more than the greatest number.
    next: u64,
    words: [u64; WORDS],
}

impl Window {
    /// Whether a number comes for the first time; it is noted.
    pub fn is_new(&mut self, number: u64) -> bool {
        let Some(after) = number.checked_add(1) else {
            return false;
        };
        if number >= self.next {
            let (last, word) = (self.next.saturating_sub(1) / BITS, number / BITS);
            for cleared in (last + 1..=word).rev().take(WORDS) {
                self.words[place(cleared)] = 0;
            }
            self.next = after;
        } else if self.next - number > SPAN {
            return false;
        }
        let (word, bit) = (&mut self.words[place(number / BITS)], 1 << (number % BITS));
        let is_new = *word & bit == 0;
        *word |= bit;
        is_new
    }
}

fn place(word: u64) -> usize {
    (word % WORDS as u64) as usize
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::HashSet;

    #[test]
    fn far_jumps_forget_what_was_and_the_last_number_is_none() {
        let mut window = Window::default();
        assert!(window.is_new(5) && !window.is_new(5) && window.is_new(0));
        assert!(window.is_new(1 << 40) && !window.is_new(5) && window.is_new((1 << 40) - 1));
        assert!(!window.is_new((1 << 40) - SPAN - 1));
        assert!(!window.is_new(u64::MAX));
    }

    proptest! {
        #[test]
        fn each_number_is_new_once(steps in prop::collection::vec(0u64..5_000, 0..400)) {
            let (mut window, mut seen, mut greatest) = (Window::default(), HashSet::new(), 0);
            for number in steps {
                let is_far = number + SPAN <= greatest;
                let is_new = window.is_new(number);
                prop_assert!(!is_new || !seen.contains(&number));
                prop_assert!(is_new || is_far || seen.contains(&number));
                seen.insert(number);
                greatest = greatest.max(number);
            }
        }
    }
}
