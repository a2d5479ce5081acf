/** Questions that are odd, broken or meant to do harm: each gets what the standards say, and nobody else notices. */
import fs from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { decodeMessage } from '../../../core/net/dns-decoder.ts';
import { encodeMessage } from '../../../core/net/dns-encoder.ts';
import { type DnsMessage, queryFor } from '../../../core/net/dns-message.ts';
import { DnsAsker } from '../../support/dns-asker.ts';
import { eventually } from '../../support/eventually.ts';
import type { Running } from '../../support/lab.ts';
import { Mirage } from '../../support/mirage.ts';
import { profile } from '../../support/profiles.ts';
import type { RawAnswer, RawMessage } from '../../support/raw-dns-client.ts';
import { describeInLab } from '../../support/tier.ts';
import { World } from '../../support/world.ts';

const server = '198.18.0.2';
const rawClient = new URL('../../support/raw-dns-client.ts', import.meta.url).pathname;
const spoofer = new URL('../../support/spoof.pl', import.meta.url).pathname;
const fake = /^198\.1[89]\./;

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');
const question = (name: string, type = 'A', change: Partial<DnsMessage> = {}): string =>
  hex(encodeMessage({ ...queryFor(0x4711, name, type, undefined), ...change }));
/** A header with these flags and counts of questions and additional records, then bytes as they are. */
const raw = (flags: number, questions: number, body: string, additionals = 0): string =>
  hex(Buffer.from(Uint16Array.of(0x4711, flags, questions, 0, 0, additionals).buffer).swap16()) + body;
const inA = '00010001';
const label = (text: string): string => hex(Buffer.of(text.length)) + hex(Buffer.from(text));
const name = (...labels: string[]): string => `${labels.map(label).join('')}00`;
const opt = (version: number, data = '', flags = '0000'): string =>
  `00002904d000${hex(Buffer.of(version))}${flags}${hex(Buffer.of(0, data.length / 2))}${data}`;
const longLabel = 'x'.repeat(63);
/** 255 bytes with its root. */
const longestName = name(longLabel, longLabel, longLabel, 'y'.repeat(53), 'example');

