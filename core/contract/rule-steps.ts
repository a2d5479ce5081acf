/** The steps of a trace as lines, for whoever shows them. */
import type { RuleTraceStep } from './flow.ts';

export interface RuleStepLine {
  readonly step: RuleTraceStep;
  /** 0 for rules of the list, more for those within others. */
  readonly depth: number;
  /** Place in its list or rule, from 1; undefined for what has none. */
  readonly number: number | undefined;
  readonly key: string;
}

/** A rule, then those within it. */
export function ruleStepLines(steps: readonly RuleTraceStep[], depth = 0, before = ''): RuleStepLine[] {
  return steps.flatMap((step, i) => {
    const key = `${before}${i}`;
    const number = step.index < 0 ? undefined : step.index + 1;
    return [{ step, depth, number, key }, ...ruleStepLines(step.steps ?? [], depth + 1, `${key}.`)];
  });
}
