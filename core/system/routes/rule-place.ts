/** Where our rules stand among those of others: before them, unless another program insists on the same. */
import type { Clock } from '../../base/clock.ts';
import type { Logger } from '../../base/logger.ts';
import type { HealthSink } from '../health-sink.ts';
import { chooseBase, type Others } from './route-plan.ts';

/** So many moves in so many milliseconds are a contest. */
const mostMoves = 5;
const contestMs = 60_000;
const code = 'ROUTES_CONTESTED';

export interface RulePlaceOptions {
  readonly health: HealthSink;
  readonly clock: Clock;
  readonly logger: Logger;
}

export class RulePlace {
  readonly #options: RulePlaceOptions;
  #base: number | undefined;
  /** When (monotonic milliseconds) our rules had to move. */
  #moves: readonly number[] = [];

  constructor(options: RulePlaceOptions) {
    this.#options = options;
  }

  /** The preference of our first rule. Two programs that both insist on being first must not chase each other: that is told. */
  choose(others: Others): number {
    const wanted = chooseBase(others);
    const now = this.#options.clock.monotonic();
    if (this.#base === undefined || this.#base === wanted) {
      this.#base = wanted;
      return wanted;
    }
    const recent = this.#moves.filter((at) => now - at < contestMs);
    if (recent.length >= mostMoves) {
      this.#tell(others, this.#base);
      return this.#base;
    }
    this.#options.health.clear(code);
    this.#base = wanted;
    this.#moves = [...recent, now];
    return wanted;
  }

  /** Our rules are gone. */
  leave(): void {
    this.#base = undefined;
    this.#moves = [];
    this.#options.health.clear(code);
  }

  #tell(others: Others, base: number): void {
    const all = [...others[4].rules, ...others[6].rules].map(({ preference }) => preference);
    const first = Math.min(...all.filter((preference) => preference > 0));
    this.#options.logger.warning('rules of another program come before ours again and again', { first, base });
    this.#options.health.raise({
      code,
      severity: 'error',
      title: 'Another program insists on routing first',
      text: `Its policy rule (preference ${first}) comes before ours again and again: what it takes does not pass Mirage.`,
      action:
        'End the other VPN or proxy, or turn off the part of it that changes routes; then turn Enhanced Mode off and on.',
    });
  }
}
