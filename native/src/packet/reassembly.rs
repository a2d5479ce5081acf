//! Puts fragmented packets together again (RFC 815 in spirit; RFC 8200, 4.5), bounded in number, size and time.

use super::ip::{self, Packet, Piece};
use super::{ipv4, ipv6};
use std::collections::HashMap;
use std::net::IpAddr;

/// How long an incomplete datagram is kept.
pub const TIMEOUT_MS: u64 = 30_000;
const MAX_DATAGRAMS: usize = 64;
const MAX_DATAGRAM: usize = 65_535;
const MAX_PIECES: usize = 128;

#[derive(Clone, Copy, PartialEq, Eq, Hash)]
struct Key {
    source: IpAddr,
    destination: IpAddr,
    protocol: u8,
    identification: u32,
}

struct Partial {
    started: u64,
    header: Vec<u8>,
    pieces: Vec<(usize, Vec<u8>)>,
    total: Option<usize>,
}

/// The incomplete datagrams.
#[derive(Default)]
pub struct Reassembly {
    partials: HashMap<Key, Partial>,
}

impl Reassembly {
    /// Takes one fragment, which is `piece` of its packet; gives the whole packet when it was the last missing one. A packet
    /// with overlapping pieces is forgotten (RFC 5722's rule, taken over for IPv4).
    pub fn add(&mut self, fragment: &Packet, piece: Piece, now: u64) -> Option<Vec<u8>> {
        self.expire(now);
        let key = Key {
            source: fragment.source(),
            destination: fragment.destination(),
            // The protocol tells IPv4 packets apart, but IPv6 ones may say another in later pieces.
            protocol: if fragment.source().is_ipv4() {
                fragment.protocol()
            } else {
                0
            },
            identification: piece.identification,
        };
        if !self.partials.contains_key(&key) && self.partials.len() >= MAX_DATAGRAMS {
            let oldest = self
                .partials
                .iter()
                .min_by_key(|(_, partial)| partial.started);
            if let Some(oldest) = oldest.map(|(key, _)| *key) {
                self.partials.remove(&oldest);
            }
        }
        let partial = self.partials.entry(key).or_insert_with(|| Partial {
            started: now,
            header: Vec::new(),
            pieces: Vec::new(),
            total: None,
        });
        if !partial.insert(fragment, piece) {
            self.partials.remove(&key);
            return None;
        }
        if !partial.is_complete() {
            return None;
        }
        self.partials.remove(&key).map(Partial::assemble)
    }

    /// Forgets what has waited too long.
    pub fn expire(&mut self, now: u64) {
        self.partials
            .retain(|_, partial| now.saturating_sub(partial.started) < TIMEOUT_MS);
    }

    /// Number of incomplete datagrams.
    #[cfg(test)]
    pub fn len(&self) -> usize {
        self.partials.len()
    }
}

impl Partial {
    /// False if the piece contradicts the others.
    fn insert(&mut self, fragment: &Packet, piece: Piece) -> bool {
        let start = piece.offset;
        let payload = fragment.payload();
        let end = start + payload.len();
        let aligned = !piece.more || payload.len().is_multiple_of(8);
        if !aligned || payload.is_empty() || end > MAX_DATAGRAM || self.pieces.len() >= MAX_PIECES {
            return false;
        }
        if !piece.more {
            if self.total.is_some_and(|total| total != end) {
                return false;
            }
            self.total = Some(end);
        }
        if self.total.is_some_and(|total| end > total) {
            return false;
        }
        if start == 0 {
            self.header = fragment.bytes()[..fragment.header_length()].to_vec();
        }
        let at = self.pieces.partition_point(|(offset, _)| *offset < start);
        let same = self
            .pieces
            .get(at)
            .is_some_and(|(offset, piece)| *offset == start && piece.as_slice() == payload);
        if same {
            return true;
        }
        let before = at.checked_sub(1).and_then(|index| self.pieces.get(index));
        let overlaps = before.is_some_and(|(offset, piece)| offset + piece.len() > start)
            || self.pieces.get(at).is_some_and(|(offset, _)| *offset < end);
        if overlaps {
            return false;
        }
        self.pieces.insert(at, (start, payload.to_vec()));
        true
    }

    fn is_complete(&self) -> bool {
        let Some(total) = self.total else {
            return false;
        };
        let filled: usize = self.pieces.iter().map(|(_, piece)| piece.len()).sum();
        // Pieces neither overlap nor reach past the end, so their sum tells.
        filled == total && self.header.len() + total <= MAX_DATAGRAM
    }

    fn assemble(self) -> Vec<u8> {
        let is_ipv4 = ip::version(&self.header) == 4;
        let mut packet = if is_ipv4 {
            self.header
        } else {
            ipv6::unfragmented_header(&self.header)
        };
        let header_length = packet.len();
        for (_, piece) in self.pieces {
            packet.extend_from_slice(&piece);
        }
        if is_ipv4 {
            ipv4::set_fragment(&mut packet, header_length, 0, false);
        } else {
            ipv6::set_length(&mut packet);
        }
        packet
    }
}
