/**
 * `npm run fuzz [-- TARGET...] [-- --seconds N] [--seed N] [--empty] [--keep]`: gives damaged input to everything that reads
 * foreign bytes, for a minute each. Targets: those of native/src/fuzz/mod.rs, guided by coverage, and `typescript`
 * (test/fuzz). `--empty` begins without the kept corpus; `--keep` writes what reaches most into native/corpus.
 */
import { spawn } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { checkToolchain, findProgram, main, nodeBinary, root, say, UserError, userEnvironment } from './toolchain.mjs';

const targetFolder = path.join(root, 'native', 'target', 'fuzzing');
const output = path.join(targetFolder, 'findings');
/** LLVM counts the edges that are passed; native/src/fuzz/coverage.rs reads the counts. Stable Rust can do that. */
const flags = [
  '-Cpasses=sancov-module',
  '-Cllvm-args=-sanitizer-coverage-level=3',
  '-Cllvm-args=-sanitizer-coverage-inline-8bit-counters',
];

await main(async (args) => {
  const { seconds, seed, empty, keep, names } = optionsOf(args);
  const natives = fs
    .readFileSync(path.join(root, 'native/src/fuzz/mod.rs'), 'utf8')
    .matchAll(/#\[test\]\nfn (\w+)/g)
    .map(([, name]) => name)
    .toArray();
  const all = [...natives, 'typescript'];
  const unknown = names.find((name) => !all.includes(name));
  if (unknown !== undefined) throw new UserError(`no target "${unknown}"; there are ${all.join(', ')}`);
  const wanted = names.length > 0 ? names : all;
  checkToolchain({ compiles: wanted.some((name) => natives.includes(name)) });
  fs.mkdirSync(output, { recursive: true });
  const env = {
    MIRAGE_FUZZ_SECONDS: String(seconds),
    ...(seed === undefined ? {} : { MIRAGE_FUZZ_SEED: seed }),
  };
  let failed = 0;
  for (const name of wanted) {
    const code = name === 'typescript' ? await fuzzTypeScript(env) : await fuzzNative(name, env, { empty, keep });
    if (code !== 0) failed += 1;
  }
  return failed === 0 ? 0 : 1;
});

async function fuzzNative(name, env, { empty, keep }) {
  const host = (await capture(findProgram('rustc'), ['-vV'])).output.match(/^host: (.+)$/m)?.[1];
  const finding = path.join(output, `${name}.finding`);
  fs.rmSync(finding, { force: true });
  const { code, output: printed } = await capture(
    findProgram('cargo'),
    // With --target, the flags are not for build scripts and macros, which have nobody to count for.
    ['test', '--profile', 'fuzz', '--locked', '--lib', '--target', host, '--manifest-path', 'native/Cargo.toml'].concat(
      ['--', '--exact', `fuzz::${name}`, '--nocapture'],
    ),
    {
      ...env,
      CARGO_TARGET_DIR: targetFolder,
      RUSTFLAGS: flags.join(' '),
      MIRAGE_FUZZ_OUTPUT: output,
      ...(empty ? { MIRAGE_FUZZ_EMPTY: '1' } : {}),
    },
  );
  if (code === 0) {
    say(printed.match(new RegExp(`^${name}: .+ inputs .+$`, 'm'))?.[0] ?? `${name}: done`);
    if (keep) fs.copyFileSync(path.join(output, `${name}.txt`), path.join(root, 'native', 'corpus', `${name}.txt`));
    return 0;
  }
  process.stderr.write(printed);
  const current = path.join(output, `${name}.current`);
  if (fs.existsSync(finding)) say(`${name}: the input is in ${path.relative(root, finding)}`);
  else if (fs.existsSync(current))
    say(`${name}: the process ended with this input: ${fs.readFileSync(current).toString('hex')}`);
  return code;
}

async function fuzzTypeScript(env) {
  const seconds = Number(env.MIRAGE_FUZZ_SECONDS);
  const { code, output: printed } = await capture(
    nodeBinary,
    [
      path.join(root, 'node_modules/vitest/vitest.mjs'),
      'run',
      '-c',
      'build/vitest.config.ts',
      `--testTimeout=${seconds * 1_000 + 20_000}`,
      'test/fuzz',
    ],
    env,
  );
  if (code === 0) say('typescript: nothing found');
  else process.stderr.write(printed);
  return code;
}

function optionsOf(args) {
  const names = [];
  const options = { seconds: 60, seed: undefined, empty: false, keep: false, names };
  for (let at = 0; at < args.length; at += 1) {
    const arg = args[at];
    if (arg === '--seconds') options.seconds = positive(arg, args[++at]);
    else if (arg === '--seed') options.seed = String(positive(arg, args[++at]));
    else if (arg === '--empty') options.empty = true;
    else if (arg === '--keep') options.keep = true;
    else if (arg !== '--') names.push(arg);
  }
  return options;
}

function positive(name, value) {
  const number = Number(value);
  if (!(number > 0)) throw new UserError(`${name} wants a number`);
  return number;
}

function capture(file, args, env = {}) {
  return new Promise((resolve) => {
    const child = spawn(file, args, {
      cwd: root,
      env: { ...userEnvironment(), ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const chunks = [];
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => chunks.push(chunk));
    child.on('error', (error) => resolve({ code: 1, output: error.message }));
    child.on('close', (code) => resolve({ code: code ?? 1, output: Buffer.concat(chunks).toString() }));
  });
}
