/** Who may open the browser UI: a one-time token from the terminal, exchanged for a cookie that only this process knows. */
import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import type { Clock } from '../base/clock.ts';

/** Milliseconds for which a link may be used. */
export const tokenLifetime = 10 * 60_000;
/** Browsers that may be signed in at a time; the oldest is forgotten first. */
const maxSessions = 16;

export class AccessToken {
  readonly #clock: Pick<Clock, 'monotonic'>;
  readonly #sessions: Buffer[] = [];
  #token: { digest: Buffer; expires: number } | undefined;

  constructor(clock: Pick<Clock, 'monotonic'>) {
    this.#clock = clock;
  }

  /** A new token of 128 random bits as text; an earlier one that was not used is void. */
  issue(): string {
    const token = randomBytes(16).toString('base64url');
    this.#token = { digest: digestOf(token), expires: this.#clock.monotonic() + tokenLifetime };
    return token;
  }

  /** Answers a new session's secret for a token that is right, unused and not too old; then the token is spent. */
  redeem(token: string): string | undefined {
    const held = this.#token;
    if (held === undefined || !timingSafeEqual(held.digest, digestOf(token))) return undefined;
    this.#token = undefined;
    if (this.#clock.monotonic() > held.expires) return undefined;
    const secret = randomBytes(32).toString('base64url');
    this.#sessions.push(digestOf(secret));
    if (this.#sessions.length > maxSessions) this.#sessions.shift();
    return secret;
  }

  /** Whether a cookie's secret belongs to a session. All are compared, each in constant time. */
  accepts(secret: string): boolean {
    const digest = digestOf(secret);
    let found = false;
    for (const session of this.#sessions) found = timingSafeEqual(session, digest) || found;
    return found;
  }
}

function digestOf(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}
