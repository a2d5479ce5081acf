/** `filter` and `exclude-filter` of groups and providers: expressions over the names of nodes. Pure. */
import { BoundedExpression } from '../base/expression/bounded-expression.ts';

export interface NameFilter {
  /** Whether the expression matches anywhere in the name. One that takes too long does not. */
  matches(name: string): boolean;
}

export type NameFilterParse =
  | { readonly ok: true; readonly filters: readonly NameFilter[] }
  | { readonly ok: false; readonly reason: string };

/** Several expressions are separated by "`"; in Clash's syntax (.NET's), case counts unless `(?i)` says otherwise. */
export function parseNameFilters(text: string): NameFilterParse {
  try {
    return { ok: true, filters: text.split('`').map((part) => filterOf(new BoundedExpression(part))) };
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
