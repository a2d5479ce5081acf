/** Where the app's profile comes from: a file of the user's, or nothing (everything DIRECT). */
import { readFile } from 'node:fs/promises';
import { AppError, errnoOf } from '../base/app-error.ts';
import type { Config } from '../contract/config.ts';
import type { ConfigProblem, ErrorCode } from '../contract/error.ts';

export interface LoadedProfile {
  /** The file that was read; null when there is none and the built-in default holds. */
  path: string | null;
  /** Absent when an error among `problems` forbids its use, or when there is no file. */
  config?: Config;
  /** The code to report with when an error forbids the profile's use. */
  failure?: ErrorCode;
  problems: ConfigProblem[];
}

export interface ProfileSource {
  /** Reads anew each time. A file that cannot be read is a problem in the answer, not a rejection. */
  load(): Promise<LoadedProfile>;
}

/** Text in Clash's YAML spelling to a configuration, with everything that is wrong with it. */
export type ProfileReader = (text: string) => Omit<LoadedProfile, 'path'>;

export class FileProfileSource implements ProfileSource {
  readonly #path: string;
  readonly #required: boolean;
  readonly #read: ProfileReader;

  /** With `required`, a missing file is a problem (the person named it); otherwise it means the default. */
  constructor(path: string, options: { required: boolean; read: ProfileReader }) {
    this.#path = path;
    this.#required = options.required;
    this.#read = options.read;
  }

  async load(): Promise<LoadedProfile> {
    let text: string;
    try {
      text = await readFile(this.#path, 'utf8');
    } catch (caught) {
      if (errnoOf(caught) === 'ENOENT' && !this.#required) return { path: null, problems: [] };
      return { path: this.#path, failure: 'CONFIG_INVALID', problems: [unreadable(this.#path, caught)] };
    }
    return { path: this.#path, ...this.#read(text) };
  }
}

function unreadable(path: string, caught: unknown): ConfigProblem {
  const missing = errnoOf(caught) === 'ENOENT';
  const message = missing ? `there is no file ${path}` : `${path} cannot be read: ${AppError.from(caught).message}`;
  return { severity: 'error', path: '', message };
}
