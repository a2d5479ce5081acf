/** What there is in a comparison of two configurations. No schema here: windows ask it as well. */
import type { Changes, ConfigDiff } from './config-diff.ts';

/** The parts of which entries are compared one by one. */
export const diffParts = ['rules', 'subRules', 'nodes', 'groups', 'sets'] as const;
export type DiffPart = (typeof diffParts)[number];

export function isSame(diff: ConfigDiff): boolean {
  return diff.keys.length === 0 && diffParts.every((part) => countOf(diff[part]) === 0);
}

export function countOf({ added, removed, changed }: Changes): number {
  return added.count + removed.count + changed.count;
}
