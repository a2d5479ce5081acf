//! The SYN of a connection that is not answered yet, and when its sender must have given up.

/// Silence after the first SYN until it counts as abandoned: the first retransmission is due after 1 s (RFC 6298).
const FIRST_PATIENCE_MS: u64 = 4_000;
/// Added to twice the last gap, for senders that are late.
const SLACK_MS: u64 = 2_000;

/// A held SYN.
pub struct HeldSyn {
    frame: Vec<u8>,
    seen_at: u64,
    patience: u64,
}

impl HeldSyn {
    /// `frame` is header and packet as they came from the device.
    pub fn new(frame: &[u8], now: u64) -> Self {
        Self {
            frame: frame.to_vec(),
            seen_at: now,
            patience: FIRST_PATIENCE_MS,
        }
    }

    /// A retransmission: it replaces the first, and the next is due in at most twice the time.
    pub fn repeat(&mut self, frame: &[u8], now: u64) {
        self.patience = (now.saturating_sub(self.seen_at) * 2 + SLACK_MS).max(FIRST_PATIENCE_MS);
        self.seen_at = now;
        self.frame.clear();
        self.frame.extend_from_slice(frame);
    }

    /// When the sender has given up unless another SYN comes before.
    pub fn given_up_at(&self) -> u64 {
        self.seen_at + self.patience
    }

    /// The latest SYN.
    pub fn frame(&self) -> &[u8] {
        &self.frame
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patience_follows_the_senders_back_off() {
        let mut syn = HeldSyn::new(b"first", 0);
        assert_eq!(syn.given_up_at(), 4_000);
        syn.repeat(b"second", 1_000);
        assert_eq!((syn.given_up_at(), syn.frame()), (5_000, &b"second"[..]));
        syn.repeat(b"third", 3_000);
        syn.repeat(b"fourth", 7_000);
        assert_eq!(syn.given_up_at(), 17_000);
    }
}
