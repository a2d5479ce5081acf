/** Rules about the program that connects. In any case, as in Clash. */

import type { ProcessInfo } from '../../contract/flow.ts';
import type { RuleType } from '../../contract/rule-types.ts';
import { KeyedIndexes } from '../keyed-indexes.ts';
import type { MatchFacts } from '../match-facts.ts';
import { RegexTable } from '../regex-table.ts';
import { compileExpression } from '../rule-expression.ts';
import { bad, note, ok, type TestKind } from '../rule-kind.ts';
import { wildcardMatcher } from '../wildcard.ts';
import { readExpression } from './expression.ts';

type TextsOf = (process: ProcessInfo) => readonly string[];

/** The file's name, or what the program calls itself (`/proc/PID/comm`, cut to 15 characters by the kernel). */
const namesOf: TextsOf = ({ name, path }) => [path.slice(path.lastIndexOf('/') + 1), name];
const pathsOf: TextsOf = ({ path }) => [path];

export const processName = equalKind('PROCESS-NAME', namesOf);
export const processPath = equalKind('PROCESS-PATH', pathsOf);
export const processNameWildcard = wildcardKind('PROCESS-NAME-WILDCARD', namesOf);
export const processPathWildcard = wildcardKind('PROCESS-PATH-WILDCARD', pathsOf);
export const processNameRegex = expressionKind('PROCESS-NAME-REGEX', namesOf);
export const processPathRegex = expressionKind('PROCESS-PATH-REGEX', pathsOf);

function equalKind(type: RuleType, textsOf: TextsOf): TestKind {
  return {
    ...aboutProcess(type, textsOf, (payload) => {
      const wanted = payload.toLowerCase();
      return (text) => text === wanted;
    }),
    compile: (entries) => {
      const indexes = new KeyedIndexes();
      for (const { payload, index } of entries) indexes.add(payload.toLowerCase(), index);
      return {
        lookup(facts, from, limit) {
          let first = limit;
          for (const text of comparableTexts(facts, textsOf)) first = Math.min(first, indexes.first(text, from));
          return first;
        },
      };
    },
    isKeyed: true,
  };
}

function wildcardKind(type: RuleType, textsOf: TextsOf): TestKind {
  return aboutProcess(type, textsOf, (payload) => wildcardMatcher(payload.toLowerCase()));
}

function expressionKind(type: RuleType, textsOf: TextsOf): TestKind {
  return {
    ...aboutProcess(type, textsOf, (payload) => {
      const expression = compileExpression(payload);
      return (text) => expression.test(text);
    }),
    hasCommas: true,
    read: (payload) => readExpression(type, payload),
    compile: (entries) => {
      const table = new RegexTable(entries);
      return {
        lookup(facts, from, limit) {
          let first = limit;
          for (const text of comparableTexts(facts, textsOf)) first = table.lookup(text, from, first);
          return first;
        },
      };
    },
  };
}

function aboutProcess(
  type: RuleType,
  textsOf: TextsOf,
  prepare: (payload: string) => (text: string) => boolean,
): Pick<TestKind, 'is' | 'fact' | 'read' | 'matcher' | 'why'> {
  return {
    is: 'test',
    fact: 'process',
    read: (payload) => (payload === '' ? bad(note('RULE_NO_PAYLOAD', { type }, 'RULE_PROCESS')) : ok(payload)),
    matcher(payload) {
      const matches = prepare(payload);
      return (facts) => comparableTexts(facts, textsOf).some(matches);
    },
    why(payload, { process }, hit) {
      if (process === undefined) return { code: 'PROCESS_UNKNOWN', values: {} };
      const values = { process: textsOf(process).find((text) => text !== '') ?? process.name, payload };
      return { code: hit ? 'PROCESS_IS' : 'PROCESS_IS_NOT', values };
    },
  };
}

const nobody: readonly string[] = [];

function comparableTexts({ process }: Pick<MatchFacts, 'process'>, textsOf: TextsOf): readonly string[] {
  if (process === undefined) return nobody;
  return textsOf(process).flatMap((text) => (text === '' ? [] : [text.toLowerCase()]));
}
