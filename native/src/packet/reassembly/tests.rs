//! Fragments against a naive model, and everything that a sender may do wrong on purpose.

use super::*;
use crate::packet::header;
use proptest::prelude::*;

/// One fragment of a packet of UDP (or of what is said) between hosts of a network.
fn fragment(
    source: IpAddr,
    identification: u32,
    (offset, more): (usize, bool),
    protocol: u8,
    payload: &[u8],
) -> Vec<u8> {
    if source.is_ipv4() {
        let mut packet = header::build(source, "10.0.0.9".parse().unwrap(), protocol, payload);
        packet[4..6].copy_from_slice(&(identification as u16).to_be_bytes());
        ipv4::set_fragment(&mut packet, ipv4::HEADER, offset, more);
        return packet;
    }
    let mut body = vec![protocol, 0];
    body.extend_from_slice(&(offset as u16 | u16::from(more)).to_be_bytes());
    body.extend_from_slice(&identification.to_be_bytes());
    body.extend_from_slice(payload);
    header::build(source, "fd00::9".parse().unwrap(), 44, &body)
}

fn source(is_ipv4: bool) -> IpAddr {
    if is_ipv4 { "10.0.0.1" } else { "fd00::1" }
        .parse()
        .unwrap()
}

fn add(reassembly: &mut Reassembly, packet: &[u8], now: u64) -> Added {
    let parsed = header::parse(packet).expect("a packet");
    let piece = parsed.piece().expect("a fragment");
    reassembly.add(&parsed, piece, now)
}

/// One packet as an array of bytes that came or did not.
#[derive(Default)]
struct Model {
    bytes: Vec<Option<u8>>,
    starts: Vec<(usize, usize)>,
    total: Option<usize>,
}

