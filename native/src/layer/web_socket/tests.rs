//! A client's WebSocket against a server of RFC 6455's words. That real ones understand it is for `test/native`.

use super::*;
use proptest::prelude::*;

/// Chance gives the key of RFC 6455, 1.3.
const SAMPLE: Outside = Outside {
    seconds: || 0,
    fill: |bytes| {
        let nonce = b"the sample nonce".iter().cycle();
        bytes
            .iter_mut()
            .zip(nonce)
            .for_each(|(byte, next)| *byte = *next);
        Ok(())
    },
};
const ANSWER: &[u8] = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSEC-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";

fn begun(framed: bool) -> (WebSocketLayer, Vec<u8>) {
    let head = b"GET /ws HTTP/1.1\r\nHost: a.example\r\n".to_vec();
    let mut layer = WebSocketLayer::new(WebSocket { head, framed }, SAMPLE);
    let mut wire = Vec::new();
    layer.begin(&mut wire).unwrap();
    assert!(!layer.is_open());
    (layer, wire)
}

fn receive(
    layer: &mut WebSocketLayer,
    wire: &[u8],
    sizes: &[usize],
) -> Result<(Vec<u8>, Vec<u8>), Broken> {
    let (mut plain, mut answers, mut left) = (Vec::new(), Vec::new(), wire);
    let mut sizes = sizes.iter().cycle();
    while !left.is_empty() {
        let (piece, rest) = left.split_at((*sizes.next().unwrap_or(&1)).min(left.len()));
        layer.receive(&mut piece.to_vec(), &mut plain, &mut answers)?;
        left = rest;
    }
    Ok((plain, answers))
}

/// A frame of a server.
fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let length = payload.len() as u64;
    let head = match length {
        0..126 => vec![first, length as u8],
        126..=0xffff => [&[first, 126][..], &(length as u16).to_be_bytes()].concat(),
        _ => [&[first, 127][..], &length.to_be_bytes()].concat(),
    };
    [head, payload.to_vec()].concat()
}

/// What frames of a client say, and their kinds.
fn understood(mut wire: &[u8]) -> (Vec<u8>, Vec<u8>) {
    let (mut kinds, mut payload) = (Vec::new(), Vec::new());
    while let [first, second, rest @ ..] = wire {
        assert!(first & FIN != 0 && second & MASKED != 0);
        let (length, rest) = match second & 127 {
            126 => (
                usize::from(u16::from_be_bytes([rest[0], rest[1]])),
                &rest[2..],
            ),
            127 => (
                usize::try_from(u64::from_be_bytes(rest[..8].try_into().unwrap())).unwrap(),
                &rest[8..],
            ),
            short => (usize::from(short), rest),
        };
        let (mask, rest) = rest.split_at(4);
        let (masked, rest) = rest.split_at(length);
        payload.extend(
            masked
                .iter()
                .enumerate()
                .map(|(at, byte)| byte ^ mask[at % 4]),
        );
        kinds.push(first & 15);
        wire = rest;
    }
    (kinds, payload)
}

#[test]
fn the_handshake_is_that_of_the_rfc() {
    let (mut layer, wire) = begun(true);
    let expected = "GET /ws HTTP/1.1\r\nHost: a.example\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
    assert_eq!(wire, expected.as_bytes());
    let (plain, _) = receive(&mut layer, ANSWER, &[7]).unwrap();
    assert!(plain.is_empty() && layer.is_open());
}

#[test]
fn without_frames_bytes_go_as_they_are() {
    let (mut layer, wire) = begun(false);
    assert!(wire.ends_with(b"Host: a.example\r\n\r\n"));
    let answer = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\nand more";
    let (plain, _) = receive(&mut layer, answer, &[11]).unwrap();
    assert_eq!(plain, b"and more");
    let mut wire = Vec::new();
    layer.send(b"hello", &mut wire).unwrap();
    assert_eq!(wire, b"hello");
    assert_eq!(layer.finish(&mut wire), Ok(Finish::Below));
}

