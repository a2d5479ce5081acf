"""Holds the kernel's global RTNL mutex, as a driver or a dying namespace does: SIOCETHTOOL writes the names of a veth's statistics
to a page that is not there (userfaultfd(2)) while it holds the mutex, until the page is given. Usage: hold-rtnl.py DEVICE SECONDS;
prints "held" once it is, holds it until its standard input says something or ends, SECONDS at most, and prints "released".
The mutex is the whole machine's: keep the time short."""

import ctypes
import fcntl
import mmap
import os
import platform
import select
import socket
import struct
import sys
import threading

USERFAULTFD = {"x86_64": 323, "aarch64": 282}[platform.machine()]
UFFDIO_API, UFFDIO_REGISTER, UFFDIO_ZEROPAGE = 0xC018AA3F, 0xC020AA00, 0xC020AA04
REGISTER_MISSING = 1
SIOCETHTOOL, ETHTOOL_GSTRINGS, ETH_SS_STATS = 0x8946, 0x1B, 1
PAGE = mmap.PAGESIZE

device, seconds = sys.argv[1], float(sys.argv[2])
libc = ctypes.CDLL(None, use_errno=True)
faults = libc.syscall(USERFAULTFD, os.O_CLOEXEC)
if faults < 0:
    sys.exit(f"userfaultfd: {os.strerror(ctypes.get_errno())}")
fcntl.ioctl(faults, UFFDIO_API, struct.pack("QQQ", 0xAA, 0, 0))
area = mmap.mmap(-1, 2 * PAGE, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
start = ctypes.addressof(ctypes.c_char.from_buffer(area))
fcntl.ioctl(faults, UFFDIO_REGISTER, struct.pack("QQQQ", start + PAGE, PAGE, REGISTER_MISSING, 0))


def give_the_page():
    os.read(faults, 32)
    print("held", flush=True)
    select.select([sys.stdin], [], [], seconds)
    fcntl.ioctl(faults, UFFDIO_ZEROPAGE, struct.pack("QQQq", start + PAGE, PAGE, 0, 0))


threading.Thread(target=give_the_page, daemon=True).start()
# The request ends where the missing page begins: only the names are written there.
head = struct.pack("III", ETHTOOL_GSTRINGS, ETH_SS_STATS, 0)
area[PAGE - len(head) : PAGE] = head
request = ctypes.create_string_buffer(struct.pack("16sQ16x", device.encode(), start + PAGE - len(head)))
asker = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
if libc.ioctl(asker.fileno(), SIOCETHTOOL, request) < 0:
    sys.exit(f"SIOCETHTOOL: {os.strerror(ctypes.get_errno())}")
print("released", flush=True)
