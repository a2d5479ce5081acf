import fc from 'fast-check';
import { expect, test } from 'vitest';
import { compileFilter, type SearchFields, searchFor, unknownFields } from '../../../renderer/text/filter.ts';
import { fairClock } from '../../support/fair-clock.ts';

interface Row {
  proc?: string;
  host: string;
  fake?: string;
  down?: number;
}

const searchable: SearchFields<Row> = {
  fields: { proc: (row) => [row.proc], host: (row) => [row.host], fake: (row) => [row.fake] },
  numbers: { down: (row) => row.down },
  aliases: { process: 'proc' },
  text: (row) => `${row.proc ?? ''} ${row.host} ${row.fake ?? ''} tcp`.toLowerCase(),
};
const rows: Row[] = [
  { proc: 'curl', host: 'api.github.com', fake: '198.18.0.7', down: 1_500_000 },
  { proc: 'Firefox', host: 'github.com', fake: '198.18.0.70', down: 900 },
  { proc: 'curl', host: 'fe80::1' },
  { host: 'example.org' },
];

function found(search: string): string[] {
  const filter = compileFilter(search, searchable);
  return rows.filter((row) => filter?.accept(row) ?? true).map((row) => row.host);
}

test.each([
  ['', ['api.github.com', 'github.com', 'fe80::1', 'example.org']],
  ['  ', ['api.github.com', 'github.com', 'fe80::1', 'example.org']],
  ['github', ['api.github.com', 'github.com']],
  ['GITHUB', ['api.github.com', 'github.com']],
  ['proc:curl', ['api.github.com', 'fe80::1']],
  ['PROC:CURL', ['api.github.com', 'fe80::1']],
  ['proc:fire', ['github.com']],
  ['proc:curl host:github', ['api.github.com']],
  ['host:*.github.com', ['api.github.com']],
  ['host:git*.com', ['github.com']],
  ['host:*hub*', ['api.github.com', 'github.com']],
  ['host:*a*a*', []],
  ['fake:198.18.0.7', ['api.github.com', 'github.com']],
  ['fake:198.18.0.7*', ['api.github.com', 'github.com']],
  ['fake:*.7', ['api.github.com']],
  ['-github', ['fe80::1', 'example.org']],
  ['-proc:curl', ['github.com', 'example.org']],
  ['-proc:curl -host:example.org', ['github.com']],
  ['-tcp', []],
  ['fe80::1', ['fe80::1']],
  ['host:fe80::1', ['fe80::1']],
  ['unknown:curl', []],
  ['"curl api"', ['api.github.com']],
  ['proc:"curl"', ['api.github.com', 'fe80::1']],
  ['"curl', ['api.github.com', 'fe80::1']],
  ['-', []],
  ['proc: curl', ['api.github.com', 'fe80::1']],
  ['process: curl host: api', ['api.github.com']],
  ['-proc: curl', ['github.com', 'example.org']],
  ['proc:', ['api.github.com', 'github.com', 'fe80::1', 'example.org']],
  ['proc: -github', ['fe80::1', 'example.org']],
  ['fire | example', ['github.com', 'example.org']],
  ['proc:curl host:api|example.org', ['api.github.com', 'example.org']],
  ['| fire |', ['github.com']],
  ['-tcp | fire', ['github.com']],
  ['"a|b" | fire', ['github.com']],
  ['down:>1MB', ['api.github.com']],
  ['down:>=1.5mb', ['api.github.com']],
  ['down:<1k', ['github.com']],
  ['down: <=900', ['github.com']],
  ['down:=900', ['github.com']],
  ['down:800-1000', ['github.com']],
  ['-down:>1kB', ['github.com', 'fe80::1', 'example.org']],
  ['down:>1furlong', []],
])('%j finds %j', (search, hosts) => {
  expect(found(search)).toEqual(hosts);
});

test.each([
  ['colour:red', ['colour']],
  ['colour: red', ['colour']],
  ['-colour:red proc:curl colour:blue shape:"round"', ['colour', 'shape']],
  ['proc:curl down:>1 process:x', []],
  ['fe80::1', []],
  ['example.org:443', []],
  ['localhost:8080', []],
  ['https://example.org', []],
  ['12:30', []],
  ['', []],
])('%j has the unknown fields %j', (search, unknown) => {
  expect(unknownFields(search, searchable)).toEqual(unknown);
});

test('whatever is typed gives an answer; a wildcard pattern made from a name finds it', () => {
  fc.assert(
    fc.property(fc.string({ maxLength: 40 }), (search) => {
      expect(Array.isArray(found(search))).toBe(true);
      expect(Array.isArray(unknownFields(search, searchable))).toBe(true);
    }),
  );
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 14 }), fc.integer({ min: 0, max: 14 }), (a, b) => {
      const name = 'api.github.com';
      const [from, to] = [Math.min(a, b), Math.max(a, b)];
      expect(found(`host:${name.slice(0, from)}*${name.slice(to)}`)).toContain(name);
    }),
  );
});

test('says whether its answer changes without a new row', () => {
  const moving = (search: string) => compileFilter(search, { ...searchable, moving: ['down'] })?.moving;
  expect(['host:x | down:>1', '-down:>1', 'host:x', 'down'].map(moving)).toEqual([true, true, false, false]);
});

test('many wildcards cost no more than the text is long', () => {
  const filter = compileFilter(`host:${'*a'.repeat(90)}b`, searchable);
  const started = fairClock.monotonic();
  expect(filter?.accept({ host: 'a'.repeat(100_000) })).toBe(false);
  expect(fairClock.monotonic() - started).toBeLessThan(1000);
});

test.each([
  ['github.com', 'host:github.com'],
  ['with space', 'host:"with space"'],
  ['quo"te', 'host:quote'],
])('searchFor(host, %j)', (value, search) => {
  expect(searchFor('host', value)).toBe(search);
});

test('what is searched for is found', () => {
  const value = fc.string({ minLength: 1 }).filter((text) => text.replaceAll('"', '').trim() !== '');
  fc.assert(
    fc.property(value, (host) => {
      const plain = host.replaceAll('"', '');
      expect(compileFilter(searchFor('host', host), searchable)?.accept({ host: plain })).toBe(true);
    }),
  );
});
