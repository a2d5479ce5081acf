/** Payloads that are regular expressions. */
import type { RuleType } from '../../contract/rule-types.ts';
import { expressionProblem, isPerlOnly } from '../rule-expression.ts';
import { bad, note, ok, type PayloadReading } from '../rule-kind.ts';

export function readExpression(type: RuleType, payload: string): PayloadReading {
  if (payload === '') return bad(note('RULE_NO_PAYLOAD', { type }, 'RULE_REGEX'));
  const reason = expressionProblem(payload);
  if (reason === undefined) return ok(payload);
  return bad(note(isPerlOnly(payload) ? 'RULE_REGEX_LATER' : 'RULE_REGEX', { reason }, 'RULE_REGEX'));
}

/** Types whose payload is a regular expression. */
export const expressionTypes: ReadonlySet<RuleType> = new Set([
  'DOMAIN-REGEX',
  'PROCESS-NAME-REGEX',
  'PROCESS-PATH-REGEX',
]);
