import { chmodSync } from 'node:fs';
import { builtinModules } from 'node:module';
import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vite';
import { withoutYamlTracing } from './yaml-tracing.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));

/** The `mirage` command as one executable file. */
export default defineConfig({
  root,
  publicDir: false,
  plugins: [
    withoutYamlTracing(),
    { name: 'executable', writeBundle: () => chmodSync(`${root}dist/cli/main.js`, 0o755) },
  ],
  ssr: { noExternal: true, external: builtinModules.flatMap((name) => [name, `node:${name}`]) },
  build: {
    ssr: 'core/cli/main.ts',
    outDir: 'dist/cli',
    emptyOutDir: false,
    target: 'node24',
    minify: false,
    rolldownOptions: {
      output: { format: 'es', entryFileNames: 'main.js', codeSplitting: false },
    },
  },
});
