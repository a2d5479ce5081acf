/** Every name that a rule may have meant as its policy, and why some of them cannot be used. */
import { globalGroup } from '../contract/config.ts';
import type { ProblemCode, ProblemValues } from '../contract/problem-texts.ts';
import { builtInPolicies } from '../contract/proxy-config.ts';
import { clip } from './clip.ts';
import type { Hint } from './problem-list.ts';

export type PolicyKind =
  | { readonly kind: 'proxy' }
  | { readonly kind: 'group' }
  /** Something is wrong with it, and was reported. */
  | { readonly kind: 'left-out' };

export interface PolicyProblem {
  readonly code: ProblemCode;
  readonly values: ProblemValues;
  readonly hint: Hint;
}

const builtIn: readonly string[] = builtInPolicies;

export class PolicyNames {
  readonly #names = new Map<string, PolicyKind>();

  /** False when the name is taken already, or is that of a built-in policy. */
  add(name: string, kind: PolicyKind): boolean {
    if (this.#names.has(name) || builtIn.includes(name)) return false;
    this.#names.set(name, kind);
    return true;
  }

  /** For a proxy that was added before it was read. */
  change(name: string, kind: PolicyKind): void {
    if (this.#names.has(name)) this.#names.set(name, kind);
  }

  /** Whether it is anything, usable or not. */
  has(name: string): boolean {
    return this.#names.has(name) || isAlwaysThere(name);
  }

  /** What a built-in policy is called where kinds are named (`exclude-type`); undefined for every other name. */
  builtInKind(name: string): string | undefined {
    return builtIn.includes(name) ? name.toLowerCase() : undefined;
  }

  /** Why a rule cannot name this policy, or undefined. */
  problem(name: string): PolicyProblem | undefined {
    const known = this.#names.get(name);
    const shown = clip(name);
    switch (known?.kind) {
      case 'proxy':
      case 'group':
        return undefined;
      case 'left-out':
        return { code: 'POLICY_LEFT_OUT', values: { name: shown }, hint: 'POLICY' };
      case undefined:
        if (isAlwaysThere(name)) return undefined;
    }
    const upper = name.toUpperCase();
    const hint: Hint = builtIn.includes(upper) ? { write: upper } : 'POLICY';
    return { code: 'POLICY_UNKNOWN', values: { name: shown }, hint };
  }
}

/** The built-in policies, and the group of mode `global`, which the profile may have itself. */
function isAlwaysThere(name: string): boolean {
  return builtIn.includes(name) || name === globalGroup;
}
