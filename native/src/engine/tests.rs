//! The engine driven by hand: packets that once ended it, and what must stay as it is.

mod bounds;

use super::drive::Driven;
use crate::command::{Command, DialPlan, Peek, Verdict};
use crate::event::{Event, Reason};
use crate::options::Hop;
use crate::packet::{header, ip, ipv4, ipv6, tcp, udp};
use crate::shared::Shared;
use crate::vnet_header;
use std::net::SocketAddr;
use std::sync::Arc;

fn engine() -> Driven {
    Driven::new(Arc::new(Shared::new(Box::new(|| {})).unwrap()))
}

fn feed(engine: &mut Driven, packet: &[u8]) {
    let mut frame = vec![0; vnet_header::LENGTH];
    frame.extend_from_slice(packet);
    engine.feed(&mut frame);
}

/// A packet of IPv6 with so many headers of a kind in front of nothing.
fn nested(kind: u8, count: usize, identification: impl Fn(usize) -> u8) -> Vec<u8> {
    let body: Vec<u8> = (0..count)
        .flat_map(|index| {
            let next = if index + 1 == count { ip::UDP } else { kind };
            [next, 0, 0, 0, 0, 0, 0, identification(index)]
        })
        .collect();
    header::build(
        "fd00::1".parse().unwrap(),
        "fd00::4".parse().unwrap(),
        kind,
        &body,
    )
}

#[test]
fn headers_in_headers_are_not_followed() {
    let run = || {
        let mut engine = engine();
        for kind in [44, 0, 60, 43] {
            for count in [2, 9, 1_000, 8_000] {
                feed(&mut engine, &nested(kind, count, |_| 0));
                feed(&mut engine, &nested(kind, count, |index| index as u8));
            }
        }
        // Put together of fragments, it says that it is a fragment again.
        let inner = nested(44, 8_000, |_| 1);
        let chain = &inner[ipv6::HEADER..];
        for (index, chunk) in chain.chunks(8_000).enumerate() {
            let more = u16::from((index + 1) * 8_000 < chain.len());
            let mut body = vec![44, 0];
            body.extend_from_slice(&((index * 8_000) as u16 | more).to_be_bytes());
            body.extend_from_slice(&[0, 0, 0, 9]);
            body.extend_from_slice(chunk);
            let ends = ("fd00::1".parse().unwrap(), "fd00::4".parse().unwrap());
            feed(&mut engine, &header::build(ends.0, ends.1, 44, &body));
        }
        assert!(engine.events().is_empty());
        assert!(engine.stop().is_empty());
    };
    // As small a stack as a thread gets: depth that grows with the input does not fit.
    let thread = std::thread::Builder::new().stack_size(64 * 1024).spawn(run);
    thread.unwrap().join().unwrap();
}

#[test]
fn an_end_before_what_came_is_refused() {
    let mut engine = engine();
    for (offset, more) in [(1_000, true), (8, false)] {
        let ends = ("198.18.0.1".parse().unwrap(), "198.18.3.4".parse().unwrap());
        let mut packet = header::build(ends.0, ends.1, ip::UDP, &[0; 8]);
        ipv4::set_fragment(&mut packet, ipv4::HEADER, offset, more);
        feed(&mut engine, &packet);
    }
    assert!(engine.events().is_empty() && engine.packets().is_empty());
}

/// A SYN from a port to port 80 of a host.
fn syn(port: u16) -> Vec<u8> {
    let mut segment = vec![0; 20];
    segment[..2].copy_from_slice(&port.to_be_bytes());
    segment[2..4].copy_from_slice(&80u16.to_be_bytes());
    (segment[12], segment[13]) = (0x50, tcp::SYN);
    let ends = ("198.18.0.1".parse().unwrap(), "198.18.3.4".parse().unwrap());
    header::build(ends.0, ends.1, ip::TCP, &segment)
}

fn question(port: u16) -> Vec<u8> {
    let mut packet = Vec::new();
    let ends = ([198, 18, 0, 1], port).into();
    let mut message = vec![0; 12];
    message[5] = 1;
    message.extend_from_slice(&[1, b'a', 0, 0, 1, 0, 1]);
    udp::build(&mut packet, ends, ([198, 18, 0, 2], 53).into(), 1, &message);
    packet
}

