//! What stands around datagrams on their way to a node. Pure, as layers are.

use crate::command::Layer;
use crate::layer::Broken;
use crate::layer::outside::SYSTEM;
use crate::layer::shadowsocks::datagram::ShadowsocksDatagrams;
use crate::socks5::{Target, parse_address, parse_datagram};
use std::ops::Range;

/// One association with a node. Addresses are written as SOCKS5 writes them.
pub trait Datagrams: Send {
    /// Appends the wire form of a datagram. It is longer by the same for all datagrams to one address.
    fn seal(&mut self, address: &[u8], payload: &[u8], wire: &mut Vec<u8>) -> Result<(), Broken>;
    /// Who has sent what has come, and where its payload stands; `None` if it is to be dropped. The bytes may be overwritten.
    fn open(&mut self, bytes: &mut [u8]) -> Option<(Target, Range<usize>)>;
    /// Where something that was sealed was to go, of what an ICMP error quotes of it; `None` if that cannot be told.
    fn target_of(&self, quoted: &[u8]) -> Option<Target>;
}

/// For a node that takes datagrams at its own port; `None` for others.
pub fn datagrams_of(layer: &Layer) -> Option<Box<dyn Datagrams>> {
    match layer {
        Layer::Shadowsocks(shadowsocks) => Some(Box::new(ShadowsocksDatagrams::new(
            shadowsocks.node.clone(),
            SYSTEM,
        ))),
        Layer::Socks5(_)
        | Layer::HttpConnect(_)
        | Layer::Tls(_)
        | Layer::Trojan(_)
        | Layer::WebSocket(_) => None,
    }
}

/// Those of a SOCKS5 relay (RFC 1928, 7).
pub struct Socks5Datagrams;

impl Datagrams for Socks5Datagrams {
    fn seal(&mut self, address: &[u8], payload: &[u8], wire: &mut Vec<u8>) -> Result<(), Broken> {
        wire.extend_from_slice(&[0, 0, 0]);
        wire.extend_from_slice(address);
        wire.extend_from_slice(payload);
        Ok(())
    }

    fn open(&mut self, bytes: &mut [u8]) -> Option<(Target, Range<usize>)> {
        let (from, payload) = parse_datagram(bytes)?;
        let begin = bytes.len() - payload.len();
        Some((from, begin..bytes.len()))
    }

    fn target_of(&self, quoted: &[u8]) -> Option<Target> {
        parse_datagram(quoted).map(|(target, _)| target)
    }
}

/// Datagrams in a stream, as Trojan frames them: address, length, line end, payload.
#[derive(Default)]
pub struct Framing {
    /// Of a frame that has not come whole.
    rest: Vec<u8>,
}

const LINE_END: &[u8] = b"\r\n";
/// Address, length and line end.
const MAX_HEAD: usize = 1 + 1 + 255 + 2 + 2 + 2;

impl Framing {
    /// Appends the frame of a datagram, which has a length of 16 bits.
    pub fn wrap(address: &[u8], payload: &[u8], wire: &mut Vec<u8>) {
        wire.extend_from_slice(address);
        wire.extend_from_slice(&(payload.len() as u16).to_be_bytes());
        wire.extend_from_slice(LINE_END);
        wire.extend_from_slice(payload);
    }

    /// Takes bytes of the stream, and tells of each datagram in them. `Err` if they are no frames.
    pub fn take(
        &mut self,
        bytes: &[u8],
        told: &mut dyn FnMut(Target, &[u8]),
    ) -> Result<(), NotFramed> {
        let mut all = std::mem::take(&mut self.rest);
        all.extend_from_slice(bytes);
        let mut left = &all[..];
        while let Some((target, payload, used)) = frame(left)? {
            told(target, payload);
            left = &left[used..];
        }
        self.rest = left.to_vec();
        Ok(())
    }
}

/// What has come is no frame.
#[derive(Debug, PartialEq, Eq)]
pub struct NotFramed;

/// Sender, payload, and its own length.
type Frame<'a> = (Target, &'a [u8], usize);

/// The first frame; `None` if it is not whole.
fn frame(bytes: &[u8]) -> Result<Option<Frame<'_>>, NotFramed> {
    let Some((target, used)) = parse_address(bytes) else {
        let may_come = matches!(bytes.first(), None | Some(1 | 3 | 4)) && bytes.len() < MAX_HEAD;
        return if may_come { Ok(None) } else { Err(NotFramed) };
    };
    let Some(&[high, low, first, second]) = bytes.get(used..used + 4) else {
        return Ok(None);
    };
    if [first, second] != LINE_END {
        return Err(NotFramed);
    }
    let begin = used + 4;
    let end = begin + usize::from(u16::from_be_bytes([high, low]));
    Ok(bytes.get(begin..end).map(|payload| (target, payload, end)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::socks5::write_address;
    use proptest::prelude::*;

    fn target() -> impl Strategy<Value = Target> {
        prop_oneof![
            ("[a-z]{1,30}", any::<u16>()).prop_map(|(name, port)| Target::Name(name, port)),
            (any::<[u8; 4]>(), any::<u16>()).prop_map(|at| Target::Address(at.into())),
            (any::<[u8; 16]>(), any::<u16>()).prop_map(|at| Target::Address(at.into())),
        ]
    }

    proptest! {
        #[test]
        fn frames_are_understood_in_any_pieces(
            datagrams in prop::collection::vec((target(), prop::collection::vec(any::<u8>(), 0..300)), 0..10),
            sizes in prop::collection::vec(1usize..200, 1..10),
        ) {
            let mut wire = Vec::new();
            for (target, payload) in &datagrams {
                let mut address = Vec::new();
                write_address(&mut address, target);
                Framing::wrap(&address, payload, &mut wire);
            }
            let (mut framing, mut got) = (Framing::default(), Vec::new());
            let (mut sizes, mut left) = (sizes.iter().cycle(), &wire[..]);
            while !left.is_empty() {
                let (piece, rest) = left.split_at((*sizes.next().unwrap()).min(left.len()));
                framing.take(piece, &mut |target, payload| got.push((target, payload.to_vec()))).unwrap();
                left = rest;
            }
            prop_assert!(framing.rest.is_empty());
            prop_assert_eq!(got, datagrams);
        }

        #[test]
        fn whatever_comes_no_more_than_a_frame_is_kept(bytes in prop::collection::vec(any::<u8>(), 0..2_000)) {
            let mut framing = Framing::default();
            let mut told = 0;
            for piece in bytes.chunks(97) {
                if framing.take(piece, &mut |_, payload| told += payload.len()).is_err() {
                    break;
                }
                prop_assert!(framing.rest.len() <= MAX_HEAD + 65_535);
            }
            prop_assert!(told <= bytes.len());
        }
    }

    #[test]
    fn a_line_that_does_not_end_is_no_frame() {
        let mut framing = Framing::default();
        let web = framing.take(b"HTTP/1.1 400 Bad Request\r\n\r\n", &mut |_, _| {});
        assert_eq!(web, Err(NotFramed));
        let bad = Framing::default().take(b"\x01\x7f\0\0\x01\0\x35\0\x01xxa", &mut |_, _| {});
        assert_eq!(bad, Err(NotFramed));
    }
}
