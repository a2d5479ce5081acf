/** Packets that no program sends, by raw sockets into the real device: they end nothing, and others do not notice. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Snapshot } from '../../../core/contract/status.ts';
import { Mirage } from '../../support/mirage.ts';
import { profile } from '../../support/profiles.ts';
import { describeInLab } from '../../support/tier.ts';
import { World } from '../../support/world.ts';

describeInLab('crafted packets', () => {
  let world: World;
  let mirage: Mirage;

  beforeAll(async () => {
    world = await World.create();
    await world.startWeb();
    // For an IPv6 address of the device.
    await world.client.sh('ip -6 address add 2001:db8:20::2/64 dev eth0 nodad');
    mirage = new Mirage(world.client);
    await mirage.start();
    await mirage.enhanced(profile(['MATCH,DIRECT']));
  });
  afterAll(async () => {
    await world?.[Symbol.asyncDispose]();
  });

  test('fragments, nested headers and noise of two seeds: no fault, and every page comes', async () => {
    const fake = (await world.client.run('dig', ['+short', 'direct.example'])).stdout.trim();
    const program = new URL('../../support/crafted-packets.py', import.meta.url).pathname;
    // That they do arrive: fragments of both versions.
    const seen = ['ip6[6] = 44', 'ip[6:2] & 0x3fff != 0'].map((filter) =>
      world.client.spawn('tcpdump', ['-nni', 'mirage0', '-c', '300', filter]),
    );
    for (const capture of seen) await capture.printed(/listening/);
    const attackers = [1, 2].map((seed) =>
      world.client.spawn('python3', [program, fake, 'fdfe:dcba:9876::2', '3', String(seed)]),
    );
    const pages: string[] = [];
    for (const end = Date.now() + 3_500; Date.now() < end || pages.length < 6; )
      pages.push((await world.client.run('curl', ['-sS', '-m', '30', 'http://direct.example/'])).stdout);
    for (const attacker of attackers) await attacker.printed(/sent \d{4}/);
    for (const capture of seen) await capture.printed(/300 packets captured/);
    expect(pages.length).toBeGreaterThan(5);
    expect(pages.filter((page) => !page.includes('host=direct.example'))).toEqual([]);
    const { tunnel, warnings } = await mirage.json<Snapshot>('status');
    expect(tunnel.kind).toBe('running');
    expect(warnings.map(({ code }) => code)).not.toContain('ENGINE_REVIVED');
    expect(mirage.helper.process.exitCode).toBeNull();
    expect(mirage.helper.output).not.toMatch(/internal fault|data plane died/);
  });
});
