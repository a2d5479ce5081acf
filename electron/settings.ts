/** What the desktop app remembers between starts: one small JSON file. A broken file counts as none. */
import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { z } from 'zod';

const pixels = z.number().int().min(-100_000).max(100_000);

const settingsSchema = z.object({
  window: z
    .object({ x: pixels, y: pixels, width: pixels.positive(), height: pixels.positive(), maximized: z.boolean() })
    .optional(),
  /** What the window spoke last. */
  language: z.enum(['en', 'zh-CN']).optional(),
});
export type Settings = z.infer<typeof settingsSchema>;
export type WindowPlace = NonNullable<Settings['window']>;

export class SettingsFile {
  readonly #path: string;
  #settings: Settings;

  /** Reads `path` at once. */
  constructor(path: string) {
    this.#path = path;
    this.#settings = readSettings(path);
  }

  get settings(): Settings {
    return this.#settings;
  }

  /** Writes all of it, through a file beside it so that it is never half there. Throws what the file system says. */
  update(changes: Settings): void {
    this.#settings = { ...this.#settings, ...changes };
    mkdirSync(dirname(this.#path), { recursive: true, mode: 0o700 });
    const draft = `${this.#path}.new`;
    writeFileSync(draft, `${JSON.stringify(this.#settings, undefined, 2)}\n`, { mode: 0o600 });
    renameSync(draft, this.#path);
  }
}

function readSettings(path: string): Settings {
  try {
    return settingsSchema.catch({}).parse(JSON.parse(readFileSync(path, 'utf8')));
  } catch {
    return {};
  }
}
