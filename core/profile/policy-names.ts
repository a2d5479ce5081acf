/** Every name that a rule may have meant as its policy, and why some of them cannot be used. */
import { clip } from './yaml-value.ts';

export type PolicyKind =
  | { readonly kind: 'proxy' }
  | { readonly kind: 'group' }
  /** Of a type that a later version will carry. */
  | { readonly kind: 'later'; readonly type: string };

export interface PolicyProblem {
  readonly message: string;
  readonly expected: string;
}

const builtIn: readonly string[] = ['DIRECT', 'REJECT', 'REJECT-DROP'];
/** Built into Clash, not here yet. */
const laterBuiltIn: readonly string[] = ['PASS', 'GLOBAL', 'COMPATIBLE'];
const expected = 'the name of a proxy, DIRECT, REJECT or REJECT-DROP';

export class PolicyNames {
  readonly #names = new Map<string, PolicyKind>();

  /** False when the name is taken already, or is that of a built-in policy. */
  add(name: string, kind: PolicyKind): boolean {
    if (this.has(name)) return false;
    this.#names.set(name, kind);
    return true;
  }

  /** For a proxy that was added before its type was known. */
  setLaterType(name: string, type: string): void {
    if (this.#names.has(name)) this.#names.set(name, { kind: 'later', type });
  }

  /** Whether it is anything, usable or not. */
  has(name: string): boolean {
    return this.#names.has(name) || builtIn.includes(name) || laterBuiltIn.includes(name);
  }

  /** Why a rule cannot name this policy, or undefined. */
  problem(name: string): PolicyProblem | undefined {
    if (builtIn.includes(name)) return undefined;
    const known = this.#names.get(name);
    if (known?.kind === 'proxy') return undefined;
    if (known?.kind === 'group')
      return { message: `"${clip(name)}" is a group; groups are not supported yet`, expected };
    if (known?.kind === 'later') {
      return { message: `"${clip(name)}" is of type ${known.type}, which is not supported yet`, expected };
    }
    if (laterBuiltIn.includes(name)) return { message: `the policy ${name} is not supported yet`, expected };
    const upper = name.toUpperCase();
    return { message: `there is no proxy "${clip(name)}"`, expected: builtIn.includes(upper) ? upper : expected };
  }
}
