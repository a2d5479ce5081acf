//! What one client may have: who gives way, to whom, and what is refused.

use super::{Driven, engine, feed, syn};
use crate::command::{Command, DialPlan, EchoVerdict, Refusal, Verdict};
use crate::event::{Event, Reason};
use crate::options::Hop;
use crate::packet::{header, ip, ipv4, tcp, udp};
use std::net::IpAddr;

/// Two pings of 64,000 bytes from a container to each of so many hosts.
fn ping(engine: &mut Driven, client: [u8; 4], hosts: u8) {
    let message = [&[8, 0, 0, 0, 0, 7, 0, 1][..], &[0; 63_992]].concat();
    for host in 0..hosts {
        let packet = header::build(client.into(), [198, 18, 3, host].into(), ip::ICMP, &message);
        feed(engine, &packet);
        feed(engine, &packet);
    }
}

/// Refuses all pings that are asked about: how many of them were on hold.
fn refuse_pings(engine: &mut Driven) -> usize {
    engine.packets();
    for event in engine.events() {
        if let Event::Echo { id, .. } = event {
            let verdict = EchoVerdict::Refuse(Refusal::Prohibited);
            engine.command(Command::DecideEcho { id, verdict });
        }
    }
    engine.packets().len()
}

#[test]
fn pings_on_hold_have_bounds() {
    const MIB: usize = 1 << 20;
    let mut engine = engine();
    // Twice: a verdict gives all back.
    for _ in 0..2 {
        ping(&mut engine, [203, 0, 113, 7], 100);
        assert_eq!(refuse_pings(&mut engine), MIB / 64_000);
        engine.advance(60_000);
    }
    for client in 0..9 {
        ping(&mut engine, [203, 0, 113, client], 30);
    }
    // Programs of this machine find their half.
    ping(&mut engine, [127, 0, 0, 1], 40);
    assert_eq!(refuse_pings(&mut engine), 2 * (2 * MIB / 64_000));
    // Time without a verdict gives back, too.
    engine.advance(60_000);
    ping(&mut engine, [203, 0, 113, 7], 20);
    engine.events();
    engine.advance(60_000);
    ping(&mut engine, [203, 0, 113, 7], 20);
    assert_eq!(refuse_pings(&mut engine), MIB / 64_000);
}

/// A SYN of a forwarded address.
fn syn_of(client: [u8; 4], port: u16) -> Vec<u8> {
    let mut packet = syn(port);
    let segment = packet.split_off(ipv4::HEADER);
    header::build(client.into(), [198, 18, 3, 4].into(), ip::TCP, &segment)
}

#[test]
fn who_has_most_connections_gives_the_longest_idle_to_who_has_less() {
    let mut engine = engine();
    engine.limit_connections(32);
    let (greedy, other) = ([10, 9, 0, 1], [10, 9, 0, 2]);
    for port in 1..=40 {
        feed(&mut engine, &syn_of(greedy, port));
        engine.advance(1);
    }
    let told = engine.events();
    let opened: Vec<u64> = told
        .iter()
        .filter_map(|event| match event {
            Event::Open { id, .. } => Some(*id),
            _ => None,
        })
        .collect();
    // One alone has everything, and is refused beyond it.
    assert_eq!((opened.len(), told.len()), (32, 32));
    assert_eq!(engine.packets().len(), 8);
    for port in 1..=16 {
        feed(&mut engine, &syn_of(other, port));
        let told = engine.events();
        let [
            Event::Close {
                id,
                reason: Reason::GaveWay,
                ..
            },
            Event::Open { .. },
        ] = &told[..]
        else {
            panic!("{told:?}");
        };
        assert_eq!(*id, opened[usize::from(port) - 1]);
        let resets = engine.packets();
        let reset = header::parse(&resets[0]).unwrap();
        assert_eq!(reset.destination(), std::net::IpAddr::from(greedy));
        assert!(tcp::Tcp::parse(reset.payload()).unwrap().has(tcp::RST));
    }
    // Both have half now.
    for client in [greedy, other] {
        feed(&mut engine, &syn_of(client, 900));
        assert!(engine.events().is_empty());
        assert_eq!(engine.packets().len(), 1);
    }
    // UDP and pipes need what is left of the descriptors.
    assert!(!engine.leave_descriptors(60));
    let told = engine.events();
    assert_eq!(told.len(), 30);
}

#[test]
fn invented_sources_keep_nobody_out_who_opens_connections() {
    let mut engine = engine();
    engine.limit_connections(16);
    let invented = |number: u8| [10, 9, 1, number];
    let mut opened = Vec::new();
    let mut told = |engine: &mut Driven| {
        let told = engine.events();
        let mut gone = Vec::new();
        for event in &told {
            match event {
                Event::Open { id, source, .. } => opened.push((source.ip(), *id)),
                Event::Close { id, reason, .. } => {
                    assert_eq!(*reason, Reason::GaveWay);
                    gone.push(opened.iter().find(|(_, other)| other == id).unwrap().0);
                }
                _ => panic!("{told:?}"),
            }
        }
        gone
    };
    for number in 0..16 {
        feed(&mut engine, &syn_of(invented(number), 1));
        engine.advance(1);
    }
    assert!(told(&mut engine).is_empty());
    // Nobody has more than another: one that has not opened gives way to one that has none, and to nobody else.
    for number in 0..4 {
        feed(&mut engine, &syn_of([10, 9, 2, number], 1));
        let gone = told(&mut engine);
        assert!(gone.len() == 1 && (0..16).any(|number| gone[0] == IpAddr::from(invented(number))));
        feed(&mut engine, &syn_of([10, 9, 2, number], 2));
        assert!(told(&mut engine).is_empty());
    }
}

