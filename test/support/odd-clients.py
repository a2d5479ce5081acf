"""Programs that use sockets as few do, all at once: prints what came of each as JSON. `odd-clients.py [NAME]...`, all if none is named.

The far side is test/support/web-server.ts at 203.0.113.80: TCP 7 echoes, TCP 8 answers after FIN, UDP 9 echoes, UDP 10 says who asks.
"""
import ctypes, errno, json, os, random, select, socket, struct, subprocess, sys, threading, time

FAR, LAN, PATIENCE = '203.0.113.80', '10.20.0.1', 3
clients = {}

def client(do):
    clients[do.__name__] = do
    return do

def reason(error):
    return errno.errorcode.get(error.errno, str(error)) if isinstance(error, OSError) and error.errno else type(error).__name__

def tcp(port=7, family=socket.AF_INET, kind=socket.SOCK_STREAM, protocol=0, host=FAR, options=(), source=None):
    s = socket.socket(family, kind, protocol)
    s.settimeout(PATIENCE)
    for option in options:
        s.setsockopt(*option)
    if source:
        s.bind(source)
    s.connect((host, port))
    return s

def echo(s, data=b'hello'):
    s.sendall(data)
    heard = b''
    while len(heard) < len(data):
        part = s.recv(65536)
        if not part:
            return f'ended after {len(heard)}'
        heard += part
    return 'echoed' if heard == data else 'garbled'

def udp(family=socket.AF_INET, options=(), source=None):
    s = socket.socket(family, socket.SOCK_DGRAM)
    s.settimeout(PATIENCE)
    for option in options:
        s.setsockopt(*option)
    if source:
        s.bind(source)
    return s

def ask(s, data=b'hello', to=(FAR, 9)):
    s.sendto(data, to)
    heard, at = s.recvfrom(65536)
    return ('echoed' if heard == data else 'garbled') + ('' if at[0].endswith(to[0].split(':')[-1]) and at[1] == to[1] else f' from {at}')

T, I, I6, S, U = socket.IPPROTO_TCP, socket.IPPROTO_IP, socket.IPPROTO_IPV6, socket.SOL_SOCKET, socket.IPPROTO_UDP

@client
def fast_open():
    s = socket.socket(); s.settimeout(PATIENCE)
    s.sendto(b'hello', 0x20000000, (FAR, 7))
    return s.recv(9).decode()
@client
def fast_open_connect(): return echo(tcp(options=[(T, 30, 1)]))
@client
def multipath(): return echo(tcp(protocol=262))
@client
def mapped_address(): return echo(tcp(family=socket.AF_INET6, host='::ffff:' + FAR))
@client
def mapped_datagram(): return ask(udp(socket.AF_INET6), to=('::ffff:' + FAR, 9))
@client
def small_segments(): return echo(tcp(options=[(T, socket.TCP_MAXSEG, 536)]), os.urandom(200_000))
@client
def small_window():
    s = tcp(options=[(S, socket.SO_RCVBUF, 2048)])
    threading.Thread(target=lambda: s.sendall(b'w' * 100_000), daemon=True).start()
    heard = 0
    while heard < 100_000: heard += len(s.recv(700))
    return str(heard)
@client
def corked():
    s = tcp(options=[(T, socket.TCP_CORK, 1)]); s.send(b'a'); s.send(b'b'); s.setsockopt(T, socket.TCP_CORK, 0)
    heard = b''
    while len(heard) < 2: heard += s.recv(9)
    return heard.decode()
@client
def urgent():
    s = tcp(); s.send(b'ab'); s.send(b'!', socket.MSG_OOB); s.send(b'cd')
    heard = b''
    while len(heard) < 4: heard += s.recv(9)
    return 'in order' if heard.replace(b'!', b'') == b'abcd' else repr(heard)
@client
def half_closed():
    s = tcp(8); s.sendall(b'all of it'); s.shutdown(socket.SHUT_WR)
    return s.makefile().read().strip()
@client
def reads_no_more():
    s = tcp(); s.shutdown(socket.SHUT_RD); s.sendall(b'x'); return 'sent'
@client
def reset_by_linger():
    for _ in range(20):
        s = tcp(); s.setsockopt(S, socket.SO_LINGER, struct.pack('ii', 1, 0)); s.close()
    return echo(tcp())
@client
def gives_up_at_once():
    for _ in range(50):
        s = socket.socket(); s.setblocking(False); s.connect_ex((FAR, 7)); s.close()
    return echo(tcp())
@client
def keepalive_only():
    s = tcp(options=[(S, socket.SO_KEEPALIVE, 1), (T, socket.TCP_KEEPIDLE, 1), (T, socket.TCP_KEEPINTVL, 1), (T, socket.TCP_KEEPCNT, 1)])
    time.sleep(2.5)
    return echo(s)
