/**
 * When the members of the groups of one configuration are tested: at its start, every so often, when a group that was idle is
 * used, and as soon as a dial through a member fails.
 */
import type { Clock } from '../../base/clock.ts';
import type { GroupTest } from '../../contract/config.ts';
import type { ErrorCode } from '../../contract/error.ts';
import type { NodeTests, TestedNode } from './node-tests.ts';

export interface GroupChecksOptions {
  readonly tests: NodeTests;
  readonly clock: Clock;
  /** The nodes that the members of a group lead to now, each once. */
  readonly nodesOf: (group: string) => readonly TestedNode[];
  /** When the members of a group with this test were tested last, monotonic; kept over reloads. */
  readonly swept: Map<string, number>;
}

/** Dials that did not even get to the node: nothing better can be hoped of the next one. */
const unreached: ReadonlySet<ErrorCode> = new Set([
  'DIAL_PROXY_REFUSED',
  'DIAL_PROXY_UNREACHABLE',
  'DIAL_PROXY_AUTH',
  'DIAL_TLS_EXPIRED',
  'DIAL_TLS_NOT_YET_VALID',
  'DIAL_TLS_NAME',
  'DIAL_TLS_UNKNOWN_ISSUER',
  'DIAL_TLS_FINGERPRINT',
  'DIAL_TLS_CERTIFICATE',
  'DIAL_TLS_CLIENT_CERTIFICATE',
  'DIAL_TLS_FAILED',
]);
/** Dials that may have failed for the node's sake or for the target's: a test tells. */
const doubtful: ReadonlySet<ErrorCode> = new Set([...unreached, 'DIAL_PROXY_FAILED', 'DIAL_TIMEOUT', 'DIAL_IO']);
/** A node is not tested again for a failed dial before this time. Milliseconds. */
const restMs = 3_000;

export class GroupChecks {
  readonly #options: GroupChecksOptions;
  readonly #groups: ReadonlyMap<string, GroupTest>;
  readonly #touched = new Map<string, number>();
  /** Groups whose members were looked at under this configuration. */
  readonly #begun = new Set<string>();
  readonly #doubted = new Map<string, number>();
  readonly #timers: (() => void)[] = [];
  #isStopped = false;

  /** `groups`: those that choose by tests, or are to be tested every so often. */
  constructor(groups: ReadonlyMap<string, GroupTest>, options: GroupChecksOptions) {
    this.#groups = groups;
    this.#options = options;
  }

  /** Begins; what an earlier configuration has tested lately need not be tested again. */
  start(): void {
    const { swept } = this.#options;
    const kept = new Set([...this.#groups].map(([name, test]) => sweepKey(name, test)));
    for (const key of swept.keys()) if (!kept.has(key)) swept.delete(key);
    for (const [name, test] of this.#groups) {
      if (test.interval === 0) continue;
      if (!test.lazy) this.#begin(name, test);
      const tick = (): void => {
        if (!test.lazy || this.#isTouched(name, test)) this.#sweep(name, test);
      };
      this.#timers.push(this.#options.clock.every(test.interval * 1000, tick));
    }
  }

  /** Flows of before may still be led by these groups, but nothing more is tested for them. */
  stop(): void {
    this.#isStopped = true;
    for (const cancel of this.#timers.splice(0)) cancel();
  }

  /** A flow is led by this group. */
  touch(name: string): void {
    const test = this.#groups.get(name);
    if (test === undefined || this.#isStopped) return;
    this.#touched.set(name, this.#options.clock.monotonic());
    if (test.interval === 0) return;
    if (!this.#begun.has(name)) this.#begin(name, test);
    else if (this.#isDue(name, test)) this.#sweep(name, test);
  }

  /** A dial through a node has failed that these groups led to, the innermost first. */
  dialFailed(node: TestedNode, groups: readonly string[], code: ErrorCode): void {
    if (this.#isStopped || !doubtful.has(code)) return;
    const { tests, clock } = this.#options;
    const now = clock.monotonic();
    if (now < (this.#doubted.get(node.identity) ?? Number.NEGATIVE_INFINITY) + restMs) return;
    this.#doubted.set(node.identity, now);
    for (const name of groups) {
      const test = this.#groups.get(name);
      if (test !== undefined) void this.#verify(node, name, test);
    }
    if (!unreached.has(code)) return;
    // Suspicion holds in every group until a test ends it: where none tests the node, it would for ever.
    const testing = [...this.#groups].filter(([name]) => groups.includes(name) || this.#has(name, node));
    if (testing.length > 0) tests.suspect(node);
    for (const [name, test] of testing) if (!groups.includes(name)) void tests.run(node, test, 'at-once');
  }

  #has(group: string, { identity }: TestedNode): boolean {
    return this.#options.nodesOf(group).some((node) => node.identity === identity);
  }

  /** The network is another one: what is known of the nodes is not worth much. */
  networkChanged(): void {
    const { tests, swept } = this.#options;
    tests.forgetSuspects();
    swept.clear();
    this.#doubted.clear();
    for (const [name, test] of this.#groups)
      if (test.interval > 0 && (!test.lazy || this.#isTouched(name, test))) this.#sweep(name, test);
  }

  /** Everything, or what no earlier configuration has tested. */
  #begin(name: string, test: GroupTest): void {
    this.#begun.add(name);
    if (this.#isDue(name, test)) return this.#sweep(name, test);
    const { nodesOf, tests } = this.#options;
    const view = tests.by(test);
    for (const node of nodesOf(name)) if (view.testedAt(node.identity) === undefined) void tests.run(node, test);
  }

  async #verify(node: TestedNode, group: string, test: GroupTest): Promise<void> {
    const delay = await this.#options.tests.run(node, test, 'at-once');
    // What is known of the others may be as old.
    if (delay?.ms === null) this.#sweep(group, test);
  }

  #sweep(name: string, test: GroupTest): void {
    if (this.#isStopped) return;
    const { clock, nodesOf, swept, tests } = this.#options;
    swept.set(sweepKey(name, test), clock.monotonic());
    const now = clock.now();
    const view = tests.by(test);
    for (const node of nodesOf(name)) {
      const at = view.testedAt(node.identity);
      // Another group has just asked the same.
      if (at === undefined || now - at > recentMs(test) || at > now) void tests.run(node, test);
    }
  }

  #isDue(name: string, test: GroupTest): boolean {
    const at = this.#options.swept.get(sweepKey(name, test));
    return at === undefined || this.#options.clock.monotonic() - at >= test.interval * 1000;
  }

  #isTouched(name: string, test: GroupTest): boolean {
    const at = this.#touched.get(name);
    return at !== undefined && this.#options.clock.monotonic() - at <= test.interval * 1000;
  }
}

/** For which a result is as good as a new one. Milliseconds. */
function recentMs({ interval }: GroupTest): number {
  return Math.min(2_000, interval * 250);
}

function sweepKey(name: string, { url, expectedStatus, timeout }: GroupTest): string {
  return `${name}\n${url}\n${expectedStatus}\n${timeout}`;
}
