/** Refuses every dial with a coded reason: a node that cannot be spoken with, a group that has nothing to offer, PASS. */
import { AppError } from '../base/app-error.ts';
import type { Outbound, Refusal } from './dialer.ts';

export class RefusingOutbound implements Outbound {
  readonly tag: string;
  readonly way = 'rejected';
  readonly resolvesAt = 'here';
  /** UDP is refused as well, not left to a later rule. */
  readonly carriesUdp = true;
  readonly refusal: Refusal;

  constructor(tag: string, refusal: Refusal) {
    this.tag = tag;
    this.refusal = refusal;
  }

  plan(): Promise<never> {
    return Promise.reject(new AppError(this.refusal.code, this.refusal.message));
  }

  dialStream(): Promise<never> {
    return this.plan();
  }
}

/** No connection ever comes here: a rule that leads to it is passed over. */
export class PassOutbound extends RefusingOutbound {
  readonly passes = true;

  constructor(tag: string) {
    super(tag, { code: 'DIAL_REJECTED', message: `${tag} leads nowhere: it only passes a rule over` });
  }
}
