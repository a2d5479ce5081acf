/** What the names of policies lead to. Everybody who has such a name asks here, and asks again for each new use. */
import type { AppError } from '../base/app-error.ts';
import type { Config } from '../contract/config.ts';
import type { Metadata } from '../flow/metadata.ts';
import type { Outbound } from './dialer.ts';
import type { Route } from './route.ts';

export interface PolicyTable {
  /**
   * What a policy leads to now; undefined for a name that nothing has. A group that spreads flows needs the flow, and counts it; without
   * it the answer is one of several.
   */
  route(policy: string, flow?: Metadata): Route | undefined;
  /** The outbounds that flows may be given under this revision: more than one only where a group spreads them. */
  leavesNow(policy: string): readonly Outbound[];
  /** Every outbound that it may ever lead to, whatever is chosen; empty for a name that nothing has. */
  leavesOf(policy: string): readonly Outbound[];
  /** The names that there are: the built-in ones first, then nodes and groups in the order of the configuration. */
  names(): string[];
  /** Grows when `route` may return something else than before. What was concluded from it holds for one revision. */
  readonly revision: number;
  /** A dial by this route has failed: groups on it may lead elsewhere. */
  dialFailed(route: Route, error: AppError): void;
}

/** What it is made of. */
export type PolicyConfig = Pick<Config, 'proxies' | 'groups'> & Partial<Pick<Config, 'checks'>>;
