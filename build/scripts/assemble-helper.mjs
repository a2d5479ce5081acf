/**
 * Puts the helper into a root-owned directory: Node runtime, bundle, addon. The bytes that are hashed are the bytes that
 * are written (each source is read once). What is there already is believed only when it is byte for byte what would be
 * written; it is on disk before it has its name, so that a power cut leaves the old one or the new one. Runs as root.
 */
import { createHash } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { nodeBinary, root, UserError } from './toolchain.mjs';

export const helperHome = '/usr/local/lib/mirage';
/** Node's flags for the helper: memory before the last tenth of speed, or a burst of questions leaves the heap large for good. */
export const helperFlags = JSON.parse(fs.readFileSync(path.join(root, 'build/helper-flags.json'), 'utf8'));

/** Assembles under `home` (default /usr/local/lib/mirage) and answers `{ node, main }` to run. Older assemblies are removed.
 * `mirage-helper` starts the one that is there, `mirage` the command line of this checkout. */
export function assembleHelper(home = helperHome) {
  const files = [
    { name: 'node', mode: 0o755, bytes: fs.readFileSync(nodeBinary) },
    { name: 'main.js', mode: 0o644, bytes: fs.readFileSync(path.join(root, 'dist/helper/main.js')) },
    { name: 'mirage.node', mode: 0o644, bytes: fs.readFileSync(path.join(root, 'native/mirage.node')) },
    { name: 'package.json', mode: 0o644, bytes: Buffer.from('{"type":"module"}\n') },
  ];
  const hash = createHash('sha256');
  for (const file of files) hash.update(file.name).update(file.bytes);
  const directory = path.join(home, `helper-${hash.digest('hex').slice(0, 16)}`);

  fs.mkdirSync(home, { recursive: true, mode: 0o755 });
  assertRootOwned(home);
  if (!isIntact(directory, files)) {
    const draft = fs.mkdtempSync(path.join(home, '.draft-'));
    for (const file of files) writeDurably(path.join(draft, file.name), file.bytes, file.mode);
    fs.chmodSync(draft, 0o755);
    syncDirectory(draft);
    // A directory cannot be renamed over another; what lies there is removed with the other drafts.
    if (exists(directory)) fs.renameSync(directory, path.join(fs.mkdtempSync(path.join(home, '.draft-')), 'old'));
    fs.renameSync(draft, directory);
    syncDirectory(home);
  }
  writeLauncher(home, 'mirage-helper', [`${directory}/node`, ...helperFlags, `${directory}/main.js`]);
  writeLauncher(home, 'mirage', [`${directory}/node`, path.join(root, 'dist/cli/main.js')]);
  for (const name of fs.readdirSync(home)) {
    const other = path.join(home, name);
    if (/^(helper-[0-9a-f]{16}|\.draft-.*)$/.test(name) && other !== directory)
      fs.rmSync(other, { recursive: true, force: true });
  }
  return { node: path.join(directory, 'node'), main: path.join(directory, 'main.js') };
}

/** A small program beside the assemblies, which starts what is there now: `mirage-helper`, and the command line `mirage`. */
function writeLauncher(home, name, command) {
  const draft = path.join(home, '.draft-launcher');
  fs.rmSync(draft, { recursive: true, force: true });
  writeDurably(draft, `#!/bin/sh\nexec ${command.map(quoted).join(' ')} "$@"\n`, 0o755);
  const launcher = path.join(home, name);
  if (exists(launcher) && fs.lstatSync(launcher).isDirectory()) fs.rmSync(launcher, { recursive: true });
  fs.renameSync(draft, launcher);
  syncDirectory(home);
}

/** One word of a shell, whatever is in it (sh(1), quoting). */
function quoted(text) {
  return `'${text.replaceAll("'", "'\\''")}'`;
}

/** Whether exactly these files are there, root's alone to change, with these bytes: nothing less, nothing more, no link. */
function isIntact(directory, files) {
  const isRoots = (status, mode) => status.uid === 0 && status.gid === 0 && (status.mode & 0o7777) === mode;
  try {
    const status = fs.lstatSync(directory);
    if (!status.isDirectory() || !isRoots(status, 0o755)) return false;
    if (fs.readdirSync(directory).length !== files.length) return false;
    return files.every(({ name, mode, bytes }) => {
      const file = path.join(directory, name);
      const there = fs.lstatSync(file);
      return there.isFile() && there.nlink === 1 && isRoots(there, mode) && fs.readFileSync(file).equals(bytes);
    });
  } catch {
    return false;
  }
}

function exists(file) {
  return fs.lstatSync(file, { throwIfNoEntry: false }) !== undefined;
}

/** A new file with this mode whatever the umask, on disk when it returns (fsync(2)). */
function writeDurably(file, bytes, mode) {
  const descriptor = fs.openSync(file, 'wx', mode);
  try {
    fs.writeFileSync(descriptor, bytes);
    fs.fchmodSync(descriptor, mode);
    fs.fsyncSync(descriptor);
  } finally {
    fs.closeSync(descriptor);
  }
}

function syncDirectory(directory) {
  const descriptor = fs.openSync(directory, 'r');
  try {
    fs.fsyncSync(descriptor);
  } finally {
    fs.closeSync(descriptor);
  }
}

/** Every folder on the way must be root's and closed to others, or somebody else could put a file in. */
function assertRootOwned(directory) {
  for (let at = fs.realpathSync(directory); ; at = path.dirname(at)) {
    const status = fs.statSync(at);
    const open = (status.mode & 0o022) !== 0 && (status.mode & 0o1000) === 0;
    if (status.uid !== 0 || open)
      throw new UserError(`${at} must be owned by root and writable by nobody else; the helper is not installed there`);
    if (at === path.dirname(at)) return;
  }
}
