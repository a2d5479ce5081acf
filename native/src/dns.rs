//! DNS messages as far as the engine looks into them: what is a question that any resolver could answer, and a two-byte length in
//! front of each message over TCP (RFC 1035, 4.2.2; RFC 7766).

mod batch;

pub use batch::{Answers, Questions};

/// Smallest DNS message: its header.
pub const MIN_MESSAGE: usize = 12;
const LENGTH: usize = 2;

/// Header bits (RFC 1035, 4.1.1): that a message is an answer, its opcode, and that recursion is desired.
const QR_OPCODE: u16 = 0xf800;
const RD: u16 = 0x0100;
/// Types that copy a whole zone, class IN, and what a name may be long (RFC 1035; RFC 1995).
const IXFR: u16 = 251;
const AXFR: u16 = 252;
const IN: u16 = 1;
const MAX_NAME: usize = 255;
/// An EDNS record and a signature are all that a question may have besides (RFC 6891, RFC 8945).
const MAX_ADDITIONAL: u16 = 2;

/// What the beginning of a message shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Judgement {
    /// A question that any resolver could answer.
    Question,
    /// Not DNS, or meant for the very server that it goes to: an update, a zone transfer, a question without recursion.
    Other,
    /// More bytes are needed.
    Unclear,
}

/// Judges a message by its beginning.
pub fn judge(bytes: &[u8]) -> Judgement {
    let short = |at: usize| Some(u16::from_be_bytes([*bytes.get(at)?, *bytes.get(at + 1)?]));
    let header = (short(2), short(4), short(6), short(8), short(10));
    let (Some(flags), Some(questions), Some(answers), Some(authority), Some(additional)) = header
    else {
        return Judgement::Unclear;
    };
    let is_usual = flags & QR_OPCODE == 0 && flags & RD != 0;
    if !is_usual || (questions, answers, authority) != (1, 0, 0) || additional > MAX_ADDITIONAL {
        return Judgement::Other;
    }
    let mut at = MIN_MESSAGE;
    loop {
        match bytes.get(at) {
            None => return Judgement::Unclear,
            Some(0) => break,
            Some(length @ 1..=63) => at += 1 + usize::from(*length),
            Some(_) => return Judgement::Other,
        }
        if at - MIN_MESSAGE >= MAX_NAME {
            return Judgement::Other;
        }
    }
    match (short(at + 1), short(at + 3)) {
        (Some(AXFR | IXFR), _) => Judgement::Other,
        (Some(_), Some(IN)) => Judgement::Question,
        (Some(_), Some(_)) => Judgement::Other,
        _ => Judgement::Unclear,
    }
}

/// Judges a connection by its first bytes: a length is in front of the message.
pub fn judge_stream(bytes: &[u8]) -> Judgement {
    let Some((length, rest)) = bytes.split_first_chunk() else {
        return Judgement::Unclear;
    };
    let length = usize::from(u16::from_be_bytes(*length));
    if length < MIN_MESSAGE {
        return Judgement::Other;
    }
    let message = &rest[..rest.len().min(length)];
    match judge(message) {
        Judgement::Unclear if message.len() == length => Judgement::Other,
        judgement => judgement,
    }
}

/// Collects the bytes of a connection and cuts them into messages.
#[derive(Default)]
pub struct Deframer {
    bytes: Vec<u8>,
}

