/**
 * Beside the routing of other programs, under strict rp_filter: DIRECT leaves where the kernel would send it without us, and what
 * the rules give to a proxy goes there, whoever came first. The servers on both ways tell from which address they were asked.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Machine } from '../../support/lab.ts';
import { Mirage } from '../../support/mirage.ts';
import { profile } from '../../support/profiles.ts';
import { describeInLab } from '../../support/tier.ts';
import { World } from '../../support/world.ts';

/** From which address the far side was asked. */
const ways = { direct: '10.20.0.2', vpn: '10.66.0.2', proxy: '203.0.113.1' } as const;

interface Setup {
  readonly on: string;
  readonly off: string;
}

const wgQuick: Setup = {
  on: `ip route add default via 10.66.0.1 table 51820; ip rule add not fwmark 0xca6c table 51820; ip rule add table main suppress_prefixlength 0`,
  // As wg-quick ends: it deletes until it sees none of its rules any more, and must not take ours for its own.
  off: `n=0; while ip rule show | grep -q "lookup 51820"; do ip rule del table 51820; n=$((n+1)); [ $n -lt 9 ]; done
while ip rule show | grep -q "from all lookup main suppress_prefixlength 0"; do ip rule del table main suppress_prefixlength 0; n=$((n+1)); [ $n -lt 9 ]; done
ip route flush table 51820; [ $n = 2 ]`,
};
const halves: Setup = {
  on: 'for p in 0.0.0.0/1 128.0.0.0/1; do ip route add $p via 10.66.0.1; done',
  off: 'for p in 0.0.0.0/1 128.0.0.0/1; do ip route del $p; done',
};
const tailscaleRules =
  'pref 5210 fwmark 0x80000/0xff0000 lookup main; pref 5230 fwmark 0x80000/0xff0000 lookup default; pref 5250 fwmark 0x80000/0xff0000 unreachable; pref 5270 lookup 52'.split(
    '; ',
  );
const exitNode: Setup = {
  on: `${tailscaleRules.map((rule) => `ip rule add ${rule}`).join('; ')}; ip route add 192.168.77.0/24 via 10.66.0.1 table 52; ip route add default via 10.66.0.1 table 52; ip route add throw 10.20.0.0/24 table 52`,
  off: `${tailscaleRules.map((rule) => `ip rule del ${rule}`).join('; ')}; ip route flush table 52`,
};
/** All but 10.0.0.0/8, as calculators of AllowedIPs write it. */
const allowedIps = '0.0.0.0/5 8.0.0.0/7 11.0.0.0/8 12.0.0.0/6 16.0.0.0/4 32.0.0.0/3 64.0.0.0/2 128.0.0.0/2 192.0.0.0/3';
const calculated: Setup = {
  on: `for p in ${allowedIps}; do ip route add $p via 10.66.0.1; done`,
  off: `for p in ${allowedIps}; do ip route del $p; done`,
};
const both = (...setups: Setup[]): Setup => ({
  on: setups.map(({ on }) => on).join('\n'),
  off: setups.map(({ off }) => off).join('\n'),
});

const askWho = `
const s = require('dgram').createSocket('udp4'); s.on('error', (e) => { console.log(e.code); s.close(); });
s.on('message', (m) => { console.log(String(m)); s.close(); }); s.send('x', 10, '203.0.113.80'); setTimeout(() => process.exit(), 1500).unref();`;

