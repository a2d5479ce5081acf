/** Rules that combine others, which stand in brackets in their payload. */
import { splitLogic } from '../logic-payload.ts';
import {
  type BareRule,
  bad,
  type LogicKind,
  note,
  ok,
  type PayloadNote,
  type PayloadReading,
  type ReadInner,
  shifted,
} from '../rule-kind.ts';

export const and: LogicKind = { ...logic('and'), read: (payload, inner) => readList(payload, inner) };
export const or: LogicKind = { ...logic('or'), read: (payload, inner) => readList(payload, inner) };
export const not: LogicKind = {
  ...logic('not'),
  read: (payload, inner) => readOne(payload, payload, inner, (rule) => `((${rule}))`),
};
/** The list that its policy names, for what its one rule matches. */
export const subRule: LogicKind = {
  ...logic('sub-rule'),
  read: (payload, inner) => readOne(`(${payload})`, payload, inner, (rule) => `(${rule})`),
};

function logic(operator: LogicKind['operator']): Pick<LogicKind, 'is' | 'hasCommas' | 'operator'> {
  return { is: 'logic', hasCommas: true, operator };
}

/** The rule as it stands in brackets. */
export function innerText({ type, payload, noResolve, src }: BareRule): string {
  return [type, payload, ...(noResolve ? ['no-resolve'] : []), ...(src === true ? ['src'] : [])].join(',');
}

function readList(payload: string, inner: ReadInner): PayloadReading {
  const read = readRules(payload, inner);
  if (!Array.isArray(read)) return bad(read);
  const notes = read.flatMap((one) => one.notes);
  // As Clash reads it: there is nothing that would not match.
  if (read.length === 0) notes.push(note('RULE_LOGIC_EMPTY', {}, 'RULE_LOGIC'));
  return ok(`(${read.map(({ text }) => `(${text})`).join(',')})`, ...notes);
}

function readOne(payload: string, written: string, inner: ReadInner, write: (rule: string) => string): PayloadReading {
  const read = readRules(payload, inner, payload.length - written.length);
  if (!Array.isArray(read)) return bad(read);
  const [one, ...others] = read;
  if (one === undefined || others.length > 0) return bad(note('RULE_LOGIC_ONE', {}, 'RULE_LOGIC'));
  return ok(write(one.text), ...one.notes);
}

interface InnerRule {
  readonly text: string;
  readonly notes: PayloadNote[];
}

/** `shift` is by how much the places in `payload` lie behind those in what was written. */
function readRules(payload: string, inner: ReadInner, shift = 0): InnerRule[] | PayloadNote {
  const split = splitLogic(payload);
  if (split.kind === 'bad') return note(split.what === 'too-deep' ? 'RULE_LOGIC_DEEP' : 'RULE_LOGIC', {}, 'RULE_LOGIC');
  const rules: InnerRule[] = [];
  for (const { text, offset } of split.rules) {
    const read = inner(text);
    const at = Math.max(0, offset - (shift > 0 ? 1 : 0));
    if (read.kind === 'bad') return shifted(read.note, at);
    rules.push({ text: innerText(read.rule), notes: read.notes.map((one) => shifted(one, at)) });
  }
  return rules;
}
