import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { finish } from '../../../../core/base/steps.ts';
import type { GeoFile } from '../../../../core/profile/provider-contents.ts';
import { FormatError } from '../../../../core/provider/formats/format-error.ts';
import { listsOf } from '../../../../core/provider/formats/geo-dat.ts';
import { geoCode, readGeoFile } from '../../../../core/provider/formats/geo-file.ts';
import { countryCodes, Mmdb, systemNumbers } from '../../../../core/provider/formats/mmdb.ts';
import type { SetContents as RuleSet } from '../../../../core/rule/rule-set.ts';
import { readCanonicalSet } from '../../../../core/rule/sets/set-reader.ts';
import { asnDatabase, countryDatabase, geoipFile, geositeFile } from '../../../support/geodata.ts';
import { peerFile } from '../../../support/peers.ts';
import { runs } from '../../../support/runs.ts';

function listOf(kind: GeoFile, file: Buffer, code: string): RuleSet {
  const type = kind === 'geosite' ? 'GEOSITE' : kind === 'asn' ? 'IP-ASN' : 'GEOIP';
  const wanted = geoCode(type, code);
  const set = readGeoFile(kind, file, [wanted]).get([wanted.code, ...wanted.attributes].join('@'));
  if (set === undefined || set instanceof FormatError) throw set ?? new Error('none');
  return finish(readCanonicalSet(set.bytes, set.behavior));
}

const namesIn = (set: RuleSet, names: readonly string[]): boolean[] => {
  if (set.behavior === 'ipcidr') throw new Error(set.behavior);
  return names.map((name) => set.names.has(name));
};
const addressesIn = (set: RuleSet, ips: readonly string[]): boolean[] => {
  if (set.behavior !== 'ipcidr') throw new Error(set.behavior);
  return ips.map((ip) => set.addresses.has(ip));
};

describe('codes', () => {
  test.each([
    ['GEOSITE', 'Google@CN', { code: 'google', attributes: ['cn'], inverted: false }],
    ['GEOSITE', 'geolocation-!cn', { code: 'geolocation-!cn', attributes: [], inverted: false }],
    ['GEOSITE', '!cn', { code: 'cn', attributes: [], inverted: true }],
    ['GEOIP', 'CN', { code: 'cn', attributes: [], inverted: false }],
    ['IP-ASN', '13335', { code: '13335', attributes: [], inverted: false }],
  ] as const)('%s,%s', (type, payload, code) => {
    expect(geoCode(type, payload)).toEqual(code);
  });
});

describe('geosite.dat', () => {
  const file = geositeFile({
    CN: [
      ['suffix', 'example.cn'],
      ['full', 'www.example.org'],
      ['suffix', 'ads.example', 'ads', 'cn'],
      ['suffix', 'shop.example', 'cn'],
    ],
    MIXED: [
      ['keyword', 'tracker'],
      ['regex', '^ad[0-9]+\\.'],
      ['suffix', 'x.example'],
    ],
  });

  test('names and what is below them; attributes select', () => {
    expect(
      namesIn(listOf('geosite', file, 'cn'), [
        'example.cn',
        'a.example.cn',
        'www.example.org',
        'a.www.example.org',
        'shop.example',
      ]),
    ).toEqual([true, true, true, false, true]);
    expect(namesIn(listOf('geosite', file, 'CN@cn'), ['example.cn', 'shop.example', 'ads.example'])).toEqual([
      false,
      true,
      true,
    ]);
    expect(namesIn(listOf('geosite', file, 'cn@cn@ads'), ['shop.example', 'ads.example'])).toEqual([false, true]);
  });

  test('keywords and expressions are rules of a classical set', () => {
    expect(listOf('geosite', file, 'mixed')).toMatchObject({
      behavior: 'classical',
      others: [
        { type: 'DOMAIN-KEYWORD', payload: 'tracker' },
        { type: 'DOMAIN-REGEX', payload: '^ad[0-9]+\\.' },
      ],
    });
    expect(listOf('geosite', file, 'cn').behavior).toBe('domain');
  });

  test('a code that is not there is told, not an error of the file', () => {
    const lists = readGeoFile('geosite', file, [geoCode('GEOSITE', 'nowhere'), geoCode('GEOSITE', 'cn')]);
    expect(lists.get('nowhere')).toMatchObject({ trouble: 'NOT_LISTED' });
    expect(lists.get('cn')).toMatchObject({ entries: 4 });
  });
});

