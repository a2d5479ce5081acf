/**
 * The policies of one configuration: outbounds, and groups that lead to them. Replaced whole on reload; what must outlive that is
 * in `LastingPolicies`.
 */
import { AppError } from '../base/app-error.ts';
import { type GroupTest, type NodeCheckConfig, usualTest } from '../contract/config.ts';
import { nodeKindOf, type ProxyRow } from '../contract/proxies.ts';
import { builtInPolicies } from '../contract/proxy-config.ts';
import type { Metadata } from '../flow/metadata.ts';
import { builtIn, builtInKind } from './built-in.ts';
import { CurrentOutbound } from './chain.ts';
import type { Outbound } from './dialer.ts';
import { withGlobal } from './groups/global.ts';
import type { MemberFacts } from './groups/group-kind.ts';
import { PolicyGroup } from './groups/policy-group.ts';
import { GroupChecks } from './health/group-checks.ts';
import type { TestedNode } from './health/node-tests.ts';
import type { LastingPolicies } from './lasting-policies.ts';
import { dialerProxyOf, type OutboundServices, outboundOf, proxyServicesOf } from './outbound-types.ts';
import type { PolicyConfig, PolicyTable } from './policy-table.ts';
import { PolicyWalk, type WalkedPolicies } from './policy-walk.ts';
import type { ProxyServices } from './proxy-server.ts';
import type { Route } from './route.ts';

/** What groups choose among: a node, or a chain, which is tested as one. */
interface Leaf extends Route {
  readonly kind: string;
  readonly node: TestedNode;
  /** What the node does by itself, if it is reached through `via`. */
  readonly own: Outbound;
  readonly via: string | undefined;
}

