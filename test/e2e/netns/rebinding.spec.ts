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
      profile(['MATCH,DIRECT'], '', { 'nameserver-policy': "{'+.evil.example': '10.20.0.1:5301'}" }),
    );
  });
  afterAll(async () => {
    await world?.[Symbol.asyncDispose]();
  });

  const curl = async (from: Machine, url: string): Promise<string> =>
    (await from.run('curl', ['-sS', '-m', '3', url])).stdout;

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
