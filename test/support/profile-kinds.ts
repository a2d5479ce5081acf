/** The profiles of `test/core/profile/kinds`, each with what its comments say about it. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { root } from './source-graph.ts';

export interface ProfileKind {
  readonly name: string;
  readonly text: string;
  /** Whether mihomo loads it (`# mihomo: takes`). */
  readonly isTaken: boolean;
  /** Codes of the errors that are told here, in order (`# left out: ...`). */
  readonly leftOut: readonly string[];
}

export function profileKinds(): ProfileKind[] {
  const directory = join(root, 'test/core/profile/kinds');
  return readdirSync(directory)
    .filter((file) => file.endsWith('.yaml'))
    .toSorted()
    .map((file) => {
      const text = readFileSync(join(directory, file), 'utf8');
      const leftOut = /^# left out: (.*)$/m.exec(text)?.[1]?.trim().split(/\s+/) ?? [];
      return {
        name: file.replace(/\.yaml$/, ''),
        text,
        isTaken: /^# mihomo: takes$/m.test(text),
        leftOut: leftOut.toSorted(),
      };
    });
}
