/** What Shadowsocks makes of a password. */
import { createHash } from 'node:crypto';
import { type ShadowsocksCipher, shadowsocksKeyLength } from '../contract/proxy-config.ts';

export interface ShadowsocksKeys {
  readonly key: Uint8Array;
  /** Of the servers that lead to the user's, the nearest first (SIP023). */
  readonly identities: readonly Uint8Array[];
}

/** Keys of servers before that of the user. */
const maxIdentities = 8;

const derivedLengths: Partial<Record<ShadowsocksCipher, number>> = { 'aes-128-gcm': 16, 'aes-192-gcm': 24 };

/** Undefined if the password is not one that the cipher can have (SIP022: keys of its length in base64). */
export function shadowsocksKeys(cipher: ShadowsocksCipher, password: string): ShadowsocksKeys | undefined {
  const length = shadowsocksKeyLength(cipher);
  if (length === undefined) return { key: derivedKey(password, derivedLengths[cipher] ?? 32), identities: [] };
  const keys = password.split(':').map((text) => keyOf(text, length));
  const key = keys.pop();
  const identities = keys.filter((each) => each !== undefined);
  if (key === undefined || identities.length < keys.length || identities.length > maxIdentities) return undefined;
  // Users are told apart by blocks of AES only.
  if (identities.length > 0 && !cipher.includes('aes')) return undefined;
  return { key, identities };
}

function keyOf(text: string, length: number): Uint8Array | undefined {
  if (!/^[\w+/-]+={0,2}$/.test(text)) return undefined;
  const bytes = Buffer.from(text, 'base64');
  return bytes.length === length ? bytes : undefined;
}

/** OpenSSL's EVP_BytesToKey with MD5 and without salt: each block is the hash of the one before and the password. */
function derivedKey(password: string, length: number): Uint8Array {
  const secret = Buffer.from(password, 'utf8');
  let block = Buffer.alloc(0);
  let key = Buffer.alloc(0);
  while (key.length < length) {
    block = createHash('md5').update(block).update(secret).digest();
    key = Buffer.concat([key, block]);
  }
  return key.subarray(0, length);
}
