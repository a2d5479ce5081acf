/** Regular expressions of one configuration have a bound together, wherever they stand. */
import { expressionTypes } from './kinds/expression.ts';
import { compileExpression, maxPrograms } from './rule-expression.ts';
import type { BareRule } from './rule-kind.ts';
import { rulesWithin } from './rule-parser.ts';

export class ExpressionRoom {
  #left = maxPrograms;

  /** Whether this rule, as it was parsed, still fits behind those asked about before. */
  holds(rule: BareRule): boolean {
    const size = sizeOf(rule);
    if (size > this.#left) return false;
    this.#left -= size;
    return true;
  }
}

function sizeOf(rule: BareRule): number {
  if (!rule.payload.includes('REGEX') && !expressionTypes.has(rule.type)) return 0;
  let size = 0;
  for (const { type, payload } of rulesWithin(rule))
    if (expressionTypes.has(type)) size += compileExpression(payload).size;
  return size;
}
