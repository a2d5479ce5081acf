/** Installs the packages and builds everything into dist/: addon, helper, CLI, Electron main and preload, renderer. */
import { createHash } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import {
  checkToolchain,
  findProgram,
  invokingUser,
  main,
  nodeBinary,
  root,
  run,
  step,
  userEnvironment,
} from './toolchain.mjs';

const vite = path.join(root, 'node_modules', 'vite', 'bin', 'vite.js');

/** Each part: its sources (folders or files), its results, how to make it. Rebuilt only when a source has changed. */
const parts = [
  {
    name: 'native addon (Rust; a few minutes the first time)',
    sources: ['native/src', 'native/Cargo.toml', 'native/Cargo.lock', 'native/build.rs'],
    results: ['native/mirage.node'],
    async make() {
      await run(findProgram('cargo'), ['build', '--release', '--locked', '--manifest-path', 'native/Cargo.toml'], {
        env: cargoEnvironment(),
      });
      replaceFile('native/target/release/libmirage_native.so', 'native/mirage.node');
    },
  },
  {
    name: 'helper',
    sources: ['core', 'build/vite/helper.config.ts'],
    results: ['dist/helper/main.js'],
    make: () => bundle('helper'),
  },
  {
    name: 'command line',
    sources: ['core', 'build/vite/cli.config.ts'],
    results: ['dist/cli/main.js'],
    make: () => bundle('cli'),
  },
  {
    name: 'Electron main and preload',
    sources: ['core', 'electron', 'build/vite/electron.config.ts'],
    results: ['dist/electron/main.cjs', 'dist/electron/preload.cjs'],
    make: () => bundle('electron'),
  },
  {
    name: 'renderer',
    sources: ['core/contract', 'renderer', 'build/vite/renderer.config.ts'],
    results: ['dist/renderer/index.html'],
    make: () => bundle('renderer'),
  },
];

const native = parts[0];
const stampFile = path.join(root, 'dist', 'build-stamps.json');

/** Installs what package-lock.json names, then builds the parts whose sources changed since the last time. */
export async function build() {
  const stamps = fs.existsSync(stampFile) ? JSON.parse(fs.readFileSync(stampFile, 'utf8')) : {};
  const stale = parts.filter((part) => stamps[part.name] !== stampOf(part) || !hasResults(part));
  checkToolchain({ compiles: stale.includes(native) });
  await installPackages();
  for (const part of stale) {
    await step(`building ${part.name}`, part.make);
    stamps[part.name] = stampOf(part);
    fs.mkdirSync(path.dirname(stampFile), { recursive: true });
    fs.writeFileSync(stampFile, JSON.stringify(stamps, null, 2));
  }
  if (stale.length === 0) return;
  replaceFile('native/mirage.node', 'dist/helper/mirage.node');
  giveToInvokingUser('dist');
  giveToInvokingUser('native/mirage.node');
}

function hasResults(part) {
  return part.results.every((file) => fs.existsSync(path.join(root, file)));
}

async function installPackages() {
  const lock = fs.readFileSync(path.join(root, 'package-lock.json'));
  const marker = path.join(root, 'node_modules', '.mirage-lock');
  const hash = createHash('sha256').update(lock).digest('hex');
  if (fs.existsSync(nodeBinary) && fs.existsSync(marker) && fs.readFileSync(marker, 'utf8') === hash) return;
  await step('installing packages (npm ci)', () =>
    run(findProgram('npm'), ['ci', '--no-audit', '--no-fund', '--loglevel=error']),
  );
  fs.writeFileSync(marker, hash);
}

/** A copy under the old name, as a file of its own: a process that has the old one mapped would die of being written over. */
function replaceFile(from, to) {
  const draft = path.join(root, `${to}.new`);
  fs.copyFileSync(path.join(root, from), draft);
  fs.renameSync(draft, path.join(root, to));
}

function bundle(name) {
  return run(nodeBinary, [vite, 'build', '--logLevel', 'warn', '-c', `build/vite/${name}.config.ts`]);
}

/** Cargo writes into native/target; where the machine's default directory differs, ours wins. */
function cargoEnvironment() {
  return { ...userEnvironment(), CARGO_TARGET_DIR: path.join(root, 'native', 'target') };
}

/** Hash of everything that a part is made from. */
function stampOf(part) {
  const hash = createHash('sha256');
  const visit = (file) => {
    const status = fs.statSync(file, { throwIfNoEntry: false });
    if (status === undefined) return;
    if (status.isDirectory()) {
      for (const name of fs.readdirSync(file).sort()) visit(path.join(file, name));
    } else {
      hash.update(path.relative(root, file)).update('\0').update(fs.readFileSync(file)).update('\0');
    }
  };
  for (const source of [...part.sources, 'package-lock.json']) visit(path.join(root, source));
  return hash.digest('hex');
}

/** With sudo, files written by this process itself would stay root's. */
function giveToInvokingUser(folder) {
  const user = invokingUser();
  if (!user.changed) return;
  const visit = (file) => {
    fs.lchownSync(file, user.uid, user.gid);
    if (fs.lstatSync(file).isDirectory()) for (const name of fs.readdirSync(file)) visit(path.join(file, name));
  };
  visit(path.join(root, folder));
}

if (process.argv[1] === import.meta.filename || process.argv[1]?.endsWith('/build/scripts/build.mjs'))
  await main(() => build());
