//! Fuzzing of everything in the addon that reads foreign bytes. `cargo test` runs each target briefly from the kept corpus;
//! `npm run fuzz` runs them for as long as wanted, guided by coverage.

mod campaign;
mod coverage;
mod random;
mod scene;

use crate::chain::Chain;
use crate::command::{HttpConnect, Layer, Socks5};
use crate::dns::{Answers, Deframer, MIN_MESSAGE};
use crate::event::Failure;
use crate::http_connect::Answer;
use crate::layer::datagram::{Datagrams, Framing};
use crate::layer::outside::SYSTEM;
use crate::layer::shadowsocks::cipher::Method;
use crate::layer::shadowsocks::datagram::ShadowsocksDatagrams;
use crate::layer::shadowsocks::{Node, Shadowsocks, ShadowsocksLayer};
use crate::layer::tls::{Tls, TlsLayer, Trust};
use crate::layer::web_socket::{WebSocket, WebSocketLayer};
use crate::layer::{Layer as _, Stack};
use crate::packet::reassembly::{Added, Reassembly};
use crate::packet::{header, ip, segment};
use crate::socks5::{Action, Client, Command, Credentials, Target, parse_address, parse_datagram};
use std::io::Write;
use std::net::Shutdown;
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;

/// Packets, verdicts, answers and time for a whole engine.
#[test]
fn engine() {
    campaign::run("engine", scene::play);
}

/// Fragments one after the other, and any bytes as fragments.
#[test]
fn reassembly() {
    campaign::run("reassembly", |bytes| {
        let mut reassembly = Reassembly::default();
        let mut fragments = scene::fragments(bytes);
        let mut raw = bytes.to_vec();
        put_right(&mut raw);
        fragments.push(raw);
        for (index, fragment) in fragments.iter().enumerate() {
            let Some(packet) = header::parse(fragment) else {
                continue;
            };
            let Some(piece) = packet.piece() else {
                continue;
            };
            if let Added::Whole(whole) = reassembly.add(&packet, piece, index as u64) {
                // What is inside may be no packet: extension headers that end behind it.
                if let Some(parsed) = header::parse(&whole) {
                    assert_eq!(parsed.source(), packet.source());
                    assert_eq!(parsed.bytes().len(), whole.len());
                }
                assert_eq!(ip::version(&whole), ip::version(fragment));
            }
        }
    });
}

/// Length and checksum of the IP header.
fn put_right(packet: &mut [u8]) {
    match ip::version(packet) {
        4 if packet.len() >= 20 => {
            let total = packet.len() as u16;
            packet[2..4].copy_from_slice(&total.to_be_bytes());
            let header = (usize::from(packet[0] & 15) * 4).clamp(20, packet.len());
            crate::packet::ipv4::seal(&mut packet[..header]);
        }
        6 if packet.len() >= 40 => crate::packet::ipv6::set_length(packet),
        _ => {}
    }
}

/// TCP super-packets that are cut by software.
#[test]
fn segmentation() {
    campaign::run("segmentation", |bytes| {
        let Some((&[size, flags], packet)) = bytes.split_first_chunk::<2>() else {
            return;
        };
        let mut packet = packet.to_vec();
        if flags & 1 != 0 {
            put_right(&mut packet);
        }
        let payload = packet.len();
        let pieces = segment::segment(&packet, usize::from(size)).unwrap_or_default();
        assert!(pieces.len() <= payload.max(1));
        for piece in pieces {
            assert!(scene::transport_holds(&piece), "a wrong checksum");
        }
    });
}

/// DNS over TCP, and batches of answers.
#[test]
fn dns_frames() {
    campaign::run("dns_frames", |bytes| {
        let mut deframer = Deframer::default();
        for chunk in bytes.chunks(usize::from(bytes.first().copied().unwrap_or(1)).max(1)) {
            deframer.push(chunk);
            while let Ok(Some(message)) = deframer.next_message() {
                assert!(message.len() >= MIN_MESSAGE);
            }
        }
        assert!(Answers(bytes).count() <= bytes.len());
    });
}

