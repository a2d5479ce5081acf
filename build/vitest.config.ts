import os from 'node:os';
import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';
import { alone, LongestFirst, sharing } from './test-order.ts';

const root = fileURLToPath(new URL('..', import.meta.url));

/** One configuration for every tier; `build/scripts/test.mjs` names the folders a tier consists of. */
export default defineConfig({
  root,
  test: {
    environment: 'node',
    pool: 'forks',
    // Vitest leaves one processor to itself, which is half of two.
    maxWorkers: os.availableParallelism(),
    // Bounds for what hangs, not for what is slow: the machine may be busy.
    testTimeout: 600_000,
    hookTimeout: 600_000,
    expect: { poll: { timeout: 30_000 } },
    passWithNoTests: false,
    sequence: { sequencer: LongestFirst },
    projects: [
      {
        extends: true,
        test: { name: 'sharing', include: sharing, isolate: false, setupFiles: ['test/support/leftovers.ts'] },
      },
      { extends: true, test: { name: 'apart', include: ['test/**/*.spec.{ts,tsx}'], exclude: [...sharing, ...alone] } },
      { extends: true, test: { name: 'alone', include: alone } },
    ],
  },
});
