//! Properties of the packet code: nothing panics, what is built is parsed, and checksums equal those of a naive reference.

mod examples;

use super::icmp::Unreachable;
use super::reassembly::{Added, Reassembly};
use super::tcp::Tcp;
use super::udp::Udp;
use super::{checksum, fragment, header, icmp, ip, ipv4, ipv6, rewrite, segment, tcp, udp};
use proptest::prelude::*;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// RFC 1071 as it is written: one word at a time.
fn naive_sum(bytes: &[u8]) -> u16 {
    let mut total = 0u32;
    for pair in bytes.chunks(2) {
        total += u32::from(pair[0]) << 8 | u32::from(*pair.get(1).unwrap_or(&0));
        total = (total & 0xffff) + (total >> 16);
    }
    total as u16
}

/// Of the pseudo header and everything behind the IP header, whose fields are read as the RFCs draw them.
fn naive_transport_sum(packet: &[u8]) -> u16 {
    let (header_length, addresses, protocol) = match packet[0] >> 4 {
        4 => (usize::from(packet[0] & 15) * 4, 12..20, packet[9]),
        _ => (40, 8..40, packet[6]),
    };
    let transport = &packet[header_length..];
    let mut covered = packet[addresses].to_vec();
    covered.extend_from_slice(&(transport.len() as u32).to_be_bytes());
    covered.extend_from_slice(&[0, 0, 0, protocol]);
    covered.extend_from_slice(transport);
    naive_sum(&covered)
}

/// The header checksum of IPv4 holds; IPv6 has none.
fn header_holds(packet: &[u8]) -> bool {
    packet[0] >> 4 == 6 || naive_sum(&packet[..usize::from(packet[0] & 15) * 4]) == 0xffff
}

/// Some end points, all of one IP version.
fn ends<const N: usize>() -> impl Strategy<Value = [SocketAddr; N]> {
    let end = (any::<u128>(), any::<u16>());
    let many = prop::collection::vec(end, N);
    (any::<bool>(), many).prop_map(|(is_ipv4, ends)| {
        let ends = ends.into_iter().map(|(bits, port)| {
            let ip: IpAddr = if is_ipv4 {
                Ipv4Addr::from(bits as u32).into()
            } else {
                Ipv6Addr::from(bits).into()
            };
            SocketAddr::new(ip, port)
        });
        ends.collect::<Vec<_>>().try_into().unwrap()
    })
}

fn payload(most: usize) -> impl Strategy<Value = Vec<u8>> {
    prop::collection::vec(any::<u8>(), 0..most)
}

/// A TCP packet with options and a right checksum.
fn tcp_packet(from: SocketAddr, to: SocketAddr, flags: u8, body: &[u8]) -> Vec<u8> {
    let mut transport = Vec::new();
    transport.extend_from_slice(&from.port().to_be_bytes());
    transport.extend_from_slice(&to.port().to_be_bytes());
    transport.extend_from_slice(&1000u32.to_be_bytes());
    transport.extend_from_slice(&2000u32.to_be_bytes());
    transport.extend_from_slice(&[0x60, flags, 1, 1, 0, 0, 0, 0, 2, 4, 5, 0xb4]);
    transport.extend_from_slice(body);
    let mut packet = header::build(from.ip(), to.ip(), ip::TCP, &transport);
    let value = !naive_transport_sum(&packet);
    let at = packet.len() - transport.len() + 16;
    packet[at..at + 2].copy_from_slice(&value.to_be_bytes());
    packet
}

fn datagram(from: SocketAddr, to: SocketAddr, identification: u16, body: &[u8]) -> Vec<u8> {
    let mut packet = b"something earlier".to_vec();
    udp::build(&mut packet, from, to, identification, body);
    packet
}

/// An IPv6 packet with extension headers in front of the payload.
fn extended(next: u8, extensions: &[(u8, usize)], destination: &str, body: &[u8]) -> Vec<u8> {
    let mut chain = Vec::new();
    for (index, (_, units)) in extensions.iter().enumerate() {
        let following = extensions.get(index + 1).map_or(next, |(kind, _)| *kind);
        chain.extend_from_slice(&[following, *units as u8]);
        chain.resize(chain.len() + 6 + units * 8, 0);
    }
    chain.extend_from_slice(body);
    let first = extensions.first().map_or(next, |(kind, _)| *kind);
    let destination: Ipv6Addr = destination.parse().unwrap();
    let client: Ipv6Addr = "fd00::1".parse().unwrap();
    header::build(client.into(), destination.into(), first, &chain)
}

