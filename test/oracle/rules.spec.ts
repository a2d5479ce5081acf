/** Random rules of every type: mihomo and we lead every connection to the same policy. Each rule has a proxy of its own. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { type MadeRule, madeRules, textOf } from '../core/rule/made-rules.ts';
import { type Connection, compare, differenceOf, type Written } from './compare.ts';
import { Mihomo } from './mihomo.ts';
import { chosenFor } from './proxy-ground.ts';

const rounds = Number(process.env['MIRAGE_ORACLE_ROUNDS'] ?? 6);
const connectionsOfRound = 60;
/** Sets have a spec of their own; the others are differences that README.md explains. */
const isCompared = (made: MadeRule): boolean =>
  !/RULE-SET|GEO|ASN|UID,0|(PATH|NAME)-REGEX,\^?\w+(\?|\{)/.test(textOf(made.rule));

test.skipIf(Mihomo.program === undefined)(
  'random rules',
  async () => {
    const seed = Number(process.env['MIRAGE_ORACLE_SEED'] ?? 7);
    const differences: string[] = [];
    for (const [round, made] of fc.sample(madeRules(24), { numRuns: rounds, seed }).entries()) {
      const written = writtenOf(made.main.filter(isCompared), made.lists);
      const connections = connectionsOf(seed * 1000 + round);
      for (const one of await compare(written, connections, addressesOf)) {
        if (one.ours !== one.theirs) differences.push(differenceOf(one, written));
      }
    }
    expect(differences).toEqual([]);
  },
  600_000,
);

function writtenOf(main: readonly MadeRule[], lists: Readonly<Record<string, readonly MadeRule[]>>): Written {
  const proxies: string[] = [];
  const withoutUdp: string[] = [];
  const lines = (name: string, rules: readonly MadeRule[]): string[] =>
    rules.map(({ rule }, index) => {
      if (rule.type === 'SUB-RULE') return `${rule.type},${rule.payload},${rule.policy}`;
      const isPassing = rule.policy === 'PASS-RULE' || (rule.policy === 'q' && index % 3 === 0);
      const policy = isPassing ? (rule.policy === 'q' ? 'PASS' : rule.policy) : `${name}${index}`;
      if (!isPassing) (rule.policy === 'r' ? withoutUdp : proxies).push(policy);
      if (rule.type === 'MATCH') return `MATCH,${policy}`;
      const [type, payload] = [rule.type, rule.payload];
      return `${type},${payload},${policy}${rule.noResolve ? ',no-resolve' : ''}${rule.src === true ? ',src' : ''}`;
    });
  const rules = lines('main', main);
  const subRules = Object.fromEntries(
    Object.entries(lists).map(([name, list]) => [name, lines(name, list.filter(isCompared))]),
  );
  return { rules: [...rules, 'MATCH,last'], subRules, proxies: [...proxies, 'last'], withoutUdp };
}

function connectionsOf(seed: number): Connection[] {
  const label = fc.constantFrom('a', 'b', 'ab', 'ba', 'com');
  const name = fc.array(label, { minLength: 1, maxLength: 4 }).map((labels) => labels.join('.'));
  const ip = fc.constantFrom(
    '10.0.0.0',
    '10.1.0.3',
    '10.128.0.1',
    '11.0.0.2',
    '11.128.0.0',
    '2001:db8::1',
    '2001:db8:1::',
  );
  const connection: fc.Arbitrary<Connection> = fc.record({
    network: fc.constantFrom('tcp', 'tcp', 'udp'),
    type: fc.constantFrom('SOCKS5', 'SOCKS4', 'HTTP', 'HTTPS'),
    host: fc.oneof({ weight: 3, arbitrary: name }, { weight: 1, arbitrary: ip }),
    port: fc.constantFrom(80, 443, 65_535),
  });
  return fc
    .sample(connection, { numRuns: connectionsOfRound, seed })
    .map((one) => (one.type === 'SOCKS4' && one.host.includes(':') ? { ...one, type: 'SOCKS5' } : one));
}

function addressesOf(name: string): readonly string[] {
  const known = ['10.0.0.1', '10.1.0.2', '10.128.0.3', '11.0.0.0', '2001:db8::1', '::1'];
  return [chosenFor(name, known, 7)];
}
