/** Real programs of this kind and real geodata, where a machine has them: as `npm run bench` gets them, or in `MIRAGE_PEERS`. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { root } from './source-graph.ts';

const directories = [process.env['MIRAGE_PEERS'], join(root, 'node_modules/.cache/mirage/peers'), '/tmp/peers'];

/** Undefined where it is not there: tests with it are skipped. */
export function peerFile(name: string): string | undefined {
  return directories
    .flatMap((directory) => (directory === undefined ? [] : [join(directory, name)]))
    .find((path) => existsSync(path));
}