/** What is sent, and the RCODE of the answer or what else comes of it by UDP and by TCP. */
const odd: readonly (readonly [title: string, message: string, udp: string, tcp?: string])[] = [
  ['no question', raw(0x0100, 0, ''), 'FORMERR'],
  ['two questions', raw(0x0100, 2, `${name('a', 'example')}${inA}${name('b', 'example')}${inA}`), 'FORMERR'],
  ['class CHAOS: version.bind', raw(0x0100, 1, `${name('version', 'bind')}00100003`), 'NOTIMP'],
  ['class ANY', raw(0x0100, 1, `${name('a', 'example')}000100ff`), 'NOTIMP'],
  ['opcode STATUS', raw(0x1000, 1, `${name('a', 'example')}${inA}`), 'NOTIMP'],
  ['opcode NOTIFY', raw(0x2000, 1, `${name('a', 'example')}00060001`), 'NOTIMP'],
  ['opcode UPDATE, malformed', raw(0x2800, 1, 'ff'), 'NOTIMP'],
  ['an answer instead of a question', raw(0x8180, 1, `${name('a', 'example')}${inA}`), 'silence'],
  ['half a header', '471101000001', 'silence', 'reset'],
  ['a header only, that promises a question', raw(0x0100, 1, ''), 'FORMERR'],
  ['a header only, that promises 65,535 questions', raw(0x0100, 65_535, ''), 'FORMERR'],
  ['garbage with the bit of a response', 'ff'.repeat(40), 'silence'],
  ['a name that points at itself', raw(0x0100, 1, `c00c${inA}`), 'FORMERR'],
  ['two names that point at each other', raw(0x0100, 2, `c012${inA}c00c${inA}`), 'FORMERR'],
  ['a name that points ahead', raw(0x0100, 1, `c014${inA}${name('a', 'example')}`), 'FORMERR'],
  ['a name that points outside', raw(0x0100, 1, `ffff${inA}`), 'FORMERR'],
  ['a label that goes on behind the end', raw(0x0100, 1, '3f61'), 'FORMERR'],
  ['a label of 64 bytes', raw(0x0100, 1, `40${'61'.repeat(64)}00${inA}`), 'FORMERR'],
  ['a label of 63 bytes', raw(0x0100, 1, `${name(longLabel, 'example')}${inA}`), 'fake'],
  ['a name of 255 bytes', raw(0x0100, 1, `${longestName}${inA}`), 'fake'],
  [
    'a name of 256 bytes',
    raw(0x0100, 1, `${name(longLabel, longLabel, longLabel, 'y'.repeat(54), 'example')}${inA}`),
    'FORMERR',
  ],
  ['the root', raw(0x0100, 1, `00${inA}`), 'real'],
  ['EDNS of version 1', raw(0x0100, 1, `${name('a', 'example')}${inA}${opt(1)}`, 1), 'BADVERS'],
  [
    'EDNS with unknown options',
    raw(0x0100, 1, `${name('a', 'example')}${inA}${opt(0, 'fde90004deadbeef')}`, 1),
    'fake',
  ],
  [
    'EDNS with an option longer than it',
    raw(0x0100, 1, `${name('a', 'example')}${inA}${opt(0, 'fde900ff00')}`, 1),
    'FORMERR',
  ],
  ['two EDNS records', raw(0x0100, 1, `${name('a', 'example')}${inA}${opt(0)}${opt(0)}`, 2), 'FORMERR'],
  ['bytes behind the end', raw(0x0100, 1, `${name('a', 'example')}${inA}00ff00ff`), 'fake'],
  ['a zone transfer', question('example.com', 'AXFR'), 'REFUSED'],
  ['an incremental zone transfer', question('example.com', 'IXFR'), 'REFUSED'],
  ['ANY', question('any.example', 'ANY'), 'fake'],
  ['a type that nobody knows', question('a.example', 'TYPE65280'), 'real'],
  ['the type 0', raw(0x0100, 1, `${name('a', 'example')}00000001`), 'real'],
  ['the type OPT', raw(0x0100, 1, `${name('a', 'example')}00290001`), 'real'],
  ['bytes that are no text', raw(0x0100, 1, `04ff00612e${name('direct', 'example')}${inA}`), 'real'],
  ['the canary of Firefox', question('use-application-dns.net'), 'NXDOMAIN'],
  ['a name of the local network', question('printer.local'), 'real'],
  ['another', question('nas.lan'), 'real'],
  ['a name of one label', question('intranet'), 'real'],
  ['PTR of a fake address without a name', question('9.9.18.198.in-addr.arpa', 'PTR'), 'NXDOMAIN'],
  ['PTR of our own address', question('2.0.18.198.in-addr.arpa', 'PTR'), 'NXDOMAIN'],
];

