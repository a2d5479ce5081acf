/** The pool's standing trouble in words: raised once, taken back when it has passed. Decides nothing. */
import { AppError } from '../base/app-error.ts';
import type { Logger } from '../base/logger.ts';
import type { HealthWarning } from '../contract/status.ts';
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
    if (client !== undefined)
      return this.#share(now, client, 'the least recently used of them are given to its new names');
    this.#raise(now, {
      code: 'FAKE_IP_PRESSURE',
      severity: 'warning',
      title: 'Fake addresses are reused early',
      text: `All ${this.#range.capacity} addresses of ${this.#range.text} have a name; the least recently used are given to new names.`,
      action: 'Choose a larger fake-ip-range.',
    });
  }

  /** A new name got no address; `client`: because that client has its share. */
  exhausted(now: number, client?: string): void {
    if (client !== undefined) return this.#share(now, client, 'its new names cannot be answered');
    this.#raise(now, {
      code: 'FAKE_IP_EXHAUSTED',
      severity: 'error',
      title: 'No fake address left',
      text: `All ${this.#range.capacity} addresses of ${this.#range.text} are in use; new names cannot be answered.`,
      action: 'Choose a larger fake-ip-range.',
    });
  }

  #share(now: number, client: string, outcome: string): void {
    this.#raise(now, {
      code: 'FAKE_IP_SHARE',
      severity: 'warning',
      title: 'One client has half of the fake addresses',
      text: `${client} has asked for more names than half of ${this.#range.text} has addresses for, which is as much as one may have: ${outcome}. Others are not affected.`,
      action: 'See in the DNS log who makes up names, or choose a larger fake-ip-range.',
    });
  }

  storeFailed(now: number, error: unknown): void {
    this.#raise(now, {
      code: 'FAKE_IP_STORE',
      severity: 'error',
      title: 'The mapping table cannot be written',
      text: `${AppError.from(error).message}. New names are not answered, so that no address comes to mean two names.`,
      action: 'Free space in the state directory.',
    });
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
