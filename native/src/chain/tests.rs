//! Chains over a pair of sockets whose far end says everything that proxies would say, in any pieces.

use super::*;
use crate::command::{HttpConnect, Socks5};
use crate::layer::tests::stack_of;
use crate::socks5::Credentials;
use proptest::prelude::*;
use std::io::{Read, Write};
use std::net::SocketAddr;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;

const BOUND: [u8; 10] = [5, 0, 0, 1, 192, 0, 2, 1, 0, 80];

fn socks5(name: &str, credentials: Option<Credentials>) -> Planned {
    Planned::Socks5(Socks5 {
        credentials,
        target: Target::new(name, 80),
    })
}

fn http(request: &str) -> Planned {
    Planned::HttpConnect(HttpConnect {
        request: request.as_bytes().to_vec(),
    })
}

/// Plans, what the proxies say, and what they are told.
fn conversation(kinds: &[u8]) -> (Vec<Planned>, Vec<u8>, Vec<u8>) {
    let (mut plans, mut answers, mut told) = (Vec::new(), Vec::new(), Vec::new());
    for (index, kind) in kinds.iter().enumerate() {
        let name = format!("n{index}");
        let request = [&[5, 1, 0, 3, 2], name.as_bytes(), &[0, 80]].concat();
        match kind {
            0 => {
                plans.push(socks5(&name, None));
                told.extend([&[5, 1, 0][..], &request].concat());
                answers.extend([&[5, 0][..], &BOUND].concat());
            }
            1 => {
                let login = Credentials {
                    username: "u".into(),
                    password: "p".into(),
                };
                plans.push(socks5(&name, Some(login)));
                told.extend([&[5, 2, 0, 2, 1, 1, b'u', 1, b'p'][..], &request].concat());
                answers.extend([&[5, 2, 1, 0][..], &BOUND].concat());
            }
            _ => {
                let head = format!("CONNECT {name}:80 HTTP/1.1\r\n\r\n");
                plans.push(http(&head));
                told.extend(head.as_bytes());
                answers.extend(b"HTTP/1.1 103 Hints\r\n\r\nHTTP/1.0 200 OK\r\nVia: x\r\n\r\n");
            }
        }
    }
    (plans, answers, told)
}

/// What has come of a chain that is shown these pieces one after the other, then the end; with what is left for the flow, and what
/// the proxies were told.
fn play(plans: Vec<Planned>, pieces: &[&[u8]]) -> (Result<Spoken, DialFault>, Vec<u8>, Vec<u8>) {
    let (near, mut far) = UnixStream::pair().unwrap();
    near.set_nonblocking(true).unwrap();
    let mut chain = Chain::new(plans, Command::Connect);
    let mut outcome = chain.advance(near.as_fd());
    for piece in pieces {
        far.write_all(piece).unwrap();
        if outcome.is_none() {
            outcome = chain.advance(near.as_fd());
        }
    }
    far.shutdown(std::net::Shutdown::Write).unwrap();
    let outcome = outcome.or_else(|| chain.advance(near.as_fd()));
    let mut near = near;
    near.set_nonblocking(false).unwrap();
    let (mut rest, mut told) = (Vec::new(), Vec::new());
    near.read_to_end(&mut rest).unwrap();
    drop(near);
    far.read_to_end(&mut told).unwrap();
    (outcome.unwrap(), rest, told)
}

proptest! {
    #[test]
    fn any_proxies_in_a_row_in_any_pieces_leave_the_flow_its_bytes(
        kinds in prop::collection::vec(0u8..3, 0..6),
        sizes in prop::collection::vec(1usize..40, 1..12),
    ) {
        let (plans, mut answers, expected) = conversation(&kinds);
        answers.extend(b"hello");
        let mut pieces = Vec::new();
        let mut left = &answers[..];
        let mut sizes = sizes.iter().cycle();
        while !left.is_empty() {
            let (piece, rest) = left.split_at((*sizes.next().unwrap()).min(left.len()));
            pieces.push(piece);
            left = rest;
        }
        let (outcome, rest, told) = play(plans, &pieces);
        let spoken = outcome.unwrap();
        prop_assert!(spoken.through.is_none());
        let bound = Target::Address(SocketAddr::from(([192, 0, 2, 1], 80)));
        let last_bound = kinds.last().is_some_and(|kind| *kind < 2).then_some(bound);
        prop_assert_eq!(spoken.bound, last_bound);
        prop_assert_eq!(&rest[..], b"hello");
        prop_assert_eq!(told, expected);
    }
}

