//! Puts fragmented packets together again (RFC 791, 3.2; RFC 8200, 4.5), bounded in number, size and time, for each source and
//! in total. Fragments that overlap end their packet (RFC 5722, applied to IPv4 as well); a fragment must be plausible by itself.

use super::ip::{self, Packet, Piece};
use super::{ipv4, ipv6, tcp, udp};
use std::collections::HashMap;
use std::net::IpAddr;

/// How long an incomplete packet is kept: RFC 8200 says 60 s for IPv6; Linux waits for 30 s with IPv4.
pub const TIMEOUT_MS: u64 = 30_000;
/// Incomplete packets of one source, and in total; the oldest give way.
pub const MAX_OF_SOURCE: usize = 32;
pub const MAX_PACKETS: usize = 64;
/// Bytes that they hold, with their overhead.
pub const MAX_BYTES_OF_SOURCE: usize = 1 << 20;
pub const MAX_BYTES: usize = 4 << 20;
/// Fragments of one packet: 65,535 bytes over the smallest MTU of IPv4 that anybody uses (576) are 119.
const MAX_PIECES: usize = 128;
/// Bytes of a whole packet: the length of an IPv6 packet does not count its header.
const fn max_packet(is_ipv4: bool) -> usize {
    if is_ipv4 {
        65_535
    } else {
        ipv6::HEADER + 65_535
    }
}
/// What a fragment costs beside its payload.
const PIECE_OVERHEAD: usize = 64;

#[derive(Clone, Copy, PartialEq, Eq, Hash)]
struct Key {
    source: IpAddr,
    destination: IpAddr,
    protocol: u8,
    identification: u32,
}

struct Partial {
    started: u64,
    /// Of the first fragment; empty until it comes.
    header: Vec<u8>,
    /// By offset, without overlaps, none behind `total`.
    pieces: Vec<(usize, Vec<u8>)>,
    /// Bytes of the whole payload; known since the last fragment came.
    total: Option<usize>,
    bytes: usize,
}

/// What became of a fragment.
#[derive(Debug, PartialEq, Eq)]
pub enum Added {
    /// It waits for others.
    Waiting,
    /// It was the last missing one; the whole packet, which has no fragment header of its own.
    Whole(Vec<u8>),
    /// It contradicts itself or others; nothing of its packet is kept.
    Refused,
}

/// The incomplete packets.
#[derive(Default)]
pub struct Reassembly {
    partials: HashMap<Key, Partial>,
}

impl Reassembly {
    /// Takes one fragment, which is `piece` of its packet.
    pub fn add(&mut self, fragment: &Packet, piece: Piece, now: u64) -> Added {
        self.expire(now);
        let is_ipv4 = fragment.source().is_ipv4();
        let key = Key {
            source: fragment.source(),
            destination: fragment.destination(),
            // The protocol tells IPv4 packets apart, but IPv6 ones may say another in later fragments.
            protocol: if is_ipv4 { fragment.protocol() } else { 0 },
            identification: piece.identification,
        };
        if !is_plausible(fragment, piece) {
            self.partials.remove(&key);
            return Added::Refused;
        }
        if !is_ipv4 && piece.offset == 0 && !piece.more {
            // An atomic fragment has nothing to do with others of the same identification (RFC 6946).
            let mut alone = Partial::new(now);
            alone.insert(fragment, piece);
            return alone.assemble();
        }
        self.make_room(key, fragment.payload().len() + PIECE_OVERHEAD);
        let partial = self
            .partials
            .entry(key)
            .or_insert_with(|| Partial::new(now));
        if !partial.insert(fragment, piece) {
            self.partials.remove(&key);
            return Added::Refused;
        }
        if !partial.is_complete() {
            return Added::Waiting;
        }
        self.partials
            .remove(&key)
            .map_or(Added::Refused, Partial::assemble)
    }

    /// Forgets what has waited too long.
    pub fn expire(&mut self, now: u64) {
        self.partials
            .retain(|_, partial| now.saturating_sub(partial.started) < TIMEOUT_MS);
    }

    /// Whether there is anything that `expire` may have to forget.
    pub fn is_empty(&self) -> bool {
        self.partials.is_empty()
    }

    /// Number of incomplete packets and the bytes they hold.
    #[cfg(test)]
    pub fn size(&self) -> (usize, usize) {
        let bytes = self.partials.values().map(|partial| partial.bytes).sum();
        (self.partials.len(), bytes)
    }

