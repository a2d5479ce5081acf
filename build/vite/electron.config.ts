import { cpSync } from 'node:fs';
import { builtinModules } from 'node:module';
import { fileURLToPath } from 'node:url';
import { defineConfig, type EnvironmentOptions } from 'vite';
import { withoutYamlTracing } from './yaml-tracing.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));

/** One CommonJS file: a sandboxed preload script can load no other, and Electron before 28 starts no ES module. */
function bundle(name: 'main' | 'preload'): EnvironmentOptions {
  return {
    consumer: 'server',
    resolve: {
      noExternal: true,
      external: ['electron', ...builtinModules.flatMap((module) => [module, `node:${module}`])],
    },
    build: {
      ssr: `electron/${name}.ts`,
      outDir: 'dist/electron',
      emptyOutDir: false,
      target: 'node18',
      minify: false,
      rolldownOptions: { output: { format: 'cjs', entryFileNames: `${name}.cjs`, codeSplitting: false } },
    },
  };
}

/** Main process and preload script, with the icons beside them. */
export default defineConfig({
  root,
  publicDir: false,
  // Its form for Node wants diagnostics channels that Node 18 has not got, which the older Electron of the tests runs on.
  resolve: { alias: { 'lru-cache': `${root}node_modules/lru-cache/dist/esm/browser/index.min.js` } },
  plugins: [
    withoutYamlTracing(),
    {
      name: 'icons',
      buildApp() {
        cpSync(`${root}build/icons`, `${root}dist/electron/icons`, { recursive: true });
        return Promise.resolve();
      },
    },
  ],
  environments: { main: bundle('main'), preload: bundle('preload') },
  builder: {
    async buildApp(builder) {
      for (const name of ['main', 'preload']) {
        const environment = builder.environments[name];
        if (environment !== undefined) await builder.build(environment);
      }
    },
  },
});