test('geoip.dat: both families; a mapped IPv4 prefix is IPv4', () => {
  const file = geoipFile({ CN: ['192.0.2.0/24', '2001:db8::/32', '::ffff:198.51.100.0/120'], PRIVATE: ['10.0.0.0/8'] });
  const asked = ['192.0.2.255', '192.0.3.0', '2001:db8::1', '2001:db9::', '198.51.100.7', '10.1.2.3'];
  expect(addressesIn(listOf('geoip', file, 'cn'), asked)).toEqual([true, false, true, false, true, false]);
  expect(addressesIn(listOf('geoip', file, 'private'), asked)).toEqual([false, false, false, false, false, true]);
});

describe.each([24, 28, 32] as const)('databases with records of %i bits', (bits) => {
  test.each(['maxmind', 'text', 'list'] as const)('countries, as %s', (form) => {
    const file = countryDatabase({ CN: ['192.0.2.0/24', '2001:db8::/32'], US: ['198.51.100.0/25'] }, { bits, form });
    expect(
      addressesIn(listOf('country', file, 'cn'), ['192.0.2.1', '192.0.1.255', '2001:db8:ffff::', '198.51.100.1']),
    ).toEqual([true, false, true, false]);
    expect(addressesIn(listOf('country', file, 'US'), ['192.0.2.1', '198.51.100.127', '198.51.100.128'])).toEqual([
      false,
      true,
      false,
    ]);
    expect(readGeoFile('country', file, [geoCode('GEOIP', 'zz')]).get('zz')).toMatchObject({ trouble: 'NOT_LISTED' });
  });

  test('autonomous systems, also in a database of IPv4 only', () => {
    for (const version of [4, 6] as const) {
      const file = asnDatabase({ 13335: ['192.0.2.0/24'], 64512: ['198.51.100.0/24'] }, { bits, version });
      expect(addressesIn(listOf('asn', file, '13335'), ['192.0.2.9', '198.51.100.9'])).toEqual([true, false]);
    }
  });
});

describe('hostile files are refused with their offset', () => {
  const files: [GeoFile, Buffer][] = [
    [
      'geosite',
      geositeFile({
        CN: [
          ['suffix', 'example.cn'],
          ['regex', 'a+', 'x'],
        ],
      }),
    ],
    ['geoip', geoipFile({ CN: ['192.0.2.0/24', '2001:db8::/32'] })],
    ['country', countryDatabase({ CN: ['192.0.2.0/24'], US: ['2001:db8::/32'] }, { bits: 24, form: 'maxmind' })],
    ['asn', asnDatabase({ 13335: ['192.0.2.0/24'] }, { bits: 28, version: 4 })],
  ];
  const code = (kind: GeoFile) => (kind === 'asn' ? geoCode('IP-ASN', '13335') : geoCode('GEOSITE', 'cn'));
  const attempt = (kind: GeoFile, file: Buffer): void => {
    try {
      for (const set of readGeoFile(kind, file, [code(kind)]).values())
        if (!(set instanceof FormatError)) finish(readCanonicalSet(set.bytes, set.behavior));
    } catch (error) {
      if (!(error instanceof FormatError)) throw error;
    }
  };

  test.each(files)('%s', (kind, whole) => {
    for (let length = 0; length < whole.length; length++) attempt(kind, whole.subarray(0, length));
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.nat(), fc.nat(255)), { minLength: 1, maxLength: 4 }), (changes) => {
        const bytes = Buffer.from(whole);
        for (const [at, value] of changes) bytes[at % bytes.length] = value;
        attempt(kind, bytes);
      }),
      runs(300),
    );
    fc.assert(fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => attempt(kind, Buffer.from(bytes))));
  });

  test('with the place of what is wrong', () => {
    const [, geosite = Buffer.alloc(0)] = files[0] ?? [];
    expect(() => listsOf(geosite.subarray(0, geosite.length - 3))).toThrow(/at byte 0/);
    expect(() => new Mmdb(Buffer.from('nothing'))).toThrow(FormatError);
  });

  test('a tree that leads back into itself ends', () => {
    const [, database = Buffer.alloc(0)] = files[2] ?? [];
    const loop = Buffer.from(database);
    loop.writeUIntBE(0, 0, 3);
    loop.writeUIntBE(0, 3, 3);
    expect(() => new Mmdb(loop).walk(countryCodes, () => undefined)).toThrow(FormatError);
  });
});

