/** How a rule is written. */
import type { RuleConfig } from '../contract/config.ts';

/** A rule as one line. */
export function ruleText({ type, payload, policy, noResolve, src }: RuleConfig): string {
  const options = `${noResolve ? ',no-resolve' : ''}${src === true ? ',src' : ''}`;
  return payload === '' ? `${type},${policy}${options}` : `${type},${payload},${policy}${options}`;
}
