//! Network interface requests (netdevice(7), tun(7)): create a TUN device and configure an interface by ioctl(2).

use crate::sys::check;
use crate::sys::socket::open_family;
use std::io;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};

const IFF_TUN_EXCL: libc::c_int = 0x8000;
const TUNSETVNETHDRSZ: libc::c_ulong = 0x4004_54d8;
const TUNSETVNETLE: libc::c_ulong = 0x4004_54dc;

/// Attaches an open `/dev/net/tun` to a new TUN device with virtio-net headers. Fails with EBUSY when the name is taken.
pub fn create_tun(fd: BorrowedFd, name: &str) -> io::Result<()> {
    if index_of(name).is_ok() {
        return Err(io::Error::from_raw_os_error(libc::EBUSY));
    }
    let mut request = request(name)?;
    let flags = libc::IFF_TUN | libc::IFF_NO_PI | libc::IFF_VNET_HDR | IFF_TUN_EXCL;
    request.ifr_ifru.ifru_flags = flags as u16 as libc::c_short;
    control(fd, libc::TUNSETIFF as libc::c_ulong, &mut request)
}

/// Sets the length of the virtio-net header and its byte order (little endian, as virtio 1.0).
pub fn set_vnet_header(fd: BorrowedFd, length: usize) -> io::Result<()> {
    control(fd, TUNSETVNETHDRSZ, &mut (length as libc::c_int))?;
    control(fd, TUNSETVNETLE, &mut (1 as libc::c_int))
}

/// Tells the kernel which offloads the reader understands (TUN_F_* bits).
pub fn set_offloads(fd: BorrowedFd, bits: u32) -> io::Result<()> {
    // SAFETY: TUNSETOFFLOAD takes a plain integer.
    check(unsafe {
        libc::ioctl(
            fd.as_raw_fd(),
            libc::TUNSETOFFLOAD as _,
            libc::c_ulong::from(bits),
        )
    })?;
    Ok(())
}

/// Index of an interface; ENODEV when there is none of that name.
pub fn index_of(name: &str) -> io::Result<u32> {
    let mut request = request(name)?;
    ioctl_inet(libc::SIOCGIFINDEX, &mut request)?;
    // SAFETY: SIOCGIFINDEX fills this member.
    Ok(unsafe { request.ifr_ifru.ifru_ifindex } as u32)
}

/// Name of the interface with an index; ENXIO or ENODEV when there is none.
pub fn name_of(index: u32) -> io::Result<String> {
    let mut name = [0; libc::IFNAMSIZ];
    // SAFETY: the buffer has the length that if_indextoname(3) asks for.
    let result = unsafe { libc::if_indextoname(index, name.as_mut_ptr()) };
    if result.is_null() {
        return Err(io::Error::last_os_error());
    }
    let bytes = name.iter().take_while(|byte| **byte != 0);
    Ok(bytes.map(|byte| char::from(*byte as u8)).collect())
}

/// Sets the MTU in bytes.
pub fn set_mtu(name: &str, mtu: u32) -> io::Result<()> {
    let mut request = request(name)?;
    request.ifr_ifru.ifru_mtu = mtu as libc::c_int;
    ioctl_inet(libc::SIOCSIFMTU, &mut request)
}

/// Sets the length of the transmit queue in packets.
pub fn set_queue_length(name: &str, packets: u32) -> io::Result<()> {
    let mut request = request(name)?;
    request.ifr_ifru.ifru_metric = packets as libc::c_int;
    ioctl_inet(libc::SIOCSIFTXQLEN, &mut request)
}

/// Sets the interface's IPv4 address with prefix length 32.
pub fn set_address4(name: &str, address: Ipv4Addr) -> io::Result<()> {
    let mut request = request(name)?;
    request.ifr_ifru.ifru_addr = inet_address(address);
    ioctl_inet(libc::SIOCSIFADDR, &mut request)?;
    request.ifr_ifru.ifru_netmask = inet_address(Ipv4Addr::BROADCAST);
    ioctl_inet(libc::SIOCSIFNETMASK, &mut request)
}

/// Adds an IPv6 address to the interface with this index.
pub fn add_address6(index: u32, address: Ipv6Addr, prefix_length: u32) -> io::Result<()> {
    let socket = open_family(libc::AF_INET6, libc::SOCK_DGRAM, 0)?;
    let mut request = libc::in6_ifreq {
        ifr6_addr: libc::in6_addr {
            s6_addr: address.octets(),
        },
        ifr6_prefixlen: prefix_length,
        ifr6_ifindex: index as libc::c_int,
    };
    control(socket.as_fd(), libc::SIOCSIFADDR, &mut request)
}

/// Brings the interface up.
pub fn bring_up(name: &str) -> io::Result<()> {
    let mut request = request(name)?;
    ioctl_inet(libc::SIOCGIFFLAGS, &mut request)?;
    // SAFETY: SIOCGIFFLAGS fills this member.
    unsafe { request.ifr_ifru.ifru_flags |= libc::IFF_UP as libc::c_short };
    ioctl_inet(libc::SIOCSIFFLAGS, &mut request)
}

fn request(name: &str) -> io::Result<libc::ifreq> {
    if name.is_empty() || name.len() >= libc::IFNAMSIZ || name.contains(['\0', '/', ' ']) {
        return Err(io::Error::from_raw_os_error(libc::EINVAL));
    }
    // SAFETY: all-zero bytes are a valid ifreq.
    let mut request: libc::ifreq = unsafe { std::mem::zeroed() };
    for (target, byte) in request.ifr_name.iter_mut().zip(name.bytes()) {
        *target = byte as libc::c_char;
    }
    Ok(request)
}

fn inet_address(address: Ipv4Addr) -> libc::sockaddr {
    let octets = address.octets();
    let mut data = [0; 14];
    for (target, byte) in data[2..6].iter_mut().zip(octets) {
        *target = byte as libc::c_char;
    }
    libc::sockaddr {
        sa_family: libc::AF_INET as libc::sa_family_t,
        sa_data: data,
    }
}

fn ioctl_inet(code: libc::c_ulong, request: &mut libc::ifreq) -> io::Result<()> {
    let socket = open_family(libc::AF_INET, libc::SOCK_DGRAM, 0)?;
    control(socket.as_fd(), code, request)
}

fn control<T>(fd: BorrowedFd, code: libc::c_ulong, argument: &mut T) -> io::Result<()> {
    // SAFETY: every caller gives the structure that its request code is defined with.
    check(unsafe { libc::ioctl(fd.as_raw_fd(), code as _, std::ptr::from_mut(argument)) })?;
    Ok(())
}
