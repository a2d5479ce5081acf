import { describe, expect, test } from 'vitest';
import { HostTable } from '../../../../core/dns/names/hosts.ts';

describe('a table', () => {
  const table = new HostTable({
    'one.example': '192.0.2.1',
    'Two.Example': ['192.0.2.2', '2001:DB8::2'],
    '*.dev.example': ['127.0.0.1'],
    '+.all.example': 'one.example',
    'alias.example': 'Elsewhere.Example.',
    '+.search.example': 'safe.search.example',
    'b\u00FCcher.example': '192.0.2.3',
    'books.example': 'B\u00FCcher.Example',
  });

  test.each([
    ['one.example', { names: ['one.example'], addresses: ['192.0.2.1'] }],
    ['two.example', { names: ['two.example'], addresses: ['192.0.2.2', '2001:db8::2'] }],
    ['x.dev.example', { names: ['x.dev.example'], addresses: ['127.0.0.1'] }],
    ['a.b.all.example', { names: ['a.b.all.example', 'one.example'], addresses: ['192.0.2.1'] }],
    ['alias.example', { names: ['alias.example', 'elsewhere.example'] }],
    ['www.search.example', { names: ['www.search.example', 'safe.search.example'] }],
    ['xn--bcher-kva.example', { names: ['xn--bcher-kva.example'], addresses: ['192.0.2.3'] }],
    ['books.example', { names: ['books.example', 'xn--bcher-kva.example'], addresses: ['192.0.2.3'] }],
    ['x.y.dev.example', undefined],
    ['other.example', undefined],
  ])('leads %s where it says', (name, chain) => {
    expect(table.follow(name)).toEqual(chain);
  });

  test('leaves the target of a wildcard that covers it to others', () => {
    expect(table.follow('safe.search.example')).toEqual({ names: ['safe.search.example'] });
  });
});

test('follows eight names and refuses nine: none fails only when it is asked for', () => {
  const chain = (names: number) =>
    new HostTable(
      Object.fromEntries(Array.from({ length: names - 1 }, (_, i) => [`h${i}.example`, `h${i + 1}.example`])),
    );
  expect(chain(8).follow('h0.example')?.names).toHaveLength(8);
  expect(() => chain(9)).toThrow(/too far/);
});

test.each([
  ['a pattern without sense', { 'a*.example': '192.0.2.1' }, /"a\*\.example"/],
  ['a list with a name in it', { 'a.example': ['192.0.2.1', 'b.example'] }, /"b\.example" is no address/],
  ['aliases in a circle', { 'a.example': 'b.example', 'b.example': 'a.example' }, /circle/],
  [
    'a chain without end',
    Object.fromEntries(Array.from({ length: 12 }, (_, i) => [`h${i}.example`, `h${i + 1}.example`])),
    /too far/,
  ],
])('%s is refused with the entry named', (_, hosts, message) => {
  expect(() => new HostTable(hosts)).toThrow(
    expect.objectContaining({ code: 'CONFIG_INVALID', message: expect.stringMatching(message) as string }),
  );
});
