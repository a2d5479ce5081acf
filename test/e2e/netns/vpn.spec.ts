/**
 * Beside the routing of other programs: DIRECT leaves where the kernel would send it without us, and what the rules give to a proxy
 * goes there, whoever came first. The servers on both ways tell from which address they were asked, and a capture on each link what
 * left by it. With MIRAGE_ALL_PAIRS=1 every two set-ups are tried together, in both orders.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Machine } from '../../support/lab.ts';
import { LeakWatch } from '../../support/leak-watch.ts';
import { Mirage } from '../../support/mirage.ts';
import { profile } from '../../support/profiles.ts';
import { describeInLab } from '../../support/tier.ts';
import { World } from '../../support/world.ts';

/** From which address the far side was asked. */
const ways = { direct: '10.20.0.2', vpn: '10.66.0.2', proxy: '203.0.113.1' } as const;
const linkOf: Readonly<Record<string, string>> = { [ways.direct]: 'eth0', [ways.vpn]: 'eth1' };

/** What leaves the client, as tcpdump puts it. */
const kinds: Readonly<Record<string, RegExp>> = {
  web: / > 203\.0\.113\.80\.80: Flags/,
  datagram: / > 203\.0\.113\.80\.10: UDP/,
  ping: / > 203\.0\.113\.80: ICMP echo request/,
  proxy: / > 10\.20\.0\.1\.1080: Flags/,
  dns: / > 10\.20\.0\.1\.53: /,
};
/** A target of a proxied rule, or its name. */
const proxied = / > 203\.0\.113\.81[.:]|hidden\.example/;

/** What came of everything that people do, and by which links each kind of packet left. */
interface Observed {
  readonly asked: Readonly<Record<string, string>>;
  readonly left: Readonly<Record<string, string>>;
}

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
/** Cilium has the machine's own addresses looked for behind its own rules. */
const localMoved: Setup = {
  on: 'ip rule add pref 9 fwmark 0x200/0xf00 lookup 2004; ip rule add pref 100 lookup local; ip rule del pref 0',
  off: 'ip rule add pref 0 lookup local; ip rule del pref 100; ip rule del pref 9',
};
const strict: Setup = {
  on: 'for f in /proc/sys/net/ipv4/conf/*/rp_filter; do echo 1 > $f; done',
  off: 'for f in /proc/sys/net/ipv4/conf/*/rp_filter; do echo 0 > $f; done',
};
const setups: Readonly<Record<string, Setup>> = {
  'wg-quick': wgQuick,
  'two halves': halves,
  'a Tailscale exit node (table 52)': exitNode,
  'calculated AllowedIPs': calculated,
  'strict rp_filter': strict,
  'the local rule moved': localMoved,
};
const names = Object.keys(setups);
const singles = names.map((name) => [name]);
const chosenSetups =
  process.env['MIRAGE_ALL_PAIRS'] === '1'
    ? [...singles, ...names.flatMap((first) => names.filter((each) => each !== first).map((second) => [first, second]))]
    : [
        ...singles.filter(([name]) => name !== 'calculated AllowedIPs'),
        ['a Tailscale exit node (table 52)', 'wg-quick'],
        ['strict rp_filter', 'calculated AllowedIPs'],
      ];

const askWho = `
const s = require('dgram').createSocket('udp4'); s.on('error', (e) => { console.log(e.code); s.close(); });
s.on('message', (m) => { console.log(String(m)); s.close(); }); s.send('x', 10, '203.0.113.80'); setTimeout(() => process.exit(), 1500 * Number(process.argv[1])).unref();`;