impl Deframer {
    /// Adds bytes as they came.
    pub fn push(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    /// The next whole message; empty ones are passed over. `Err` if the peer announces one that cannot be DNS.
    pub fn next_message(&mut self) -> Result<Option<Vec<u8>>, ()> {
        let empty = self.bytes.iter().take_while(|byte| **byte == 0).count() / LENGTH * LENGTH;
        self.bytes.drain(..empty);
        let Some(head) = self.bytes.get(..LENGTH) else {
            return Ok(None);
        };
        let length = usize::from(u16::from_be_bytes([head[0], head[1]]));
        if length < MIN_MESSAGE {
            return Err(());
        }
        let Some(message) = self.bytes.get(LENGTH..LENGTH + length) else {
            return Ok(None);
        };
        let message = message.to_vec();
        self.bytes.drain(..LENGTH + length);
        Ok(Some(message))
    }
}

/// A message with its length in front; `None` if it is longer than the length can say.
pub fn frame(message: &[u8]) -> Option<Vec<u8>> {
    let length = u16::try_from(message.len()).ok()?;
    let mut framed = Vec::with_capacity(LENGTH + message.len());
    framed.extend_from_slice(&length.to_be_bytes());
    framed.extend_from_slice(message);
    Some(framed)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A question for A of `vpn.example` with these flags.
    fn question(flags: u16) -> Vec<u8> {
        let mut message = vec![0x12, 0x34, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0];
        message[2..4].copy_from_slice(&flags.to_be_bytes());
        message.extend_from_slice(b"\x03vpn\x07example\0\0\x01\0\x01");
        message
    }

    #[test]
    fn what_is_a_question_to_any_resolver() {
        let usual = question(RD);
        assert_eq!(judge(&usual), Judgement::Question);
        // With AD and CD, and an EDNS record that is not looked at.
        let mut edns = question(RD | 0x0030);
        edns[11] = 1;
        edns.extend_from_slice(&[0, 0, 41, 4, 208, 0, 0, 0, 0, 0, 0]);
        assert_eq!(judge(&edns), Judgement::Question);
        for length in 0..usual.len() {
            assert_eq!(judge(&usual[..length]), Judgement::Unclear, "{length}");
        }
    }

    #[test]
    fn what_only_that_server_can_answer_or_is_not_dns() {
        let with = |at: usize, value: u8| {
            let mut message = question(RD);
            message[at] = value;
            message
        };
        let end = question(RD).len();
        for (what, message) in [
            ("without recursion", question(0)),
            ("an answer", question(RD | 0x8000)),
            ("NOTIFY", question(RD | 4 << 11)),
            ("UPDATE", question(RD | 5 << 11)),
            ("DSO", question(RD | 6 << 11)),
            ("two questions", with(5, 2)),
            ("none", with(5, 0)),
            ("an answer in it", with(7, 1)),
            ("an authority in it", with(9, 1)),
            ("much more", with(11, 3)),
            ("a pointer for a name", with(12, 0xc0)),
            ("class CHAOS", with(end - 1, 3)),
            ("AXFR", with(end - 3, 252)),
            ("WireGuard", [&[1, 0, 0, 0][..], &[0x5a; 144][..]].concat()),
            ("OpenVPN", [&[0x38][..], &[0xee; 41][..]].concat()),
            (
                "QUIC",
                [&[0xc3, 0, 0, 0, 1, 8][..], &[0x77; 1194][..]].concat(),
            ),
        ] {
            assert_eq!(judge(&message), Judgement::Other, "{what}");
        }
        let mut endless = question(RD)[..12].to_vec();
        endless.extend_from_slice(&[1, b'a'].repeat(200));
        assert_eq!(judge(&endless), Judgement::Other);
    }

    #[test]
    fn a_connection_is_judged_by_its_first_message() {
        let framed = frame(&question(RD)).unwrap();
        for length in 0..framed.len() {
            assert_eq!(judge_stream(&framed[..length]), Judgement::Unclear);
        }
        assert_eq!(judge_stream(&framed), Judgement::Question);
        for other in [
            &b"SSH-2.0-OpenSSH_9.2p1\r\n"[..],
            b"GET / HTTP/1.1\r\nHost: a\r\n\r\n",
            b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\x00\x11\x22\x33\x44",
            b"\0\x05hello",
            // Whole, and yet without a type.
            b"\0\x0d\x12\x34\x01\0\0\x01\0\0\0\0\0\0\0",
        ] {
            assert_eq!(judge_stream(other), Judgement::Other, "{other:?}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_judged(bytes in prop::collection::vec(any::<u8>(), 0..600)) {
            // What more bytes show is never taken back.
            let mut before = Judgement::Unclear;
            for length in 0..=bytes.len() {
                let now = judge_stream(&bytes[..length]);
                prop_assert!(before == Judgement::Unclear || before == now);
                before = now;
            }
            judge(&bytes);
        }
    }

    use proptest::prelude::*;

    proptest! {
        #[test]
        fn any_cut_gives_the_same_messages(
            messages in prop::collection::vec(prop::collection::vec(any::<u8>(), 12..80), 0..6),
            step in 1usize..50,
        ) {
            let stream: Vec<u8> = messages.iter().flat_map(|m| frame(m).unwrap()).collect();
            let mut deframer = Deframer::default();
            let mut seen = Vec::new();
            for chunk in stream.chunks(step) {
                deframer.push(chunk);
                while let Some(message) = deframer.next_message().unwrap() {
                    seen.push(message);
                }
            }
            prop_assert_eq!(seen, messages);
            prop_assert!(deframer.bytes.is_empty());
        }

        #[test]
        fn any_bytes_are_survived(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            let mut deframer = Deframer::default();
            deframer.push(&bytes);
            while let Ok(Some(message)) = deframer.next_message() {
                prop_assert!(message.len() >= MIN_MESSAGE);
            }
        }
    }

    #[test]
    fn empty_messages_are_passed_over() {
        let message = frame(&[7; 300]).unwrap();
        let stream = [&[0, 0][..], &message, &[0, 0, 0, 0], &message, &[0]].concat();
        let mut deframer = Deframer::default();
        let mut seen = 0;
        for byte in stream {
            deframer.push(&[byte]);
            while let Some(message) = deframer.next_message().unwrap() {
                assert_eq!(message, [7; 300]);
                seen += 1;
            }
        }
        assert_eq!((seen, deframer.bytes), (2, vec![0]));
    }

    #[test]
    fn what_is_too_short_or_too_long_is_refused() {
        let mut deframer = Deframer::default();
        deframer.push(&[0, 11, 1, 2]);
        assert_eq!(deframer.next_message(), Err(()));
        assert_eq!(frame(&vec![0; 65_536]), None);
    }
}
