/**
 * `npm test`: installs what it needs, builds, runs every tier (or those named), and ends in one line
 * `N passed, N failed, N skipped`, with the reason of each skip above it. With CI=true a tier that cannot run fails.
 */
import { spawn } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { build } from './build.mjs';
import {
  browserPackages,
  electronPackages,
  installSystemPackages,
  peerPackages,
  unpackSystemPackages,
} from './system-packages.mjs';
import { findProgram, isRoot, main, nodeBinary, root, run, say, UserError, userEnvironment } from './toolchain.mjs';

const ci = process.env.CI === 'true';

/**
 * In this order. `folders` are handed to vitest; `needsRoot` tiers make network namespaces. Files run `atOnce` (as many as there are
 * processors, if it does not say), but for those that must be alone (`alone`: there are such), which run last
 * (`build/test-order.ts`).
 */
const tiers = {
  static: { title: 'types, lint, format', packages: [], run: runStatic },
  rust: { title: 'Rust: format, clippy, unit and property tests', packages: [], run: runRust },
  unit: {
    title: 'unit, property and architecture',
    packages: peerPackages,
    folders: [
      'test/architecture.spec.ts',
      'test/core',
      'test/renderer',
      'test/electron',
      'test/build',
      'test/fuzz',
      'test/oracle',
    ],
  },
  netns: {
    title: 'real helper in network namespaces',
    packages: peerPackages,
    needsRoot: true,
    folders: ['test/native', 'test/e2e/netns'],
    atOnce: 2,
    alone: true,
  },
  ui: {
    title: 'real renderer in Chromium',
    packages: [...peerPackages, ...browserPackages],
    needsRoot: true,
    folders: ['test/e2e/ui'],
    // One file waits a minute for what Chromium remembers.
    atOnce: 2,
  },
  electron: {
    title: 'real Electron',
    packages: [...peerPackages, ...electronPackages],
    needsRoot: true,
    folders: ['test/e2e/electron'],
    atOnce: 1,
  },
};

await main(async (args) => {
  const names = args.length > 0 ? args : Object.keys(tiers);
  for (const name of names)
    if (!(name in tiers)) throw new UserError(`no tier "${name}"; there are ${Object.keys(tiers).join(', ')}`);
  await installSystemPackages(names.flatMap((name) => tiers[name].packages));
  await build();
  // After it: a first build makes node_modules anew.
  if (names.includes('netns')) await unpackSystemPackages();

  const total = { passed: 0, failed: 0, skipped: /** @type {string[]} */ ([]) };
  for (const name of names) {
    const tier = tiers[name];
    say(`\n== ${name}: ${tier.title}`);
    const begun = Date.now();
    const result =
      tier.needsRoot && !isRoot()
        ? cannotRun(name, 'needs root for network namespaces: run it with sudo')
        : await (tier.run ?? (() => runVitest(name, tier)))();
    total.passed += result.passed;
    total.failed += result.failed;
    total.skipped.push(...result.skipped);
    say(
      `== ${name}: ${result.passed} passed, ${result.failed} failed, ${result.skipped.length} skipped in ${((Date.now() - begun) / 1000).toFixed(0)} s`,
    );
  }
  for (const reason of total.skipped) say(`skipped: ${reason}`);
  process.stdout.write(`\n${total.passed} passed, ${total.failed} failed, ${total.skipped.length} skipped\n`);
  return total.failed === 0 && total.passed > 0 ? 0 : 1;
});

/** A tier that cannot run is a failure in CI and a reasoned skip elsewhere. */
function cannotRun(name, reason) {
  return ci ? { passed: 0, failed: 1, skipped: [] } : { passed: 0, failed: 0, skipped: [`tier ${name}: ${reason}`] };
}

/** Each check counts as one test. */
async function runStatic() {
  const bin = (name) => path.join(root, 'node_modules', '.bin', name);
  const checks = [
    ['tsc -b', bin('tsc'), ['-b']],
    ['oxlint', bin('oxlint'), ['--type-aware', '--deny-warnings', '-c', 'build/oxlint.json', '.']],
    ['biome', bin('biome'), ['check', '--config-path=build/formatter.json', '--error-on-warnings', '.']],
  ];
  return await runCommands(checks);
}

