"""Conversations by sockets that choose their own way, all at once. Prints for each what came back, or the error's name.

bound-socket.py 'KIND DESTINATION PORT OPTION...' ...
  KIND: tcp, mptcp, udp, fastopen, raw (UDP in a packet of its own making), icmp
  OPTION: source=ADDRESS, port=N (of the source), device=NAME, unicast-if=NAME, pktinfo=ADDRESS, transparent, mark=N, ip-options,
  ext-header (destination options), from=ADDRESS (in the raw packet), wait=SECONDS (for an answer, before
  there is none), slow (a second request when a line comes on standard input)
"""
import errno
import ipaddress
import socket
import struct
import sys
from concurrent.futures import ThreadPoolExecutor

IP_UNICAST_IF, IPV6_UNICAST_IF, SO_BINDTODEVICE, SO_MARK, IP_TRANSPARENT, MSG_FASTOPEN = 50, 76, 25, 36, 19, 0x20000000


def checksum(data):
    total = sum(struct.unpack(f'!{len(data) // 2}H', data))
    return ~((total & 0xFFFF) + (total >> 16)) & 0xFFFF


def make(kind, is_ipv6, options):
    family = socket.AF_INET6 if is_ipv6 else socket.AF_INET
    if kind in ('tcp', 'fastopen'):
        made = socket.socket(family, socket.SOCK_STREAM)
    elif kind == 'mptcp':
        made = socket.socket(family, socket.SOCK_STREAM, 262)
    elif kind == 'udp':
        made = socket.socket(family, socket.SOCK_DGRAM)
    elif kind == 'icmp':
        made = socket.socket(family, socket.SOCK_RAW, socket.IPPROTO_ICMPV6 if is_ipv6 else socket.IPPROTO_ICMP)
    else:
        made = socket.socket(family, socket.SOCK_RAW, socket.IPPROTO_RAW)
    # In the kernel, so that the socket is a blocking one.
    for which in (socket.SO_RCVTIMEO, socket.SO_SNDTIMEO):
        made.setsockopt(socket.SOL_SOCKET, which, struct.pack('ll', int(options.get('wait', 10)), 0))
    if 'mark' in options:
        made.setsockopt(socket.SOL_SOCKET, SO_MARK, int(options['mark'], 0))
    if 'device' in options:
        made.setsockopt(socket.SOL_SOCKET, SO_BINDTODEVICE, options['device'].encode())
    if 'unicast-if' in options:
        index = struct.pack('!I', socket.if_nametoindex(options['unicast-if']))
        made.setsockopt(*((41, IPV6_UNICAST_IF) if is_ipv6 else (0, IP_UNICAST_IF)), index)
    if 'ip-options' in options:
        made.setsockopt(socket.IPPROTO_IP, socket.IP_OPTIONS, b'\x01\x01\x01\x00')
    if 'ext-header' in options:
        made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_DSTOPTS, b'\x00\x00\x01\x04\x00\x00\x00\x00')
    if 'transparent' in options:
        made.setsockopt(socket.IPPROTO_IP, IP_TRANSPARENT, 1)
    if 'source' in options or 'port' in options:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        made.bind((options.get('source', '::' if is_ipv6 else '0.0.0.0'), int(options.get('port', 0))))
    return made


def converse(kind, destination, port, options):
    is_ipv6 = ':' in destination
    each = make(kind, is_ipv6, options)
    to = (destination, port)
    if kind in ('tcp', 'mptcp'):
        each.connect(to)
        each.sendall(b'hello')
        answer = each.recv(100)
        if 'slow' in options:
            print('open', flush=True)
            sys.stdin.readline()
            each.sendall(b'again')
            answer = each.recv(100)
        return answer
    if kind == 'fastopen':
        each.sendto(b'hello', MSG_FASTOPEN, to)
        return each.recv(100)
    if kind == 'udp':
        if 'pktinfo' in options:
            packed = ipaddress.ip_address(options['pktinfo']).packed
            message = (41, 50, packed + b'\0' * 4) if is_ipv6 else (0, 8, b'\0' * 4 + packed + b'\0' * 4)
            each.sendmsg([b'hello'], [message], 0, to)
        else:
            each.sendto(b'hello', to)
        return each.recv(100)
    if kind == 'icmp':
        echo = struct.pack('!BBHHH', 128 if is_ipv6 else 8, 0, 0, 7, 1) + b'abcdefgh'
        if not is_ipv6:
            echo = echo[:2] + struct.pack('!H', checksum(echo)) + echo[4:]
        each.sendto(echo, (destination, 0))
        return b'sent'
    source = socket.inet_aton(options['from'])
    udp = struct.pack('!HHHH', 4444, port, 13, 0) + b'hello'
    head = struct.pack('!BBHHHBBH4s4s', 0x45, 0, 20 + len(udp), 7, 0, 64, 17, 0, source, socket.inet_aton(destination))
    each.sendto(head + udp, to)
    return b'sent'


def tell(line):
    kind, destination, port, *rest = line.split()
    try:
        answer = converse(kind, destination, int(port), dict(word.partition('=')[::2] for word in rest))
        return answer.decode(errors='replace').strip()
    except BlockingIOError:
        return 'silence'
    except OSError as error:
        return errno.errorcode.get(error.errno, str(error))


with ThreadPoolExecutor(len(sys.argv)) as pool:
    for result in pool.map(tell, sys.argv[1:]):
        print(result, flush=True)
