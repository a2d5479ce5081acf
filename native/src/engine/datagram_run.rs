//! Datagrams of one size, one behind the other, that go the same way: the kernel takes them as one (UDP_SEGMENT, and USO through
//! the device), and walks its rules and tables once.

/// Most datagrams of a run: more save little, and what has no room is lost as a whole.
const MAX_COUNT: usize = 32;
/// The largest that are joined: what fits Ethernet. Larger ones are cut by the kernel, which it does not do with runs.
const MAX_SIZE: usize = 1_472;

/// A run that is being gathered for `W`, which way it goes.
pub struct DatagramRun<W> {
    way: Option<W>,
    bytes: Vec<u8>,
    /// Bytes of each datagram but the last, which may be shorter.
    size: usize,
    count: usize,
    is_over: bool,
}

impl<W> Default for DatagramRun<W> {
    fn default() -> Self {
        Self {
            way: None,
            bytes: Vec::new(),
            size: 0,
            count: 0,
            is_over: false,
        }
    }
}

impl<W: Copy + PartialEq> DatagramRun<W> {
    /// Where it goes; `None` if nothing is gathered.
    pub fn way(&self) -> Option<W> {
        self.way
    }

    /// Whether a datagram of so many bytes may be gathered at all.
    pub fn is_for(length: usize) -> bool {
        (1..=MAX_SIZE).contains(&length)
    }

    /// Takes another datagram if it fits behind those that are there; false if the run has to be sent before.
    pub fn push(&mut self, way: W, payload: &[u8]) -> bool {
        match self.way {
            None => {
                self.way = Some(way);
                self.size = payload.len();
            }
            Some(own) if own != way || self.is_over || payload.len() > self.size => return false,
            Some(_) => {}
        }
        self.bytes.extend_from_slice(payload);
        self.count += 1;
        self.is_over = payload.len() < self.size || self.count == MAX_COUNT;
        true
    }

    /// All bytes, and those of each datagram if there are several.
    pub fn datagrams(&self) -> (&[u8], Option<usize>) {
        (&self.bytes, (self.count > 1).then_some(self.size))
    }

    /// Makes it empty; its memory is kept.
    pub fn clear(&mut self) {
        self.way = None;
        self.bytes.clear();
        self.count = 0;
        self.is_over = false;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::udp::pieces;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn every_datagram_comes_out_as_it_went_in_and_in_order(
            datagrams in prop::collection::vec((0u8..3, prop::sample::select(vec![1usize, 7, 100, 1_200, MAX_SIZE])), 0..200)
        ) {
            let mut run = DatagramRun::default();
            let mut sent: Vec<(u8, Vec<u8>)> = Vec::new();
            let flush = |run: &mut DatagramRun<u8>, sent: &mut Vec<(u8, Vec<u8>)>| {
                if let Some(way) = run.way() {
                    let (bytes, segment) = run.datagrams();
                    assert!(bytes.len() <= MAX_COUNT * MAX_SIZE);
                    sent.extend(pieces(bytes, segment).map(|piece| (way, piece.to_vec())));
                    run.clear();
                }
            };
            let given: Vec<(u8, Vec<u8>)> = datagrams
                .into_iter()
                .enumerate()
                .map(|(number, (way, length))| (way, vec![number as u8; length]))
                .collect();
            for (way, payload) in &given {
                assert!(DatagramRun::<u8>::is_for(payload.len()));
                if !run.push(*way, payload) {
                    flush(&mut run, &mut sent);
                    assert!(run.push(*way, payload));
                }
            }
            flush(&mut run, &mut sent);
            prop_assert_eq!(sent, given);
        }
    }

    #[test]
    fn equal_ones_are_joined_and_a_shorter_one_is_the_last() {
        let mut run = DatagramRun::default();
        assert!(run.push('a', &[1; 9]) && run.push('a', &[2; 9]));
        assert!(!run.push('b', &[3; 9]) && !run.push('a', &[3; 10]));
        assert!(run.push('a', &[3; 8]) && !run.push('a', &[4; 8]));
        assert_eq!(run.datagrams().1, Some(9));
        run.clear();
        assert!(run.push('b', &[3; 9]));
        assert_eq!(run.datagrams(), (&[3; 9][..], None));
        assert!(!DatagramRun::<char>::is_for(0) && !DatagramRun::<char>::is_for(MAX_SIZE + 1));
    }
}
