//! The SYN of a connection that is not answered yet, and when its sender must have given up.

use crate::packet::tcp;
use crate::vnet_header::{self, VnetHeader};

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
    /// `frame` is header and packet as they came from the device. Data in it (TCP Fast Open, or a sender that wants our memory)
    /// is left out: nothing acknowledges it, so it comes again (RFC 7413, 3).
    pub fn new(frame: &[u8], now: u64) -> Self {
        Self {
            frame: without_data(frame),
            seen_at: now,
            patience: FIRST_PATIENCE_MS,
        }
    }

    /// A retransmission: it replaces the first, and the next is due in at most twice the time.
    pub fn repeat(&mut self, frame: &[u8], now: u64) {
        self.patience = (now.saturating_sub(self.seen_at) * 2 + SLACK_MS).max(FIRST_PATIENCE_MS);
        self.seen_at = now;
        self.frame = without_data(frame);
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

fn without_data(frame: &[u8]) -> Vec<u8> {
    let packet = frame.get(vnet_header::LENGTH..).unwrap_or_default();
    match tcp::without_payload(packet) {
        Some(bare) => [&VnetHeader::default().encode()[..], &bare].concat(),
        None => frame.to_vec(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::packet::header;
    use crate::packet::ip;
    use crate::packet::tcp::Tcp;

    #[test]
    fn data_of_a_syn_is_not_kept() {
        for (from, to) in [("10.0.0.1", "10.0.0.2"), ("fd00::1", "fd00::2")] {
            let mut segment = vec![0; 24 + 60_000];
            (segment[12], segment[13]) = (0x60, tcp::SYN);
            segment[20..24].copy_from_slice(&[2, 4, 5, 0xb4]);
            let ends = (from.parse().unwrap(), to.parse().unwrap());
            let packet = header::build(ends.0, ends.1, ip::TCP, &segment);
            let frame = [&[1, 0, 0, 0, 0, 0, 20, 0, 16, 0][..], &packet].concat();
            let held = HeldSyn::new(&frame, 0);
            let kept = header::parse(&held.frame()[vnet_header::LENGTH..]).unwrap();
            let syn = Tcp::parse(kept.payload()).unwrap();
            assert_eq!(
                (syn.payload_length, syn.header_length, syn.flags),
                (0, 24, tcp::SYN)
            );
            // Its own checksum is whole, whatever the frame's was.
            let pseudo = crate::packet::checksum::pseudo_header(ends.0, ends.1, ip::TCP, 24);
            let sum = crate::packet::checksum::sum(kept.payload());
            assert_eq!(crate::packet::checksum::add(pseudo, sum), 0xffff);
            assert_eq!(
                held.frame()[..vnet_header::LENGTH],
                [0; vnet_header::LENGTH]
            );
        }
    }

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
