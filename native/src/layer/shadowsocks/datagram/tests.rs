//! Datagrams as a server of the same words reads and makes them. That real servers do is for `test/native`.

use super::*;
use crate::layer::shadowsocks::cipher::Method;
use crate::layer::shadowsocks::tests::{METHODS, STILL};
use crate::socks5::write_address;
use proptest::prelude::*;

const LATER: Outside = Outside {
    seconds: || (STILL.seconds)() + OLD_SESSION,
    ..STILL
};

fn node(method: Method) -> Node {
    Node {
        method,
        key: (1..=method.key_length() as u8).collect(),
        identities: vec![],
    }
}

fn address() -> Vec<u8> {
    let mut address = Vec::new();
    write_address(&mut address, &Target::new("192.0.2.7", 53));
    address
}

/// What the server of a session says.
struct Server {
    node: Node,
    session: [u8; 8],
    client: [u8; 8],
    kind: u8,
    time: u64,
}

impl Server {
    fn of(client: &ShadowsocksDatagrams) -> Self {
        Self {
            node: client.node.clone(),
            session: [9; 8],
            client: client.session.as_ref().map_or([0; 8], |own| own.id),
            kind: SERVER,
            time: (STILL.seconds)(),
        }
    }

    fn says(&self, number: u64, padding: usize, payload: &[u8]) -> Vec<u8> {
        let Node { method, key, .. } = &self.node;
        let plain = [&address()[..], payload].concat();
        if !method.is_2022() {
            let mut wire = vec![number as u8; method.key_length()];
            let key = Key::of_session(*method, key, &wire);
            let from = wire.len();
            wire.extend(plain);
            key.seal(&[0; LONG_NONCE], &mut wire, from);
            return wire;
        }
        let header = [self.session, number.to_be_bytes()].concat();
        let body = [
            &[self.kind][..],
            &self.time.to_be_bytes(),
            &self.client,
            &(padding as u16).to_be_bytes(),
            &vec![0; padding],
            &plain,
        ]
        .concat();
        let mut nonce = [7; LONG_NONCE];
        if method.has_identities() {
            nonce[..12].copy_from_slice(&header[4..]);
            let mut wire = body;
            Key::of_session(*method, key, &self.session).seal(&nonce, &mut wire, 0);
            let mut block: [u8; HEADER] = header.try_into().unwrap();
            encrypt_block(key, &mut block);
            return [&block[..], &wire].concat();
        }
        let mut wire = [header, body].concat();
        Key::extended(key).seal(&nonce, &mut wire, 0);
        [&nonce[..], &wire].concat()
    }
}

fn begun(node: Node) -> (ShadowsocksDatagrams, Vec<u8>) {
    let mut datagrams = ShadowsocksDatagrams::new(node, STILL);
    let mut wire = Vec::new();
    datagrams.seal(&address(), b"question", &mut wire).unwrap();
    (datagrams, wire)
}

fn opened(datagrams: &mut ShadowsocksDatagrams, wire: &[u8]) -> Option<(Target, Vec<u8>)> {
    let mut bytes = wire.to_vec();
    let (from, range) = datagrams.open(&mut bytes)?;
    Some((from, bytes[range].to_vec()))
}

#[test]
fn all_to_one_address_are_longer_by_the_same() {
    for method in METHODS {
        let (mut datagrams, _) = begun(node(method));
        let mut overheads = [0usize, 1, 500, 1_400].map(|length| {
            let mut wire = Vec::new();
            datagrams
                .seal(&address(), &vec![3; length], &mut wire)
                .unwrap();
            wire.len() - length
        });
        overheads.sort_unstable();
        assert_eq!(overheads[0], overheads[3], "{method:?}");
    }
}

