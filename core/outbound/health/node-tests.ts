/**
 * Tests of nodes: each node is asked at each address once at a time, however many groups want to know. What came of it is
 * remembered for each kind of test. When to test is not known here.
 */
import { AppError } from '../../base/app-error.ts';
import type { Clock } from '../../base/clock.ts';
import { within } from '../../base/deadline.ts';
import { Emitter } from '../../base/emitter.ts';
import { RoundRobin } from '../../base/round-robin.ts';
import type { GroupTest } from '../../contract/config.ts';
import { type Delay, maxDelayHistory, type NodeDelays } from '../../contract/proxies.ts';
import type { StreamDialer } from '../dialer.ts';
import { type ProbeAnswer, probe } from './probe.ts';
import { matchesStatus } from './status-ranges.ts';

/** A kind of test: nodes are alive, and fast, by one of these. */
export type NodeTest = Pick<GroupTest, 'url' | 'expectedStatus' | 'timeout'>;

export interface TestedNode {
  readonly name: string;
  /** Another one under the same name is another node: nothing is known of it yet. */
  readonly identity: string;
  readonly dialer: StreamDialer;
}

/** What is known of nodes by one kind of test. */
export interface TestView {
  /** Whether automatic groups take the node: true while nothing speaks against it. */
  isAlive(identity: string): boolean;
  /** Milliseconds of the last test; undefined before it, and after one that failed. */
  delayOf(identity: string): number | undefined;
  /** When the last test ended, Unix time in milliseconds; undefined before it. */
  testedAt(identity: string): number | undefined;
}

/** How soon: `at-once` before all that wait, and where all places are taken, in one of a few more. */
export type Urgency = 'in-turn' | 'at-once';

/** For whom: what groups want by themselves is one client, and each user who asks is one. They take turns. */
export type TestClient = 'groups' | number;

/** Tests at a time. */
const places = 10;
const urgentPlaces = 4;

interface Asker {
  readonly test: NodeTest;
  readonly settle: (delay: Delay) => void;
}

interface Request {
  readonly abort: AbortController;
  readonly answer: Promise<ProbeAnswer>;
  /** Monotonic. */
  readonly begun: number;
}

interface Job {
  readonly node: TestedNode;
  readonly url: string;
  readonly askers: Set<Asker>;
  /** In whose queues it waits. */
  readonly clients: Set<TestClient>;
  /** Kinds of test by which its answer is being judged. */
  readonly judged: Set<string>;
  /** Undefined while it waits. */
  request: Request | undefined;
}

interface Record {
  readonly test: NodeTest;
  history: readonly Delay[];
}

export class NodeTests {
  readonly #clock: Clock;
  /** By node and address, in the order in which they begin. */
  readonly #jobs = new Map<string, Job>();
  /** Jobs of each node. */
  readonly #testing = new Map<string, number>();
  /** By kind of test, then by node. */
  readonly #records = new Map<string, Map<string, Record>>();
  /** Nodes that a dial could not reach since their last test, and their names. */
  readonly #suspects = new Map<string, string>();
  /** The nodes of the configuration in force; undefined before the first. */
  #retained: ReadonlySet<string> | undefined;
  /** Before all that wait in turn. */
  readonly #urgent = new Set<Job>();
  readonly #waiting = new RoundRobin<TestClient, Job>();
  #running = 0;
  #revision = 0;
  /** Something is known anew of a node of this name, or it is tested now, or no longer. */
  readonly changed = new Emitter<string>();
  /** A node of this name may be alive, or faster, otherwise than before; `revision` has grown by one. */
  readonly judged = new Emitter<string>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Grows when a node may be alive, or faster, otherwise than before. */
  get revision(): number {
    return this.#revision;
  }

  /** What came of it; never rejects. Aborting `signal` gives up the wait, and the request where nobody else waits: nothing is noted. */
  run(
    node: TestedNode,
    test: NodeTest,
    urgency: Urgency = 'in-turn',
    signal?: AbortSignal,
    client: TestClient = 'groups',
  ): Promise<Delay | undefined> {
    const key = `${node.identity}\n${test.url}`;
    return new Promise((resolve) => {
      if (signal?.aborted === true) return resolve(undefined);
      const job = this.#jobs.get(key) ?? this.#add(key, node, test.url);
      const asker: Asker = { test, settle: (delay) => leave(delay) };
      const leave = (delay: Delay | undefined): void => {
        if (!job.askers.delete(asker)) return;
        signal?.removeEventListener('abort', giveUp);
        resolve(delay);
        if (job.askers.size === 0) this.#end(key, job);
      };
      const giveUp = (): void => leave(undefined);
      signal?.addEventListener('abort', giveUp, { once: true });
      job.askers.add(asker);
      if (job.request !== undefined) void this.#judge(job, test, job.request);
      else this.#line(job, urgency, client);
    });
  }

  isTesting(identity: string): boolean {
    return this.#testing.has(identity);
  }

  /** What is known by a kind of test, and will be. */
  by(test: NodeTest): TestView {
    const key = testKey(test);
    const lastOf = (identity: string): Delay | undefined => this.#records.get(key)?.get(identity)?.history.at(-1);
    return {
      isAlive: (identity) => !this.#suspects.has(identity) && lastOf(identity)?.ms !== null,
      delayOf: (identity) => lastOf(identity)?.ms ?? undefined,
      testedAt: (identity) => lastOf(identity)?.at,
    };
  }

