/** Refuses every flow: at once and openly, or (`drop`) by silence. */
import { AppError } from '../base/app-error.ts';
import type { Clock } from '../base/clock.ts';
import type { Endpoint } from '../contract/flow.ts';
import type { FlowPlan } from '../flow/dial-plan.ts';
import type { Stream } from '../net/stream.ts';
import type { DialOptions, Outbound } from './dialer.ts';

export class RejectOutbound implements Outbound {
  readonly tag: string;
  readonly way = 'rejected';
  readonly resolvesAt = 'here';
  readonly carriesUdp = true;
  readonly #drop: boolean;
  readonly #clock: Clock;

  constructor(tag: string, options: { drop: boolean; clock: Clock }) {
    this.tag = tag;
    this.#drop = options.drop;
    this.#clock = options.clock;
  }

  plan(): Promise<FlowPlan> {
    return Promise.resolve({ kind: 'reject', how: this.#drop ? 'drop' : 'reset' });
  }

  /** Rejects with DIAL_REJECTED; `drop` lets the caller wait for its whole time first, as silence would. */
  async dialStream(to: Endpoint, { signal, timeoutMs }: DialOptions): Promise<Stream> {
    if (this.#drop) await this.#silence(timeoutMs, signal);
    throw new AppError('DIAL_REJECTED', `${to.host} is refused by a rule`);
  }

  #silence(ms: number, signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const cancel = this.#clock.after(ms, resolve);
      const over = (): void => {
        cancel();
        resolve();
      };
      if (signal.aborted) over();
      else signal.addEventListener('abort', over, { once: true });
    });
  }
}
