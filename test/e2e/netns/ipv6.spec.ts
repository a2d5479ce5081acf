/** Connections to real IPv6 addresses: by the rules where the machine has IPv6 or the profile wants it, else unreachable; never around us. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { ConnectionRow } from '../../../core/contract/flow.ts';
import { promptly } from '../../support/eventually.ts';
import { Mirage } from '../../support/mirage.ts';
import { profile } from '../../support/profiles.ts';
import { describeInLab } from '../../support/tier.ts';
import { World } from '../../support/world.ts';

const web = '2001:db8:80::80';
const rules = ['IP-CIDR6,2001:db8:80::81/128,micro', 'IP-CIDR6,2001:db8:80::82/128,REJECT', 'MATCH,DIRECT'];
/** Answers with the client's address. */
const server = `
require('http').createServer((q, r) => r.end('client=' + q.socket.remoteAddress + '\\n')).listen(80, '::', () => console.log('ready'));
const udp = require('dgram').createSocket('udp6'); udp.on('message', (m, from) => udp.send('you are ' + from.address, from.port, from.address)); udp.bind(9, '${web}');`;
const connect = `require('net').connect(Number(process.argv[2]), process.argv[1], () => { console.log('open'); process.exit(); }).on('error', (e) => console.log(e.code))`;
const askUdp = `
const s = require('dgram').createSocket('udp6'); s.on('error', (e) => { console.log(e.code); s.close(); });
s.on('message', (m) => { console.log(String(m)); s.close(); });
s.connect(9, process.argv[1], (e) => { if (e) { console.log(e.code); return s.close(); } s.send('x'); setTimeout(() => { console.log('silence'); s.close(); }, 8_000).unref(); });`;

describeInLab('real IPv6 addresses', () => {
  let world: World;
  let mirage: Mirage;

  const curl = (address: string) => world.client.run('curl', ['-gsS', '-m', '8', `http://[${address}]/`]);
  const knock = async (address: string, port = 80): Promise<string> =>
    (await world.client.run(process.execPath, ['-e', connect, address, String(port)])).stdout.trim();
  const udp = async (address: string) =>
    (await world.client.run(process.execPath, ['-e', askUdp, address])).stdout.trim();
  const newest = async (host: string): Promise<ConnectionRow | undefined> =>
    (await mirage.connections())
      .filter((row) => row.destination.host === host)
      .toSorted((a, b) => b.openedAt - a.openedAt)[0];

  beforeAll(async () => {
    world = await World.create();
    const { client, router, web: far } = world;
    await router.sh(`
      echo 1 > /proc/sys/net/ipv6/conf/all/forwarding
      ip -6 address add 2001:db8:20::1/64 dev eth0 nodad
      ip -6 address add 2001:db8:80::1/64 dev eth1 nodad`);
    await far.sh(`
      for last in 80 81 82; do ip -6 address add 2001:db8:80::$last/64 dev eth0 nodad; done
      ip -6 route add default via 2001:db8:80::1`);
    await client.sh('ip -6 address add 2001:db8:20::2/64 dev eth0 nodad; ip -6 route add default via 2001:db8:20::1');
    await far.spawn(process.execPath, ['-e', server]).printed(/ready/);
    await world.startMicrosocks(router, '10.20.0.1', 1082);
    expect((await curl(web)).stdout).toBe('client=2001:db8:20::2\n');
    mirage = new Mirage(client);
    await mirage.start();
    await mirage.enhanced(profile(rules));
  });
  afterAll(async () => {
    await world?.[Symbol.asyncDispose]();
  });

  test('DIRECT, through a proxy, and refused: as the rules say', async () => {
    const direct = await curl(web);
    expect(direct.stdout, direct.stderr).toBe('client=2001:db8:20::2\n');
    expect(await newest(web)).toMatchObject({
      chain: ['DIRECT'],
      process: { name: 'curl' },
      source: { host: 'fdfe:dcba:9876::1' },
    });
    const proxied = await curl('2001:db8:80::81');
    expect(proxied.stdout, proxied.stderr).toBe('client=2001:db8:80::1\n');
    expect(await newest('2001:db8:80::81')).toMatchObject({ chain: ['micro'] });
    expect(await knock('2001:db8:80::82')).toBe('ECONNREFUSED');
  });

  test('ping and traceroute', async () => {
    const sh = async (command: string) => (await world.client.run('sh', ['-c', `${command} 2>&1`])).stdout;
    expect(await sh(`ping -n -c 2 -i 0.1 -W 3 ${web}`)).toMatch(
      /from 2001:db8:80::80: icmp_seq=2[^]*2 received, 0% packet loss/,
    );
    expect(await sh(`ping -n -c 1 -s 5000 -W 3 ${web}`)).toContain('1 received');
    for (const refused of ['2001:db8:80::81', '2001:db8:80::82'])
      expect(await sh(`ping -n -c 1 -W 3 ${refused}`)).toMatch(/administratively prohibited/i);
    for (const how of ['', '-I'])
      expect(await sh(`traceroute -6 -n -q 1 -w 2 -m 5 ${how} ${web}`)).toMatch(/2001:db8:20::1\b[^]*2001:db8:80::80/);
  });

  test('datagrams, and what the far side says', async () => {
    expect(await udp(web)).toBe('you are 2001:db8:20::2');
    expect(await knock(web, 81)).toBe('ECONNREFUSED');
    expect((await newest(web))?.error?.code).toBe('DIAL_REFUSED');
  });

  test('neighbours on the link are reached without us', async () => {
    await world.router.spawn(process.execPath, ['-e', server.replace(web, '2001:db8:20::1')]).printed(/ready/);
    expect((await curl('2001:db8:20::1')).stdout).toBe('client=2001:db8:20::2\n');
    expect(await newest('2001:db8:20::1')).toBeUndefined();
  });

  test('while the machine has no way out by IPv6 they are unreachable at once, and carried again when it is back', async () => {
    await world.client.sh('ip -6 route del default via 2001:db8:20::1');
    await expect.poll(() => knock(web)).toBe('ENETUNREACH');
    await promptly(() => curl(web));
    await world.client.sh('ip -6 route add default via 2001:db8:20::1');
    await expect.poll(async () => (await curl(web)).stdout).toBe('client=2001:db8:20::2\n');
  });

  test('ipv6: false never carries them, ipv6: true always, for proxies that have a way', async () => {
    await mirage.enhanced(profile(rules, 'ipv6: false'));
    expect(await knock(web)).toBe('ENETUNREACH');
    expect(await udp(web)).toMatch(/ENETUNREACH|silence/);
    await world.client.sh('ip -6 route del default via 2001:db8:20::1');
    await mirage.enhanced(profile(rules, 'ipv6: true'));
    expect((await curl('2001:db8:80::81')).stdout).toBe('client=2001:db8:80::1\n');
    expect(await knock(web)).toMatch(/ENETUNREACH|EHOSTUNREACH/);
  });
});
