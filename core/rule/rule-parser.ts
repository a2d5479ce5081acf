/**
 * Reads one rule line in Clash's spelling, `TYPE,payload,policy[,no-resolve]` or `MATCH,policy`. Whether the policy
 * exists is the caller's to know.
 */
import { type RuleConfig, type RuleType, ruleTypes } from '../contract/config.ts';
import type { HintCode, ProblemCode, ProblemValues } from '../contract/problem-texts.ts';
import { readPayload } from './rule-payload.ts';

export interface RuleNote {
  readonly code: ProblemCode;
  readonly values: ProblemValues;
  readonly hint?: HintCode | { readonly code: HintCode; readonly values: ProblemValues } | { readonly write: string };
  /** Where in the line it is: UTF-16 units from 0. */
  readonly offset: number;
}

export type RuleParse =
  /** `policyOffset` is where the policy begins; `notes` tell of what has no effect or is read otherwise. */
  | {
      readonly kind: 'rule';
      readonly rule: RuleConfig;
      readonly policyOffset: number;
      readonly notes: readonly RuleNote[];
    }
  /** Right in Clash, but it can match nothing: without it no traffic goes another way. */
  | { readonly kind: 'never'; readonly note: RuleNote }
  /** Right in Clash, but not understood by this version. */
  | { readonly kind: 'unsupported'; readonly note: RuleNote }
  | { readonly kind: 'invalid'; readonly note: RuleNote };

/** Types that Clash's users know and that a later version will understand. */
const knownTypes: ReadonlySet<string> = new Set([
  'DOMAIN-REGEX',
  'DOMAIN-WILDCARD',
  'GEOSITE',
  'GEOIP',
  'SRC-GEOIP',
  'IP-ASN',
  'SRC-IP-ASN',
  'SRC-IP-CIDR',
  'IP-SUFFIX',
  'SRC-IP-SUFFIX',
  'SRC-PORT',
  'IN-PORT',
  'DSCP',
  'PROCESS-NAME',
  'PROCESS-NAME-REGEX',
  'PROCESS-NAME-WILDCARD',
  'PROCESS-PATH',
  'PROCESS-PATH-REGEX',
  'PROCESS-PATH-WILDCARD',
  'NETWORK',
  'UID',
  'IN-TYPE',
  'IN-USER',
  'IN-NAME',
  'SRC-MAC',
  'SUB-RULE',
  'AND',
  'OR',
  'NOT',
  'RULE-SET',
  'SCRIPT',
]);

interface Field {
  readonly text: string;
  readonly offset: number;
}

/** Parses one line; never throws. Types are accepted in any case, fields are trimmed. */
export function parseRule(line: string): RuleParse {
  const [typeField, ...fields] = splitFields(line);
  if (typeField === undefined || typeField.text === '') {
    return invalid(note('RULE_NO_TYPE', {}, 0, { write: 'TYPE,payload,policy' }));
  }
  const name = typeField.text.toUpperCase();
  if (name === 'FINAL') return parseFinal(line, typeField, fields);
  const type = ruleTypes.find((known) => known === name);
  if (type === undefined) return unknownType(typeField, name);
  return type === 'MATCH' ? parseMatch(line, fields) : parseOrdinary(line, type, fields);
}

/** The oldest spelling of MATCH, with or without an empty payload. */
function parseFinal(line: string, type: Field, fields: Field[]): RuleParse {
  const parsed = parseMatch(line, fields[0]?.text === '' ? fields.slice(1) : fields);
  if (parsed.kind !== 'rule') return parsed;
  return { ...parsed, notes: [note('RULE_FINAL', {}, type.offset, { write: 'MATCH' }), ...parsed.notes] };
}

function parseMatch(line: string, [policy, ...options]: Field[]): RuleParse {
  const wrong = policyNote(line, policy, 'MATCH,policy');
  if (wrong !== undefined || policy === undefined) return invalid(wrong ?? note('RULE_NO_POLICY', {}, line.length));
  const rule: RuleConfig = { type: 'MATCH', payload: '', policy: policy.text, noResolve: false };
  return { kind: 'rule', rule, policyOffset: policy.offset, notes: optionsWithoutEffect('MATCH', options) };
}

