/** Finds the key that a person asks about, however much of its path is said, and what may have been meant. Pure. */
import { keyParts, type ProfileKey } from '../contract/profile-key.ts';
import { profileKeys } from '../contract/profile-keys.ts';
import { closestWord } from './closest-word.ts';

/** Keys of one name, and what may have been meant, that are told. */
const maxFound = 8;

export type KeyAnswer =
  | { readonly kind: 'found'; readonly keys: readonly ProfileKey[] }
  /** No key is called so; these are near. */
  | { readonly kind: 'unknown'; readonly near: readonly string[] };

/**
 * `dns.fake-ip-filter`; `proxy-groups.url-test.tolerance` and `rule-providers.NAME.interval` with what people name; `tolerance` alone,
 * which may be several.
 */
export function explainKey(asked: string): KeyAnswer {
  const parts = keyParts(asked.trim().slice(0, 200));
  const matching = profileKeys.filter((key) => matches(key, parts));
  const keys = matching.length > 0 ? matching : profileKeys.filter(({ path }) => isLast(keyParts(path), parts));
  return keys.length > 0 ? { kind: 'found', keys: keys.slice(0, maxFound) } : { kind: 'unknown', near: nearest(parts) };
}

function matches({ path, only }: ProfileKey, asked: readonly string[]): boolean {
  const parts = keyParts(path);
  if (isAlong(parts, asked)) return true;
  // A type of group, or a name, may stand between the list and its key.
  if (!path.includes('[]') || asked.length !== parts.length + 1) return false;
  const [list, type, ...rest] = asked;
  return (only === undefined || only === type) && isAlong(parts, [list ?? '', ...rest]);
}

function isAlong(parts: readonly string[], asked: readonly string[]): boolean {
  // What a "*" of a key means: "cfw-bypass" is of "cfw-*". Of a map that people name the name may be left out.
  const shorter = parts.filter((part) => part !== '*');
  const fits = (wanted: readonly string[]): boolean =>
    wanted.length === asked.length && wanted.every((part, i) => isPart(part, asked[i] ?? ''));
  return fits(parts) || fits(shorter);
}

function isPart(part: string, asked: string): boolean {
  if (part === '*') return asked !== '';
  return part.endsWith('-*') ? asked.startsWith(part.slice(0, -1)) : part.toLowerCase() === asked.toLowerCase();
}

function isLast(parts: readonly string[], asked: readonly string[]): boolean {
  return isAlong(parts.slice(-asked.length), asked);
}

function nearest(asked: readonly string[]): string[] {
  const last = asked.at(-1) ?? '';
  const names = new Map<string, string[]>();
  for (const { path } of profileKeys) {
    const name = keyParts(path).at(-1) ?? '';
    names.set(name, [...(names.get(name) ?? []), path]);
  }
  const known = names.has(last) ? last : closestWord(last, [...names.keys()]);
  const contained = [...names.keys()].filter((name) => last.length >= 3 && name.includes(last.toLowerCase()));
  const paths = [...(known === undefined ? [] : [known]), ...contained].flatMap((name) => names.get(name) ?? []);
  // Those of the section that was named go first.
  const inSection = (path: string): number => (keyParts(path)[0] === asked[0] ? 0 : 1);
  return [...new Set(paths)].toSorted((a, b) => inSection(a) - inSection(b)).slice(0, maxFound);
}
