//! The TUN device: created, configured, read and written. Removed by the kernel when this object goes.

use crate::options::Options;
use crate::packet::ipv6;
use crate::packet::segment::segment;
use crate::sys::interface;
use crate::vnet_header::{self, VnetHeader};
use std::fs::{File, OpenOptions};
use std::io::{self, IoSlice, Read, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::fs::OpenOptionsExt;

const CSUM: u32 = 1;
const TSO4: u32 = 2;
const TSO6: u32 = 4;
const TSO_ECN: u32 = 8;
const USO4: u32 = 0x20;
const USO6: u32 = 0x40;
/// Sets of offloads, best first, with their names.
const OFFLOADS: [(u32, &str); 5] = [
    (
        CSUM | TSO4 | TSO6 | TSO_ECN | USO4 | USO6,
        "csum,tso4,tso6,tso_ecn,uso4,uso6",
    ),
    (CSUM | TSO4 | TSO6 | TSO_ECN, "csum,tso4,tso6,tso_ecn"),
    (CSUM | TSO4 | TSO6, "csum,tso4,tso6"),
    (CSUM, "csum"),
    (0, ""),
];

/// Bytes a buffer for `read` must have: the header and the largest packet.
pub const FRAME: usize = vnet_header::LENGTH + ipv6::HEADER + 65_535;

/// How super-packets are written. Some kernels refuse the better forms with EINVAL.
#[derive(Clone, Copy, PartialEq, Eq)]
enum SuperPackets {
    AsTheyAre,
    AsOneLargePacket,
    CutBySoftware,
}

/// The device.
pub struct Tun {
    file: File,
    index: u32,
    offloads: &'static str,
    super_packets: SuperPackets,
    takes_super_datagrams: bool,
}

impl Tun {
    /// Creates the device, sets addresses, MTU and queue length, and brings it up.
    pub fn create(options: &Options) -> io::Result<Self> {
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .custom_flags(libc::O_NONBLOCK)
            .open("/dev/net/tun")?;
        let name = options.name.as_str();
        interface::create_tun(file.as_fd(), name)?;
        interface::set_vnet_header(file.as_fd(), vnet_header::LENGTH)?;
        let wanted = if options.gso {
            &OFFLOADS[..]
        } else {
            &OFFLOADS[OFFLOADS.len() - 1..]
        };
        let mut offloads = "";
        for (bits, names) in wanted {
            // The mask is set even when it is empty: it would outlive an earlier owner.
            if interface::set_offloads(file.as_fd(), *bits).is_ok() {
                offloads = names;
                break;
            }
        }
        let index = interface::index_of(name)?;
        interface::set_mtu(name, options.mtu)?;
        interface::set_queue_length(name, options.queue_length)?;
        interface::set_address4(name, options.address4)?;
        if let Some(address6) = options.address6 {
            interface::add_address6(index, address6, 126)?;
        }
        interface::bring_up(name)?;
        Ok(Self {
            file,
            index,
            offloads,
            super_packets: SuperPackets::AsTheyAre,
            takes_super_datagrams: offloads.contains("uso4"),
        })
    }

    /// A device made of any descriptor that keeps packets apart, such as one end of a socket pair.
    #[cfg(test)]
    pub fn over(file: File) -> Self {
        Self {
            file,
            index: 0,
            offloads: "",
            super_packets: SuperPackets::AsTheyAre,
            takes_super_datagrams: true,
        }
    }

    /// The interface's index.
    pub fn index(&self) -> u32 {
        self.index
    }

    /// Names of the offloads in use, separated by commas.
    pub fn offloads(&self) -> &'static str {
        self.offloads
    }

    pub fn fd(&self) -> BorrowedFd<'_> {
        self.file.as_fd()
    }

    /// Reads one frame (header and packet) into a buffer of at least `FRAME` bytes.
    pub fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.file.read(buffer)
    }

    /// Writes a packet with complete checksums. False if the kernel did not take it.
    pub fn inject(&mut self, packet: &[u8]) -> bool {
        let header = VnetHeader::default().encode();
        let parts = [IoSlice::new(&header), IoSlice::new(packet)];
        self.file.write_vectored(&parts).is_ok()
    }

    /// Whether many datagrams may be written as one packet.
    pub fn takes_super_datagrams(&self) -> bool {
        self.takes_super_datagrams
    }

    /// Writes a packet that the kernel completes (`udp::build_unfinished`). False if the kernel did not take it; it is asked for
    /// many datagrams at once no more if it refuses such packets at all.
    pub fn inject_unfinished(&mut self, header: &VnetHeader, packet: &[u8]) -> bool {
        let bytes = header.encode();
        let parts = [IoSlice::new(&bytes), IoSlice::new(packet)];
        let written = self.file.write_vectored(&parts);
        let is_refused =
            matches!(&written, Err(error) if error.raw_os_error() == Some(libc::EINVAL));
        if is_refused && header.segment_size().is_some() {
            self.takes_super_datagrams = false;
        }
        written.is_ok()
    }

    /// Writes a frame that came from `read`, perhaps rewritten. False if the kernel did not take it.
    pub fn forward(&mut self, header: &VnetHeader, frame: &mut [u8]) -> bool {
        let Some(size) = header.segment_size() else {
            return self.file.write(frame).is_ok();
        };
        if self.super_packets == SuperPackets::AsTheyAre {
            match self.file.write(frame) {
                Err(error) if error.raw_os_error() == Some(libc::EINVAL) => {
                    self.super_packets = SuperPackets::AsOneLargePacket;
                }
                other => return other.is_ok(),
            }
        }
        if self.super_packets == SuperPackets::AsOneLargePacket {
            frame[..vnet_header::LENGTH].copy_from_slice(&header.without_segmentation().encode());
            match self.file.write(frame) {
                Err(error) if error.raw_os_error() == Some(libc::EINVAL) => {
                    self.super_packets = SuperPackets::CutBySoftware;
                }
                other => return other.is_ok(),
            }
        }
        let pieces = segment(&frame[vnet_header::LENGTH..], size);
        pieces.is_some_and(|pieces| pieces.iter().all(|piece| self.inject(piece)))
    }
}
