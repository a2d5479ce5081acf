//! A relay between loopback sockets whose far ends read and write as unevenly as a seed says.

use super::*;
use crate::layer::tests::stack_of;
use crate::sys::epoll::{Epoll, Events, STREAM_EDGES};
use proptest::prelude::*;
use std::io;
use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::os::fd::AsRawFd;
use std::thread;
use std::time::Duration;

/// A connected pair: the far end blocking, ours not.
fn pair() -> (TcpStream, OwnedFd) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let far = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let near = listener.accept().unwrap().0;
    near.set_nonblocking(true).unwrap();
    (far, near.into())
}

/// Runs a relay by the events of epoll alone, as the engine does, until it is over.
fn run(relay: Relay) -> (Outcome, (u64, u64)) {
    run_with(relay, PipePool::default())
}

/// The same with pipes of a pool, which may have none.
fn run_with(mut relay: Relay, mut pool: PipePool) -> (Outcome, (u64, u64)) {
    let epoll = Epoll::new().unwrap();
    epoll.add(relay.client.as_fd(), 0, STREAM_EDGES).unwrap();
    epoll.add(relay.remote.as_fd(), 1, STREAM_EDGES).unwrap();
    let mut events = Events::new(4);
    let mut buffer = vec![0; COPY_BUFFER];
    let mut outcome = Outcome::Waiting;
    loop {
        if outcome == Outcome::Busy {
            outcome = relay.pump_both(&mut pool, &mut buffer);
        } else {
            epoll.wait(&mut events, Some(20_000)).unwrap();
            assert!(events.get(0).is_some(), "the relay hangs");
        }
        let mut index = 0;
        while let Some((side, bits)) = events.get(index) {
            index += 1;
            let side = if side == 0 {
                Side::Client
            } else {
                Side::Remote
            };
            outcome = match relay.on_ready(side, bits, &mut pool, &mut buffer) {
                Outcome::Waiting if outcome == Outcome::Busy => Outcome::Busy,
                next => next,
            };
            if matches!(outcome, Outcome::Finished | Outcome::Broken(_)) {
                let bytes = relay.bytes();
                if matches!(outcome, Outcome::Broken(_)) {
                    relay.reset();
                }
                relay.recycle(&mut pool);
                return (outcome, bytes);
            }
        }
    }
}

fn bytes_of(seed: u64, length: usize) -> Vec<u8> {
    let mut state = seed | 1;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state
    };
    (0..length).map(|_| next() as u8).collect()
}

/// Writes in pieces with rests, then ends its direction.
fn write_unevenly(mut stream: TcpStream, bytes: Vec<u8>, piece: usize, rest_every: usize) {
    for (index, chunk) in bytes.chunks(piece).enumerate() {
        stream.write_all(chunk).unwrap();
        if index % rest_every == 0 {
            thread::sleep(Duration::from_micros(200));
        }
    }
    stream.shutdown(Shutdown::Write).unwrap();
}

fn read_unevenly(mut stream: TcpStream, piece: usize, rest_every: usize) -> Vec<u8> {
    let mut all = Vec::new();
    let mut buffer = vec![0; piece];
    for index in 0.. {
        match stream.read(&mut buffer).unwrap() {
            0 => break,
            count => all.extend_from_slice(&buffer[..count]),
        }
        if index % rest_every == 0 {
            thread::sleep(Duration::from_micros(200));
        }
    }
    all
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn every_byte_arrives_in_order_both_ways(
        up in (any::<u64>(), 0usize..6_000_000, 1usize..200_000, 1usize..50),
        down in (any::<u64>(), 0usize..6_000_000, 1usize..200_000, 1usize..50),
        reads in (500usize..300_000, 1usize..50),
        has_pipes in any::<bool>(),
    ) {
        let (client, near_client) = pair();
        let (remote, near_remote) = pair();
        let sent_up = bytes_of(up.0, up.1);
        let sent_down = bytes_of(down.0, down.1);
        let relay = thread::spawn(move || {
            let pool = if has_pipes { PipePool::default() } else { PipePool::exhausted() };
            run_with(Relay::new(near_client, Remote::new(near_remote, None), 0), pool)
        });
        // Tiny pieces of much data only cost time.
        let piece = |(_, length, piece, _): (u64, usize, usize, usize)| piece.max(length / 2_000);
        let writers = [
            (client.try_clone().unwrap(), sent_up.clone(), piece(up), up.3),
            (remote.try_clone().unwrap(), sent_down.clone(), piece(down), down.3),
        ]
        .map(|(stream, bytes, piece, rest)| {
            thread::spawn(move || write_unevenly(stream, bytes, piece, rest))
        });
        let reader = thread::spawn(move || read_unevenly(remote, reads.0, reads.1));
        let got_down = read_unevenly(client, reads.0, reads.1);
        let got_up = reader.join().unwrap();
        for writer in writers {
            writer.join().unwrap();
        }
        let (outcome, bytes) = relay.join().unwrap();
        prop_assert_eq!(outcome, Outcome::Finished);
        prop_assert_eq!(bytes, (sent_up.len() as u64, sent_down.len() as u64));
        prop_assert!(got_up == sent_up && got_down == sent_down);
    }
}

