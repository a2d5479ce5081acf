/** Every name that a rule may have meant as its policy, and why some of them cannot be used. */
import type { ProblemCode, ProblemValues } from '../contract/problem-texts.ts';
import type { Hint } from './problem-list.ts';
import { clip } from './yaml-value.ts';

export type PolicyKind =
  | { readonly kind: 'proxy' }
  | { readonly kind: 'group' }
  /** Something is wrong with it, and was reported. */
  | { readonly kind: 'left-out' }
  /** Of a type that a later version will carry. */
  | { readonly kind: 'later'; readonly type: string };

export interface PolicyProblem {
  readonly code: ProblemCode;
  readonly values: ProblemValues;
  readonly hint: Hint;
}

const builtIn: readonly string[] = ['DIRECT', 'REJECT', 'REJECT-DROP'];
/** Built into Clash, not here yet. */
const laterBuiltIn: readonly string[] = ['PASS', 'GLOBAL', 'COMPATIBLE'];

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
    return this.#names.has(name) || builtIn.includes(name) || laterBuiltIn.includes(name);
  }

  /** Why a rule cannot name this policy, or undefined. */
  problem(name: string): PolicyProblem | undefined {
    if (builtIn.includes(name)) return undefined;
    const known = this.#names.get(name);
    const shown = clip(name);
    switch (known?.kind) {
      case 'proxy':
        return undefined;
      case 'group':
        return { code: 'POLICY_IS_GROUP', values: { name: shown }, hint: 'POLICY' };
      case 'later':
        return { code: 'POLICY_TYPE_LATER', values: { name: shown, type: known.type }, hint: 'POLICY' };
      case 'left-out':
        return { code: 'POLICY_LEFT_OUT', values: { name: shown }, hint: 'POLICY' };
      case undefined:
        break;
    }
    if (laterBuiltIn.includes(name)) return { code: 'POLICY_LATER', values: { name }, hint: 'POLICY' };
    const upper = name.toUpperCase();
    const hint: Hint = builtIn.includes(upper) ? { write: upper } : 'POLICY';
    return { code: 'POLICY_UNKNOWN', values: { name: shown }, hint };
  }
}
