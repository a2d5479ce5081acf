/** Tells people that a program has more UDP conversations than its share; taken back when it has not happened for a while. */
import type { Clock } from '../base/clock.ts';
import type { HealthSink } from '../system/health-sink.ts';

const calmMs = 600_000;
/** A flood is told at its beginning and then this often, with its number. */
const tellMs = 10_000;
const code = 'UDP_CROWDED';

export class UdpCrowdWarning {
  readonly #health: HealthSink;
  readonly #clock: Clock;
  #count = 0;
  #toldAt = Number.NEGATIVE_INFINITY;
  #cancel: (() => void) | undefined;

  constructor(health: HealthSink, clock: Clock) {
    this.#health = health;
    this.#clock = clock;
  }

  /** One UDP flow was ended to make room for another. */
  gaveWay(): void {
    this.#count += 1;
    const now = this.#clock.monotonic();
    if (now - this.#toldAt < tellMs) return;
    this.#toldAt = now;
    this.#cancel?.();
    this.#cancel = this.#clock.after(calmMs, () => {
      this.#toldAt = Number.NEGATIVE_INFINITY;
      this.#health.clear(code);
    });
    this.#health.raise({
      code,
      severity: 'warning',
      title: 'A program has very many UDP conversations',
      text: `More than its share of the table: the oldest that nobody has answered make room for new ones (${this.#count} so far). Other programs are not affected.`,
      action: 'Look for the program under Connections (filter: udp).',
    });
  }
}