/// Content that the layers of tests have no special meaning for.
fn words_of(seed: u64, length: usize) -> Vec<u8> {
    let bytes = bytes_of(seed, length);
    bytes.into_iter().map(|byte| byte % 200 + 8).collect()
}

/// An end with layers over a wire, and what has come through them already.
fn layered(wire: OwnedFd, keys: &[u8], plain: &[u8]) -> Remote {
    let through = Through {
        stack: stack_of(keys),
        plain: plain.to_vec(),
    };
    Remote::new(wire, Some(Box::new(through)))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(10))]

    #[test]
    fn through_layers_every_byte_arrives_in_order_both_ways(
        keys in prop::collection::vec(0u8..8, 1..4),
        up in (any::<u64>(), 0usize..150_000, 1usize..200_000, 1usize..50),
        down in (any::<u64>(), 0usize..150_000, 1usize..200_000, 1usize..50),
        reads in (500usize..300_000, 1usize..50),
    ) {
        let ((client, near_client), (server, near_server)) = (pair(), pair());
        let (far_wire, near_wire) = pair();
        far_wire.set_nonblocking(true).unwrap();
        let (sent_up, sent_down) = (words_of(up.0, up.1), words_of(down.0, down.1));
        let ends = [
            (near_client, layered(near_wire, &keys, b"early ")),
            (near_server, layered(far_wire.into(), &keys, b"")),
        ];
        let relays = ends.map(|(end, wire)| thread::spawn(move || run(Relay::new(end, wire, 0))));
        let piece = |(_, length, piece, _): (u64, usize, usize, usize)| piece.max(length / 2_000);
        let writers = [
            (client.try_clone().unwrap(), sent_up.clone(), piece(up), up.3),
            (server.try_clone().unwrap(), sent_down.clone(), piece(down), down.3),
        ]
        .map(|(stream, bytes, piece, rest)| {
            thread::spawn(move || write_unevenly(stream, bytes, piece, rest))
        });
        let reader = thread::spawn(move || read_unevenly(server, reads.0, reads.1));
        let got_down = read_unevenly(client, reads.0, reads.1);
        let got_up = reader.join().unwrap();
        for writer in writers {
            writer.join().unwrap();
        }
        let (up, down) = (sent_up.len() as u64, sent_down.len() as u64);
        let expected = [(up, down + 6), (down, up)];
        for (relay, bytes) in relays.into_iter().zip(expected) {
            prop_assert_eq!(relay.join().unwrap(), (Outcome::Finished, bytes));
        }
        prop_assert!(got_up == sent_up && got_down == [&b"early "[..], &sent_down].concat());
    }
}

#[test]
fn a_fault_in_a_layer_ends_its_flow_as_the_remote_sides() {
    let ((mut client, near_client), (mut wire, near_wire)) = (pair(), pair());
    let relay =
        thread::spawn(move || run(Relay::new(near_client, layered(near_wire, &[1], b""), 0)));
    wire.write_all(&[1, 255 ^ 1]).unwrap();
    assert_eq!(relay.join().unwrap().0, Outcome::Broken(Side::Remote));
    let end = client.read(&mut [0; 8]).unwrap_err().kind();
    assert_eq!(end, io::ErrorKind::ConnectionReset);
}

#[test]
fn one_that_speaks_and_does_not_listen_is_given_up() {
    let ((_client, near_client), (mut wire, near_wire)) = (pair(), pair());
    let relay =
        thread::spawn(move || run(Relay::new(near_client, layered(near_wire, &[1], b""), 0)));
    // Each wants an answer that is never read.
    let word = [1, 254 ^ 1].repeat(8_192);
    while wire.write_all(&word).is_ok() {}
    assert_eq!(relay.join().unwrap().0, Outcome::Broken(Side::Remote));
}

#[test]
fn a_word_of_the_remote_side_never_leaves_the_clients_bytes_waiting() {
    let ((mut client, near_client), (mut wire, near_wire)) = (pair(), pair());
    let mut relay = Relay::new(near_client, layered(near_wire, &[1], b""), 0);
    let (mut pool, mut buffer) = (PipePool::default(), vec![0; COPY_BUFFER]);
    client.set_nonblocking(true).unwrap();
    wire.set_nonblocking(true).unwrap();
    // Until all that is between them is full.
    let chunk = [9; 64 * 1024];
    loop {
        let mut said = 0;
        while let Ok(count) = client.write(&chunk) {
            said += count;
        }
        relay.on_ready(Side::Client, CAN_READ, &mut pool, &mut buffer);
        if said == 0 && relay.up.is_blocked() {
            break;
        }
    }
    let mut heard = vec![0; 1 << 20];
    while let Ok(1..) = wire.read(&mut heard) {}
    wire.write_all(&[1, 9 ^ 1]).unwrap();
    // One event tells both: there is something to read, and there is room.
    let ready = CAN_READ | CAN_WRITE;
    let outcome = relay.on_ready(Side::Remote, ready, &mut pool, &mut buffer);
    let waits = outcome == Outcome::Waiting && !relay.up.is_blocked();
    let unread = socket::receive(relay.client(), &mut [0], libc::MSG_PEEK).is_ok();
    assert!(!(waits && unread), "nobody will read the client's bytes");
}