describeInLab('odd and hostile questions', () => {
  let world: World;
  let mirage: Mirage;
  let asker: DnsAsker;

  beforeAll(async () => {
    world = await World.create();
    const dead = world.router.spawn(process.execPath, [
      '-e',
      "require('node:dgram').createSocket('udp4').bind(5399, '10.20.0.1', () => console.log('ready'))",
    ]);
    await dead.printed(/ready/);
    mirage = new Mirage(world.client);
    await mirage.start();
    await mirage.enhanced(
      profile(['DOMAIN,large.example,DIRECT', 'DOMAIN,medium.example,DIRECT', 'MATCH,dante'], '', {
        'nameserver-policy': "{ '+.dead.example': '10.20.0.1:5399' }",
      }).replace('log-level: debug', 'log-level: info'),
    );
    asker = new DnsAsker(world.client, { patience: 2_000 });
  });
  afterAll(async () => {
    await world?.[Symbol.asyncDispose]();
  });

  const exchange = async (messages: readonly RawMessage[]): Promise<RawAnswer[]> => {
    const result = await world.client.run(process.execPath, [rawClient, server, 'exchange'], {
      input: JSON.stringify(messages),
    });
    if (result.code !== 0) throw new Error(result.stderr);
    return JSON.parse(result.stdout) as RawAnswer[];
  };
  const decoded = (answer: RawAnswer | undefined): DnsMessage => {
    const result = decodeMessage(Buffer.from(answer ?? '', 'hex'));
    if (!result.ok) throw new Error(`${answer}: ${result.reason}`);
    return result.message;
  };
  const dig = async (...args: string[]): Promise<string> =>
    (await world.client.run('dig', ['+tries=1', '+time=12', ...args])).stdout;
  /** An open descriptor for each is what a leak is made of. */
  const descriptors = (): number => fs.readdirSync(`/proc/${mirage.helper.pid}/fd`).length;
  const residentMiB = (): number =>
    Number(/VmRSS:\s+(\d+)/.exec(fs.readFileSync(`/proc/${mirage.helper.pid}/status`, 'utf8'))?.[1]) / 1024;
  const pester = async (...args: string[]): Promise<Running> => {
    const running = world.client.spawn(process.execPath, [rawClient, server, ...args]);
    await running.printed(/ready/);
    return running;
  };

  test('every odd question gets what it should, by UDP and by TCP', async () => {
    const messages = odd.flatMap(([, message]): RawMessage[] => [
      { network: 'udp', hex: message },
      { network: 'tcp', hex: message },
    ]);
    const answers = await exchange(messages);
    const seen = odd.map(([title], i) => [title, verdict(answers[2 * i]), verdict(answers[2 * i + 1])]);
    expect(seen).toEqual(odd.map(([title, , udp, tcp]) => [title, expected(udp), expected(tcp ?? udp)]));
  });

  /** `real` is whatever an upstream says, but no fake address. */
  const expected = (text: string): unknown =>
    text === 'real' ? expect.stringMatching(/^(NOERROR|NXDOMAIN|NOTIMP|SERVFAIL|REFUSED)$/) : text;
  const verdict = (answer: RawAnswer | undefined): string => {
    if (answer === undefined || ['silence', 'closed', 'reset'].includes(answer)) return answer ?? 'nothing';
    const { id, response, rcode, answers } = decoded(answer);
    expect([id, response]).toEqual([0x4711, true]);
    return answers.some(({ data }) => typeof data === 'string' && fake.test(data)) ? 'fake' : rcode;
  };

  test('letters keep their case; RD, CD and DO are echoed (RFC 3225)', async () => {
    const asked: DnsMessage = {
      ...queryFor(7, 'WwW.MiXeD.Example', 'A', { udpSize: 4_096, version: 0, dnssecOk: true }),
      checkingDisabled: true,
    };
    const [answer] = await exchange([{ network: 'udp', hex: hex(encodeMessage(asked)) }]);
    expect(decoded(answer)).toMatchObject({
      questions: [{ name: 'WwW.MiXeD.Example' }],
      answers: [{ name: 'WwW.MiXeD.Example', type: 'A' }],
      edns: { dnssecOk: true, version: 0 },
      recursionDesired: true,
      checkingDisabled: true,
    });
  });

  test('an answer that is too long says so by UDP, is fetched and given whole by TCP', async () => {
    for (const args of [[], ['+bufsize=900'], ['+noedns']]) {
      const cut = await dig('large.example', 'TXT', '+ignore', ...args);
      expect(cut, args.join()).toMatch(/flags: [a-z ]*\btc\b/);
      expect(cut, args.join()).toContain('ANSWER: 0,');
    }
    expect((await dig('large.example', 'TXT', '+ignore', '+bufsize=4096')).match(/[a-h]{200}/g)).toHaveLength(8);
    expect((await dig('large.example', 'TXT', '+tcp')).match(/[a-h]{200}/g)).toHaveLength(8);
    expect((await dig('large.example', 'TXT')).match(/[a-h]{200}/g)).toHaveLength(8);
    const medium = await dig('medium.example', 'TXT', '+ignore', '+noedns');
    expect(medium).toMatch(/flags: [a-z ]*\btc\b/);
    expect((await dig('medium.example', 'TXT', '+ignore', '+bufsize=1232')).match(/[a-h]{200}/g)).toHaveLength(4);
  });

  test('5,000 garbled questions change nothing', async () => {
    const seed = Date.now() % 1_000_000;
    const before = descriptors();
    expect((await world.client.run(process.execPath, [rawClient, server, 'garble', '5000', String(seed)])).code).toBe(
      0,
    );
    const { answers } = await asker.ask(['after.garbled.example']);
    expect(answers[0], `seed ${seed}`).toMatch(fake);
    expect(mirage.helper.output, `seed ${seed}`).not.toMatch(/defect|not answered/);
    await eventually(() => expect(descriptors()).toBeLessThanOrEqual(before + 4));
  });

  test('questions from addresses that are not ours: no answer leaves the machine, and nobody is kept from names', async () => {
    await world.client.sh('echo 0 > /proc/sys/net/ipv4/ip_forward');
    const watcher = world.client.spawn('tcpdump', ['-i', 'eth0', '-n', '-l', 'net 198.18.0.0/15 or port 5353']);
    await watcher.printed(/listening on/);
    const sources = [
      '203.0.113.80',
      '8.8.8.8',
      '10.20.0.1',
      '10.20.0.77',
      '127.0.0.1',
      '0.0.0.0',
      '198.18.0.2',
      '198.18.77.7',
    ];
    sources.push('224.0.0.1', '255.255.255.255', '10.20.0.255', ...Array.from({ length: 200 }, (_, i) => `9.9.9.${i}`));
    const spoofed = await world.client.run('perl', [spoofer, server, '10000', ...sources]);
    expect(spoofed.stdout).toContain('sent');
    const { answers } = await asker.ask(Array.from({ length: 2_000 }, (_, i) => `honest${i}.example`));
    for (const address of answers) expect(address).toMatch(fake);
    expect(new Set(answers).size).toBe(2_000);
    await watcher.stop('SIGINT');
    expect(watcher.output).toContain('0 packets captured');
    expect(mirage.helper.output).not.toMatch(/defect/);
  });

  describe('connections that misbehave', () => {
    const known = Array.from({ length: 500 }, (_, i) => `known${i}.example`);
    const fresh = (title: string) => Array.from({ length: 500 }, (_, i) => `${title}${i}.example`);
    const many = (list: readonly string[]) => Array.from({ length: 6 }, () => list).flat();

    test('that never read, stop in the middle, or leave at once: others are answered as usual, memory and descriptors stay', async () => {
      await asker.ask([...known, 'known.example']);
      const usual = await asker.ask(many(known), 'A', 8);
      const before = { fds: descriptors(), rss: residentMiB() };
      const pests = await Promise.all([pester('never-read', '100'), pester('stall', '100'), pester('vanish', '100')]);
      const loaded = { fds: descriptors(), rss: residentMiB() };
      const during = await asker.ask(many(known), 'A', 8);
      const duringNew = await asker.ask(fresh('pestered'), 'A', 8);
      const tcp = await dig('known.example', '+tcp', '+short');
      const later = { fds: descriptors(), rss: residentMiB() };
      await Promise.all(pests.map((pest) => pest.stop('SIGKILL')));
      const show = ({ p50, p99, lost }: typeof usual) => `p50 ${p50.toFixed(2)} p99 ${p99.toFixed(2)} ms, ${lost} lost`;
      console.log(`usual ${show(usual)}; pestered ${show(during)}; new names ${show(duringNew)}`);
      console.log(JSON.stringify({ before, loaded, later }));
      for (const address of [...during.answers, ...duringNew.answers]) expect(address).toMatch(fake);
      expect(tcp).toMatch(fake);
      expect(Math.max(loaded.rss, later.rss) - before.rss).toBeLessThan(128);
      await eventually(() => expect(descriptors()).toBeLessThanOrEqual(before.fds + 4));
      console.log(JSON.stringify({ after: { fds: descriptors(), rss: residentMiB() } }));
    });

    test('that ask thousands of questions nobody answers: names still get their addresses', async () => {
      const pests = await Promise.all([pester('wait', '100'), pester('wait', '100')]);
      const { answers, lost, p99 } = await asker.ask([...known, ...fresh('waited')], 'A', 8);
      await Promise.all(pests.map((pest) => pest.stop('SIGKILL')));
      console.log(JSON.stringify({ lost, p99 }));
      for (const address of answers) expect(address).toMatch(fake);
    });
  });
});