function parseOrdinary(line: string, type: Exclude<RuleType, 'MATCH'>, fields: Field[]): RuleParse {
  const [payload, policy, ...options] = fields;
  if (payload === undefined || payload.text === '') {
    const at = payload?.offset ?? line.length;
    return invalid(note('RULE_NO_PAYLOAD', { type }, at, { write: `${type},payload,policy` }));
  }
  const read = readPayload(type, payload.text);
  if (read.kind !== 'ok') {
    return { kind: read.kind === 'never' ? 'never' : 'invalid', note: shifted(read.note, payload.offset) };
  }
  const told = read.note === undefined ? [] : [shifted(read.note, payload.offset)];
  const wrong = policyNote(line, policy, `${type},${payload.text},policy`);
  if (wrong !== undefined || policy === undefined) return invalid(wrong ?? note('RULE_NO_POLICY', {}, line.length));
  if (type === 'DST-PORT' && options.length > 0 && /^[\d\s/-]+$/.test(policy.text)) {
    return invalid(note('RULE_PORT_COMMA', {}, policy.offset, { write: portsTogether(payload, fields) }));
  }
  const words = options.map((option) => ({ ...option, word: option.text.toLowerCase() }));
  const source = words.find(({ word }) => word === 'src');
  if (source !== undefined && isIpType(type)) return unsupported(note('RULE_SOURCE_LATER', {}, source.offset));
  const noResolve = isIpType(type) && words.some(({ word }) => word === 'no-resolve');
  const idle = words.filter(({ word }) => !(noResolve && word === 'no-resolve'));
  const rule: RuleConfig = { type, payload: read.payload, policy: policy.text, noResolve };
  return { kind: 'rule', rule, policyOffset: policy.offset, notes: [...told, ...optionsWithoutEffect(type, idle)] };
}

/** The line as it was meant: ports with slashes between them, then the rest. */
function portsTogether(payload: Field, fields: Field[]): string {
  const isPorts = ({ text }: Field): boolean => /^[\d\s/-]+$/.test(text);
  const end = fields.findIndex((field) => !isPorts(field));
  const ports = fields.slice(0, end < 0 ? fields.length : end).map(({ text }) => text);
  return `DST-PORT,${(ports.length === 0 ? [payload.text] : ports).join('/')},${end < 0 ? 'policy' : (fields[end]?.text ?? '')}`;
}

/** Clash takes whatever stands behind the policy and looks only for the words it knows. */
function optionsWithoutEffect(type: RuleType, options: readonly Field[]): RuleNote[] {
  return options.map(({ text, offset }) => note('RULE_OPTION_IGNORED', { found: text, type }, offset, 'OPTION'));
}

/** Whether a rule of this type tests an address, and so may need one to be looked up. */
function isIpType(type: RuleType): boolean {
  return type === 'IP-CIDR' || type === 'IP-CIDR6';
}

function policyNote(line: string, policy: Field | undefined, write: string): RuleNote | undefined {
  if (policy === undefined || policy.text === '') {
    return note('RULE_NO_POLICY', {}, policy?.offset ?? line.length, { write });
  }
  return policy.text.length > 255 ? note('RULE_POLICY_TOO_LONG', {}, policy.offset, 'SHORTER') : undefined;
}

function unknownType(field: Field, name: string): RuleParse {
  const hint = { code: 'RULE_TYPES', values: { types: ruleTypes.join(', ') } } as const;
  if (knownTypes.has(name)) return unsupported(note('RULE_TYPE_LATER', { type: name }, field.offset, hint));
  return invalid(note('RULE_UNKNOWN_TYPE', { found: field.text.slice(0, 60) }, field.offset, hint));
}

/** Comma-separated fields, trimmed, each with its place. */
function splitFields(line: string): Field[] {
  const fields: Field[] = [];
  let start = 0;
  for (const part of line.split(',')) {
    fields.push({ text: part.trim(), offset: start + part.length - part.trimStart().length });
    start += part.length + 1;
  }
  return fields;
}

function invalid(found: RuleNote): RuleParse {
  return { kind: 'invalid', note: found };
}

function unsupported(found: RuleNote): RuleParse {
  return { kind: 'unsupported', note: found };
}

function note(code: ProblemCode, values: ProblemValues, offset: number, hint?: RuleNote['hint']): RuleNote {
  return { code, values, offset, ...(hint === undefined ? {} : { hint }) };
}

function shifted(found: RuleNote, by: number): RuleNote {
  return { ...found, offset: found.offset + by };
}
