import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { bytesToIp } from '../../../../core/base/address.ts';
import { AppError } from '../../../../core/base/app-error.ts';
import { cidrContains, parseCidr } from '../../../../core/base/cidr.ts';
import { DomainTrie } from '../../../../core/base/domain.ts';
import { finish } from '../../../../core/base/steps.ts';
import type { SetBehavior } from '../../../../core/contract/sets.ts';
import { inlineSet } from '../../../../core/provider/formats/read-set.ts';
import { readCanonicalSet } from '../../../../core/rule/sets/set-reader.ts';

const label = fc.constantFrom('a', 'b', 'cd', 'x-1', '*');
const name = fc.array(label, { minLength: 1, maxLength: 4 }).map((labels) => labels.join('.'));
const pattern = fc.tuple(fc.constantFrom('', '.', '+.'), name).map((parts) => parts.join(''));
const plainName = name.map((text) => text.replaceAll('*', 'z'));

const read = (entries: readonly string[], behavior: SetBehavior) =>
  finish(readCanonicalSet(inlineSet(entries, behavior).bytes, behavior));

describe('names', () => {
  test('a set has what the grammar of patterns says', () => {
    fc.assert(
      fc.property(fc.array(pattern, { maxLength: 20 }), fc.array(plainName, { maxLength: 20 }), (patterns, names) => {
        const trie = new DomainTrie<true>();
        for (const each of patterns) trie.insert(each, true);
        const set = read(patterns, 'domain');
        if (set.behavior !== 'domain') throw new Error(set.behavior);
        for (const each of names) expect([each, set.names.has(each)]).toEqual([each, trie.lookup(each) === true]);
      }),
    );
  });

  test('one line for what is said twice, and both kinds of a name are one', () => {
    expect(inlineSet(['A.example', 'a.example.', '.a.example'], 'domain').bytes.toString()).toBe('+a.example\n');
  });

  test('what no name is like is left out and told', () => {
    const set = inlineSet(['stun*.example', 'a b', '', '例え.example'], 'domain');
    expect(set).toMatchObject({ entries: 1, leftOut: 3 });
    expect(set.bytes.toString()).toBe('=xn--r8jz45g.example\n');
  });
});

test('addresses: joined ranges have what the prefixes have', () => {
  const bytes = (length: number) => fc.uint8Array({ minLength: length, maxLength: length });
  const v4 = fc.tuple(bytes(4), fc.integer({ min: 0, max: 32 })).map(([ip, bits]) => `${bytesToIp(ip)}/${bits}`);
  const v6 = fc.tuple(bytes(16), fc.integer({ min: 0, max: 128 })).map(([ip, bits]) => `${bytesToIp(ip)}/${bits}`);
  const prefixes = fc.array(fc.oneof(v4, v6), { maxLength: 20 });
  fc.assert(
    fc.property(prefixes, fc.array(fc.oneof(bytes(4), bytes(16)), { maxLength: 20 }), (list, addresses) => {
      const cidrs = list.flatMap((each) => parseCidr(each) ?? []);
      const set = read(list, 'ipcidr');
      if (set.behavior !== 'ipcidr') throw new Error(set.behavior);
      const { addresses: ranges } = set;
      const asked = [...addresses.map((each) => bytesToIp(each)), ...cidrs.map(({ address }) => address)];
      for (const ip of asked) expect([ip, ranges.has(ip)]).toEqual([ip, cidrs.some((cidr) => cidrContains(cidr, ip))]);
    }),
  );
});

test('a classical set: names and prefixes together, the others one by one', () => {
  const set = read(
    [
      'DOMAIN-SUFFIX,example.com',
      'DOMAIN,a.example.org',
      'IP-CIDR,192.0.2.0/24,no-resolve',
      'IP-CIDR6,2001:db8::/32',
      'DST-PORT,80/443',
      'MATCH',
    ],
    'classical',
  );
  if (set.behavior !== 'classical') throw new Error(set.behavior);
  expect(set.size).toBe(5);
  expect(['www.example.com', 'a.example.org', 'b.example.org'].map((each) => set.names.has(each))).toEqual([
    true,
    true,
    false,
  ]);
  expect([
    set.knownAddresses.has('192.0.2.9'),
    set.addresses.has('192.0.2.9'),
    set.addresses.has('2001:db8::1'),
  ]).toEqual([true, false, true]);
  expect(set.others).toEqual([{ type: 'DST-PORT', payload: '80/443', noResolve: false }]);
});

describe('whoever sent it is not trusted', () => {
  const refused = (text: string, behavior: SetBehavior) => () => finish(readCanonicalSet(Buffer.from(text), behavior));
  test.each<[string, string, SetBehavior, string]>([
    ['a line that does not end', '=a', 'domain', 'byte 2'],
    ['an empty line', '=a\n\n', 'domain', 'byte 3'],
    ['a name in upper case', '=ab\n=A\n', 'domain', 'byte 5'],
    ['an address in a set of names', '4:00000000-00000001\n', 'domain', 'byte 0'],
    ['a name in a set of addresses', '=a\n', 'ipcidr', 'byte 0'],
    ['ranges that overlap', '4:00000000-00000002\n4:00000002-00000003\n', 'ipcidr', 'byte 20'],
    ['a range backwards', '4:00000002-00000001\n', 'ipcidr', 'byte 0'],
    ['a digit that is none', '4:0000000g-00000001\n', 'ipcidr', 'byte 9'],
    ['a rule that matches everything', 'R:MATCH,\n', 'classical', 'byte 0'],
    ['an unknown rule', 'R:NONSENSE,x\n', 'classical', 'byte 0'],
    ['an endless name', `=${'a'.repeat(1000)}\n`, 'domain', 'byte 0'],
  ])('%s', (_, text, behavior, where) => {
    expect(refused(text, behavior)).toThrow(where);
  });

  test('any bytes are read or refused, never more', () => {
    const line = fc.oneof(
      fc.string({ maxLength: 30 }),
      fc.tuple(fc.constantFrom('=', '.', '+', '*', '4:', '6:', 'R:', 'N:'), fc.string()).map((parts) => parts.join('')),
    );
    fc.assert(
      fc.property(fc.array(line), fc.constantFrom<SetBehavior>('domain', 'ipcidr', 'classical'), (lines, behavior) => {
        try {
          finish(readCanonicalSet(Buffer.from(`${lines.join('\n')}\n`), behavior));
        } catch (error) {
          expect(error).toBeInstanceOf(AppError);
        }
      }),
    );
  });

  test('names chosen for one hash do not make it slow: they are refused', () => {
    // The same name again and again has the same hash.
    expect(refused('=a\n'.repeat(3000), 'domain')).toThrow('too alike');
  });
});

test('a large set is read in many small steps', () => {
  const { bytes } = inlineSet(
    Array.from({ length: 50_000 }, (_, i) => `+.name-${i}.example`),
    'domain',
  );
  let steps = 0;
  const reading = readCanonicalSet(bytes, 'domain');
  while (reading.next().done !== true) steps += 1;
  expect(steps).toBeGreaterThan(30);
});