impl Model {
    /// `Err` if the fragment contradicts what came before, else the payload if it is whole now.
    fn add(&mut self, offset: usize, more: bool, payload: &[u8]) -> Result<Option<Vec<u8>>, ()> {
        let end = offset + payload.len();
        let plausible = (offset > 0 || payload.len() >= 8) && !payload.is_empty();
        if !plausible || more && !payload.len().is_multiple_of(8) {
            return Err(());
        }
        if !more && (self.total.is_some_and(|total| total != end) || self.bytes.len() > end) {
            return Err(());
        }
        if !more {
            self.total = Some(end);
        }
        if self.total.is_some_and(|total| end > total) {
            return Err(());
        }
        if self.bytes.len() < end {
            self.bytes.resize(end, None);
        }
        let place = &mut self.bytes[offset..end];
        let same = place
            .iter()
            .zip(payload)
            .all(|(old, new)| *old == Some(*new));
        let is_repeated = same && self.starts.contains(&(offset, end));
        if !is_repeated && place.iter().any(Option::is_some) {
            return Err(());
        }
        for (old, new) in place.iter_mut().zip(payload) {
            *old = Some(*new);
        }
        self.starts.push((offset, end));
        let is_whole = self.total == Some(self.bytes.len());
        Ok(self
            .bytes
            .iter()
            .copied()
            .collect::<Option<Vec<u8>>>()
            .filter(|_| is_whole))
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn any_fragments_are_put_together_as_the_naive_model_does(
        is_ipv4 in any::<bool>(),
        fragments in prop::collection::vec((0usize..5, any::<bool>(), 0usize..5, 0usize..4, 0u8..2), 1..12),
    ) {
        let (mut reassembly, mut model) = (Reassembly::default(), Model::default());
        for (units, more, length, odd, fill) in fragments {
            let payload = vec![fill; length * 8 + if odd == 3 { 3 } else { 0 }];
            let packet = fragment(source(is_ipv4), 7, (units * 8, more), ip::UDP, &payload);
            if header::parse(&packet).unwrap().piece().is_none() {
                // Of IPv4, what has no offset and nothing behind it is no fragment.
                continue;
            }
            let added = add(&mut reassembly, &packet, 0);
            if !is_ipv4 && units == 0 && !more {
                // Alone, whatever others are there; without enough of a header it ends those.
                match added {
                    Added::Whole(_) => prop_assert!(payload.len() >= 8),
                    _ => {
                        prop_assert!(payload.len() < 8);
                        model = Model::default();
                    }
                }
                continue;
            }
            match model.add(units * 8, more, &payload) {
                Ok(None) => prop_assert_eq!(added, Added::Waiting),
                Ok(Some(whole)) => {
                    let Added::Whole(packet) = added else {
                        return Err(TestCaseError::fail("not put together"));
                    };
                    let parsed = header::parse(&packet).unwrap();
                    prop_assert_eq!(parsed.payload(), &whole[..]);
                    prop_assert_eq!((parsed.piece(), parsed.protocol()), (None, ip::UDP));
                    model = Model::default();
                }
                Err(()) => {
                    prop_assert_eq!(added, Added::Refused);
                    prop_assert_eq!(reassembly.size(), (0, 0));
                    model = Model::default();
                }
            }
        }
    }
}

/// Fragments in order, of which the last is refused with everything before it: offset, whether more follow, bytes, their value.
type Sequence = &'static [(usize, bool, usize, u8)];

#[test]
fn contradictions_end_the_packet() {
    let cases: &[(&str, Sequence)] = &[
        (
            "an end before what came",
            &[(1_000, true, 8, 1), (8, false, 8, 1)],
        ),
        (
            "the same with a hole",
            &[(1_000, true, 8, 1), (8, false, 16, 1)],
        ),
        (
            "an end inside what came",
            &[(0, true, 64, 1), (8, false, 8, 1)],
        ),
        ("two ends", &[(16, false, 8, 1), (32, false, 8, 1)]),
        ("behind the end", &[(16, false, 8, 1), (24, true, 8, 1)]),
        (
            "other bytes in the same place",
            &[(0, true, 16, 1), (0, true, 16, 2)],
        ),
        (
            "the second half of another",
            &[(0, true, 16, 1), (8, true, 16, 1)],
        ),
        ("around another", &[(8, true, 8, 1), (0, true, 24, 1)]),
        ("nothing at all", &[(0, true, 16, 1), (16, true, 0, 1)]),
        (
            "a length that leaves a gap",
            &[(0, true, 16, 1), (16, true, 9, 1)],
        ),
        (
            "past the largest packet",
            &[(0, true, 16, 1), (65_528, false, 9, 1)],
        ),
        (
            "without the whole UDP header",
            &[(16, true, 8, 1), (0, true, 0, 1)],
        ),
    ];
    for is_ipv4 in [true, false] {
        for (what, sequence) in cases {
            let mut reassembly = Reassembly::default();
            let (last, first) = sequence.split_last().unwrap();
            let mut take = |&(offset, more, length, fill): &(usize, bool, usize, u8)| {
                let payload = vec![fill; length];
                let packet = fragment(source(is_ipv4), 1, (offset, more), ip::UDP, &payload);
                add(&mut reassembly, &packet, 0)
            };
            for piece in first {
                assert_eq!(take(piece), Added::Waiting, "{what}");
            }
            assert_eq!(take(last), Added::Refused, "{what}");
            assert_eq!(reassembly.size(), (0, 0), "{what}");
        }
    }
}

/// UDP over IPv6 carries 20 bytes more than over IPv4.
#[test]
fn the_largest_packet_of_either_version() {
    for (is_ipv4, most) in [(true, 65_535 - 20), (false, 65_535)] {
        for (length, fits) in [(most, true), (most + 1, false)] {
            let mut reassembly = Reassembly::default();
            let offset = 65_504;
            let first = fragment(source(is_ipv4), 1, (0, true), ip::UDP, &vec![1; offset]);
            assert_eq!(add(&mut reassembly, &first, 0), Added::Waiting);
            let rest = vec![2; length - offset];
            let last = fragment(source(is_ipv4), 1, (offset, false), ip::UDP, &rest);
            match add(&mut reassembly, &last, 0) {
                Added::Whole(packet) => {
                    let whole = crate::packet::header::parse(&packet).unwrap();
                    assert_eq!((whole.payload().len(), fits), (length, true));
                }
                other => assert_eq!((other, fits), (Added::Refused, false)),
            }
        }
    }
}

#[test]
fn the_first_fragment_holds_the_transport_header() {
    for is_ipv4 in [true, false] {
        for (protocol, length, expected) in [
            (ip::TCP, 16, Added::Refused),
            (ip::TCP, 24, Added::Waiting),
            (ip::UDP, 8, Added::Waiting),
            (47, 8, Added::Waiting),
        ] {
            let mut reassembly = Reassembly::default();
            let packet = fragment(source(is_ipv4), 1, (0, true), protocol, &vec![0; length]);
            assert_eq!(add(&mut reassembly, &packet, 0), expected, "{protocol}");
        }
    }
}

#[test]
fn a_source_has_its_share_and_the_oldest_give_way() {
    let mut reassembly = Reassembly::default();
    let other = "10.0.0.2".parse().unwrap();
    add(
        &mut reassembly,
        &fragment(other, 1, (0, true), ip::UDP, &[0; 8]),
        0,
    );
    for identification in 0..500 {
        let packet = fragment(source(true), identification, (0, true), ip::UDP, &[0; 8]);
        assert_eq!(add(&mut reassembly, &packet, 1), Added::Waiting);
    }
    assert_eq!(reassembly.size().0, MAX_OF_SOURCE + 1);
    // The other's packet is still there.
    let rest = fragment(other, 1, (8, false), ip::UDP, &[0; 8]);
    assert!(matches!(add(&mut reassembly, &rest, 2), Added::Whole(_)));

    for host in 0..200u8 {
        let source = IpAddr::from([10, 0, 1, host]);
        add(
            &mut reassembly,
            &fragment(source, 1, (0, true), ip::UDP, &[0; 8]),
            3,
        );
        assert!(reassembly.size().0 <= MAX_PACKETS);
    }
}

#[test]
fn bytes_are_bounded_for_a_source_and_in_total() {
    for (hosts, most) in [(1u8, MAX_BYTES_OF_SOURCE), (40, MAX_BYTES)] {
        let mut reassembly = Reassembly::default();
        let mut greatest = 0;
        for number in 0..2_000usize {
            let source = IpAddr::from([10, 0, 2, (number % usize::from(hosts)) as u8]);
            let identification = (number / (8 * usize::from(hosts))) as u32;
            let offset = number / usize::from(hosts) % 8 * 8_000;
            let packet = fragment(source, identification, (offset, true), ip::UDP, &[0; 8_000]);
            add(&mut reassembly, &packet, number as u64);
            greatest = greatest.max(reassembly.size().1);
        }
        assert!(greatest <= most, "{greatest} bytes");
        assert!(greatest > most / 2, "{greatest} bytes: nothing was tried");
    }
}

#[test]
fn what_waits_too_long_is_forgotten() {
    let mut reassembly = Reassembly::default();
    add(
        &mut reassembly,
        &fragment(source(false), 1, (0, true), ip::UDP, &[0; 8]),
        0,
    );
    reassembly.expire(TIMEOUT_MS - 1);
    assert!(!reassembly.is_empty());
    reassembly.expire(TIMEOUT_MS);
    assert!(reassembly.is_empty());
    // Its end comes too late and waits for a beginning that never comes.
    let late = fragment(source(false), 1, (8, false), ip::UDP, &[0; 8]);
    assert_eq!(add(&mut reassembly, &late, TIMEOUT_MS), Added::Waiting);
}
