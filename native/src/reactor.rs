//! Dials TCP connections for JavaScript on one thread of its own, started when first needed.

use crate::dial::{Dial, Progress};
use crate::options::Hop;
use crate::shared::lock;
use crate::slab::{Key, Slab};
use crate::sys::epoll::{Epoll, Events, READABLE, STREAM_EDGES, Waker};
use crate::sys::process::{block_signals, monotonic_ms};
use crate::timers::Timers;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex};

/// Called once, on the reactor's thread.
pub type Done = Box<dyn FnOnce(io::Result<OwnedFd>) + Send>;

struct Job {
    dial: Dial,
    done: Done,
}

/// Where jobs wait for the thread.
struct Inbox {
    jobs: Mutex<Vec<Job>>,
    waker: Waker,
}

/// The functions of the addon have no object to belong to, so their thread is the process's.
static INBOX: Mutex<Option<Arc<Inbox>>> = Mutex::new(None);

const WAKER_TOKEN: u64 = u64::MAX;

/// Dials and gives a connected socket, or the error that tells most.
pub fn open_tcp(hops: Vec<Hop>, port: u16, mark: u32, timeout_ms: u64, done: Done) {
    let dial = Dial::new(hops, port, mark, monotonic_ms(), timeout_ms);
    match inbox() {
        Ok(inbox) => {
            lock(&inbox.jobs).push(Job { dial, done });
            inbox.waker.wake();
        }
        Err(error) => done(Err(error)),
    }
}

fn inbox() -> io::Result<Arc<Inbox>> {
    let mut current = lock(&INBOX);
    if let Some(inbox) = current.as_ref() {
        return Ok(inbox.clone());
    }
    let inbox = Arc::new(Inbox {
        jobs: Mutex::default(),
        waker: Waker::new()?,
    });
    let owned = inbox.clone();
    std::thread::Builder::new()
        .name("mirage-dial".into())
        .spawn(move || {
            block_signals();
            // A panic drops the dials under way; the next turn starts with an empty table.
            while catch_unwind(AssertUnwindSafe(|| run(&owned))).is_err() {}
        })?;
    *current = Some(inbox.clone());
    Ok(inbox)
}

fn run(inbox: &Inbox) {
    let Ok(epoll) = Epoll::new() else {
        return;
    };
    if epoll.add(inbox.waker.fd(), WAKER_TOKEN, READABLE).is_err() {
        return;
    }
    let mut events = Events::new(64);
    let mut jobs = Slab::default();
    let mut timers: Timers<Key> = Timers::default();
    loop {
        let now = monotonic_ms();
        if epoll.wait(&mut events, timers.wait_ms(now)).is_err() {
            return;
        }
        let now = monotonic_ms();
        let mut due = Vec::new();
        let mut index = 0;
        while let Some((token, _)) = events.get(index) {
            index += 1;
            if token == WAKER_TOKEN {
                inbox.waker.clear();
                let fresh = std::mem::take(&mut *lock(&inbox.jobs));
                due.extend(fresh.into_iter().map(|job| jobs.insert(job)));
            } else {
                due.push(Key::unpack(token));
            }
        }
        while let Some(key) = timers.pop_due(now) {
            due.push(key);
        }
        for key in due {
            let Some(job) = jobs.get_mut(key) else {
                continue;
            };
            let token = key.pack();
            let mut watch = |fd: BorrowedFd| epoll.add(fd, token, STREAM_EDGES);
            let result = match job.dial.drive(now, &mut watch) {
                Progress::Pending { wake } => {
                    timers.add(wake, key);
                    continue;
                }
                Progress::Connected { fd, .. } => {
                    epoll.remove(fd.as_fd());
                    Ok(fd)
                }
                Progress::Failed(errno) => Err(io::Error::from_raw_os_error(errno)),
            };
            if let Some(job) = jobs.remove(key) {
                (job.done)(result);
            }
        }
    }
}
