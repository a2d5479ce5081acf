/** What may stand in a rule's second field, by type. Used where rules are written and, again, where they are compiled. */
import { parseCidr } from '../base/cidr.ts';
import { domainNameProblem } from '../base/domain-name.ts';
import { unreachable } from '../base/unreachable.ts';
import type { RuleType } from '../contract/config.ts';
import type { HintCode, ProblemCode, ProblemValues } from '../contract/problem-texts.ts';
import { formatPortList, parsePortList } from './port-ranges.ts';

export interface PayloadNote {
  readonly code: ProblemCode;
  readonly values: ProblemValues;
  readonly hint?: HintCode | { readonly write: string };
  /** Where in the payload, from 0. */
  readonly offset: number;
}

export type PayloadReading =
  /** `payload` in the spelling that is compiled. */
  | { readonly kind: 'ok'; readonly payload: string; readonly note?: PayloadNote }
  /** Nothing can match it: no traffic goes another way without the rule. */
  | { readonly kind: 'never'; readonly note: PayloadNote }
  | { readonly kind: 'bad'; readonly note: PayloadNote };

/** Reads the payload (trimmed) of a rule of `type`, as liberally as Clash does and where it can only mean one thing. */
export function readPayload(type: RuleType, payload: string): PayloadReading {
  if (payload.length > 1024) return bad(note('RULE_PAYLOAD_TOO_LONG', {}, 'SHORTER'));
  switch (type) {
    case 'DOMAIN':
      return readDomain(payload);
    case 'DOMAIN-SUFFIX':
      return readSuffix(payload);
    case 'DOMAIN-KEYWORD':
      return readKeyword(payload);
    case 'IP-CIDR':
    case 'IP-CIDR6':
      return readPrefix(type, payload);
    case 'DST-PORT':
      return readPorts(payload);
    case 'MATCH':
      return payload === '' ? { kind: 'ok', payload } : bad(note('RULE_MATCH_PAYLOAD', {}, { write: 'MATCH,policy' }));
    default:
      return unreachable(type);
  }
}

function readDomain(payload: string): PayloadReading {
  const reason = domainNameProblem(payload);
  return reason === undefined ? { kind: 'ok', payload } : never(reason, addressHint(payload) ?? 'RULE_DOMAIN');
}

/** `.x`, `+.x` and `*.x` can only mean x and what is below it. */
function readSuffix(payload: string): PayloadReading {
  const bare = payload.replace(/^(?:[+*]?\.)+/, '');
  const reason = domainNameProblem(bare);
  if (reason !== undefined) return never(reason, addressHint(bare) ?? 'RULE_SUFFIX');
  if (bare === payload) return { kind: 'ok', payload };
  return { kind: 'ok', payload: bare, note: note('RULE_SUFFIX_DOT', { now: bare }) };
}

function readKeyword(payload: string): PayloadReading {
  // Every name contains it: in Clash the rule would match everything.
  if (payload === '') return bad(note('RULE_NO_PAYLOAD', { type: 'DOMAIN-KEYWORD' }, 'RULE_KEYWORD'));
  const wrong = /[^a-zA-Z0-9._-]/u.exec(payload);
  if (wrong === null) return { kind: 'ok', payload };
  return never(`no name contains "${wrong[0]}"`, 'RULE_KEYWORD', wrong.index);
}

function readPrefix(type: 'IP-CIDR' | 'IP-CIDR6', payload: string): PayloadReading {
  const cidr = parseCidr(payload);
  if (cidr === undefined) {
    return bad(note('NOT_A_PREFIX', { found: payload }, type === 'IP-CIDR' ? 'RULE_PREFIX4' : 'RULE_PREFIX6'));
  }
  if (payload.includes('/')) return { kind: 'ok', payload };
  const now = `${payload}/${cidr.prefix}`;
  return { kind: 'ok', payload: now, note: note('RULE_PREFIX_LENGTH', { found: payload, now }) };
}

function readPorts(payload: string): PayloadReading {
  const { ranges, wrong } = parsePortList(payload);
  const word =
    wrong.find(({ text }) => /[^\d\s-]/.test(text)) ??
    (ranges.length + wrong.length === 0 ? whole(payload) : undefined);
  if (word !== undefined) return bad(note('NOT_A_PORT', { found: word.text }, 'RULE_PORTS', word.offset));
  const [first] = wrong;
  if (ranges.length === 0) return never(`"${first?.text ?? ''}" is not a port`, 'RULE_PORTS', first?.offset);
  const told = first && note('RULE_PORT_LEFT_OUT', { found: first.text }, 'RULE_PORTS', first.offset);
  return { kind: 'ok', payload: formatPortList(ranges), ...(told === undefined ? {} : { note: told }) };
}

function whole(text: string): { readonly text: string; readonly offset: number } {
  return { text, offset: 0 };
}

function addressHint(text: string): PayloadNote['hint'] {
  const cidr = parseCidr(text);
  return cidr === undefined ? undefined : { write: `IP-CIDR,${cidr.address}/${cidr.prefix},...` };
}

function never(reason: string, hint: PayloadNote['hint'], offset = 0): PayloadReading {
  return { kind: 'never', note: note('RULE_NEVER', { reason }, hint, offset) };
}

function bad(found: PayloadNote): PayloadReading {
  return { kind: 'bad', note: found };
}

function note(code: ProblemCode, values: ProblemValues, hint?: PayloadNote['hint'], offset = 0): PayloadNote {
  return { code, values, offset, ...(hint === undefined ? {} : { hint }) };
}
