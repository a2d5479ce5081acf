/**
 * Whole profiles: connections about the names, addresses, ports and programs of each one's own rules, and beside them, take the same
 * rule and the same chain. `MIRAGE_ORACLE_PROFILES` is a directory of further ones.
 */
import { copyFileSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, expect, test } from 'vitest';
import { numberToIpv4 } from '../../core/base/address.ts';
import { parseCidr } from '../../core/base/cidr.ts';
import { isSetRuleType, setNameOf } from '../../core/contract/sets.ts';
import type { BareRule } from '../../core/rule/rule-kind.ts';
import { parseRule, rulesWithin } from '../../core/rule/rule-parser.ts';
import { profileKinds } from '../support/profile-kinds.ts';
import { type Connection, compareProfile, lazySets } from './compare.ts';
import { GeoSets, hasGeodata } from './geo-sets.ts';
import { groundedProfile, leavesOf } from './grounded-profile.ts';
import { Mihomo } from './mihomo.ts';
import { chosenFor } from './proxy-ground.ts';

const seed = Number(process.env['MIRAGE_ORACLE_SEED'] ?? 7);
const count = Number(process.env['MIRAGE_ORACLE_CONNECTIONS'] ?? 40);
const further = process.env['MIRAGE_ORACLE_PROFILES'];
const curl = ['/usr/bin/curl', '/bin/curl'].find((path) => existsSync(path));
const directory = mkdtempSync(join(tmpdir(), 'mirage-profiles-'));
afterAll(() => rmSync(directory, { recursive: true, force: true }));

const own = profileKinds().filter(({ isTaken }) => isTaken);
const given = (further === undefined ? [] : readdirSync(further))
  .filter((file) => file.endsWith('.yaml'))
  .map((file) => ({ name: file, text: readFileSync(join(further ?? '', file), 'utf8') }));
const profiles = [...given, ...(further === undefined ? own : [])];
const geo = new GeoSets({}, seed);

test.skipIf(Mihomo.program === undefined || !hasGeodata).each(profiles)(
  '$name',
  async ({ text }) => {
    const profile = groundedProfile(text, geo);
    const sets = geo.beside(profile.entries);
    const { connections, addresses } = connectionsAbout(profile.rules, sets);
    const addressesOf = (name: string): readonly string[] => [chosenFor(name, addresses, seed)];
    const compared = await compareProfile(
      (ports) => profile.text(ports),
      connections,
      addressesOf,
      (config) => ({
        leafOf: leavesOf(config),
        sets: lazySets((name) => sets.setOf(name)),
      }),
    );
    // A group that nothing is left of leads DIRECT there, and refuses here: test/oracle/README.md.
    const differences = compared.filter(({ ours, theirs }) => ours !== theirs && !ours.endsWith('[COMPATIBLE]'));
    expect(differences.map(({ connection, ours, theirs, rule }) => ({ ...connection, ours, theirs, rule }))).toEqual(
      [],
    );
    expect(compared).toHaveLength(connections.length);
  },
  600_000,
);

/** Names, addresses and ports of the rules and beside them, at random together. */
function connectionsAbout(
  lines: readonly string[],
  sets: GeoSets,
): { readonly connections: Connection[]; readonly addresses: readonly string[] } {
  const rules = lines.flatMap((line) => {
    const parsed = parseRule(line);
    return parsed.kind === 'rule' ? rulesWithin(parsed.rule) : [];
  });
  const some = (all: readonly string[], most: number): string[] =>
    all.length === 0 ? [] : fc.sample(fc.constantFrom(...all), { numRuns: Math.min(most, all.length), seed });
  const names = some(
    rules.flatMap((rule) => namesOf(rule, sets)),
    400,
  ).flatMap(beside);
  const addresses = [
    ...some(
      rules.flatMap((rule) => addressesOf(rule, sets)),
      400,
    ),
    '192.0.2.1',
    '127.0.0.9',
    '10.1.2.3',
  ];
  const ports = rules.flatMap(({ type, payload }) =>
    type === 'DST-PORT' ? [...payload.matchAll(/\d+/g)].flatMap(([port]) => [Number(port), Number(port) + 1]) : [],
  );
  const programs = some(
    rules.flatMap(({ type, payload }) => (type === 'PROCESS-NAME' ? [payload] : [])),
    4,
  );
  const connection: fc.Arbitrary<Connection> = fc.record({
    network: fc.constantFrom('tcp', 'tcp', 'udp'),
    type: fc.constantFrom('SOCKS5', 'SOCKS5', 'HTTPS'),
    host: fc.oneof(
      fc.constantFrom(...names, 'nobody.test'),
      fc.constantFrom(...names, 'nobody.test'),
      fc.constantFrom(...addresses),
    ),
    port: fc.oneof(
      fc.constantFrom(80, 443),
      fc.constantFrom(443, ...ports.filter((port) => port > 0 && port < 65_536)),
    ),
  });
  const plain = fc.sample(connection, { numRuns: count, seed });
  const ofPrograms = [...programs, 'nobody'].flatMap((program) =>
    plain
      .slice(0, Math.ceil(count / 50))
      .map((one): Connection => ({ ...one, network: 'tcp', type: 'SOCKS5', program: copyOf(program) })),
  );
  const usable = ofPrograms.filter(({ host }) => curl !== undefined && !host.includes(':'));
  return { connections: [...plain, ...(programs.length === 0 ? [] : usable)], addresses };
}

function copyOf(program: string): string {
  const path = join(directory, program.replaceAll('/', '_'));
  if (curl !== undefined && !existsSync(path)) copyFileSync(curl, path);
  return path;
}

function namesOf({ type, payload }: BareRule, sets: GeoSets): string[] {
  if (type === 'DOMAIN' || type === 'DOMAIN-SUFFIX') return [payload];
  if (type === 'DOMAIN-KEYWORD') return [`a${payload}b.test`];
  if (type === 'DOMAIN-WILDCARD') return [payload.replaceAll('*', 'x').replaceAll('?', 'y')];
  return isSetRuleType(type) ? sets.namesIn(setNameOf(type, payload).replace(':!', ':'), 6) : [];
}

function addressesOf({ type, payload }: BareRule, sets: GeoSets): string[] {
  if (isSetRuleType(type)) return sets.placesIn(setNameOf(type, payload).replace(':!', ':'), 3);
  const cidr = type === 'IP-CIDR' || type === 'IP-CIDR6' ? parseCidr(payload) : undefined;
  if (cidr === undefined) return [];
  if (cidr.family === 6) return [cidr.address];
  const first = cidr.address.split('.').reduce((sum, part) => sum * 256 + Number(part), 0);
  const last = first + 2 ** (32 - cidr.prefix) - 1;
  return [first, last, first - 1, last + 1].filter((at) => at > 0x0100_0000 && at < 0xe000_0000).map(numberToIpv4);
}

/** The name, what is below it, its neighbours, and its parent. */
function beside(name: string): string[] {
  // Clash takes a rule's name in small letters, and a client's as it is written: test/oracle/README.md.
  const small = name.toLowerCase();
  return [small, `www.${small}`, `x${small}`, small.slice(small.indexOf('.') + 1)].filter((one) => one.length <= 253);
}
