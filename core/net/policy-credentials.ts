/**
 * How the app says at our own mixed port which policy a download takes (`proxy` of a provider): as HTTP credentials with a key that the
 * helper hands to nobody but the owner of the configuration in force. Pure.
 */
import { createHash, timingSafeEqual } from 'node:crypto';
import type { Credentials } from './socks5.ts';

const username = 'mirage.policy';

export function policyCredentials(policy: string, key: string): Credentials {
  return { username, password: `${key}:${policy}` };
}

/** The policy that is asked for with this key; undefined for whoever does not have it. */
export function policyAskedFor(credentials: Credentials | undefined, key: string): string | undefined {
  if (credentials?.username !== username) return undefined;
  const at = credentials.password.indexOf(':');
  if (at < 0 || !timingSafeEqual(digest(credentials.password.slice(0, at)), digest(key))) return undefined;
  return credentials.password.slice(at + 1);
}

function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}
