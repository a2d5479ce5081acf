/** A name whose owner has given it our own addresses leads nobody to what listens here only (DNS rebinding). */
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Machine } from '../../support/lab.ts';
import { Mirage } from '../../support/mirage.ts';
import { profile } from '../../support/profiles.ts';
import { describeInLab } from '../../support/tier.ts';
import { World } from '../../support/world.ts';

const secret = `
import http.server
class Secret(http.server.BaseHTTPRequestHandler):
  def do_GET(self):
    self.send_response(200); self.end_headers(); self.wfile.write(b'secret')
  def log_message(self, *args): pass
server = http.server.ThreadingHTTPServer(('0.0.0.0', 8088), Secret); print('ready', flush=True); server.serve_forever()`;

/** UDP to port 4000 of the first address from each of the others, in whole packets and in pieces. */
const spoof = `
import socket, struct, sys
s = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)
to = sys.argv[1]
for i, source in enumerate(sys.argv[2:]):
  udp = struct.pack('!HHHH', 5000, 4000, 24, 0) + b'x' * 16
  for flags, part in ((0, udp), (0x2000, udp[:16]), (2, udp[16:])):
    head = struct.pack('!BBHHHBBH4s4s', 0x45, 0, 20 + len(part), 9 + i, flags, 64, 17, 0, socket.inet_aton(source), socket.inet_aton(to))
    try:
      s.sendto(head + part, (to, 0))
    except OSError as e:
      print(source, e)
print('sent')`;

