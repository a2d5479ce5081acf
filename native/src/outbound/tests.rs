//! Dials of proxies whose behaviour is scripted.

use super::*;
use crate::command::{HttpConnect, Socks5};
use crate::options::Hop;
use crate::sys::process::monotonic_ms;
use std::io::{Read, Write};
use std::net::{IpAddr, Ipv4Addr, TcpListener, TcpStream};
use std::thread;
use std::time::Duration;

const REQUEST: &[u8] = b"CONNECT a.example:80 HTTP/1.1\r\n\r\n";

fn socks5() -> Layer {
    Layer::Socks5(Socks5 {
        credentials: None,
        target: Target::new("a.example", 80),
    })
}

fn http() -> Layer {
    Layer::HttpConnect(HttpConnect {
        request: REQUEST.to_vec(),
    })
}

/// What comes behind the handshake, to the end.
fn rest_of(progress: Progress) -> String {
    let Progress::Ready(Opened { fd, .. }) = progress else {
        panic!("not ready");
    };
    let mut stream = TcpStream::from(fd);
    stream.set_nonblocking(false).unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    text
}

/// Dials a proxy whose behaviour is `serve`.
fn dial(
    layers: Vec<Layer>,
    serve: impl FnOnce(TcpStream) + Send + 'static,
    timeout_ms: u64,
) -> Progress {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let server = thread::spawn(move || serve(listener.accept().unwrap().0));
    let hop = Hop {
        address: IpAddr::V4(Ipv4Addr::LOCALHOST),
        device: None,
    };
    let plan = DialPlan {
        hops: vec![hop],
        port,
        layers,
        timeout_ms,
    };
    let mut outbound = Outbound::connect(plan, Sender::default(), monotonic_ms());
    let progress = loop {
        match outbound.drive(monotonic_ms(), &mut |_| Ok(())) {
            Progress::Pending { .. } => thread::sleep(Duration::from_millis(1)),
            end => break end,
        }
    };
    server.join().unwrap();
    progress
}

fn failure_of(progress: Progress) -> Option<Failure> {
    match progress {
        Progress::Failed(fault) => Some(fault.failure),
        _ => None,
    }
}

#[test]
fn a_reply_may_come_byte_by_byte_and_is_not_overread() {
    let progress = dial(
        vec![socks5()],
        |mut stream| {
            stream.set_nodelay(true).unwrap();
            let mut greeting = [0; 3];
            stream.read_exact(&mut greeting).unwrap();
            for byte in [5, 0] {
                stream.write_all(&[byte]).unwrap();
                thread::sleep(Duration::from_millis(2));
            }
            let mut request = [0; 16];
            stream.read_exact(&mut request).unwrap();
            for byte in *b"\x05\x00\x00\x03\x04name\x01\x02hello" {
                stream.write_all(&[byte]).unwrap();
                thread::sleep(Duration::from_millis(2));
            }
        },
        2_000,
    );
    assert_eq!(rest_of(progress), "hello");
}

#[test]
fn a_reply_that_is_cut_short_is_understood_all_the_same() {
    for (reply, failure) in [
        (&[5, 5][..], Failure::Refused),
        (&[5, 4, 0], Failure::HostUnreachable),
        (&[5, 2, 0, 1], Failure::ProxyDenied),
        (&[5, 0, 0, 1], Failure::ProxyFailed),
        (&[5], Failure::ProxyFailed),
    ] {
        let progress = dial(
            vec![socks5()],
            move |mut stream| {
                stream.read_exact(&mut [0; 3]).unwrap();
                stream.write_all(&[5, 0]).unwrap();
                stream.read_exact(&mut [0; 16]).unwrap();
                stream.write_all(reply).unwrap();
            },
            2_000,
        );
        assert_eq!(failure_of(progress), Some(failure), "{reply:?}");
    }
}

#[test]
fn a_proxy_that_hangs_up_or_says_nothing_fails() {
    for layer in [socks5(), http()] {
        let progress = dial(vec![layer], drop, 2_000);
        assert_eq!(failure_of(progress), Some(Failure::ProxyFailed));
    }
    let silent = |mut stream: TcpStream| {
        let mut all = Vec::new();
        // Ends when the dialler gives up.
        let _ = stream.read_to_end(&mut all);
    };
    for layer in [socks5(), http()] {
        assert_eq!(
            failure_of(dial(vec![layer], silent, 50)),
            Some(Failure::Timeout)
        );
    }
}

#[test]
fn an_http_answer_in_any_pieces_leaves_the_target_its_bytes() {
    let long = "Via: x\r\n".repeat(500);
    let head = format!("HTTP/1.1 200 Connection established\r\n{long}\r\n");
    for size in [1, 100, 3_000, 8_000] {
        let bytes = format!("{head}hello");
        let progress = dial(
            vec![http()],
            move |mut stream| {
                stream.set_nodelay(true).unwrap();
                let mut request = [0; REQUEST.len()];
                stream.read_exact(&mut request).unwrap();
                assert_eq!(request, REQUEST);
                for piece in bytes.as_bytes().chunks(size) {
                    stream.write_all(piece).unwrap();
                }
            },
            5_000,
        );
        assert_eq!(rest_of(progress), "hello", "pieces of {size}");
    }
}

#[test]
fn a_proxy_that_dribbles_is_given_up_when_the_time_is_over() {
    let dribble = |mut stream: TcpStream| {
        for byte in b"HTTP/1.1 200 OK\r\n".iter().cycle() {
            if stream.write_all(&[*byte]).is_err() {
                return;
            }
            thread::sleep(Duration::from_millis(5));
        }
    };
    assert_eq!(
        failure_of(dial(vec![http()], dribble, 150)),
        Some(Failure::Timeout)
    );
}

#[test]
fn a_refusal_with_a_reset_behind_it_is_understood_all_the_same() {
    let refuse = |mut stream: TcpStream| {
        // What it has not read becomes a reset when it closes.
        stream.read_exact(&mut [0; 10]).unwrap();
        stream.write_all(b"HTTP/1.1 407 No\r\n\r\n").unwrap();
    };
    for _ in 0..20 {
        let failure = failure_of(dial(vec![http()], refuse, 2_000));
        assert_eq!(failure, Some(Failure::ProxyAuth));
    }
}
