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

export class PolicyDesk implements TopicSource<'proxies'> {
  readonly #options: PolicyDeskOptions;
  /** Tests that people have asked for, by node and kind of test. */
  readonly #asked = new Set<string>();
  #stop = new AbortController();

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

  /** Begins tests. Throws POLICY_UNKNOWN. */
  test({ policy, group }: Params<'testProxies'>): Result<'testProxies'> {
    const policies = this.#options.policies();
    const startedAt = this.#options.clock.now();
    for (const name of [policy, group])
      if (name !== undefined && policies.route(name) === undefined) throw unknown(name, 'a node or policy group');
    if (policy === undefined && group === undefined) {
      const nodes = new Set<string>();
      for (const [node, test] of this.#everything()) {
        this.#begin(node, test);
        nodes.add(node.name);
      }
      return { nodes: [...nodes], startedAt };
    }
    const { url, expectedStatus, timeout } = policies.group(group ?? policy ?? '')?.config.test ?? usualTest;
    const test = { url, expectedStatus, timeout };
    const nodes = policies.nodesOf(policy ?? group ?? '');
    for (const node of nodes) this.#begin(node, test);
    return { nodes: nodes.map(({ name }) => name), test, startedAt };
  }

  /** Ends the tests that `test` has begun; returns how many. */
  stopTests(): number {
    const count = this.#asked.size;
    this.#stop.abort();
    this.#stop = new AbortController();
    this.#asked.clear();
    return count;
  }

  /** Each node by the test of each group that leads to it, by the usual one where there is none. */
  *#everything(): Iterable<[TestedNode, NodeTest]> {
    const policies = this.#options.policies();
    const grouped = new Set<string>();
    const names = policies.names();
    for (const name of names) {
      const test = policies.group(name)?.config.test;
      if (test === undefined) continue;
      for (const node of policies.nodesOf(name)) {
        grouped.add(node.name);
        yield [node, test];
      }
    }
    for (const name of names) {
      if (policies.group(name) !== undefined || grouped.has(name)) continue;
      for (const node of policies.nodesOf(name)) yield [node, usualTest];
    }
  }

  #begin(node: TestedNode, test: NodeTest): void {
    const key = `${node.identity}\n${testKey(test)}`;
    if (this.#asked.has(key)) return;
    this.#asked.add(key);
    void this.#run(node, test, key);
  }

  async #run(node: TestedNode, test: NodeTest, key: string): Promise<void> {
    const { signal } = this.#stop;
    await this.#options.lasting.tests.run(node, test, 'in-turn', signal);
    if (!signal.aborted) this.#asked.delete(key);
  }
}

function unknown(name: string, what: string): AppError {
  return new AppError('POLICY_UNKNOWN', `"${name}" is not ${what}`, { expected: 'a name that `mirage proxies` lists' });
}
