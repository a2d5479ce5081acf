//! What an HTTP proxy answers to CONNECT (RFC 9110, 9.3.6), as a pure state machine. It says how many bytes belong to the answer:
//! what follows the head is the target's. Only the status counts; header fields are passed over.

use crate::event::Failure;

/// Bytes of all heads together, the interim ones included.
const MAX_HEAD: usize = 16 * 1024;
/// What is kept of a status line.
const MAX_STATUS_LINE: usize = 256;
/// What is told of the words behind a status.
const MAX_WORDS: usize = 80;

/// How an answer ends.
#[derive(Debug, PartialEq, Eq)]
pub enum Outcome {
    Connected,
    Refused(Failure, String),
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Part {
    StatusLine,
    /// Of an interim response, or of the final one.
    Fields {
        is_final: bool,
    },
}

/// One answer, as far as it has come.
pub struct Answer {
    part: Part,
    /// The line under way, its beginning only.
    line: Vec<u8>,
    line_length: usize,
    taken: usize,
}

impl Answer {
    pub fn new() -> Self {
        Self {
            part: Part::StatusLine,
            line: Vec::new(),
            line_length: 0,
            taken: 0,
        }
    }

    /// Takes what has come: how many of the bytes belong to the answer, and its outcome once it is known.
    pub fn take(&mut self, bytes: &[u8]) -> (usize, Option<Outcome>) {
        for (index, byte) in bytes.iter().enumerate() {
            if let Some(outcome) = self.step(*byte) {
                return (index + 1, Some(outcome));
            }
        }
        (bytes.len(), None)
    }

    /// What it means that the proxy ends the connection now.
    pub fn ended(&self) -> Outcome {
        if self.part == Part::StatusLine
            && let Some((status, words)) = parse_status_line(&self.line)
            && !matches!(status, 100..300)
        {
            return refused(status, words);
        }
        let text = "the proxy closed the connection during the handshake";
        Outcome::Refused(Failure::ProxyFailed, text.to_owned())
    }

    fn step(&mut self, byte: u8) -> Option<Outcome> {
        self.taken += 1;
        if byte == b'\n' {
            let outcome = self.end_line();
            self.line.clear();
            self.line_length = 0;
            return outcome.or_else(|| self.too_long());
        }
        self.line_length += 1;
        if self.line.len() < MAX_STATUS_LINE {
            self.line.push(byte);
        }
        if self.part == Part::StatusLine && !may_begin_status(&self.line) {
            return Some(not_http("the answer is not HTTP"));
        }
        self.too_long()
    }

    fn too_long(&self) -> Option<Outcome> {
        (self.taken >= MAX_HEAD).then(|| not_http("the head of the answer is too long"))
    }

    fn end_line(&mut self) -> Option<Outcome> {
        let is_empty = self.line_length == 0 || (self.line_length == 1 && self.line == b"\r");
        match self.part {
            // Left over from whatever was before (RFC 9112, 2.2).
            Part::StatusLine if is_empty => None,
            Part::StatusLine => {
                let Some((status, words)) = parse_status_line(&self.line) else {
                    return Some(not_http("the status line cannot be read"));
                };
                let is_final = match status {
                    // Interim (RFC 9110, 15.2); another protocol is nothing that was asked for.
                    100 | 102..200 => false,
                    200..300 => true,
                    _ => return Some(refused(status, words)),
                };
                self.part = Part::Fields { is_final };
                None
            }
            Part::Fields { is_final: true } if is_empty => Some(Outcome::Connected),
            Part::Fields { is_final: false } if is_empty => {
                self.part = Part::StatusLine;
                None
            }
            Part::Fields { .. } => None,
        }
    }
}

/// Whether these bytes can be the beginning of a status line, or of an empty line before it.
fn may_begin_status(line: &[u8]) -> bool {
    let known = b"HTTP/";
    let length = line.len().min(known.len());
    line == b"\r" || line[..length] == known[..length]
}

/// `HTTP/1.1 407 Whatever`: the status, and the words.
fn parse_status_line(line: &[u8]) -> Option<(u16, &[u8])> {
    let rest = line.strip_prefix(b"HTTP/")?;
    let space = rest.iter().position(|byte| *byte == b' ')?;
    let (version, rest) = rest.split_at(space);
    if version.is_empty()
        || !version
            .iter()
            .all(|byte| byte.is_ascii_digit() || *byte == b'.')
    {
        return None;
    }
    let rest = rest.trim_ascii_start();
    let (digits, words) = rest.split_at_checked(3)?;
    if !digits.iter().all(u8::is_ascii_digit) || words.first().is_some_and(u8::is_ascii_digit) {
        return None;
    }
    let status = digits
        .iter()
        .fold(0, |status, digit| status * 10 + u16::from(digit - b'0'));
    (status >= 100).then_some((status, words.trim_ascii()))
}

fn not_http(text: &str) -> Outcome {
    Outcome::Refused(Failure::ProxyFailed, text.to_owned())
}

/// The same in `core/net/http-connect-client.ts`; both are held to `http_connect/answers.txt`.
fn refused(status: u16, words: &[u8]) -> Outcome {
    let failure = match status {
        401 | 407 => Failure::ProxyAuth,
        403 | 405 | 451 => Failure::ProxyDenied,
        // Privoxy says 404 of a name that does not exist, tinyproxy 500 and squid 503 of whatever cannot be reached.
        404 | 500 | 502 | 503 => Failure::HostUnreachable,
        408 | 504 => Failure::Timeout,
        _ => Failure::ProxyFailed,
    };
    let words: String = words
        .iter()
        .filter(|byte| matches!(byte, 0x20..0x7f))
        .take(MAX_WORDS)
        .map(|byte| char::from(*byte))
        .collect();
    let text = format!("the proxy answered {status} {words}");
    Outcome::Refused(failure, text.trim_end().to_owned())
}

#[cfg(test)]
mod tests;