describeInLab('beside a VPN', () => {
  let world: World;
  let vpn: Machine;
  let mirage: Mirage;
  let plain: string;
  let capture: LeakWatch;
  /** When rules of others may stand before ours. Unix milliseconds. */
  const moments: { readonly from: number; readonly to: number }[] = [];

  beforeAll(async () => {
    world = await World.create();
    vpn = await world.lab.machine('vpn');
    await world.lab.link(world.client, '10.66.0.2/24', vpn, '10.66.0.1/24');
    // The internet of the VPN: the same addresses, and a network that is only there.
    await vpn.sh('for a in 203.0.113.80 203.0.113.81 192.168.77.7; do ip addr add $a/32 dev lo; done');
    await world.web.sh('ip addr add 203.0.113.81/32 dev lo');
    await world.client.sh(strict.off);
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
    capture = await LeakWatch.start(world.client, ['eth0', 'eth1'], 'ip6');
    await turnOn();
  });
  afterAll(async () => {
    await world?.[Symbol.asyncDispose]();
  });

  const turnOn = async (): Promise<void> => {
    const rules = ['DOMAIN-SUFFIX,hidden.example,dante', 'IP-CIDR,203.0.113.81/32,dante,no-resolve', 'MATCH,DIRECT'];
    await mirage.enhanced(profile(rules, '', { 'nameserver-policy': "{'+.inside.example': '10.20.0.1:5301'}" }));
  };
  // `patience`: how long an answer is waited for, in seconds.
  const curl = async (host: string, patience = 8): Promise<string> => {
    const { stdout, stderr } = await world.client.run('curl', ['-sS', '-m', String(patience), `http://${host}/`]);
    return /client=(\S+)/.exec(stdout)?.[1] ?? stderr.trim();
  };
  const udp = async (patience: number): Promise<string> =>
    (await world.client.run(process.execPath, ['-e', askWho, String(patience)])).stdout.trim().replace('client=', '');
  const dig = async (patience: number, type = 'A'): Promise<string> => {
    const options = ['+short', '+tries=1', `+time=${patience}`];
    return (await world.client.run('dig', [...options, '@10.20.0.1', 'direct.example', type])).stdout.trim();
  };
  const ping = async (host: string, patience: number): Promise<string> => {
    const { stdout } = await world.client.run('ping', ['-n', '-c', '1', '-W', String(patience), host]);
    return /Packet filtered|prohibited/.test(stdout) ? 'refused' : (/\d received/.exec(stdout)?.[0] ?? stdout);
  };

  const observe = async (wants: readonly string[], ask: () => Promise<Record<string, string>>): Promise<Observed> => {
    const begun = Date.now();
    const position = capture.position();
    const asked = await ask();
    const left = (): Record<string, string> => {
      const found: Record<string, string> = {};
      for (const { time, link, text } of capture.packets(position)) {
        if (time < begun) continue;
        const kind = Object.entries(kinds).find(([, pattern]) => pattern.test(text))?.[0] ?? text;
        if (found[kind]?.includes(link) !== true) found[kind] = [found[kind] ?? [], link].flat().toSorted().join(' ');
      }
      return found;
    };
    // tcpdump tells a moment later.
    for (let i = 0; i < 200 && wants.some((kind) => left()[kind] === undefined); i++) await sleep(25);
    await sleep(25);
    // What is known already is not asked for again.
    const { dns = 'eth0', ...others } = left();
    expect(dns).toBe('eth0');
    return { asked, left: others };
  };
  const askDirect = async (patience: number) => {
    const [name, address, datagram, pingName, pingAddress, text] = await Promise.all([
      curl('direct.example', patience),
      curl('203.0.113.80', patience),
      udp(patience),
      ping('direct.example', patience),
      ping('203.0.113.80', patience),
      dig(patience, 'TXT'),
    ]);
    return { name, address, datagram, pingName, pingAddress, text };
  };
  const askProxied = async (patience: number) => {
    const [proxiedName, proxiedAddress, proxiedPingName, proxiedPing, question] = await Promise.all([
      curl('www.hidden.example', patience),
      curl('203.0.113.81', patience),
      ping('www.hidden.example', patience),
      ping('203.0.113.81', patience),
      dig(patience),
    ]);
    const dns = question.replace(/^198\.1[89]\.[\d.]+$/, 'fake');
    return { proxiedName, proxiedAddress, proxiedPingName, proxiedPing, dns };
  };
  const lookWithout = () => observe(['web', 'datagram', 'ping'], () => askDirect(8));
  const look = (patience = 8) =>
    observe(['web', 'datagram', 'ping', 'proxy'], async () =>
      Object.assign({}, ...(await Promise.all([askDirect(patience), askProxied(patience)]))),
    );
  /** What the rule says is DIRECT goes `way`. */
  const without = (way: string, change: Record<string, string> = {}): Observed => {
    const link = linkOf[way] ?? 'eth0';
    return {
      asked: {
        name: way,
        address: way,
        datagram: way,
        pingName: '1 received',
        pingAddress: '1 received',
        text: '"hello from the far side"',
        ...change,
      },
      left: { web: linkOf[change['name'] ?? way] ?? link, datagram: link, ping: link },
    };
  };
  /** And what it says is for the proxy goes there, which cannot carry pings. */
  const beside = (way: string, change: Record<string, string> = {}): Observed => {
    const { asked, left } = without(way, change);
    const refused = { proxiedPingName: 'refused', proxiedPing: 'refused' };
    return {
      asked: { ...asked, ...refused, proxiedName: ways.proxy, proxiedAddress: ways.proxy, dns: 'fake' },
      left: { ...left, proxy: 'eth0' },
    };
  };
  /** Our rules follow those of others within a moment, for which these may come first. */
  const settles = async (wanted: Observed): Promise<void> => {
    const from = Date.now();
    // First without names: a question that is lost in that moment holds up a program for seconds. Each time with more patience.
    let patience = 1;
    const addresses = () => Promise.all([curl('203.0.113.80', patience), curl('203.0.113.81', patience++)]);
    await expect.poll(addresses, { timeout: 40_000, interval: 50 }).toEqual([wanted.asked['address'], ways.proxy]);
    moments.push({ from, to: Date.now() });
    patience = 1;
    await expect.poll(() => look(patience++), { timeout: 40_000, interval: 50 }).toEqual(wanted);
  };

  /** With us as without us, and whoever comes first. */
  const isTransparent = async (ons: readonly Setup[]): Promise<void> => {
    const way = ons.every((each) => each === strict || each === localMoved) ? ways.direct : ways.vpn;
    for (const { on } of ons) await world.client.sh(on);
    await settles(beside(way));
    await mirage.off();
    expect(await lookWithout()).toEqual(without(way));
    await turnOn();
    expect(await look()).toEqual(beside(way));
    for (const { off } of ons) await world.client.sh(off);
    await settles(beside(ways.direct));
  };

  test.each(chosenSetups.map((chosen) => ({ title: chosen.join(' and '), chosen })))(
    '$title: comes while we run, is there when we start, and ends while we run',
    async ({ chosen }) => {
      await isTransparent(chosen.flatMap((name) => setups[name] ?? []));
    },
  );

  describe('under strict rp_filter', () => {
    beforeAll(async () => {
      await world.client.sh(strict.on);
    });

    test('a network behind another table: by address and by name', async () => {
      await world.client.sh('ip rule add pref 5270 lookup 52; ip route add 192.168.77.0/24 via 10.66.0.1 table 52');
      await settles(beside(ways.direct));
      expect(await curl('192.168.77.7')).toBe(ways.vpn);
      expect(await curl('nas.inside.example')).toBe(ways.vpn);
      await world.client.sh('ip rule del pref 5270; ip route flush table 52');
    });

    test('routing by port and by mark of others is for our sockets as for anybody', async () => {
      await world.client.sh(
        'ip route add default via 10.66.0.1 table 77; ip rule add pref 700 ipproto tcp dport 80 lookup 77',
      );
      await settles(beside(ways.direct, { name: ways.vpn, address: ways.vpn }));
      await world.client.sh('ip rule del pref 700; ip route flush table 77');
      await settles(beside(ways.direct));
    });

    test('routing by protocol: pings go their own way, and connections stay when something else changes', async () => {
      await world.client.sh(
        'ip route add default via 10.66.0.1 table 77; ip rule add pref 700 ipproto udp to 203.0.113.0/24 lookup 77; ip rule add pref 701 ipproto tcp dport 7 lookup 77',
      );
      await expect.poll(() => ping('203.0.113.80', 1)).toBe('1 received');
      const open = world.client.spawn(
        'python3',
        [
          '-c',
          `import socket, sys
s = socket.create_connection(('203.0.113.80', 7)); s.sendall(b'x'); s.recv(1); print('open', s.gettimeout(), flush=True)
sys.stdin.readline(); s.sendall(b'y'); print('still', s.recv(1), flush=True)`,
        ],
        { stdin: 'pipe' },
      );
      await open.printed(/open/);
      const peer = 'ss -tnH state established | grep :7[^0-9] || true';
      expect([await vpn.sh(peer), await world.web.sh(peer)]).toEqual([expect.stringContaining('203.0.113.80:7'), '']);
      await world.client.sh('ip route add 192.0.2.0/24 via 10.20.0.1; sleep 0.5; ip route del 192.0.2.0/24; sleep 0.5');
      open.process.stdin?.write('go\n');
      await open.printed(/still b'y'/);
      await world.client.sh('ip rule del pref 700; ip rule del pref 701; ip route flush table 77');
      await settles(beside(ways.direct));
    });

    test('a packet that a VPN has marked as its own passes us by', async () => {
      await world.client.sh(wgQuick.on);
      await settles(beside(ways.vpn));
      expect(await world.client.sh('ip route get 203.0.113.81 mark 0xca6c')).toContain('dev eth0');
      expect(await world.client.sh('ip route get 203.0.113.81')).toContain('dev mirage0');
      await world.client.sh(wgQuick.off);
      await settles(beside(ways.direct));
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
      await world.client.sh(halves.on);
      // Without a reset it would wait for ever.
      await open.printed(/Connection reset by peer/);
      await expect.poll(() => world.web.sh(peer)).toBe('');
      await world.client.sh(halves.off);
      await settles(beside(ways.direct));
      const rerouted = (await mirage.connections()).filter(
        ({ destination: { host, port } }) => host === 'direct.example' && port === 7,
      );
      expect(rerouted.map(({ state }) => state)).toEqual(['closed']);
    });

    test('a source address that is gone ends its connections; what goes another way stays', async () => {
      await world.client.sh('ip addr add 10.20.0.3/24 dev eth0; ip route replace default via 10.20.0.1 src 10.20.0.3');
      await settles(beside('10.20.0.3'));
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
      await settles(beside(ways.direct));
    });
  });

  test('off: everything is as it was, and nothing ever went to the target of a proxied rule but by the proxy', async () => {
    await mirage.off();
    const packets = await capture.stop();
    const isSettled = (time: number) => !moments.some(({ from, to }) => time >= from && time < to);
    expect(packets.filter(({ text, time }) => proxied.test(text) && isSettled(time))).toEqual([]);
    expect(packets.filter(({ text }) => kinds['proxy']?.test(text)).length).toBeGreaterThan(50);
    await sleep(100);
    expect(await world.client.networkState()).toBe(plain);
  });
});
