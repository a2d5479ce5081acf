/** `fake-ip-range6`: names have fake IPv6 addresses too, and are reached by them on a machine and behind proxies without IPv6. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { ConnectionRow } from '../../../core/contract/flow.ts';
import type { Snapshot } from '../../../core/contract/status.ts';
import { eventually, promptly } from '../../support/eventually.ts';
import { Mirage } from '../../support/mirage.ts';
import { profile } from '../../support/profiles.ts';
import { describeInLab } from '../../support/tier.ts';
import { World } from '../../support/world.ts';

const rules = [
  'DOMAIN-SUFFIX,hidden.example,dante',
  'DOMAIN,blocked.example,REJECT',
  'DOMAIN-SUFFIX,behind.example,dante',
  'MATCH,DIRECT',
];
const withRange6 = (range6: string) => profile(rules, '', { 'fake-ip-range6': range6 });

/** Sends one datagram by IPv6, prints the answer's text or the error's code. */
const askUdp = `
const s = require('dgram').createSocket('udp6'); const [host, port, text] = process.argv.slice(1);
const done = (word) => { console.log(word); s.close(); };
s.on('error', (e) => done(e.code)); s.on('message', (m) => done('got ' + m));
s.connect(Number(port), host, (e) => { if (e) return done(e.code); s.send(text); setTimeout(() => done('silence'), 20_000).unref(); });`;
/** Connects, sends, prints how the connection ended. */
const knock = `
const [host, text] = process.argv.slice(1); const socket = require('net').connect(7, host, () => { if (text) socket.write(text); });
const begun = performance.now(); const done = (word) => { console.log(word, Math.round(performance.now() - begun)); socket.destroy(); };
socket.on('data', (got) => done('got ' + got)); socket.on('error', (e) => done(e.code)); socket.on('end', () => done('FIN'));
setTimeout(() => done('SILENCE'), 60_000).unref();`;