    /// Forgets the oldest packets, first of this source and then of any, until a fragment of `bytes` fits.
    fn make_room(&mut self, key: Key, bytes: usize) {
        let is_new = usize::from(!self.partials.contains_key(&key));
        for (source, most, most_bytes) in [
            (Some(key.source), MAX_OF_SOURCE, MAX_BYTES_OF_SOURCE),
            (None, MAX_PACKETS, MAX_BYTES),
        ] {
            loop {
                let (mut count, mut held, mut oldest) = (is_new, bytes, None);
                for (other, partial) in &self.partials {
                    if source.is_some_and(|source| source != other.source) {
                        continue;
                    }
                    count += 1;
                    held += partial.bytes;
                    let candidate = (partial.started, *other);
                    if *other != key && oldest.is_none_or(|(at, _)| candidate.0 < at) {
                        oldest = Some(candidate);
                    }
                }
                match oldest {
                    Some((_, oldest)) if count > most || held > most_bytes => {
                        self.partials.remove(&oldest);
                    }
                    _ => break,
                }
            }
        }
    }
}

/// Whether a fragment can be part of a packet at all. The first one must hold the whole transport header (RFC 7112; RFC 1858
/// for IPv4), so that nothing can be decided about a packet before that is seen.
fn is_plausible(fragment: &Packet, piece: Piece) -> bool {
    let length = fragment.payload().len();
    let least = match fragment.protocol() {
        _ if piece.offset > 0 => 1,
        ip::TCP => tcp::HEADER,
        ip::UDP => udp::HEADER,
        _ => 1,
    };
    let is_aligned = !piece.more || length.is_multiple_of(8);
    let is_ipv4 = fragment.source().is_ipv4();
    // Without its fragment header, which goes.
    let header = fragment.header_length() - if is_ipv4 { 0 } else { ipv6::FRAGMENT_HEADER };
    is_aligned && length >= least && header + piece.offset + length <= max_packet(is_ipv4)
}

impl Partial {
    fn new(now: u64) -> Self {
        Self {
            started: now,
            header: Vec::new(),
            pieces: Vec::new(),
            total: None,
            bytes: 0,
        }
    }

    /// False if the fragment contradicts the others.
    fn insert(&mut self, fragment: &Packet, piece: Piece) -> bool {
        let payload = fragment.payload();
        let (start, end) = (piece.offset, piece.offset + payload.len());
        if !piece.more {
            let furthest = self.pieces.last().map_or(0, |(at, piece)| at + piece.len());
            if self.total.is_some_and(|total| total != end) || furthest > end {
                return false;
            }
            self.total = Some(end);
        }
        if self.total.is_some_and(|total| end > total) {
            return false;
        }
        let at = self.pieces.partition_point(|(offset, _)| *offset < start);
        let is_repeated = self
            .pieces
            .get(at)
            .is_some_and(|(offset, piece)| *offset == start && piece.as_slice() == payload);
        if is_repeated {
            return true;
        }
        let before = at.checked_sub(1).and_then(|index| self.pieces.get(index));
        let overlaps = before.is_some_and(|(offset, piece)| offset + piece.len() > start)
            || self.pieces.get(at).is_some_and(|(offset, _)| *offset < end);
        if overlaps || self.pieces.len() >= MAX_PIECES {
            return false;
        }
        if start == 0 {
            self.header = fragment.bytes()[..fragment.header_length()].to_vec();
        }
        self.bytes += payload.len() + PIECE_OVERHEAD;
        self.pieces.insert(at, (start, payload.to_vec()));
        true
    }

    /// Fragments neither overlap nor reach behind the end, so that their sum tells.
    fn is_complete(&self) -> bool {
        let filled = self.pieces.iter().map(|(_, piece)| piece.len()).sum();
        self.total == Some(filled)
    }

    fn assemble(self) -> Added {
        let is_ipv4 = ip::version(&self.header) == 4;
        let header = if is_ipv4 {
            Some(self.header)
        } else {
            ipv6::unfragmented_header(&self.header)
        };
        let total = self.total.unwrap_or_default();
        let Some(mut packet) = header.filter(|header| header.len() + total <= max_packet(is_ipv4))
        else {
            return Added::Refused;
        };
        let header_length = packet.len();
        packet.reserve_exact(total);
        for (_, piece) in self.pieces {
            packet.extend_from_slice(&piece);
        }
        if is_ipv4 {
            ipv4::set_fragment(&mut packet, header_length, 0, false);
        } else {
            ipv6::set_length(&mut packet);
        }
        Added::Whole(packet)
    }
}

#[cfg(test)]
mod tests;
