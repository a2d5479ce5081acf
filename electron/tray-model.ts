/** The tray's behaviour without the tray: what is known, what was asked for, and what came of it. */
import { AppError } from '../core/base/app-error.ts';
import type { Clock } from '../core/base/clock.ts';
import type { MirageBridge, TopicBatch } from '../core/contract/app.ts';
import type { PolicyMode } from '../core/contract/config.ts';
import { EnhancedWishes } from '../core/contract/enhanced-wish.ts';
import { TopicRows } from './topic-rows.ts';
import type { TrayText } from './tray-text.ts';
import { type TrayState, type TrayView, trayViewOf } from './tray-view.ts';

/** Milliseconds that rows are gathered: a test of all delays would make a new menu with each of them. */
const rowsWait = 1_000;

export class TrayModel {
  readonly #bridge: MirageBridge;
  readonly #clock: Clock;
  #text: TrayText;
  readonly #onView: (view: TrayView) => void;
  readonly #releases: (() => void)[];
  readonly #proxies = new TopicRows<'proxies'>((row) => row.name);
  #cancelRows: (() => void) | undefined;
  #state: TrayState = {
    link: { kind: 'connecting' },
    snapshot: undefined,
    wish: undefined,
    failure: undefined,
    profileRefused: false,
    profiles: [],
    proxies: new Map(),
  };
  readonly #wishes: EnhancedWishes<string>;
  #shown = '';

  /** Calls `onView` at once and with every change that can be seen. */
  constructor(bridge: MirageBridge, clock: Clock, text: TrayText, onView: (view: TrayView) => void) {
    this.#bridge = bridge;
    this.#clock = clock;
    this.#text = text;
    this.#onView = onView;
    this.#wishes = new EnhancedWishes({
      after: (ms, callback) => clock.after(ms, callback),
      show: (wish, failure) => this.#update({ wish, failure }),
      failureOf: (caught) => AppError.from(caught).message,
      silence: () => this.#text.slow,
    });
    this.#releases = [
      bridge.on('link', (link) => {
        const snapshot = link.kind === 'connected' ? this.#state.snapshot : undefined;
        this.#update({ link, snapshot });
      }),
      bridge.on('info', ({ profile, profiles }) =>
        this.#update({ profileRefused: profile?.state === 'refused', profiles }),
      ),
      bridge.on('snapshot', (snapshot) => {
        const { kind } = snapshot.tunnel;
        const news = kind !== this.#state.snapshot?.tunnel.kind && (kind === 'running' || kind === 'stopped');
        this.#update({ snapshot, ...(news ? { failure: undefined } : {}) });
        this.#wishes.see(snapshot.tunnel);
      }),
      bridge.subscribe(
        'proxies',
        {},
        (batch) => this.#take(batch),
        () => {
          this.#proxies.rows.clear();
          this.#showProxies();
        },
      ),
    ];
  }

  close(): void {
    this.#cancelRows?.();
    for (const release of this.#releases.splice(0)) release();
  }

  /** Whether the helper is there to be asked. */
  get reached(): boolean {
    return this.#state.link.kind !== 'failed';
  }

  /** Another language from now on. */
  speak(text: TrayText): void {
    this.#text = text;
    // Words beside the view's have changed as well.
    this.#shown = '';
    this.#update({});
  }

  /** Shows the wish at once; falls back, with the reason, when it fails or the helper shows no sign of it. */
  toggleEnhanced(on: boolean): void {
    void this.#wishes.ask(on ? 'on' : 'off', () => this.#bridge.call('setEnhanced', { on }));
  }

  restore(): void {
    void this.#wishes.ask('restore', () => this.#bridge.call('restore', {}));
  }

  setMode(mode: PolicyMode): void {
    this.#ask(this.#bridge.call('setSwitches', { mode }));
  }

  choose(group: string, member: string): void {
    this.#ask(this.#bridge.call('selectProxy', { group, member }));
  }

  useProfile(id: string): void {
    this.#ask(this.#bridge.call('useProfile', { id }));
  }

  /** A choice in the menu: what comes of it is seen by itself, a refusal is told. */
  #ask(answer: Promise<unknown>): void {
    answer.then(
      () => this.#update({ failure: undefined }),
      (caught: unknown) => {
        // The menu has marked the entry by itself: a new one shows what is so.
        this.#shown = '';
        this.#update({ failure: AppError.from(caught).message });
      },
    );
  }

  #take(batch: TopicBatch<'proxies'>): void {
    this.#proxies.apply(batch);
    if (batch.reset) this.#showProxies();
    else this.#cancelRows ??= this.#clock.after(rowsWait, () => this.#showProxies());
  }

  #showProxies(): void {
    this.#cancelRows?.();
    this.#cancelRows = undefined;
    this.#update({ proxies: this.#proxies.rows });
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
