/** The tray's behaviour without the tray: what is known, what was asked for, and what came of it. */
import { AppError } from '../core/base/app-error.ts';
import type { Clock } from '../core/base/clock.ts';
import type { MirageBridge } from '../core/contract/app.ts';
import type { TrayText } from './tray-text.ts';
import { type TrayState, type TrayView, trayViewOf } from './tray-view.ts';

/** Milliseconds after which a wish without an answer is shown as what it is. */
const patience = 3_000;

export class TrayModel {
  readonly #bridge: MirageBridge;
  readonly #clock: Clock;
  readonly #text: TrayText;
  readonly #onView: (view: TrayView) => void;
  readonly #releases: (() => void)[];
  #state: TrayState = { link: { kind: 'connecting' }, snapshot: undefined, wish: undefined, failure: undefined };
  /** Counts wishes: an answer to an earlier one is too late to be shown. */
  #wishes = 0;
  #shown = '';

  /** Calls `onView` at once and with every change that can be seen. */
  constructor(bridge: MirageBridge, clock: Clock, text: TrayText, onView: (view: TrayView) => void) {
    this.#bridge = bridge;
    this.#clock = clock;
    this.#text = text;
    this.#onView = onView;
    this.#releases = [
      bridge.on('link', (link) => {
        const snapshot = link.kind === 'connected' ? this.#state.snapshot : undefined;
        this.#update({ link, snapshot });
      }),
      bridge.on('snapshot', (snapshot) => {
        const { kind } = snapshot.tunnel;
        const news = kind !== this.#state.snapshot?.tunnel.kind && (kind === 'running' || kind === 'stopped');
        this.#update({ snapshot, ...(news ? { failure: undefined } : {}) });
      }),
    ];
  }

  close(): void {
    for (const release of this.#releases.splice(0)) release();
  }

  /** Shows the wish at once; falls back, with the reason, when it fails or is not answered in three seconds. */
  toggleEnhanced(on: boolean): void {
    this.#wish(on ? 'on' : 'off', () => this.#bridge.call('setEnhanced', { on }));
  }

  restore(): void {
    this.#wish('restore', () => this.#bridge.call('restore', {}));
  }

  #wish(wish: NonNullable<TrayState['wish']>, fulfil: () => Promise<unknown>): void {
    const number = ++this.#wishes;
    const settle = (failure: string | undefined) => {
      cancel();
      if (number === this.#wishes) this.#update({ wish: undefined, failure });
    };
    const cancel = this.#clock.after(patience, () => {
      // While the helper tells its steps it is at work: then its word counts, not the clock.
      const kind = this.#state.snapshot?.tunnel.kind;
      settle(kind === 'starting' || kind === 'stopping' ? undefined : this.#text.slow);
    });
    this.#update({ wish, failure: undefined });
    fulfil().then(
      () => settle(undefined),
      (caught: unknown) => settle(AppError.from(caught).message),
    );
  }

  #update(changes: Partial<TrayState>): void {
    this.#state = { ...this.#state, ...changes };
    const view = trayViewOf(this.#state, this.#text);
    const shown = JSON.stringify(view);
    if (shown === this.#shown) return;
    this.#shown = shown;
    this.#onView(view);
  }
}
