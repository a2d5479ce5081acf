/** Tells people that somebody on the way forges answers of a plain DNS server; taken back when it has not happened for a while. */
import type { Clock } from '../base/clock.ts';
import { warningOf } from '../contract/warning-texts.ts';
import type { HealthSink } from '../system/health-sink.ts';

const calmMs = 3_600_000;
/** A packet that was doubled somewhere may look like it once. */
const enough = 2;
const code = 'DNS_FORGED_ANSWERS';

export class ForgedAnswerWarning {
  readonly #health: HealthSink;
  readonly #clock: Clock;
  #raised: string | undefined;
  #cancel: (() => void) | undefined;

  constructor(health: HealthSink, clock: Clock) {
    this.#health = health;
    this.#clock = clock;
  }

  /** Two different answers came to one question to `server`; `count` is how often that has happened. */
  raise(server: string, count: number): void {
    if (count < enough) return;
    this.#cancel?.();
    this.#cancel = this.#clock.after(calmMs, () => {
      this.#raised = undefined;
      this.#health.clear(code);
    });
    if (this.#raised === server) return;
    this.#raised = server;
    this.#health.raise(warningOf(code, { server }));
  }
}
