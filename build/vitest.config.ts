import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';

const root = fileURLToPath(new URL('..', import.meta.url));

/** One configuration for every tier; `build/scripts/test.mjs` names the folders a tier consists of. */
export default defineConfig({
  root,
  test: {
    include: ['test/**/*.spec.{ts,tsx}'],
    environment: 'node',
    pool: 'forks',
    testTimeout: 20_000,
    hookTimeout: 60_000,
    passWithNoTests: false,
  },
});