#[test]
fn a_refusal_names_the_proxy_that_is_to_blame() {
    // What the first says of the second's server is the second's failure; of itself, its own.
    for (answer, failure, layer) in [
        (&[5, 0, 5, 5, 0, 1, 0][..], Failure::ProxyRefused, 1),
        (&[5, 0, 5, 4, 0, 1, 0], Failure::ProxyUnreachable, 1),
        (&[5, 0, 5, 2, 0, 1, 0], Failure::ProxyDenied, 0),
        (&[5, 255], Failure::ProxyAuth, 0),
        (&[9, 9], Failure::ProxyFailed, 0),
        (&[5, 0], Failure::ProxyFailed, 0),
    ] {
        let plans = vec![
            socks5("second.example", None),
            http("CONNECT a:80 HTTP/1.1\r\n\r\n"),
        ];
        let (outcome, ..) = play(plans, &[answer]);
        let fault = outcome.err().unwrap();
        assert_eq!(
            (fault.failure, fault.layer),
            (failure, Some(layer)),
            "{answer:?}"
        );
    }
    let first = [&[5, 0][..], &BOUND].concat();
    for (answer, failure) in [
        (&b"HTTP/1.1 407 No\r\n\r\n"[..], Failure::ProxyAuth),
        // The last one speaks of the target.
        (b"HTTP/1.1 502 No\r\n\r\n", Failure::HostUnreachable),
        (b"SSH-2.0", Failure::ProxyFailed),
        (b"", Failure::ProxyFailed),
    ] {
        let plans = vec![
            socks5("second.example", None),
            http("CONNECT a:80 HTTP/1.1\r\n\r\n"),
        ];
        let (outcome, ..) = play(plans, &[&first, answer]);
        let fault = outcome.err().unwrap();
        assert_eq!((fault.failure, fault.layer), (failure, Some(1)));
    }
}

#[test]
fn one_that_is_silent_is_named() {
    let (near, far) = UnixStream::pair().unwrap();
    near.set_nonblocking(true).unwrap();
    let (plans, answers, _) = conversation(&[0, 2, 1]);
    let mut chain = Chain::new(plans, Command::Connect);
    assert!(chain.advance(near.as_fd()).is_none());
    assert_eq!(chain.late().layer, Some(0));
    let mut far: UnixStream = OwnedFd::from(far).into();
    far.write_all(&answers[..12]).unwrap();
    assert!(chain.advance(near.as_fd()).is_none());
    assert_eq!(chain.late().layer, Some(1));
}

#[test]
fn one_that_talks_through_a_layer_and_never_answers_is_given_up() {
    let (near, mut far) = UnixStream::pair().unwrap();
    for end in [&near, &far] {
        end.set_nonblocking(true).unwrap();
    }
    let mut chain = Chain::new(vec![socks5("a.example", None)], Command::Connect);
    chain.through.stack = stack_of(&[1]);
    // Words between layers; each is answered there.
    let word = [1, 254 ^ 1].repeat(1_024);
    let mut said = 0;
    let fault = loop {
        said += far.write(&word).unwrap_or(0);
        if let Some(outcome) = chain.advance(near.as_fd()) {
            break outcome.err().unwrap();
        }
        while let Ok(1..) = far.read(&mut [0; 4_096]) {}
        assert!(said <= MAX_HEARD + word.len(), "it listens without an end");
    };
    assert_eq!(
        (fault.failure, fault.layer),
        (Failure::ProxyFailed, Some(0))
    );
}
