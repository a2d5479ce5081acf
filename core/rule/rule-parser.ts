/**
 * Reads one rule line in Clash's spelling, `TYPE,payload,policy[,no-resolve]` or `MATCH,policy`. Whether the policy
 * exists is the caller's to know.
 */
import type { RuleConfig } from '../contract/config.ts';
import { type RuleType, ruleTypes } from '../contract/rule-types.ts';
import { splitLogic } from './logic-payload.ts';
import { type Field, optionsOf, splitFields, unknownTypeNote } from './rule-fields.ts';
import { type BareRule, note, type PayloadNote, shifted } from './rule-kind.ts';
import { readInner, readPayload, ruleKinds } from './rule-kinds.ts';

/** `offset` is where in the line it is: UTF-16 units from 0. */
export type RuleNote = PayloadNote;

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
  /** `condition`: what the rule takes is clear, but not where it leads; its policy means nothing. */
  | { readonly kind: 'invalid'; readonly note: RuleNote; readonly condition?: RuleConfig };

/** Parses one line; never throws. Types are accepted in any case, fields are trimmed. */
export function parseRule(line: string): RuleParse {
  const [typeField, ...fields] = splitFields(line);
  if (typeField === undefined || typeField.text === '') {
    return invalid(note('RULE_NO_TYPE', {}, { write: 'TYPE,payload,policy' }));
  }
  const name = typeField.text.toUpperCase();
  if (name === 'FINAL') return parseFinal(line, typeField, fields);
  const type = ruleTypes.find((known) => known === name);
  if (type === undefined) return invalid(unknownTypeNote(typeField));
  return type === 'MATCH' ? parseMatch(line, fields) : parseOrdinary(line, type, fields);
}

/** The rule, and those that stand in its logic, however deep. */
export function rulesWithin(rule: BareRule): BareRule[] {
  if (ruleKinds[rule.type].is !== 'logic') return [rule];
  const split = splitLogic(rule.type === 'SUB-RULE' ? `(${rule.payload})` : rule.payload);
  const texts = split.kind === 'bad' ? [] : split.rules;
  const within = texts.flatMap(({ text }) => {
    const inner = readInner(text);
    return inner.kind === 'bad' ? [] : rulesWithin(inner.rule);
  });
  return [rule, ...within];
}

/** The oldest spelling of MATCH, with or without an empty payload. */
function parseFinal(line: string, type: Field, fields: Field[]): RuleParse {
  const parsed = parseMatch(line, fields[0]?.text === '' ? fields.slice(1) : fields);
  if (parsed.kind !== 'rule') return parsed;
  return { ...parsed, notes: [note('RULE_FINAL', {}, { write: 'MATCH' }, type.offset), ...parsed.notes] };
}

function parseMatch(line: string, [policy, ...options]: Field[]): RuleParse {
  const wrong = policyNote(line, policy, 'MATCH,policy');
  if (wrong !== undefined || policy === undefined) {
    return leadingNowhere(wrong, { type: 'MATCH', payload: '', noResolve: false });
  }
  const { rule, notes } = optionsOf('MATCH', ruleKinds.MATCH, options);
  return { kind: 'rule', rule: { ...rule, payload: '', policy: policy.text }, policyOffset: policy.offset, notes };
}

function parseOrdinary(line: string, type: Exclude<RuleType, 'MATCH'>, all: Field[]): RuleParse {
  const kind = ruleKinds[type];
  const fields = kind.hasCommas === true ? joinPayload(all) : all;
  const [payload, policy, ...options] = fields;
  if (payload === undefined || payload.text === '') {
    const at = payload?.offset ?? line.length;
    return invalid(note('RULE_NO_PAYLOAD', { type }, { write: `${type},payload,policy` }, at));
  }
  const read = readPayload(type, payload.text);
  if (read.kind !== 'ok') {
    return { kind: read.kind === 'never' ? 'never' : 'invalid', note: shifted(read.note, payload.offset) };
  }
  const told = read.notes.map((one) => shifted(one, payload.offset));
  const wrong = policyNote(line, policy, `${type},${payload.text},policy`);
  if (wrong !== undefined || policy === undefined) {
    return leadingNowhere(wrong, { type, payload: read.payload, noResolve: false });
  }
  if ((type === 'DST-PORT' || type === 'SRC-PORT' || type === 'IN-PORT') && isPortText(policy)) {
    const isMeant = options.some(({ text }) => text.toLowerCase() !== 'no-resolve');
    if (isMeant)
      return invalid(note('RULE_PORT_COMMA', {}, { write: portsTogether(type, payload, fields) }, policy.offset));
  }
  const { rule, notes } = optionsOf(type, kind, options);
  return {
    kind: 'rule',
    rule: { ...rule, payload: read.payload, policy: policy.text },
    policyOffset: policy.offset,
    notes: [...told, ...notes],
  };
}

/** The commas are part of the payload; the last field is the policy, as in Clash. */
function joinPayload(fields: Field[]): Field[] {
  const policy = fields.at(-1);
  const [first, ...rest] = fields.slice(0, -1);
  if (first === undefined || policy === undefined) return fields;
  return [{ text: [first, ...rest].map(({ text }) => text).join(','), offset: first.offset }, policy];
}

/** The line as it was meant: ports with slashes between them, then the rest. */
function portsTogether(type: RuleType, payload: Field, fields: Field[]): string {
  const end = fields.findIndex((field) => !isPortText(field));
  const ports = fields.slice(0, end < 0 ? fields.length : end).map(({ text }) => text);
  return `${type},${(ports.length === 0 ? [payload.text] : ports).join('/')},${end < 0 ? 'policy' : (fields[end]?.text ?? '')}`;
}

function isPortText({ text }: Field): boolean {
  return /^\d[\d\s/-]*$/.test(text);
}

function policyNote(line: string, policy: Field | undefined, write: string): RuleNote | undefined {
  if (policy === undefined || policy.text === '') {
    return note('RULE_NO_POLICY', {}, { write }, policy?.offset ?? line.length);
  }
  return policy.text.length > 255 ? note('RULE_POLICY_TOO_LONG', {}, 'SHORTER', policy.offset) : undefined;
}

function leadingNowhere(wrong = note('RULE_NO_POLICY', {}), rule: BareRule): RuleParse {
  return { kind: 'invalid', note: wrong, condition: { ...rule, policy: '' } };
}

function invalid(found: RuleNote): RuleParse {
  return { kind: 'invalid', note: found };
}