/// A datagram of a forwarded address to a port that leads here; the flow that it opened goes out directly. What was told but that.
fn send_datagram(engine: &mut Driven, client: ([u8; 4], u16), port: u16) -> (u64, Vec<Event>) {
    let mut packet = Vec::new();
    let to = ([198, 18, 3, 4], port).into();
    udp::build(&mut packet, client.into(), to, 1, b"x");
    feed(engine, &packet);
    let told = engine.events();
    let [Event::Open { id, .. }] = told[..] else {
        panic!("{told:?}");
    };
    let verdict = Verdict::Dial(DialPlan {
        hops: vec![Hop {
            address: [127, 0, 0, 1].into(),
            device: None,
        }],
        port,
        layers: vec![],
        timeout_ms: 1_000,
    });
    engine.command(Command::Decide { id, verdict });
    (id, engine.events())
}

#[test]
fn a_whole_socket_gives_way_with_all_its_flows_and_no_other() {
    let mut engine = engine();
    engine.limit_sockets(4);
    let (greedy, other) = ([10, 9, 0, 1], [10, 9, 0, 2]);
    // Four sockets, three destinations each: by turns, so that the oldest flows are not all of one socket.
    let mut flows: Vec<Vec<u64>> = vec![Vec::new(); 4];
    for port in 20_000..20_003 {
        for (socket, flows) in flows.iter_mut().enumerate() {
            let client = (greedy, 4_100 + socket as u16);
            let (id, told) = send_datagram(&mut engine, client, port);
            assert!(
                matches!(told[..], [Event::Dialed { outcome: Ok(_), .. }]),
                "{told:?}"
            );
            flows.push(id);
            engine.advance(1);
        }
    }
    let gave_way = |told: &[Event]| -> Vec<u64> {
        let close = |event: &Event| match event {
            Event::Close { id, reason, .. } => {
                assert_eq!(*reason, Reason::GaveWay);
                Some(*id)
            }
            _ => None,
        };
        let mut ended: Vec<u64> = told.iter().filter_map(close).collect();
        ended.sort_unstable();
        ended
    };
    for (socket, flows) in flows.iter().take(2).enumerate() {
        let (_, told) = send_datagram(&mut engine, (other, 4_200 + socket as u16), 20_000);
        assert_eq!(gave_way(&told), *flows, "socket {socket}");
        assert!(
            told.iter()
                .any(|event| matches!(event, Event::Dialed { outcome: Ok(_), .. }))
        );
    }
    // Each has half. A further socket takes the place of the oldest that nobody has answered, of either: they are forwarded both.
    let (_, told) = send_datagram(&mut engine, (other, 4_202), 20_000);
    assert_eq!(gave_way(&told), flows[2]);
    // The sockets that are left still take destinations without another giving way.
    let (_, told) = send_datagram(&mut engine, (greedy, 4_103), 20_009);
    assert!(
        matches!(told[..], [Event::Dialed { outcome: Ok(_), .. }]),
        "{told:?}"
    );
}

/// The clients of new flows among what is told.
fn opened(told: &[Event]) -> Vec<IpAddr> {
    let client = |event: &Event| match event {
        Event::Open { source, .. } => Some(source.ip()),
        _ => None,
    };
    told.iter().filter_map(client).collect()
}

#[test]
fn a_crowd_of_new_flows_is_told_in_turns_and_rests_while_others_are_about() {
    let mut engine = engine();
    let (crowd, other) = ([10, 9, 0, 1], [127, 0, 0, 1]);
    for port in 1..=60 {
        feed(&mut engine, &syn_of(crowd, port));
    }
    // Alone it is told without a pause, a turn's worth at a time.
    let first = opened(&engine.turn());
    assert!((1..60).contains(&first.len()));
    assert_eq!(engine.end_turn(), None);
    for port in 100..=200 {
        feed(&mut engine, &syn_of(crowd, port));
    }
    feed(&mut engine, &syn_of(other, 1));
    let second = opened(&engine.turn());
    assert!(second[..2].contains(&IpAddr::from(other)), "{second:?}");
    assert!(second.len() > 2);
    assert!(engine.end_turn().is_some());
    // It rests; who comes now does not wait for that.
    feed(&mut engine, &syn_of(other, 2));
    assert_eq!(opened(&engine.turn()), [IpAddr::from(other)]);
    assert!(engine.end_turn().is_some());
    engine.advance(1_000);
    // JavaScript wakes who waits for it; a rest that is over does not.
    assert_eq!(engine.rest_ms(), None);
    assert!(opened(&engine.turn()).contains(&IpAddr::from(crowd)));
}

#[test]
fn a_flow_that_ends_before_its_turn_is_not_told() {
    let mut engine = engine();
    let client = [10, 9, 0, 1];
    for port in 1..=60 {
        feed(&mut engine, &syn_of(client, port));
    }
    for port in 1..=60 {
        let mut packet = syn(port);
        let mut segment = packet.split_off(ipv4::HEADER);
        segment[13] = tcp::RST;
        let reset = header::build(client.into(), [198, 18, 3, 4].into(), ip::TCP, &segment);
        feed(&mut engine, &reset);
    }
    let told = engine.events();
    let ended = told
        .iter()
        .filter(|event| matches!(event, Event::Close { .. }));
    assert_eq!(ended.count(), opened(&told).len());
    assert!(opened(&told).len() < 60);
}
