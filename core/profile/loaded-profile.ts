/** A profile as it was read from where it lies: what was understood, or why nothing was. */
import { dirname } from 'node:path';
import { isLoopback } from '../base/address.ts';
import { AppError } from '../base/app-error.ts';
import { anywhere, distanceOfHost } from '../base/nearness.ts';
import { parseUrl } from '../base/parse-url.ts';
import type { Config } from '../contract/config.ts';
import type { ConfigProblem, ErrorCode } from '../contract/error.ts';
import { FileSource } from './file-source.ts';
import { problemOf } from './problem-list.ts';
import { loadProfile, type ParsedProfile, type Wanted } from './profile-loader.ts';
import { noContents, type ProviderSource } from './provider-contents.ts';

export interface LoadedProfile {
  /** Which of the list it is; absent when it is none of them. */
  readonly id?: string;
  /** What was read; null when there is no profile and the built-in default holds. */
  readonly path: string | null;
  /** As it was read; empty for the built-in default and when it could not be read. */
  readonly text: string;
  /** What was merged on top of it. */
  readonly override?: OverrideText;
  /** Absent when an error among `problems` forbids its use. */
  readonly config?: Config;
  /** The code to report with; present when `config` is absent. */
  readonly failure?: ErrorCode;
  readonly problems: ConfigProblem[];
  /** What it names and does not contain; absent when it is not a profile at all. */
  readonly wanted?: Wanted;
  /** The line of each rule of `config`; negative: in the override. */
  readonly ruleLines?: readonly number[];
  /** Where files that it names may be; undefined where none may. */
  readonly directory?: string;
}

/** The last version of a profile that was in force, and since when (Unix milliseconds). */
export interface LastGood {
  readonly config: Config;
  readonly at: number;
}

export interface OverrideText {
  readonly path: string;
  readonly text: string;
}

/** Where a profile lies, and whether the person wrote it, or it was downloaded or handed over. */
export interface ProfilePlace {
  readonly kind: 'file' | 'url' | 'text';
  readonly path: string;
  /** Of one that was downloaded, as far as it may be shown. */
  readonly address?: string;
}

export interface ReadingOptions {
  /** What there is of what profiles name, for one of this directory. */
  readonly contents?: ContentsOf;
  /** Whether ports below 1024 are opened for whoever applies it. */
  readonly lowPorts?: boolean;
}

export type ContentsOf = (directory: string | undefined) => ProviderSource;

/** Reads and understands what is there. Never rejects: one that cannot be read is a problem in the answer. */
export async function understand(
  place: ProfilePlace,
  options: ReadingOptions = {},
  override?: OverrideText,
): Promise<LoadedProfile> {
  const { path } = place;
  const directory = directoryOf(place);
  try {
    const text = await new FileSource(path).read();
    return {
      path,
      text,
      ...(directory === undefined ? {} : { directory }),
      ...(override === undefined ? {} : { override }),
      ...readText(place, text, options, override?.text),
    };
  } catch (caught) {
    return unreadable(path, caught);
  }
}

/** What was downloaded or handed over opens no port to the network: that takes the word of the person, and another one wrote it. */
export function readText(place: ProfilePlace, text: string, options: ReadingOptions, override?: string): ParsedProfile {
  const { contents = () => noContents, lowPorts } = options;
  const read = loadProfile(text, contents(directoryOf(place)), {
    from: distanceOf(place),
    ...(lowPorts === undefined ? {} : { lowPorts }),
    ...(override === undefined ? {} : { override }),
  });
  const mixed = read.config?.mixed;
  // An override is the word of the person.
  const said = (key: string): boolean => read.overridden?.has(key) === true;
  const isMeant = said('allow-lan') && ((mixed?.users.length ?? 0) > 0 || said('allow-lan-without-users'));
  if (place.kind === 'file' || read.config === undefined || mixed == null || isMeant || isLoopback(mixed.address))
    return read;
  const config = { ...read.config, mixed: { ...mixed, address: '127.0.0.1' } };
  return { ...read, config, problems: [...read.problems, problemOf('warning', 'allow-lan', 'LAN_OF_SUBSCRIPTION')] };
}

/** How far whoever wrote it is: a server may name what is as near as itself. */
function distanceOf({ kind, address }: ProfilePlace): number {
  if (kind === 'file') return 0;
  const host = address === undefined ? undefined : parseUrl(address)?.hostname;
  return host === undefined ? anywhere : distanceOfHost(host);
}

/** Throws CONFIG_* with its problems when it forbids its use. */
export function assertUsable({ config, failure, problems }: ParsedProfile): void {
  if (config !== undefined) return;
  const errors = problems.filter(({ severity }) => severity === 'error');
  throw new AppError(
    failure ?? 'CONFIG_INVALID',
    `what came cannot be used: ${errors[0]?.message ?? 'it is not a profile'}`,
    { problems: errors },
  );
}

export function unreadable(path: string, caught: unknown): LoadedProfile {
  const { code, message, expected } = AppError.from(caught);
  const hint = expected === undefined ? undefined : { write: expected };
  const problem = problemOf('error', '', 'FILE_UNREADABLE', { reason: message }, hint);
  return { path, text: '', failure: code, problems: [problem] };
}

/** Where its files may be. Only what is a file itself can name any. */
function directoryOf({ kind, path }: ProfilePlace): string | undefined {
  return kind === 'file' ? dirname(path) : undefined;
}
