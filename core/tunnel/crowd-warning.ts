/** Tells people that a program has more connections than its share; taken back when it has not happened for a while. */
import type { Clock } from '../base/clock.ts';
import { warningOf } from '../contract/warning-texts.ts';
import type { Network } from '../flow/metadata.ts';
import type { HealthSink } from '../system/health-sink.ts';

const calmMs = 600_000;
/** A flood is told at its beginning and then this often, with its number. */
const tellMs = 10_000;
const codes = { udp: 'UDP_CROWDED', tcp: 'TCP_CROWDED' } as const;

export class CrowdWarning {
  readonly #health: HealthSink;
  readonly #clock: Clock;
  readonly #code: (typeof codes)[Network];
  #count = 0;
  #toldAt = Number.NEGATIVE_INFINITY;
  #cancel: (() => void) | undefined;

  constructor(network: Network, health: HealthSink, clock: Clock) {
    this.#code = codes[network];
    this.#health = health;
    this.#clock = clock;
  }

  /** So many flows were ended to make room for others, or TCP connections refused for want of it. */
  crowded(count = 1): void {
    this.#count += count;
    const now = this.#clock.monotonic();
    if (now - this.#toldAt < tellMs) return;
    this.#toldAt = now;
    this.#cancel?.();
    this.#cancel = this.#clock.after(calmMs, () => {
      this.#toldAt = Number.NEGATIVE_INFINITY;
      this.#health.clear(this.#code);
    });
    this.#health.raise(warningOf(this.#code, { count: this.#count }));
  }
}
