//! Requests against bytes that OpenSSL has made of SIP004's words, and answers of a server that is made of SIP022's words here. That
//! real servers understand it is for `test/native`.

use super::*;
use crate::socks5::parse_address;
use proptest::prelude::*;

const NOW: u64 = 1_700_000_000;

pub const METHODS: [Method; 8] = [
    Method::Aes128Gcm,
    Method::Aes192Gcm,
    Method::Aes256Gcm,
    Method::Chacha20Poly1305,
    Method::XChacha20Poly1305,
    Method::Blake3Aes128Gcm,
    Method::Blake3Aes256Gcm,
    Method::Blake3Chacha20Poly1305,
];

/// Time stands still, and chance has a favourite.
pub const STILL: Outside = Outside {
    seconds: || NOW,
    fill: |bytes| {
        bytes.fill(5);
        Ok(())
    },
};

fn unhex(text: &str) -> Vec<u8> {
    let digits = text.as_bytes().chunks(2);
    digits
        .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap())
        .collect()
}

fn node(method: Method) -> Node {
    let key = unhex("b51bfcfa2e352e4de32560f74b0cff3f9ae4ebd6e061a201068c323efc6beaa2");
    Node {
        method,
        key: key[..method.key_length()].to_vec(),
        identities: vec![],
    }
}

fn layer(method: Method) -> ShadowsocksLayer {
    let target = Target::new("a.b", 80);
    let node = node(method);
    ShadowsocksLayer::new(Shadowsocks { node, target }, STILL)
}

fn request(method: Method, payload: &[u8]) -> (ShadowsocksLayer, Vec<u8>) {
    let (mut layer, mut wire) = (layer(method), Vec::new());
    assert!(layer.owes() && layer.is_open());
    layer.send(payload, &mut wire).unwrap();
    assert!(!layer.owes());
    (layer, wire)
}

#[test]
fn a_request_is_what_openssl_makes_of_the_same() {
    let salt = |length| "05".repeat(length);
    for (method, sealed) in [
        (
            Method::Aes128Gcm,
            "ccf85ac2e41ae2887f9cef88d0bda5db0cce82f28d9dd6b80e60105b871e8b5303fbbf2b3fbde4990381bb2d64a9ab5ba3",
        ),
        (
            Method::Aes192Gcm,
            "9ae017c13b19efedf4fcdd1ba9b2fbba8941d64bc9ec44ba2a5a891253914eac4f74dbb3aec72437a74a4f83fb1f5d4226",
        ),
        (
            Method::Aes256Gcm,
            "748cf3c4a5695acc13c4d9723502c4d72e4cf5c69562a6ea78fa7cd4e67694a354d5a3fc8a72b3c9a6ee007a5c3569192b",
        ),
        (
            Method::Chacha20Poly1305,
            "1bfe789d690fed39fa2a10d776e8906b3f4f794b9a9773617aa6140a1d63774c11bfd4cea5fdbf6a46472106ffcc52adb9",
        ),
    ] {
        let (_, wire) = request(method, b"hi there");
        let expected = unhex(&format!("{}{sealed}", salt(method.key_length())));
        assert_eq!(wire, expected, "{method:?}");
    }
}

#[test]
fn xchacha_is_what_its_draft_says() {
    // draft-irtf-cfrg-xchacha-03, 2.2.1 (HChaCha20).
    let key = unhex("000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f");
    let nonce = unhex("000000090000004a0000000031415927");
    let subkey = hchacha_of(&key, &nonce);
    let expected = unhex("82413b4227b27bfed30e42508a877d73a0f9e4d58a74a853c12ec41326d3ecdc");
    assert_eq!(subkey, expected);
}

fn hchacha_of(key: &[u8], nonce: &[u8]) -> Vec<u8> {
    use aes_gcm::aead::array::Array;
    let (key, nonce): ([u8; 32], [u8; 16]) = (key.try_into().unwrap(), nonce.try_into().unwrap());
    chacha20::hchacha::<chacha20::R20>(&Array(key), &Array(nonce)).to_vec()
}