/// What an HTTP proxy answers to CONNECT, in pieces.
#[test]
fn http_connect() {
    campaign::run("http_connect", |bytes| {
        let mut answer = Answer::new();
        let mut taken = 0;
        for chunk in bytes.chunks(usize::from(bytes.first().copied().unwrap_or(1)).max(1)) {
            let (used, outcome) = answer.take(chunk);
            taken += used;
            if outcome.is_some() {
                break;
            }
        }
        assert!(taken <= bytes.len());
        answer.ended();
    });
}

/// What proxies in a row say over one socket, in pieces: some of it is always left for the flow, or it ends with a reason.
#[test]
fn chain() {
    campaign::run("chain", |bytes| {
        let Some((&[kinds, size], said)) = bytes.split_first_chunk::<2>() else {
            return;
        };
        let layers = (0..3).map(|place| match kinds >> (2 * place) & 3 {
            0 => Layer::HttpConnect(HttpConnect {
                request: b"CONNECT a:1 HTTP/1.1\r\n\r\n".to_vec(),
            }),
            login => Layer::Socks5(Socks5 {
                credentials: (login > 1).then(|| Credentials {
                    username: "user".into(),
                    password: "secret".into(),
                }),
                target: Target::new("name.example", 443),
            }),
        });
        let (near, mut far) = UnixStream::pair().expect("a socket pair");
        near.set_nonblocking(true).expect("a non-blocking socket");
        let mut chain = Chain::new(layers.collect(), Command::Connect);
        let mut outcome = chain.advance(near.as_fd());
        for piece in said.chunks(usize::from(size).max(1)) {
            if outcome.is_some() || far.write_all(piece).is_err() {
                break;
            }
            outcome = chain.advance(near.as_fd());
        }
        if outcome.is_none() {
            far.shutdown(Shutdown::Write).expect("a connected socket");
            outcome = chain.advance(near.as_fd());
        }
        match outcome.expect("it ends with the connection") {
            Ok(spoken) => assert!(spoken.through.is_none()),
            Err(fault) => assert!(fault.layer.is_some_and(|layer| layer < 3)),
        }
    });
}

/// What a server may say instead of TLS, in pieces.
#[test]
fn tls() {
    campaign::run("tls", |bytes| {
        let tls = Tls {
            server_name: "name.example".into(),
            trust: Trust::Anybody,
            alpn: vec![],
            identity: None,
        };
        let mut stack = Stack::default();
        let mut wire = Vec::new();
        let layer = TlsLayer::new(&tls).expect("a name");
        stack.push(Box::new(layer), &mut wire).expect("a hello");
        let (mut plain, size) = (Vec::new(), bytes.first().copied().unwrap_or(1));
        for piece in bytes.chunks(usize::from(size).max(1)) {
            if let Err(broken) = stack.receive(&mut piece.to_vec(), &mut plain, &mut wire) {
                assert!(broken.failure != Failure::Io, "a fault");
                break;
            }
            assert!(
                plain.is_empty() && !stack.is_open(),
                "believed without a key"
            );
        }
    });
}

/// What a server may say instead of Shadowsocks, in pieces.
#[test]
fn shadowsocks() {
    campaign::run("shadowsocks", |bytes| {
        let Some((&[kind, size], said)) = bytes.split_first_chunk::<2>() else {
            return;
        };
        let method = METHODS[usize::from(kind) % METHODS.len()];
        let node = Node {
            method,
            key: vec![7; method.key_length()],
            identities: vec![],
        };
        let target = Target::new("name.example", 443);
        let layer = ShadowsocksLayer::new(Shadowsocks { node, target }, SYSTEM);
        let (mut stack, mut wire, mut plain) = (Stack::default(), Vec::new(), Vec::new());
        let pushed = stack.push(Box::new(layer), &mut wire);
        pushed
            .and_then(|()| stack.send(b"hello", &mut wire))
            .expect("a request");
        for piece in said.chunks(usize::from(size).max(1)) {
            if let Err(broken) = stack.receive(&mut piece.to_vec(), &mut plain, &mut wire) {
                assert!(broken.failure != Failure::Io, "a fault");
                break;
            }
        }
        assert!(plain.is_empty(), "believed without a key");
        let _ = stack.cut();
    });
}

