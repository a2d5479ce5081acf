/**
 * What becomes of a data plane that died: another engine takes over its device, so that routes, DNS and fake addresses stay as
 * they are and nothing leaves the machine meanwhile. Not for ever: what brings it down may come again and again.
 */
import { AppError } from '../base/app-error.ts';
import type { Clock } from '../base/clock.ts';
import type { Logger } from '../base/logger.ts';
import { warningOf } from '../contract/warning-texts.ts';
import type { HealthSink } from '../system/health-sink.ts';

/** So many revivals within this time; the next death is final. */
export const maxRevivals = 3;
const withinMs = 60_000;
/** After this long without another the warning goes. */
const calmMs = 600_000;
const code = 'ENGINE_REVIVED';

export interface EngineRevivalOptions {
  /** Throws when no other engine can take over. */
  readonly revive: () => void;
  /** It is over: everything is to be undone. */
  readonly onOver: (reason: string) => void;
  /** The device went with it: another program has deleted it. */
  readonly onDeviceLost: (reason: string) => void;
  readonly health: HealthSink;
  readonly clock: Clock;
  readonly log: Logger;
}

export class EngineRevival {
  readonly #options: EngineRevivalOptions;
  /** Of the revivals that count, on the monotonic clock. */
  #times: number[] = [];
  #cancel: (() => void) | undefined;

  constructor(options: EngineRevivalOptions) {
    this.#options = options;
  }

  /** The engine has ended by itself; `revivable`: its device is still there. */
  died(reason: string, revivable: boolean): void {
    const { onDeviceLost, onOver, log, clock } = this.#options;
    const now = clock.monotonic();
    this.#times = this.#times.filter((time) => now - time < withinMs);
    if (!revivable) return onDeviceLost(reason);
    if (this.#times.length >= maxRevivals) {
      return onOver(`${reason} (for the ${maxRevivals + 1}th time within a minute)`);
    }
    try {
      this.#options.revive();
    } catch (caught) {
      const failure = AppError.from(caught).message;
      log.error('no other engine could take over', { reason: failure });
      return onOver(`${reason}; no other engine could take over: ${failure}`);
    }
    this.#times.push(now);
    log.error('data plane died and another took over', { reason, revivals: this.#times.length });
    this.#tell(reason);
  }

  #tell(reason: string): void {
    const { health, clock } = this.#options;
    this.#cancel?.();
    this.#cancel = clock.after(calmMs, () => health.clear(code));
    health.raise(warningOf(code, { reason }));
  }
}
