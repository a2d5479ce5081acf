/**
 * The Enhanced Mode switch: shows at once what was asked for, and falls back with the reason when the helper refuses or
 * shows no sign of it within three seconds. The truth is always the snapshot's.
 */
import { createStore, type StoreApi } from 'zustand/vanilla';
import type { MirageBridge } from '../../core/contract/app.ts';
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

/** Without any sign of the helper for this long, the switch falls back. */
export const signOfLifeMs = 3000;

export class EnhancedToggle {
  readonly store: StoreApi<ToggleState> = createStore<ToggleState>(() => ({ wanted: undefined, failure: undefined }));
  readonly #options: EnhancedToggleOptions;
  /** A later request makes the answers of earlier ones void. */
  #request = 0;
  #cancelWait: (() => void) | undefined;
  /** What the last request was, and whether the helper was seen working on it. */
  #asked: boolean | undefined;
  #working = false;

  constructor(options: EnhancedToggleOptions) {
    this.#options = options;
    options.live.subscribe(({ snapshot }) => {
      if (snapshot !== undefined) this.#see(snapshot.tunnel);
    });
  }

  /** Asks for Enhanced Mode on or off. Never rejects: trouble ends in `failure`. */
  async set(on: boolean): Promise<void> {
    const request = ++this.#request;
    this.#cancelWait?.();
    this.#asked = on;
    this.#working = false;
    this.store.setState({ wanted: on, failure: undefined });
    this.#cancelWait = this.#options.after(signOfLifeMs, () => this.#giveUpWaiting(on));
    try {
      const snapshot = await this.#options.bridge.call('setEnhanced', { on });
      if (request !== this.#request) return;
      this.#settle(undefined);
      this.#options.live.setState({ snapshot });
    } catch (caught) {
      if (request === this.#request) this.#settle(errorDataOf(caught));
    }
  }

  dismissFailure(): void {
    this.store.setState({ failure: undefined });
  }

  #see(tunnel: TunnelState): void {
    if (this.#asked === undefined) return;
    if (tunnel.kind === (this.#asked ? 'starting' : 'stopping')) {
      this.#working = true;
      this.#cancelWait?.();
    }
    const done = tunnel.kind === (this.#asked ? 'running' : 'stopped');
    // An error from before the request says nothing about it; one after the work began is shown by the snapshot.
    if (done || (this.#working && tunnel.kind === 'error')) this.#settle(undefined);
  }

  #giveUpWaiting(on: boolean): void {
    const asked = this.#asked;
    this.#settle({
      code: 'RPC_TIMEOUT',
      message: `the helper showed no sign of turning Enhanced Mode ${on ? 'on' : 'off'} within ${signOfLifeMs / 1000} s`,
    });
    // Should the helper do it after all, the snapshot takes the message away again.
    this.#asked = asked;
  }

  #settle(failure: ErrorData | undefined): void {
    this.#cancelWait?.();
    this.#cancelWait = undefined;
    this.#asked = undefined;
    this.store.setState({ wanted: undefined, failure });
  }
}

/** Whether the switch stands at "on" for this state of the tunnel. */
export function isOn(tunnel: TunnelState): boolean {
  return tunnel.kind === 'running' || tunnel.kind === 'starting';
}
