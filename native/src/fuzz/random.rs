//! Small reproducible random numbers (xorshift64*), and the mutations that make new inputs of old ones.

/// A generator.
pub struct Random(u64);

/// No input is longer.
pub const MAX_INPUT: usize = 4_096;
/// Values at which programs go wrong.
const INTERESTING: [u8; 12] = [0, 1, 2, 4, 6, 7, 8, 17, 44, 127, 128, 255];

impl Random {
    pub fn new(seed: u64) -> Self {
        Self(seed | 1)
    }

    pub fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    /// A number below `end`, 0 if that is 0.
    pub fn below(&mut self, end: usize) -> usize {
        (self.next() >> 16) as usize % end.max(1)
    }

    fn byte(&mut self) -> u8 {
        if self.below(2) == 0 {
            INTERESTING[self.below(INTERESTING.len())]
        } else {
            self.next() as u8
        }
    }

    /// Changes an input a little; `other` is material to take pieces from.
    pub fn mutate(&mut self, input: &mut Vec<u8>, other: &[u8]) {
        for _ in 0..1 + self.below(6) {
            let at = self.below(input.len() + 1);
            match self.below(8) {
                0 if at < input.len() => input[at] ^= 1 << self.below(8),
                1 if at < input.len() => input[at] = self.byte(),
                2 if at < input.len() => input[at] = input[at].wrapping_add(1 + self.byte() % 16),
                3 => {
                    let fresh: Vec<u8> = (0..1 + self.below(12)).map(|_| self.byte()).collect();
                    input.splice(at..at, fresh);
                }
                4 => {
                    let end = (at + 1 + self.below(16)).min(input.len());
                    input.drain(at..end.max(at));
                }
                5 => {
                    let end = (at + 1 + self.below(64)).min(input.len());
                    let piece = input[at..end.max(at)].to_vec();
                    let target = self.below(input.len() + 1);
                    input.splice(target..target, piece);
                }
                6 => {
                    let from = self.below(other.len() + 1);
                    let end = (from + self.below(128)).min(other.len());
                    input.splice(at..at, other[from..end].iter().copied());
                }
                _ => {
                    let cut = self.below(other.len() + 1);
                    input.truncate(at);
                    input.extend_from_slice(&other[cut..]);
                }
            }
            input.truncate(MAX_INPUT);
        }
    }
}
