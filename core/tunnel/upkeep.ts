/**
 * Keeps in force what is in force: when another program has removed our rules or routes, or changed our device, they are put
 * back; when that happens again and again, Enhanced Mode goes off and says why. It is never on while traffic goes around it.
 */
import { AppError } from '../base/app-error.ts';
import type { Clock } from '../base/clock.ts';
import type { Logger } from '../base/logger.ts';
import { TokenBucket } from '../base/token-bucket.ts';
import type { HealthSink } from '../system/health-sink.ts';
import type { TunnelMachine } from './tunnel-machine.ts';

export interface UpkeepOptions {
  readonly machine: TunnelMachine;
  /** What is wrong with the device; undefined when nothing is. */
  readonly deviceTrouble: () => Promise<string | undefined>;
  /** How many of our rules and routes are not there. */
  readonly missingRoutes: () => Promise<number>;
  readonly health: HealthSink;
  readonly clock: Clock;
  readonly log: Logger;
}

/** Events come in bursts, our own changes among them. */
const settleMs = 50;
/** So many repairs at once, and one more every 12 seconds. */
const repairs = { burst: 5, perSecond: 1 / 12 } as const;
const code = 'NETWORK_CHANGED_BY_OTHERS';

export class Upkeep {
  readonly #options: UpkeepOptions;
  readonly #repairs: TokenBucket;
  #planned: (() => void) | undefined;

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

  stop(): void {
    this.#planned?.();
    this.#planned = undefined;
  }

  async #look(): Promise<void> {
    const { deviceTrouble, machine, missingRoutes } = this.#options;
    let device: string | undefined;
    let missing = 0;
    // Between the machine's own steps, which are events too.
    await machine.whenRunning(async () => {
      device = await deviceTrouble();
      if (device === undefined) missing = await missingRoutes();
    });
    if (device !== undefined) {
      await this.#repair(device, () => machine.restart(() => undefined));
    } else if (missing > 0) {
      await this.#repair(`${missing} of our rules and routes were removed`, () => machine.refresh('routes'));
    }
  }

  async #repair(what: string, putBack: () => Promise<void>): Promise<void> {
    const { health, log, machine } = this.#options;
    if (!this.#repairs.take()) {
      return await machine.died(`another program changes what Enhanced Mode needs, again and again: ${what}`);
    }
    log.warning('another program has changed what is ours; it is put back', { what });
    try {
      await putBack();
    } catch (error) {
      return await machine.died(`${what}, and could not be put back: ${AppError.from(error).message}`);
    }
    health.raise({
      code,
      severity: 'warning',
      title: 'Another program changed what Mirage needs',
      text: `It was put back: ${what}. Connections may have been reset; for a moment some may have gone around the rules.`,
      action:
        'Find the program (a VPN, a firewall script, a network manager) and keep it from table 5380 and our interface.',
    });
  }
}
