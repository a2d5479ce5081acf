//! Conversations with a pretended server, whole and in pieces, and bytes of no sense.

use super::*;
use proptest::prelude::*;

fn credentials() -> Option<Credentials> {
    Some(Credentials {
        username: "user".into(),
        password: "secret".into(),
    })
}

/// Gives the client a server's bytes as it asks for them: everything it sent, how it ended, and bytes not taken.
fn talk(mut client: Client, server: &[u8]) -> (Vec<u8>, Option<Action>, usize) {
    let mut sent = client.greeting();
    let mut at = 0;
    while let Some(bytes) = server
        .get(at..at + client.next())
        .filter(|_| client.next() > 0)
    {
        at += bytes.len();
        match client.advance(bytes) {
            Action::Send(more) => sent.extend_from_slice(&more),
            Action::Read => {}
            end => return (sent, Some(end), server.len() - at),
        }
    }
    (sent, None, server.len() - at)
}

fn target() -> impl Strategy<Value = Target> {
    prop_oneof![
        any::<(u32, u16)>()
            .prop_map(|(ip, port)| { Target::Address(SocketAddrV4::new(ip.into(), port).into()) }),
        any::<(u128, u16)>().prop_map(|(ip, port)| {
            Target::Address(SocketAddrV6::new(ip.into(), port, 0, 0).into())
        }),
        ("[a-z0-9.-]{1,255}", any::<u16>()).prop_map(|(name, port)| Target::Name(name, port)),
    ]
}

proptest! {
    #[test]
    fn addresses_round_trip(target in target(), tail in prop::collection::vec(any::<u8>(), 0..20)) {
        let mut bytes = Vec::new();
        write_address(&mut bytes, &target);
        let length = bytes.len();
        bytes.extend_from_slice(&tail);
        prop_assert_eq!(parse_address(&bytes), Some((target.clone(), length)));
        for short in 0..length {
            prop_assert_eq!(parse_address(&bytes[..short]), None);
        }
        let mut datagram = vec![0, 0, 0];
        write_address(&mut datagram, &target);
        datagram.extend_from_slice(&tail);
        prop_assert_eq!(parse_datagram(&datagram), Some((target, &tail[..])));
        datagram[2] = 1;
        prop_assert_eq!(parse_datagram(&datagram), None);
    }

    #[test]
    fn any_server_is_survived(bytes in prop::collection::vec(any::<u8>(), 0..600), with_credentials in any::<bool>()) {
        let target = Target::Name("example.com".into(), 443);
        let credentials = credentials().filter(|_| with_credentials);
        talk(Client::new(Command::Connect, target, credentials), &bytes);
        parse_datagram(&bytes);
    }

    /// Whatever type the bound address has, exactly the reply is taken and the stream's bytes are left.
    #[test]
    fn bytes_after_the_reply_are_left(bound in target(), stream in prop::collection::vec(any::<u8>(), 0..50)) {
        let mut server = vec![5, 0, 5, 0, 0];
        write_address(&mut server, &bound);
        server.extend_from_slice(&stream);
        let client = Client::new(Command::Connect, Target::Name("a".into(), 1), None);
        let (_, end, left) = talk(client, &server);
        prop_assert_eq!(end, Some(Action::Done(bound)));
        prop_assert_eq!(left, stream.len());
    }
}

#[test]
fn says_what_the_standards_ask_for() {
    let target = Target::Name("example.com".into(), 443);
    let client = Client::new(Command::Connect, target, credentials());
    let server = [5, 2, 1, 0, 5, 0, 0, 1, 10, 0, 0, 1, 0, 80];
    let (sent, end, left) = talk(client, &server);
    let mut expected = vec![5, 2, 0, 2, 1, 4];
    expected.extend_from_slice(b"user\x06secret\x05\x01\x00\x03\x0bexample.com\x01\xbb");
    assert_eq!(sent, expected);
    assert_eq!(
        end,
        Some(Action::Done(Target::Address(
            "10.0.0.1:80".parse().unwrap()
        )))
    );
    assert_eq!(left, 0);
}

#[test]
fn refusals() {
    let refused = |credentials: Option<Credentials>, server: &[u8]| {
        let client = Client::new(Command::Connect, Target::new("1.2.3.4", 80), credentials);
        match talk(client, server).1 {
            Some(Action::Refused(refusal)) => Some(refusal),
            _ => None,
        }
    };
    let authentication = Some(Refusal::Authentication);
    assert_eq!(refused(None, &[5, 255]), authentication);
    assert_eq!(refused(None, &[5, 2]), authentication);
    assert_eq!(refused(credentials(), &[5, 255]), authentication);
    assert_eq!(refused(credentials(), &[5, 2, 1, 1]), authentication);
    assert_eq!(
        refused(None, &[5, 0, 5, 5, 0, 1, 0]),
        Some(Refusal::Reply(5))
    );
    assert!(matches!(
        refused(None, b"HTTP/1.1"),
        Some(Refusal::Protocol(_))
    ));
    assert!(matches!(
        refused(None, &[5, 0, 5, 0, 0, 9, 0]),
        Some(Refusal::Protocol(_))
    ));
}

#[test]
fn text_that_is_an_address_is_sent_as_one() {
    assert_eq!(
        Target::new("1.2.3.4", 5),
        Target::Address("1.2.3.4:5".parse().unwrap())
    );
    assert_eq!(
        Target::new("::1", 5),
        Target::Address("[::1]:5".parse().unwrap())
    );
    assert_eq!(
        Target::new("a.example", 5),
        Target::Name("a.example".into(), 5)
    );
}