/// What a request says, read by a server: the target and the bytes behind it.
fn understood(method: Method, wire: &[u8]) -> (Target, Vec<u8>) {
    let (salt, mut rest) = wire.split_at(method.key_length());
    let mut key = Counting::new(Key::of_session(method, &node(method).key, salt));
    let mut next = |length: usize| {
        let (piece, tail) = rest.split_at(length + TAG);
        rest = tail;
        let mut piece = piece.to_vec();
        let length = key.open(&mut piece).expect("sealed by this key");
        piece.truncate(length);
        (piece, rest.is_empty())
    };
    let number = |bytes: &[u8]| usize::from(u16::from_be_bytes(bytes.try_into().unwrap()));
    let (mut said, mut over) = (Vec::new(), false);
    if method.is_2022() {
        let (fixed, _) = next(11);
        assert_eq!(fixed[0], 0);
        assert_eq!(fixed[1..9], NOW.to_be_bytes());
        (said, over) = next(number(&fixed[9..]));
    }
    while !over {
        let (length, _) = next(2);
        let length = number(&length);
        assert!(length <= longest(method));
        let (chunk, last) = next(length);
        said.extend(chunk);
        over = last;
    }
    let (target, mut used) = parse_address(&said).unwrap();
    if method.is_2022() {
        let padding = number(&said[used..used + 2]);
        used += 2 + padding;
        assert!(
            padding > 0 || said.len() > used,
            "neither payload nor padding"
        );
    }
    (target, said[used..].to_vec())
}

/// The answer of a server to a request with this salt, in chunks.
fn answer(method: Method, salt: &[u8], time: u64, chunks: &[Vec<u8>]) -> Vec<u8> {
    let mut wire = vec![9; method.key_length()];
    let mut key = Counting::new(Key::of_session(method, &node(method).key, &wire));
    let mut seal = |wire: &mut Vec<u8>, bytes: &[u8]| {
        let from = wire.len();
        wire.extend_from_slice(bytes);
        key.seal(wire, from);
    };
    for (place, chunk) in chunks.iter().enumerate() {
        let length = (chunk.len() as u16).to_be_bytes();
        match place == 0 && method.is_2022() {
            true => {
                let header = [&[1][..], &time.to_be_bytes(), salt, &length].concat();
                seal(&mut wire, &header);
            }
            false => seal(&mut wire, &length),
        }
        seal(&mut wire, chunk);
    }
    wire
}

fn receive(layer: &mut ShadowsocksLayer, wire: &[u8], sizes: &[usize]) -> Result<Vec<u8>, Broken> {
    let (mut plain, mut left) = (Vec::new(), wire);
    let mut sizes = sizes.iter().cycle();
    while !left.is_empty() {
        let (piece, rest) = left.split_at((*sizes.next().unwrap_or(&1)).min(left.len()));
        layer.receive(&mut piece.to_vec(), &mut plain, &mut Vec::new())?;
        left = rest;
    }
    Ok(plain)
}

#[test]
fn a_client_that_says_nothing_is_announced_without_payload() {
    for method in METHODS {
        let (mut layer, wire) = request(method, b"");
        assert_eq!(understood(method, &wire), (Target::new("a.b", 80), vec![]));
        let mut more = Vec::new();
        assert_eq!(layer.finish(&mut more), Ok(Finish::Below));
        assert!(more.is_empty());
    }
}

#[test]
fn users_are_named_behind_each_server() {
    let method = Method::Blake3Aes128Gcm;
    let keys = [vec![1; 16], vec![2; 16]];
    let node = Node {
        identities: keys.to_vec(),
        ..node(method)
    };
    let next = [&keys[1], &node.key].map(|key| identity_of(key));
    let target = Target::new("a.b", 80);
    let mut layer = ShadowsocksLayer::new(Shadowsocks { node, target }, STILL);
    let mut wire = Vec::new();
    layer.send(b"payload", &mut wire).unwrap();
    let salt = &wire[..16];
    for (place, key) in keys.iter().enumerate() {
        let at = 16 + 16 * place;
        let mut block: [u8; 16] = wire[at..at + 16].try_into().unwrap();
        let subkey = derived("shadowsocks 2022 identity subkey", key, salt);
        cipher::decrypt_block(&subkey[..16], &mut block);
        assert_eq!(block, next[place]);
    }
    wire.drain(16..48);
    assert_eq!(understood(method, &wire).1, b"payload");
}

