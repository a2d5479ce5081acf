"""What an attacker without rights does that Node.js cannot: `attacker-syscalls.py SEED CONTROL-SOCKET UI-PORT MIXED-PORT`.

One of the attacks, chosen by the seed; each holds a few hundred descriptors or packets at most and is over within seconds.
"""
import array
import os
import random
import resource
import socket
import struct
import sys
import time

seed, control, ui_port, mixed_port = int(sys.argv[1]), sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
random.seed(seed)
resource.setrlimit(resource.RLIMIT_NOFILE, (min(4096, resource.getrlimit(resource.RLIMIT_NOFILE)[1]),) * 2)
held = []


def quietly(act, *args):
    try:
        return act(*args)
    except (OSError, OverflowError):
        return None


def unix():
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    sock.settimeout(1)
    held.append(sock)
    return sock if quietly(sock.connect, control) is None else sock


def descriptors_as_gifts():
    """SCM_RIGHTS (unix(7)): whoever does not read ancillary data must not end up with the descriptors."""
    files = [os.open('/dev/null', os.O_RDONLY) for _ in range(250)]
    rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array('i', files))]
    for _ in range(8):
        sock = unix()
        for _ in range(6):
            quietly(sock.sendmsg, [b'\0\0\0\2{}'], rights)


def a_socket_within_itself():
    """A queue of sockets in flight, which only the kernel's garbage collector can end."""
    for _ in range(20):
        left, right = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array('i', [left.fileno(), right.fileno()]))]
        quietly(left.sendmsg, [b'x'], rights)
        sock = unix()
        quietly(sock.sendmsg, [b'x'], rights)
        left.close()
        right.close()


def callers_that_are_dead():
    """The connection is a child's, which is gone when it is accepted: its number may be another's by then."""
    for _ in range(30):
        sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        held.append(sock)
        child = os.fork()
        if child == 0:
            quietly(sock.connect, control)
            quietly(sock.send, b'\0\0\0\2{}')
            os._exit(0)
        os.waitpid(child, 0)
        quietly(sock.send, b'\0\0\0\2[]')


def abstract_names():
    """Another program listens at the abstract name of the same letters; nobody of ours may go there."""
    for name in (control, '/run/mirage/helper.sock', 'mirage'):
        sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        held.append(sock)
        quietly(sock.bind, '\0' + name)
        quietly(sock.listen, 5)


def ports_that_are_taken():
    """SO_REUSEPORT and SO_REUSEADDR at ports of others: socket(7) keeps users apart, and so does a wildcard."""
    for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
        for family, host in ((socket.AF_INET, '127.0.0.1'), (socket.AF_INET, '0.0.0.0'), (socket.AF_INET6, '::')):
            for port in (mixed_port, ui_port, 53):
                sock = socket.socket(family, kind)
                held.append(sock)
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
                if quietly(sock.bind, (host, port)) is None and kind == socket.SOCK_STREAM:
                    quietly(sock.listen, 1)


def packets_with_options():
    """IP options, odd TTLs, types of service, sizes of the path (ip(7))."""
    for _ in range(400):
        sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        options = random.choice([
            b'\x07\x27\x04' + bytes(36),  # record route
            b'\x44\x28\x05\x00' + bytes(36),  # timestamps
            b'\x94\x04\x00\x00',  # router alert
            b'\x83\x07\x04\x01\x02\x03\x04\x00',  # loose source route
            b'\x01' * 40,
            b'\x07\xff\x04\x00',
        ])
        quietly(sock.setsockopt, socket.IPPROTO_IP, socket.IP_OPTIONS, options)
        quietly(sock.setsockopt, socket.IPPROTO_IP, socket.IP_TTL, random.choice([1, 2, 255]))
        quietly(sock.setsockopt, socket.IPPROTO_IP, socket.IP_TOS, random.randrange(256))
        quietly(sock.setsockopt, socket.IPPROTO_IP, 10, random.choice([0, 2, 3]))  # IP_MTU_DISCOVER
        size = random.choice([0, 1, 1472, 1473, 8972, 9000, 65507])
        quietly(sock.sendto, bytes(size), ('203.0.113.%d' % random.randrange(256), random.randrange(1, 65536)))
        sock.close()


