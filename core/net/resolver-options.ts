/** How this machine's resolvers ask their servers: `options` of resolv.conf(5), as far as somebody who asks in their stead follows them. */

export interface ResolverOptions {
  /** Milliseconds that one server is waited for before the next one is asked. */
  readonly timeoutMs: number;
  /** How often the whole list is gone through. */
  readonly attempts: number;
  /** Whether questions begin at one server after the other. */
  readonly rotate: boolean;
  /** Whether questions go by TCP alone. */
  readonly tcp: boolean;
  /** Names with fewer dots are first asked for with each domain of the search list behind them. */
  readonly ndots: number;
}

/** RES_TIMEOUT and RES_DFLRETRY of the C library. */
export const defaultResolverOptions: ResolverOptions = {
  timeoutMs: 5_000,
  attempts: 2,
  rotate: false,
  tcp: false,
  ndots: 1,
};

/** RES_MAXRETRANS (seconds), RES_MAXRETRY and RES_MAXNDOTS of the C library. */
const longestTimeout = 30;
const mostAttempts = 5;
const mostDots = 15;

/**
 * Reads the words of all `options` lines in their order; of one given twice the later counts. `no-tld-query` is the
 * applications' own concern, `edns0`, `trust-ad` and `single-request` change nothing in how questions of ours look.
 */
export function readResolverOptions(words: readonly string[]): ResolverOptions {
  let options = defaultResolverOptions;
  for (const word of words) {
    const [, key, digits] = /^(timeout|attempts|ndots):(\d{1,9})$/.exec(word) ?? [];
    const value = Number(digits);
    if (key === 'timeout') options = { ...options, timeoutMs: 1_000 * Math.min(longestTimeout, Math.max(1, value)) };
    if (key === 'attempts') options = { ...options, attempts: Math.min(mostAttempts, Math.max(1, value)) };
    if (key === 'ndots') options = { ...options, ndots: Math.min(mostDots, value) };
    if (word === 'rotate') options = { ...options, rotate: true };
    if (word === 'use-vc') options = { ...options, tcp: true };
  }
  return options;
}
