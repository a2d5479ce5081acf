//! The virtio-net header in front of every packet of the TUN device (virtio 1.0, struct virtio_net_hdr).

/// Bytes of the header.
pub const LENGTH: usize = 10;

const NEEDS_CHECKSUM: u8 = 1;
const DATA_VALID: u8 = 2;
const GSO_UDP_L4: u8 = 5;
const GSO_ECN: u8 = 0x80;
/// Where the checksum is in a UDP header.
const UDP_CHECKSUM: u16 = 6;

/// What the sender's kernel left to be done: a checksum to complete, a super-packet to cut.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct VnetHeader {
    flags: u8,
    gso_type: u8,
    header_length: u16,
    gso_size: u16,
    checksum_start: u16,
    checksum_offset: u16,
}

impl VnetHeader {
    /// For a packet whose datagram the kernel completes, or cuts into datagrams of `segment` bytes each.
    pub fn udp(ip_header: usize, udp_header: usize, segment: Option<usize>) -> Self {
        Self {
            flags: NEEDS_CHECKSUM,
            gso_type: segment.map_or(0, |_| GSO_UDP_L4),
            header_length: (ip_header + udp_header) as u16,
            gso_size: segment.unwrap_or(0) as u16,
            checksum_start: ip_header as u16,
            checksum_offset: UDP_CHECKSUM,
        }
    }

    /// Reads the header from the beginning of a frame; `None` if the frame is shorter.
    pub fn parse(frame: &[u8]) -> Option<Self> {
        let bytes: &[u8; LENGTH] = frame.get(..LENGTH)?.try_into().ok()?;
        let word = |at: usize| u16::from_le_bytes([bytes[at], bytes[at + 1]]);
        Some(Self {
            flags: bytes[0],
            gso_type: bytes[1],
            header_length: word(2),
            gso_size: word(4),
            checksum_start: word(6),
            checksum_offset: word(8),
        })
    }

    /// The header's bytes.
    pub fn encode(&self) -> [u8; LENGTH] {
        let mut bytes = [self.flags, self.gso_type, 0, 0, 0, 0, 0, 0, 0, 0];
        bytes[2..4].copy_from_slice(&self.header_length.to_le_bytes());
        bytes[4..6].copy_from_slice(&self.gso_size.to_le_bytes());
        bytes[6..8].copy_from_slice(&self.checksum_start.to_le_bytes());
        bytes[8..10].copy_from_slice(&self.checksum_offset.to_le_bytes());
        bytes
    }

    /// Whether the transport checksum field holds only the pseudo header's folded sum.
    pub fn needs_checksum(&self) -> bool {
        self.flags & NEEDS_CHECKSUM != 0
    }

    /// Whether the kernel vouches for the checksum: it is partial, or was verified before.
    pub fn is_trusted(&self) -> bool {
        self.flags & (NEEDS_CHECKSUM | DATA_VALID) != 0
    }

    /// Payload bytes of each segment of a super-packet; `None` for an ordinary packet.
    pub fn segment_size(&self) -> Option<usize> {
        (self.gso_type & !GSO_ECN != 0 && self.gso_size > 0).then_some(self.gso_size.into())
    }

    /// The same packet as one large packet that is not to be cut.
    pub fn without_segmentation(&self) -> Self {
        Self {
            gso_type: 0,
            gso_size: 0,
            header_length: 0,
            ..*self
        }
    }

    /// Sets the length of all headers, which some kernels report wrongly for forwarded packets.
    pub fn set_header_length(&mut self, length: usize) {
        if self.gso_type != 0 {
            self.header_length = length as u16;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn round_trip(bytes in proptest::array::uniform10(any::<u8>())) {
            let header = VnetHeader::parse(&bytes).unwrap();
            prop_assert_eq!(header.encode(), bytes);
            prop_assert_eq!(VnetHeader::parse(&bytes[..9]), None);
        }
    }

    #[test]
    fn reads_the_kernels_fields() {
        let header = VnetHeader::parse(&[1, 1, 66, 0, 0xb4, 5, 34, 0, 16, 0]).unwrap();
        assert!(header.needs_checksum());
        assert_eq!(header.segment_size(), Some(1460));
        assert_eq!(header.without_segmentation().segment_size(), None);
        assert!(header.without_segmentation().needs_checksum());
    }
}
