/** `filter`, `exclude-filter` and `proxy-name` of groups and providers: expressions over the names of nodes. Pure. */
import { BoundedExpression, BoundedReplacement, type SearchBudget } from '../base/expression/bounded-expression.ts';

export interface NameFilter {
  /** Whether the expression matches anywhere in the name. One that takes too long does not. */
  matches(name: string): boolean;
}

export type NameFilterParse =
  | { readonly ok: true; readonly filters: readonly NameFilter[] }
  | { readonly ok: false; readonly reason: string };

/** Several expressions are separated by "`"; in Clash's syntax (.NET's), case counts unless `(?i)` says otherwise. */
export function parseNameFilters(text: string, budget?: SearchBudget): NameFilterParse {
  try {
    return { ok: true, filters: text.split('`').map((part) => filterOf(new BoundedExpression(part, budget))) };
  } catch (error) {
    return { ok: false, reason: error instanceof Error ? error.message : String(error) };
  }
}

function filterOf(expression: BoundedExpression): NameFilter {
  return {
    matches: (name) => {
      try {
        return expression.test(name);
      } catch {
        return false;
      }
    },
  };
}

export interface NameChange {
  /** What it was made of. */
  readonly pattern: string;
  readonly target: string;
  /** The name with all matches replaced; as it was where that takes too long, or makes it too long. */
  changed(name: string): string;
}

/** Undefined for a pattern that cannot be used. */
export function nameChange(pattern: string, target: string, budget?: SearchBudget): NameChange | undefined {
  let replacement: BoundedReplacement;
  try {
    replacement = new BoundedReplacement(pattern, target, budget);
  } catch {
    return undefined;
  }
  const changed = (name: string): string => {
    try {
      return replacement.replace(name);
    } catch {
      return name;
    }
  };
  return { pattern, target, changed };
}
