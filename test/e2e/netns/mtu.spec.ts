/** Sizes of packets: another MTU of the TUN while programs go on, and what programs hear that look for a path's MTU. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { Mirage } from '../../support/mirage.ts';
import { profile } from '../../support/profiles.ts';
import { describeInLab } from '../../support/tier.ts';
import { addresses, World } from '../../support/world.ts';

/** A slow download at port 7100, until its other side says "enough"; an echo of datagrams at 7101. */
const serve = `
import socket, sys, threading, time
tcp = socket.create_server((sys.argv[1], 7100))
udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
udp.bind((sys.argv[1], 7101))
def echo():
    while True:
        data, peer = udp.recvfrom(65536)
        udp.sendto(data, peer)
threading.Thread(target=echo, daemon=True).start()
print('ready', flush=True)
peer, _ = tcp.accept()
peer.setblocking(False)
sent = 0
while True:
    try:
        if peer.recv(10): break
    except BlockingIOError: pass
    peer.setblocking(True)
    peer.sendall(bytes((sent + n) % 251 for n in range(5000)))
    peer.setblocking(False)
    sent += 5000
    time.sleep(0.005)
peer.setblocking(True)
peer.sendall(b'end')
peer.close()`;

/** Downloads and talks by UDP, by turns in 100 and in 4,000 bytes, until a file is there; prints what came and what was lost. */
const use = `
import os, socket, sys, time
tcp = socket.create_connection((sys.argv[1], 7100))
udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
udp.connect((sys.argv[1], 7101))
udp.settimeout(20)
got = talks = 0
lost = []
print('ready', flush=True)
tcp.setblocking(False)
def take():
    global got
    try: data = tcp.recv(1 << 20)
    except BlockingIOError: return True
    end = data.endswith(b'end')
    body = data[:-3] if end else data
    assert body == bytes((got + n) % 251 for n in range(len(body))), 'the download is not what was sent'
    got += len(body)
    return not end and data != b''
while not os.path.exists(sys.argv[2]):
    word = bytes([talks % 256]) * (4000 if talks % 2 else 100)
    talks += 1
    udp.send(word)
    try:
        if udp.recv(65536) != word: lost.append(talks)
    except TimeoutError: lost.append(talks)
    assert take(), 'the download has ended'
    time.sleep(0.005)
tcp.send(b'enough')
while take(): time.sleep(0.001)
print(got > 0, talks > 30, lost, talks)`;

/** Sends as many bytes as said, not to be cut, and looks at what the kernel has heard of it; one line for each size. */
const probe = `
import errno, socket, struct, sys
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.setsockopt(0, 10, int(sys.argv[2]))
s.setsockopt(0, 11, 1)
s.setsockopt(0, 2, int(sys.argv[3]))
s.connect((sys.argv[1], 7101))
s.settimeout(3)
for size in map(int, sys.argv[4:]):
    try:
        s.send(bytes(size))
        said = str(len(s.recv(65536)))
    except OSError as error: said = errno.errorcode.get(error.errno, 'silence')
    try:
        _, beside, _, _ = s.recvmsg(100, 500, 0x2000)
        number, origin, kind, code, _, info, _ = struct.unpack_from('=IBBBBII', beside[0][2])
        offender = socket.inet_ntoa(beside[0][2][20:24])
        said += f' / {errno.errorcode[number]} origin {origin} mtu {info} from {offender}'
    except (BlockingIOError, TimeoutError): pass
    print(size, said, 'path', s.getsockopt(0, 14), flush=True)`;

describeInLab('MTU', () => {
  let world: World;
  let mirage: Mirage;

  const config = (mtu: number): string => profile(['MATCH,DIRECT'], `tun: { mtu: ${mtu} }`);

  beforeAll(async () => {
    world = await World.create();
    mirage = new Mirage(world.client);
    await mirage.start();
    await mirage.enhanced(config(1500));
  });
  afterAll(async () => {
    await world?.[Symbol.asyncDispose]();
  });

  test('another MTU is set on the device that is there: a download and a conversation go on', async () => {
    const server = world.web.spawn('python3', ['-c', serve, addresses.web]);
    await server.printed(/ready/);
    const enough = `${world.client.directory}/enough`;
    const user = world.client.spawn('python3', ['-c', use, addresses.web, enough]);
    await user.printed(/ready/);
    const link = async (): Promise<string> => await world.client.sh('ip -o link show mirage0');
    const [index] = (await link()).split(':');
    for (const mtu of [9000, 1280, 65_535, 1500]) {
      await mirage.enhanced(config(mtu));
      const now = await link();
      expect(now).toContain(`mtu ${mtu} `);
      expect(now.split(':')[0]).toBe(index);
      // The smallest one leaves the device its IPv6 address.
      expect(await world.client.sh('ip -6 -o address show dev mirage0')).toContain('fdfe:dcba:9876::1');
      await new Promise((resolve) => setTimeout(resolve, 200));
    }
    await world.client.write(enough, '');
    await user.printed(/True True \[\]/);
    await server.stop('SIGKILL');
  });

  test('a program that looks for the MTU of a path hears it', async () => {
    await mirage.enhanced(config(9000));
    const server = world.web.spawn('python3', ['-c', serve, addresses.web]);
    await server.printed(/ready/);
    const look = async (how: number, hops: number, ...sizes: number[]): Promise<string[]> => {
      const args = ['-c', probe, addresses.web, String(how), String(hops), ...sizes.map(String)];
      const { stdout, stderr } = await world.client.run('python3', args);
      expect(stderr).toBe('');
      return stdout.trim().split('\n');
    };
    // The link of this machine: to a probe, which has another hop limit, we say what its kernel would have.
    const near = 'ip link set eth0 mtu';
    await world.client.sh(`${near} 1400`);
    expect(await look(2, 33, 1_372, 1_472, 1_472)).toEqual([
      '1372 1372 path 9000',
      expect.stringMatching(/^1472 \S+ \/ EMSGSIZE origin 2 mtu 1400 from 198\.18\.0\.2 path 1400$/),
      expect.stringMatching(/^1472 EMSGSIZE \/ EMSGSIZE origin 1 mtu 1400 .* path 1400$/),
    ]);
    await world.client.sh(`${near} 1500; ip route flush cache`);
    // A link behind the router: what the router says is passed on. IP_PMTUDISC_PROBE asks again whatever is known.
    const far = (await world.router.sh('ip -o route get 203.0.113.80')).match(/dev (\S+)/)?.[1];
    await world.router.sh(`ip link set ${far} mtu 1300`);
    expect(await look(3, 64, 1_272, 1_472)).toEqual([
      '1272 1272 path 9000',
      expect.stringMatching(/^1472 \S+ \/ EMSGSIZE origin 2 mtu 1300 from 10\.20\.0\.1 path 1300$/),
    ]);
    // IP_PMTUDISC_DO: from then on the program's own kernel says so.
    expect(await look(2, 64, 1_272, 1_273)).toEqual([
      '1272 1272 path 1300',
      expect.stringMatching(/^1273 \S+ \/ EMSGSIZE origin 1 mtu 1300 /),
    ]);
  });
});
