/** Where a policy leads: what `PolicyTable.route` returns. */
import type { Outbound } from './dialer.ts';

/** The outbound that carries a policy now, and the names passed on the way to it. */
export interface Route {
  readonly outbound: Outbound;
  /** From the leaf outbound to the outermost group. */
  readonly chain: readonly string[];
}
