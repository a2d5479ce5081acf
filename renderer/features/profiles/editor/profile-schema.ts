/** What the table of keys (`core/contract/profile-keys.ts`) says of a place of a profile: the keys that may stand there, and one of them. */
import type { KeyTextPath } from '../../../../core/contract/key-texts.ts';
import { keyParts, type ProfileKey } from '../../../../core/contract/profile-key.ts';
import { isDescribed, profileKeys } from '../../../../core/contract/profile-keys.ts';

interface KnownKey {
  readonly key: ProfileKey;
  readonly parts: readonly string[];
}

const known: readonly KnownKey[] = profileKeys.map((key) => ({ key, parts: keyParts(key.path) }));

/** The keys that may stand below these, each once. One that people name themselves is not among them. */
export function keysBelow(path: readonly string[]): readonly ProfileKey[] {
  const found = known.filter(({ parts }) => parts.length === path.length + 1 && isAlong(parts, path));
  return found.flatMap(({ key, parts }) => (/\*/.test(parts.at(-1) ?? '') ? [] : [key]));
}

/** Undefined for a key that is not known, and for one that people name themselves. */
export function keyAt(path: readonly string[]): ProfileKey | undefined {
  const found = known.filter(({ parts }) => parts.length === path.length && isAlong(parts, path));
  // "cfw-*" and the like are all that is said of theirs.
  return (found.find(({ parts }) => parts.at(-1) === path.at(-1)) ?? found.find(({ parts }) => parts.at(-1) !== '*'))
    ?.key;
}

/** Whether its items, or what stands below it, have keys of their own. */
export function hasKeysBelow(path: readonly string[]): boolean {
  return known.some(({ parts }) => parts.length > path.length && isAlong(parts, path));
}

/** Where its meaning is told in words. */
export function textPathOf({ path }: ProfileKey): KeyTextPath | undefined {
  return isDescribed(path) ? path : undefined;
}

/** Whether the beginning of the parts of a key fits the path. */
function isAlong(parts: readonly string[], path: readonly string[]): boolean {
  return path.every((name, at) => {
    const part = parts[at];
    if (part === undefined) return false;
    return part.endsWith('*') ? name.startsWith(part.slice(0, -1)) : part === name;
  });
}
