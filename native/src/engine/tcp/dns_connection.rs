//! A program's TCP connection to port 53: several questions at once, answers in any order (RFC 7766).

use crate::dns::{self, Deframer, Judgement};
use crate::sys::{self, socket};
use std::os::fd::{AsFd, OwnedFd};

/// Idle time after which a connection without open questions is closed (RFC 7766, 6.2.3).
pub const IDLE_MS: u64 = 10_000;
/// Time for which answers are waited for.
pub const ANSWER_MS: u64 = 30_000;
/// Questions of one connection that may wait; it is not read from beyond.
const MAX_UNANSWERED: usize = 16;
/// Bytes of answers that may wait for a slow reader; beyond it no further question is read.
const MAX_OUTGOING: usize = 64 * 1024;

/// One connection.
pub struct DnsConnection {
    fd: OwnedFd,
    deframer: Deframer,
    outgoing: Vec<u8>,
    unanswered: usize,
    ended: bool,
    /// Its first bytes were seen to be a question.
    is_dns: bool,
}

/// What becomes of a connection that is no longer one for us: it is closed, properly or by reset, or it never was one.
#[derive(Debug, PartialEq, Eq)]
pub enum Close {
    Graceful,
    Reset,
    NotDns,
}

impl DnsConnection {
    /// `fd` is accepted and non-blocking. `is_ours`: whatever comes is for us, and needs no look at its first bytes.
    pub fn new(fd: OwnedFd, is_ours: bool) -> Self {
        Self {
            fd,
            deframer: Deframer::default(),
            outgoing: Vec::new(),
            unanswered: 0,
            ended: false,
            is_dns: is_ours,
        }
    }

    /// The socket of a connection that is not DNS: nothing was read from it.
    pub fn into_socket(self) -> OwnedFd {
        self.fd
    }

    /// Time it may stay as it is.
    pub fn patience_ms(&self) -> u64 {
        if self.unanswered > 0 {
            ANSWER_MS
        } else {
            IDLE_MS
        }
    }

    /// Reads and writes what is possible and gives new questions to `ask`.
    pub fn advance(
        &mut self,
        buffer: &mut [u8],
        ask: &mut dyn FnMut(Vec<u8>),
    ) -> Result<(), Close> {
        self.write()?;
        if !self.is_dns && !self.look(buffer)? {
            return Ok(());
        }
        loop {
            while self.takes_questions() {
                match self.deframer.next_message() {
                    Ok(Some(message)) => {
                        self.unanswered += 1;
                        ask(message);
                    }
                    Ok(None) => break,
                    Err(()) if self.is_idle() => return Err(Close::Reset),
                    // What was asked before is answered yet; what comes after cannot be told apart.
                    Err(()) => {
                        self.ended = true;
                        self.deframer = Deframer::default();
                    }
                }
            }
            if self.ended || !self.takes_questions() {
                break;
            }
            match socket::receive(self.fd.as_fd(), buffer, 0) {
                Ok(0) => self.ended = true,
                Ok(count) => self.deframer.push(&buffer[..count]),
                Err(error) if sys::would_block(&error) => break,
                Err(_) => return Err(Close::Reset),
            }
        }
        self.check()
    }

    /// Looks at the first bytes without taking them. False while they are too few.
    fn look(&mut self, buffer: &mut [u8]) -> Result<bool, Close> {
        match socket::receive(self.fd.as_fd(), buffer, libc::MSG_PEEK) {
            Ok(0) => return Err(Close::Graceful),
            Ok(count) => match dns::judge_stream(&buffer[..count]) {
                Judgement::Question => self.is_dns = true,
                Judgement::Other => return Err(Close::NotDns),
                Judgement::Unclear => {}
            },
            Err(error) if sys::would_block(&error) => {}
            Err(_) => return Err(Close::Reset),
        }
        Ok(self.is_dns)
    }

    /// Sends the answer to one of its questions; an empty one only says that there will be none.
    pub fn answer(&mut self, message: &[u8]) -> Result<(), Close> {
        self.unanswered = self.unanswered.saturating_sub(1);
        if let Some(framed) = dns::frame(message).filter(|_| !message.is_empty()) {
            self.outgoing.extend_from_slice(&framed);
        }
        self.write()?;
        self.check()
    }

    /// Bytes of answers that wait to be read.
    pub fn backlog(&self) -> usize {
        self.outgoing.len()
    }

    /// Whether no answer is owed.
    pub fn is_idle(&self) -> bool {
        self.unanswered == 0 && self.outgoing.is_empty()
    }

    fn takes_questions(&self) -> bool {
        self.unanswered < MAX_UNANSWERED && self.outgoing.len() < MAX_OUTGOING
    }

    /// Makes the closing of the socket send RST.
    pub fn reset(&self) {
        socket::reset_on_close(self.fd.as_fd());
    }

    fn write(&mut self) -> Result<(), Close> {
        while !self.outgoing.is_empty() {
            match socket::send(self.fd.as_fd(), &self.outgoing) {
                Ok(count) => drop(self.outgoing.drain(..count)),
                Err(error) if sys::would_block(&error) => break,
                Err(_) => return Err(Close::Reset),
            }
        }
        Ok(())
    }

    /// Whether there is anything left to do on this connection.
    fn check(&self) -> Result<(), Close> {
        if self.ended && self.is_idle() {
            return Err(Close::Graceful);
        }
        Ok(())
    }
}
