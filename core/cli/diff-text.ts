/** What would become another in a profile, in lines for people. */
import type { Changes, ConfigDiff, Some } from '../contract/config-diff.ts';
import { countOf, type DiffPart, diffParts, isSame } from '../contract/diff-parts.ts';
import { plainText } from './plain-text.ts';
import { countOf as counted } from './quantity.ts';

const nouns: Readonly<Record<DiffPart, readonly [string, string]>> = {
  rules: ['rule', 'rules'],
  subRules: ['sub-rule list', 'sub-rule lists'],
  nodes: ['node', 'nodes'],
  groups: ['group', 'groups'],
  sets: ['set of rules', 'sets of rules'],
};

export function diffLines(diff: ConfigDiff): string[] {
  if (isSame(diff)) return ['nothing changes'];
  return [
    ...diffParts.flatMap((part) => partLines(part, diff[part])),
    ...diff.keys.flatMap((change) =>
      'before' in change
        ? [`  ${change.key}: ${plainText(change.before)} -> ${plainText(change.after)}`]
        : [`  ${change.key}:`, ...someLines('+', change.added), ...someLines('-', change.removed)],
    ),
    ...(diff.moreKeys === 0 ? [] : [`  and ${counted(diff.moreKeys, 'further key')}`]),
  ];
}

function partLines(part: DiffPart, changes: Changes): string[] {
  if (countOf(changes) === 0) return [];
  const { added, removed, changed } = changes;
  const isOrdered = part === 'rules';
  const parts = [
    [added, 'added'],
    [removed, 'removed'],
    [changed, isOrdered ? 'moved' : 'changed'],
  ] as const;
  const told = parts.flatMap(([{ count }, word]) => (count === 0 ? [] : [`${counted(count, ...nouns[part])} ${word}`]));
  return [
    `  ${told.join(', ')}`,
    ...someLines('+', added),
    ...someLines('-', removed),
    ...someLines(isOrdered ? '>' : '~', changed),
  ];
}

function someLines(mark: string, { count, first }: Some): string[] {
  const more = count - first.length;
  return [
    ...first.map((text) => `    ${mark} ${plainText(text)}`),
    ...(more === 0 ? [] : [`    ${mark} ... ${more} more`]),
  ];
}
