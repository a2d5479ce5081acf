//! Which edges of the program the last input has passed. With `npm run fuzz` the compiler counts them (LLVM's inline 8-bit
//! counters, SanitizerCoverage); in an ordinary test build there is nothing to read, and inputs are not judged.

use std::sync::Mutex;

/// The counters of all modules, as the compiler's start-up code announces them.
static COUNTERS: Mutex<Vec<(usize, usize)>> = Mutex::new(Vec::new());

/// Called by generated code before `main`, once for each module: see Clang's SanitizerCoverage documentation.
#[unsafe(no_mangle)]
extern "C" fn __sanitizer_cov_8bit_counters_init(start: *mut u8, stop: *mut u8) {
    let range = (start as usize, stop as usize - start as usize);
    if let Ok(mut counters) = COUNTERS.lock()
        && !counters.contains(&range)
    {
        counters.push(range);
    }
}

/// What was ever seen, as a bit for each edge and magnitude of its count.
pub struct Coverage {
    seen: Vec<u8>,
    /// Whether it matters how often an edge is passed.
    by_magnitude: bool,
}

impl Coverage {
    pub fn new(by_magnitude: bool) -> Self {
        Self {
            seen: Vec::new(),
            by_magnitude,
        }
    }

    /// Sets all counts back to zero.
    pub fn clear(&self) {
        each(|counters| counters.fill(0));
    }

    /// Whether the counts since `clear` show anything new.
    pub fn is_new(&mut self) -> bool {
        let (mut at, mut is_new) = (0, false);
        let by_magnitude = self.by_magnitude;
        each(|counters| {
            if self.seen.len() < at + counters.len() {
                self.seen.resize(at + counters.len(), 0);
            }
            for (seen, count) in self.seen[at..].iter_mut().zip(counters.iter()) {
                let bucket = match count {
                    0 => continue,
                    _ if !by_magnitude => 1,
                    1..=3 => 1 << (count - 1),
                    4..=7 => 8,
                    8..=15 => 16,
                    16..=31 => 32,
                    32..=127 => 64,
                    _ => 128,
                };
                is_new |= *seen & bucket == 0;
                *seen |= bucket;
            }
            at += counters.len();
        });
        is_new
    }

    /// Edges seen so far; 0 if nothing is counted.
    pub fn edges(&self) -> usize {
        self.seen.iter().filter(|bits| **bits != 0).count()
    }
}

fn each(mut look: impl FnMut(&mut [u8])) {
    if let Ok(counters) = COUNTERS.lock() {
        for (start, length) in counters.iter() {
            // SAFETY: the compiler's counters are plain bytes that live as long as the program. Other threads may count
            // meanwhile; a lost count only makes an input look less interesting.
            look(unsafe { std::slice::from_raw_parts_mut(*start as *mut u8, *length) });
        }
    }
}
