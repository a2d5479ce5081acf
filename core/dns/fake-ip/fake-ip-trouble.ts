/** The pool's standing trouble in words: raised once, taken back when it has passed. Decides nothing. */
import { causeOf } from '../../base/cause-of.ts';
import type { Logger } from '../../base/logger.ts';
import type { HealthWarning } from '../../contract/status.ts';
import { warningOf } from '../../contract/warning-texts.ts';
import type { FakeIpRange } from './fake-ip-range.ts';

/** Where standing trouble is raised and cleared, by the warning's code. */
export interface FakeIpHealth {
  raise(warning: HealthWarning): void;
  clear(code: string): void;
}

/** Without new trouble for so long, a warning is taken back. Milliseconds. */
const calmAfter = 600_000;

export class FakeIpTrouble {
  readonly #range: FakeIpRange;
  readonly #health: FakeIpHealth;
  readonly #logger: Logger;
  /** Code -> when it was last seen. */
  readonly #raised = new Map<string, number>();

  constructor(range: FakeIpRange, health: FakeIpHealth, logger: Logger) {
    this.#range = range;
    this.#health = health;
    this.#logger = logger;
  }

  /** An address was given to another name before its rest had ended; `client`: because that client has its share. */
  pressure(now: number, client?: string): void {
    const { capacity, text: range } = this.#range;
    if (client === undefined) this.#raise(now, warningOf('FAKE_IP_PRESSURE', { capacity, range }));
    else this.#raise(now, warningOf('FAKE_IP_SHARE', { client, range }));
  }

  /** A new name got no address; `client`: because that client has its share. */
  exhausted(now: number, client?: string): void {
    const { capacity, text: range } = this.#range;
    if (client === undefined) this.#raise(now, warningOf('FAKE_IP_EXHAUSTED', { capacity, range }));
    else this.#raise(now, warningOf('FAKE_IP_SHARE_SPENT', { client, range }));
  }

  storeFailed(now: number, error: unknown): void {
    this.#raise(now, warningOf('FAKE_IP_STORE', { reason: causeOf(error) }));
  }

  storeWorks(): void {
    this.#clear('FAKE_IP_STORE');
  }

  /** Takes back what has not been seen for ten minutes. */
  calmDown(now: number): void {
    for (const [code, seen] of this.#raised) if (Math.abs(now - seen) >= calmAfter) this.#clear(code);
  }

  #raise(now: number, warning: HealthWarning): void {
    const known = this.#raised.has(warning.code);
    this.#raised.set(warning.code, now);
    if (known) return;
    this.#logger.warning(warning.title, { code: warning.code, text: warning.text });
    this.#health.raise(warning);
  }

  #clear(code: string): void {
    if (this.#raised.delete(code)) this.#health.clear(code);
  }
}
