//! Layers of tests, and how a stack passes bytes through several of them.

use super::*;
use proptest::prelude::*;

/// Frames bytes: a length of one byte, then so many bytes, each changed by a key; length 0 is the end. It speaks first: a hello of
/// three bytes, which it must hear from the other side as well. `255` as first byte of a frame's content is a fault.
pub struct Framed {
    key: u8,
    hello: usize,
    rest: Vec<u8>,
    ended: bool,
}

impl Framed {
    pub fn new(key: u8) -> Self {
        Self {
            key,
            hello: 0,
            rest: Vec::new(),
            ended: false,
        }
    }
}

impl Layer for Framed {
    fn begin(&mut self, wire: &mut Vec<u8>) -> Result<(), Broken> {
        wire.extend_from_slice(b"hey");
        Ok(())
    }

    fn receive(
        &mut self,
        bytes: &mut [u8],
        plain: &mut Vec<u8>,
        wire: &mut Vec<u8>,
    ) -> Result<(), Broken> {
        self.rest.extend_from_slice(bytes);
        loop {
            if self.hello < 3 {
                if self.rest.is_empty() {
                    return Ok(());
                }
                self.rest.remove(0);
                self.hello += 1;
                continue;
            }
            let Some(length) = self.rest.first().map(|length| usize::from(*length)) else {
                return Ok(());
            };
            if length == 0 {
                self.ended = true;
                return Ok(());
            }
            if self.rest.len() <= length {
                return Ok(());
            }
            let frame: Vec<u8> = self.rest.drain(..=length).skip(1).collect();
            assert_ne!(frame[0] ^ self.key, 255, "a fault");
            if frame[0] ^ self.key == 254 {
                // A word of the other side that is answered.
                self.send(&[7], wire)?;
                continue;
            }
            plain.extend(frame.iter().map(|byte| byte ^ self.key));
        }
    }

    fn send(&mut self, plain: &[u8], wire: &mut Vec<u8>) -> Result<(), Broken> {
        for chunk in plain.chunks(200) {
            wire.push(chunk.len() as u8);
            wire.extend(chunk.iter().map(|byte| byte ^ self.key));
        }
        Ok(())
    }

    fn finish(&mut self, wire: &mut Vec<u8>) -> Result<Finish, Broken> {
        wire.push(0);
        Ok(Finish::Said)
    }

    fn is_open(&self) -> bool {
        self.hello == 3
    }

    fn has_ended(&self) -> bool {
        self.ended
    }
}

/// A stack of open layers with these keys, as whoever is called and as whoever calls.
pub fn stack_of(keys: &[u8]) -> Stack {
    let mut stack = Stack::default();
    for key in keys {
        let mut layer = Framed::new(*key);
        layer.hello = 3;
        stack.push(Box::new(layer), &mut Vec::new()).unwrap();
    }
    stack
}

proptest! {
    #[test]
    fn what_one_stack_says_another_understands_in_any_pieces(
        keys in prop::collection::vec(0u8..8, 0..4),
        said in prop::collection::vec(prop::collection::vec(8u8..200, 0..500), 0..6),
        sizes in prop::collection::vec(1usize..70, 1..20),
    ) {
        let (mut near, mut far) = (stack_of(&keys), stack_of(&keys));
        let mut wire = Vec::new();
        for bytes in &said {
            near.send(bytes, &mut wire).unwrap();
        }
        near.finish(&mut wire).unwrap();
        let (mut plain, mut answers) = (Vec::new(), Vec::new());
        let mut sizes = sizes.iter().cycle();
        let mut left = &wire[..];
        while !left.is_empty() {
            let (piece, rest) = left.split_at((*sizes.next().unwrap()).min(left.len()));
            far.receive(&mut piece.to_vec(), &mut plain, &mut answers).unwrap();
            left = rest;
        }
        prop_assert_eq!(plain, said.concat());
        prop_assert!(answers.is_empty());
        prop_assert_eq!(far.has_ended(), !keys.is_empty());
    }
}

#[test]
fn answers_of_an_inner_layer_go_through_the_outer_ones() {
    let (mut near, mut far) = (stack_of(&[1, 2]), stack_of(&[1, 2]));
    let (mut wire, mut plain, mut answers) = (Vec::new(), Vec::new(), Vec::new());
    near.send(&[254], &mut wire).unwrap();
    far.receive(&mut wire, &mut plain, &mut answers).unwrap();
    assert!(plain.is_empty());
    near.receive(&mut answers, &mut plain, &mut Vec::new())
        .unwrap();
    assert_eq!(plain, [7]);
}

#[test]
fn a_panic_in_a_layer_is_an_error_like_another() {
    let mut far = stack_of(&[1]);
    let mut bytes = [1, 255 ^ 1];
    let broken = far.receive(&mut bytes, &mut Vec::new(), &mut Vec::new());
    assert_eq!(broken.map_err(|broken| broken.failure), Err(Failure::Io));
}
