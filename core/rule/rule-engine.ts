/**
 * Which policy a flow takes: the first rule that matches, found in compiled tables. It asks for an address at most once
 * per match, uses it for matching only, and knows nothing of the policies it names.
 */
import type { Ip } from '../base/address.ts';
import { AppError } from '../base/app-error.ts';
import { parseCidr } from '../base/cidr.ts';
import { comparableDomain } from '../base/domain.ts';
import { unreachable } from '../base/unreachable.ts';
import type { RuleConfig } from '../contract/config.ts';
import type { MatchedRule, RuleTrace } from '../contract/flow.ts';
import { fillText, problemTexts } from '../contract/problem-texts.ts';
import type { RuleRow } from '../contract/rpc.ts';
import type { Metadata } from '../flow/metadata.ts';
import { type DomainEntry, DomainTable } from './domain-table.ts';
import { type IpEntry, IpTable } from './ip-table.ts';
import { type MatchFacts, matchFacts } from './match-facts.ts';
import { noRule } from './no-rule.ts';
import { isPortListed, type PortRange, parsePortList } from './port-ranges.ts';
import { readPayload } from './rule-payload.ts';
import { explainRules, testRule } from './rule-trace.ts';

/** Real address of a name, or undefined when there is none. A rejection counts as none. */
export type ResolveIp = (name: string) => Promise<Ip | undefined>;

export interface Match {
  readonly rule: MatchedRule;
  /** The address that was looked up for an IP rule; for matching only, never for connecting. */
  readonly resolved?: Ip;
}

export interface Explanation extends Match {
  /** In order, ending with the hit; long lists are cut to the part before it (see `rule-trace.ts`). */
  readonly steps: RuleTrace['steps'];
}

/** What a verdict was based on. */
interface Decision {
  readonly index: number;
  readonly facts: MatchFacts;
  readonly asked: boolean;
  readonly resolved?: Ip;
}

export class RuleEngine {
  /** What matching may need: the process of the flow, the address of a name. */
  readonly needs: { readonly process: boolean; readonly ip: boolean };
  readonly #rules: readonly RuleConfig[];
  readonly #hits: Float64Array;
  /** Rules that may hit a connection to a name by its port or its looked-up address. In order. */
  readonly #maybes: readonly { readonly index: number; readonly policy: string }[];
  readonly #domains: DomainTable;
  readonly #ports: { readonly ranges: readonly PortRange[]; readonly index: number }[] = [];
  /** All IP rules, for flows whose address is known. */
  readonly #ips: IpTable;
  /** The IP rules from the first one that asks on: the ones before it never see a looked-up address. */
  readonly #askedIps: IpTable;
  /** First IP rule without `no-resolve`. */
  readonly #firstAsking: number;
  readonly #firstMatch: number;
  readonly #firstDomain: number;

