import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { zstdCompressSync, zstdDecompressSync } from 'node:zlib';
import fc from 'fast-check';
import { afterAll, describe, expect, test } from 'vitest';
import { finish } from '../../../../core/base/steps.ts';
import type { SetBehavior } from '../../../../core/contract/sets.ts';
import type { SetFormat } from '../../../../core/profile/provider-contents.ts';
import { FormatError } from '../../../../core/provider/formats/format-error.ts';
import { readSet } from '../../../../core/provider/formats/read-set.ts';
import { readCanonicalSet } from '../../../../core/rule/sets/set-reader.ts';
import { peerFile } from '../../../support/peers.ts';
import { runs } from '../../../support/runs.ts';

const text = (bytes: string | Buffer, format: SetFormat, behavior: SetBehavior) =>
  readSet(Buffer.from(bytes), format, behavior).bytes.toString();

/** Written by mihomo 1.19.32 of the patterns in `patterns`, and of the prefixes in `prefixes`. */
const patterns = ['example.com', '.below.org', '+.both.net', '*.star.io', 'a.*.mid.io', '+.stun.*'];
const prefixes = ['10.0.0.0/8', '198.51.100.0/24', '2001:db8::/32'];
const mrs = {
  domain: Buffer.from(
    'KLUv/QQATQMAhAVNUlMBAAYBAeIhABAAAlVVVVSqqqqgAAH1aqq1VVUAOCpnbW90LnJvaWVub2MubnUuLmRyLnR3ZWlhaHNvbG10dC5scC5zbytlbSouYmJhLiouLnhhKytlBgB1zoK7wFZNAizkkjktfI+RJQ==',
    'base64',
  ),
  ipcidr: Buffer.from(
    'KLUv/QQA7QEA9AFNUlMBAQADAAAAAP//Cv//Cv//////xjNk/yABDbj/DAA4ExCA5wBgdOYNRBkNtkADQb2a5kQVzBgcHNKk/7g=',
    'base64',
  ),
};

describe('the forms of one set are one set', () => {
  const lines = (bytes: string): string[] => bytes.split('\n').toSorted();
  test('names as yaml, text and mrs', () => {
    const yaml = text(`payload:\n${patterns.map((each) => `  - '${each}'\n`).join('')}`, 'yaml', 'domain');
    expect(lines(yaml)).toEqual([
      '',
      '**.star.io',
      '*+.stun.*',
      '*a.*.mid.io',
      '+both.net',
      '.below.org',
      '=example.com',
    ]);
    expect(text(patterns.join('\r\n'), 'text', 'domain')).toBe(yaml);
    // It has "stun.*" and what is below that apart.
    expect(lines(text(mrs.domain, 'mrs', 'domain'))).toEqual(
      lines(yaml)
        .flatMap((line) => (line === '*+.stun.*' ? ['*.stun.*', '*stun.*'] : [line]))
        .toSorted(),
    );
  });

  test('prefixes as yaml, text and mrs', () => {
    const yaml = text(`payload:\n${prefixes.map((each) => `- ${each}\n`).join('')}`, 'yaml', 'ipcidr');
    expect(yaml).toContain('4:c6336400-c63364ff\n');
    expect(text(prefixes.join('\n'), 'text', 'ipcidr')).toBe(yaml);
    expect(text(mrs.ipcidr, 'mrs', 'ipcidr')).toBe(yaml);
    expect(text(mrs.ipcidr, 'yaml', 'ipcidr')).toBe(yaml);
  });
});

