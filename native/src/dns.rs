//! DNS messages over TCP: a two-byte length in front of each (RFC 1035, 4.2.2; RFC 7766).

/// Smallest DNS message: its header.
pub const MIN_MESSAGE: usize = 12;
const LENGTH: usize = 2;

/// Collects the bytes of a connection and cuts them into messages.
#[derive(Default)]
pub struct Deframer {
    bytes: Vec<u8>,
}

impl Deframer {
    /// Adds bytes as they came.
    pub fn push(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    /// The next whole message. `Err` if the peer announces one that cannot be DNS.
    pub fn next_message(&mut self) -> Result<Option<Vec<u8>>, ()> {
        let Some(head) = self.bytes.get(..LENGTH) else {
            return Ok(None);
        };
        let length = usize::from(u16::from_be_bytes([head[0], head[1]]));
        if length < MIN_MESSAGE {
            return Err(());
        }
        let Some(message) = self.bytes.get(LENGTH..LENGTH + length) else {
            return Ok(None);
        };
        let message = message.to_vec();
        self.bytes.drain(..LENGTH + length);
        Ok(Some(message))
    }
}

/// A message with its length in front; `None` if it is longer than the length can say.
pub fn frame(message: &[u8]) -> Option<Vec<u8>> {
    let length = u16::try_from(message.len()).ok()?;
    let mut framed = Vec::with_capacity(LENGTH + message.len());
    framed.extend_from_slice(&length.to_be_bytes());
    framed.extend_from_slice(message);
    Some(framed)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn any_cut_gives_the_same_messages(
            messages in prop::collection::vec(prop::collection::vec(any::<u8>(), 12..80), 0..6),
            step in 1usize..50,
        ) {
            let stream: Vec<u8> = messages.iter().flat_map(|m| frame(m).unwrap()).collect();
            let mut deframer = Deframer::default();
            let mut seen = Vec::new();
            for chunk in stream.chunks(step) {
                deframer.push(chunk);
                while let Some(message) = deframer.next_message().unwrap() {
                    seen.push(message);
                }
            }
            prop_assert_eq!(seen, messages);
            prop_assert!(deframer.bytes.is_empty());
        }

        #[test]
        fn any_bytes_are_survived(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            let mut deframer = Deframer::default();
            deframer.push(&bytes);
            while let Ok(Some(message)) = deframer.next_message() {
                prop_assert!(message.len() >= MIN_MESSAGE);
            }
        }
    }

    #[test]
    fn what_is_too_short_or_too_long_is_refused() {
        let mut deframer = Deframer::default();
        deframer.push(&[0, 11, 1, 2]);
        assert_eq!(deframer.next_message(), Err(()));
        assert_eq!(frame(&vec![0; 65_536]), None);
    }
}
