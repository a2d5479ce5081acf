/** `npm run bench [-- --rounds N] [-- --seconds N]`: builds, then measures beside bare veth. Prints medians and spread; asserts nothing. */
import { spawn } from 'node:child_process';
import path from 'node:path';
import { build } from './build.mjs';
import { installSystemPackages, peerPackages } from './system-packages.mjs';
import { isRoot, main, nodeBinary, root, UserError } from './toolchain.mjs';

await main(async (args) => {
  if (!isRoot()) throw new UserError('the benchmarks make network namespaces, which needs root: "sudo npm run bench"');
  await installSystemPackages(peerPackages);
  await build();
  const bench = spawn(nodeBinary, [path.join(root, 'test/bench/bench.ts'), ...args], { stdio: 'inherit', cwd: root });
  return await new Promise((resolve) => bench.on('close', (code) => resolve(code ?? 1)));
});
