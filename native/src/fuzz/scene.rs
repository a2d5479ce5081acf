//! A scene for the engine written as bytes: packets as they are or put together of parts, time that passes, verdicts, answers.
//! Every sequence of bytes is a scene, so that a mutation of one is another.

use crate::command::{
    Command, DialPlan, EchoVerdict, Ending, Layer, Peek, Refusal, Rejection, Socks5, Verdict,
};
use crate::engine::drive::Driven;
use crate::event::Event;
use crate::options::Hop;
use crate::packet::{checksum, header, ip, ipv4};
use crate::shared::Shared;
use crate::socks5::Target;
use std::collections::HashSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::{Arc, OnceLock};

/// Steps of a scene that are played.
const MAX_STEPS: usize = 64;

/// Reads the bytes of a scene; what is not there is 0.
struct Script<'a>(&'a [u8]);

impl<'a> Script<'a> {
    fn byte(&mut self) -> u8 {
        let Some((first, rest)) = self.0.split_first() else {
            return 0;
        };
        self.0 = rest;
        *first
    }

    fn word(&mut self) -> u16 {
        u16::from_be_bytes([self.byte(), self.byte()])
    }

    fn bytes(&mut self, length: usize) -> &'a [u8] {
        let (bytes, rest) = self.0.split_at(length.min(self.0.len()));
        self.0 = rest;
        bytes
    }
}

/// Plays a scene to its end and checks that every flow is closed once and that what the engine sends is well-formed.
pub fn play(bytes: &[u8]) {
    static SHARED: OnceLock<Arc<Shared>> = OnceLock::new();
    let shared = SHARED.get_or_init(|| Arc::new(Shared::new(Box::new(|| {})).expect("shared")));
    // Another scene may have ended in the middle.
    shared.take_events();
    shared.take_commands();
    let mut engine = Driven::new(shared.clone());
    let mut script = Script(bytes);
    let (mut open, mut ids) = (HashSet::new(), vec![0]);
    let mut questions = 0;
    for _ in 0..MAX_STEPS {
        if script.0.is_empty() {
            break;
        }
        let mut events = step(&mut script, &mut engine, &ids, questions);
        events.extend(engine.events());
        for event in events {
            match event {
                Event::Open { id, .. } => {
                    assert!(open.insert(id), "opened twice");
                    ids.push(id);
                }
                Event::Echo { id, .. } => ids.push(id),
                Event::Close { id, .. } => assert!(open.remove(&id), "closed but not open"),
                Event::Dns(asked) => questions = asked.first_token + u64::from(asked.count),
                _ => {}
            }
        }
        for packet in engine.packets() {
            check(&packet);
        }
    }
    for event in engine.stop() {
        if let Event::Close { id, .. } = event {
            assert!(open.remove(&id), "closed but not open");
        }
    }
    assert!(open.is_empty(), "never closed");
}

/// What goes to programs is a well-formed packet to a host.
fn check(packet: &[u8]) {
    let parsed = header::parse(packet).expect("a packet that cannot be read");
    assert_eq!(parsed.bytes().len(), packet.len(), "bytes behind a packet");
    let to = parsed.destination();
    assert!(!to.is_multicast() && !to.is_unspecified(), "sent to {to}");
}

/// Plays one step; what was told of an engine that died in it.
fn step(script: &mut Script, engine: &mut Driven, ids: &[u64], questions: u64) -> Vec<Event> {
    match script.byte() % 32 {
        30 => {
            let id = ids[usize::from(script.byte()) % ids.len()];
            let verdict = match script.byte() % 3 {
                0 => EchoVerdict::Direct(vec![Hop {
                    address: IpAddr::V4(Ipv4Addr::LOCALHOST),
                    device: None,
                }]),
                1 => EchoVerdict::Refuse(Refusal::Silent),
                _ => EchoVerdict::Refuse(Refusal::Prohibited),
            };
            engine.command(Command::DecideEcho { id, verdict });
        }
        31 => return engine.die_and_revive(),
        kind => act(kind % 10, script, engine, ids, questions),
    }
    Vec::new()
}

