import fc from 'fast-check';
import { expect, test } from 'vitest';
import { isReferral, scrubbed } from '../../../../core/dns/resolver/answer-scrubber.ts';
import { denialSoa } from '../../../../core/dns/resolver/soa.ts';
import { type DnsMessage, type DnsRecord, queryFor, responseTo } from '../../../../core/net/dns-message.ts';
import { record } from '../upstream/fake-upstream.ts';

const a = (name: string, address = '192.0.2.1') => record(name, 'A', address);
const alias = (name: string, to: string) => record(name, 'CNAME', to);
const signature = (name: string, covers: number) => record(name, 'RRSIG', Uint8Array.of(0, covers, 8, 2));
const query = queryFor(1, 'www.example', 'A', undefined);
const message = (change: Partial<DnsMessage>): DnsMessage => ({ ...responseTo(query, 'NOERROR'), ...change });
const text = (records: readonly DnsRecord[] | undefined): string[] | undefined =>
  records?.map(({ name, type, data }) => `${name} ${type}${typeof data === 'string' ? ` ${data}` : ''}`);

const end = 'www.example A 192.0.2.1';
test.each<[string, string, DnsRecord[], string[] | undefined]>([
  ['what was asked for', 'A', [a('www.example')], [end]],
  ['nothing', 'A', [], []],
  ['other letters', 'A', [a('WWW.Example')], ['WWW.Example A 192.0.2.1']],
  ['another name beside', 'A', [a('www.example'), a('bank.example', '192.0.2.66')], [end]],
  ['another class beside', 'A', [{ ...a('www.example', '192.0.2.66'), class: 3 }, a('www.example')], [end]],
  ['another name only', 'A', [a('bank.example', '192.0.2.66')], undefined],
  ['a name below and one above', 'A', [a('a.www.example'), a('example')], undefined],
  ['another type', 'AAAA', [a('www.example')], []],
  ['a signature', 'A', [a('www.example'), signature('www.example', 1)], [end, 'www.example RRSIG']],
  [
    'everything, for ANY',
    'ANY',
    [a('www.example'), record('www.example', 'AAAA', '2001:db8::1'), a('x')],
    [end, 'www.example AAAA 2001:db8::1'],
  ],
  ['the alias, for CNAME', 'CNAME', [alias('www.example', 'x'), a('x')], ['www.example CNAME x']],
  ['an alias', 'A', [alias('www.example', 'x'), a('x')], ['www.example CNAME x', 'x A 192.0.2.1']],
  ['an alias behind its end', 'A', [a('x'), alias('www.example', 'x')], ['www.example CNAME x', 'x A 192.0.2.1']],
  [
    'aliases in the opposite order',
    'A',
    [a('z'), alias('y', 'z'), alias('x', 'y'), alias('www.example', 'x')],
    ['www.example CNAME x', 'x CNAME y', 'y CNAME z', 'z A 192.0.2.1'],
  ],
  [
    'an alias with more at its name',
    'A',
    [alias('www.example', 'x'), a('www.example'), a('x')],
    ['www.example CNAME x', 'x A 192.0.2.1'],
  ],
  [
    'an alias with more at its name, which leads to nothing of use',
    'A',
    [alias('www.example', 'x'), a('www.example')],
    ['www.example A 192.0.2.1'],
  ],
  [
    'the same further on',
    'A',
    [alias('www.example', 'x'), alias('x', 'y'), a('x')],
    ['www.example CNAME x', 'x A 192.0.2.1'],
  ],
  [
    'two aliases of a name',
    'A',
    [alias('www.example', 'x'), alias('www.example', 'y'), a('y')],
    ['www.example CNAME x'],
  ],
  ['an alias to itself', 'A', [alias('www.example', 'www.example')], ['www.example CNAME www.example']],
  [
    'a ring',
    'A',
    [alias('www.example', 'x'), alias('x', 'www.example')],
    ['www.example CNAME x', 'x CNAME www.example'],
  ],
  ['a ring that the name is not in', 'A', [alias('x', 'y'), alias('y', 'x')], undefined],
  [
    'an alias with a signature',
    'A',
    [alias('www.example', 'x'), signature('www.example', 5), a('x')],
    ['www.example CNAME x', 'www.example RRSIG', 'x A 192.0.2.1'],
  ],
  [
    'a DNAME with its alias',
    'A',
    [
      record('example', 'DNAME', 'test'),
      signature('example', 39),
      signature('example', 6),
      alias('www.example', 'www.test'),
      a('www.test'),
    ],
    ['example DNAME test', 'example RRSIG', 'www.example CNAME www.test', 'www.test A 192.0.2.1'],
  ],
  ['a DNAME without', 'A', [record('example', 'DNAME', 'test')], ['example DNAME test', 'www.example CNAME www.test']],
  ['a DNAME of the root', 'A', [record('.', 'DNAME', 'test')], ['. DNAME test', 'www.example CNAME www.example.test']],
  ['a DNAME to the root', 'A', [record('example', 'DNAME', '.')], ['example DNAME .', 'www.example CNAME www']],
  ['a DNAME at the name itself', 'A', [record('www.example', 'DNAME', 'test')], []],
  ['a DNAME of others', 'A', [record('other', 'DNAME', 'test'), a('www.example')], [end]],
  [
    'a DNAME that makes too long a name',
    'A',
    [record('example', 'DNAME', Array.from({ length: 4 }, () => 'l'.repeat(62)).join('.'))],
    [`example DNAME ${Array.from({ length: 4 }, () => 'l'.repeat(62)).join('.')}`],
  ],
])('%s', (_, type, answers, expected) => {
  expect(text(scrubbed(message({ answers }), { name: 'www.example', type })?.answers)).toEqual(expected);
});