describeInLab('beside a VPN', () => {
  let world: World;
  let vpn: Machine;
  let mirage: Mirage;
  let plain: string;

  beforeAll(async () => {
    world = await World.create();
    vpn = await world.lab.machine('vpn');
    await world.lab.link(world.client, '10.66.0.2/24', vpn, '10.66.0.1/24');
    // The internet of the VPN: the same addresses, and a network that is only there.
    await vpn.sh('for a in 203.0.113.80 203.0.113.81 192.168.77.7; do ip addr add $a/32 dev lo; done');
    await world.web.sh('ip addr add 203.0.113.81/32 dev lo');
    await world.client.sh('for f in /proc/sys/net/ipv4/conf/*/rp_filter; do echo 1 > $f; done');
    await Promise.all([
      world.startDante(),
      ...[world.web, vpn].flatMap((machine) =>
        ['203.0.113.80', '203.0.113.81', ...(machine === vpn ? ['192.168.77.7'] : [])].map(async (address) => {
          const server = machine.spawn(process.execPath, [
            new URL('../../support/web-server.ts', import.meta.url).pathname,
            address,
          ]);
          await server.printed(/ready/);
        }),
      ),
    ]);
    const inside = await world.startNameServer('10.20.0.1', 5301);
    await inside.publish('nas.inside.example 192.168.77.7');
    mirage = new Mirage(world.client);
    await mirage.start();
    plain = await world.client.networkState();
    await turnOn();
  });
  afterAll(async () => {
    await world?.[Symbol.asyncDispose]();
  });

  const turnOn = async (): Promise<void> => {
    const rules = ['DOMAIN-SUFFIX,hidden.example,dante', 'IP-CIDR,203.0.113.81/32,dante,no-resolve', 'MATCH,DIRECT'];
    await mirage.enhanced(profile(rules, '', { 'nameserver-policy': "{'+.inside.example': '10.20.0.1:5301'}" }));
  };
  const curl = async (host: string): Promise<string> => {
    const { stdout, stderr } = await world.client.run('curl', ['-sS', '-m', '1', `http://${host}/`]);
    return /client=(\S+)/.exec(stdout)?.[1] ?? stderr.trim();
  };
  const udp = async (): Promise<string> =>
    (await world.client.run(process.execPath, ['-e', askWho])).stdout.trim().replace('client=', '');
  const dig = async (): Promise<string> =>
    (await world.client.run('dig', ['+short', '+time=1', '+tries=1', '@10.20.0.1', 'direct.example'])).stdout.trim();

  /** Everything that people do, and which way each went. */
  const look = async (): Promise<Record<string, string>> => {
    const asked = await Promise.all([
      curl('direct.example'),
      curl('203.0.113.80'),
      udp(),
      curl('www.hidden.example'),
      curl('203.0.113.81'),
      dig(),
    ]);
    const [name, address, datagram, proxiedName, proxiedAddress, question] = asked;
    return {
      name,
      address,
      datagram,
      proxiedName,
      proxiedAddress,
      dns: /^198\.1[89]\./.test(question) ? 'fake' : question,
    };
  };
  const by = (way: string): Record<string, string> => ({
    name: way,
    address: way,
    datagram: way,
    proxiedName: ways.proxy,
    proxiedAddress: ways.proxy,
    dns: 'fake',
  });
  /** Our rules follow those of others within a moment. */
  const settles = async (wanted: Record<string, string>): Promise<void> => {
    await expect.poll(() => curl('203.0.113.80'), { timeout: 4_000, interval: 50 }).toBe(wanted.address);
    await expect.poll(look, { timeout: 4_000, interval: 50 }).toEqual(wanted);
  };

  describe.each<[string, Setup]>([
    ['wg-quick', wgQuick],
    ['two halves', halves],
    ['a Tailscale exit node', exitNode],
    ['calculated AllowedIPs', calculated],
    ['wg-quick over two halves', both(halves, wgQuick)],
    ['a Tailscale exit node and wg-quick', both(exitNode, wgQuick)],
    ['calculated AllowedIPs and an exit node', both(calculated, exitNode)],
  ])('%s', (_who, setup) => {
    test('comes while we run, is there when we start, and ends while we run', async () => {
      await world.client.sh(setup.on);
      await settles(by(ways.vpn));
      await mirage.off();
      await turnOn();
      expect(await look()).toEqual(by(ways.vpn));
      await world.client.sh(setup.off);
      await settles(by(ways.direct));
    });
  });

  test('a network behind another table: by address and by name', async () => {
    await world.client.sh('ip rule add pref 5270 lookup 52; ip route add 192.168.77.0/24 via 10.66.0.1 table 52');
    await settles(by(ways.direct));
    expect(await curl('192.168.77.7')).toBe(ways.vpn);
    expect(await curl('nas.inside.example')).toBe(ways.vpn);
    await world.client.sh('ip rule del pref 5270; ip route flush table 52');
  });

  test('routing by port and by mark of others is for our sockets as for anybody', async () => {
    await world.client.sh(
      'ip route add default via 10.66.0.1 table 77; ip rule add pref 700 ipproto tcp dport 80 lookup 77',
    );
    await settles({ ...by(ways.direct), name: ways.vpn, address: ways.vpn });
    await world.client.sh('ip rule del pref 700; ip route flush table 77');
    await settles(by(ways.direct));
  });

  test('a packet that a VPN has marked as its own passes us by', async () => {
    await world.client.sh(wgQuick.on);
    await settles(by(ways.vpn));
    expect(await world.client.sh('ip route get 203.0.113.81 mark 0xca6c')).toContain('dev eth0');
    expect(await world.client.sh('ip route get 203.0.113.81')).toContain('dev mirage0');
    await world.client.sh(wgQuick.off);
    await settles(by(ways.direct));
  });

  test('connections that are open go the new way: they are reset, both sides, and at once', async () => {
    const open = world.client.spawn('python3', [
      '-c',
      `import socket
s = socket.create_connection(('direct.example', 7)); s.sendall(b'x'); s.recv(1); print('open', flush=True)
try:
  print('read', s.recv(1), flush=True)
except OSError as e:
  print(e.strerror, flush=True)`,
    ]);
    await open.printed(/open/);
    const peer = 'ss -tnH state established | grep :7[^0-9] || true';
    expect(await world.web.sh(peer)).toContain('203.0.113.80:7');
    const begun = performance.now();
    await world.client.sh(halves.on);
    await open.printed(/Connection reset by peer/);
    expect(performance.now() - begun).toBeLessThan(3_000);
    await expect.poll(() => world.web.sh(peer), { timeout: 1_000 }).toBe('');
    await world.client.sh(halves.off);
    await settles(by(ways.direct));
    const rerouted = (await mirage.connections()).filter(({ destination }) => destination.port === 7);
    expect(rerouted.map(({ state }) => state)).toEqual(['closed']);
  });

  test('a source address that is gone ends its connections; what goes another way stays', async () => {
    await world.client.sh('ip addr add 10.20.0.3/24 dev eth0; ip route replace default via 10.20.0.1 src 10.20.0.3');
    await settles(by('10.20.0.3'));
    const hold = (port: number): string =>
      `import socket; s = socket.create_connection(('direct.example', ${port})); s.sendall(b'x'); print('open', flush=True)
try:
  print('read', s.recv(2), s.recv(2), flush=True)
except OSError as e:
  print(e.strerror, flush=True)`;
    const open = world.client.spawn('python3', ['-c', hold(7)]);
    await open.printed(/open/);
    await world.client.sh('ip route replace default via 10.20.0.1; ip addr del 10.20.0.3/24 dev eth0');
    await open.printed(/Connection reset by peer/);
    await settles(by(ways.direct));
  });

  test('off: everything is as it was', async () => {
    await mirage.off();
    await sleep(100);
    expect(await world.client.networkState()).toBe(plain);
  });
});