describe('real files', () => {
  const real = (name: string) => peerFile(`geodata/${name}`);
  test.skipIf(real('geosite.dat') === undefined)('every code of geosite.dat loads', () => {
    const file = readFileSync(real('geosite.dat') ?? '');
    const codes = [...listsOf(file).keys()];
    expect(codes.length).toBeGreaterThan(1000);
    for (const set of readGeoFile(
      'geosite',
      file,
      codes.map((code) => geoCode('GEOSITE', code === '!' ? '' : code)),
    ).values()) {
      if (set instanceof FormatError) throw set;
      expect([set.leftOut, set.example]).toEqual([0, undefined]);
      expect(finish(readCanonicalSet(set.bytes, set.behavior)).size).toBeGreaterThan(0);
    }
  });

  test.skipIf(real('geoip.dat') === undefined)('codes of geoip.dat load', () => {
    const file = readFileSync(real('geoip.dat') ?? '');
    const codes = [...listsOf(file).keys()].filter((_, i) => i % 10 === 0 || i < 5);
    for (const set of readGeoFile(
      'geoip',
      file,
      codes.map((code) => geoCode('GEOIP', code)),
    ).values()) {
      if (set instanceof FormatError) throw set;
      expect(finish(readCanonicalSet(set.bytes, set.behavior)).size).toBeGreaterThan(0);
    }
  });

  test.skipIf(real('country.mmdb') === undefined)('every code of country.mmdb and number of ASN.mmdb is found', () => {
    for (const [name, codesOf] of [
      ['country.mmdb', countryCodes],
      ['ASN.mmdb', systemNumbers],
    ] as const) {
      const file = readFileSync(real(name) ?? '');
      const codes = new Set<string>();
      new Mmdb(file).walk(codesOf, (code) => codes.add(code));
      expect(codes.size).toBeGreaterThan(200);
      const some = [...codes].slice(0, 300).map((code) => geoCode('GEOIP', code));
      for (const set of readGeoFile(name === 'ASN.mmdb' ? 'asn' : 'country', file, some).values()) {
        if (set instanceof FormatError) throw set;
        expect(finish(readCanonicalSet(set.bytes, set.behavior)).size).toBeGreaterThan(0);
      }
    }
  });
});

