/** Speeds and totals, sampled once a second while somebody is connected and not at all otherwise. */
import type { Clock } from '../base/clock.ts';
import { Emitter } from '../base/emitter.ts';
import type { Traffic } from '../contract/status.ts';
import type { EventSource } from '../rpc/topic-source.ts';

export interface TrafficCounts {
  /** Bytes since the helper's start. */
  readonly up: number;
  readonly down: number;
  /** Flows open now. */
  readonly live: number;
  /** Since the helper's start. */
  readonly dnsQuestions: number;
}

const intervalMs = 1_000;

export class TrafficMeter implements EventSource<'traffic'> {
  readonly #count: () => TrafficCounts;
  readonly #clock: Clock;
  readonly #changed = new Emitter<void>();
  #cancel: (() => void) | undefined;
  #last: { counts: TrafficCounts; at: number } | undefined;
  #traffic: Traffic | undefined;

  constructor(count: () => TrafficCounts, clock: Clock) {
    this.#count = count;
    this.#clock = clock;
  }

  current(): Traffic {
    return this.#traffic ?? this.#sample();
  }

  watch(changed: () => void): () => void {
    const unwatch = this.#changed.on(changed);
    this.#cancel ??= this.#begin();
    return () => {
      unwatch();
      if (this.#changed.size === 0) this.#rest();
    };
  }

  #begin(): () => void {
    this.#sample();
    return this.#clock.every(intervalMs, () => {
      this.#traffic = this.#sample();
      this.#changed.emit();
    });
  }

  #rest(): void {
    this.#cancel?.();
    this.#cancel = undefined;
    this.#last = undefined;
    this.#traffic = undefined;
  }

  #sample(): Traffic {
    const counts = this.#count();
    const at = this.#clock.monotonic();
    const last = this.#last ?? { counts, at };
    this.#last = { counts, at };
    const perSecond = (now: number, before: number) =>
      at > last.at ? Math.round(((now - before) * 1000) / (at - last.at)) : 0;
    return {
      time: this.#clock.now(),
      up: Math.max(0, perSecond(counts.up, last.counts.up)),
      down: Math.max(0, perSecond(counts.down, last.counts.down)),
      upTotal: counts.up,
      downTotal: counts.down,
      live: counts.live,
      dnsQuestions: counts.dnsQuestions,
    };
  }
}
