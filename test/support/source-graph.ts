/** The project's sources and their imports, read from the files themselves (no compiler needed). */
import fs from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = fileURLToPath(new URL('../..', import.meta.url));

export interface SourceFile {
  /** Relative to the root, with forward slashes. */
  readonly path: string;
  readonly text: string;
  /** Imported project files, relative to the root. */
  readonly imports: readonly string[];
  /** Imported packages and `node:` modules. */
  readonly packages: readonly string[];
}

const importPattern =
  /(?:^|[;\n])\s*(?:import|export)\s[^'";]*?from\s*['"]([^'"]+)['"]|(?:^|[;\n])\s*import\s*['"]([^'"]+)['"]|\bimport\(\s*['"]([^'"]+)['"]\s*\)/g;

/** Every .ts and .tsx file below the folders, without declaration files. */
export function readSources(folders: readonly string[]): SourceFile[] {
  const files: SourceFile[] = [];
  const visit = (relative: string): void => {
    for (const entry of fs.readdirSync(path.join(root, relative), { withFileTypes: true })) {
      const child = `${relative}/${entry.name}`;
      if (entry.isDirectory()) visit(child);
      else if (/\.tsx?$/.test(entry.name) && !entry.name.endsWith('.d.ts')) files.push(readSource(child));
    }
  };
  for (const folder of folders) if (fs.existsSync(path.join(root, folder))) visit(folder);
  return files;
}

/** Every file that people write by hand and read as code, with its length. */
export function writtenFiles(): { readonly path: string; readonly lines: number }[] {
  const isWritten = (file: string): boolean =>
    /\.(?:tsx?|m[jt]s|rs|css|py|sh)$/.test(file) && !/(?:^|\/)(?:node_modules|\.artifacts)\//.test(file);
  const below = (folder: string, recursive = true): string[] =>
    fs.readdirSync(path.join(root, folder), { recursive, encoding: 'utf8' }).map((file) => `${folder}/${file}`);
  return ['build', 'core', 'electron', 'native/src', 'renderer', 'test']
    .flatMap((folder) => below(folder))
    .concat(below('native', false))
    .filter(isWritten)
    .map((file) => ({ path: file, lines: fs.readFileSync(path.join(root, file), 'utf8').split('\n').length - 1 }));
}

function readSource(file: string): SourceFile {
  const text = fs.readFileSync(path.join(root, file), 'utf8');
  const specifiers = [...text.matchAll(importPattern)].map((match) => match[1] ?? match[2] ?? match[3] ?? '');
  return {
    path: file,
    text,
    imports: specifiers
      .filter((name) => name.startsWith('.'))
      .map((name) => path.posix.join(path.posix.dirname(file), name)),
    packages: specifiers.filter((name) => !name.startsWith('.')),
  };
}

/** What runs when a file is loaded, itself among it: what is imported as types only does not. */
export function loadedBy(start: string, files: readonly SourceFile[]): string[] {
  const byPath = new Map(files.map((file) => [file.path, file]));
  const found = new Set([start]);
  for (const each of found) {
    const { imports = [], text = '' } = byPath.get(each) ?? {};
    const types = [...text.matchAll(/^import type [^;]*? from '(\.[^']+)';$/gm)].map(([, name = '']) =>
      path.posix.join(path.posix.dirname(each), name),
    );
    for (const target of imports) if (!types.includes(target)) found.add(target);
  }
  return [...found];
}

/** Paths below native/src, with their text without comments. */
export function rustSources(): [file: string, text: string][] {
  const folder = path.join(root, 'native/src');
  return fs
    .readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.rs'))
    .map((file) => [file, fs.readFileSync(path.join(folder, file), 'utf8').replace(/^\s*\/\/.*$/gm, '')]);
}

export function withoutComments(file: SourceFile): string {
  return file.text.replace(/\/\*[\s\S]*?\*\//g, '').replace(/(^|\s)\/\/.*$/gm, '$1');
}

/** One cycle as `a -> b -> a`, type-only imports included (they couple all the same), or undefined. */
export function findCycle(files: readonly SourceFile[]): string | undefined {
  const byPath = new Map(files.map((file) => [file.path, file]));
  const done = new Set<string>();
  const visit = (file: string, trail: string[]): string | undefined => {
    const at = trail.indexOf(file);
    if (at >= 0) return [...trail.slice(at), file].join(' -> ');
    if (done.has(file)) return undefined;
    for (const target of byPath.get(file)?.imports ?? []) {
      const cycle = visit(target, [...trail, file]);
      if (cycle !== undefined) return cycle;
    }
    done.add(file);
    return undefined;
  };
  for (const file of files) {
    const cycle = visit(file.path, []);
    if (cycle !== undefined) return cycle;
  }
  return undefined;
}
