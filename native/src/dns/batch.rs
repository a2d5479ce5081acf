//! Many DNS messages back to back in one buffer, on their way to JavaScript and back: the layout is in index.d.ts.

use std::net::{IpAddr, SocketAddr};

/// Bytes in front of each question of a batch.
const QUESTION_HEAD: usize = 48;
/// Bytes in front of each answer of a batch: token and length.
const ANSWER_HEAD: usize = 12;
/// Bytes after which a batch is full.
const FULL: usize = 256 * 1024;

/// Questions in the order of their tokens, which follow each other.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Questions {
    pub first_token: u64,
    pub count: u32,
    pub bytes: Vec<u8>,
}

impl Questions {
    /// Whether a question with this token may be added.
    pub fn takes(&self, token: u64) -> bool {
        self.first_token + u64::from(self.count) == token && self.bytes.len() < FULL
    }

    /// Adds a question that came by this IP protocol; the first one begins the batch.
    pub fn push(
        &mut self,
        token: u64,
        protocol: u8,
        source: SocketAddr,
        destination: SocketAddr,
        message: &[u8],
    ) {
        if self.count == 0 {
            self.first_token = token;
        }
        self.count += 1;
        let mut head = [0; QUESTION_HEAD];
        head[..4].copy_from_slice(&(message.len() as u32).to_le_bytes());
        head[4] = protocol;
        head[5] = if source.is_ipv4() { 4 } else { 6 };
        head[6..8].copy_from_slice(&source.port().to_le_bytes());
        head[8..10].copy_from_slice(&destination.port().to_le_bytes());
        put_address(&mut head[16..32], source.ip());
        put_address(&mut head[32..48], destination.ip());
        self.bytes.extend_from_slice(&head);
        self.bytes.extend_from_slice(message);
    }

    /// Adds another batch, whose first token `takes` allows.
    pub fn append(&mut self, other: &Questions) {
        self.count += other.count;
        self.bytes.extend_from_slice(&other.bytes);
    }
}

fn put_address(field: &mut [u8], address: IpAddr) {
    match address {
        IpAddr::V4(ip) => field[..4].copy_from_slice(&ip.octets()),
        IpAddr::V6(ip) => field.copy_from_slice(&ip.octets()),
    }
}

/// Walks over a batch of answers: token and message of each. `Err` at the first one that is not whole, and nothing after it.
pub struct Answers<'a>(pub &'a [u8]);

impl<'a> Iterator for Answers<'a> {
    type Item = Result<(u64, &'a [u8]), ()>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.0.is_empty() {
            return None;
        }
        let bytes = std::mem::take(&mut self.0);
        let Some((head, rest)) = bytes.split_at_checked(ANSWER_HEAD) else {
            return Some(Err(()));
        };
        let (token, length) = head.split_at(8);
        let token = f64::from_le_bytes(token.try_into().unwrap_or_default());
        let length = u32::from_le_bytes(length.try_into().unwrap_or_default()) as usize;
        let is_whole = token >= 0.0 && token.fract() == 0.0 && token <= MAX_SAFE_INTEGER;
        match rest.split_at_checked(length) {
            Some((message, rest)) if is_whole => {
                self.0 = rest;
                Some(Ok((token as u64, message)))
            }
            _ => Some(Err(())),
        }
    }
}

/// The largest integer that is exact in JavaScript.
const MAX_SAFE_INTEGER: f64 = 9_007_199_254_740_991.0;

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn batch(answers: &[(u64, Vec<u8>)]) -> Vec<u8> {
        let mut bytes = Vec::new();
        for (token, message) in answers {
            bytes.extend_from_slice(&(*token as f64).to_le_bytes());
            bytes.extend_from_slice(&(message.len() as u32).to_le_bytes());
            bytes.extend_from_slice(message);
        }
        bytes
    }

    proptest! {
        #[test]
        fn answers_are_read_as_they_were_written(
            answers in prop::collection::vec((0u64..1 << 53, prop::collection::vec(any::<u8>(), 0..40)), 0..8),
        ) {
            let bytes = batch(&answers);
            let read: Vec<_> = Answers(&bytes).map(|answer| answer.unwrap()).map(|(token, message)| (token, message.to_vec())).collect();
            prop_assert_eq!(read, answers);
        }

        #[test]
        fn any_bytes_end(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let mut answers = Answers(&bytes);
            let broken = answers.by_ref().position(|answer| answer.is_err());
            prop_assert!(broken.is_none() || answers.next().is_none());
        }
    }

    #[test]
    fn questions_lie_as_the_contract_says() {
        let mut questions = Questions::default();
        let source = "198.18.0.1:40000".parse().unwrap();
        let destination = "9.9.9.9:53".parse().unwrap();
        questions.push(7, 6, source, destination, &[1, 2, 3]);
        assert!(questions.takes(8) && !questions.takes(9));
        let mut more = Questions::default();
        more.push(8, 17, source, destination, &[4]);
        questions.append(&more);
        assert_eq!((questions.first_token, questions.count), (7, 2));
        let bytes = &questions.bytes;
        assert_eq!(bytes.len(), 48 + 3 + 48 + 1);
        assert_eq!(bytes[..10], [3, 0, 0, 0, 6, 4, 0x40, 0x9c, 53, 0]);
        assert_eq!(bytes[16..20], [198, 18, 0, 1]);
        assert_eq!(bytes[32..36], [9, 9, 9, 9]);
        assert_eq!(bytes[48..51], [1, 2, 3]);
        assert_eq!((bytes[51 + 4], bytes[51 + 48]), (17, 4));

        let mut by_ipv6 = Questions::default();
        let source = "[fd00::1]:40000".parse().unwrap();
        by_ipv6.push(9, 17, source, "[fd00::2]:53".parse().unwrap(), &[5]);
        assert_eq!(by_ipv6.bytes[5], 6);
        assert_eq!((by_ipv6.bytes[16], by_ipv6.bytes[31]), (0xfd, 1));
        assert_eq!((by_ipv6.bytes[32], by_ipv6.bytes[47]), (0xfd, 2));
    }
}
