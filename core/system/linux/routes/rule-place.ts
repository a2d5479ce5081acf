/** Where our rules stand among those of others: before them, unless there is no room or another program insists on the same. */

import type { Clock } from '../../../base/clock.ts';
import type { Logger } from '../../../base/logger.ts';
import { warningOf } from '../../../contract/warning-texts.ts';
import type { HealthSink } from '../../health-sink.ts';
import { chooseBase, firstBefore, type Others } from './route-plan.ts';

/** So many moves in so many milliseconds are a contest: a VPN has up to four rules, each of which we may have to precede. */
const mostMoves = 12;
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

  /**
   * The preference of our first rule. A rule of others that stands before it all the same is told: because there is no place left
   * before it, or because two programs that both insist on being first must not chase each other.
   */
  choose(others: Others): number {
    const base = this.#next(chooseBase(others));
    this.#base = base;
    const before = firstBefore(others, base);
    if (before === undefined) this.#options.health.clear(code);
    else this.#tell(before, base);
    return base;
  }

  #next(wanted: number): number {
    if (this.#base === undefined || this.#base === wanted) return wanted;
    const now = this.#options.clock.monotonic();
    const recent = this.#moves.filter((at) => now - at < contestMs);
    if (recent.length >= mostMoves) return this.#base;
    this.#moves = [...recent, now];
    return wanted;
  }

  /** Our rules are gone. */
  leave(): void {
    this.#base = undefined;
    this.#moves = [];
    this.#options.health.clear(code);
  }

  #tell(first: number, base: number): void {
    this.#options.logger.warning('a rule of another program comes before ours', { first, base });
    this.#options.health.raise(warningOf(code, { preference: String(first) }));
  }
}
