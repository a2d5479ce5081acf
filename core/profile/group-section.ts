/**
 * The `proxy-groups` of a profile. What a group names and is not there is left out and named; a group that nothing is left of stays,
 * and refuses what comes to it.
 */

import type { SearchBudget } from '../base/expression/bounded-expression.ts';
import {
  balanceStrategies,
  type GroupConfig,
  type GroupTest,
  type GroupType,
  groupTypes,
  usualTest,
} from '../contract/config.ts';
import { profileNotes } from '../contract/profile-notes.ts';
import { clip } from './clip.ts';
import { type KnownNode, type KnownNodes, type MemberWishes, membersOf, usedProviders } from './group-members.ts';
import { type NameFilter, parseNameFilters } from './name-filter.ts';
import type { PolicyNames } from './policy-names.ts';
import { readTestKeys } from './test-keys.ts';
import { YamlMap } from './yaml-map.ts';
import type { YamlValue } from './yaml-value.ts';

/** A group as it is written. Its members are known when all groups are. */
export interface WrittenGroup {
  readonly name: string;
  readonly type: GroupType;
  readonly map: YamlMap;
  /** Where its name stands. */
  readonly at: YamlValue;
}

/** Reads names and types of the list; every name is made known to `names`, so that rules, servers and groups may have it. */
export function readGroupNames(value: YamlValue, names: PolicyNames): WrittenGroup[] {
  const groups = new Map<string, WrittenGroup>();
  for (const item of value.lenient.list('GROUPS') ?? []) {
    const map = YamlMap.of(item, 'any');
    const at = map?.need('name', 'GROUP_NAME');
    const name = at?.exactText();
    if (map === undefined || at === undefined || name === undefined) continue;
    if (name === '' || name.length > 255) {
      at.warning(name === '' ? 'GROUP_NAME_EMPTY' : 'GROUP_NAME_TOO_LONG', {}, 'ANOTHER_NAME');
      continue;
    }
    const type = map.need('type', { code: 'WORDS', values: { words: groupTypes.join(', ') } })?.choice(groupTypes);
    if (!names.add(name, { kind: type === undefined ? 'left-out' : 'group' })) {
      at.strict.leftOut('NAME_TAKEN', { name: clip(name) }, 'ANOTHER_NAME');
      continue;
    }
    if (type !== undefined) groups.set(name, { name, type, map, at });
  }
  if (groups.size > 1_000) value.error('TOO_MANY', { limit: '1,000' });
  return [...groups.values()];
}

export interface ReadGroups {
  readonly groups: GroupConfig[];
  /** The proxy providers that each takes nodes of. */
  readonly providers: ReadonlyMap<string, readonly string[]>;
}

/** Reads the rest of them. A member by which a group would lead to itself is left out. `budget`: what filters may take. */
export function readGroups(
  written: readonly WrittenGroup[],
  known: KnownNodes,
  names: PolicyNames,
  budget: SearchBudget,
): ReadGroups {
  const kinds = new Map<string, string>(written.map(({ name, type }) => [name, type]));
  for (const { name, kind } of known.own) kinds.set(name, kind);
  const places = new Map<string, YamlValue>();
  const providers = new Map<string, readonly string[]>();
  const groups = written.map((group) => {
    const wishes = readWishes(group, kinds, known, names, budget);
    const used = usedProviders(wishes, known);
    places.set(group.name, group.at);
    providers.set(group.name, used);
    const test = used.flatMap((name) => known.tests?.get(name) ?? [])[0];
    const members = membersOf(wishes, known);
    const instead = readFallback(group, kinds, names);
    return { ...readSettings(group, test), members: members.length === 0 ? instead : members };
  });
  return { groups: withoutCycles(groups, places), providers };
}

function readWishes(
  { name, map, at }: WrittenGroup,
  kinds: ReadonlyMap<string, string>,
  known: KnownNodes,
  names: PolicyNames,
  budget: SearchBudget,
): MemberWishes {
  const listed = map.take('proxies');
  const named: KnownNode[] = [];
  for (const item of listed?.oneOrList('MEMBERS') ?? []) {
    const member = item.exactText();
    if (member === undefined) continue;
    const kind = kinds.get(member) ?? names.builtInKind(member);
    if (kind !== undefined) named.push({ name: member, kind });
    else item.strict.leftOut('GROUP_MEMBER', { group: clip(name), member: clip(member) });
  }
  const useAt = map.take('use');
  const use: string[] = [];
  for (const item of useAt?.oneOrList('PROVIDERS') ?? []) {
    const provider = item.exactText();
    if (provider === undefined) continue;
    if (known.providers.has(provider)) use.push(provider);
    else item.strict.leftOut('GROUP_PROVIDER', { group: clip(name), provider: clip(provider) });
  }
  const isAll = map.take('include-all')?.boolean() === true;
  const includeAllProxies = map.take('include-all-proxies')?.boolean() === true || isAll;
  const includeAllProviders = map.take('include-all-providers')?.boolean() === true || isAll;
  const namesNone = [listed, useAt].every((value) => value === undefined || value.isEmptyList);
  if (namesNone && !includeAllProxies && !includeAllProviders) {
    at.strict.leftOut('GROUP_WITHOUT_MEMBERS', { group: clip(name) });
  }
  const filters = readFilters(map.take('filter'), budget);
  const excludeFilters = readFilters(map.take('exclude-filter'), budget);
  const excludeTypes = map.take('exclude-type')?.oneOrList('TEXT') ?? [];
  return {
    named,
    use,
    includeAllProxies,
    includeAllProviders,
    filters,
    excludeFilters,
    excludeKinds: new Set(
      excludeTypes.flatMap((item) => item.text()?.split('|') ?? []).map((word) => word.trim().toLowerCase()),
    ),
  };
}

