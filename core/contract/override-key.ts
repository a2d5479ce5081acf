/**
 * The spelling of an override's keys, as users of other clients know it: `+key` puts items before those of the profile, `key+`
 * behind them, `key!` replaces a map whole, and `<key>` is a key that has such a mark itself. At the top level also the words
 * `prepend-rules`, `append-proxies` and the like.
 */

/** `patch`: maps are merged deep, everything else is replaced. */
export type OverrideWay = 'patch' | 'replace' | 'prepend' | 'append';

export interface OverrideKey {
  readonly key: string;
  readonly way: OverrideWay;
}

const words = /^(prepend|append)-(rules|proxies|proxy-groups|rule-providers|proxy-providers)$/;

export function parseOverrideKey(written: string, isTop: boolean): OverrideKey {
  const [, before = '', literal, after = ''] = /^(\+?)<(.+)>([+!]?)$/s.exec(written) ?? [];
  if (literal !== undefined) return { key: literal, way: wayOf(before, after) };
  const [, word, list] = (isTop ? words.exec(written) : null) ?? [];
  if (list !== undefined) return { key: list, way: word === 'prepend' ? 'prepend' : 'append' };
  // "+.example.com" is a pattern of names.
  const [, front = '', key = written, back = ''] = /^(\+(?!\.))?(.+?)([+!])?$/s.exec(written) ?? [];
  return { key, way: wayOf(front, back) };
}

function wayOf(before: string, after: string): OverrideWay {
  if (before === '+') return 'prepend';
  return after === '+' ? 'append' : after === '!' ? 'replace' : 'patch';
}
