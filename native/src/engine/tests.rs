//! The engine driven by hand: packets that once ended it, and what must stay as it is.

use super::drive::Driven;
use crate::packet::{header, ip, ipv4, ipv6};
use crate::shared::Shared;
use crate::vnet_header;
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
