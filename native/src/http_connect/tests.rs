use super::*;
use proptest::prelude::*;

/// The outcome of an answer that comes in these pieces and then ends, and how many of its bytes were not the answer's.
fn play<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> (Outcome, usize) {
    let mut answer = Answer::new();
    let mut end = None;
    let mut left = 0;
    for piece in pieces {
        if end.is_some() {
            left += piece.len();
            continue;
        }
        let (used, outcome) = answer.take(piece);
        assert!(used == piece.len() || outcome.is_some());
        left += piece.len() - used;
        end = outcome;
    }
    (end.unwrap_or_else(|| answer.ended()), left)
}

fn word(outcome: &Outcome) -> &'static str {
    match outcome {
        Outcome::Connected => "connected",
        Outcome::Refused(Failure::ProxyAuth, _) => "proxy-auth",
        Outcome::Refused(Failure::ProxyDenied, _) => "proxy-denied",
        Outcome::Refused(Failure::ProxyFailed, _) => "proxy-failed",
        Outcome::Refused(Failure::HostUnreachable, _) => "host-unreachable",
        Outcome::Refused(Failure::Timeout, _) => "timeout",
        Outcome::Refused(..) => "?",
    }
}

fn unescaped(text: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'\\' => match rest.next() {
                Some(b'r') => b'\r',
                Some(b'n') => b'\n',
                Some(b't') => b'\t',
                Some(b'0') => 0,
                Some(b'x') => {
                    let digits: Vec<u8> = rest.by_ref().take(2).collect();
                    u8::from_str_radix(str::from_utf8(&digits).unwrap(), 16).unwrap()
                }
                other => panic!("{text}: {other:?}"),
            },
            other => other,
        });
    }
    bytes
}

/// Outcome, bytes left, and the answer.
fn rows() -> Vec<(&'static str, usize, Vec<u8>)> {
    include_str!("answers.txt")
        .lines()
        .filter(|line| !line.starts_with('#'))
        .map(|line| {
            let mut parts = line.splitn(3, ' ');
            let outcome = parts.next().unwrap();
            let left = parts.next().unwrap().parse().unwrap();
            (outcome, left, unescaped(parts.next().unwrap_or("")))
        })
        .collect()
}

#[test]
fn odd_answers_whole_and_byte_by_byte() {
    let rows = rows();
    assert!(rows.len() > 50);
    for (expected, left, bytes) in rows {
        let text = String::from_utf8_lossy(&bytes).into_owned();
        for outcome in [play([&bytes[..]]), play(bytes.chunks(1))] {
            assert_eq!(word(&outcome.0), expected, "{text}");
            if expected == "connected" {
                assert_eq!(outcome.1, left, "{text}");
            }
        }
    }
}

#[test]
fn a_head_without_end_is_given_up() {
    let heads: [&[u8]; 5] = [
        b"HTTP/1.1 200 ",
        b"HTTP/1.1 200 OK\r\nA: ",
        b"HTTP/1.1 200 OK\r\n",
        b"",
        b"",
    ];
    for (head, filler) in heads
        .into_iter()
        .zip([&b"x"[..], b"x", b"a: b\r\n", b"\r\n", b"\n"])
    {
        let mut answer = Answer::new();
        assert_eq!(answer.take(head).1, None);
        let rounds =
            (0..=MAX_HEAD).find_map(|round| answer.take(filler).1.map(|outcome| (round, outcome)));
        let (round, outcome) = rounds.expect("an end");
        assert_eq!(word(&outcome), "proxy-failed");
        assert!(round * filler.len() <= MAX_HEAD);
    }
    let mut interim = Answer::new();
    let round = b"HTTP/1.1 100 Continue\r\n\r\n";
    let end = (0..MAX_HEAD).find_map(|_| interim.take(round).1);
    assert_eq!(word(&end.expect("an end")), "proxy-failed");
}

#[test]
fn what_people_are_told_is_short_and_printable() {
    let long = format!("HTTP/1.1 503 {}\x1b[31m\u{202e}\r\n", "y".repeat(500));
    let (Outcome::Refused(_, text), _) = play([long.as_bytes()]) else {
        panic!("not refused");
    };
    assert!(text.len() < 120 && text.bytes().all(|byte| matches!(byte, 0x20..0x7f)));
    let (Outcome::Refused(_, text), _) = play([&b"HTTP/1.1 502\r\n"[..]]) else {
        panic!("not refused");
    };
    assert_eq!(text, "the proxy answered 502");
}

proptest! {
    #[test]
    fn the_cuts_change_nothing(
        row in 0usize..50,
        tail in prop::collection::vec(any::<u8>(), 0..40),
        cuts in prop::collection::vec(1usize..9, 0..60),
    ) {
        let (_, _, mut bytes) = rows().swap_remove(row);
        bytes.extend(tail);
        let mut pieces = Vec::new();
        let mut rest = &bytes[..];
        for cut in cuts {
            let (piece, others) = rest.split_at(cut.min(rest.len()));
            pieces.push(piece);
            rest = others;
        }
        pieces.push(rest);
        prop_assert_eq!(play(pieces), play([&bytes[..]]));
    }

    #[test]
    fn any_bytes_come_to_an_end(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let (_, left) = play(bytes.chunks(7));
        prop_assert!(left <= bytes.len());
    }
}