describeInLab('fake IPv6 addresses', () => {
  let world: World;
  let mirage: Mirage;
  let before: string;

  const curl = (...args: string[]) => world.client.run('curl', ['-gsS', '-6', '-m', '10', ...args]);
  const dig = async (...args: string[]): Promise<string> =>
    (await world.client.run('dig', ['+short', '+tries=1', '+time=12', ...args])).stdout.trim();
  const node = async (script: string, ...args: string[]): Promise<string> =>
    (await world.client.run(process.execPath, ['-e', script, ...args])).stdout.trim();
  const newest = async (host: string): Promise<ConnectionRow | undefined> =>
    (await mirage.connections())
      .filter((row) => row.destination.host === host)
      .toSorted((a, b) => b.openedAt - a.openedAt)[0];

  beforeAll(async () => {
    world = await World.create();
    await world.startWeb();
    await world.startHttps();
    await world.startDante(1080);
    mirage = new Mirage(world.client);
    before = await world.client.networkState();
    await mirage.start();
    await mirage.enhanced(withRange6('fdfe:dcba:9876::1/64'));
  });
  afterAll(async () => {
    await world?.[Symbol.asyncDispose]();
  });

  test('a name has both addresses, the one in the other, and both tell the name', async () => {
    const four = await dig('www.hidden.example', 'A');
    const six = await dig('www.hidden.example', 'AAAA');
    const [a, b, c, d] = four.split('.').map(Number) as [number, number, number, number];
    const groups = [a * 256 + b, c * 256 + d].map((group) => group.toString(16));
    expect(six).toBe(`fdfe:dcba:9876::${groups.join(':')}`);
    expect(await dig('-x', six)).toBe('www.hidden.example.');
    expect(await dig('@fdfe:dcba:9876::2', 'www.hidden.example', 'AAAA')).toBe(six);
    expect(await mirage.mappings()).toContainEqual(
      expect.objectContaining({ name: 'www.hidden.example', address: four, address6: six }),
    );
    expect((await mirage.json<Snapshot>('status')).fakeIp.range6).toBe('fdfe:dcba:9876::/96');
  });

  test.each([
    ['www.hidden.example', '203.0.113.1', 'dante'],
    ['direct.example', '10.20.0.2', 'DIRECT'],
  ])('curl -6 reaches %s by its name', async (host, client, outbound) => {
    const result = await curl(`http://${host}/`);
    expect(result.stdout, result.stderr).toContain(`host=${host} client=${client}`);
    const row = await newest(host);
    expect(row).toMatchObject({ domainSource: 'fake-ip', chain: [outbound], process: { name: 'curl' } });
    expect(row?.fakeIp).toMatch(/^fdfe:dcba:9876::c61[23]:/);
    expect(row?.source.host).toBe('fdfe:dcba:9876::1');
    expect(await mirage.mappings()).toContainEqual(
      expect.objectContaining({ name: host, address6: row?.fakeIp, flows: 1, outcome: 'ok' }),
    );
  });

  test('32 MiB arrive unharmed in both directions', async () => {
    await world.client.sh(`head -c 33554432 /dev/urandom > ${world.client.directory}/random`);
    const sum = (await world.client.sh(`sha256sum < ${world.client.directory}/random`)).slice(0, 64);
    const up = await curl('--data-binary', `@${world.client.directory}/random`, 'http://www.hidden.example/sha256');
    expect(up.stdout.trim(), up.stderr).toBe(sum);
    const down = (address: string, version: string) =>
      world.client.sh(`curl -gsS ${version} http://${address}/bytes/33554432 | sha256sum`);
    expect(await down('www.hidden.example', '-6')).toBe(await down('203.0.113.80', '-4'));
  });

  test('datagrams go by it, directly and through a SOCKS5 association', async () => {
    for (const host of ['direct.example', 'www.hidden.example'])
      expect(await node(askUdp, host, '9', 'x')).toBe('got x');
    expect(await node(askUdp, 'blocked.example', '443', 'x')).toBe('ECONNREFUSED');
  });

  test('what the far side says is what the program sees', async () => {
    const refused = await curl('http://refused.example:81/');
    expect([refused.code, refused.stderr]).toEqual([7, expect.stringContaining('refused')]);
    expect((await newest('refused.example'))?.error?.code).toBe('DIAL_REFUSED');
    expect((await curl('http://blocked.example/')).stderr).toMatch(/refused|Couldn't connect/);
    expect((await curl('http://nowhere.example/')).stderr).toContain('Could not resolve host');
    expect(await world.client.sh('dig nowhere.example AAAA')).toContain('status: NXDOMAIN');
  });

  test('an address that means nothing is recovered by what the connection says, else reset at once', async () => {
    const unknown = 'fdfe:dcba:9876::c613:f0f0';
    // A program that says nothing for 300 ms is reset, which one may not manage on a busy machine.
    await eventually(async () => {
      const https = await curl('-k', '--resolve', `www.hidden.example:443:${unknown}`, 'https://www.hidden.example/');
      expect(https.stdout, https.stderr).toContain('sni=www.hidden.example');
    });
    for (const address of [unknown, 'fdfe:dcba:9876::7']) {
      const { code } = await promptly(async () => {
        const [code, ms] = (await node(knock, address, 'hello')).split(' ');
        return { code, ms: Number(ms) };
      });
      expect(code, address).toBe('ECONNRESET');
    }
  });

  test('other IPv6 addresses have no route, and none is used around the tunnel', async () => {
    expect(await node(knock, '2001:db8::1', 'hello')).toMatch(/^ENETUNREACH/);
    expect(await node(knock, 'fdfe:dcba:9877::1', 'hello')).toMatch(/^ENETUNREACH/);
  });

  test('after a change of the prefix addresses that were given out go on working', async () => {
    const held = await dig('www.hidden.example', 'AAAA');
    await mirage.enhanced(withRange6('fd00:1234::/96'));
    expect(await dig('www.hidden.example', 'AAAA')).toMatch(/^fd00:1234::c61/);
    const byHeld = await curl('--resolve', `www.hidden.example:80:${held}`, 'http://www.hidden.example/');
    expect(byHeld.stdout, byHeld.stderr).toContain('client=203.0.113.1');
    expect((await newest('www.hidden.example'))?.fakeIp).toBe(held);
    await mirage.enhanced(profile(rules));
    expect(await dig('www.hidden.example', 'AAAA')).toBe('');
    const without = await curl('--resolve', `www.hidden.example:80:${held}`, 'http://www.hidden.example/');
    expect(without.stdout, without.stderr).toContain('client=203.0.113.1');
    await mirage.enhanced(withRange6('fdfe:dcba:9876::1/64'));
  });

  test('after kill -9 an address that is still held fails at once; started again it works', async () => {
    const held = await dig('www.hidden.example', 'AAAA');
    await mirage.helper.stop('SIGKILL');
    expect(await node(knock, held, 'hello')).toMatch(/^(EHOSTUNREACH|ENETUNREACH|EACCES)/);
    await mirage.start();
    const again = () => curl('--resolve', `www.hidden.example:80:${held}`, 'http://www.hidden.example/');
    await expect.poll(async () => (await again()).stdout).toContain('client=203.0.113.1');
  });

  test('off again: open connections end, and rules and routes are as before', async () => {
    const open = world.client.spawn(process.execPath, ['-e', knock, 'direct.example', '']);
    await expect.poll(async () => (await newest('direct.example'))?.closedAt ?? 'open').toBe('open');
    await mirage.off();
    await open.printed(/ECONN(RESET|ABORTED)/);
    expect(await world.client.networkState()).toBe(before);
  });
});
