/** Tells health which policy groups refuse whatever comes to them. */
import { warningOf } from '../contract/warning-texts.ts';
import type { HealthSink } from '../system/health-sink.ts';

/** Groups that are named; of more there is the count. */
const maxNamed = 10;

export function tellEmptyGroups(names: readonly string[], health: HealthSink): void {
  if (names.length === 0) return health.clear('GROUP_EMPTY');
  const groups = names.slice(0, maxNamed).join(', ') + (names.length > maxNamed ? ', …' : '');
  health.raise(warningOf('GROUP_EMPTY', { count: names.length, groups }));
}
