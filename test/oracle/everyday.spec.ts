/** Rules as people write them, with the real geodata and inline providers: mihomo and we take the same rule for every connection. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { type Connection, compare, differenceOf, lazySets, type Written } from './compare.ts';
import { type Entries, GeoSets, hasGeodata } from './geo-sets.ts';
import { Mihomo } from './mihomo.ts';
import { chosenFor } from './proxy-ground.ts';

const seed = Number(process.env['MIRAGE_ORACLE_SEED'] ?? 7);
const connectionsInAll = Number(process.env['MIRAGE_ORACLE_CONNECTIONS'] ?? 600);
const missing = Mihomo.program === undefined || !hasGeodata;

const providers: Entries = {
  names: ['domain', '+.wild.example', '*.one.example', '.below.example', 'exact.example', 'a.*.mid.example'],
  nets: ['ipcidr', '198.51.100.0/24', '203.0.113.64/26', '2001:db8:5::/48'],
  mixed: [
    'classical',
    'DOMAIN-SUFFIX,mixed.example',
    'DOMAIN-KEYWORD,keyed',
    'IP-CIDR,192.0.2.0/25,no-resolve',
    'DST-PORT,8443',
    'PROCESS-NAME,nobody',
    'AND,((DOMAIN-SUFFIX,logic.example),(NETWORK,UDP))',
    'DOMAIN-REGEX,^re[0-9]+[.]example$',
  ],
  asking: ['classical', 'DOMAIN,first.example', 'IP-CIDR,192.0.2.128/25', 'IP-SUFFIX,0.0.0.77/8'],
};

const lines: readonly string[] = [
  'DOMAIN,exact.test',
  'DOMAIN-SUFFIX,suffix.test',
  'DOMAIN-KEYWORD,kw-test',
  'DOMAIN-WILDCARD,*.wc?.test',
  'DOMAIN-WILDCARD,w*d.test',
  'DOMAIN-REGEX,^r{2,3}\\.(test|example)$',
  'AND,(AND,(DST-PORT,4443),(NETWORK,UDP)),(NOT,((GEOSITE,cn)))',
  'AND,((NOT,((DOMAIN-SUFFIX,example))),(NOT,((DOMAIN-SUFFIX,test))),(DST-PORT,4444))',
  'OR,((DOMAIN-SUFFIX,or.example),(AND,((DST-PORT,4445),(NETWORK,tcp))))',
  'IP-CIDR,127.0.0.0/8@no-resolve',
  'IP-SUFFIX,0.0.0.99/8@no-resolve',
  'GEOIP,lan@no-resolve',
  'RULE-SET,names',
  'RULE-SET,mixed',
  'SUB-RULE,(AND,((NETWORK,TCP),(DST-PORT,4446/5000-5010))),ports',
  'SUB-RULE,(DOMAIN-SUFFIX,sub.example),names',
  'AND,((RULE-SET,nets),(DST-PORT,80))',
  'PROCESS-NAME-REGEX,^nope',
  'AND,((IN-NAME,DEFAULT-MIXED),(IN-TYPE,SOCKS4),(DST-PORT,5010))',
  'GEOSITE,category-ads-all',
  'GEOSITE,google@cn',
  'GEOSITE,google',
  'GEOSITE,telegram',
  'AND,((GEOSITE,cn),(NOT,((GEOIP,CN,no-resolve))),(DST-PORT,4447))',
  'GEOSITE,cn',
  'RULE-SET,nets@no-resolve',
  'RULE-SET,nets@src',
  'GEOIP,telegram@no-resolve',
  'IP-ASN,13335@no-resolve',
  'RULE-SET,asking',
  'IP-CIDR,192.0.2.0/24',
  'IP-ASN,15169',
  'GEOIP,CN',
  'GEOIP,US',
  'GEOIP,private',
  'SRC-GEOIP,lan',
];
const subRules: Readonly<Record<string, readonly string[]>> = {
  ports: ['DST-PORT,5000', 'DST-PORT,5001,PASS', 'DST-PORT,5002,PASS-RULE', 'GEOIP,JP', 'DST-PORT,5000-5005'],
  names: ['DOMAIN,a.sub.example', 'SUB-RULE,(DST-PORT,80),ports', 'IP-CIDR,192.0.2.0/24', 'DOMAIN-KEYWORD,b'],
};

test.skipIf(missing)(
  'every connection takes the same rule',
  async () => {
    const written = everyday();
    const geo = new GeoSets(providers, seed);
    const sets = lazySets((name) => geo.setOf(name));
    const places = [
      ...geo.placesIn('geoip:cn', 20),
      ...geo.placesIn('geoip:us', 20),
      ...geo.placesIn('asn:13335', 20),
      ...geo.placesIn('asn:15169', 20),
    ];
    const names = ['cn', 'google', 'category-ads-all', 'telegram'].flatMap((code) =>
      geo.namesIn(`geosite:${code}`, 60),
    );
    const own = namesBeside([
      'exact.test',
      'suffix.test',
      'kw-test.example',
      'a.wcx.test',
      'wd.test',
      'wood.test',
      'rr.test',
      'rrrr.example',
      'wild.example',
      'one.example',
      'below.example',
      'exact.example',
      'a.b.mid.example',
      'mixed.example',
      'keyed.example',
      'logic.example',
      're12.example',
      'first.example',
      'or.example',
      'a.sub.example',
      'b.sub.example',
    ]);
    const addresses = [
      '127.0.0.1',
      '10.0.0.1',
      '192.168.1.1',
      '172.32.0.0',
      '198.51.100.0',
      '198.51.101.0',
      '203.0.113.63',
      '203.0.113.64',
      '203.0.113.127',
      '203.0.113.128',
      '192.0.2.127',
      '192.0.2.128',
      '192.0.2.77',
      '8.8.8.99',
      '2001:db8:5::1',
      '2001:db8:6::1',
      'fe80::1',
      'fd00::1',
      '224.0.0.1',
      '169.254.0.1',
      '0.0.0.0',
      '91.108.4.1',
    ];
    const addressesOf = (name: string): readonly string[] => {
      return [chosenFor(name, [...places, ...addresses], seed)];
    };
    const connection: fc.Arbitrary<Connection> = fc.record({
      network: fc.constantFrom('tcp', 'tcp', 'udp'),
      type: fc.constantFrom('SOCKS5', 'SOCKS5', 'SOCKS4', 'HTTPS'),
      host: fc.oneof(
        fc.constantFrom(...own),
        fc.constantFrom(...namesBeside(names)),
        fc.constantFrom(...addresses, ...places),
      ),
      port: fc.constantFrom(80, 443, 443, 8443, 4443, 4444, 4445, 4446, 4447, 4999, 5000, 5001, 5002, 5005, 5010),
    });
    const connections = fc
      .sample(connection, { numRuns: connectionsInAll, seed })
      .map((one) => (one.type === 'SOCKS4' && one.host.includes(':') ? { ...one, type: 'HTTPS' as const } : one));
    const compared = await compare(written, connections, addressesOf, sets);
    const differences = compared.filter(({ ours, theirs }) => ours !== theirs);
    expect(differences.map((one) => differenceOf(one, written))).toEqual([]);
    // The rules are of use only when connections come to them.
    expect(new Set(compared.map(({ theirs }) => theirs)).size).toBeGreaterThan(lines.length / 2);
  },
  600_000,
);

function everyday(): Written {
  const proxies: string[] = [];
  const withPolicies = (name: string, list: readonly string[]): string[] =>
    list.map((line, index) => {
      if (line.startsWith('SUB-RULE') || /PASS(-RULE)?$/.test(line)) return line;
      const [rule = '', ...options] = line
        .split('@no-resolve')
        .join('@@no-resolve')
        .split('@src')
        .join('@@src')
        .split('@@');
      proxies.push(`${name}${index}`);
      return [rule, `${name}${index}`, ...options].join(',');
    });
  const rules = [...withPolicies('main', lines), 'MATCH,last'];
  const lists = Object.fromEntries(Object.entries(subRules).map(([name, list]) => [name, withPolicies(name, list)]));
  const entries = Object.entries(providers).map(
    ([name, [behavior, ...payload]]) =>
      `  ${name}: {type: inline, behavior: ${behavior}, payload: ${JSON.stringify(payload)}}`,
  );
  return { rules, subRules: lists, more: `rule-providers:\n${entries.join('\n')}`, proxies: [...proxies, 'last'] };
}

/** Names beside those: the parent, what is below, another letter in front. */
function namesBeside(names: readonly string[]): string[] {
  return names.flatMap((name) => [name, `www.${name}`, `x${name}`, name.slice(name.indexOf('.') + 1)]);
}