async function runRust() {
  const cargo = findProgram('cargo');
  const manifest = ['--manifest-path', 'native/Cargo.toml'];
  const env = { CARGO_TARGET_DIR: path.join(root, 'native', 'target') };
  const result = await runCommands([
    ['cargo fmt', cargo, ['fmt', ...manifest, '--check']],
    [
      'cargo clippy',
      cargo,
      ['clippy', '--release', '--locked', '--all-targets', '--all-features', ...manifest, '--', '-D', 'warnings'],
      env,
    ],
  ]);
  const { code, output } = await capture(cargo, ['test', '--release', '--locked', ...manifest], env);
  const counts = [...output.matchAll(/test result: \w+\. (\d+) passed; (\d+) failed; (\d+) ignored/g)];
  for (const [, passed, failed, ignored] of counts) {
    result.passed += Number(passed);
    result.failed += Number(failed);
    for (let i = 0; i < Number(ignored); i++) result.skipped.push('a Rust test marked ignore');
  }
  if (code !== 0 && result.failed === 0) result.failed += 1;
  if (code === 0 && !counts.some(([, passed]) => Number(passed) > 0)) result.failed += 1;
  return result;
}

async function runCommands(checks) {
  const result = { passed: 0, failed: 0, skipped: [] };
  for (const [title, file, args, env] of checks) {
    try {
      await run(file, args, env ? { env } : {});
      say(`   ok ${title}`);
      result.passed += 1;
    } catch (error) {
      say(`   FAILED ${title}: ${error.message}`);
      result.failed += 1;
    }
  }
  return result;
}

/** Runs the files of a tier by vitest, those that must be alone after the others. */
async function runVitest(name, { folders, atOnce, alone = false }) {
  const result = await runFiles(name, folders, atOnce, '!alone');
  if (!alone) return result;
  const last = await runFiles(`${name}-alone`, folders, 1, 'alone');
  return {
    passed: result.passed + last.passed,
    failed: result.failed + last.failed,
    skipped: [...result.skipped, ...last.skipped],
  };
}

/** Runs vitest and counts from its JSON report, so that nothing can look green that did not run. */
async function runFiles(name, paths, atOnce, group) {
  const report = path.join(root, 'test', '.artifacts', `${name}.json`);
  fs.mkdirSync(path.dirname(report), { recursive: true });
  fs.rmSync(report, { force: true });
  const args = [
    path.join(root, 'node_modules/vitest/vitest.mjs'),
    'run',
    '-c',
    'build/vitest.config.ts',
    '--reporter=default',
    '--reporter=json',
    `--outputFile.json=${report}`,
    ...(atOnce === undefined ? [] : [`--maxWorkers=${atOnce}`]),
    `--project=${group}`,
  ];
  const missing = paths.filter((each) => !fs.existsSync(path.join(root, each)));
  if (missing.length > 0) say(`   FAILED there is no ${missing.join(', ')}`);
  const { code } = missing.length > 0 ? { code: 1 } : await capture(nodeBinary, [...args, ...paths], {});
  if (!fs.existsSync(report)) return { passed: 0, failed: 1, skipped: [] };
  const suites = JSON.parse(fs.readFileSync(report, 'utf8')).testResults;
  const result = { passed: 0, failed: 0, skipped: [] };
  for (const suite of suites) {
    if (suite.status === 'failed' && suite.assertionResults.every((test) => test.status !== 'failed'))
      result.failed += 1;
    for (const test of suite.assertionResults) {
      if (test.status === 'passed') result.passed += 1;
      else if (test.status === 'failed') result.failed += 1;
      else result.skipped.push(`${path.relative(root, suite.name)}: ${test.fullName}`);
    }
  }
  if (code !== 0 && result.failed === 0) result.failed += 1;
  return result;
}

/** Shows the output while it comes and keeps it. */
function capture(file, args, env) {
  return new Promise((resolve) => {
    const child = spawn(file, args, {
      cwd: root,
      env: { ...userEnvironment(), ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const output = [];
    for (const stream of [child.stdout, child.stderr]) {
      stream.on('data', (chunk) => {
        output.push(chunk);
        process.stderr.write(chunk);
      });
    }
    child.on('error', (error) => resolve({ code: 1, output: error.message }));
    child.on('close', (code) => resolve({ code: code ?? 1, output: Buffer.concat(output).toString() }));
  });
}