def fragments():
    """Datagrams that leave in 45 pieces each."""
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    quietly(sock.setsockopt, socket.IPPROTO_IP, 10, 0)
    for _ in range(300):
        quietly(sock.sendto, bytes(65507), ('203.0.113.%d' % random.randrange(256), 9))
        time.sleep(0.003)
    sock.close()


def pings():
    """Echo requests by ICMP sockets (icmp(7)), if this group may."""
    sock = quietly(socket.socket, socket.AF_INET, socket.SOCK_DGRAM, socket.IPPROTO_ICMP)
    if sock is None:
        return
    for number in range(600):
        packet = struct.pack('!BBHHH', 8, 0, 0, 0, number) + bytes(random.choice([0, 56, 1400]))
        quietly(sock.sendto, packet, ('203.0.113.%d' % random.randrange(256), 0))
    sock.close()


def bursts_as_one_packet():
    """UDP_SEGMENT (udp(7)): one call, 60 datagrams; and segments of every odd size."""
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    for _ in range(200):
        quietly(sock.setsockopt, socket.IPPROTO_UDP, 103, random.choice([1, 7, 500, 1000, 1472, 2000]))
        quietly(sock.sendto, bytes(random.choice([1, 999, 30000, 60000])), ('203.0.113.80', random.randrange(1, 65536)))
    sock.close()


def sources_without_number():
    """Questions by TCP and UDP from all of 127/8."""
    for _ in range(250):
        kind = random.choice([socket.SOCK_STREAM, socket.SOCK_DGRAM])
        sock = socket.socket(socket.AF_INET, kind)
        held.append(sock)
        sock.setblocking(False)
        quietly(sock.bind, ('127.%d.%d.%d' % tuple(random.randrange(1, 255) for _ in range(3)), 0))
        port = random.choice([53, mixed_port, ui_port])
        quietly(sock.connect, (random.choice(['127.0.0.1', '10.20.0.1', '198.18.0.1', '198.18.0.2']), port))
        quietly(sock.send, bytes([0, 40]) + os.urandom(40))


def urgent_bytes_and_resets():
    """Urgent data, aborts, and connections that are shut before they are made."""
    for _ in range(200):
        sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        sock.setblocking(False)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack('ii', 1, 0))
        host = random.choice(['203.0.113.80', '127.0.0.1', '198.18.%d.%d' % (random.randrange(256), random.randrange(1, 255))])
        quietly(sock.connect, (host, random.choice([80, 7, 8, mixed_port, ui_port])))
        if random.random() < 0.5:
            time.sleep(0.003)
        quietly(sock.send, b'x', socket.MSG_OOB)
        quietly(sock.shutdown, random.choice([0, 1, 2]))
        (sock.close if random.random() < 0.7 else lambda: held.append(sock))()


def a_thousand_idle_sockets():
    """What a look-up of processes has to read through."""
    for number in range(1_500):
        sock = quietly(socket.socket, socket.AF_INET, socket.SOCK_DGRAM)
        if sock is None:
            return
        held.append(sock)
        quietly(sock.connect, ('203.0.113.80', 1 + number))
    for sock in held[:200]:
        quietly(sock.send, b'x')


def links_in_the_way():
    """Names that a careless root would follow, where anybody may make them."""
    for folder in ('/tmp', '/dev/shm', '/var/tmp'):
        for name in ('mirage', 'mirage-helper.sock', 'mirage-helper.log', '.mirage'):
            path = '%s/%s-%d' % (folder, name, random.randrange(3))
            quietly(os.symlink, random.choice(['/etc/resolv.conf', '/etc/shadow', control]), path)
            quietly(os.link, '/etc/hostname', path + '-hard')
            quietly(os.unlink, path)
            quietly(os.unlink, path + '-hard')


attacks = [
    descriptors_as_gifts,
    a_socket_within_itself,
    callers_that_are_dead,
    abstract_names,
    ports_that_are_taken,
    packets_with_options,
    fragments,
    pings,
    bursts_as_one_packet,
    sources_without_number,
    urgent_bytes_and_resets,
    a_thousand_idle_sockets,
    links_in_the_way,
]
attacks[seed % len(attacks)]()
time.sleep(random.random())
