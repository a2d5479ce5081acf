/**
 * One regular expression of a rule: RE2's syntax (https://github.com/google/re2/wiki/Syntax), whose time is linear in the text,
 * else .NET's with look-around, as Clash has it, whose steps are bounded. Either may match anywhere in the text, in any case.
 */
import { RE2JS } from 're2js';
import { type Program, programOf } from '../base/expression/expression-program.ts';
import { Search } from '../base/expression/expression-search.ts';

/** Instructions of one expression. */
const maxProgram = 2_000;
/** Of all of them: what a name costs at worst is in proportion. */
export const maxPrograms = 20_000;
/** Steps that an expression with look-around may take for one text; beyond, it does not match. */
const maxSteps = 10_000;
/** Instructions that one of its steps counts for, as it is run by itself. */
const stepWeight = 20;

export interface RuleExpression {
  /** Whether RE2 reads it, so that many can be one automaton. */
  readonly isLinear: boolean;
  /** In instructions. */
  readonly size: number;
  test(text: string): boolean;
}

/** Throws what `expressionProblem` tells. */
export function compileExpression(text: string): RuleExpression {
  let linear: RE2JS;
  try {
    linear = RE2JS.compile(text, RE2JS.CASE_INSENSITIVE);
  } catch (error) {
    const program = boundedOf(text);
    if (program === undefined) throw error;
    return { isLinear: false, size: program.steps.length * stepWeight, test: (tested) => isFound(program, tested) };
  }
  return { isLinear: true, size: linear.programSize(), test: (tested) => linear.test(tested) };
}

/** Why an expression cannot be used, in English; undefined if it can. */
export function expressionProblem(text: string): string | undefined {
  try {
    return compileExpression(text).size > maxProgram ? 'it is too large' : undefined;
  } catch (error) {
    return error instanceof Error ? error.message.replace(/^error parsing regexp: /, '') : String(error);
  }
}

/** Whether an expression has what Clash's engine (.NET's syntax) knows and is not there: back-references. */
export function isPerlOnly(text: string): boolean {
  return /\\(?:[1-9]|k[<'{])/.test(text.replaceAll('\\\\', ''));
}

/** What RE2 does not know: look-around, atoms. Whatever else it refuses is a mistake. */
const beyondLinear = /\(\?(?:[=!>]|<[=!])/;

function boundedOf(text: string): Program | undefined {
  if (!beyondLinear.test(text)) return undefined;
  try {
    return programOf(`(?i)${text}`, false);
  } catch {
    return undefined;
  }
}

function isFound(program: Program, text: string): boolean {
  const points = Array.from(text, (point) => point.codePointAt(0) ?? 0);
  try {
    return new Search(program, points, maxSteps).run();
  } catch {
    return false;
  }
}
