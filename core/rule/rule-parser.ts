/**
 * Reads one rule line in Clash's spelling, `TYPE,payload,policy[,no-resolve]` or `MATCH,policy`. Whether the policy
 * exists is the caller's to know.
 */
import { type RuleConfig, type RuleType, ruleTypes } from '../contract/config.ts';
import { payloadProblem } from './rule-payload.ts';

export interface RuleProblem {
  /** `unsupported`: right in Clash, but not understood by this version. */
  readonly kind: 'invalid' | 'unsupported';
  readonly message: string;
  readonly expected?: string;
  /** Where in the line the mistake begins: UTF-16 units from 0. */
  readonly offset: number;
}

export type RuleParse =
  /** `policyOffset` is where the policy begins; `warning` tells of a field that has no effect. */
  | { readonly ok: true; readonly rule: RuleConfig; readonly policyOffset: number; readonly warning?: RuleProblem }
  | { readonly ok: false; readonly problem: RuleProblem };

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
    return invalid('the rule has no type', 0, 'TYPE,payload,policy');
  }
  const name = typeField.text.toUpperCase();
  const type = ruleTypes.find((known) => known === name);
  if (type === undefined) return unknownType(typeField, name);
  return type === 'MATCH' ? parseMatch(line, fields) : parseOrdinary(line, type, fields);
}

function parseMatch(line: string, fields: Field[]): RuleParse {
  const [policy, extra] = fields;
  const wrongPolicy = policyProblem(line, policy, 'MATCH,policy');
  if (wrongPolicy !== undefined || policy === undefined)
    return wrongPolicy ?? invalid('the policy is missing', line.length);
  if (extra !== undefined) return invalid('MATCH takes a policy and nothing else', extra.offset, 'MATCH,policy');
  const rule: RuleConfig = { type: 'MATCH', payload: '', policy: policy.text, noResolve: false };
  return { ok: true, rule, policyOffset: policy.offset };
}

function parseOrdinary(line: string, type: Exclude<RuleType, 'MATCH'>, fields: Field[]): RuleParse {
  const [payload, policy, ...options] = fields;
  if (payload === undefined || payload.text === '') {
    return invalid(`${type} needs a payload`, payload?.offset ?? line.length, `${type},payload,policy`);
  }
  const wrong = payloadProblem(type, payload.text);
  if (wrong !== undefined) return invalid(wrong.message, payload.offset + wrong.offset, wrong.expected);
  const wrongPolicy = policyProblem(line, policy, `${type},${payload.text},policy`);
  if (wrongPolicy !== undefined || policy === undefined)
    return wrongPolicy ?? invalid('the policy is missing', line.length);

  let noResolve = false;
  let warning: RuleProblem | undefined;
  for (const option of options) {
    const word = option.text.toLowerCase();
    if (word === 'src') return unsupported('the option "src" (match the source) is not supported yet', option.offset);
    if (word !== 'no-resolve') {
      const message = option.text === '' ? 'nothing stands after the comma' : `"${option.text}" is no option of a rule`;
      return invalid(message, option.offset, 'no-resolve, or nothing');
    }
    noResolve = true;
    if (!isIpType(type)) {
      warning = { kind: 'invalid', message: `no-resolve has no effect on ${type}`, offset: option.offset };
    }
  }
  const rule: RuleConfig = { type, payload: payload.text, policy: policy.text, noResolve };
  return { ok: true, rule, policyOffset: policy.offset, ...(warning === undefined ? {} : { warning }) };
}

/** Whether a rule of this type tests an address, and so may need one to be looked up. */
function isIpType(type: RuleType): boolean {
  return type === 'IP-CIDR' || type === 'IP-CIDR6';
}

function policyProblem(line: string, policy: Field | undefined, expected: string): RuleParse | undefined {
  if (policy === undefined || policy.text === '') {
    return invalid('the policy is missing', policy?.offset ?? line.length, expected);
  }
  if (policy.text.length > 255) return invalid('the policy is longer than 255 characters', policy.offset);
  return undefined;
}

function unknownType(field: Field, name: string): RuleParse {
  if (knownTypes.has(name)) {
    return unsupported(`rules of type ${name} are not supported yet`, field.offset, `one of ${ruleTypes.join(', ')}`);
  }
  const expected = name === 'FINAL' ? 'MATCH' : `one of ${ruleTypes.join(', ')}`;
  return invalid(`"${field.text}" is no rule type`, field.offset, expected);
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

function invalid(message: string, offset: number, expected?: string): RuleParse & { ok: false } {
  return { ok: false, problem: { kind: 'invalid', message, offset, ...(expected === undefined ? {} : { expected }) } };
}

function unsupported(message: string, offset: number, expected?: string): RuleParse & { ok: false } {
  return {
    ok: false,
    problem: { kind: 'unsupported', message, offset, ...(expected === undefined ? {} : { expected }) },
  };
}
