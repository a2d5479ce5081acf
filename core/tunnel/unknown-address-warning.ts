/** Tells people that programs connect to fake addresses whose meaning is lost; taken back when it has not happened for a while. */
import type { Ip } from '../base/address.ts';
import type { Clock } from '../base/clock.ts';
import { warningOf } from '../contract/warning-texts.ts';
import type { HealthSink } from '../system/health-sink.ts';

const calmMs = 600_000;
const code = 'FAKE_IP_UNKNOWN_ADDRESS';

export class UnknownAddressWarning {
  readonly #health: HealthSink;
  readonly #clock: Clock;
  #last: Ip | undefined;
  #cancel: (() => void) | undefined;

  constructor(health: HealthSink, clock: Clock) {
    this.#health = health;
    this.#clock = clock;
  }

  /** Somebody connected to `address`; `count` is how often such a thing has happened, `recovered` how often the name was found all the same. */
  raise(address: Ip, count: number, recovered = 0): void {
    this.#cancel?.();
    this.#cancel = this.#clock.after(calmMs, () => {
      this.#last = undefined;
      this.#health.clear(code);
    });
    if (address === this.#last) return; // the same program tries again; no news
    this.#last = address;
    this.#health.raise(warningOf(code, { address, count, recovered }));
  }
}
