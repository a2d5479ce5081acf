/** The profiles of a list as people see them: by name, with the one in use marked, and without what is secret. */
import { existsSync } from 'node:fs';
import { basename, join, resolve } from 'node:path';
import { AppError } from '../base/app-error.ts';
import type { ProfileEntry } from '../contract/app.ts';
import type { ProfileFiles } from './profile-files.ts';
import type { IndexedProfile, ProfileIndexData } from './profile-index.ts';
import { shownAddress } from './shown-address.ts';
import { type KeptSubscription, nextLookAt } from './subscription.ts';

/** The one that is in the list by itself, and the one that was named. */
export const ownId = 'default';
export const namedId = 'named';

export interface EntryPlaces {
  /** The user's own directory. */
  readonly directory: string;
  readonly files: ProfileFiles;
  /** A file that was named for this run. */
  readonly named: string | undefined;
}

export function entriesOf({ active, profiles }: ProfileIndexData, places: EntryPlaces): ProfileEntry[] {
  const { directory, files, named } = places;
  const own = join(directory, 'profile.yaml');
  const kept = [
    // A file that has vanished is a profile that cannot be read, not one that nobody has.
    ...(existsSync(own) || files.hasLastGood(ownId)
      ? [{ id: ownId, name: 'profile', source: { kind: 'file', path: own } as const }]
      : []),
    ...profiles.map(({ id, name, source, subscription }) => ({
      id,
      name,
      source: sourceShown(source, files.sourceOf(id)),
      ...(subscription === undefined ? {} : { subscription: shown(subscription) }),
    })),
  ];
  const chosen = kept.some(({ id }) => id === active) ? active : kept[0]?.id === ownId ? ownId : null;
  const entries = kept.map((entry) => ({
    ...entry,
    active: named === undefined && entry.id === chosen,
    ...overrideOf(files, entry.id),
  }));
  if (named === undefined) return entries;
  const source = { kind: 'file', path: resolve(named) } as const;
  return [{ id: namedId, name: basename(named), source, active: true }, ...entries];
}

function overrideOf(files: ProfileFiles, id: string): Pick<ProfileEntry, 'override'> {
  const override = files.overrideState(id);
  return override === undefined ? {} : { override };
}

/** By id, else by name. Throws PROFILE_UNKNOWN. */
export function findEntry(entries: readonly ProfileEntry[], wanted: string): ProfileEntry {
  const found = entries.find(({ id }) => id === wanted) ?? entries.find(({ name }) => name === wanted);
  if (found !== undefined) return found;
  throw new AppError('PROFILE_UNKNOWN', `there is no profile "${wanted}"`, {
    expected: entries.length === 0 ? 'add one first' : `one of ${entries.map(({ name }) => `"${name}"`).join(', ')}`,
  });
}

/** The file's name without its ending, and a number where another profile has it. */
export function freeName(file: string, entries: readonly ProfileEntry[]): string {
  const name = file.replace(/\.ya?ml$/i, '').slice(0, 90) || 'profile';
  const taken = new Set([ownId, 'profile', namedId, ...entries.flatMap((entry) => [entry.name, entry.id])]);
  for (let number = 1; ; number++) {
    const candidate = number === 1 ? name : `${name} ${number}`;
    if (!taken.has(candidate)) return candidate;
  }
}

/** `path` is where all is that is kept of it here. */
function sourceShown(source: IndexedProfile['source'], path: string): ProfileEntry['source'] {
  switch (source.kind) {
    case 'file':
      return source;
    case 'text':
      return { ...source, path };
    case 'url':
      return { kind: 'url', address: shownAddress(source.url), path };
  }
}

function shown(kept: KeptSubscription): NonNullable<ProfileEntry['subscription']> {
  const { updatedAt, checkedAt, interval, info, error } = kept;
  const nextAt = nextLookAt(kept) ?? null;
  const rest = { ...(info === undefined ? {} : { info }), ...(error === undefined ? {} : { error }) };
  return { updatedAt, checkedAt, nextAt, interval, ...rest };
}
