//! Properties of the packet code: nothing panics, what is built is parsed, and checksums equal those of a naive reference.

use super::icmp::Unreachable;
use super::ipv4::Ipv4;
use super::reassembly::{Reassembly, TIMEOUT_MS};
use super::tcp::Tcp;
use super::udp::Udp;
use super::{checksum, fragment, icmp, ipv4, ipv6, rewrite, segment, tcp, udp};
use proptest::prelude::*;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddrV4};

/// RFC 1071 as it is written: one word at a time.
fn naive_sum(bytes: &[u8]) -> u16 {
    let mut total = 0u32;
    for pair in bytes.chunks(2) {
        total += u32::from(pair[0]) << 8 | u32::from(*pair.get(1).unwrap_or(&0));
        total = (total & 0xffff) + (total >> 16);
    }
    total as u16
}

fn naive_transport_sum(packet: &[u8]) -> u16 {
    let header_length = usize::from(packet[0] & 15) * 4;
    let transport = &packet[header_length..];
    let mut covered = packet[12..20].to_vec();
    covered.extend_from_slice(&[0, packet[9]]);
    covered.extend_from_slice(&(transport.len() as u16).to_be_bytes());
    covered.extend_from_slice(transport);
    naive_sum(&covered)
}

fn address() -> impl Strategy<Value = SocketAddrV4> {
    (any::<u32>(), any::<u16>()).prop_map(|(ip, port)| SocketAddrV4::new(ip.into(), port))
}

fn payload(most: usize) -> impl Strategy<Value = Vec<u8>> {
    prop::collection::vec(any::<u8>(), 0..most)
}

/// A TCP packet with options and a right checksum.
fn tcp_packet(from: SocketAddrV4, to: SocketAddrV4, flags: u8, body: &[u8]) -> Vec<u8> {
    let mut transport = Vec::new();
    transport.extend_from_slice(&from.port().to_be_bytes());
    transport.extend_from_slice(&to.port().to_be_bytes());
    transport.extend_from_slice(&1000u32.to_be_bytes());
    transport.extend_from_slice(&2000u32.to_be_bytes());
    transport.extend_from_slice(&[0x60, flags, 1, 1, 0, 0, 0, 0, 2, 4, 5, 0xb4]);
    transport.extend_from_slice(body);
    let mut packet = ipv4::build(*from.ip(), *to.ip(), ipv4::TCP, 7, &transport);
    let value = !naive_transport_sum(&packet);
    packet[36..38].copy_from_slice(&value.to_be_bytes());
    packet
}

fn datagram(from: SocketAddrV4, to: SocketAddrV4, identification: u16, body: &[u8]) -> Vec<u8> {
    let mut packet = b"something earlier".to_vec();
    udp::build(&mut packet, from, to, identification, body);
    packet
}