test('authorities speak for the zone of the name or of an alias, and prove; additional records are nobody asked for', () => {
  const authorities = [
    record('com', 'NS', 'evil.example'),
    record('other.example', 'SOA', denialSoa('x').data),
    record('example', 'SOA', denialSoa('x').data),
    record('.', 'NS', 'root'),
    record('b.test', 'NS', 'ns.b.test'),
    record('3kq.example', 'NSEC3', Uint8Array.of(1)),
  ];
  const told = scrubbed(
    message({ answers: [alias('www.example', 'a.b.test')], authorities, additionals: [a('evil.example')] }),
    { name: 'www.example', type: 'A' },
  );
  expect(told?.authorities.map(({ name, type }) => `${name} ${type}`)).toEqual([
    'example SOA',
    '. NS',
    'b.test NS',
    '3kq.example NSEC3',
  ]);
  expect(told?.additionals).toEqual([]);
});

test.each<[string, boolean, Partial<DnsMessage>]>([
  ['name servers of the zone', true, { authorities: [record('example', 'NS', 'ns.example')] }],
  ['those of the root', true, { authorities: [record('.', 'NS', 'a.root-servers.net')] }],
  [
    'with an authority for the answer',
    false,
    { authorities: [record('example', 'NS', 'ns.example'), denialSoa('www.example')] },
  ],
  [
    'said by a server of the zone',
    false,
    { authoritative: true, authorities: [record('example', 'NS', 'ns.example')] },
  ],
  ['nothing at all', false, {}],
  ['beside an answer', false, { answers: [a('www.example')], authorities: [record('example', 'NS', 'ns.example')] }],
  ['beside a denial', false, { rcode: 'NXDOMAIN', authorities: [record('example', 'NS', 'ns.example')] }],
])('%s: a referral is %s', (_, expected, change) => {
  expect(isReferral(message(change))).toBe(expected);
});

test("whatever the records are, those that stay are the question's, each once, and it ends", () => {
  const name = fc.constantFrom('www.example', 'example', 'x', 'y.example', '.', 'z.x');
  const type = fc.constantFrom('A', 'CNAME', 'DNAME', 'AAAA', 'RRSIG');
  const any = fc.tuple(name, type, name).map(([owner, kind, data]) => record(owner, kind, data));
  fc.assert(
    fc.property(fc.array(any, { maxLength: 30 }), type, (answers, asked) => {
      const kept = scrubbed(message({ answers }), { name: 'www.example', type: asked })?.answers ?? [];
      const reached = new Set([
        'www.example',
        ...kept.filter((one) => one.type === 'CNAME').map(({ data }) => String(data).replace(/^\.$/, '')),
      ]);
      for (const one of kept)
        if (one.type !== 'DNAME' && one.type !== 'RRSIG') expect(reached).toContain(one.name.replace(/^\.$/, ''));
      const own = kept.filter((one) => answers.includes(one));
      expect(new Set(own).size).toBe(own.length);
    }),
  );
});