/// What a web server may say instead of a WebSocket, in pieces: first instead of its answer, then instead of frames.
#[test]
fn web_socket() {
    campaign::run("web_socket", |bytes| {
        let head = b"GET / HTTP/1.1\r\n".to_vec();
        let size = usize::from(bytes.first().copied().unwrap_or(1)).max(1);
        for framed in [true, false] {
            let asked = WebSocket {
                head: head.clone(),
                framed,
            };
            let mut layer = WebSocketLayer::new(asked, SYSTEM);
            let (mut plain, mut wire) = (Vec::new(), Vec::new());
            layer.begin(&mut wire).expect("a request");
            let answer = b"HTTP/1.1 101 Switching\r\n\r\n";
            let said = if framed {
                bytes.to_vec()
            } else {
                [answer, bytes].concat()
            };
            for piece in said.chunks(size) {
                let received = layer.receive(&mut piece.to_vec(), &mut plain, &mut wire);
                if received.is_err() {
                    break;
                }
            }
            assert!(plain.len() <= said.len());
            let _ = layer.cut();
        }
    });
}

/// Datagrams that come from where a Shadowsocks node is, and what stands in a stream instead of frames, in pieces.
#[test]
fn datagrams() {
    campaign::run("datagrams", |bytes| {
        let Some((&[kind, size], said)) = bytes.split_first_chunk::<2>() else {
            return;
        };
        let method = METHODS[usize::from(kind) % METHODS.len()];
        let node = Node {
            method,
            key: vec![7; method.key_length()],
            identities: vec![],
        };
        let mut datagrams = ShadowsocksDatagrams::new(node, SYSTEM);
        let address = [1, 192, 0, 2, 1, 0, 53];
        let sealed = datagrams.seal(&address, b"question", &mut Vec::new());
        sealed.expect("a session");
        let (mut framing, mut told) = (Framing::default(), 0);
        for piece in said.chunks(usize::from(size).max(1)) {
            let opened = datagrams.open(&mut piece.to_vec());
            assert!(opened.is_none(), "believed without a key");
            let mut tell = |_, payload: &[u8]| told += payload.len();
            if framing.take(piece, &mut tell).is_err() {
                break;
            }
        }
        assert!(told <= said.len());
    });
}

const METHODS: [Method; 8] = [
    Method::Aes128Gcm,
    Method::Aes192Gcm,
    Method::Aes256Gcm,
    Method::Chacha20Poly1305,
    Method::XChacha20Poly1305,
    Method::Blake3Aes128Gcm,
    Method::Blake3Aes256Gcm,
    Method::Blake3Chacha20Poly1305,
];

/// What a SOCKS5 server says to each kind of client, and datagrams of its relay.
#[test]
fn socks5() {
    campaign::run("socks5", |bytes| {
        let credentials = Credentials {
            username: "user".into(),
            password: "secret".into(),
        };
        for credentials in [None, Some(credentials)] {
            for command in [Command::Connect, Command::UdpAssociate] {
                let target = Target::new("name.example", 443);
                let mut client = Client::new(command, target, credentials.clone());
                let mut rest = bytes;
                while client.next() > 0 && rest.len() >= client.next() {
                    let (taken, tail) = rest.split_at(client.next());
                    rest = tail;
                    if !matches!(client.advance(taken), Action::Send(_) | Action::Read) {
                        assert_eq!(client.next(), 0, "goes on after its end");
                    }
                    // The dialler's buffer holds 260 bytes.
                    assert!(client.next() <= 260);
                }
            }
        }
        if let Some((_, length)) = parse_address(bytes) {
            assert!(length <= bytes.len());
        }
        if let Some((_, payload)) = parse_datagram(bytes) {
            assert!(payload.len() < bytes.len());
        }
    });
}
