//! Packets that are chosen one by one: those that nobody sends, and those that must be answered in one way.

use super::*;

#[test]
fn echo_is_answered_with_the_same_bytes() {
    let ends4: [IpAddr; 2] = ["10.0.0.1".parse().unwrap(), "10.0.0.2".parse().unwrap()];
    let ends6: [IpAddr; 2] = ["fd00::1".parse().unwrap(), "fd00::2".parse().unwrap()];
    for ([near, far], protocol, asked, answered) in
        [(ends4, ip::ICMP, 8, 0), (ends6, ip::ICMPV6, 128, 129)]
    {
        let message = [asked, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7];
        let request = header::build(near, far, protocol, &message);
        let reply = icmp::echo_reply(&header::parse(&request).unwrap()).unwrap();
        let parsed = header::parse(&reply).unwrap();
        assert_eq!((parsed.source(), parsed.destination()), (far, near));
        assert_eq!(parsed.payload()[0], answered);
        assert_eq!(&parsed.payload()[4..], &[1, 2, 3, 4, 5, 6, 7]);
        assert!(icmp::echo_reply(&parsed).is_none());
    }
    let [near, far] = ends6;
    let stray = header::build(near, far, ip::ICMP, &[8, 0, 0, 0, 1, 2, 3, 4]);
    assert!(!icmp::is_icmp(&header::parse(&stray).unwrap()));
}

#[test]
fn extension_headers_are_part_of_the_header() {
    let datagram = [0, 1, 0, 2, 0, 8, 0, 0];
    let packet = extended(ip::UDP, &[(0, 0), (60, 2)], "fd00::2", &datagram);
    let parsed = header::parse(&packet).unwrap();
    assert_eq!((parsed.protocol(), parsed.header_length()), (ip::UDP, 72));
    assert_eq!(parsed.payload(), datagram);
    // A routing header says that the destination is another one: nothing of it is understood.
    let routed = extended(ip::UDP, &[(43, 0)], "fd00::2", &datagram);
    assert_eq!(header::parse(&routed).unwrap().protocol(), 43);
    // Chains that nobody sends: too many, too long, hop-by-hop options that are not the first.
    let chained = |extensions: &[(u8, usize)]| {
        header::parse(&extended(ip::UDP, extensions, "fd00::2", &datagram)).is_some()
    };
    assert!(chained(&[(60, 0); 8]) && !chained(&[(60, 0); 9]));
    assert!(chained(&[(60, 30)]) && !chained(&[(60, 15), (60, 16)]));
    assert!(!chained(&[(60, 0), (0, 0)]));
    // One that ends behind the packet's end.
    let mut long = extended(ip::UDP, &[(60, 0)], "fd00::2", &[]);
    long[41] = 1;
    assert!(header::parse(&long).is_none());
}

#[test]
fn a_fragment_behind_other_extension_headers_is_put_together() {
    let body: Vec<u8> = (0..16).collect();
    let whole = extended(ip::UDP, &[(0, 0), (60, 1)], "fd00::2", &body);
    let piece = |range: std::ops::Range<usize>, more: bool| {
        let mut packet = whole[..64].to_vec();
        // The last extension header names the fragment header, which names the payload.
        packet[48] = 44;
        let position = range.start as u16 | u16::from(more);
        packet.extend_from_slice(&[ip::UDP, 0]);
        packet.extend_from_slice(&position.to_be_bytes());
        packet.extend_from_slice(&[0, 0, 0, 5]);
        packet.extend_from_slice(&body[range]);
        ipv6::set_length(&mut packet);
        packet
    };
    let mut reassembly = Reassembly::default();
    let mut add = |packet: &[u8]| {
        let parsed = header::parse(packet).unwrap();
        reassembly.add(&parsed, parsed.piece().unwrap(), 0)
    };
    assert_eq!(add(&piece(8..16, false)), Added::Waiting);
    assert_eq!(add(&piece(0..8, true)), Added::Whole(whole.clone()));
    // An atomic fragment is a whole packet (RFC 6946).
    assert_eq!(add(&piece(0..16, false)), Added::Whole(whole.clone()));
}