@client
def user_timeout(): return echo(tcp(options=[(T, 18, 5_000)]))
@client
def one_port_again():
    source = ('', random.randint(20_000, 30_000)); said = []
    for _ in range(3):
        s = tcp(options=[(S, socket.SO_REUSEADDR, 1), (S, socket.SO_LINGER, struct.pack('ii', 1, 0))], source=source)
        said.append(echo(s)); s.close()
    return ' '.join(said)
@client
def one_port_two_targets():
    source = ('', random.randint(30_000, 32_000)); share = [(S, socket.SO_REUSEADDR, 1), (S, socket.SO_REUSEPORT, 1)]
    first, second = tcp(7, options=share, source=source), tcp(8, options=share, source=source)
    second.sendall(b'x'); second.shutdown(socket.SHUT_WR)
    return echo(first) + ' ' + second.recv(99).decode().strip()
@client
def connects_to_itself():
    s = socket.socket(); s.settimeout(1); s.bind(('127.0.0.1', 0)); s.connect(s.getsockname()); return echo(s)
@client
def type_of_service(): return echo(tcp(options=[(I, socket.IP_TOS, 0xb8)])) + ' ' + ask(udp(options=[(I, socket.IP_TOS, 0x02)]))
@client
def ip_options_tcp(): return echo(tcp(options=[(I, socket.IP_OPTIONS, b'\1\1\1\1')]))
@client
def ip_options_udp(): return ask(udp(options=[(I, socket.IP_OPTIONS, b'\1\1\1\1')]))
@client
def one_hop():
    try: return echo(tcp(options=[(I, socket.IP_TTL, 64)]))
    except OSError as error: return reason(error)
@client
def port_zero():
    said = []
    for each in (lambda: tcp(0), lambda: udp().sendto(b'x', (FAR, 0))):
        try: each(); said.append('ok')
        except OSError as error: said.append(reason(error))
    return ' '.join(said)
@client
def impossible_targets():
    said = []
    for host in ('255.255.255.255', '10.20.0.255', '224.0.0.1', '239.1.2.3', '0.0.0.0'):
        try: tcp(9, host=host); said.append('ok')
        except OSError as error: said.append(reason(error))
    return ' '.join(said)
@client
def empty_datagram(): return ask(udp(), b'')
@client
def empty_between():
    s = udp(); s.connect((FAR, 9)); said = []
    for data in (b'a', b'', b'b'): s.send(data); said.append(s.recv(9).decode())
    return '|'.join(said)
@client
def large_datagram(): return ask(udp(), os.urandom(20_000))
@client
def largest_datagram(): return ask(udp(), os.urandom(65_000))
@client
def too_large():
    try: return ask(udp(), os.urandom(65_508))
    except OSError as error: return reason(error)
@client
def corked_datagram():
    s = udp(); s.connect((FAR, 9)); s.setsockopt(U, 1, 1); s.send(b'a'); s.send(b'b'); s.setsockopt(U, 1, 0)
    return s.recv(9).decode()
@client
def segmented():
    s = udp(options=[(U, 103, 100)]); s.connect((FAR, 9)); s.send(b'g' * 350)
    return ' '.join(str(size) for size in sorted(len(s.recv(999)) for _ in range(4)))
@client
def reconnected():
    s = udp(); said = []
    for port in (9, 10, 9):
        s.connect((FAR, port)); s.send(b'x'); said.append(s.recv(99).decode())
    return ' '.join(said)
@client
def disconnected():
    s = udp(); s.connect((FAR, 9))
    ctypes.CDLL(None).connect(s.fileno(), struct.pack('HHI8s', 0, 0, 0, b''), 16)
    return ask(s, to=(FAR, 9))
@client
def many_targets_one_socket():
    s = udp(); said = set()
    for port in (9, 10, 123): s.sendto(b'\x23' + bytes(47), (FAR, port))
    for _ in range(3): said.add(s.recvfrom(99)[1][1])
    return str(sorted(said))
@client
def moves_to_another_port():
    return ' '.join(ask(udp(), f'packet {i}'.encode()) for i in range(5))
@client
def closed_port():
    s = udp(); s.connect((FAR, 4_444)); s.send(b'x')
    try: s.recv(9); return 'heard'
    except OSError as error: said = reason(error)
    s.connect((FAR, 9)); s.send(b'x')
    return said + ' ' + s.recv(9).decode()
@client
def closed_tcp_port():
    s = socket.socket(); s.setblocking(False); s.connect_ex((FAR, 4_444))
    poll = select.poll(); poll.register(s, select.POLLIN | select.POLLOUT)
    events = poll.poll(3_000)[0][1]
    return f'{events} {errno.errorcode[s.getsockopt(S, socket.SO_ERROR)]}'