proptest! {
    #[test]
    fn sums_equal_the_naive_ones(bytes in payload(3000)) {
        prop_assert_eq!(checksum::sum(&bytes), naive_sum(&bytes));
    }

    #[test]
    fn any_bytes_are_survived(bytes in payload(200)) {
        let mut reassembly = Reassembly::default();
        if let Some(packet) = Ipv4::parse(&bytes) {
            Tcp::parse(packet.payload());
            Udp::parse(packet.payload());
            icmp::echo_reply(&packet);
            reassembly.add(&packet, 0);
        }
        Tcp::parse(&bytes);
        Udp::parse(&bytes);
        icmp::unreachable(&bytes, Unreachable::Host, Ipv4Addr::LOCALHOST);
        ipv6::no_route(&bytes, None);
        segment::segment(&bytes, 100);
    }

    /// Random bytes rarely pass the header's checksum, so damage whole packets as well.
    #[test]
    fn damaged_packets_are_survived(
        from in address(),
        to in address(),
        body in payload(100),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
    ) {
        let mut packet = tcp_packet(from, to, tcp::ACK, &body);
        for (at, value) in changes {
            let at = at.index(packet.len());
            packet[at] = value;
        }
        let length = (usize::from(packet[0] & 15) * 4).clamp(20, packet.len());
        ipv4::seal(&mut packet[..length]);
        if let Some(parsed) = Ipv4::parse(&packet) {
            Tcp::parse(parsed.payload());
            Udp::parse(parsed.payload());
            Reassembly::default().add(&parsed, 0);
            icmp::unreachable(parsed.bytes(), Unreachable::Port, to.ip().to_owned());
        }
        segment::segment(&packet, 10);
    }

    #[test]
    fn datagrams_round_trip(from in address(), to in address(), body in payload(2000)) {
        let packet = datagram(from, to, 9, &body);
        let parsed = Ipv4::parse(&packet).unwrap();
        prop_assert_eq!(naive_sum(&packet[..20]), 0xffff);
        prop_assert_eq!((parsed.source(), parsed.destination()), (*from.ip(), *to.ip()));
        prop_assert_eq!((parsed.protocol(), parsed.is_fragment()), (ipv4::UDP, false));
        let datagram = Udp::parse(parsed.payload()).unwrap();
        prop_assert_eq!((datagram.source_port(), datagram.destination_port()), (from.port(), to.port()));
        prop_assert_eq!(datagram.payload(), &body[..]);
        prop_assert_eq!(naive_transport_sum(&packet), 0xffff);
        prop_assert!(datagram.checksum_holds(*from.ip(), *to.ip()));
        let mut damaged = packet.clone();
        damaged[20] ^= 1;
        let parsed = Ipv4::parse(&damaged).unwrap();
        prop_assert!(!Udp::parse(parsed.payload()).unwrap().checksum_holds(*from.ip(), *to.ip()));
    }

    #[test]
    fn fragments_come_together_in_any_order(
        from in address(),
        to in address(),
        body in payload(6000),
        mtu in 68usize..1500,
        seed in any::<u64>(),
    ) {
        let packet = datagram(from, to, 77, &body);
        let mut pieces = fragment::fragment(&packet, mtu);
        for piece in &pieces {
            prop_assert!(piece.len() <= mtu);
            prop_assert_eq!(naive_sum(&piece[..20]), 0xffff);
        }
        // A repeated piece does no harm.
        let repeated = pieces[0].clone();
        pieces.push(repeated);
        let count = pieces.len();
        for index in 0..count {
            pieces.swap(index, (seed as usize).wrapping_mul(index + 7) % count);
        }
        let mut reassembly = Reassembly::default();
        let whole = pieces.iter().find_map(|piece| {
            let parsed = Ipv4::parse(piece).unwrap();
            if parsed.is_fragment() { reassembly.add(&parsed, 0) } else { Some(piece.clone()) }
        });
        prop_assert!(reassembly.len() <= 1);
        prop_assert_eq!(whole, Some(packet));
    }

    #[test]
    fn rewriting_keeps_both_kinds_of_checksum(
        from in address(),
        to in address(),
        new_from in address(),
        new_to in address(),
        body in payload(300),
    ) {
        let mut packet = tcp_packet(from, to, tcp::ACK, &body);
        rewrite::rewrite(&mut packet, 20, false, new_from, new_to);
        let parsed = Ipv4::parse(&packet).unwrap();
        let header = Tcp::parse(parsed.payload()).unwrap();
        prop_assert_eq!(SocketAddrV4::new(parsed.source(), header.source_port), new_from);
        prop_assert_eq!(SocketAddrV4::new(parsed.destination(), header.destination_port), new_to);
        prop_assert_eq!(naive_transport_sum(&packet), 0xffff);

        let mut partial = tcp_packet(from, to, tcp::ACK, &body);
        let length = partial.len() - 20;
        let pseudo = checksum::pseudo_header(*from.ip(), *to.ip(), ipv4::TCP, length);
        partial[36..38].copy_from_slice(&pseudo.to_be_bytes());
        rewrite::rewrite(&mut partial, 20, true, new_from, new_to);
        let expected = checksum::pseudo_header(*new_from.ip(), *new_to.ip(), ipv4::TCP, length);
        // 0 and 0xffff are the same sum.
        prop_assert_eq!(super::word(&partial, 36) % 0xffff, expected % 0xffff);
    }

    #[test]
    fn super_packets_are_cut_without_losing_a_byte(
        from in address(),
        to in address(),
        body in payload(5000),
        size in 1usize..1500,
    ) {
        let packet = tcp_packet(from, to, tcp::ACK | tcp::FIN, &body);
        let pieces = segment::segment(&packet, size).unwrap();
        let mut joined = Vec::new();
        for (index, piece) in pieces.iter().enumerate() {
            let parsed = Ipv4::parse(piece).unwrap();
            let header = Tcp::parse(parsed.payload()).unwrap();
            prop_assert_eq!(naive_transport_sum(piece), 0xffff);
            prop_assert_eq!(header.sequence, 1000 + joined.len() as u32);
            prop_assert_eq!(header.has(tcp::FIN), index + 1 == pieces.len());
            prop_assert!(header.payload_length <= size);
            joined.extend_from_slice(&parsed.payload()[header.header_length..]);
        }
        prop_assert_eq!(joined, body);
    }

    #[test]
    fn resets_answer_what_they_are_for(from in address(), to in address(), flags in any::<u8>(), body in payload(50)) {
        let packet = tcp_packet(from, to, flags, &body);
        let header = Tcp::parse(Ipv4::parse(&packet).unwrap().payload()).unwrap();
        let answer = tcp::reset_answering(from, to, &header);
        prop_assert_eq!(answer.is_none(), flags & tcp::RST != 0);
        if let Some(answer) = answer {
            prop_assert_eq!(naive_transport_sum(&answer), 0xffff);
            let parsed = Ipv4::parse(&answer).unwrap();
            let reset = Tcp::parse(parsed.payload()).unwrap();
            prop_assert_eq!(SocketAddrV4::new(parsed.source(), reset.source_port), to);
            prop_assert_eq!(SocketAddrV4::new(parsed.destination(), reset.destination_port), from);
            if flags & tcp::ACK != 0 {
                prop_assert_eq!((reset.flags, reset.sequence), (tcp::RST, 2000));
            } else {
                prop_assert_eq!(reset.flags, tcp::RST | tcp::ACK);
                prop_assert_eq!(reset.acknowledgement, header.next_sequence());
            }
        }
    }

    #[test]
    fn unreachable_quotes_the_packet(from in address(), to in address(), body in payload(100)) {
        let packet = datagram(from, to, 1, &body);
        let reporter = Ipv4Addr::new(10, 0, 0, 1);
        let message = icmp::unreachable(&packet, Unreachable::Port, reporter).unwrap();
        let parsed = Ipv4::parse(&message).unwrap();
        prop_assert_eq!((parsed.source(), parsed.destination()), (reporter, *from.ip()));
        prop_assert_eq!(naive_sum(parsed.payload()), 0xffff);
        prop_assert_eq!(&parsed.payload()[..2], &[3u8, 3][..]);
        prop_assert_eq!(&parsed.payload()[8..], &packet[..28]);
    }
}

