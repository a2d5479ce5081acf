/** What real servers and real clients put on the wire: dig asks us, we ask a server that does as servers do. */
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { eventually } from '../../support/eventually.ts';
import { Mirage } from '../../support/mirage.ts';
import { profile } from '../../support/profiles.ts';
import { describeInLab } from '../../support/tier.ts';
import { World } from '../../support/world.ts';

const server = new URL('../../support/odd-name-server.ts', import.meta.url).pathname;
const real = { 'fake-ip-filter': "['+.wire.example']" };
const long = `many-10.${'x'.repeat(41)}.wire.example`;

describeInLab('DNS on the wire', () => {
  let world: World;
  let mirage: Mirage;

  beforeAll(async () => {
    world = await World.create();
    const running = world.router.spawn(process.execPath, [server, '10.20.0.1', '5310']);
    await running.printed(/ready/);
    mirage = new Mirage(world.client);
    await mirage.start();
    await use({ nameserver: "['10.20.0.1:5310']" });
  });
  afterAll(async () => {
    await world?.[Symbol.asyncDispose]();
  });

  const use = async (dns: Readonly<Record<string, string>>): Promise<void> => {
    await mirage.enhanced(profile(['MATCH,DIRECT'], '', { ...real, ...dns }));
  };
  const dig = async (...args: string[]): Promise<string> =>
    (await world.client.run('dig', ['+tries=1', '+time=12', ...args])).stdout;
  const count = async (...args: string[]): Promise<[number, boolean]> => {
    const output = await dig('+ignore', ...args);
    return [Number(/ANSWER: (\d+)/.exec(output)?.[1]), /flags: [a-z ]*\btc\b/.test(output)];
  };

  describe('length', () => {
    test.each<[string, string[], [number, boolean]]>([
      ['ten addresses of a name of 63 characters, without EDNS', ['+noedns', long], [10, false]],
      ['as many whole records as fit, then TC', ['+noedns', 'many-40.wire.example'], [29, true]],
      ['of the size that the asker takes', ['+bufsize=700', 'many-60.wire.example'], [40, true]],
      ['a large one', ['+bufsize=4096', 'many-200.wire.example'], [200, false]],
      ['1,200 by TCP', ['+tcp', 'many-1200.wire.example'], [1_200, false]],
      ['4,000 by TCP', ['+tcp', 'many-4000.wire.example'], [4_000, false]],
    ])('%s', async (_, args, expected) => {
      expect(await count(...args)).toEqual(expected);
    });

    test('60,000 bytes of text by TCP, and after TC', async () => {
      for (const args of [['+tcp'], []]) {
        const output = await dig('text-60000.wire.example', 'TXT', ...args);
        expect(output.match(/t/g)?.length).toBeGreaterThanOrEqual(60_000);
      }
    });
  });

  test('records that we do not know pass through, with the letters that asker and server wrote', async () => {
    expect(await dig('+short', 'sshfp.wire.example', 'SSHFP')).toBe('4 9 010203\n');
    const output = await dig('+noall', '+answer', 'ALIAS.wire.Example');
    expect(output.replaceAll(/\s+/g, ' ')).toMatch(
      /^ALIAS\.wire\.Example\. \d IN CNAME Target\.OTHER\.example\. Target\.OTHER\.example\. \d IN A 203\.0\.113\.9 $/,
    );
  });

  test('DO and CD are copied, and told to the server', async () => {
    const output = await dig('+dnssec', '+cd', 'flags.wire.example', 'TXT');
    expect(output).toContain('"do=true cd=true"');
    expect(output).toMatch(/flags: [a-z ]*\bcd\b/);
    expect(output).toMatch(/EDNS: version: 0, flags: do;/);
    expect(await dig('+short', 'flags.wire.example', 'TXT')).toBe('"do=false cd=false"\n');
  });

  test('an answer that has expired is not given where the server has a new one', async () => {
    let first = '';
    // Again, should the machine be so slow that it had expired in between.
    await eventually(async () => {
      first = await dig('+short', 'turn.wire.example');
      expect(await dig('+short', 'turn.wire.example')).toBe(first);
    });
    await sleep(3_100);
    const second = await dig('+short', 'turn.wire.example');
    expect([first, second].every((text) => text.startsWith('203.0.113.'))).toBe(true);
    expect(second).not.toBe(first);
  });

  test('a server that answers one question a connection: twelve at once are answered', async () => {
    await use({ nameserver: "['tcp://10.20.0.1:5311']" });
    const outputs = await Promise.all(Array.from({ length: 12 }, (_, i) => dig('+short', `n${i}.wire.example`)));
    expect(outputs).toEqual(Array.from({ length: 12 }, () => '203.0.113.80\n'));
  });

  test('a usual server that refuses: the fallback answers', async () => {
    await use({ nameserver: "['10.20.0.1:5312']", fallback: "['10.20.0.1:5310']" });
    expect(await dig('+short', 'web.wire.example')).toBe('203.0.113.80\n');
    expect(await dig('+short', 'flags.wire.example', 'TXT')).toContain('do=');
  });

  test('the same without a fallback is told as it is; #RULES asks by the rules', async () => {
    await use({ nameserver: "['10.20.0.1:5312']" });
    expect(await dig('web.wire.example')).toContain('status: REFUSED');
    await use({ nameserver: "['10.20.0.1:5310#RULES']" });
    expect(await dig('+short', 'web.wire.example')).toBe('203.0.113.80\n');
    await mirage.enhanced(
      profile(['IP-CIDR,10.20.0.1/32,REJECT', 'MATCH,DIRECT'], '', { ...real, nameserver: "['10.20.0.1:5310#RULES']" }),
    );
    expect(await dig('web.wire.example')).toContain('status: SERVFAIL');
  });
});
