"""What programs do every day, all at once: prints what came of each as JSON.

`everyday.py [KEY=KIND,WORD,...]...`: tcp HOST PORT, udp HOST PORT (both with the port to come from, and a type of service), get HOST BYTES, put HOST
BYTES, echo HOST BYTES (a datagram), ping WORD..., dig WORD..., getent DATABASE NAME; before the kind, `@UID ` does it as
that user. TCP and UDP tell from which address the far side (test/support/web-server.ts) was asked, or the errno.
"""
import encodings.idna  # A user who may not read our directories cannot load it later.
import errno, json, os, re, socket, subprocess, sys, threading

PATIENCE = 1.2

def reason(error):
    return errno.errorcode.get(error.errno, str(error)) if isinstance(error, OSError) and error.errno else type(error).__name__

def prepare(s, source, tos):
    s.settimeout(PATIENCE)
    if int(source):
        s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        s.bind(('', int(source)))
    if int(tos):
        s.setsockopt(socket.IPPROTO_IP, socket.IP_TOS, int(tos))

def tcp(host, port='80', source='0', tos='0'):
    with socket.socket() as s:
        prepare(s, source, tos)
        s.connect((host, int(port)))
        s.sendall(b'GET / HTTP/1.0\r\nHost: h\r\n\r\n')
        heard = b''
        while part := s.recv(4096):
            heard += part
        return re.search(rb'client=(\S+)', heard).group(1).decode()

def udp(host, port='10', source='0', tos='0'):
    family, kind, _, _, to = socket.getaddrinfo(host, int(port), type=socket.SOCK_DGRAM)[0]
    with socket.socket(family, kind) as s:
        prepare(s, source, tos)
        s.connect(to)
        s.send(b'x')
        return s.recv(999).decode().replace('client=', '')

def get(host, size):
    said = run('curl', '-sS', '-m', '8', '-o', '/dev/null', '-w', '%{size_download}', f'http://{host}/bytes/{size}')
    return said.split('\n')[-1] if said.endswith(size) else f'not all: {said[:25]}'

def put(host, size):
    done = subprocess.run(['curl', '-sS', '-m', '8', '--data-binary', '@-', f'http://{host}/sha256'], input=b'x' * int(size), capture_output=True, timeout=12)
    return done.stdout.decode().strip()[:12] or done.stderr.decode()[:25]

def echo(host, size):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.settimeout(PATIENCE * 2)
        s.connect((host, 9))
        for attempt in range(3):
            try:
                s.send(b'x' * int(size))
                return len(s.recv(65535))
            except TimeoutError:
                pass
            except OSError as error:
                if error.errno != errno.EMSGSIZE:
                    raise
        return 'silence'

def run(*words):
    done = subprocess.run(words, capture_output=True, text=True, timeout=10)
    return (done.stdout + done.stderr).strip()

def ping(*words):
    said = run('ping', '-n', '-c', '1', '-W', '1', *words)
    known = r'\d received|Destination \w+ \w+|Packet filtered|Network is unreachable|No route to host|Invalid argument|broadcast|Permission denied'
    found = re.findall(known, said)
    return ' '.join(dict.fromkeys(found)) or said

def dig(*words):
    said = run('dig', '+time=1', '+tries=1', *words)
    status = re.search(r'status: (\w+)', said)
    return ' '.join([status.group(1) if status else 'silence', *sorted(re.findall(r'(?:IN\t(?:A|AAAA|TXT)\t)(.*)', said))])

def getent(database, name):
    lines = run('timeout', '5', 'getent', database, name).splitlines()
    return ' '.join(sorted({line.split()[0] for line in lines})) or 'nothing'

kinds = {'tcp': tcp, 'udp': udp, 'get': get, 'put': put, 'echo': echo, 'ping': ping, 'dig': dig, 'getent': getent}

def attempt(kind, words):
    try:
        return kinds[kind](*words)
    except Exception as error:
        return reason(error)

def as_user(user, do):
    """Begins what that user does, before there are threads (fork(2) and they do not go together); what it says is read from there."""
    read, write = os.pipe()
    if os.fork() == 0:
        os.setgroups([])
        os.setgid(user)
        os.setuid(user)
        os.write(write, do().encode())
        os._exit(0)
    os.close(write)
    return os.fdopen(read)

seen = {}
begun = {}
threads = []
for each in sys.argv[1:]:
    key, what = each.split('=', 1)
    user, kind = re.fullmatch(r'(?:@(\d+) )?(.*)', what).groups()
    kind, *words = kind.split(',')
    do = lambda kind=kind, words=words: attempt(kind, words)
    if user is None:
        threads.append(threading.Thread(target=lambda key=key, do=do: seen.update({key: do()})))
    else:
        begun[key] = as_user(int(user), do)
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
for key, told in begun.items():
    seen[key] = told.read()
print(json.dumps(seen, sort_keys=True))