  /** Throws `CONFIG_INVALID` for a payload that `readPayload` does not take as it is. */
  constructor(rules: readonly RuleConfig[]) {
    this.#rules = rules;
    this.#hits = new Float64Array(rules.length);
    const domains: DomainEntry[] = [];
    const entries: IpEntry[] = [];
    let firstAsking = noRule;
    let firstMatch = noRule;
    for (const [index, rule] of rules.entries()) {
      checkPayload(rule, index);
      switch (rule.type) {
        case 'DOMAIN':
        case 'DOMAIN-SUFFIX':
        case 'DOMAIN-KEYWORD':
          domains.push({ type: rule.type, payload: rule.payload, index });
          break;
        case 'IP-CIDR':
        case 'IP-CIDR6': {
          const cidr = parseCidr(rule.payload);
          if (cidr !== undefined) entries.push({ cidr, index });
          if (!rule.noResolve) firstAsking = Math.min(firstAsking, index);
          break;
        }
        case 'DST-PORT':
          this.#ports.push({ ranges: parsePortList(rule.payload).ranges, index });
          break;
        case 'MATCH':
          firstMatch = Math.min(firstMatch, index);
          break;
        default:
          unreachable(rule.type);
      }
    }
    const asked = entries.filter((entry) => entry.index >= firstAsking);
    // A rule with no-resolve sees the address that an earlier rule has asked for.
    this.#maybes = rules.flatMap(({ type, policy }, index) =>
      type === 'DST-PORT' || ((type === 'IP-CIDR' || type === 'IP-CIDR6') && index >= firstAsking)
        ? [{ index, policy }]
        : [],
    );
    this.#domains = new DomainTable(domains);
    this.#ips = new IpTable(entries);
    this.#askedIps = asked.length === entries.length ? this.#ips : new IpTable(asked);
    this.#firstAsking = firstAsking;
    this.#firstMatch = firstMatch;
    this.#firstDomain = domains[0]?.index ?? noRule;
    this.needs = { process: false, ip: firstAsking !== noRule };
  }

  /**
   * The first rule that matches, counted as a hit; rule `NONE` with DIRECT if none does. A promise only when a rule that
   * needs the address of a name is reached before any hit: then `resolveIp` is called exactly once. With `from`, rules
   * before that place are passed over: a policy that cannot carry the flow leaves it to the rules below.
   */
  match(metadata: Metadata, resolveIp: ResolveIp, from = 0): Match | Promise<Match> {
    const decision = from > 0 ? this.#decideFrom(metadata, resolveIp, from) : this.#decide(metadata, resolveIp);
    return decision instanceof Promise ? decision.then((late) => this.#count(late)) : this.#count(decision);
  }

  /**
   * The policy of a flow to a bare address as long as its name is unknown; `certain` when no name could change it. Counts
   * nothing.
   */
  byAddress(metadata: Metadata): { readonly policy: string; readonly certain: boolean } {
    const facts = matchFacts(metadata);
    let index = this.#lookupPort(facts.port, this.#firstMatch);
    if (facts.ip !== undefined) index = Math.min(index, this.#ips.lookup(facts.ip));
    return { policy: this.#rules[index]?.policy ?? 'DIRECT', certain: !(this.#firstDomain < index) };
  }

  /** The policy as far as it can be told without a look-up: rules on the address of a name are passed over. Counts nothing. */
  withoutLookup(metadata: Metadata): string {
    const facts = matchFacts(metadata);
    let index = this.#lookupPort(facts.port, this.#firstMatch);
    if (facts.name !== undefined) index = this.#domains.lookup(facts.name, index);
    if (facts.ip !== undefined) index = Math.min(index, this.#ips.lookup(facts.ip));
    return this.#rules[index]?.policy ?? 'DIRECT';
  }

  /** The verdict that `match` gives, with every rule tested on the way; counts nothing. */
  async explain(metadata: Metadata, resolveIp: ResolveIp): Promise<Explanation> {
    const decision = await this.#decide(metadata, resolveIp);
    const steps = explainRules(this.#rules, {
      facts: decision.facts,
      hit: decision.index,
      ...(decision.asked ? { askedBy: this.#firstAsking } : {}),
      ...(decision.resolved === undefined ? {} : { resolved: decision.resolved }),
    });
    return { ...this.#matchOf(decision), steps };
  }

  /**
   * What a connection to this normalised name could get, whatever its port, address or process. `policy` is that of the first
   * rule that hits the name for certain, `named` when that rule is about names (not MATCH); `before` are those of rules before
   * it on what is not known yet.
   */
  byName(name: string): { readonly policy: string; readonly named: boolean; readonly before: readonly string[] } {
    const certain = this.#domains.lookup(comparableDomain(name), this.#firstMatch);
    const before: string[] = [];
    for (const { index, policy } of this.#maybes) {
      if (index >= certain) break;
      if (!before.includes(policy)) before.push(policy);
    }
    return { policy: this.#rules[certain]?.policy ?? 'DIRECT', named: certain < this.#firstMatch, before };
  }

  /** The list as people see it, with the number of flows each rule has decided. */
  rows(): RuleRow[] {
    return this.#rules.map((rule, index) => ({ index, ...rule, hits: this.#hits[index] ?? 0 }));
  }

  #decide(metadata: Metadata, resolveIp: ResolveIp): Decision | Promise<Decision> {
    const facts = matchFacts(metadata);
    let index = this.#firstMatch;
    if (facts.name !== undefined) index = this.#domains.lookup(facts.name, index);
    index = this.#lookupPort(facts.port, index);
    if (facts.ip !== undefined) return { index: Math.min(index, this.#ips.lookup(facts.ip)), facts, asked: false };
    if (facts.name === undefined || this.#firstAsking >= index) return { index, facts, asked: false };
    return this.#decideByAddress(facts, facts.name, index, resolveIp);
  }

  async #decideByAddress(facts: MatchFacts, name: string, index: number, resolveIp: ResolveIp): Promise<Decision> {
    const resolved = await resolveOrNone(name, resolveIp);
    if (resolved === undefined) return { index, facts, asked: true };
    return { index: Math.min(index, this.#askedIps.lookup(resolved)), facts, asked: true, resolved };
  }

  /** One rule after the other: rare, and the compiled tables know only the first hit of all. */
  async #decideFrom(metadata: Metadata, resolveIp: ResolveIp, from: number): Promise<Decision> {
    const facts = matchFacts(metadata);
    let asked: { readonly askedBy: number; readonly resolved: Ip | undefined } | undefined;
    for (let index = from; index < this.#rules.length; index++) {
      const rule = this.#rules[index];
      if (rule === undefined) break;
      const wantsAddress = (rule.type === 'IP-CIDR' || rule.type === 'IP-CIDR6') && !rule.noResolve;
      if (wantsAddress && asked === undefined && facts.ip === undefined && facts.name !== undefined) {
        asked = { askedBy: index, resolved: await resolveOrNone(facts.name, resolveIp) };
      }
      const resolved = asked?.resolved === undefined ? {} : { resolved: asked.resolved };
      const known = { facts, ...(asked === undefined ? {} : { askedBy: asked.askedBy }), ...resolved };
      if (testRule(rule, index, known).hit) return { index, facts, asked: asked !== undefined, ...resolved };
    }
    const resolved = asked?.resolved === undefined ? {} : { resolved: asked.resolved };
    return { index: noRule, facts, asked: asked !== undefined, ...resolved };
  }

  #lookupPort(port: number, limit: number): number {
    for (const { ranges, index } of this.#ports) {
      if (index >= limit) return limit;
      if (isPortListed(ranges, port)) return index;
    }
    return limit;
  }

  #count(decision: Decision): Match {
    if (decision.index !== noRule) this.#hits[decision.index] = (this.#hits[decision.index] ?? 0) + 1;
    return this.#matchOf(decision);
  }

  #matchOf({ index, resolved }: Decision): Match {
    const rule = this.#rules[index];
    const matched: MatchedRule =
      rule === undefined
        ? { index: -1, type: 'NONE', payload: '', policy: 'DIRECT' }
        : { index, type: rule.type, payload: rule.payload, policy: rule.policy };
    return resolved === undefined ? { rule: matched } : { rule: matched, resolved };
  }
}

function checkPayload(rule: RuleConfig, index: number): void {
  const read = readPayload(rule.type, rule.payload);
  if (read.kind === 'ok' && read.payload === rule.payload) return;
  const { code, values } = read.note ?? { code: 'RULE_NO_PAYLOAD', values: { type: rule.type } };
  throw new AppError('CONFIG_INVALID', `rules[${index}]: ${fillText(problemTexts[code], values)}`);
}

async function resolveOrNone(name: string, resolveIp: ResolveIp): Promise<Ip | undefined> {
  try {
    return await resolveIp(name);
  } catch {
    return undefined;
  }
}
