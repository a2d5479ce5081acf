import { builtinModules } from 'node:module';
import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vite';

const root = fileURLToPath(new URL('../..', import.meta.url));

/** The helper as one file without dependencies: nothing of node_modules is loaded by root. */
export default defineConfig({
  root,
  publicDir: false,
  ssr: { noExternal: true, external: builtinModules.flatMap((name) => [name, `node:${name}`]) },
  build: {
    ssr: 'core/helper/main.ts',
    outDir: 'dist/helper',
    emptyOutDir: false,
    target: 'node24',
    minify: false,
    rolldownOptions: {
      output: { format: 'es', entryFileNames: 'main.js', codeSplitting: false },
    },
  },
});
