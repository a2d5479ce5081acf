//! Streams for JavaScript, whose layers the reactor's thread carries.

use super::*;
use crate::layer::tests::stack_of;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::net::UnixStream;
use std::time::Duration;

fn streams() -> Streams {
    Streams {
        epoll: Epoll::new().unwrap(),
        jobs: Slab::default(),
        timers: Timers::default(),
        pipes: PipePool::default(),
        buffer: vec![0; COPY_BUFFER].into_boxed_slice(),
        busy: Vec::new(),
    }
}

#[test]
fn a_pair_carries_what_goes_through_layers() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut far = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let (near, peer) = listener.accept().unwrap();
    near.set_nonblocking(true).unwrap();
    let mut streams = streams();
    let opened = Opened {
        fd: near.into(),
        peer,
        through: Some(Box::new(crate::chain::Through {
            stack: stack_of(&[3]),
            plain: b"early ".to_vec(),
        })),
        bound: None,
    };
    let stream = streams.hand_out(opened, 0).unwrap();
    assert_eq!((stream.peer, stream.local), (peer, peer.ip()));
    let mut mine = UnixStream::from(stream.fd);
    far.write_all(&[2, b'h' ^ 3, b'i' ^ 3, 0]).unwrap();
    mine.write_all(b"yo").unwrap();
    mine.shutdown(std::net::Shutdown::Write).unwrap();
    let mut events = Events::new(8);
    while streams.jobs.len() > 0 {
        streams.epoll.wait(&mut events, Some(20_000)).unwrap();
        assert!(events.get(0).is_some(), "the relay hangs");
        let mut index = 0;
        while let Some((token, bits)) = events.get(index) {
            index += 1;
            let side = if token & CLIENT_BIT == 0 {
                Side::Remote
            } else {
                Side::Client
            };
            streams.on_ready(Key::unpack(token & !CLIENT_BIT), side, bits, 0);
        }
    }
    let (mut text, mut wire) = (String::new(), Vec::new());
    mine.set_nonblocking(false).unwrap();
    mine.read_to_string(&mut text).unwrap();
    assert_eq!(text, "early hi");
    far.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    far.read_to_end(&mut wire).unwrap();
    assert_eq!(wire, [2, b'y' ^ 3, b'o' ^ 3, 0]);
}