#[test]
fn what_is_no_web_socket_is_told_with_its_status() {
    let message = |answer: &[u8]| {
        let (mut layer, _) = begun(true);
        receive(&mut layer, answer, &[5]).map_err(|broken| broken.message)
    };
    let denied = message(b"HTTP/1.1 404 Not Found\r\n\r\n");
    assert_eq!(denied, Err("HTTP status 404 instead of a WebSocket".into()));
    assert!(message(b"SSH-2.0-OpenSSH_9\r\n\r\n").is_err());
    assert!(message(b"HTTP/1.1 101 Switching Protocols\r\n\r\n").is_err());
    let other = String::from_utf8_lossy(ANSWER).replace("s3p", "s3q");
    assert!(message(other.as_bytes()).is_err());
    assert!(message(&[b'x'; MAX_HEAD + 10]).is_err());
}

#[test]
fn pings_are_answered_and_a_close_is_the_end() {
    let (mut layer, _) = begun(true);
    let wire = [
        ANSWER,
        &frame(0x82, b"one"),
        &frame(0x89, b"are you there?"),
        &frame(0x8a, b""),
        &frame(0x02, b" two"),
        &frame(0x89, b""),
        &frame(0x80, b" three"),
        &frame(0x88, &[3, 232]),
        &frame(0x82, b"late"),
    ]
    .concat();
    let (plain, answers) = receive(&mut layer, &wire, &[3]).unwrap();
    assert_eq!(plain, b"one two three");
    assert_eq!(
        understood(&answers),
        (vec![10, 10], b"are you there?".to_vec())
    );
    assert!(layer.has_ended() && layer.cut().is_ok());
    let mut wire = Vec::new();
    assert_eq!(layer.finish(&mut wire), Ok(Finish::Said));
    assert_eq!(understood(&wire), (vec![8], vec![3, 232]));
}

#[test]
fn frames_that_no_server_sends_are_not_taken() {
    for bad in [
        &[0x82, 0x81, 0, 0, 0, 0, 0][..],
        &[0xc2, 1, 0],
        &[0x89, 126, 0, 126],
        &[0x09, 0],
    ] {
        let (mut layer, _) = begun(true);
        assert!(receive(&mut layer, &[ANSWER, bad].concat(), &[100]).is_err());
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn frames_are_understood_in_any_pieces(
        payloads in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..70_000), 0..4),
        sizes in prop::collection::vec(1usize..9_000, 1..10),
        cut in any::<prop::sample::Index>(),
    ) {
        let (mut layer, _) = begun(true);
        let frames: Vec<u8> = payloads.iter().flat_map(|payload| frame(0x82, payload)).collect();
        let wire = [ANSWER, &frames].concat();
        let (plain, answers) = receive(&mut layer, &wire, &sizes).unwrap();
        prop_assert_eq!(&plain, &payloads.concat());
        prop_assert!(answers.is_empty() && layer.cut().is_ok() && layer.rest.capacity() == 0);
        let (mut layer, _) = begun(true);
        let (some, _) = receive(&mut layer, &wire[..cut.index(wire.len())], &sizes).unwrap();
        prop_assert!(plain.starts_with(&some));
        prop_assert!(layer.rest.len() <= MAX_HEAD);
    }

    #[test]
    fn a_server_understands_what_is_sent(said in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..40_000), 0..4)) {
        let (mut layer, _) = begun(true);
        receive(&mut layer, ANSWER, &[100]).unwrap();
        let mut wire = Vec::new();
        for bytes in &said {
            layer.send(bytes, &mut wire).unwrap();
        }
        prop_assert_eq!(understood(&wire).1, said.concat());
    }

    #[test]
    fn whatever_comes_nothing_grows(bytes in prop::collection::vec(any::<u8>(), 0..2_000), sizes in prop::collection::vec(1usize..99, 1..9)) {
        let (mut layer, _) = begun(true);
        let _ = receive(&mut layer, &[ANSWER, &bytes].concat(), &sizes);
        prop_assert!(layer.rest.len() <= MAX_HEAD);
    }
}
