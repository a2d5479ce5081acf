/** Who may use a listener. Compares in constant time; an empty list lets everybody in. */
import { createHash, timingSafeEqual } from 'node:crypto';
import { policyAskedFor } from '../net/policy-credentials.ts';
import type { Credentials } from '../net/socks5.ts';

export class UserList {
  readonly #digests: readonly Buffer[];
  readonly #policyKey: string | undefined;

  /** `policyKey`: whoever has it may also say which policy a request takes. */
  constructor(users: readonly Credentials[], policyKey?: string) {
    this.#policyKey = policyKey;
    this.#digests = users.map(digest);
  }

  /** Whether nobody needs a password. */
  get open(): boolean {
    return this.#digests.length === 0;
  }

  /** The policy that is asked for with the key. */
  policyOf(credentials: Credentials | undefined): string | undefined {
    return this.#policyKey === undefined ? undefined : policyAskedFor(credentials, this.#policyKey);
  }

  admits(credentials: Credentials | undefined): boolean {
    if (this.open) return true;
    if (credentials === undefined) return false;
    const given = digest(credentials);
    return this.#digests.reduce((admitted, known) => timingSafeEqual(known, given) || admitted, false);
  }
}

function digest({ username, password }: Credentials): Buffer {
  return createHash('sha256')
    .update(JSON.stringify([username, password]))
    .digest();
}
