/** The configuration each user applied last: root's file, 0600, by uid. The helper can start with it when the app is gone. */
import { createHash } from 'node:crypto';
import { configFileOf, type HelperPaths } from '../base/paths.ts';
import { replaceFile } from '../base/replace-file.ts';
import { type Config, configSchema } from '../contract/config.ts';
import { readPrivateFile, setAside } from './private-file.ts';

export interface StoredConfig {
  readonly config: Config;
  /** First half of the sha256 of its JSON: equal configurations have equal ones. */
  readonly hash: string;
}

export class ConfigStore {
  readonly #paths: HelperPaths;
  readonly #onSetAside: (path: string) => void;

  /** `onSetAside` is told of a file that cannot be understood and lies beside now. */
  constructor(paths: HelperPaths, onSetAside: (path: string) => void) {
    this.#paths = paths;
    this.#onSetAside = onSetAside;
  }

  /** What this user applied last; undefined when nothing was, or it cannot be understood any more. */
  load(uid: number): StoredConfig | undefined {
    const path = configFileOf(this.#paths, uid);
    const text = readPrivateFile(path);
    if (text === undefined) return undefined;
    try {
      return stored(configSchema.parse(JSON.parse(text)));
    } catch {
      this.#onSetAside(setAside(path));
      return undefined;
    }
  }

  /** On disk when it returns. */
  save(uid: number, config: Config): StoredConfig {
    const text = JSON.stringify(config);
    replaceFile(configFileOf(this.#paths, uid), text);
    return stored(config, text);
  }
}

export function stored(config: Config, text = JSON.stringify(config)): StoredConfig {
  return { config, hash: createHash('sha256').update(text).digest('hex').slice(0, 32) };
}