#[test]
fn source_routes_are_refused_and_other_options_are_not() {
    let with_options = |options: &[u8]| {
        let mut packet = header::build(
            Ipv4Addr::new(10, 0, 0, 1).into(),
            Ipv4Addr::new(10, 0, 0, 2).into(),
            ip::UDP,
            &[],
        );
        packet.extend_from_slice(options);
        packet.resize(packet.len().next_multiple_of(4), 0);
        let length = packet.len();
        packet[0] = 0x40 | (length / 4) as u8;
        packet[2..4].copy_from_slice(&(length as u16).to_be_bytes());
        ipv4::seal(&mut packet);
        header::parse(&packet).is_some()
    };
    // Timestamp, record route, router alert; nothing, padding, and lengths that lie.
    for fine in [
        &[68, 4, 5, 0][..],
        &[7, 3, 4],
        &[148, 4, 0, 0],
        &[0, 131, 3, 4],
        &[1, 1, 1, 0],
        &[148, 0, 131, 3],
        &[148, 255],
        &[148],
    ] {
        assert!(with_options(fine), "{fine:?}");
    }
    for refused in [
        &[131, 7, 4, 10, 0, 0, 9][..],
        &[137, 3, 4],
        &[1, 1, 131, 3, 4],
        &[148, 4, 0, 0, 137],
    ] {
        assert!(!with_options(refused), "{refused:?}");
    }
}

#[test]
fn traffic_that_is_not_between_hosts_is_known() {
    let between = |from: &str, to: &str| {
        let packet = header::build(from.parse().unwrap(), to.parse().unwrap(), ip::UDP, &[]);
        header::parse(&packet).unwrap().is_between_hosts()
    };
    assert!(between("10.0.0.1", "10.0.0.2") && between("fd00::1", "fe80::2"));
    assert!(!between("10.0.0.1", "224.0.0.251") && !between("fd00::1", "ff02::fb"));
    assert!(!between("0.0.0.0", "10.0.0.2") && !between("::", "fd00::2"));
    assert!(!between("10.0.0.1", "255.255.255.255"));
}

#[test]
fn errors_carry_the_mtu_and_the_place_of_what_was_wrong() {
    let about = |from: &str, to: &str| {
        let mut packet = Vec::new();
        let at = |ip: &str| std::net::SocketAddr::new(ip.parse().unwrap(), 7);
        udp::build(&mut packet, at(from), at(to), 0, &[0; 1_400]);
        packet
    };
    let four = about("198.18.0.1", "203.0.113.80");
    let six = about("fdfe:dcba:9876::1", "2001:db8::80");
    let cases = [
        (&four, 3, 4, 1_300, [0, 0, 5, 20]),
        (&four, 12, 0, 9, [9, 0, 0, 0]),
        // Of a router that says nothing of an MTU, and what is unused for other reasons.
        (&four, 3, 4, 0, [0; 4]),
        (&four, 3, 1, 77, [0; 4]),
        (&six, 2, 0, 70_000, [0, 1, 17, 112]),
        (&six, 4, 1, 40, [0, 0, 0, 40]),
    ];
    for (packet, kind, code, info, word) in cases {
        let is_ipv4 = ip::version(packet) == 4;
        let from = if is_ipv4 { "10.20.0.1" } else { "fd00::1" };
        let from = from.parse().unwrap();
        let error = icmp::Reported {
            kind,
            code,
            info,
            from,
        };
        let message = icmp::passed_on(packet, &error).unwrap();
        let header = if is_ipv4 { 20 } else { 40 };
        assert_eq!(message[header..header + 2], [kind, code]);
        assert_eq!(message[header + 4..header + 8], word);
        if kind == 2 || code == 4 {
            let why = icmp::Unreachable::TooBig(info);
            let own = icmp::unreachable(packet, why, Some(from)).unwrap();
            assert_eq!(own, message);
        }
    }
}
