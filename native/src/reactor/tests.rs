//! Streams for JavaScript, whose layers the reactor's thread carries.

use super::carried::{Carried, End};
use super::*;
use crate::layer::tests::stack_of;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::net::UnixStream;
use std::time::Duration;

/// Until nothing is under way.
fn run_to_the_end(streams: &mut Streams, now: u64) {
    let mut events = Events::new(8);
    while streams.jobs.len() > 0 {
        for key in std::mem::take(&mut streams.busy) {
            streams.pump(key, now);
        }
        if streams.jobs.len() == 0 {
            return;
        }
        let wait = if streams.busy.is_empty() { 20_000 } else { 0 };
        streams.epoll.wait(&mut events, Some(wait)).unwrap();
        assert!(wait == 0 || events.get(0).is_some(), "the relay hangs");
        let mut index = 0;
        while let Some((token, bits)) = events.get(index) {
            index += 1;
            let side = if token & CLIENT_BIT == 0 {
                Side::Remote
            } else {
                Side::Client
            };
            streams.on_ready(Key::unpack(token & !CLIENT_BIT), side, bits, now);
        }
    }
}

/// Both ends of a connection; ours does not block.
fn connection() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let far = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let (near, _) = listener.accept().unwrap();
    near.set_nonblocking(true).unwrap();
    far.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    (near, far)
}

fn opened(near: TcpStream, through: Option<Box<crate::chain::Through>>) -> Opened {
    Opened {
        peer: near.peer_addr().unwrap(),
        fd: near.into(),
        through,
        bound: None,
    }
}

/// What has been told of its end.
fn end_of(carried: &Carried) -> Option<End> {
    let (sender, told) = std::sync::mpsc::channel();
    carried.on_end(Box::new(move |end| {
        let _ = sender.send(end);
    }));
    told.try_recv().ok()
}

#[test]
fn a_kept_stream_carries_a_client_through_its_layers_from_the_first_byte() {
    let mut streams = Streams::new(Epoll::new().unwrap());
    let (near, mut far) = connection();
    let through = crate::chain::Through {
        stack: stack_of(&[3]),
        plain: b"early ".to_vec(),
    };
    let kept = streams
        .keep(opened(near, Some(Box::new(through))), 0)
        .unwrap();
    far.write_all(&[2, b'h' ^ 3, b'i' ^ 3, 0]).unwrap();
    let (client, mut program) = connection();
    program.shutdown(std::net::Shutdown::Write).unwrap();
    let carried = Arc::new(Carried::default());
    let request = Request::Carry {
        number: kept.number,
        client: client.into(),
        first: b"yo".to_vec(),
        carried: carried.clone(),
    };
    streams.serve(request, 40);
    run_to_the_end(&mut streams, 47);
    let (mut text, mut wire) = (String::new(), Vec::new());
    program.read_to_string(&mut text).unwrap();
    far.read_to_end(&mut wire).unwrap();
    assert_eq!(text, "early hi");
    assert_eq!(wire, [2, b'y' ^ 3, b'o' ^ 3, 0]);
    let end = End {
        bytes: (2, 8),
        first_byte: Some(7),
        reason: Reason::Done,
    };
    assert_eq!(end_of(&carried), Some(end));
}

#[test]
fn a_kept_stream_without_a_client_is_closed_in_time_and_is_no_more() {
    let mut streams = Streams::new(Epoll::new().unwrap());
    let (near, mut far) = connection();
    let kept = streams.keep(opened(near, None), 0).unwrap();
    let key = streams.timers.pop_due(KEEP_MS).unwrap();
    streams.on_time(key, KEEP_MS - 1);
    assert_eq!(streams.jobs.len(), 1);
    streams.on_time(key, KEEP_MS);
    assert_eq!(streams.jobs.len(), 0);
    assert_eq!(far.read(&mut [0]).unwrap(), 0);
    let (client, mut program) = connection();
    let carried = Arc::new(Carried::default());
    let request = Request::Carry {
        number: kept.number,
        client: client.into(),
        first: vec![],
        carried: carried.clone(),
    };
    streams.serve(request, KEEP_MS);
    assert!(program.read(&mut [0]).is_err(), "not reset");
    assert_eq!(end_of(&carried).unwrap().reason, Reason::Stopped);
}

#[test]
fn a_carried_stream_is_closed_as_is_wanted_or_when_it_is_idle() {
    for (how, reason) in [
        (Some(Closing::Graceful), Reason::Closed),
        (Some(Closing::Reset), Reason::Closed),
        (Some(Closing::Rerouted), Reason::Rerouted),
        (None, Reason::Idle),
    ] {
        let mut streams = Streams::new(Epoll::new().unwrap());
        let ((near, mut far), (client, mut program)) = (connection(), connection());
        let kept = streams.keep(opened(near, None), 0).unwrap();
        let carried = Arc::new(Carried::default());
        let request = Request::Carry {
            number: kept.number,
            client: client.into(),
            first: vec![],
            carried: carried.clone(),
        };
        streams.serve(request, 0);
        if let Some(how) = how {
            streams.serve(Request::Close(kept.number, how), 0);
        } else {
            let mut now = 0;
            while streams.jobs.len() > 0 {
                now += streams.timers.wait_ms(now).unwrap();
                let key = streams.timers.pop_due(now).unwrap();
                streams.on_time(key, now);
            }
            assert!((3_600_000..86_400_000).contains(&now));
        }
        if how == Some(Closing::Graceful) {
            streams.busy.clear();
            let key = streams.jobs.keys()[0];
            streams.pump(key, 0);
            assert_eq!(far.read(&mut [0]).unwrap(), 0);
            assert_eq!(program.read(&mut [0]).unwrap(), 0);
            assert_eq!(end_of(&carried), None);
            // Neither ends its direction.
            streams.on_time(key, 5_000);
        } else {
            assert!(far.read(&mut [0]).is_err() && program.read(&mut [0]).is_err());
        }
        assert_eq!(end_of(&carried).map(|end| end.reason), Some(reason));
    }
}

#[test]
fn a_pair_carries_what_goes_through_layers() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut far = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let (near, peer) = listener.accept().unwrap();
    near.set_nonblocking(true).unwrap();
    let mut streams = Streams::new(Epoll::new().unwrap());
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
    run_to_the_end(&mut streams, 0);
    let (mut text, mut wire) = (String::new(), Vec::new());
    mine.set_nonblocking(false).unwrap();
    mine.read_to_string(&mut text).unwrap();
    assert_eq!(text, "early hi");
    far.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    far.read_to_end(&mut wire).unwrap();
    assert_eq!(wire, [2, b'y' ^ 3, b'o' ^ 3, 0]);
}
