/** The rules as the mode lets them decide: in `global` and `direct` no rule is asked. Every decision about a flow or name comes by here. */
import { globalGroup, type PolicyMode } from '../contract/config.ts';
import type { MatchedRule } from '../contract/flow.ts';
import { directPolicy } from '../contract/proxy-config.ts';
import type { Metadata } from '../flow/metadata.ts';
import type { Explanation, Match, MatchOptions, PassesOn, ResolveIp, RuleEngine } from '../rule/rule-engine.ts';
import type { RuleMatcher } from './policy.ts';

/** The mode in force, and how often it has changed. */
export interface ModeNow {
  readonly current: PolicyMode;
  readonly revision: number;
}

export class RulesByMode implements RuleMatcher {
  readonly #rules: RuleEngine;
  readonly #mode: ModeNow;

  constructor(rules: RuleEngine, mode: ModeNow) {
    this.#rules = rules;
    this.#mode = mode;
  }

  /** Grows when another mode comes into force, or a rule is switched. */
  get revision(): number {
    return this.#mode.revision + this.#rules.revision;
  }

  needsProcess(metadata: Metadata, from = 0): boolean {
    return this.#instead() === undefined && this.#rules.needsProcess(metadata, from);
  }

  match(metadata: Metadata, resolveIp: ResolveIp, options: MatchOptions = {}): Match | Promise<Match> {
    const instead = this.#instead();
    if (instead === undefined) return this.#rules.match(metadata, resolveIp, options);
    return {
      rule: (options.from ?? 0) === 0 ? instead : { index: -1, type: 'NONE', payload: '', policy: directPolicy },
    };
  }

  byAddress(metadata: Metadata): { readonly policy: string; readonly certain: boolean } {
    const instead = this.#instead();
    return instead === undefined ? this.#rules.byAddress(metadata) : { policy: instead.policy, certain: true };
  }

  byName(
    name: string,
    passes?: (policy: string) => boolean,
  ): { readonly policy: string; readonly named: boolean; readonly before: readonly string[] } {
    const instead = this.#instead();
    return instead === undefined
      ? this.#rules.byName(name, passes)
      : { policy: instead.policy, named: false, before: [] };
  }

  withoutLookup(metadata: Metadata, passes?: (policy: string) => boolean): string {
    return this.#instead()?.policy ?? this.#rules.withoutLookup(metadata, passes);
  }

  async explain(metadata: Metadata, resolveIp: ResolveIp, passesOn?: PassesOn): Promise<Explanation> {
    const instead = this.#instead();
    return instead === undefined ? this.#rules.explain(metadata, resolveIp, passesOn) : { rule: instead, steps: [] };
  }

  /** What decides in place of the rules, if they do not. */
  #instead(): MatchedRule | undefined {
    const { current } = this.#mode;
    if (current === 'rule') return undefined;
    return { index: -1, type: 'MODE', payload: current, policy: current === 'global' ? globalGroup : directPolicy };
  }
}
