/** Tells people that a program has more connections than its share; taken back when it has not happened for a while. */
import type { Clock } from '../base/clock.ts';
import type { Network } from '../flow/metadata.ts';
import type { HealthSink } from '../system/health-sink.ts';

const calmMs = 600_000;
/** A flood is told at its beginning and then this often, with its number. */
const tellMs = 10_000;
const texts = {
  udp: {
    code: 'UDP_CROWDED',
    title: 'A program has very many UDP conversations',
    text: (count: number) =>
      `More than its share of the table: the oldest that nobody has answered make room for new ones (${count} so far). Other programs are not affected.`,
    action: 'Look for the program under Connections (filter: udp).',
  },
  tcp: {
    code: 'TCP_CROWDED',
    title: 'A program has very many connections',
    text: (count: number) =>
      `More than its share of the table: new ones are refused (${count} so far). Other programs are not affected.`,
    action: 'Look for the program under Connections (filter: tcp).',
  },
} as const;

export class CrowdWarning {
  readonly #health: HealthSink;
  readonly #clock: Clock;
  readonly #words: (typeof texts)[Network];
  #count = 0;
  #toldAt = Number.NEGATIVE_INFINITY;
  #cancel: (() => void) | undefined;

  constructor(network: Network, health: HealthSink, clock: Clock) {
    this.#words = texts[network];
    this.#health = health;
    this.#clock = clock;
  }

  /** So many UDP flows were ended to make room for others, or TCP connections refused for want of it. */
  crowded(count = 1): void {
    this.#count += count;
    const now = this.#clock.monotonic();
    if (now - this.#toldAt < tellMs) return;
    this.#toldAt = now;
    this.#cancel?.();
    this.#cancel = this.#clock.after(calmMs, () => {
      this.#toldAt = Number.NEGATIVE_INFINITY;
      this.#health.clear(this.#words.code);
    });
    const { code, title, text, action } = this.#words;
    this.#health.raise({
      code,
      severity: 'warning',
      title,
      text: text(this.#count),
      action,
    });
  }
}
