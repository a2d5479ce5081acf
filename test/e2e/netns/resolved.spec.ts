/** systemd-resolved between applications and Mirage, and its memory when Enhanced Mode comes and goes. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { DnsRow } from '../../../core/contract/dns.ts';
import { eventually } from '../../support/eventually.ts';
import type { Finished } from '../../support/lab.ts';
import { Mirage } from '../../support/mirage.ts';
import { profile } from '../../support/profiles.ts';
import { Resolved } from '../../support/resolved.ts';
import { describeInLab } from '../../support/tier.ts';
import { type NameServer, World } from '../../support/world.ts';

const text = profile(['DOMAIN-SUFFIX,near.example,DIRECT', 'MATCH,micro'], '', {
  nameserver: "['10.20.0.1:5301']",
});

describeInLab('systemd-resolved', () => {
  let world: World;
  let mirage: Mirage;
  let near: NameServer;
  let resolved: Resolved;

  beforeAll(async () => {
    world = await World.create();
    await world.startWeb();
    await world.startMicrosocks(world.router, '10.20.0.1', 1082);
    near = await world.startNameServer('10.20.0.1', 5301, 0, 3);
    await near.publish('here.near.example 203.0.113.80', 'kept.near.example 203.0.113.80 600');
    resolved = await Resolved.install(world.client);
    mirage = new Mirage(world.client);
    await mirage.start();
    await world.client.write('/mnt/stub.conf', 'nameserver 127.0.0.53\noptions edns0 trust-ad\n');
  });
  afterAll(async () => {
    await world?.[Symbol.asyncDispose]();
  });

  /** A program for which the stub is the system's DNS server. */
  const stubbed = async (...command: string[]): Promise<Finished> =>
    await world.client.run('unshare', [
      '-m',
      'sh',
      '-c',
      'mount --bind /mnt/stub.conf /etc/resolv.conf && exec "$@"',
      'sh',
      ...command,
    ]);
  const curl = async (url: string) => await stubbed('curl', '-sS', '-m', '8', url);
  const seen = async (name: string): Promise<string[]> =>
    (await mirage.json<DnsRow[]>('dump', 'dns')).filter((row) => row.name === name).map((row) => row.type);
  const askedNear = (name: string): number => near.questions().filter((question) => question === `A ${name}`).length;

  test('it is told to forget at the start of Enhanced Mode, and again at its end, and has forgotten', async () => {
    await resolved.start('DNS=10.20.0.1:5301', 'DNSSEC=no');
    for (const change of [async () => await mirage.enhanced(text), async () => await mirage.off()]) {
      expect((await resolved.query('kept.near.example')).said).toContain('203.0.113.80');
      const asked = askedNear('kept.near.example');
      expect((await resolved.query('kept.near.example')).said).toContain('Data from: cache');
      expect(await resolved.cached()).toBeGreaterThan(0);
      const told = resolved.flushRequests;
      await change();
      await eventually(() => expect(resolved.flushRequests).toBeGreaterThan(told));
      expect(await resolved.cached()).toBe(0);
      expect((await resolved.query('kept.near.example')).said).toContain('Data from: network');
      expect(askedNear('kept.near.example')).toBe(asked + 1);
    }
  });

  test('names have fake addresses, and connections find their names', async () => {
    await mirage.enhanced(text);
    await resolved.start('DNS=198.18.0.2', 'DNSSEC=no');
    const host = 'www.hidden.example';
    expect((await resolved.query(host)).said).toMatch(/198\.1[89]\.\d+\.\d+/);
    const result = await curl(`http://${host}/`);
    expect(result.stdout, result.stderr).toContain(`host=${host} client=203.0.113.1`);
    expect((await curl('http://here.near.example/')).stdout).toContain('host=here.near.example client=10.20.0.2');
    expect((await stubbed('dig', '+short', '+dnssec', '+tries=1', host)).stdout).toMatch(/^198\.1[89]\./);
    expect(world.questionsSeen()).toEqual([]);
  });

  test('empty answers are taken as such, without asking again and again', async () => {
    const host = 'empty.hidden.example';
    for (const type of ['AAAA', 'HTTPS']) {
      const { code, said } = await resolved.query('-t', type, host);
      expect([code, said], type).toEqual([1, expect.stringContaining('does not have any RR of the requested type')]);
    }
    expect((await curl(`http://${host}/`)).stdout).toContain(`host=${host} client=203.0.113.1`);
    const types = await seen(host);
    for (const type of ['A', 'AAAA', 'HTTPS']) {
      const count = types.filter((asked) => asked === type).length;
      expect(count, type).toBeGreaterThanOrEqual(1);
      expect(count, type).toBeLessThanOrEqual(2);
    }
    expect(types.length).toBeLessThanOrEqual(6);
  });

  test('a missing name is missing, remembered only as long as its SOA says', async () => {
    const host = 'new.near.example';
    const denied = async () =>
      expect(await resolved.query(host)).toMatchObject({ code: 1, said: expect.stringMatching(/not found/) });
    await denied();
    expect((await curl(`http://${host}/`)).code).toBe(6);
    const asked = (await seen(host)).length;
    await denied();
    expect((await seen(host)).length).toBe(asked);
    await near.publish(`${host} 203.0.113.80`);
    await eventually(async () => expect((await resolved.query(host)).said).toMatch(/198\.1[89]\./));
    expect((await curl(`http://${host}/`)).stdout).toContain(`host=${host} client=10.20.0.2`);
  });

  /** resolved trusts a signed root. What no server here can prove to be unsigned it may refuse, whoever answers. */
  test('DNSSEC=allow-downgrade: no worse than a plain server, no storm of questions; the DO bit is copied', async () => {
    const host = 'signed.hidden.example';
    const ok = async (name: string): Promise<boolean> => (await resolved.query(name)).code === 0;
    await resolved.start('DNS=10.20.0.1', 'DNSSEC=allow-downgrade');
    const plain = await ok('direct.example');
    await resolved.start('DNS=198.18.0.2', 'DNSSEC=allow-downgrade');
    const ours = await ok(host);
    expect(ours || !plain).toBe(true);
    for (let again = 0; again < 3; again++) expect(await ok(host)).toBe(ours);
    const types = await seen(host);
    expect(types).toContain('A');
    // For each of the four tries both addresses, and DS as often as resolved asks before it gives up.
    expect(types.length).toBeLessThanOrEqual(4 * 6);
    for (const name of [host, 'here.near.example', 'no-such.near.example']) {
      const answer = (await world.client.run('dig', ['+dnssec', '+tries=1', '@198.18.0.2', name])).stdout;
      expect(answer).toMatch(/EDNS: version: 0, flags: do; udp: 1232/);
      expect(answer).toMatch(/flags: qr rd ra;/);
    }
  });
});
