/**
 * Who may open the browser UI: a one-time token from the terminal, exchanged for a session that only this process knows. It
 * has two halves: a cookie, which browsers show to all ports of an address, and a key, which they show to none.
 */
import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import type { Clock } from '../../base/clock.ts';

/** Milliseconds for which a link may be used. */
export const tokenLifetime = 10 * 60_000;
/** Browsers that may be signed in at a time; the oldest is forgotten first. */
const maxSessions = 16;

export interface SessionSecrets {
  readonly cookie: string;
  readonly key: string;
}

export class AccessToken {
  readonly #clock: Pick<Clock, 'monotonic'>;
  readonly #sessions: { readonly cookie: Buffer; readonly key: Buffer }[] = [];
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

  /** Returns a new session's secrets for a token that is right, unused and not too old; then the token is spent. */
  redeem(token: string): SessionSecrets | undefined {
    const held = this.#token;
    if (held === undefined || !timingSafeEqual(held.digest, digestOf(token))) return undefined;
    this.#token = undefined;
    if (this.#clock.monotonic() > held.expires) return undefined;
    const secrets = { cookie: randomBytes(32).toString('base64url'), key: randomBytes(16).toString('base64url') };
    this.#sessions.push({ cookie: digestOf(secrets.cookie), key: digestOf(secrets.key) });
    if (this.#sessions.length > maxSessions) this.#sessions.shift();
    return secrets;
  }

  /** Whether a cookie belongs to a session. All are compared, each in constant time. */
  accepts(cookie: string): boolean {
    const digest = digestOf(cookie);
    let found = false;
    for (const session of this.#sessions) found = timingSafeEqual(session.cookie, digest) || found;
    return found;
  }

  /** Whether cookie and key are those of one session. */
  acceptsBoth({ cookie, key }: SessionSecrets): boolean {
    const digests = { cookie: digestOf(cookie), key: digestOf(key) };
    let found = false;
    for (const session of this.#sessions) {
      const isCookie = timingSafeEqual(session.cookie, digests.cookie);
      const isKey = timingSafeEqual(session.key, digests.key);
      found = (isCookie && isKey) || found;
    }
    return found;
  }
}

function digestOf(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}
