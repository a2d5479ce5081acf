/** Names that do not exist: told as such where that costs nothing, never looked up here when a proxy has them. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { DnsRow } from '../../../core/contract/dns.ts';
import { eventually } from '../../support/eventually.ts';
import { Mirage } from '../../support/mirage.ts';
import { profile } from '../../support/profiles.ts';
import { describeInLab } from '../../support/tier.ts';
import { World } from '../../support/world.ts';

const remote = { 'remote-nameserver': "['tcp://203.0.113.1']" };

describeInLab('names that do not exist', () => {
  let world: World;
  let mirage: Mirage;

  beforeAll(async () => {
    world = await World.create();
    await world.startWeb();
    await world.startDante(1080);
    await world.startSlowResolver(200);
    mirage = new Mirage(world.client);
    await mirage.start();
    await mirage.enhanced(
      profile(['DOMAIN-SUFFIX,direct.example,DIRECT', 'DOMAIN-SUFFIX,gone-here.example,DIRECT', 'MATCH,dante'], '', {
        nameserver: "['10.20.0.1:5300']",
        ...remote,
      }),
    );
  });
  afterAll(async () => {
    await world?.[Symbol.asyncDispose]();
  });

  const dig = async (...args: string[]): Promise<string> =>
    (await world.client.run('dig', ['+tries=1', '+time=12', ...args])).stdout;
  const curl = (...args: string[]) => world.client.run('curl', ['-sS', '-m', '8', ...args]);
  const log = () => mirage.json<DnsRow[]>('dump', 'dns');

  test('DIRECT for sure: NXDOMAIN at the first question, for A and AAAA, with the SOA that lets it be remembered', async () => {
    for (const type of ['A', 'AAAA']) {
      const answer = await dig('no-such.gone-here.example', type);
      expect(answer, type).toContain('status: NXDOMAIN');
    }
    expect((await curl('http://no-such.gone-here.example/')).code).toBe(6);
    expect((await log()).find((row) => row.name === 'no-such.gone-here.example')).toMatchObject({
      verdict: 'absent',
      rcode: 'NXDOMAIN',
    });
  });

  test('DIRECT and there: the fake address comes with the resolver, and nothing is asked twice', async () => {
    const seen = world.questionsSeen().length;
    expect((await curl('http://direct.example/')).stdout).toContain('client=10.20.0.2');
    const asked = world.questionsSeen().slice(seen);
    expect(asked.filter((question) => question === 'A direct.example')).toHaveLength(1);
  });

  test('proxied: answered at once, nothing asked here; after the failed dial its absence is known', async () => {
    const seen = world.questionsSeen().length;
    expect(await dig('+short', 'no-such.far.example')).toMatch(/^198\.1[89]\./);
    const first = await curl('http://no-such.far.example/');
    expect([7, 35, 52, 56], first.stderr).toContain(first.code);
    await eventually(async () => expect(await dig('no-such.far.example')).toContain('status: NXDOMAIN'));
    expect((await curl('http://no-such.far.example/')).code).toBe(6);
    expect(world.questionsSeen().slice(seen)).toEqual([]);
    expect(world.questionsBehindProxy().some((question) => question.endsWith(' no-such.far.example'))).toBe(true);
  });

  test('a machine of the network is found by its short name, though everything is proxied and another server is asked', async () => {
    const nas = world.router.spawn(process.execPath, [
      '-e',
      `require('http').createServer((q, r) => r.end('this is the nas\\n')).listen(80, '10.20.0.1', () => console.log('ready'))`,
    ]);
    await nas.printed(/ready/);
    for (const name of ['nas', 'nas.lan.example']) {
      const got = await curl(`http://${name}/`);
      expect(got.stdout, got.stderr).toBe('this is the nas\n');
    }
    expect((await log()).find((row) => row.name === 'nas.lan.example')).toMatchObject({
      verdict: 'real',
      answer: '10.20.0.1',
      upstream: 'udp://10.20.0.1:53',
    });
    // No proxy knows its names: one of them behind the router is asked for by its address.
    const portal = await curl('http://portal/');
    expect(portal.stdout, portal.stderr).toContain('host=portal client=203.0.113.1');
    expect((await curl('http://nsa/')).code).toBe(6);
    expect((await curl('http://nsa.lan.example/')).code).toBe(6);
    await nas.stop();
  });

  test('a refused port does not hide the name', async () => {
    expect((await curl('http://victim.example:81/')).code).not.toBe(0);
    expect((await curl('http://victim.example/')).stdout).toContain('client=203.0.113.1');
    expect(await dig('+short', 'victim.example')).toMatch(/^198\.1[89]\./);
  });

  test('truthful: off answers every name', async () => {
    await mirage.enhanced(profile(['MATCH,DIRECT'], '', { truthful: 'off' }));
    expect(await dig('+short', 'no-such-either.gone-here.example')).toMatch(/^198\.1[89]\./);
  });

  test('redir-host at run time: real addresses with TTL 1, flows keep their names, fake addresses stay understood', async () => {
    await mirage.enhanced(profile(['DOMAIN-SUFFIX,direct.example,dante', 'MATCH,DIRECT']));
    const fake = (await dig('+short', 'direct.example')).trim();
    expect(fake).toMatch(/^198\.1[89]\./);
    await mirage.json('dns-mode', 'redir-host');
    const answer = await dig('direct.example');
    expect(answer).toMatch(/direct\.example\.\s+1\s+IN\s+A\s+203\.0\.113\.80/);
    expect((await curl('http://direct.example/')).stdout).toContain('client=203.0.113.1');
    expect((await curl('--resolve', `direct.example:80:${fake}`, 'http://direct.example/')).stdout).toContain(
      'client=203.0.113.1',
    );
    expect((await curl('-x', 'socks5h://127.0.0.1:7890', 'http://direct.example/')).stdout).toContain(
      'client=203.0.113.1',
    );
    const rows = await mirage.connections();
    expect(rows.filter((row) => row.domainSource === 'redir-host' || row.domainSource === 'sniffed')).not.toEqual([]);
    await mirage.json('dns-mode', 'profile');
    expect((await dig('+short', 'direct.example')).trim()).toBe(fake);
  });
});