describe('yaml', () => {
  test.each([
    [
      'comments, blank lines, quotes, a key behind it',
      'behavior: domain\npayload: # the list\n\n  # one\n  - a.example # two\n  - "b.example"\n  -   \'c.example\'\n\nother: 1\n',
    ],
    ['a flow list', 'payload: [a.example, "b.example", c.example]'],
    ['items that only YAML understands', 'payload:\n  - a.example\n  - !!str b.example\n  - "c\\x2eexample"\n'],
    ['no key at all', 'a.example\nb.example\nc.example\n'],
    ['a byte order mark', '\ufeffpayload:\n- a.example\n- b.example\n- c.example'],
  ])('%s', (_, written) => {
    expect(text(written, 'yaml', 'domain')).toBe('=a.example\n=b.example\n=c.example\n');
  });

  test('an empty list is a set without entries', () => {
    expect(readSet(Buffer.from('payload:\n'), 'yaml', 'domain')).toMatchObject({ entries: 0, leftOut: 0 });
    expect(readSet(Buffer.from('payload: []'), 'yaml', 'domain')).toMatchObject({ entries: 0, leftOut: 0 });
  });

  test('any list of entries is read as YAML reads it', () => {
    const entry = fc.string({
      unit: fc.constantFrom('a', 'b', '.', '-', ' ', '#', "'", '"', ':', '\\', '*', '+', ','),
    });
    fc.assert(
      fc.property(fc.array(entry, { maxLength: 5 }), (entries) => {
        const written = `payload:\n${entries.map((each) => `  - ${JSON.stringify(each)}\n`).join('')}`;
        const quoted = `payload:\n${entries.map((each) => `  - '${each.replaceAll("'", "''")}'\n`).join('')}`;
        const outcome = (from: string) => {
          try {
            const { bytes, leftOut } = readSet(Buffer.from(from), 'yaml', 'domain');
            return [bytes.toString(), leftOut];
          } catch (error) {
            return (error as FormatError).trouble;
          }
        };
        expect(outcome(quoted)).toEqual(outcome(written));
      }),
    );
  });
});

describe('what is refused, and where', () => {
  test.each<[string, string | Buffer, SetFormat, SetBehavior, FormatError['trouble'], string]>([
    ['a web page', '<!DOCTYPE html><title>Sign in</title>', 'yaml', 'domain', 'NOT_READABLE', 'web page'],
    ['a web page as text', '<html><head></head></html>', 'text', 'classical', 'NOT_READABLE', 'web page'],
    ['bytes that are no text', Buffer.from([0xff, 0xfe, 0x00, 0x80]), 'text', 'domain', 'NOT_READABLE', 'UTF-8'],
    [
      'a profile',
      'proxies:\n  - {name: a}\nrules:\n  - MATCH,DIRECT\n',
      'yaml',
      'classical',
      'NOT_READABLE',
      'payload',
    ],
    ['lines of which none is an entry', 'hello world\nhow are you\n', 'text', 'ipcidr', 'NOT_READABLE', 'hello'],
    [
      'an alias bomb',
      `a: &a [x,x,x,x,x,x,x,x,x]\n${'bcdefgh'
        .split('')
        .map((key, i) => `${key}: &${key} [${`*${'abcdefgh'[i]},`.repeat(9)}]\n`)
        .join('')}payload: [*h]`,
      'yaml',
      'domain',
      'NOT_READABLE',
      'alias',
    ],
    ['another behaviour', mrs.ipcidr, 'mrs', 'domain', 'NOT_READABLE', 'ipcidr'],
    ['not compressed', 'MRS', 'mrs', 'domain', 'NOT_READABLE', 'byte 0'],
    ['a compressed bomb', zstdCompressSync(Buffer.alloc(70 * 1024 * 1024)), 'mrs', 'domain', 'TOO_LARGE', 'MiB'],
  ])('%s', (_, bytes, format, behavior, trouble, words) => {
    const read = () => readSet(Buffer.from(bytes), format, behavior);
    expect(read).toThrow(FormatError);
    expect(read).toThrow(expect.objectContaining({ trouble, message: expect.stringContaining(words) }));
  });

  test('an mrs that is cut or changed anywhere is read or refused', () => {
    const whole = { domain: zstdDecompressSync(mrs.domain), ipcidr: zstdDecompressSync(mrs.ipcidr) };
    const attempt = (bytes: Buffer, behavior: 'domain' | 'ipcidr') => {
      try {
        const set = readSet(zstdCompressSync(bytes), 'mrs', behavior);
        finish(readCanonicalSet(set.bytes, set.behavior));
      } catch (error) {
        expect(error).toBeInstanceOf(FormatError);
      }
    };
    for (const behavior of ['domain', 'ipcidr'] as const) {
      for (let length = 0; length < whole[behavior].length; length++) {
        const cut = zstdCompressSync(whole[behavior].subarray(0, length));
        expect(() => readSet(cut, 'mrs', behavior)).toThrow(FormatError);
      }
    }
    fc.assert(
      fc.property(
        fc.constantFrom('domain', 'ipcidr'),
        fc.array(fc.tuple(fc.nat(), fc.nat(255)), { minLength: 1, maxLength: 4 }),
        (behavior, changes) => {
          const bytes = Buffer.from(whole[behavior]);
          for (const [at, value] of changes) bytes[at % bytes.length] = value;
          attempt(bytes, behavior);
        },
      ),
      runs(200),
    );
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) =>
        attempt(Buffer.concat([whole.domain.subarray(0, 5), bytes]), 'domain'),
      ),
    );
  });
});

