/** The Enhanced Mode switch of the window: what was asked for, and why it was not fulfilled. */
import { createStore, type StoreApi } from 'zustand/vanilla';
import type { MirageBridge } from '../../core/contract/app.ts';
import { EnhancedWishes, signOfLifeMs } from '../../core/contract/enhanced-wish.ts';
import type { ErrorData } from '../../core/contract/error.ts';
import type { TunnelState } from '../../core/contract/status.ts';
import { errorDataOf } from '../bridge/error-data.ts';
import type { LiveStore } from './live-store.ts';

export interface ToggleState {
  /** What the person asked for, until the helper has done it, refused it, or said nothing for too long. */
  readonly wanted: boolean | undefined;
  /** Why the last request was not fulfilled; cleared by the next one. */
  readonly failure: ErrorData | undefined;
}

export interface EnhancedToggleOptions {
  readonly bridge: Pick<MirageBridge, 'call'>;
  readonly live: Pick<LiveStore, 'getState' | 'subscribe' | 'setState'>;
  /** Calls back after a time; the returned function cancels. */
  readonly after: (ms: number, callback: () => void) => () => void;
}

export class EnhancedToggle {
  readonly store: StoreApi<ToggleState> = createStore<ToggleState>(() => ({ wanted: undefined, failure: undefined }));
  readonly #options: EnhancedToggleOptions;
  readonly #wishes: EnhancedWishes<ErrorData>;

  constructor(options: EnhancedToggleOptions) {
    this.#options = options;
    this.#wishes = new EnhancedWishes({
      after: options.after,
      show: (wish, failure) => this.store.setState({ wanted: wish === undefined ? undefined : wish === 'on', failure }),
      failureOf: errorDataOf,
      silence: (wish) => ({
        code: 'RPC_TIMEOUT',
        message: `the helper showed no sign of turning Enhanced Mode ${wish} within ${signOfLifeMs / 1000} s`,
      }),
    });
    options.live.subscribe(({ snapshot }) => {
      if (snapshot !== undefined) this.#wishes.see(snapshot.tunnel);
    });
  }

  /** Asks for Enhanced Mode on or off. Never rejects: trouble ends in `failure`. */
  async set(on: boolean): Promise<void> {
    const { bridge, live } = this.#options;
    const snapshot = await this.#wishes.ask(on ? 'on' : 'off', () => bridge.call('setEnhanced', { on }));
    if (snapshot !== undefined) live.setState({ snapshot });
  }

  dismissFailure(): void {
    this.store.setState({ failure: undefined });
  }
}

/** Whether the switch stands at "on" for this state of the tunnel. */
export function isOn(tunnel: TunnelState): boolean {
  return tunnel.kind === 'running' || tunnel.kind === 'starting';
}
