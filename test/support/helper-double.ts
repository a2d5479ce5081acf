/** A helper in memory behind the client's interface: answers from a table, records what it was asked, fails on request. */

import type { HelperClient } from '../../core/app/helper-client.ts';
import { AppError } from '../../core/base/app-error.ts';
import { Emitter } from '../../core/base/emitter.ts';
import type { HelperLink } from '../../core/contract/app.ts';
import type { ErrorData } from '../../core/contract/error.ts';
import type {
  EventData,
  EventName,
  MethodName,
  Params,
  Result,
  SubscribeOptions,
  TopicBatch,
  TopicName,
} from '../../core/contract/rpc.ts';
import type { Snapshot } from '../../core/contract/status.ts';
import { sampleResult } from './sample-result.ts';

export type Answers = { [M in MethodName]?: (params: Params<M>) => Result<M> | Promise<Result<M>> };

export const stoppedSnapshot: Snapshot = {
  version: '0.1.0',
  tunnel: { kind: 'stopped' },
  owner: null,
  mine: true,
  systemDns: true,
  autoRoute: true,
  dnsMode: { mode: 'fake-ip', chosen: false },
  mode: { mode: 'rule', chosen: false },
  mixed: { address: '127.0.0.1', port: 7890 },
  config: { hash: 'c0ffee', proxies: 1, groups: 0, rules: 2, strictRoute: false },
  fakeIp: { range: '198.18.0.0/15', range6: null, used: 3, capacity: 131_067, unknown: 0, recovered: 0 },
  warnings: [],
  changes: [],
};

export const runningSnapshot: Snapshot = {
  ...stoppedSnapshot,
  tunnel: { kind: 'running', since: 1_700_000_000_000, device: 'mirage0' },
  owner: { uid: 1000, mode: 'session' },
};

/** One subscription as the double sees it. */
export interface DoubleSubscription {
  topic: TopicName;
  options: SubscribeOptions;
  /** Sends a batch; its type is the caller's business. */
  push(batch: TopicBatch): void;
  refuse(error: ErrorData): void;
}

export class HelperDouble implements HelperClient {
  link: HelperLink = { kind: 'connecting' };
  readonly calls: [MethodName, unknown][] = [];
  readonly subscriptions: DoubleSubscription[] = [];
  answers: Answers;
  snapshot: Snapshot = stoppedSnapshot;
  closed = false;
  readonly #links = new Emitter<HelperLink>();
  readonly #events: { [E in EventName]: Emitter<EventData<E>> } = { snapshot: new Emitter(), traffic: new Emitter() };

  constructor(answers: Answers = {}) {
    this.answers = answers;
  }

  connect(): void {}

  async close(): Promise<void> {
    this.closed = true;
  }

  /** The connection comes up. */
  up(): void {
    this.#setLink({ kind: 'connected' });
  }

  /** The connection is lost. */
  down(error: ErrorData = { code: 'HELPER_NOT_RUNNING', message: 'the helper is not running' }): void {
    this.#setLink({ kind: 'failed', error });
  }

  retry(): void {
    this.#setLink({ kind: 'connecting' });
  }

  push<E extends EventName>(event: E, data: EventData<E>): void {
    this.#events[event].emit(data);
  }

  watchers(event: EventName): number {
    return this.#events[event].size;
  }

  onLink(handler: (link: HelperLink) => void): () => void {
    return this.#links.on(handler);
  }

  async call<M extends MethodName>(method: M, params: Params<M>): Promise<Result<M>> {
    if (this.link.kind !== 'connected') throw new AppError('HELPER_NOT_RUNNING', 'the helper is not running');
    this.calls.push([method, params]);
    const answer: Answers[M] = this.answers[method] ?? this.#standard[method];
    return answer === undefined ? sampleResult(method) : await answer(params);
  }

  on<E extends EventName>(event: E, handler: (data: EventData<E>) => void): () => void {
    return this.#events[event].on(handler);
  }

  subscribe<T extends TopicName>(
    topic: T,
    options: SubscribeOptions,
    handler: (batch: TopicBatch<T>) => void,
    onRefused: (error: ErrorData) => void,
  ): () => void {
    const subscription: DoubleSubscription = {
      topic,
      options,
      push: (batch) => handler(batch),
      refuse: onRefused,
    };
    this.subscriptions.push(subscription);
    return () => {
      const at = this.subscriptions.indexOf(subscription);
      if (at >= 0) this.subscriptions.splice(at, 1);
    };
  }

  readonly #standard: Answers = {
    getSnapshot: () => this.snapshot,
    setEnhanced: ({ on, mode = 'session' }) => {
      this.snapshot = on
        ? { ...runningSnapshot, owner: { uid: 1000, mode } }
        : { ...this.snapshot, tunnel: { kind: 'stopped' }, owner: null };
      return this.snapshot;
    },
    setSwitches: ({ systemDns, autoRoute, dnsMode, mode }) => ({
      ...this.snapshot,
      systemDns: systemDns ?? this.snapshot.systemDns,
      autoRoute: autoRoute ?? this.snapshot.autoRoute,
      dnsMode:
        dnsMode === undefined
          ? this.snapshot.dnsMode
          : { mode: dnsMode ?? stoppedSnapshot.dnsMode.mode, chosen: dnsMode !== null },
      mode:
        mode === undefined ? this.snapshot.mode : { mode: mode ?? stoppedSnapshot.mode.mode, chosen: mode !== null },
    }),
    renewLease: () => ({ ttlMs: 20_000, resumed: false }),
    applyConfig: () => ({ hash: 'c0ffee' }),
    closeFlows: ({ ids = [] }) => ({ closed: ids.length }),
    testRule: ({ host, port, network }) => ({
      host,
      port,
      network,
      steps: [],
      rule: { index: -1, type: 'NONE', payload: '', policy: 'DIRECT' },
      chain: ['DIRECT'],
      way: 'direct',
    }),
    dnsQuery: () => ({ rcode: 'NOERROR', verdict: 'fake', answers: [], ms: 0.1 }),
    changeMappings: ({ addresses }) => ({ changed: addresses.length }),
  };

  #setLink(link: HelperLink): void {
    this.link = link;
    this.#links.emit(link);
  }
}