describe('small files that mean much', () => {
  const codes = (...list: string[]) => list.map((code) => geoCode('GEOSITE', code));
  const field = (number: number, bytes: Uint8Array): Buffer => {
    const length: number[] = [];
    for (let left = bytes.length; ; left = Math.floor(left / 128)) {
      length.push(left < 128 ? left : (left % 128) + 128);
      if (left < 128) break;
    }
    return Buffer.concat([Buffer.from([number * 8 + 2, ...length]), bytes]);
  };
  const pointer = (target: number): Buffer => {
    const bytes = Buffer.alloc(5);
    bytes[0] = 0b0011_1000;
    bytes.writeUInt32BE(target, 1);
    return bytes;
  };
  const large = (type: number, size: number): Buffer => {
    const bytes = Buffer.alloc(4);
    bytes[0] = (type << 5) | 31;
    bytes.writeUIntBE(size - 65_821, 1, 3);
    return bytes;
  };
  /** Every address leads to a record of its own; all of them are in `data`. */
  const databaseOf = (data: Buffer, leaves: number, leaf: (i: number) => number): Buffer => {
    const nodes = leaves - 1;
    const tree = Buffer.alloc(nodes * 8);
    // A heap: node i leads to 2i + 1 and 2i + 2.
    for (let i = 0; i < nodes * 2; i++) {
      const child = i + 1;
      tree.writeUInt32BE(child < nodes ? child : nodes + 16 + leaf(child - nodes), i * 4);
    }
    const whole = countryDatabase({ CN: ['192.0.2.0/24'] }, { bits: 32, form: 'text' });
    const metadata = Buffer.from(whole.subarray(whole.indexOf('MaxMind.com') - 3));
    const count = metadata.indexOf('node_count') + 'node_count'.length;
    metadata.writeUInt32BE(nodes, count + 1);
    return Buffer.concat([tree, Buffer.alloc(16), data, metadata]);
  };
  const tooLarge = expect.objectContaining({ trouble: 'TOO_LARGE', offset: expect.any(Number) });

  test.each([
    // A text of 2 MiB, and records that are lists of it.
    [
      'a text that a thousand records repeat a thousand times',
      () => {
        const text = Buffer.concat([large(2, 2_000_000), Buffer.alloc(2_000_000, 'a')]);
        const record = Buffer.concat([Buffer.from([30, 4, 2, 0]), ...Array.from({ length: 797 }, () => pointer(0))]);
        return databaseOf(
          Buffer.concat([text, ...Array.from({ length: 1024 }, () => record)]),
          1024,
          (i) => text.length + i * record.length,
        );
      },
    ],
    [
      'records of ten thousand values, one at each byte',
      () => databaseOf(Buffer.concat(Array.from({ length: 60_000 }, () => Buffer.from([8, 4]))), 32_768, (i) => i * 2),
    ],
    [
      'a value that is twice what is before it, sixteen times',
      () => {
        const levels = [Buffer.from('\x4242'.slice(0, 1) + 'cn', 'latin1')];
        let at = 0;
        for (let i = 0; i < 12; i++) {
          const before = at;
          at = Buffer.concat(levels).length;
          levels.push(Buffer.concat([Buffer.from([2, 4]), pointer(before), pointer(before)]));
        }
        const data = Buffer.concat(levels);
        const last = at;
        const records = Array.from({ length: 4096 }, () => pointer(last));
        return databaseOf(Buffer.concat([data, ...records]), 4096, (i) => data.length + i * 5);
      },
    ],
  ])('a database: %s', (_, make) => {
    expect(() => readGeoFile('country', make(), [geoCode('GEOIP', 'cn')])).toThrow(FormatError);
  });

  test('what stands under other keys is passed over, wherever it leads', () => {
    const text = Buffer.concat([large(2, 2_000_000), Buffer.alloc(2_000_000, 'a')]);
    const key = (name: string) => Buffer.concat([Buffer.from([0x40 | name.length]), Buffer.from(name)]);
    const record = Buffer.concat([
      Buffer.from([0xe3]),
      key('names'),
      pointer(0),
      key('nothing'),
      pointer(0x7fff_ffff),
      key('country_code'),
      key('CN'),
    ]);
    const data = Buffer.concat([text, ...Array.from({ length: 1024 }, () => record)]);
    const file = databaseOf(data, 1024, (i) => text.length + i * record.length);
    expect(readGeoFile('country', file, [geoCode('GEOIP', 'cn')]).get('cn')).toMatchObject({ entries: 1024 });
  });

  test('more lists than anybody has', () => {
    const lists = Array.from({ length: 100_001 }, (_, i) => field(1, field(1, Buffer.from(`l${i}`))));
    expect(() => readGeoFile('geosite', Buffer.concat(lists), codes('l1'))).toThrow(tooLarge);
  });

  test('an entry with attributes without end, or a value without end', () => {
    const attributes = Array.from({ length: 101 }, (_, i) => field(3, field(1, Buffer.from(`a${i}`))));
    const many = Buffer.concat([field(2, Buffer.from('x.example')), ...attributes]);
    const long = field(2, Buffer.alloc(5_000, 'a'));
    for (const entry of [many, long])
      expect(() =>
        readGeoFile('geosite', field(1, Buffer.concat([field(1, Buffer.from('cn')), field(2, entry)])), codes('cn')),
      ).toThrow(expect.objectContaining({ trouble: 'NOT_READABLE', offset: expect.any(Number) }));
  });

  test('a large list that is wanted with hundreds of attributes is not read hundreds of times', () => {
    const entry = field(2, field(2, Buffer.from('www.example.org')));
    const list = Buffer.concat([field(1, Buffer.from('cn')), ...Array.from({ length: 50_000 }, () => entry)]);
    const wanted = codes(...Array.from({ length: 300 }, (_, i) => `cn@a${i}`));
    expect(() => readGeoFile('geosite', field(1, list), wanted)).toThrow(tooLarge);
    expect(readGeoFile('geosite', field(1, list), wanted.slice(0, 5)).size).toBe(5);
  });

  test.each([
    ['geosite', geositeFile({ CN: [['suffix', 'example.cn']], US: [['full', 'us.example']] })],
    ['geoip', geoipFile({ CN: ['192.0.2.0/24'], US: ['2001:db8::/32'] })],
    ['country', countryDatabase({ CN: ['192.0.2.0/24'] }, { bits: 24, form: 'maxmind' })],
    ['asn', asnDatabase({ 13335: ['192.0.2.0/24'] }, { bits: 28, version: 4 })],
  ] as const)('%s: cut off anywhere within a list or the metadata, it is refused with a place', (kind, whole) => {
    const wanted = [geoCode(kind === 'asn' ? 'IP-ASN' : 'GEOSITE', kind === 'asn' ? '13335' : 'cn')];
    const isMmdb = kind === 'country' || kind === 'asn';
    const second = isMmdb ? 0 : (listsOf(whole).get('us')?.start ?? 0);
    for (let length = second; length < whole.length; length++) {
      const cut = () => readGeoFile(kind, whole.subarray(0, length), wanted);
      // Behind the metadata's marker what is missing may be of no account.
      if (isMmdb && length > whole.indexOf('MaxMind.com') + 80) continue;
      if (length === 0 && !isMmdb) continue;
      expect(cut).toThrow(expect.objectContaining({ trouble: 'NOT_READABLE', offset: expect.any(Number) }));
    }
  });
});
