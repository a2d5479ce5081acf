/** `npm run bench [-- --rounds N] [-- --seconds N] [-- --before CHECKOUT]`: builds, then measures beside bare veth and peers. Prints medians and spread; asserts nothing. */
import { spawn } from 'node:child_process';
import path from 'node:path';
import { build } from './build.mjs';
import { installSystemPackages, peerPackages } from './system-packages.mjs';
import { findProgram, isRoot, main, nodeBinary, root, run, step, UserError } from './toolchain.mjs';

await main(async (args) => {
  if (!isRoot()) throw new UserError('the benchmarks make network namespaces, which needs root: "sudo npm run bench"');
  await installSystemPackages(peerPackages);
  await build();
  await step('getting the peers', () => run('build/scripts/get-peers.sh', []));
  const cache = 'node_modules/.cache/mirage';
  await step('building the load generator', () =>
    run(findProgram('cc'), ['-O2', '-Wall', '-Werror', '-o', `${cache}/bench-load`, 'test/bench/load.c']),
  );
  const bench = spawn(nodeBinary, [path.join(root, 'test/bench/bench.ts'), ...args], { stdio: 'inherit', cwd: root });
  return await new Promise((resolve) => bench.on('close', (code) => resolve(code ?? 1)));
});
