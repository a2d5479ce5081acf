/** Rules about addresses: where a connection goes, and where it comes from. */
import { type Ip, ipFamily, ipToBigInt, parseIp } from '../../base/address.ts';
import { cidrContains, parseCidr } from '../../base/cidr.ts';
import type { HintCode } from '../../contract/problem-texts.ts';
import type { RuleReason } from '../../contract/rule-reasons.ts';
import { IpTable } from '../ip-table.ts';
import type { MatchFacts } from '../match-facts.ts';
import {
  bad,
  type CompileRules,
  note,
  ok,
  type PayloadReading,
  type RuleEntry,
  type TestFacts,
  type TestKind,
} from '../rule-kind.ts';

type Contains = (ip: Ip) => boolean;

export const addressPrefix = (hint: HintCode): TestKind => ({
  ...ofDestination(prefixContains),
  ofSource: 'SRC-IP-CIDR',
  compile: compileAddresses,
  read: (payload) => readPrefix(payload, hint),
});

export const sourcePrefix: TestKind = {
  ...ofSource(prefixContains),
  compile: (entries) => {
    const table = ipTable(entries);
    return {
      lookup: ({ source }, from, limit) => {
        const ip = parseIp(source.host);
        return ip === undefined ? limit : Math.min(limit, table.lookup(ip, from));
      },
    };
  },
  isKeyed: true,
  read: (payload) => readPrefix(payload, 'RULE_PREFIX4'),
};

/** The last bits of an address: `IP-SUFFIX,0.0.0.1/8` is every address that ends in `.1`. */
export const addressSuffix: TestKind = {
  ...ofDestination(suffixContains),
  ofSource: 'SRC-IP-SUFFIX',
  read: readSuffix,
};

export const sourceSuffix: TestKind = { ...ofSource(suffixContains), read: readSuffix };

/** Rules with the same text as others are compiled once, so those of both IP versions are in one table. */
const compileAddresses: CompileRules = (entries) => {
  const table = ipTable(entries);
  return { lookup: ({ ip }, from, limit) => (ip === undefined ? limit : Math.min(limit, table.lookup(ip, from))) };
};

function ofDestination(prepare: (payload: string) => Contains): Pick<TestKind, 'is' | 'fact' | 'matcher' | 'why'> {
  return {
    is: 'test',
    fact: 'address',
    matcher(payload) {
      const contains = prepare(payload);
      return ({ ip }) => ip !== undefined && contains(ip);
    },
    why: (payload, facts, hit) => whyAddress(facts, payload, hit, parseCidr(payload)?.family),
  };
}

function ofSource(prepare: (payload: string) => Contains): Pick<TestKind, 'is' | 'fact' | 'matcher' | 'why'> {
  return {
    is: 'test',
    fact: 'source',
    matcher(payload) {
      const contains = prepare(payload);
      return ({ source }) => {
        const ip = parseIp(source.host);
        return ip !== undefined && contains(ip);
      };
    },
    why: (payload, facts, hit) => whySource(facts, payload, hit),
  };
}

/** Why an address of the destination is in what `payload` says, or is not; `family` is that of the prefix, if it has one. */
export function whyAddress(facts: TestFacts, payload: string, hit: boolean, family?: 4 | 6): RuleReason {
  const { ip, name = '', lookup } = facts;
  const address = ip ?? lookup?.ip;
  if (address === undefined) {
    if (lookup === undefined) return { code: 'NO_ADDRESS', values: {} };
    return { code: 'NOT_RESOLVED', values: { name } };
  }
  const how = ip === undefined ? 'RESOLVED' : 'ADDRESS';
  const values = { ...(ip === undefined ? { name } : {}), address, payload };
  if (family !== undefined && family !== ipFamily(address)) {
    const families = { family: String(ipFamily(address)), prefixFamily: String(family) };
    return { code: `${how}_OTHER_FAMILY`, values: { ...values, ...families } };
  }
  return { code: hit ? `${how}_IN` : `${how}_NOT_IN`, values };
}

export function whySource({ source }: MatchFacts, payload: string, hit: boolean): RuleReason {
  return { code: hit ? 'SOURCE_IN' : 'SOURCE_NOT_IN', values: { address: source.host, payload } };
}

function prefixContains(payload: string): Contains {
  const cidr = parseCidr(payload);
  return (ip) => cidr !== undefined && cidrContains(cidr, ip);
}

function suffixContains(payload: string): Contains {
  const cidr = parseCidr(payload);
  if (cidr === undefined) return () => false;
  const mask = (1n << BigInt(cidr.prefix)) - 1n;
  const wanted = ipToBigInt(cidr.address) & mask;
  return (ip) => ipFamily(ip) === cidr.family && (ipToBigInt(ip) & mask) === wanted;
}

function ipTable(entries: readonly RuleEntry[]): IpTable {
  return new IpTable(
    entries.flatMap(({ payload, index }) => {
      const cidr = parseCidr(payload);
      return cidr === undefined ? [] : [{ cidr, index }];
    }),
  );
}

function readPrefix(payload: string, hint: HintCode): PayloadReading {
  const cidr = parseCidr(payload);
  if (cidr === undefined) return bad(note('NOT_A_PREFIX', { found: payload }, hint));
  if (payload.includes('/')) return ok(payload);
  const now = `${payload}/${cidr.prefix}`;
  return ok(now, note('RULE_PREFIX_LENGTH', { found: payload, now }));
}

function readSuffix(payload: string): PayloadReading {
  const isSuffix = payload.includes('/') && parseCidr(payload) !== undefined;
  return isSuffix ? ok(payload) : bad(note('NOT_A_PREFIX', { found: payload }, 'RULE_IP_SUFFIX'));
}