#[test]
fn another_engine_takes_over_and_numbers_are_not_given_twice() {
    let mut engine = engine();
    feed(&mut engine, &syn(1_000));
    feed(&mut engine, &question(2_000));
    let told = engine.events();
    let [Event::Open { id: first, .. }, Event::Dns(asked)] = &told[..] else {
        panic!("{told:?}");
    };
    let (first, first_token) = (*first, asked.first_token);

    let told = engine.die_and_revive();
    let [
        Event::Close {
            id,
            reason: Reason::Stopped,
            ..
        },
    ] = &told[..]
    else {
        panic!("{told:?}");
    };
    assert_eq!(*id, first);
    // The program is told that its connection is over.
    let answers = engine.packets();
    let answer = header::parse(answers.last().unwrap()).unwrap();
    assert!(tcp::Tcp::parse(answer.payload()).unwrap().has(tcp::RST));

    // An answer to the question of before is nobody's now.
    let mut answer = (first_token as f64).to_le_bytes().to_vec();
    answer.extend_from_slice(&[12, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    engine.command(Command::AnswerDns { answers: answer });
    assert!(engine.packets().is_empty());
    feed(&mut engine, &syn(1_000));
    feed(&mut engine, &question(2_000));
    let told = engine.events();
    let [Event::Open { id, .. }, Event::Dns(asked)] = &told[..] else {
        panic!("{told:?}");
    };
    assert!(*id > first && asked.first_token > first_token);
}

/// Opens so many UDP flows of one port that go out by a socket bound to an interface by which the kernel would not send.
fn open_strays(engine: &mut Driven, count: u16) {
    for number in 0..count {
        let mut packet = Vec::new();
        let port = 10_000 + number;
        let ends = ([198, 18, 0, 1], 4_000).into();
        udp::build(&mut packet, ends, ([198, 18, 3, 4], port).into(), 1, b"x");
        feed(engine, &packet);
        for event in engine.events() {
            if let Event::Open { id, .. } = event {
                let verdict = Verdict::Dial(DialPlan {
                    hops: vec![Hop {
                        address: [127, 0, 0, 1].into(),
                        device: Some("lo".into()),
                    }],
                    port,
                    layers: vec![],
                    timeout_ms: 1_000,
                });
                engine.command(Command::Decide { id, verdict });
            }
        }
    }
}

fn rerouted(engine: &mut Driven) -> usize {
    let is_rerouted = |event: &&Event| {
        let reason = Reason::Rerouted;
        matches!(event, Event::Close { reason: why, .. } if *why == reason)
    };
    engine.events().iter().filter(is_rerouted).count()
}

#[test]
fn a_change_of_the_network_is_looked_at_in_turns() {
    let mut engine = engine();
    assert!(!engine.sweep());
    open_strays(&mut engine, 150);
    assert_eq!(rerouted(&mut engine), 0);
    engine.command(Command::Review);
    assert_eq!(rerouted(&mut engine), 0);
    let mut ended = Vec::new();
    let mut is_busy = true;
    while is_busy {
        // Changes that go on keep no flow from being looked at.
        if ended.len() < 2 {
            engine.command(Command::Review);
        }
        is_busy = engine.sweep();
        ended.push(rerouted(&mut engine));
    }
    assert_eq!(ended[..3], [64, 64, 22]);
    assert!(ended.len() <= 4 && !engine.sweep());
    // Flows of later are looked at after a later change.
    open_strays(&mut engine, 3);
    assert!(!engine.sweep());
    engine.command(Command::Review);
    assert!(!engine.sweep());
    assert_eq!(rerouted(&mut engine), 3);
}

/// What the engine has sent to its own listener and to the program since the last call: flags and ends.
fn segments(engine: &mut Driven) -> Vec<(u8, SocketAddr, SocketAddr)> {
    let packets = engine.packets();
    let read = |packet: &Vec<u8>| {
        let ip = header::parse(packet)?;
        let tcp = tcp::Tcp::parse(ip.payload())?;
        let from = SocketAddr::new(ip.source(), tcp.source_port);
        let to = SocketAddr::new(ip.destination(), tcp.destination_port);
        Some((tcp.flags, from, to))
    };
    packets.iter().filter_map(read).collect()
}

#[test]
fn a_firewall_that_refuses_for_the_listener_is_not_taken_for_the_far_side() {
    let mut engine = engine();
    for port in [2_000, 2_001] {
        feed(&mut engine, &syn(port));
        let told = engine.events();
        let [Event::Open { id, .. }] = told[..] else {
            panic!("{told:?}");
        };
        let verdict = Verdict::Peek(Peek {
            at_least: 1,
            timeout_ms: 1_000,
        });
        engine.command(Command::Decide { id, verdict });
        let sent = segments(&mut engine);
        let [(tcp::SYN, from, listener)] = sent[..] else {
            panic!("{sent:?}");
        };
        let reset = tcp::reset(listener, from, 0, Some(1));
        feed(&mut engine, &reset);
        // The SYN goes to the listener once more, and nobody is told of anything.
        assert_eq!(segments(&mut engine), [(tcp::SYN, from, listener)]);
        assert!(engine.events().is_empty());
        // It is refused all the same: so is the program.
        feed(&mut engine, &reset);
        let sent = segments(&mut engine);
        assert_eq!(sent.len(), 1);
        assert!(sent[0].0 & tcp::RST != 0 && sent[0].2.port() == port);
        let told = engine.events();
        assert!(matches!(
            told[..],
            [Event::Close {
                reason: Reason::Abandoned,
                ..
            }]
        ));
    }
}
