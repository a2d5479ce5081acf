import fc from 'fast-check';
import { expect, test } from 'vitest';
import { compileFilter, type SearchFields, searchFor } from '../../../renderer/text/filter.ts';

interface Row {
  proc?: string;
  host: string;
  fake?: string;
}

const searchable: SearchFields<Row> = {
  fields: { proc: (row) => [row.proc], host: (row) => [row.host], fake: (row) => [row.fake] },
  text: (row) => `${row.proc ?? ''} ${row.host} ${row.fake ?? ''} tcp`.toLowerCase(),
};
const rows: Row[] = [
  { proc: 'curl', host: 'api.github.com', fake: '198.18.0.7' },
  { proc: 'Firefox', host: 'github.com', fake: '198.18.0.70' },
  { proc: 'curl', host: 'fe80::1' },
  { host: 'example.org' },
];

function found(search: string): string[] {
  const accept = compileFilter(search, searchable);
  return rows.filter((row) => accept?.(row) ?? true).map((row) => row.host);
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
])('%j finds %j', (search, hosts) => {
  expect(found(search)).toEqual(hosts);
});

test('whatever is typed gives an answer; a wildcard pattern made from a name finds it', () => {
  fc.assert(
    fc.property(fc.string({ maxLength: 40 }), (search) => {
      expect(Array.isArray(found(search))).toBe(true);
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

test('many wildcards cost no more than the text is long', () => {
  const accept = compileFilter(`host:${'*a'.repeat(90)}b`, searchable);
  const started = performance.now();
  expect(accept?.({ host: 'a'.repeat(100_000) })).toBe(false);
  expect(performance.now() - started).toBeLessThan(1000);
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
      expect(compileFilter(searchFor('host', host), searchable)?.({ host: plain })).toBe(true);
    }),
  );
});
