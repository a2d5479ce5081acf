/** A fake address whose name was lost: the mapping database is deleted while a client still holds addresses. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { DnsRow } from '../../../core/contract/dns.ts';
import type { Snapshot } from '../../../core/contract/status.ts';
import { eventually } from '../../support/eventually.ts';
import { Mirage } from '../../support/mirage.ts';
import { profile } from '../../support/profiles.ts';
import { describeInLab } from '../../support/tier.ts';
import { World } from '../../support/world.ts';

/** Connects, sends what it is told after the connection, and tells when and how the connection ended, in milliseconds from then. */
const probe = `
const [host, port, text] = process.argv.slice(1);
const socket = require('node:net').connect(Number(port), host);
let begun = 0;
socket.on('connect', () => { begun = performance.now(); if (text) socket.write(text); });
socket.on('error', (error) => { console.log(JSON.stringify({ code: error.code, ms: performance.now() - begun })); });
socket.on('end', () => { console.log(JSON.stringify({ code: 'FIN', ms: performance.now() - begun })); socket.destroy(); });
setTimeout(() => { console.log(JSON.stringify({ code: 'SILENCE', ms: 20_000 })); process.exit(); }, 20_000).unref();
`;

describeInLab('a lost mapping table', () => {
  let world: World;
  let mirage: Mirage;
  const held = new Map<string, string>();

  const dig = async (name: string): Promise<string> =>
    (await world.client.run('dig', ['+short', '+tries=1', '+time=12', name])).stdout.trim();
  const curl = (...args: string[]) => world.client.run('curl', ['-sS', '-m', '8', ...args]);
  const knock = async (address: string, text: string): Promise<{ code: string; ms: number }> =>
    JSON.parse((await world.client.run(process.execPath, ['-e', probe, address, '7', text])).stdout) as {
      code: string;
      ms: number;
    };

  beforeAll(async () => {
    world = await World.create();
    await world.startWeb();
    await world.startHttps();
    await world.startDante(1080);
    mirage = new Mirage(world.client);
    await mirage.start();
    const text = profile(['MATCH,dante']);
    await mirage.enhanced(text);
    for (const name of ['www.hidden.example', 'plain.hidden.example', 'web.hidden.example']) {
      held.set(name, await dig(name));
    }
    expect((await curl('http://www.hidden.example/')).stdout).toContain('client=203.0.113.1');
    await mirage.stop();
    await world.client.sh(`rm -f ${mirage.stateDir}/*.db* ${mirage.stateDir}/*.sqlite*; ls -la ${mirage.stateDir}`);
    await mirage.start();
    await mirage.enhanced(text);
  });
  afterAll(async () => {
    await world?.[Symbol.asyncDispose]();
  });

  test('nothing is known of the addresses any more', async () => {
    expect((await mirage.mappings()).filter((row) => row.name !== '')).toEqual([]);
    const { warnings } = await mirage.json<Snapshot>('status');
    expect(warnings).toContainEqual(expect.objectContaining({ code: 'FAKE_IP_TABLE_LOST', severity: 'notice' }));
  });

  test('HTTPS and HTTP to a held address go on working: the connection tells its name', async () => {
    const www = held.get('www.hidden.example') ?? '';
    // A program that says nothing for 300 ms is reset, which one may not manage on a busy machine.
    await eventually(async () => {
      const https = await curl('-k', '--resolve', `www.hidden.example:443:${www}`, 'https://www.hidden.example/');
      expect(https.stdout, https.stderr).toContain('sni=www.hidden.example');
    });
    const web = held.get('web.hidden.example') ?? '';
    await eventually(async () => {
      const http = await curl('--resolve', `web.hidden.example:80:${web}`, 'http://web.hidden.example/');
      expect(http.stdout, http.stderr).toContain('host=web.hidden.example client=203.0.113.1');
    });
    const rows = await mirage.connections();
    expect(rows.find((row) => row.destination.host === 'www.hidden.example')).toMatchObject({
      domainSource: 'sniffed',
      fakeIp: www,
      chain: ['dante'],
    });
    const log = await mirage.json<DnsRow[]>('dump', 'dns');
    expect(log.some((row) => row.verdict === 'recovered' && row.name === 'www.hidden.example')).toBe(true);
  });

  test('what names nothing is reset: at its first bytes, or after 300 ms of silence; counted, warned, held', async () => {
    const plain = held.get('plain.hidden.example') ?? '';
    for (let i = 0; i < 3; i++) expect((await knock(plain, 'EHLO\r\n')).code).toBe('ECONNRESET');
    // The quickest of some: who waits for the 300 ms is slower every time, and the machine may be busy.
    await eventually(async () => expect((await knock(plain, 'EHLO\r\n')).ms).toBeLessThan(250));
    const silent = await knock(plain, '');
    expect(silent.code).toBe('ECONNRESET');
    expect(silent.ms).toBeGreaterThan(200);
    const udp = await world.client.run(process.execPath, [
      '-e',
      `const s = require('node:dgram').createSocket('udp4'); s.connect(9, '${plain}', () => s.send('hello')); s.on('error', (e) => { console.log(e.code); s.close(); }); setTimeout(() => process.exit(), 20_000).unref();`,
    ]);
    expect(udp.stdout).toContain('ECONNREFUSED');
    const snapshot = await mirage.json<Snapshot>('status');
    expect(snapshot.fakeIp.unknown).toBeGreaterThanOrEqual(6);
    expect(snapshot.fakeIp.recovered).toBe(2);
    expect(snapshot.warnings.some((warning) => /flush/i.test(`${warning.text} ${warning.action}`))).toBe(true);
    expect((await mirage.mappings()).find((row) => row.address === plain)).toMatchObject({ state: 'unknown' });
  });

  test('by name everything works at the next try, at the address that programs still hold', async () => {
    for (const [name, address] of held) expect(await dig(name), name).toBe(address);
    expect((await curl('http://plain.hidden.example/')).stdout).toContain(
      'host=plain.hidden.example client=203.0.113.1',
    );
  });
});