fn act(kind: u8, script: &mut Script, engine: &mut Driven, ids: &[u64], questions: u64) {
    match kind {
        0 => {
            let length = usize::from(script.word() % 2_048);
            let mut frame = script.bytes(length).to_vec();
            engine.feed(&mut frame);
        }
        1..=3 => {
            let mut frame = frame(script);
            engine.feed(&mut frame);
        }
        4 => {
            let mut frame = fragment(script);
            engine.feed(&mut frame);
        }
        5 => {
            let mut frame = nested(script);
            engine.feed(&mut frame);
        }
        6 => engine.advance(u64::from(script.word()) * 4),
        7 => {
            let id = ids[usize::from(script.byte()) % ids.len()];
            let verdict = verdict(script);
            engine.command(Command::Decide { id, verdict });
        }
        8 => {
            let id = ids[usize::from(script.byte()) % ids.len()];
            let ending = match script.byte() % 2 {
                0 => Ending::Graceful,
                _ => Ending::Reset,
            };
            engine.command(Command::Close { id, ending });
        }
        _ => {
            let token = questions.saturating_sub(u64::from(script.byte()));
            let length = usize::from(script.byte());
            let message = script.bytes(length);
            let mut answers = (token as f64).to_le_bytes().to_vec();
            answers.extend_from_slice(&(message.len() as u32).to_le_bytes());
            answers.extend_from_slice(message);
            engine.command(Command::AnswerDns { answers });
        }
    }
}

fn verdict(script: &mut Script) -> Verdict {
    let plan = |layers| DialPlan {
        hops: vec![Hop {
            address: IpAddr::V4(Ipv4Addr::LOCALHOST),
            device: None,
        }],
        port: 1,
        layers,
        timeout_ms: 100,
    };
    match script.byte() % 6 {
        0 => Verdict::Reject(Rejection::Reset),
        1 => Verdict::Reject(Rejection::Unreachable),
        2 => Verdict::Reject(Rejection::Drop),
        3 => Verdict::Peek(Peek {
            at_least: script.byte().into(),
            timeout_ms: script.byte().into(),
        }),
        4 => Verdict::Dial(plan(vec![])),
        _ => Verdict::Dial(plan(vec![Layer::Socks5(Socks5 {
            credentials: None,
            target: Target::new("name.example", 80),
        })])),
    }
}

/// Some addresses among which conversations come about: a program's, the device's, its far end, others.
fn address(choice: u8, is_ipv4: bool) -> IpAddr {
    if is_ipv4 {
        let choices = [
            [198, 18, 0, 1],
            [198, 18, 0, 2],
            [127, 0, 0, 1],
            [198, 18, 3, 4],
            [192, 0, 2, 1],
            [224, 0, 0, 251],
            [255, 255, 255, 255],
            [0, 0, 0, 0],
        ];
        return Ipv4Addr::from(choices[usize::from(choice) % choices.len()]).into();
    }
    let choices = [
        "fd00::1",
        "::1",
        "::2",
        "fd00::4",
        "2001:db8::1",
        "ff02::1",
        "::",
        "fe80::1",
    ];
    let text = choices[usize::from(choice) % choices.len()];
    text.parse::<Ipv6Addr>().expect("an address").into()
}

const VNET: usize = crate::vnet_header::LENGTH;

/// An IP packet of a few well-known parts around bytes of the script; what its flags ask for is made right.
fn frame(script: &mut Script) -> Vec<u8> {
    let flags = script.byte();
    let is_ipv4 = flags & 1 == 0;
    let protocols = [ip::TCP, ip::UDP, ip::ICMP, ip::ICMPV6, 0, 44, 60, 43];
    let choice = script.byte();
    let protocol = protocols[usize::from(choice & 7)];
    let ends = script.byte();
    let (from, to) = (address(ends & 15, is_ipv4), address(ends >> 4, is_ipv4));
    let mut frame = if flags & 2 != 0 {
        let mut head = script.bytes(VNET).to_vec();
        head.resize(VNET, 0);
        head
    } else {
        // The kernel vouches for the checksum.
        vec![2, 0, 0, 0, 0, 0, 0, 0, 0, 0]
    };
    let length = usize::from(script.byte()) * if flags & 4 != 0 { 32 } else { 1 };
    let mut payload = script.bytes(length).to_vec();
    if flags & 8 != 0 {
        shape(&mut payload, protocol, script);
    }
    let mut packet = header::build(from, to, protocol, &payload);
    if flags & 16 != 0 {
        // A wrong length, offset or option, with a right checksum around it.
        let at = usize::from(script.byte()) % packet.len().min(40);
        packet[at] = script.byte();
        if is_ipv4 {
            ipv4::seal(&mut packet[..ipv4::HEADER]);
        }
    }
    if flags & 32 != 0 {
        let cut = usize::from(script.byte()).min(packet.len());
        packet.truncate(packet.len() - cut);
    }
    frame.extend_from_slice(&packet);
    frame
}

