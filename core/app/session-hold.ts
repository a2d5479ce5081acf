/**
 * This app's hold on a session: a tunnel that is on for as long as the app runs. Decides when the lease is renewed and who
 * turns the session off; the helper decides everything else.
 */
import { AppError } from '../base/app-error.ts';
import type { Clock } from '../base/clock.ts';
import { within } from '../base/deadline.ts';
import type { Logger } from '../base/logger.ts';
import type { Result } from '../contract/rpc.ts';
import type { Snapshot } from '../contract/status.ts';
import type { HelperClient } from './helper-client.ts';

/** Milliseconds that turning the session off may take when the app ends. */
const farewellDeadline = 5_000;

export class SessionHold {
  readonly #helper: Pick<HelperClient, 'call' | 'link'>;
  readonly #clock: Clock;
  readonly #logger: Logger;
  /**
   * `own`: turned on through this app, which turns it off when it ends. `adopted`: found on (the app before us crashed, or
   * another one runs); kept alive while we run, but ended by its lease, so that one app cannot cut off the other.
   */
  #state: 'none' | 'own' | 'adopted' = 'none';
  /** Requests to turn on that have no answer yet. */
  #turningOn = 0;

  constructor(helper: Pick<HelperClient, 'call' | 'link'>, clock: Clock, logger: Logger) {
    this.#helper = helper;
    this.#clock = clock;
    this.#logger = logger;
  }

  /** Turns Enhanced Mode on or off as the person says. What is persistent already stays persistent. */
  async set(on: boolean, known: Snapshot | undefined): Promise<Snapshot> {
    const mode = known?.mine === true && known.owner?.mode === 'persistent' ? 'persistent' : 'session';
    if (on) this.#turningOn += 1;
    try {
      const snapshot = await this.#helper.call('setEnhanced', on ? { on, mode } : { on });
      this.#state = on && mode === 'session' ? 'own' : 'none';
      return snapshot;
    } finally {
      if (on) this.#turningOn -= 1;
    }
  }

  /** Undoes every change of the network, and with it any session. */
  async restore(): Promise<Result<'restore'>> {
    const result = await this.#helper.call('restore', {});
    this.#state = 'none';
    return result;
  }

  /**
   * After a connect: renews what we hold, which resumes it after a crash of the helper, or adopts what is found on. Answers
   * whether there is a session; rejects when the helper does not renew it.
   */
  async resume(found: Snapshot): Promise<boolean> {
    if (this.#state === 'none') {
      if (!isOurSession(found)) return false;
      this.#state = 'adopted';
    }
    try {
      const { resumed } = await this.#helper.call('renewLease', {});
      if (resumed) this.#logger.info('the helper resumed the session');
      return true;
    } catch (caught) {
      if (this.#helper.link.kind === 'connected') this.#state = 'none';
      throw caught;
    }
  }

  /** Somebody else (the command line, another app of this user, an administrator) may have ended our session. */
  reconcile(snapshot: Snapshot): void {
    if (this.#state !== 'none' && !isOurSession(snapshot)) this.#state = 'none';
  }

  /** Keeps the session alive, if there is one. Never rejects. */
  async renew(): Promise<void> {
    if (this.#state === 'none') return;
    await this.#helper.call('renewLease', {}).catch((caught: unknown) => {
      this.#logger.warning('the lease could not be renewed', { message: AppError.from(caught).message });
    });
  }

  /** Turns off what was turned on through this app. Never rejects, and waits no longer than five seconds. */
  async end(): Promise<void> {
    const ours = this.#state === 'own' || this.#turningOn > 0;
    if (!ours || this.#helper.link.kind !== 'connected') return;
    const off = within(this.#clock, farewellDeadline, this.#helper.call('setEnhanced', { on: false }), () => {
      throw new AppError('RPC_TIMEOUT', 'the helper did not answer');
    });
    await off.catch((caught: unknown) => {
      this.#logger.warning('the session ends by its lease', { message: AppError.from(caught).message });
    });
  }
}

function isOurSession(snapshot: Snapshot): boolean {
  return snapshot.mine && snapshot.owner?.mode === 'session';
}
