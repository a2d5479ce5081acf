/**
 * The files of the built renderer by URL path. Listed once, so that a path can only ever name a file that was there: there
 * is nothing to traverse.
 */
import { existsSync, readdirSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { extname, join } from 'node:path';
import { AppError } from '../../base/app-error.ts';

export interface RendererFile {
  bytes: Uint8Array<ArrayBuffer>;
  contentType: string;
  /** Its name carries a hash of its content: it may be kept for ever. */
  immutable: boolean;
}

const contentTypes: Record<string, string> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.json': 'application/json; charset=utf-8',
  '.svg': 'image/svg+xml',
  '.png': 'image/png',
  '.ico': 'image/x-icon',
  '.webp': 'image/webp',
  '.woff2': 'font/woff2',
  '.txt': 'text/plain; charset=utf-8',
  '.webmanifest': 'application/manifest+json',
};

export class RendererFiles {
  readonly #files: ReadonlyMap<string, string>;

  /** Lists `directory`; throws `INTERNAL` when it has no index.html (the renderer was not built). */
  constructor(directory: string) {
    const files = new Map(listFiles(directory, '/'));
    if (!files.has('/index.html')) {
      throw new AppError('INTERNAL', `the user interface is not built: no index.html in ${directory}`, {
        expected: 'run "npm run build"',
      });
    }
    this.#files = files;
  }

  /** The file at a URL path (`/` is the page itself), or undefined. The path is compared as it is, undecoded. */
  async read(path: string): Promise<RendererFile | undefined> {
    const name = path === '/' ? '/index.html' : path;
    const file = this.#files.get(name);
    if (file === undefined) return undefined;
    return {
      bytes: new Uint8Array(await readFile(file)),
      contentType: contentTypes[extname(name)] ?? 'application/octet-stream',
      immutable: /^\/assets\/.*-[\w-]{8,}\.\w+$/.test(name),
    };
  }
}

/** URL path and file of everything below `directory`; nothing when it does not exist. */
function listFiles(directory: string, path: string): [string, string][] {
  if (!existsSync(directory)) return [];
  return readdirSync(directory, { withFileTypes: true }).flatMap((entry): [string, string][] => {
    const file = join(directory, entry.name);
    if (entry.isDirectory()) return listFiles(file, `${path}${entry.name}/`);
    return entry.isFile() ? [[`${path}${entry.name}`, file]] : [];
  });
}
