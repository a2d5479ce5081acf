"""What programs do every day, all at once: prints what came of each as JSON.

`everyday.py [KEY=KIND,WORD,...]...`: tcp HOST PORT, udp HOST PORT, ping WORD..., dig WORD..., getent DATABASE NAME; before the kind, `@UID ` does it as
that user. TCP and UDP tell from which address the far side (test/support/web-server.ts) was asked, or the errno.
"""
import encodings.idna  # A user who may not read our directories cannot load it later.
import errno, json, os, re, socket, subprocess, sys, threading

PATIENCE = 1.2

def reason(error):
    return errno.errorcode.get(error.errno, str(error)) if isinstance(error, OSError) and error.errno else type(error).__name__

def tcp(host, port='80'):
    with socket.create_connection((host, int(port)), PATIENCE) as s:
        s.sendall(b'GET / HTTP/1.0\r\nHost: h\r\n\r\n')
        heard = b''
        while part := s.recv(4096):
            heard += part
        return re.search(rb'client=(\S+)', heard).group(1).decode()

def udp(host, port='10'):
    family, kind, _, _, to = socket.getaddrinfo(host, int(port), type=socket.SOCK_DGRAM)[0]
    with socket.socket(family, kind) as s:
        s.settimeout(PATIENCE)
        s.connect(to)
        s.send(b'x')
        return s.recv(999).decode().replace('client=', '')

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

kinds = {'tcp': tcp, 'udp': udp, 'ping': ping, 'dig': dig, 'getent': getent}

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