#[test]
fn an_end_that_came_before_the_relay_is_passed_on() {
    for plain in [&b"answer"[..], b""] {
        let ((mut client, near_client), (_wire, near_wire)) = (pair(), pair());
        let mut stack = stack_of(&[1]);
        let ended = stack.receive(&mut b"\0".to_vec(), &mut Vec::new(), &mut Vec::new());
        ended.unwrap();
        let through = Through {
            stack,
            plain: plain.to_vec(),
        };
        let mut relay = Relay::new(
            near_client,
            Remote::new(near_wire, Some(Box::new(through))),
            0,
        );
        relay.pump_both(&mut PipePool::default(), &mut vec![0; COPY_BUFFER]);
        let mut all = Vec::new();
        client.read_to_end(&mut all).unwrap();
        assert_eq!(all, plain);
    }
}

#[test]
fn a_pair_whose_other_end_is_closed_resets_the_remote_side() {
    let (client, near_client) = socket::pair().unwrap();
    let (mut wire, near_wire) = pair();
    let relay =
        thread::spawn(move || run(Relay::new(near_client, layered(near_wire, &[1], b""), 0)));
    drop(client);
    assert_eq!(relay.join().unwrap().0, Outcome::Broken(Side::Client));
    let end = wire.read(&mut [0; 8]).unwrap_err().kind();
    assert_eq!(end, io::ErrorKind::ConnectionReset);
}

#[test]
fn a_reset_names_its_side_even_after_a_half_close() {
    for half_closed in [false, true] {
        let (mut client, near_client) = pair();
        let (remote, near_remote) = pair();
        let relay =
            thread::spawn(move || run(Relay::new(near_client, Remote::new(near_remote, None), 0)));
        if half_closed {
            remote.shutdown(Shutdown::Write).unwrap();
            assert_eq!(client.read(&mut [0; 8]).unwrap(), 0);
        }
        socket::reset_on_close(remote.as_fd());
        drop(remote);
        assert_eq!(relay.join().unwrap().0, Outcome::Broken(Side::Remote));
        let end = client.read(&mut [0; 8]);
        if !half_closed {
            assert_eq!(end.unwrap_err().kind(), io::ErrorKind::ConnectionReset);
        }
    }
}

#[test]
fn finish_delivers_what_is_on_its_way_and_ends_both() {
    let (mut client, near_client) = pair();
    let (mut remote, near_remote) = pair();
    client.write_all(b"last words").unwrap();
    let mut relay = Relay::new(near_client, Remote::new(near_remote, None), 0);
    let mut pool = PipePool::default();
    let mut buffer = vec![0; COPY_BUFFER];
    assert_eq!(relay.pump_both(&mut pool, &mut buffer), Outcome::Waiting);
    relay.finish();
    assert_eq!(relay.pump_both(&mut pool, &mut buffer), Outcome::Waiting);
    let runner = thread::spawn(move || run(relay));
    let mut text = String::new();
    remote.read_to_string(&mut text).unwrap();
    assert_eq!(text, "last words");
    assert_eq!(client.read(&mut [0; 8]).unwrap(), 0);
    drop((client, remote));
    assert_eq!(runner.join().unwrap(), (Outcome::Finished, (10, 0)));
}

#[test]
fn urgent_data_keeps_its_place() {
    let ((mut client, near_client), (remote, near_remote)) = (pair(), pair());
    for near in [&near_client, &near_remote] {
        crate::egress::tune_tcp(near.as_fd());
    }
    client.write_all(b"before ").unwrap();
    // SAFETY: the pointer is to a live byte.
    let sent = unsafe { libc::send(client.as_raw_fd(), b"!".as_ptr().cast(), 1, libc::MSG_OOB) };
    assert_eq!(sent, 1);
    client.write_all(b" after").unwrap();
    client.shutdown(Shutdown::Write).unwrap();
    let reader = thread::spawn(move || {
        let all = read_unevenly(remote.try_clone().unwrap(), 64, 8);
        remote.shutdown(Shutdown::Write).unwrap();
        all
    });
    let (outcome, _) = run(Relay::new(near_client, Remote::new(near_remote, None), 0));
    assert_eq!(outcome, Outcome::Finished);
    assert_eq!(reader.join().unwrap(), b"before ! after");
}
