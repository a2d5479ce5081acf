/** What people see of nodes and groups, choose in them, and have tested. When groups test by themselves is not known here. */
import { AppError } from '../base/app-error.ts';
import type { Clock } from '../base/clock.ts';
import { usualTest } from '../contract/config.ts';
import type { ProxyRow } from '../contract/proxies.ts';
import type { Params, Result } from '../contract/rpc.ts';
import type { ConfiguredPolicies } from '../outbound/configured-policies.ts';
import { type NodeTest, type TestedNode, testKey } from '../outbound/health/node-tests.ts';
import type { LastingPolicies } from '../outbound/lasting-policies.ts';
import type { TopicSource } from '../rpc/topic-source.ts';

export interface PolicyDeskOptions {
  /** In force. */
  readonly policies: () => ConfiguredPolicies;
  readonly lasting: LastingPolicies;
  readonly clock: Clock;
}

/** Tests of one user that are under way or wait; members of groups that one request looks at. */
export const maxAsked = 20_000;
const maxLooks = 100_000;

export class PolicyDesk implements TopicSource<'proxies'> {
  readonly #options: PolicyDeskOptions;
  /**
   * Tests that people have asked for, by user, then by node and kind of test; each with its own end: a signal takes the longer for a
   * listener the more it has.
   */
  readonly #asked = new Map<number, Map<string, AbortController>>();

  constructor(options: PolicyDeskOptions) {
    this.#options = options;
  }

  rows(): Iterable<ProxyRow> {
    return this.#options.policies().rows();
  }

  row(name: string): ProxyRow | undefined {
    return this.#options.policies().row(name);
  }

  watch(changed: (keys: Iterable<string>) => void): () => void {
    const { lasting, policies } = this.#options;
    let shown = policies().names();
    return lasting.changed.on((names) => {
      if (names !== undefined) changed(names);
      else {
        // Those that are gone are told too.
        const before = shown;
        shown = policies().names();
        changed([...before, ...shown]);
      }
      // Groups that move by it say so themselves.
      void policies().revision;
    });
  }

  /** What a user has chosen in groups, and nothing else. */
  useChoices(choices: ReadonlyMap<string, string>): void {
    this.#options.lasting.useChoices(choices);
  }

  /** Rejects with POLICY_UNKNOWN or POLICY_NOT_CHOSEN. Null: what the group does by itself. */
  select({ group, member }: Params<'selectProxy'>): Result<'selectProxy'> {
    const policies = this.#options.policies();
    const found = policies.group(group);
    if (found === undefined) throw unknown(group, 'a policy group');
    if (!found.isChosen)
      throw new AppError('POLICY_NOT_CHOSEN', `the group "${group}" is of type ${found.config.type}`, {
        expected: 'a group of type select, url-test or fallback',
      });
    if (member !== null && !found.config.members.includes(member)) throw unknown(member, `a member of "${group}"`);
    this.#options.lasting.choose(group, member);
    return { now: policies.row(group)?.group?.now ?? null };
  }

  /** Begins tests for a user; those beyond what one user may have under way are left out. Throws POLICY_UNKNOWN. */
  test({ policy, group }: Params<'testProxies'>, uid: number): Result<'testProxies'> {
    const policies = this.#options.policies();
    const startedAt = this.#options.clock.now();
    for (const name of [policy, group])
      if (name !== undefined && policies.route(name) === undefined) throw unknown(name, 'a node or policy group');
    if (policy === undefined && group === undefined) {
      const nodes = new Set<string>();
      for (const [node, test] of this.#everything()) if (this.#begin(node, test, uid)) nodes.add(node.name);
      return { nodes: [...nodes], startedAt };
    }
    const { url, expectedStatus, timeout } = policies.group(group ?? policy ?? '')?.config.test ?? usualTest;
    const test = { url, expectedStatus, timeout };
    const nodes = policies.nodesOf(policy ?? group ?? '').filter((node) => this.#begin(node, test, uid));
    return { nodes: nodes.map(({ name }) => name), test, startedAt };
  }

  /** Ends the tests that `test` has begun; returns how many. */
  stopTests(): number {
    const stops = [...this.#asked.values()].flatMap((asked) => [...asked.values()]);
    this.#asked.clear();
    for (const stop of stops) stop.abort();
    return stops.length;
  }

  /**
   * Each node by the test of each group that leads to it, by the usual one where there is none. Those that have none yet come first,
   * and of many groups with many nodes not all: that many members are not even looked at.
   */
  *#everything(): Iterable<[TestedNode, NodeTest]> {
    const policies = this.#options.policies();
    /** Nodes, and by what they are tested first. */
    const grouped = new Map<string, string>();
    const further: [TestedNode, NodeTest][] = [];
    const names = policies.names();
    let looks = 0;
    for (const name of names) {
      const test = policies.group(name)?.config.test;
      if (test === undefined || looks >= maxLooks) continue;
      const key = testKey(test);
      for (const node of policies.nodesOf(name)) {
        if (++looks > maxLooks) break;
        const first = grouped.get(node.name);
        if (first === undefined) {
          grouped.set(node.name, key);
          yield [node, test];
        } else if (first !== key) {
          further.push([node, test]);
        }
      }
    }
    for (const name of names) {
      if (policies.group(name) !== undefined || grouped.has(name)) continue;
      for (const node of policies.nodesOf(name)) yield [node, usualTest];
    }
    yield* further;
  }

  /** Returns whether it is under way. */
  #begin(node: TestedNode, test: NodeTest, uid: number): boolean {
    const key = `${node.identity}\n${testKey(test)}`;
    const asked = this.#asked.get(uid) ?? new Map<string, AbortController>();
    if (asked.has(key)) return true;
    if (asked.size >= maxAsked) return false;
    this.#asked.set(uid, asked);
    const stop = new AbortController();
    asked.set(key, stop);
    void this.#run(node, test, uid, key, stop);
    return true;
  }

  async #run(node: TestedNode, test: NodeTest, uid: number, key: string, stop: AbortController): Promise<void> {
    await this.#options.lasting.tests.run(node, test, 'in-turn', stop.signal, uid);
    if (stop.signal.aborted) return;
    const asked = this.#asked.get(uid);
    if (asked?.delete(key) === true && asked.size === 0) this.#asked.delete(uid);
  }
}

function unknown(name: string, what: string): AppError {
  return new AppError('POLICY_UNKNOWN', `"${name}" is not ${what}`, { expected: 'a name that `mirage proxies` lists' });
}