  delays(identity: string): NodeDelays[] {
    const isSuspect = this.#suspects.has(identity);
    return [...this.#records.values()].flatMap((records) => {
      const record = records.get(identity);
      if (record === undefined) return [];
      const alive = !isSuspect && record.history.at(-1)?.ms !== null;
      return [{ ...record.test, alive, history: [...record.history] }];
    });
  }

  /** A dial could not get to the node itself: it is taken for dead until a test says otherwise. */
  suspect({ identity, name }: TestedNode): void {
    if (this.#suspects.has(identity)) return;
    this.#suspects.set(identity, name);
    this.#tell(name);
  }

  /** The network is another one: what could not be reached may be now. */
  forgetSuspects(): void {
    const names = [...this.#suspects.values()];
    this.#suspects.clear();
    for (const name of names) this.#tell(name);
  }

  /** Forgets all other nodes, and what their tests that still run will say. */
  retain(identities: ReadonlySet<string>): void {
    this.#retained = identities;
    for (const [key, records] of this.#records) {
      for (const identity of records.keys()) if (!identities.has(identity)) records.delete(identity);
      if (records.size === 0) this.#records.delete(key);
    }
    for (const identity of this.#suspects.keys()) if (!identities.has(identity)) this.#suspects.delete(identity);
  }

  #add(key: string, node: TestedNode, url: string): Job {
    const job: Job = { node, url, askers: new Set(), clients: new Set(), judged: new Set(), request: undefined };
    this.#jobs.set(key, job);
    this.#testing.set(node.identity, (this.#testing.get(node.identity) ?? 0) + 1);
    this.changed.emit(node.name);
    return job;
  }

  /** Begins it, or lets it wait for this client; whoever wanted it before does not wait longer for that. */
  #line(job: Job, urgency: Urgency, client: TestClient): void {
    if (urgency === 'at-once' && this.#running < places + urgentPlaces) return void this.#begin(job);
    if (urgency === 'at-once') this.#urgent.add(job);
    else if (!job.clients.has(client)) {
      job.clients.add(client);
      this.#waiting.add(client, job);
    }
    this.#fill();
  }

  #unline(job: Job): void {
    this.#urgent.delete(job);
    for (const client of job.clients) this.#waiting.delete(client, job);
    job.clients.clear();
  }

  #fill(): void {
    while (this.#running < places) {
      const [urgent] = this.#urgent;
      const job = urgent ?? this.#waiting.take();
      if (job === undefined) return;
      void this.#begin(job);
    }
  }

  async #begin(job: Job): Promise<void> {
    this.#unline(job);
    this.#running += 1;
    const abort = new AbortController();
    const answer = probe(job.node.dialer, job.url, { signal: abort.signal, clock: this.#clock });
    job.request = { abort, answer, begun: this.#clock.monotonic() };
    for (const { test } of job.askers) void this.#judge(job, test, job.request);
    await answer.catch(() => undefined);
    this.#running -= 1;
    this.#fill();
  }

  /** What the request means by a kind of test, once; its time counts from when the request began, whoever joins later. */
  async #judge(job: Job, test: NodeTest, { abort, answer, begun }: Request): Promise<void> {
    const key = testKey(test);
    if (job.judged.has(key)) return;
    job.judged.add(key);
    const left = Math.max(0, begun + test.timeout - this.#clock.monotonic());
    const late = (): never => {
      throw new AppError('DIAL_TIMEOUT', `no answer within ${test.timeout} ms`);
    };
    let delay: Delay;
    try {
      const { ms, status } = await within(this.#clock, left, answer, late);
      const at = this.#clock.now();
      delay = { at, ms: matchesStatus(test.expectedStatus, status) ? ms : null, status };
    } catch (error) {
      delay = { at: this.#clock.now(), ms: null, code: AppError.from(error, 'DIAL_IO').code };
    }
    // Whoever gave up has left already; then nobody wants to know.
    if (abort.signal.aborted) return;
    job.judged.delete(key);
    this.#note(job.node, test, delay);
    for (const asker of job.askers) if (testKey(asker.test) === key) asker.settle(delay);
  }

  #end(key: string, job: Job): void {
    this.#jobs.delete(key);
    const { identity } = job.node;
    const left = (this.#testing.get(identity) ?? 1) - 1;
    if (left > 0) this.#testing.set(identity, left);
    else this.#testing.delete(identity);
    this.#unline(job);
    job.request?.abort.abort(new AppError('DIAL_TIMEOUT', 'nobody waits for the test any more'));
    this.changed.emit(job.node.name);
  }

  #note({ identity, name }: TestedNode, test: NodeTest, delay: Delay): void {
    if (this.#retained?.has(identity) === false) return;
    const key = testKey(test);
    const records = this.#records.get(key) ?? new Map<string, Record>();
    this.#records.set(key, records);
    const before = records.get(identity)?.history ?? [];
    const { url, expectedStatus, timeout } = test;
    records.set(identity, {
      test: { url, expectedStatus, timeout },
      history: [...before, delay].slice(-maxDelayHistory),
    });
    if (delay.ms !== null) this.#suspects.delete(identity);
    this.#tell(name);
  }

  #tell(name: string): void {
    this.#revision += 1;
    this.judged.emit(name);
    this.changed.emit(name);
  }
}

export function testKey({ url, expectedStatus, timeout }: NodeTest): string {
  return `${url}\n${expectedStatus}\n${timeout}`;
}