#[test]
fn echo_is_answered_with_the_same_bytes() {
    let (near, far) = (Ipv4Addr::new(10, 0, 0, 1), Ipv4Addr::new(10, 0, 0, 2));
    let request = ipv4::build(near, far, ipv4::ICMP, 5, &[8, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7]);
    let reply = icmp::echo_reply(&Ipv4::parse(&request).unwrap()).unwrap();
    let parsed = Ipv4::parse(&reply).unwrap();
    assert_eq!((parsed.source(), parsed.destination()), (far, near));
    assert_eq!(parsed.payload()[0], 0);
    assert_eq!(&parsed.payload()[4..], &[1, 2, 3, 4, 5, 6, 7]);
    assert_eq!(naive_sum(parsed.payload()), 0xffff);
    assert!(icmp::echo_reply(&parsed).is_none());
}

#[test]
fn ipv6_is_refused_but_its_housekeeping_is_ignored() {
    let client: Ipv6Addr = "fd00::1".parse().unwrap();
    let packet = |next: u8, destination: &str, body: &[u8]| {
        let mut bytes = vec![0x60, 0, 0, 0];
        bytes.extend_from_slice(&(body.len() as u16).to_be_bytes());
        bytes.extend_from_slice(&[next, 64]);
        bytes.extend_from_slice(&client.octets());
        bytes.extend_from_slice(&destination.parse::<Ipv6Addr>().unwrap().octets());
        bytes.extend_from_slice(body);
        bytes
    };
    let syn = packet(ipv4::TCP, "2001:db8::1", &[0; 20]);
    let answer = ipv6::no_route(&syn, Some(ipv6::neighbour(client))).unwrap();
    assert_eq!(
        &answer[8..24],
        &"fd00::2".parse::<Ipv6Addr>().unwrap().octets()
    );
    assert_eq!(&answer[24..40], &client.octets());
    assert_eq!(&answer[40..42], &[1, 0]);
    assert_eq!(&answer[48..], &syn[..]);
    let mut covered = answer[8..40].to_vec();
    covered.extend_from_slice(&((answer.len() - 40) as u32).to_be_bytes());
    covered.extend_from_slice(&[0, 0, 0, 58]);
    covered.extend_from_slice(&answer[40..]);
    assert_eq!(naive_sum(&covered), 0xffff);

    assert!(ipv6::no_route(&packet(58, "2001:db8::1", &[128, 0, 0, 0]), None).is_some());
    assert!(ipv6::no_route(&packet(58, "ff02::2", &[133, 0, 0, 0]), None).is_none());
    assert!(ipv6::no_route(&packet(58, "2001:db8::1", &[1, 0, 0, 0]), None).is_none());
    assert!(ipv6::no_route(&packet(ipv4::UDP, "ff02::fb", &[0; 8]), None).is_none());
}

#[test]
fn reassembly_is_bounded() {
    let (from, to) = (Ipv4Addr::new(10, 0, 0, 1), Ipv4Addr::new(10, 0, 0, 2));
    let mut reassembly = Reassembly::default();
    let piece = |identification: u16, offset: usize, more: bool, fill: u8| {
        let mut packet = ipv4::build(from, to, ipv4::UDP, identification, &[fill; 16]);
        ipv4::set_fragment(&mut packet, 20, offset, more);
        packet
    };
    for identification in 0..500 {
        let packet = piece(identification, 0, true, 1);
        assert_eq!(reassembly.add(&Ipv4::parse(&packet).unwrap(), 0), None);
    }
    assert_eq!(reassembly.len(), 64);
    reassembly.expire(TIMEOUT_MS);
    assert_eq!(reassembly.len(), 0);

    // Pieces that overlap with other contents are an attack.
    for packet in [piece(1, 0, true, 1), piece(1, 8, true, 2)] {
        assert_eq!(reassembly.add(&Ipv4::parse(&packet).unwrap(), 0), None);
    }
    assert_eq!(reassembly.len(), 0);
    // An end before the beginning, or past the largest packet.
    let beyond = piece(2, 65_528, false, 1);
    assert_eq!(reassembly.add(&Ipv4::parse(&beyond).unwrap(), 0), None);
    assert_eq!(reassembly.len(), 0);
}