/** What a group leads to while nothing is left of it (`empty-fallback`): without one it refuses. */
function readFallback({ map, name }: WrittenGroup, kinds: ReadonlyMap<string, string>, names: PolicyNames): string[] {
  const value = map.take('empty-fallback');
  const policy = value?.exactText();
  if (value === undefined || policy === undefined || policy === '') return [];
  if (kinds.has(policy) || names.builtInKind(policy) !== undefined) return [policy];
  value.strict.leftOut('GROUP_MEMBER', { group: clip(name), member: clip(policy) });
  return [];
}

/** One that cannot be understood takes nothing: without it the group would lead elsewhere. */
function readFilters(value: YamlValue | undefined, budget: SearchBudget): readonly NameFilter[] {
  const text = value?.text();
  if (value === undefined || text === undefined || text === '') return [];
  const parsed = parseNameFilters(text, budget);
  if (parsed.ok) return parsed.filters;
  value.strict.leftOut('GROUP_FILTER', { reason: parsed.reason });
  return [{ matches: () => false }];
}

function readSettings(
  { name, type, map }: WrittenGroup,
  ofProvider: GroupTest | undefined,
): Omit<GroupConfig, 'members'> {
  const strategy = map.take('strategy')?.choice(balanceStrategies);
  const icon = map.take('icon')?.text();
  const initial = map.take('default-selected')?.exactText();
  const settings: Omit<GroupConfig, 'members'> = {
    name,
    type,
    test: readTest(map, type, ofProvider),
    ...(type === 'load-balance' ? { strategy: strategy ?? 'consistent-hashing' } : {}),
    ...(type !== 'select' || initial === undefined || initial === '' ? {} : { initial: initial.slice(0, 255) }),
    udp: map.take('disable-udp')?.boolean() !== true,
    hidden: map.take('hidden')?.boolean() === true,
    ...(icon === undefined || icon === '' || icon.length > 2048 ? {} : { icon }),
  };
  map.warnOfRest(profileNotes['proxy-groups[]']);
  return settings;
}

function readTest(map: YamlMap, type: GroupType, ofProvider: GroupTest | undefined): GroupTest {
  const isAutomatic = type !== 'select' && type !== 'relay';
  const saysUrl = (map.take('url')?.text()?.trim() ?? '') !== '';
  const keys = readTestKeys(map, isAutomatic ? usualTest.interval : 0);
  const tolerance = map.take('tolerance')?.integer(0, 65_535) ?? usualTest.tolerance;
  // As in Clash: where a person chooses, and the group says no address, what its provider knows of the nodes is shown.
  if (isAutomatic || saysUrl || ofProvider === undefined) return { ...keys, tolerance };
  const { url, timeout, expectedStatus } = ofProvider;
  return { ...keys, tolerance, url, timeout, expectedStatus };
}

/** Groups may have groups, but none may lead to itself: Clash refuses the profile then. */
function withoutCycles(groups: readonly GroupConfig[], places: ReadonlyMap<string, YamlValue>): GroupConfig[] {
  const byName = new Map(groups.map((group) => [group.name, group]));
  const done = new Map<string, GroupConfig>();
  const open: string[] = [];
  const visit = (group: GroupConfig): void => {
    if (done.has(group.name)) return;
    open.push(group.name);
    const members = group.members.filter((member) => {
      const below = byName.get(member);
      if (below === undefined) return true;
      const from = open.indexOf(member);
      if (from < 0) {
        visit(below);
        return true;
      }
      const cycle = [...open.slice(from), member].map((name) => clip(name)).join(' -> ');
      places.get(group.name)?.strict.leftOut('GROUP_CYCLE', { cycle, member: clip(member) });
      return false;
    });
    open.pop();
    done.set(group.name, { ...group, members });
  };
  for (const group of groups) visit(group);
  return groups.flatMap(({ name }) => done.get(name) ?? []);
}
