//! How long a relay is waited for.

use super::Relay;

/// Milliseconds without anything to do until it is given up, and once one direction has ended.
const IDLE_MS: u64 = 7_500_000;
const HALF_CLOSED_IDLE_MS: u64 = 1_800_000;
/// Milliseconds that one which is to end has for what is on its way and for the answers to its FINs.
const FINISH_MS: u64 = 5_000;

impl Relay {
    /// When it is to `greet`, or given up: last `touched`, and asked to end at `closing_since`, if at all.
    pub fn deadline(&self, touched: u64, closing_since: Option<u64>) -> u64 {
        if let Some(since) = closing_since {
            return since + FINISH_MS;
        }
        let patience = match self.is_half_closed() {
            true => HALF_CLOSED_IDLE_MS,
            false => IDLE_MS,
        };
        self.greets_at().unwrap_or(touched + patience)
    }
}
