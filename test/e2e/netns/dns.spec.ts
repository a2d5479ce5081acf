/** What applications are answered, asked by dig; and what leaves the machine for it. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { ConnectionRow } from '../../../core/contract/flow.ts';
import { Mirage } from '../../support/mirage.ts';
import { profile } from '../../support/profiles.ts';
import { describeInLab } from '../../support/tier.ts';
import { World } from '../../support/world.ts';

describeInLab('DNS as applications see it', () => {
  let world: World;
  let mirage: Mirage;

  beforeAll(async () => {
    world = await World.create();
    await world.startWeb();
    await world.startDante(1080);
    mirage = new Mirage(world.client);
    await mirage.start();
    await mirage.enhanced(
      profile(['IP-CIDR,203.0.113.0/24,dante', 'MATCH,DIRECT'], 'hosts:\n  nas.example: 10.20.0.77\n'),
    );
  });
  afterAll(async () => {
    await world?.[Symbol.asyncDispose]();
  });

  const dig = async (...args: string[]): Promise<string> =>
    (await world.client.run('dig', ['+tries=1', '+time=12', ...args])).stdout;

  test('A gives a fake address with TTL 1, the same each time; by UDP and TCP, from any server address', async () => {
    const first = await dig('some.name.example', 'A');
    const address = /IN\s+A\s+(198\.1[89]\.\S+)/.exec(first)?.[1];
    expect(first).toMatch(/some\.name\.example\.\s+1\s+IN\s+A/);
    for (const how of [['+tcp'], ['@8.8.8.8'], ['@10.20.0.1'], ['@10.20.0.1', '+tcp'], ['SOME.Name.Example.']]) {
      expect(
        await dig('+short', ...how, ...(how[0]?.includes('SOME') ? [] : ['some.name.example'])),
        how.join(' '),
      ).toContain(address);
    }
    expect(await dig('+short', '-x', address ?? '')).toBe('some.name.example.\n');
  });

  test('AAAA and HTTPS are empty with a SOA; other types are asked upstream', async () => {
    for (const type of ['AAAA', 'HTTPS']) {
      const answer = await dig('some.name.example', type);
      expect(answer).toContain('status: NOERROR');
      expect(answer).toContain('ANSWER: 0, AUTHORITY: 1');
      expect(answer).toMatch(/SOA/);
    }
    expect(await dig('+short', 'direct.example', 'TXT')).toContain('hello from the far side');
    expect(await dig('+short', 'nas.example')).toBe('10.20.0.77\n');
    expect(await dig('use-application-dns.net')).toContain('status: NXDOMAIN');
    expect(await dig('printer.local')).not.toMatch(/IN\s+A\s+\d/);
  });

  test('bytes that are no text are asked upstream as they are; 253 characters are a name', async () => {
    const answer = await dig(String.raw`a\255\000\.b.direct.example`, 'A');
    expect(answer).toMatch(/status: (NXDOMAIN|NOERROR)/);
    expect(answer).toContain(String.raw`a\255\000\.b.direct.example.`);
    expect(answer).not.toMatch(/IN\s+A\s+198\.1[89]\./);
    const longest = `${`${'a'.repeat(49)}.`.repeat(4)}${'b'.repeat(45)}.example`;
    expect(longest).toHaveLength(253);
    expect(await dig('+short', longest)).toMatch(/^198\.1[89]\./);
  });

  test('an IP rule asks once, and the connection still goes out by name', async () => {
    const seen = world.questionsSeen().length;
    const result = await world.client.run('curl', ['-sS', '-m', '10', 'http://direct.example/']);
    expect(result.stdout).toContain('client=203.0.113.1');
    expect(world.questionsSeen().slice(seen)).toEqual(['A direct.example']);
    const row = (await mirage.connections()).find(
      (candidate: ConnectionRow) => candidate.destination.host === 'direct.example',
    );
    expect(row).toMatchObject({ chain: ['dante'], matchedIp: '203.0.113.80', rule: { type: 'IP-CIDR' } });
  });
});
