/** Sets of names where patterns stand: `geosite:cn`, `rule-set:NAME`, several with commas between them. */
import { setNameOf } from '../contract/sets.ts';

/** The set that a text names, as `setNameOf` calls it; undefined for a pattern. */
export function nameSetOf(text: string): string | undefined {
  const [, kind = '', name = ''] = /^(geosite|rule-set):(.+)$/is.exec(text.trim()) ?? [];
  const payload = name.trim();
  if (payload === '' || payload.length > 255) return undefined;
  if (kind.toLowerCase() === 'rule-set') return setNameOf('RULE-SET', payload);
  return /^!?[\w!-]+(?:@[\w!-]+)*$/.test(payload) ? setNameOf('GEOSITE', payload) : undefined;
}

/** The parts of a key: what follows the first name of a set is of the same kind (`geosite:cn,private`). */
export function namedParts(key: string): string[] {
  const parts = key.split(',').map((text) => text.trim());
  const [, kind] = /^(geosite|rule-set):/i.exec(parts[0] ?? '') ?? [];
  if (kind === undefined) return parts;
  return parts.map((part) => (/^(?:geosite|rule-set):/i.test(part) || part === '' ? part : `${kind}:${part}`));
}
