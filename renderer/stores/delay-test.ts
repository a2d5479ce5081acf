/** The delay test that the person asked for: which nodes it is of, and how to end it. One at a time; its results come as rows. */
import { createStore, type StoreApi } from 'zustand/vanilla';
import type { AppParams, MirageBridge } from '../../core/contract/app.ts';
import type { ErrorData } from '../../core/contract/error.ts';
import type { ProxyRow } from '../../core/contract/proxies.ts';
import { errorDataOf } from '../bridge/error-data.ts';

export interface TestRun {
  /** Undefined until the helper has begun. */
  readonly nodes: readonly string[] | undefined;
  /** Results from this moment on are of this test; by the helper's clock, Unix milliseconds. */
  readonly startedAt: number;
}

export class DelayTest {
  /** Undefined while none runs. */
  readonly store: StoreApi<TestRun | undefined> = createStore<TestRun | undefined>(() => undefined);
  readonly #bridge: Pick<MirageBridge, 'call'>;

  constructor(bridge: Pick<MirageBridge, 'call'>) {
    this.#bridge = bridge;
  }

  /** Begins; returns why it could not. Does nothing while another one runs. */
  async run(what: AppParams<'testProxies'>): Promise<ErrorData | undefined> {
    if (this.store.getState() !== undefined) return undefined;
    const asked: TestRun = { nodes: undefined, startedAt: 0 };
    this.store.setState(asked, true);
    try {
      const { nodes, startedAt } = await this.#bridge.call('testProxies', what);
      if (this.store.getState() === asked) this.store.setState({ nodes, startedAt }, true);
      return undefined;
    } catch (caught) {
      if (this.store.getState() === asked) this.finish();
      return errorDataOf(caught);
    }
  }

  /** It is over: all are tested, or whoever showed it has lost the helper. */
  finish(): void {
    this.store.setState(undefined, true);
  }

  /** What is not tested yet stays so. */
  async stop(): Promise<void> {
    this.finish();
    await this.#bridge.call('stopTests', {}).catch(() => undefined);
  }
}

/** How many of them have a result of this test. */
export function testedOf({ nodes, startedAt }: TestRun, rowOf: (name: string) => ProxyRow | undefined): number {
  let tested = 0;
  for (const name of nodes ?? []) {
    const row = rowOf(name);
    const isNew = row?.delays.some(({ history }) => (history.at(-1)?.at ?? 0) >= startedAt);
    if (row === undefined || (!row.testing && isNew === true)) tested += 1;
  }
  return tested;
}
