//! Cuts a TCP super-packet into ordinary packets, for kernels that refuse segmentation offload on write.

use super::ip;
use super::{checksum, header, ipv4, ipv6, tcp, tcp::Tcp};

/// Packets that one is cut into at most; more come of a size that no kernel uses.
const MAX_PIECES: usize = 1_024;

/// TCP packets of at most `size` payload bytes with complete checksums; `None` if `packet` is no whole TCP packet.
pub fn segment(packet: &[u8], size: usize) -> Option<Vec<Vec<u8>>> {
    let ip = header::parse(packet)?;
    let whole = Tcp::parse(ip.payload())?;
    if size == 0
        || ip.payload().len() / size >= MAX_PIECES
        || ip.protocol() != ip::TCP
        || ip.piece().is_some()
    {
        return None;
    }
    let headers = ip.header_length() + whole.header_length;
    let payload = &ip.bytes()[headers..];
    let pieces: Vec<&[u8]> = if payload.is_empty() {
        vec![payload]
    } else {
        payload.chunks(size).collect()
    };
    let last = pieces.len() - 1;
    let cut = pieces.iter().enumerate().map(|(index, piece)| {
        let mut out = [&ip.bytes()[..headers], piece].concat();
        if ip.source().is_ipv4() {
            let identification = ipv4::identification(packet).wrapping_add(index as u16);
            let total = out.len() as u16;
            out[2..4].copy_from_slice(&total.to_be_bytes());
            out[4..6].copy_from_slice(&identification.to_be_bytes());
            ipv4::seal(&mut out[..ip.header_length()]);
        } else {
            ipv6::set_length(&mut out);
        }

        let transport = &mut out[ip.header_length()..];
        let sequence = whole.sequence.wrapping_add((index * size) as u32);
        transport[4..8].copy_from_slice(&sequence.to_be_bytes());
        if index != last {
            // FIN and PSH belong to the last byte.
            transport[13] &= !(tcp::FIN | 8);
        }
        transport[16..18].fill(0);
        let pseudo =
            checksum::pseudo_header(ip.source(), ip.destination(), ip::TCP, transport.len());
        let value = !checksum::add(pseudo, checksum::sum(transport));
        transport[16..18].copy_from_slice(&value.to_be_bytes());
        out
    });
    Some(cut.collect())
}
