import type { Plugin } from 'vite';

const traces = /node_process\.env\.LOG_(?:TOKENS|STREAM)/g;

/**
 * Without the tracing of the YAML parser: it reads `process.env` for every token, which takes longer than the token. Fails where another
 * version no longer does, so that this can go.
 */
export function withoutYamlTracing(): Plugin {
  return {
    name: 'without-yaml-tracing',
    transform(code, id) {
      if (!/[\\/]yaml[\\/]dist[\\/](?:parse[\\/]parser|compose[\\/]composer)\.js$/.test(id)) return null;
      const without = code.replaceAll(traces, 'false');
      if (without === code) throw new Error(`${id} reads no environment any more: build/vite/yaml-tracing.ts can go`);
      return { code: without, map: null };
    },
  };
}
