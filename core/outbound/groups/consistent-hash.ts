/** Places for keys that move as little as can be when the number of places changes. */

/** FNV-1a of the text's UTF-16 units, 64 bits (http://www.isthe.com/chongo/tech/comp/fnv). */
export function textHash(text: string): bigint {
  let hash = 0xcbf29ce484222325n;
  for (let i = 0; i < text.length; i++) hash = BigInt.asUintN(64, (hash ^ BigInt(text.charCodeAt(i))) * 0x100000001b3n);
  return hash;
}

/** A place from 0 to `places` - 1 (Lamping and Veach, "A Fast, Minimal Memory, Consistent Hash Algorithm", 2014). */
export function jumpHash(key: bigint, places: number): number {
  let state = key;
  let place = -1;
  let next = 0;
  while (next < places) {
    place = next;
    state = BigInt.asUintN(64, state * 2862933555777941757n + 1n);
    next = Math.floor((place + 1) * (2 ** 31 / (Number(state >> 33n) + 1)));
  }
  return Math.max(0, place);
}
