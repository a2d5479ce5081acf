/** Tells people that programs connect to fake addresses whose meaning is lost; taken back when it has not happened for a while. */
import type { Ip } from '../base/address.ts';
import type { Clock } from '../base/clock.ts';
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

  /** Somebody connected to `address`; `count` is how often such a thing has happened. */
  raise(address: Ip, count: number): void {
    this.#cancel?.();
    this.#cancel = this.#clock.after(calmMs, () => {
      this.#last = undefined;
      this.#health.clear(code);
    });
    if (address === this.#last) return; // the same program tries again; no news
    this.#last = address;
    this.#health.raise({
      code,
      severity: 'warning',
      title: 'A program uses an address that means nothing any more',
      text: `It connected to ${address}, which no name has (${count} such connections so far). They are refused at once.`,
      action: 'Flush the DNS cache of the system or browser, or restart the program.',
    });
  }
}