const mihomo = peerFile('bin/mihomo');
describe.skipIf(mihomo === undefined)("against mihomo's own converter", () => {
  const directory = mkdtempSync(join(tmpdir(), 'mirage-mrs-'));
  afterAll(() => rmSync(directory, { recursive: true }));

  const converted = (behavior: SetBehavior, entries: readonly string[]): Buffer => {
    writeFileSync(join(directory, 'in.txt'), entries.join('\n'));
    execFileSync(mihomo ?? '', [
      'convert-ruleset',
      behavior,
      'text',
      join(directory, 'in.txt'),
      join(directory, 'out.mrs'),
    ]);
    return readFileSync(join(directory, 'out.mrs'));
  };

  test('a thousand patterns: equal verdicts for their names and neighbours', () => {
    const random = fc.sample(
      fc.tuple(fc.constantFrom('', '', '.', '+.', '*.'), fc.domain()).map((parts) => parts.join('')),
      { numRuns: 1000, seed: 7 },
    );
    const fromText = readSet(Buffer.from(random.join('\n')), 'text', 'domain');
    const fromMrs = readSet(converted('domain', random), 'mrs', 'domain');
    const [a, b] = [fromText, fromMrs].map((set) => finish(readCanonicalSet(set.bytes, 'domain')));
    if (a?.behavior !== 'domain' || b?.behavior !== 'domain') throw new Error('domain');
    for (const pattern of random) {
      const bare = pattern.replace(/^(?:\+|\*)?\./, '').toLowerCase();
      for (const name of [bare, `x.${bare}`, `x.y.${bare}`, `x${bare}`, bare.replace(/^[^.]*\./, '')])
        expect([name, a.names.has(name)]).toEqual([name, b.names.has(name)]);
    }
  });

  test('prefixes of both families', () => {
    const random = fc.sample(
      fc.oneof(
        fc.tuple(fc.ipV4(), fc.integer({ min: 1, max: 32 })).map(([ip, bits]) => `${ip}/${bits}`),
        fc.tuple(fc.ipV6(), fc.integer({ min: 1, max: 128 })).map(([ip, bits]) => `${ip}/${bits}`),
      ),
      { numRuns: 500, seed: 11 },
    );
    const fromText = readSet(Buffer.from(random.join('\n')), 'text', 'ipcidr');
    expect(readSet(converted('ipcidr', random), 'mrs', 'ipcidr').bytes.toString()).toBe(fromText.bytes.toString());
  });
});

test.each([
  'RULE-SET,p',
  'AND,((RULE-SET,p),(NETWORK,tcp))',
  'OR,((NETWORK,udp),(NOT,((RULE-SET,p))))',
  'NOT,((SUB-RULE,(NETWORK,tcp)))',
])('a rule that leads to other rules is left out of a set: %s', (line) => {
  const read = readSet(Buffer.from(`${line}\nDST-PORT,80\n`), 'text', 'classical');
  expect(read.bytes.toString()).toBe('R:DST-PORT,80\n');
  expect(read.leftOut).toBe(1);
});

test('a set needs the geodata that its rules name, also within logic', () => {
  const list = 'GEOIP,CN\nAND,((GEOSITE,google),(NOT,((GEOIP,US))))\nDOMAIN,geosite.example\n';
  expect(readSet(Buffer.from(list), 'text', 'classical').needs.toSorted()).toEqual([
    'geoip:cn',
    'geoip:us',
    'geosite:google',
  ]);
});

test('line ends and number signs without end are read in one pass', () => {
  const set = (list: string) => readSet(Buffer.from(list), 'yaml', 'domain').bytes.toString();
  expect(set(`a.example${'\n'.repeat(4_000_000)}`)).toContain('a.example');
  expect(() => set(`payload:\n  - a.example${' #'.repeat(400_000)}\u2028x`)).toThrow(FormatError);
});

