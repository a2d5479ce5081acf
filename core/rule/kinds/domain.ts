/** Rules about the name that is connected to. */

import { parseCidr } from '../../base/cidr.ts';
import { comparableDomain, isWithinDomain } from '../../base/domain.ts';
import { domainNameProblem } from '../../base/domain-name.ts';
import type { RuleReasonCode } from '../../contract/rule-reasons.ts';
import { DomainTable } from '../domain-table.ts';
import { RegexTable } from '../regex-table.ts';
import { compileExpression } from '../rule-expression.ts';
import { bad, type CompileRules, never, note, ok, type PayloadNote, type TestKind } from '../rule-kind.ts';
import { hasWildcards, wildcardMatcher } from '../wildcard.ts';
import { readExpression } from './expression.ts';

const compile: CompileRules = (entries) => {
  const table = new DomainTable(entries);
  return { lookup: ({ name }, from, limit) => (name === undefined ? limit : table.lookup(name, from, limit)) };
};

const about = { is: 'test', fact: 'name' } as const;

export const domain: TestKind = {
  ...about,
  compile,
  isKeyed: true,
  read(payload) {
    const reason = domainNameProblem(payload);
    return reason === undefined ? ok(payload) : never(reason, addressHint(payload) ?? 'RULE_DOMAIN');
  },
  matcher: nameMatcher((payload) => {
    const wanted = comparableDomain(payload);
    return (name) => name === wanted;
  }),
  why: whyName('NAME_IS', 'NAME_IS_NOT'),
};

/** `.x`, `+.x` and `*.x` can only mean x and what is below it. */
export const domainSuffix: TestKind = {
  ...about,
  compile,
  isKeyed: true,
  read(payload) {
    const bare = payload.replace(/^(?:[+*]?\.)+/, '');
    const reason = domainNameProblem(bare);
    if (reason !== undefined) return never(reason, addressHint(bare) ?? 'RULE_SUFFIX');
    return bare === payload ? ok(payload) : ok(bare, note('RULE_SUFFIX_DOT', { now: bare }));
  },
  matcher: nameMatcher((payload) => {
    const suffix = comparableDomain(payload);
    return (name) => isWithinDomain(name, suffix);
  }),
  why: whyName('NAME_BELOW', 'NAME_NOT_BELOW'),
};

export const domainKeyword: TestKind = {
  ...about,
  compile,
  read(payload) {
    // Every name contains it: in Clash the rule would match everything.
    if (payload === '') return bad(note('RULE_NO_PAYLOAD', { type: 'DOMAIN-KEYWORD' }, 'RULE_KEYWORD'));
    const wrong = /[^a-zA-Z0-9._-]/u.exec(payload);
    return wrong === null ? ok(payload) : never(`no name contains "${wrong[0]}"`, 'RULE_KEYWORD', wrong.index);
  },
  matcher: nameMatcher((payload) => {
    const keyword = payload.toLowerCase();
    return (name) => name.includes(keyword);
  }),
  why: (payload, facts, hit) => whyName('NAME_CONTAINS', 'NAME_CONTAINS_NOT')(payload.toLowerCase(), facts, hit),
};

export const domainRegex: TestKind = {
  ...about,
  hasCommas: true,
  compile: (entries) => {
    const table = new RegexTable(entries);
    return { lookup: ({ name }, from, limit) => (name === undefined ? limit : table.lookup(name, from, limit)) };
  },
  read: (payload) => readExpression('DOMAIN-REGEX', payload),
  matcher: nameMatcher((payload) => {
    const expression = compileExpression(payload);
    return (name) => expression.test(name);
  }),
  why: whyName('NAME_FITS', 'NAME_FITS_NOT'),
};

/** `*` is any text, dots and nothing at all included, `?` one character. */
export const domainWildcard: TestKind = {
  ...about,
  read(payload) {
    const wrong = /[^a-zA-Z0-9._*?-]/u.exec(payload);
    if (wrong !== null) return never(`no name contains "${wrong[0]}"`, 'RULE_WILDCARD', wrong.index);
    if (hasWildcards(payload)) return ok(payload);
    const reason = domainNameProblem(payload);
    return reason === undefined ? ok(payload) : never(reason, 'RULE_WILDCARD');
  },
  matcher: nameMatcher((payload) => wildcardMatcher(payload.toLowerCase())),
  why: whyName('NAME_FITS', 'NAME_FITS_NOT'),
};

function nameMatcher(prepare: (payload: string) => (name: string) => boolean): TestKind['matcher'] {
  return (payload) => {
    const matches = prepare(payload);
    return ({ name }) => name !== undefined && matches(name);
  };
}

function whyName(yes: RuleReasonCode, no: RuleReasonCode): TestKind['why'] {
  return (payload, { name }, hit) => {
    if (name === undefined) return { code: 'NO_NAME', values: {} };
    return { code: hit ? yes : no, values: { name, payload } };
  };
}

function addressHint(text: string): PayloadNote['hint'] {
  const cidr = parseCidr(text);
  return cidr === undefined ? undefined : { write: `IP-CIDR,${cidr.address}/${cidr.prefix},...` };
}
