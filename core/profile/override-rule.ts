/** Writes a rule into the text of an override: between what is there, so that comments, order and spelling stay byte by byte. */
import { isMap, isScalar, isSeq, type Node, type YAMLSeq } from 'yaml';
import { AppError } from '../base/app-error.ts';
import { type OverrideWay, parseOverrideKey } from '../contract/override-key.ts';
import type { RulePlace } from '../contract/rule-places.ts';
import { YamlText } from './yaml-text.ts';

/** How a list of its own is called in a text that has none. */
const keyOf: Readonly<Record<RulePlace, string>> = { first: '+rules', last: 'rules+' };
const wayOf: Readonly<Record<RulePlace, OverrideWay>> = { first: 'prepend', last: 'append' };

/** Throws CONFIG_INVALID where the text is written in a way into which nothing can be put for certain. */
export function withRule(text: string, rule: string, place: RulePlace): string {
  const before = rulesIn(text, place);
  const written = insert(text, rule, place);
  const after = rulesIn(written, place);
  const wanted = place === 'first' ? [rule, ...before] : [...before, rule];
  if (after.length !== wanted.length || after.some((each, at) => each !== wanted[at])) throw byHand();
  return written;
}

function insert(text: string, rule: string, place: RulePlace): string {
  const list = listIn(text, place);
  if (list === undefined) {
    const gap = text === '' || text.endsWith('\n') ? '' : '\n';
    return `${text}${gap}${keyOf[place]}:\n  - ${scalarOf(rule)}\n`;
  }
  const { key, value } = list;
  if (isSeq<Node>(value))
    return value.flow === true ? intoFlow(text, value, rule, place) : intoBlock(text, value, rule, place);
  if (value === null || (isScalar(value) && value.value === null)) {
    const end = lineEnd(text, key.range?.[1] ?? 0);
    const indent = ' '.repeat(columnOf(text, key.range?.[0] ?? 0) + 2);
    return `${text.slice(0, end)}\n${indent}- ${scalarOf(rule)}${text.slice(end)}`;
  }
  throw byHand();
}

/** Before or behind its lines, as deep as they are. */
function intoBlock(text: string, list: YAMLSeq<Node>, rule: string, place: RulePlace): string {
  const start = list.range?.[0] ?? 0;
  const begin = text.lastIndexOf('\n', start - 1) + 1;
  const indent = text.slice(begin, start);
  if (/\S/.test(indent)) throw byHand();
  const line = `${indent}- ${scalarOf(rule)}`;
  if (place === 'first') return `${text.slice(0, begin)}${line}\n${text.slice(begin)}`;
  const last = list.items.at(-1)?.range?.[1] ?? start;
  // What is written over several lines ends where the next one begins.
  if (text[last - 1] === '\n') return `${text.slice(0, last)}${line}\n${text.slice(last)}`;
  const end = lineEnd(text, last);
  return `${text.slice(0, end)}\n${line}${text.slice(end)}`;
}

function intoFlow(text: string, list: YAMLSeq<Node>, rule: string, place: RulePlace): string {
  const start = (list.range?.[0] ?? 0) + 1;
  const last = list.items.at(-1)?.range?.[1];
  const item = JSON.stringify(rule);
  if (last === undefined) return `${text.slice(0, start)}${item}${text.slice(start)}`;
  if (place === 'first') return `${text.slice(0, start)}${item}, ${text.slice(start)}`;
  return `${text.slice(0, last)}, ${item}${text.slice(last)}`;
}

interface List {
  readonly key: Node;
  readonly value: Node | null;
}

/** The first key that puts rules there; undefined where there is none. Throws for what is not a map of YAML. */
function listIn(text: string, place: RulePlace): List | undefined {
  const { document, root, further } = new YamlText(text, 'override', 0);
  if ((document?.errors.length ?? 0) > 0 || further !== undefined) throw byHand();
  if (root === null || (isScalar(root) && root.value === null)) return undefined;
  if (!isMap<Node, Node | null>(root) || root.flow === true) throw byHand();
  const found = root.items.filter(({ key }) => {
    const parsed = isScalar(key) ? parseOverrideKey(String(key.value), true) : undefined;
    return parsed?.key === 'rules' && parsed.way === wayOf[place];
  });
  if (found.length > 1) throw byHand();
  return found[0];
}

function rulesIn(text: string, place: RulePlace): string[] {
  const value = listIn(text, place)?.value ?? null;
  if (!isSeq<Node>(value)) return [];
  return value.items.map((item) => (isScalar(item) ? String(item.value) : '\0'));
}

/** Plain where that says the same. */
function scalarOf(rule: string): string {
  const isPlain = /^[A-Z][\w-]*,[^\s:#"'[\]{}|>&*!%@`\\]+$/.test(rule);
  return isPlain ? rule : JSON.stringify(rule);
}

function lineEnd(text: string, from: number): number {
  return from + text.slice(from).search(/\r?\n|$/);
}

function columnOf(text: string, at: number): number {
  return at - (text.lastIndexOf('\n', at - 1) + 1);
}

function byHand(): AppError {
  return new AppError('CONFIG_INVALID', 'the override is written in a way into which no rule can be put', {
    expected: 'write the rule into its text',
  });
}