export class ConfiguredPolicies implements PolicyTable {
  readonly #lasting: LastingPolicies;
  readonly #proxyServices: ProxyServices;
  readonly #outbounds = new Map<string, Leaf>();
  /** Groups that are chains. */
  readonly #chains = new Map<string, Leaf>();
  /** Members before the groups that have them. */
  readonly #groups = new Map<string, PolicyGroup>();
  readonly #leaves = new Map<string, readonly Outbound[]>();
  /** What groups lead to until one of them chooses otherwise: nested groups lead to the same ones by very many ways. */
  readonly #leavesNow = new Map<string, readonly Outbound[]>();
  /** Names, and their places, in the order in which they are shown. */
  readonly #names: ReadonlyMap<string, number>;
  /** The groups that have a policy as their member. */
  readonly #parents = new Map<string, string[]>();
  readonly #facts = new Map<PolicyGroup, MemberFacts>();
  readonly #checks: GroupChecks;
  /** Of the nodes of providers. */
  readonly #providerChecks: GroupChecks;
  /** The providers with a check some of whose nodes are members of a group. */
  readonly #checkedBelow = new Map<string, ReadonlySet<string>>();
  /** Groups through which anything could be dialled, as of when they chose last. */
  readonly #usable = new Set<string>();
  readonly #walked: WalkedPolicies = {
    node: (name) => this.#outbounds.get(name),
    group: (name) => this.#groups.get(name),
    touch: (group) => this.#touch(group),
  };
  #settledAt = -1;
  #revision = 0;

  /**
   * Throws CONFIG_INVALID when two policies have the same name, a group has a member, or a node is reached through a policy, that is
   * not there, or a group leads to itself.
   */
  constructor(config: PolicyConfig, services: OutboundServices, lasting: LastingPolicies) {
    this.#lasting = lasting;
    this.#proxyServices = proxyServicesOf(services);
    for (const name of builtInPolicies) this.#addOutbound(builtIn(name, services), builtInKind(name), name, undefined);
    for (const proxy of config.proxies)
      this.#addOutbound(outboundOf(proxy, services), nodeKindOf(proxy), JSON.stringify(proxy), dialerProxyOf(proxy));
    const all = withGlobal(config);
    const groups = new Map(all.map((group) => [group.name, group]));
    if (groups.size < all.length) throw invalid('there are two groups of the same name');
    const open: string[] = [];
    const add = (name: string): void => {
      const group = groups.get(name);
      if (group === undefined || this.#groups.has(name)) return;
      if (open.includes(name)) throw invalid(`the groups ${[...open, name].join(' -> ')} lead to themselves`);
      open.push(name);
      for (const member of group.members) add(member);
      open.pop();
      this.#addGroup(new PolicyGroup(group, lasting.currentOf(name)));
    };
    for (const name of groups.keys()) add(name);
    for (const [name, { via }] of this.#outbounds) {
      if (via === undefined || this.#leaves.has(via)) continue;
      throw invalid(`"${name}" is reached through "${via}", which is not there`);
    }
    this.#names = new Map([...this.#outbounds.keys(), ...groups.keys()].map((name, place) => [name, place]));
    this.#checks = new GroupChecks(this.#tested(), {
      tests: lasting.tests,
      clock: lasting.clock,
      nodesOf: (group) => this.nodesOf(group),
      swept: lasting.swept,
    });
    this.#providerChecks = this.#checksOf(config.checks ?? []);
  }

  get revision(): number {
    this.#settle();
    return this.#revision;
  }

  route(policy: string, flow?: Metadata): Route | undefined {
    const leaf = this.#outbounds.get(policy);
    if (leaf !== undefined && leaf.via === undefined) return leaf;
    if (leaf === undefined && !this.#groups.has(policy)) return undefined;
    this.#settle();
    return new PolicyWalk(this.#walked, this.#proxyServices, flow).routeOf(policy);
  }

  leavesNow(policy: string): readonly Outbound[] {
    const outbound = this.#outbounds.get(policy)?.outbound;
    if (outbound !== undefined) return [outbound];
    const group = this.#groups.get(policy);
    if (group === undefined) return [];
    this.#settle();
    if (group.candidates.length === 0) return [group.refusing];
    if (group.isChain) return this.leavesOf(policy).map((leaf) => group.through(leaf));
    const known = this.#leavesNow.get(policy);
    if (known !== undefined) return known;
    const below = new Set(group.candidates.flatMap((member) => this.leavesNow(member)));
    const leaves = [...below].map((leaf) => group.through(leaf));
    this.#leavesNow.set(policy, leaves);
    return leaves;
  }

  leavesOf(policy: string): readonly Outbound[] {
    return this.#leaves.get(policy) ?? [];
  }

  names(): string[] {
    return [...this.#names.keys()];
  }

  dialFailed({ chain }: Route, error: AppError): void {
    // Of several nodes on the way the error names the one to blame.
    const { node: blamed = chain[0] ?? '' } = error.details ?? {};
    const node = this.#outbounds.get(String(blamed))?.node;
    if (node === undefined) return;
    this.#checks.dialFailed(node, chain.slice(1), error.code);
    this.#providerChecks.dialFailed(node, [], error.code);
  }

  /** The network is another one than before. */
  networkChanged(): void {
    this.#checks.networkChanged();
    this.#providerChecks.networkChanged();
  }

  /** This table is in force from now on. */
  takeOver(): void {
    const leaves = [...this.#outbounds.values(), ...this.#chains.values()];
    this.#lasting.tests.retain(new Set(leaves.map(({ node }) => node.identity)));
    this.#lasting.use(this);
    this.#checks.start();
    this.#providerChecks.start();
  }

  currentOf(group: string): string | undefined {
    return this.#groups.get(group)?.current;
  }

  stop(): void {
    this.#checks.stop();
    this.#providerChecks.stop();
  }

  /** Groups that refuse whatever comes to them, whoever is chosen in them, in the order in which they are shown. */
  emptyGroups(): string[] {
    this.#settle();
    const refuses = ({ refusal, passes }: Outbound): boolean => refusal !== undefined && passes !== true;
    return [...this.#names.keys()].filter((name) => this.#groups.has(name) && this.leavesOf(name).every(refuses));
  }

  group(name: string): PolicyGroup | undefined {
    return this.#groups.get(name);
  }

  /** The nodes that a policy, or the members of a group, lead to now, each once: all that can be dialled. */
  nodesOf(policy: string): readonly TestedNode[] {
    this.#settle();
    const group = this.#groups.get(policy);
    const names = group === undefined || group.isChain ? [policy] : group.config.members;
    const nodes = new Map<string, TestedNode>();
    for (const name of names) {
      const leaf = this.#leafOf(name);
      if (leaf !== undefined && leaf.outbound.way !== 'rejected') nodes.set(leaf.node.name, leaf.node);
    }
    return [...nodes.values()];
  }

  /** A policy as people see it; undefined for a name that nothing has. */
  row(name: string): ProxyRow | undefined {
    this.#settle();
    const route = this.route(name);
    if (route === undefined) return undefined;
    const { tests } = this.#lasting;
    const { way, carriesUdp: udp, refusal } = route.outbound;
    const leaf = this.#outbounds.get(name);
    const shown = {
      name,
      order: this.#names.get(name) ?? 0,
      way,
      udp,
      ...(refusal === undefined || route.outbound.passes === true ? {} : { refusal }),
    };
    const tested = leaf ?? this.#chains.get(name);
    const testing = tested !== undefined && tests.isTesting(tested.node.identity);
    const delays = tested === undefined ? [] : tests.delays(tested.node.identity);
    if (leaf !== undefined) return { ...shown, kind: leaf.kind, testing, delays };
    const group = this.#groups.get(name);
    return group && { ...shown, kind: group.config.type, testing, delays, group: this.#groupRow(group) };
  }

  *rows(): Iterable<ProxyRow> {
    for (const name of this.#names.keys()) {
      const row = this.row(name);
      if (row !== undefined) yield row;
    }
  }

  #groupRow(group: PolicyGroup): ProxyRow['group'] {
    const { name, type, members, strategy, hidden, icon } = group.config;
    const now = group.candidates.length === 1 && !group.isChain ? (group.candidates[0] ?? null) : null;
    return {
      type,
      members: [...members],
      now,
      leaf: now === null ? null : (this.#leafOf(now)?.outbound.tag ?? null),
      chosen: this.#lasting.choiceOf(name) ?? null,
      selectable: group.isChosen,
      test: group.config.test ?? usualTest,
      ...(strategy === undefined ? {} : { strategy }),
      hidden,
      ...(icon === undefined ? {} : { icon }),
    };
  }

  #checksOf(checks: readonly NodeCheckConfig[]): GroupChecks {
    const { tests, clock, sweptProviders: swept } = this.#lasting;
    const nodes = new Map(checks.map(({ name, members }) => [name, members]));
    const checkOf = new Map(checks.flatMap(({ name, members }) => members.map((member) => [member, name])));
    for (const [name, { config }] of this.#groups) {
      const below = new Set(config.members.flatMap((member) => checkOf.get(member) ?? []));
      if (below.size > 0) this.#checkedBelow.set(name, below);
    }
    return new GroupChecks(new Map(checks.map(({ name, test }) => [name, test])), {
      tests,
      clock,
      swept,
      nodesOf: (name) => nodes.get(name)?.flatMap((member) => this.nodesOf(member)) ?? [],
    });
  }

  #touch(group: string): void {
    this.#checks.touch(group);
    for (const provider of this.#checkedBelow.get(group) ?? []) this.#providerChecks.touch(provider);
  }

  /** The groups that are tested by themselves. */
  #tested(): Map<string, GroupTest> {
    const tested = new Map<string, GroupTest>();
    for (const [name, { isTested, config }] of this.#groups) {
      if (config.test !== undefined && (isTested || config.test.interval > 0)) tested.set(name, config.test);
    }
    return tested;
  }

  /** Every group chooses anew when something has changed that it chooses by. */
  #settle(): void {
    const at = this.#lasting.revision;
    if (at === this.#settledAt) return;
    const concerned = this.#settledAt < 0 ? undefined : this.#concernedBy(this.#lasting.movedSince(this.#settledAt));
    this.#settledAt = at;
    const moved: string[] = [];
    for (const [name, group] of this.#groups) {
      if (concerned?.has(name) === false) continue;
      if (group.choose(this.#factsFor(group), this.#lasting.choiceOf(name))) moved.push(name);
      if (this.#leadsOn(group)) this.#usable.add(name);
      else this.#usable.delete(name);
    }
    if (moved.length === 0) return;
    this.#leavesNow.clear();
    this.#revision += 1;
    this.#lasting.changed.emit(moved);
  }

  /** These policies, and all groups above them; undefined stands for everything. */
  #concernedBy(names: readonly string[] | undefined): ReadonlySet<string> | undefined {
    if (names === undefined) return undefined;
    const concerned = new Set(names);
    for (const name of concerned) for (const parent of this.#parents.get(name) ?? []) concerned.add(parent);
    return concerned;
  }

  #factsFor(group: PolicyGroup): MemberFacts {
    const known = this.#facts.get(group);
    if (known !== undefined) return known;
    const view = this.#lasting.tests.by(group.config.test ?? usualTest);
    const facts: MemberFacts = {
      isUsable: (member) => this.#isUsable(member),
      isAlive: (member) => {
        const leaf = this.#leafOf(member);
        return leaf !== undefined && this.#isUsable(member) && view.isAlive(leaf.node.identity);
      },
      delayOf: (member) => {
        const identity = this.#leafOf(member)?.node.identity;
        return identity === undefined ? undefined : view.delayOf(identity);
      },
    };
    this.#facts.set(group, facts);
    return facts;
  }

  #isUsable(name: string): boolean {
    const leaf = this.#outbounds.get(name);
    // Whether the way to it can be dialled is seen when it is.
    if (leaf !== undefined) return leaf.own.refusal === undefined;
    // Members choose before the groups that have them.
    return this.#usable.has(name);
  }

  #leadsOn({ candidates, isChain }: PolicyGroup): boolean {
    const isUsable = (member: string): boolean => this.#isUsable(member);
    return isChain ? candidates.length > 0 && candidates.every(isUsable) : candidates.some(isUsable);
  }

  /** The leaf that a policy leads to; of a group that spreads flows, the first. */
  #leafOf(name: string): Leaf | undefined {
    const leaf = this.#outbounds.get(name) ?? this.#chains.get(name);
    if (leaf !== undefined) return leaf;
    const member = this.#groups.get(name)?.candidates[0];
    return member === undefined ? undefined : this.#leafOf(member);
  }

  #addOutbound(own: Outbound, kind: string, text: string, via: string | undefined): void {
    const { tag } = own;
    const outbound = via === undefined ? own : this.#current(tag);
    this.#addName(tag, [outbound]);
    const node = { name: tag, identity: text, dialer: outbound };
    this.#outbounds.set(tag, { outbound, own, chain: [tag], kind, node, via });
  }

  /** What a name leads to whenever it is used without a flow. */
  #current(name: string): Outbound {
    return new CurrentOutbound(name, () => {
      const route = this.route(name);
      if (route === undefined) throw new AppError('INTERNAL', `there is no outbound named "${name}"`);
      return route.outbound;
    });
  }

  #addChain({ config }: PolicyGroup): Outbound {
    const { name, type } = config;
    const outbound = this.#current(name);
    const node = { name, identity: JSON.stringify(config), dialer: outbound };
    this.#chains.set(name, { outbound, own: outbound, chain: [name], kind: type, node, via: undefined });
    return outbound;
  }

  #addGroup(group: PolicyGroup): void {
    const { name, members } = group.config;
    const leaves = new Set<Outbound>();
    for (const member of members) {
      const below = this.#leaves.get(member);
      if (below === undefined) throw invalid(`the group "${name}" has a member "${member}", which is not there`);
      for (const leaf of below) leaves.add(leaf);
      const parents = this.#parents.get(member);
      if (parents === undefined) this.#parents.set(member, [name]);
      else parents.push(name);
    }
    if (leaves.size === 0) this.#addName(name, [group.refusing]);
    else this.#addName(name, group.isChain ? [this.#addChain(group)] : [...leaves]);
    this.#groups.set(name, group);
  }

  #addName(name: string, leaves: readonly Outbound[]): void {
    if (this.#leaves.has(name)) throw invalid(`there are two outbounds named "${name}"`);
    this.#leaves.set(name, leaves);
  }
}

function invalid(message: string): AppError {
  return new AppError('CONFIG_INVALID', message, {
    expected: 'one name each, and groups of what is there',
  });
}
