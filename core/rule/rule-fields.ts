/** What a rule line is made of: fields between commas, and the options behind the policy. */
import { type RuleType, ruleTypes } from '../contract/rule-types.ts';
import { type BareRule, note, type PayloadNote, type RuleKind } from './rule-kind.ts';

export interface Field {
  readonly text: string;
  /** UTF-16 units from the beginning of the line. */
  readonly offset: number;
}

/** Comma-separated fields, trimmed, each with its place. */
export function splitFields(line: string): Field[] {
  const fields: Field[] = [];
  let start = 0;
  for (const part of line.split(',')) {
    fields.push({ text: part.trim(), offset: start + part.length - part.trimStart().length });
    start += part.length + 1;
  }
  return fields;
}

/** What options make of a rule, without its payload. Clash looks only for the words it knows; others have no effect. */
export function optionsOf(
  type: RuleType,
  kind: RuleKind,
  options: readonly Field[],
): { readonly rule: Omit<BareRule, 'payload'>; readonly notes: PayloadNote[] } {
  const ofSource = kind.is === 'logic' ? undefined : kind.ofSource;
  const taken: readonly string[] = ofSource === undefined ? [] : ['no-resolve', 'src'];
  const words = options.map((option) => ({ ...option, word: option.text.toLowerCase() }));
  const has = (word: string): boolean => taken.includes(word) && words.some((option) => option.word === word);
  const isSource = has('src');
  return {
    rule: {
      // In Clash the option makes it the other type.
      type: isSource && ofSource !== undefined ? ofSource : type,
      noResolve: has('no-resolve') && !isSource,
      ...(isSource && ofSource === type ? { src: true as const } : {}),
    },
    notes: words
      .filter(({ word, text }) => !taken.includes(word) && text !== '')
      .map(({ text, offset }) => note('RULE_OPTION_IGNORED', { found: text, type }, 'OPTION', offset)),
  };
}

/** Types of other clients, which Clash does not know. */
const otherTypes: ReadonlySet<string> = new Set(['SCRIPT', 'PROTOCOL', 'URL-REGEX', 'USER-AGENT']);

export function unknownTypeNote({ text, offset }: Field): PayloadNote {
  const name = text.toUpperCase();
  const hint = { code: 'RULE_TYPES', values: { types: ruleTypes.join(', ') } } as const;
  if (otherTypes.has(name)) return note('RULE_TYPE_OTHER', { type: name }, hint, offset);
  return note('RULE_UNKNOWN_TYPE', { found: text.slice(0, 60) }, hint, offset);
}
