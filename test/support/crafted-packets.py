"""Sends packets that no program sends into the TUN, by raw sockets: `crafted-packets.py FAKE4 PEER6 SECONDS SEED`, for so long, and 3,000 at
least. Says `sent N`."""
import random
import socket
import struct
import sys
import time

FAKE4, PEER6, SECONDS, SEED = sys.argv[1], sys.argv[2], float(sys.argv[3]), int(sys.argv[4])
HDRINCL6 = 36
rng = random.Random(SEED)
out4 = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)
out6 = socket.socket(socket.AF_INET6, socket.SOCK_RAW, socket.IPPROTO_RAW)
out6.setsockopt(socket.IPPROTO_IPV6, HDRINCL6, 1)
probe = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
probe.connect((PEER6, 9))
OWN6 = socket.inet_pton(socket.AF_INET6, probe.getsockname()[0])
sent = 0


def send4(offset, more, ident, protocol, payload, options=b"", source=b"\0\0\0\0"):
    global sent
    options += b"\0" * (-len(options) % 4)
    first = 0x40 | (5 + len(options) // 4)
    position = (0x2000 if more else 0) | offset // 8
    head = struct.pack("!BBHHHBBH4s4s", first, 0, 0, ident, position, 64, protocol, 0, source, socket.inet_aton(FAKE4))
    try:
        out4.sendto(head + options + payload, (FAKE4, 0))
        sent += 1
    except OSError:
        pass


def send6(next_header, payload, length=None):
    global sent
    length = len(payload) if length is None else length
    head = struct.pack("!IHBB", 6 << 28, length, next_header, 64) + OWN6 + socket.inet_pton(socket.AF_INET6, PEER6)
    try:
        out6.sendto(head + payload, (PEER6, 0))
        sent += 1
    except OSError:
        pass


def fragment6(next_header, offset, more, ident, payload):
    send6(44, struct.pack("!BBHI", next_header, 0, offset | more, ident) + payload)


# An end before what came.
for ident in range(1, 20):
    send4(1000, True, ident, 17, b"x" * 8)
    send4(8, False, ident, 17, b"x" * 8)
    fragment6(17, 1000, 1, ident, b"x" * 8)
    fragment6(17, 8, 0, ident, b"x" * 8)
# Atomic fragment headers in each other, put together of nine packets.
for kind in (44, 60, 0):
    chain = struct.pack("!BBHI", kind, 0, 0, 1) * 7999 + struct.pack("!BBHI", 17, 0, 0, 1)
    for at in range(0, len(chain), 8000):
        fragment6(kind, at, int(at + 8000 < len(chain)), 77, chain[at : at + 8000])
    send6(kind, chain[:8000])

end = time.monotonic() + SECONDS
while time.monotonic() < end or sent < 3_000:
    payload = rng.randbytes(rng.choice([0, 1, 7, 8, 16, 20, 24, 64, 1480, 8000]))
    protocol = rng.choice([1, 6, 17, 58, 47, 50, 132, 255, rng.randrange(256)])
    if protocol in (6, 17) and len(payload) >= 20 and rng.random() < 0.7:
        # Ports that meet each other, flags and lengths of all kinds.
        ports = struct.pack("!HH", rng.choice([1, 53, 80, 40000]), rng.choice([53, 80, 443, 0]))
        middle = payload[4:12] if protocol == 6 else struct.pack("!H", rng.choice([0, 8, len(payload), 65535])) + payload[6:12]
        payload = ports + middle + bytes([rng.choice([0x50, 0x00, 0xF0, 0x60]), rng.randrange(256)]) + payload[14:]
    if rng.random() < 0.5:
        options = rng.choice([b"", b"\x83\x07\x04\x0a\x00\x00\x09", b"\x44\x04\x05\x00", b"\x94\x00", rng.randbytes(rng.randrange(40))])
        more = rng.random() < 0.3
        if more:
            payload = payload[: len(payload) & ~7]
        send4(rng.choice([0, 0, 0, 8, 16, 65528]), more, rng.randrange(4), protocol, payload, options)
    elif rng.random() < 0.5:
        fragment6(protocol, rng.choice([0, 0, 8, 16, 65528]), rng.randrange(2), rng.randrange(4), payload)
    else:
        kinds = [rng.choice([0, 43, 44, 51, 60, 135, 59]) for _ in range(rng.randrange(12))] + [protocol]
        body = b"".join(bytes([after, rng.choice([0, 0, 1, 255])]) + rng.randbytes(6) for after in kinds[1:])
        send6(kinds[0], body + payload, rng.choice([None, None, 0, 65535]))
print("sent", sent, flush=True)