describe('small files that mean much', () => {
  const number = (value: number): Buffer => {
    const bytes = Buffer.alloc(8);
    bytes.writeBigUInt64BE(BigInt(value));
    return bytes;
  };
  /** 64-bit words, the lowest bit first. */
  const words = (bits: Uint8Array): Buffer => {
    const count = Math.ceil(bits.length / 64);
    const bytes = Buffer.alloc(count * 8);
    for (const [i, bit] of bits.entries()) {
      const at = Math.floor(i / 64) * 8 + 7 - Math.floor((i % 64) / 8);
      if (bit === 1) bytes[at] = (bytes[at] ?? 0) | (1 << (i % 8));
    }
    return Buffer.concat([number(count), bytes]);
  };
  const trie = (leaves: Uint8Array, bitmap: Uint8Array, labels: Buffer): Buffer => {
    const head = Buffer.from([0x4d, 0x52, 0x53, 1, 0]);
    const body = [words(leaves), words(bitmap), number(labels.length), labels];
    return zstdCompressSync(Buffer.concat([head, number(1), number(0), Buffer.from([1]), ...body]));
  };

  test('an mrs of one long name, two hundred thousand times', () => {
    const [depth, count] = [250, 200_000];
    const bitmap = new Uint8Array(depth * 2 + count * 2 + 1);
    for (let i = 0; i < depth; i++) bitmap[i * 2 + 1] = 1;
    bitmap.fill(1, depth * 2 + count);
    const leaves = new Uint8Array(depth + count + 1);
    leaves.fill(1, depth + 1);
    const bytes = trie(leaves, bitmap, Buffer.alloc(depth + count, 'a'));
    expect(bytes.length).toBeLessThan(1_000);
    expect(() => readSet(bytes, 'mrs', 'domain')).toThrow(
      expect.objectContaining({ trouble: 'TOO_LARGE', offset: expect.any(Number) }),
    );
  });

  test('an mrs with more labels than a set has characters', () => {
    const bytes = trie(new Uint8Array(64), new Uint8Array(64), Buffer.alloc(17 * 1024 * 1024, 'a'));
    expect(() => readSet(bytes, 'mrs', 'domain')).toThrow('the number of labels cannot be');
  });

  test.each([
    ['entries in brackets', `payload: [${'a,'.repeat(3_000_000)}a]`],
    ['quoted lines that need YAML', `payload:\n${'  - "\\x61"\n'.repeat(500_000)}`],
  ])('YAML of %s that takes more memory than a list of any use', (_, list) => {
    expect(() => readSet(Buffer.from(list), 'yaml', 'domain')).toThrow(
      expect.objectContaining({ trouble: 'NOT_READABLE', message: expect.stringMatching(/tokens.*at byte \d+/) }),
    );
  });
});

describe('what is cut off or not text is told with its place', () => {
  test('a compressed file', () => {
    for (const whole of [mrs.domain, mrs.ipcidr, zstdCompressSync(Buffer.from(randomText(200_000)))])
      for (const length of [6, 9, 12, Math.floor(whole.length / 2), whole.length - 1])
        expect(() => readSet(whole.subarray(0, length), 'mrs', 'domain')).toThrow(
          expect.objectContaining({ trouble: 'NOT_READABLE', offset: length }),
        );
  });

  test.each([0, 1, 4_095, 4_096, 4_097, 9_001, 70_000])('bytes that are not UTF-8 at %i', (at) => {
    const fill = 'ä香🇭a\n';
    const before = Buffer.from('a'.repeat(at % 3) + fill.repeat(at / 5)).subarray(0, at);
    // Never in the middle of a character.
    let sound = before.length;
    while (sound > 0 && (before[sound - 1] ?? 0) >= 0x80) sound -= 1;
    for (const bad of [[0xff], [0xc3], [0xc3, 0x28], [0xed, 0xa0, 0x80], [0xf5, 0x80, 0x80, 0x80], [0x80]]) {
      const bytes = Buffer.concat([before.subarray(0, sound), Buffer.from(bad)]);
      expect(() => readSet(bytes, 'text', 'domain')).toThrow(
        expect.objectContaining({ trouble: 'NOT_READABLE', offset: sound }),
      );
    }
  });
});

/** That cannot be compressed well. */
function randomText(length: number): string {
  let state = 1;
  return Array.from({ length }, () => {
    state = (state * 48_271) % 2_147_483_647;
    return String.fromCharCode(32 + (state % 90));
  }).join('');
}