#[test]
fn a_session_counts_and_users_are_named() {
    let method = Method::Blake3Aes128Gcm;
    let node = Node {
        identities: vec![vec![40; 16], vec![41; 16]],
        ..node(method)
    };
    let (mut datagrams, first) = begun(node.clone());
    let mut second = Vec::new();
    datagrams.seal(&address(), b"again", &mut second).unwrap();
    for (wire, number, payload) in [(first, 0u64, &b"question"[..]), (second, 1, b"again")] {
        let block = |at: usize, key: &[u8]| {
            let mut block: [u8; 16] = wire[at..at + 16].try_into().unwrap();
            decrypt_block(key, &mut block);
            block
        };
        let header = block(0, &node.identities[0]);
        assert_eq!(header[..8], [5; 8]);
        assert_eq!(header[8..], number.to_be_bytes());
        for (place, next) in [&node.identities[1], &node.key].into_iter().enumerate() {
            let named = block(16 * (place + 1), &node.identities[place]);
            let expected = identity_of(next);
            assert!((0..16).all(|at| named[at] ^ header[at] == expected[at]));
        }
        let mut nonce = [0; LONG_NONCE];
        nonce[..12].copy_from_slice(&header[4..]);
        let mut body = wire[48..].to_vec();
        let key = Key::of_session(method, &node.key, &header[..8]);
        let length = key.open(&nonce, &mut body).unwrap();
        assert_eq!(body[0], CLIENT);
        assert_eq!(body[1..9], (STILL.seconds)().to_be_bytes());
        assert_eq!(body[9..length], [&[0, 0][..], &address(), payload].concat());
    }
}

#[test]
fn of_2022_an_answer_counts_once_and_only_if_it_is_ours_and_of_now() {
    for method in METHODS.into_iter().filter(|method| method.is_2022()) {
        let (mut datagrams, _) = begun(node(method));
        let server = Server::of(&datagrams);
        let answer = server.says(3, 11, b"answer");
        let expected = Some((Target::new("192.0.2.7", 53), b"answer".to_vec()));
        assert_eq!(opened(&mut datagrams, &answer), expected, "{method:?}");
        assert_eq!(opened(&mut datagrams, &answer), None);
        assert!(opened(&mut datagrams, &server.says(1, 0, b"earlier")).is_some());
        let others = [
            Server {
                client: [8; 8],
                ..Server::of(&datagrams)
            },
            Server {
                kind: CLIENT,
                ..Server::of(&datagrams)
            },
            Server {
                time: server.time - 31,
                ..Server::of(&datagrams)
            },
            Server {
                time: server.time + 31,
                ..Server::of(&datagrams)
            },
        ];
        for (place, other) in others.iter().enumerate() {
            let says = other.says(20 + place as u64, 0, b"x");
            assert_eq!(opened(&mut datagrams, &says), None);
        }
    }
}

#[test]
fn of_2022_two_sessions_of_the_server_are_heard_at_a_time() {
    let (mut datagrams, _) = begun(node(Method::Blake3Aes256Gcm));
    let of = |session| Server {
        session: [session; 8],
        ..Server::of(&datagrams)
    };
    let [one, two, three] = [1, 2, 3].map(of);
    assert!(opened(&mut datagrams, &one.says(0, 0, b"")).is_some());
    assert!(opened(&mut datagrams, &two.says(0, 0, b"")).is_some());
    assert!(opened(&mut datagrams, &one.says(1, 0, b"")).is_some());
    assert!(opened(&mut datagrams, &three.says(0, 0, b"")).is_none());
    datagrams.outside = LATER;
    let late = Server {
        time: (LATER.seconds)(),
        ..three
    };
    assert!(opened(&mut datagrams, &late.says(0, 0, b"")).is_some());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn answers_are_understood_and_changed_ones_are_dropped(
        method in (0..METHODS.len()).prop_map(|place| METHODS[place]),
        payload in prop::collection::vec(any::<u8>(), 0..1_500),
        place in any::<prop::sample::Index>(),
        change in 1u8..,
    ) {
        let (mut datagrams, _) = begun(node(method));
        let mut wire = Server::of(&datagrams).says(0, 3, &payload);
        let whole = opened(&mut datagrams, &wire);
        prop_assert_eq!(whole, Some((Target::new("192.0.2.7", 53), payload)));
        let (mut datagrams, _) = begun(node(method));
        let place = place.index(wire.len());
        prop_assert_eq!(opened(&mut datagrams, &wire[..place]), None);
        wire[place] ^= change;
        prop_assert_eq!(opened(&mut datagrams, &wire), None);
    }

    #[test]
    fn whatever_comes_is_dropped(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        for method in METHODS {
            let (mut datagrams, _) = begun(node(method));
            prop_assert_eq!(opened(&mut datagrams, &bytes), None);
        }
    }
}