@client
def receives_hops():
    s = udp(options=[(I, 12, 1)]); s.connect((FAR, 9)); s.send(b'x')
    _, ancillary, _, _ = s.recvmsg(9, 99)
    return 'told' if ancillary else 'nothing'
@client
def bound_to_device(): return echo(tcp(options=[(S, 25, b'eth0\0')])) + ' ' + ask(udp(options=[(S, 25, b'eth0\0')]))
@client
def bound_to_source(): return echo(tcp(source=('10.20.0.2', 0))) + ' ' + ask(udp(source=('10.20.0.2', 0)))
@client
def groups():
    said = []
    for group, port in (('224.0.0.251', 5353), ('239.255.255.250', 1900), ('224.0.1.1', 123)):
        s = udp(options=[(I, socket.IP_MULTICAST_LOOP, 1), (S, socket.SO_REUSEADDR, 1)], source=('', port))
        s.setsockopt(I, socket.IP_ADD_MEMBERSHIP, socket.inet_aton(group) + socket.inet_aton('10.20.0.2'))
        s.setsockopt(I, socket.IP_MULTICAST_IF, socket.inet_aton('10.20.0.2'))
        s.sendto(b'who is there', (group, port)); said.append(s.recvfrom(99)[1][0])
    return ' '.join(said)
@client
def broadcast():
    s = udp(options=[(S, socket.SO_BROADCAST, 1)]); said = []
    for address in ('10.20.0.255', '255.255.255.255'):
        try: s.sendto(b'x', (address, 4_445)); said.append('sent')
        except OSError as error: said.append(reason(error))
    return ' '.join(said)
@client
def dhcp():
    s = udp(options=[(S, socket.SO_BROADCAST, 1), (S, 25, b'eth0\0'), (S, socket.SO_REUSEADDR, 1)], source=('0.0.0.0', 68))
    return str(s.sendto(b'\1\1\6\0' + bytes(240), ('255.255.255.255', 67)))
@client
def ping_socket():
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM, socket.IPPROTO_ICMP); s.settimeout(PATIENCE)
    s.sendto(struct.pack('!BBHHH', 8, 0, 0, 0, 1), (FAR, 0)); return str(s.recv(99)[-8])
@client
def raw_ping():
    s = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP); s.settimeout(PATIENCE)
    body = struct.pack('!HH', 0x4d4d, 1) + b'raw ping'; head = struct.pack('!BB', 8, 0)
    words = struct.unpack('!8H', head + b'\0\0' + body); total = sum(words); total = (total & 0xffff) + (total >> 16)
    s.sendto(head + struct.pack('!H', ~total & 0xffff) + body, (FAR, 0))
    while True:
        heard = s.recv(99)[20:]
        if heard[0] == 0 and heard[4:6] == b'MM': return heard[8:].decode()
@client
def other_protocols():
    said = []
    for kind, protocol in ((socket.SOCK_STREAM, 132), (6, 33), (socket.SOCK_DGRAM, 136)):
        try: socket.socket(socket.AF_INET, kind, protocol); said.append('made')
        except OSError as error: said.append(reason(error))
    return ' '.join(said)
@client
def happy_eyeballs():
    return echo(socket.create_connection(('direct.example', 7), PATIENCE))
@client
def only_configured():
    found = socket.getaddrinfo('direct.example', 80, type=socket.SOCK_STREAM, flags=socket.AI_ADDRCONFIG)
    return ' '.join(sorted({socket.AddressFamily(each[0]).name for each in found}))
@client
def resolvers():
    said = []
    for words in (['getent', 'ahostsv4', 'direct.example'], ['host', '-W', '2', 'gone.example'], ['getent', 'hosts', 'gone.example'], ['dig', '+short', 'direct.example', 'TXT'],
                  ['dig', '+short', '+tcp', 'direct.example', 'TXT'], ['dig', '+short', '+notcp', '+edns=0', '+cookie', '+subnet=192.0.2.0/24', 'direct.example', 'TXT']):
        done = subprocess.run(words, capture_output=True, text=True, timeout=8)
        said.append(str(done.returncode) + ('' if 'TXT' not in words else done.stdout.strip()))
    return ' '.join(said)
@client
def many_at_once():
    said = []
    def one():
        try: said.append(echo(tcp()))
        except OSError as error: said.append(reason(error))
    threads = [threading.Thread(target=one) for _ in range(150)]
    for thread in threads: thread.start()
    for thread in threads: thread.join()
    return f"{said.count('echoed')} of 150"

seen = {}

def run(name):
    try: seen[name] = clients[name]()
    except Exception as error: seen[name] = reason(error)

threads = [threading.Thread(target=run, args=(name,)) for name in sys.argv[1:] or clients]
for thread in threads: thread.start()
for thread in threads: thread.join()
print(json.dumps(seen, sort_keys=True))