/// Makes a payload look like a transport header, with ports that meet others.
fn shape(payload: &mut Vec<u8>, protocol: u8, script: &mut Script) {
    let ports = script.byte();
    let port =
        |choice: u8| [53u16, 80, 443, 1_024, 40_000, 0, 65_535, 123][usize::from(choice & 7)];
    let wanted = match protocol {
        ip::TCP => 20,
        _ => 8,
    };
    if payload.len() < wanted {
        payload.resize(wanted, 0);
    }
    payload[..2].copy_from_slice(&port(ports).to_be_bytes());
    payload[2..4].copy_from_slice(&port(ports >> 4).to_be_bytes());
    match protocol {
        ip::TCP => {
            payload[12] = 0x50;
            payload[13] = script.byte();
        }
        ip::UDP => {
            let length = payload.len() as u16;
            payload[4..6].copy_from_slice(&length.to_be_bytes());
        }
        _ => payload[0] = [0, 3, 8, 11, 128, 129, 1, 135][usize::from(ports & 7)],
    }
}

/// A fragment of a datagram that other fragments of the scene may belong to.
fn fragment(script: &mut Script) -> Vec<u8> {
    let flags = script.byte();
    let is_ipv4 = flags & 1 == 0;
    // Mostly near the beginning, where fragments meet.
    let offset = match script.byte() {
        near @ 0..192 => u16::from(near) % 16,
        _ => script.word() & 0x1fff,
    };
    let identification = u16::from(script.byte() % 3);
    let length = usize::from(script.byte() % 16) * 8 + usize::from(flags >> 5);
    let payload = vec![script.byte(); length];
    let more = flags & 2 != 0;
    let (from, to) = (address(0, is_ipv4), address(3, is_ipv4));
    let mut frame = vec![0; VNET];
    if is_ipv4 {
        let mut packet = header::build(from, to, ip::UDP, &payload);
        packet[4..6].copy_from_slice(&identification.to_be_bytes());
        ipv4::set_fragment(&mut packet, ipv4::HEADER, usize::from(offset) * 8, more);
        frame.extend_from_slice(&packet);
    } else {
        let next = [ip::UDP, 44, 0, 60][usize::from(flags >> 2 & 3)];
        let position = offset << 3 | u16::from(more);
        let mut body = vec![next, 0];
        body.extend_from_slice(&position.to_be_bytes());
        body.extend_from_slice(&u32::from(identification).to_be_bytes());
        body.extend_from_slice(&payload);
        frame.extend_from_slice(&header::build(from, to, 44, &body));
    }
    frame
}

/// The packets of fragments that the bytes describe, without virtio-net header.
pub fn fragments(bytes: &[u8]) -> Vec<Vec<u8>> {
    let mut script = Script(bytes);
    let mut fragments = Vec::new();
    while !script.0.is_empty() {
        fragments.push(fragment(&mut script).split_off(VNET));
    }
    fragments
}

/// An IPv6 packet with one extension header over and over again.
fn nested(script: &mut Script) -> Vec<u8> {
    let kind = [44, 0, 60, 43][usize::from(script.byte() & 3)];
    let count = usize::from(script.word()) % 8_190;
    let mut body = Vec::with_capacity(count * 8);
    for index in 0..count {
        let next = if index + 1 == count { ip::UDP } else { kind };
        body.extend_from_slice(&[next, 0, 0, 0, 0, 0, 0, 1]);
    }
    let length = usize::from(script.byte());
    body.extend_from_slice(script.bytes(length));
    let mut frame = vec![0; VNET];
    let first = if count == 0 { ip::UDP } else { kind };
    frame.extend_from_slice(&header::build(
        address(0, false),
        address(3, false),
        first,
        &body,
    ));
    frame
}

/// The sum that a checksum must be: shared with targets that build packets.
pub fn transport_holds(packet: &[u8]) -> bool {
    let Some(ip) = header::parse(packet) else {
        return false;
    };
    let payload = ip.payload();
    let pseudo =
        checksum::pseudo_header(ip.source(), ip.destination(), ip.protocol(), payload.len());
    checksum::add(pseudo, checksum::sum(payload)) == 0xffff
}