describeInLab('names that lead to this machine', () => {
  let world: World;
  let container: Machine;
  let mirage: Mirage;

  beforeAll(async () => {
    world = await World.create();
    container = await world.lab.machine('container');
    await world.lab.link(world.client, '172.30.0.1/24', container, '172.30.0.2/24');
    await container.sh('ip route add default via 172.30.0.1');
    await container.write('/etc/resolv.conf', 'nameserver 198.18.0.2\n');
    await world.client.sh(
      'echo 1 > /proc/sys/net/ipv4/ip_forward; echo "127.0.0.1 localhost meant.evil.example" > /etc/hosts',
    );
    const names = await world.startNameServer('10.20.0.1', 5301);
    await names.publish(
      'loopback.evil.example 127.0.0.1',
      'other.evil.example 127.8.8.8',
      'lan.evil.example 10.20.0.2',
      'bridge.evil.example 172.30.0.1',
      'link.evil.example 169.254.169.254',
      'tun.evil.example 198.18.0.1',
    );
    await world.client.spawn('python3', ['-c', secret]).printed(/ready/);
    mirage = new Mirage(world.client);
    await mirage.start();
    await mirage.enhanced(
      profile(['MATCH,DIRECT'], 'allow-lan: true\nallow-lan-without-users: true', {
        'nameserver-policy': "{'+.evil.example': '10.20.0.1:5301'}",
      }),
    );
  });
  afterAll(async () => {
    await world?.[Symbol.asyncDispose]();
  });

  const curl = async (from: Machine, url: string): Promise<string> =>
    (await from.run('curl', ['-sS', '-m', '8', url])).stdout;

  test.each(['loopback', 'other', 'lan', 'bridge', 'link', 'tun'])(
    '%s: from here and from a container',
    async (name) => {
      for (const from of [world.client, container]) {
        expect(await curl(from, `http://${name}.evil.example:8088/`)).toBe('');
      }
      // Also a program that leaves the name to the mixed port.
      expect(
        await world.client.run('curl', [
          '-s',
          '-m',
          '3',
          '-x',
          'socks5h://127.0.0.1:7890',
          `http://${name}.evil.example:8088/`,
        ]),
      ).toMatchObject({ stdout: '' });
    },
  );

  /** What a client of the mixed port, elsewhere, may call the loopback of this machine. */
  const inner = [
    'localhost',
    'any.localhost',
    'meant.evil.example',
    '127.0.0.1',
    '127.8.8.8',
    '2130706433',
    '0.0.0.0',
    '[::1]',
    '[::]',
    '[::ffff:127.0.0.1]',
    '169.254.169.254',
  ];
  test.each(['http', 'socks5h', 'socks4a'])(
    'a %s client elsewhere reaches no loopback, by name or by address',
    async (scheme) => {
      const ask = async (from: Machine, proxy: string, host: string) =>
        (await from.run('curl', ['-s', '-m', '8', '-x', `${scheme}://${proxy}:7890`, `http://${host}:8088/`])).stdout;
      const told = await Promise.all(inner.map((host) => ask(container, '172.30.0.1', host)));
      expect(told.filter((text) => text.includes('secret'))).toEqual([]);
      // Its owner may, by the same port; and a neighbour is reached.
      expect(await ask(world.client, '127.0.0.1', 'localhost')).toBe('secret');
      expect(await ask(container, '172.30.0.1', '10.20.0.2')).toBe('secret');
    },
  );

  test('a container cannot call it by the first bytes either', async () => {
    const known = (await container.sh('dig +short www.direct.example @198.18.0.2')).trim();
    expect(known).toMatch(/^198\.1[89]\./);
    for (const host of ['localhost', 'meant.evil.example', '127.0.0.1'])
      for (const address of [known, '198.18.200.200'])
        expect(
          (await container.run('curl', ['-s', '-m', '8', '-H', `Host: ${host}`, `http://${address}:8088/`])).stdout,
        ).toBe('');
  });

  test('a container cannot speak as this machine, nor reach the data plane itself', async () => {
    const [known = ''] = (await container.sh('dig +short www.direct.example @198.18.0.2')).split('\n');
    const sources = ['198.18.0.1', '127.0.0.1', '10.20.0.2', '172.30.0.1', '0.0.0.0', '224.0.0.1', '255.255.255.255'];
    await container.sh('echo 0 > /proc/sys/net/ipv4/conf/all/rp_filter');
    const { stdout } = await container.run('python3', ['-c', spoof, known, ...sources, '172.30.0.2']);
    expect(stdout.trim()).toBe('sent');
    const spoofed = async () => (await mirage.connections()).filter(({ destination }) => destination.port === 4000);
    await expect.poll(async () => (await spoofed()).length).toBeGreaterThan(0);
    expect(new Set((await spoofed()).map(({ source }) => source.host))).toEqual(new Set(['172.30.0.2']));

    // The kernel's listener for captured connections, wherever it is, has nothing to say to others.
    const listening = await world.client.sh("ss -Hltn src 198.18.0.1 | sed 's/.*198.18.0.1:\\([0-9]*\\).*/\\1/'");
    expect(listening.trim()).not.toBe('');
    for (const port of listening.trim().split('\n')) {
      const answer = await container.run('curl', ['-s', '-m', '2', '--http0.9', `http://198.18.0.1:${port}/`]);
      expect(answer).toMatchObject({ stdout: '' });
      expect(answer.code).not.toBe(0);
    }
    expect((await mirage.connections()).filter(({ destination }) => destination.host === '198.18.0.1')).toEqual([]);
  });

  test('the names were understood, and refused for what they lead to', async () => {
    const rows = (await mirage.connections()).filter(({ destination }) => destination.host === 'loopback.evil.example');
    expect(rows.length).toBeGreaterThan(0);
    expect(new Set(rows.map(({ error }) => error?.code))).toEqual(new Set(['DIAL_REJECTED']));
  });

  test('what is meant works: the address itself, and a name that the machine has for it', async () => {
    expect(await curl(world.client, 'http://127.0.0.1:8088/')).toBe('secret');
    expect(await curl(world.client, 'http://10.20.0.2:8088/')).toBe('secret');
    expect(await curl(world.client, 'http://localhost:8088/')).toBe('secret');
    expect(await curl(world.client, 'http://meant.evil.example:8088/')).toBe('secret');
    expect(await curl(container, 'http://172.30.0.1:8088/')).toBe('secret');
  });
});
