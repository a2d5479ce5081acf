/** Says, when Enhanced Mode has gone off, which containers still ask its DNS server, until they have been restarted. */
import type { Clock } from '../base/clock.ts';
import { warningOf } from '../contract/warning-texts.ts';
import type { Health } from './health.ts';

const code = 'CONTAINERS_WITHOUT_DNS';
/** Looks again after so long, so many times; the warning goes after the last, or when there are none. */
const again = { ms: 30_000, times: 20 } as const;

export class StrandedWarning {
  readonly #find: () => Promise<string[]>;
  readonly #health: Health;
  readonly #clock: Clock;
  #cancel: (() => void) | undefined;
  /** Grows with every begin and end: a look that comes back late is nobody's. */
  #turn = 0;

  constructor(find: () => Promise<string[]>, health: Health, clock: Clock) {
    this.#find = find;
    this.#health = health;
    this.#clock = clock;
  }

  /** It has gone off. Resolves when it is said who is left. */
  async begin(): Promise<void> {
    this.end();
    await this.#look(this.#turn, again.times);
  }

  /** It is on again: the server answers. */
  end(): void {
    this.#turn++;
    this.#cancel?.();
    this.#cancel = undefined;
    this.#health.clear(code);
  }

  async #look(turn: number, left: number): Promise<void> {
    const names = await this.#find().catch(() => []);
    if (turn !== this.#turn) return;
    if (names.length === 0 || left === 0) return this.end();
    this.#health.raise(warningOf(code, { names: names.join(', ') }));
    this.#cancel = this.#clock.after(again.ms, () => void this.#look(turn, left - 1));
  }
}