/// Whatever may be done with a packet.
fn handle(bytes: &[u8]) {
    if let Some(packet) = header::parse(bytes) {
        Tcp::parse(packet.payload());
        Udp::parse(packet.payload());
        icmp::echo_reply(&packet);
        if let Some(piece) = packet.piece() {
            Reassembly::default().add(&packet, piece, 0);
        }
        icmp::unreachable(packet.bytes(), Unreachable::Port, None);
    }
    icmp::unreachable(bytes, Unreachable::Host, Some(Ipv4Addr::LOCALHOST.into()));
    segment::segment(bytes, 100);
}

proptest! {
    #[test]
    fn sums_equal_the_naive_ones(bytes in payload(3000)) {
        prop_assert_eq!(checksum::sum(&bytes), naive_sum(&bytes));
    }

    #[test]
    fn any_bytes_are_survived(mut bytes in payload(200), version in 4u8..8) {
        handle(&bytes);
        Tcp::parse(&bytes);
        Udp::parse(&bytes);
        if let Some(first) = bytes.first_mut() {
            *first = version << 4 | *first & 15;
        }
        handle(&bytes);
    }

    /// Random bytes rarely pass the checks of lengths and sums, so damage whole packets as well.
    #[test]
    fn damaged_packets_are_survived(
        [from, to] in ends(),
        body in payload(100),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
    ) {
        let mut packet = tcp_packet(from, to, tcp::ACK, &body);
        for (at, value) in changes {
            let at = at.index(packet.len());
            packet[at] = value;
        }
        if packet[0] >> 4 == 4 {
            let length = (usize::from(packet[0] & 15) * 4).clamp(20, packet.len());
            ipv4::seal(&mut packet[..length]);
        }
        handle(&packet);
    }

    #[test]
    fn damaged_extension_headers_are_survived(
        extensions in prop::collection::vec((prop::sample::select(vec![0u8, 60, 44, 43]), 0usize..4), 0..10),
        body in payload(60),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..4),
    ) {
        let mut packet = extended(ip::UDP, &extensions, "fd00::2", &body);
        for (at, value) in changes {
            let at = at.index(packet.len());
            packet[at] = value;
        }
        handle(&packet);
    }

    #[test]
    fn datagrams_round_trip([from, to] in ends(), body in payload(2000)) {
        let packet = datagram(from, to, 9, &body);
        let parsed = header::parse(&packet).unwrap();
        prop_assert!(header_holds(&packet));
        prop_assert_eq!((parsed.source(), parsed.destination()), (from.ip(), to.ip()));
        prop_assert_eq!((parsed.protocol(), parsed.piece()), (ip::UDP, None));
        let datagram = Udp::parse(parsed.payload()).unwrap();
        prop_assert_eq!((datagram.source_port(), datagram.destination_port()), (from.port(), to.port()));
        prop_assert_eq!(datagram.payload(), &body[..]);
        prop_assert_eq!(naive_transport_sum(&packet), 0xffff);
        prop_assert!(datagram.checksum_holds(from.ip(), to.ip()));
        let mut damaged = packet.clone();
        damaged[parsed.header_length()] ^= 1;
        let parsed = header::parse(&damaged).unwrap();
        prop_assert!(!Udp::parse(parsed.payload()).unwrap().checksum_holds(from.ip(), to.ip()));
    }

    #[test]
    fn fragments_come_together_in_any_order(
        [from, to] in ends(),
        body in payload(6000),
        mtu in 96usize..1500,
        seed in any::<u64>(),
    ) {
        let packet = datagram(from, to, 77, &body);
        let mut pieces = fragment::fragment(&packet, mtu, 77);
        for piece in &pieces {
            prop_assert!(piece.len() <= mtu);
            prop_assert!(header_holds(piece));
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
            let parsed = header::parse(piece).unwrap();
            match parsed.piece() {
                Some(place) => match reassembly.add(&parsed, place, 0) {
                    Added::Whole(whole) => Some(whole),
                    Added::Waiting | Added::Refused => None,
                },
                None => Some(piece.clone()),
            }
        });
        prop_assert!(reassembly.size().0 <= 1);
        prop_assert_eq!(whole, Some(packet));
    }

    #[test]
    fn rewriting_keeps_both_kinds_of_checksum([from, to, new_from, new_to] in ends(), body in payload(300)) {
        let mut packet = tcp_packet(from, to, tcp::ACK, &body);
        let header_length = header::parse(&packet).unwrap().header_length();
        rewrite::rewrite(&mut packet, header_length, false, new_from, new_to);
        let parsed = header::parse(&packet).unwrap();
        let header = Tcp::parse(parsed.payload()).unwrap();
        prop_assert_eq!(SocketAddr::new(parsed.source(), header.source_port), new_from);
        prop_assert_eq!(SocketAddr::new(parsed.destination(), header.destination_port), new_to);
        prop_assert_eq!(naive_transport_sum(&packet), 0xffff);

        let mut partial = tcp_packet(from, to, tcp::ACK, &body);
        let length = partial.len() - header_length;
        let pseudo = checksum::pseudo_header(from.ip(), to.ip(), ip::TCP, length);
        let field = header_length + 16;
        partial[field..field + 2].copy_from_slice(&pseudo.to_be_bytes());
        rewrite::rewrite(&mut partial, header_length, true, new_from, new_to);
        let expected = checksum::pseudo_header(new_from.ip(), new_to.ip(), ip::TCP, length);
        // 0 and 0xffff are the same sum.
        prop_assert_eq!(super::word(&partial, field) % 0xffff, expected % 0xffff);
    }

    #[test]
    fn super_packets_are_cut_without_losing_a_byte(
        [from, to] in ends(),
        body in payload(5000),
        size in 8usize..1500,
    ) {
        let packet = tcp_packet(from, to, tcp::ACK | tcp::FIN, &body);
        let pieces = segment::segment(&packet, size).unwrap();
        let mut joined = Vec::new();
        for (index, piece) in pieces.iter().enumerate() {
            let parsed = header::parse(piece).unwrap();
            let header = Tcp::parse(parsed.payload()).unwrap();
            prop_assert!(header_holds(piece));
            prop_assert_eq!(naive_transport_sum(piece), 0xffff);
            prop_assert_eq!(header.sequence, 1000 + joined.len() as u32);
            prop_assert_eq!(header.has(tcp::FIN), index + 1 == pieces.len());
            prop_assert!(header.payload_length <= size);
            joined.extend_from_slice(&parsed.payload()[header.header_length..]);
        }
        prop_assert_eq!(joined, body);
    }

    #[test]
    fn resets_answer_what_they_are_for([from, to] in ends(), flags in any::<u8>(), body in payload(50)) {
        let packet = tcp_packet(from, to, flags, &body);
        let header = Tcp::parse(header::parse(&packet).unwrap().payload()).unwrap();
        let answer = tcp::reset_answering(from, to, &header);
        prop_assert_eq!(answer.is_none(), flags & tcp::RST != 0);
        if let Some(answer) = answer {
            prop_assert_eq!(naive_transport_sum(&answer), 0xffff);
            let parsed = header::parse(&answer).unwrap();
            let reset = Tcp::parse(parsed.payload()).unwrap();
            prop_assert_eq!(SocketAddr::new(parsed.source(), reset.source_port), to);
            prop_assert_eq!(SocketAddr::new(parsed.destination(), reset.destination_port), from);
            if flags & tcp::ACK != 0 {
                prop_assert_eq!((reset.flags, reset.sequence), (tcp::RST, 2000));
            } else {
                prop_assert_eq!(reset.flags, tcp::RST | tcp::ACK);
                prop_assert_eq!(reset.acknowledgement, header.next_sequence());
            }
        }
    }

    #[test]
    fn a_type_of_service_is_written_and_read([from, to, _] in ends(), body in payload(100), service: u8) {
        let mut packet = datagram(from, to, 1, &body);
        header::set_service(&mut packet, service);
        let parsed = header::parse(&packet).unwrap();
        prop_assert_eq!(parsed.treatment(), ip::Treatment { service, hops: 64 });
        header::set_service(&mut packet, 0);
        prop_assert_eq!(packet, datagram(from, to, 1, &body));
    }

    #[test]
    fn unreachable_quotes_the_packet([from, to, reporter] in ends(), body in payload(2000)) {
        let packet = datagram(from, to, 1, &body);
        let message = icmp::unreachable(&packet, Unreachable::Port, Some(reporter.ip())).unwrap();
        let parsed = header::parse(&message).unwrap();
        prop_assert_eq!((parsed.source(), parsed.destination()), (reporter.ip(), from.ip()));
        prop_assert!(icmp::is_icmp(&parsed) && !icmp::is_echo_request(&parsed));
        let (kind, quoted) = parsed.payload().split_at(8);
        if from.is_ipv4() {
            prop_assert_eq!(naive_sum(parsed.payload()), 0xffff);
            prop_assert_eq!((kind[0], kind[1]), (3, 3));
            prop_assert_eq!(quoted, &packet[..packet.len().min(548)]);
            prop_assert!(message.len() <= 576);
        } else {
            prop_assert_eq!(naive_transport_sum(&message), 0xffff);
            prop_assert_eq!((kind[0], kind[1]), (1, 4));
            prop_assert_eq!(quoted, &packet[..packet.len().min(1232)]);
            prop_assert!(message.len() <= 1280);
        }
    }
}
