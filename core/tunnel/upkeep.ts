/**
 * Keeps in force what is in force: when another program has removed our rules or routes, or changed our device, they are put
 * back; when that happens again and again, Enhanced Mode goes off and says why. It is never on while traffic goes around it.
 */
import { AppError } from '../base/app-error.ts';
import type { Clock } from '../base/clock.ts';
import type { Logger } from '../base/logger.ts';
import { TokenBucket } from '../base/token-bucket.ts';
import { type Cause, causeText } from '../contract/causes.ts';
import { warningOf } from '../contract/warning-texts.ts';
import type { HealthSink } from '../system/health-sink.ts';
import type { TunnelMachine } from './tunnel-machine.ts';

export interface UpkeepOptions {
  readonly machine: TunnelMachine;
  /** What is wrong with the device; undefined when nothing is. */
  readonly deviceTrouble: () => Promise<Cause | undefined>;
  /** How many of our rules and routes are not there. */
  readonly missingRoutes: () => Promise<number>;
  /** Adds those again without looking first; how many. */
  readonly putBackRoutes: () => Promise<number>;
  readonly health: HealthSink;
  readonly clock: Clock;
  readonly log: Logger;
}

/** Events come in bursts, our own changes among them. */
const settleMs = 50;
/** So many repairs at once, and one more every 12 seconds. */
const repairs = { burst: 5, perSecond: 1 / 12 } as const;
/** What is found within this time is one and the same change: a flush, and then the device without its address. */
const oneChangeMs = 500;
const code = 'NETWORK_CHANGED_BY_OTHERS';

export class Upkeep {
  readonly #options: UpkeepOptions;
  readonly #repairs: TokenBucket;
  #planned: (() => void) | undefined;
  /** Whether routes are being put back, and are to be once more. */
  #puttingBack: 'no' | 'once' | 'again' = 'no';
  /** When a change was found that was put back at once, and counted. Monotonic milliseconds. */
  #changedAt = Number.NEGATIVE_INFINITY;

  constructor(options: UpkeepOptions) {
    this.#options = options;
    this.#repairs = new TokenBucket(options.clock, repairs.perSecond, repairs.burst);
    options.machine.changed.on(({ kind }) => {
      if (kind === 'stopped' || kind === 'error') options.health.clear(code);
    });
  }

  /** Something of ours may have been changed: looks soon. */
  check(): void {
    const { clock, log, machine } = this.#options;
    if (machine.state.kind === 'stopped' || this.#planned !== undefined) return;
    this.#planned = clock.after(settleMs, () => {
      this.#planned = undefined;
      this.#look().catch((error: unknown) => {
        log.error('what is in force cannot be looked at', { reason: AppError.from(error).message });
      });
    });
  }

  /**
   * A rule or route of ours was removed. It is put back at once, for until then packets go around us, and only then looked at what
   * else there is; when we removed it ourselves, nothing is missing.
   */
  removed(): void {
    if (this.#options.machine.state.kind === 'stopped') return;
    if (this.#puttingBack !== 'no') {
      this.#puttingBack = 'again';
      return;
    }
    this.#puttingBack = 'once';
    void this.#putBack();
  }

  /** The device was deleted, and the engine ended with it: another one is made, while what was captured stays unreachable. */
  deviceLost(device: string, reason: string): void {
    this.#options.log.warning('the device is gone', { device, reason });
    void this.#repair({ code: 'DEVICE_DELETED', values: { device } }, () =>
      this.#options.machine.restart(() => undefined),
    );
  }

  stop(): void {
    this.#planned?.();
    this.#planned = undefined;
  }

  async #look(): Promise<void> {
    const { deviceTrouble, machine, missingRoutes } = this.#options;
    let device: Cause | undefined;
    let missing = 0;
    // Between the machine's own steps, which are events too.
    await machine.whenRunning(async () => {
      device = await deviceTrouble();
      if (device === undefined) missing = await missingRoutes();
    });
    if (device !== undefined) {
      await this.#repair(device, () => machine.restart(() => undefined));
    } else if (missing > 0) {
      await this.#repair(routesRemoved(missing), () => machine.refresh('routes'));
    }
  }

  async #putBack(): Promise<void> {
    const { log, machine, putBackRoutes } = this.#options;
    let added = 0;
    try {
      do {
        this.#puttingBack = 'once';
        await machine.whenRunning(async () => {
          added += await putBackRoutes();
        });
      } while (this.#isToBePutBackAgain());
    } catch (error) {
      // `check` follows each removal, and ends it if need be.
      log.warning('what was removed cannot be put back at once', { reason: AppError.from(error).message });
    }
    this.#puttingBack = 'no';
    if (added === 0) return;
    const cause = routesRemoved(added);
    if (await this.#isContested(cause, true)) return;
    log.warning('another program has changed what is ours; it was put back', { what: causeText(cause) });
    this.#tell(cause);
  }

  #isToBePutBackAgain(): boolean {
    return this.#puttingBack === 'again';
  }

  /** Takes one of the repairs that are allowed; without any left Enhanced Mode goes off. */
  async #isContested(cause: Cause, isPutBack = false): Promise<boolean> {
    const { clock, machine } = this.#options;
    const now = clock.monotonic();
    if (now - this.#changedAt < oneChangeMs) return false;
    if (isPutBack) this.#changedAt = now;
    if (this.#repairs.take()) return false;
    await machine.died(`another program changes what Enhanced Mode needs, again and again: ${causeText(cause)}`);
    return true;
  }

  async #repair(cause: Cause, putBack: () => Promise<void>): Promise<void> {
    const { log, machine } = this.#options;
    if (await this.#isContested(cause)) return;
    const what = causeText(cause);
    log.warning('another program has changed what is ours; it is put back', { what });
    try {
      await putBack();
    } catch (error) {
      return await machine.died(`${what}, and could not be put back: ${AppError.from(error).message}`);
    }
    this.#tell(cause);
  }

  #tell(what: Cause): void {
    const { health, machine } = this.#options;
    // It may have been turned off meanwhile.
    if (machine.state.kind === 'running') health.raise(warningOf(code, { what }));
  }
}

const routesRemoved = (count: number): Cause => ({ code: 'ROUTES_REMOVED', values: { count: String(count) } });