#[test]
fn what_is_not_the_answer_is_not_believed() {
    let chunks = [b"hello".to_vec()];
    let method = Method::Blake3Aes256Gcm;
    let salt = vec![5; 32];
    for (wire, failure) in [
        // Another key.
        (vec![7; 200], Failure::ProxyAuth),
        // Of another request, too old, from the future.
        (answer(method, &[6; 32], NOW, &chunks), Failure::ProxyFailed),
        (
            answer(method, &salt, NOW - 31, &chunks),
            Failure::ProxyFailed,
        ),
        (
            answer(method, &salt, NOW + 31, &chunks),
            Failure::ProxyFailed,
        ),
    ] {
        let (mut layer, _) = request(method, b"hi");
        let broken = receive(&mut layer, &wire, &[1000]);
        assert_eq!(broken.map_err(|broken| broken.failure), Err(failure));
    }
    for method in METHODS {
        // What was sent comes back.
        let (mut layer, wire) = request(method, b"hi");
        assert!(receive(&mut layer, &wire, &[7]).is_err());
        // Nothing was asked yet.
        let salt = vec![5; method.key_length()];
        let wire = answer(method, &salt, NOW, &chunks);
        assert!(receive(&mut super::tests::layer(method), &wire, &[7]).is_err());
    }
}

#[test]
fn a_chunk_that_is_too_long_is_none() {
    let method = Method::Aes128Gcm;
    let (mut layer, _) = request(method, b"hi");
    let wire = answer(method, &[], NOW, &[vec![0; CHUNK + 1]]);
    assert!(receive(&mut layer, &wire, &[100]).is_err());
}

fn methods() -> impl Strategy<Value = Method> {
    (0..METHODS.len()).prop_map(|place| METHODS[place])
}

fn payload(most: usize) -> impl Strategy<Value = Vec<u8>> {
    (0..most, any::<u8>()).prop_map(|(length, first)| {
        let next = |place: usize| (place as u8).wrapping_mul(31).wrapping_add(first);
        (0..length).map(next).collect()
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn a_server_understands_what_is_sent_in_any_pieces(
        method in methods(),
        said in prop::collection::vec(payload(40_000), 1..4),
    ) {
        let (mut layer, mut wire) = (layer(method), Vec::new());
        for bytes in &said {
            layer.send(bytes, &mut wire).unwrap();
        }
        let (target, bytes) = understood(method, &wire);
        prop_assert_eq!(target, Target::new("a.b", 80));
        prop_assert_eq!(bytes, said.concat());
    }

    #[test]
    fn answers_are_understood_in_any_pieces_and_their_cut_is_seen(
        method in methods(),
        chunks in prop::collection::vec(payload(3_000), 1..5),
        sizes in prop::collection::vec(1usize..4_000, 1..10),
        cut in any::<prop::sample::Index>(),
    ) {
        let (mut layer, _) = request(method, b"hi");
        let salt = layer.salt.clone();
        let wire = answer(method, &salt, NOW, &chunks);
        let plain = receive(&mut layer, &wire, &sizes).unwrap();
        prop_assert_eq!(&plain, &chunks.concat());
        prop_assert!(layer.cut().is_ok() && layer.rest.capacity() == 0);

        let (mut layer, _) = request(method, b"hi");
        let short = &wire[..cut.index(wire.len())];
        let some = receive(&mut layer, short, &sizes).unwrap();
        prop_assert!(plain.starts_with(&some));
        prop_assert!(layer.rest.len() <= CHUNK_2022 + TAG);
        let is_whole = layer.rest.is_empty() && !matches!(layer.awaited, Awaited::Chunk(_) | Awaited::Header);
        prop_assert_eq!(layer.cut().is_ok(), is_whole);
    }

    #[test]
    fn a_changed_byte_is_never_taken_for_an_answer(
        method in methods(),
        chunks in prop::collection::vec(payload(400), 1..4),
        sizes in prop::collection::vec(1usize..500, 1..10),
        place in any::<prop::sample::Index>(),
        change in 1u8..,
    ) {
        let (mut layer, _) = request(method, b"hi");
        let mut wire = answer(method, &layer.salt, NOW, &chunks);
        let place = place.index(wire.len());
        wire[place] ^= change;
        prop_assert!(receive(&mut layer, &wire, &sizes).is_err());
    }
}
