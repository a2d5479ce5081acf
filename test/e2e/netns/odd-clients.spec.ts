/**
 * Programs that use sockets as few do (test/support/odd-clients.py), each a row: what they see is what they see without us, whether it
 * goes DIRECT or through a proxy. What a proxy cannot carry, or must not be gone around, is said below.
 */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Mirage } from '../../support/mirage.ts';
import { profile } from '../../support/profiles.ts';
import { describeInLab } from '../../support/tier.ts';
import { World } from '../../support/world.ts';

const program = new URL('../../support/odd-clients.py', import.meta.url).pathname;
const names = await namesIn(program);

async function namesIn(file: string): Promise<string[]> {
  const { readFile } = await import('node:fs/promises');
  const found = (await readFile(file, 'utf8')).matchAll(/^@client\ndef (\w+)/gm);
  return [...found].map(([, name = '']) => name);
}

/** Under MATCH,dante. */
const throughProxy: Readonly<Record<string, unknown>> = {
  reconnected: 'x client=203.0.113.1 x',
  // Whether a name exists is asked behind the proxy only once a dial has failed, and its other records are asked there (dante's
  // side knows the address alone).
  resolvers: expect.stringMatching(/^0 /),
};

describeInLab('odd clients', () => {
  let world: World;
  let without: Record<string, string>;
  let direct: Record<string, string>;
  let proxied: Record<string, string>;

  beforeAll(async () => {
    world = await World.create();
    await Promise.all([world.startWeb(), world.startDante()]);
    await world.client.sh('echo "0 2147483647" > /proc/sys/net/ipv4/ping_group_range');
    const mirage = new Mirage(world.client);
    await mirage.start();
    const run = async (): Promise<Record<string, string>> => {
      const { stdout, stderr } = await world.client.run('python3', [program]);
      if (stdout === '') throw new Error(stderr);
      return JSON.parse(stdout) as Record<string, string>;
    };
    without = await run();
    await mirage.enhanced(profile(['MATCH,DIRECT']));
    direct = await run();
    await mirage.enhanced(profile(['MATCH,dante']));
    proxied = await run();
    await mirage.off();
  });
  afterAll(async () => {
    await world?.[Symbol.asyncDispose]();
  });

  describe('that go DIRECT', () => {
    test.each(names)('%s', (name) => {
      expect(direct[name]).toBe(without[name]);
    });
  });
  describe('that go through a proxy', () => {
    test.each(names)('%s', (name) => {
      expect(proxied[name]).toEqual(throughProxy[name] ?? without[name]);
    });
  });
});
