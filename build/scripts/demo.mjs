/** `npm run demo`: builds what is needed, then lets the machine tell how a fake IP comes to be and where it leads. */
import { spawn } from 'node:child_process';
import path from 'node:path';
import { build } from './build.mjs';
import { installSystemPackages, peerPackages } from './system-packages.mjs';
import { isRoot, main, nodeBinary, root, UserError } from './toolchain.mjs';

await main(async () => {
  if (!isRoot())
    throw new UserError(
      'the demo makes network namespaces, which needs root: "sudo npm run demo". Your own network is not touched.',
    );
  await installSystemPackages([...peerPackages, ['redsocks', 'redsocks']]);
  await build();
  const demo = spawn(nodeBinary, [path.join(root, 'test/demo/demo.ts')], {
    stdio: ['ignore', 'inherit', 'inherit'],
    cwd: root,
  });
  const forward = (signal) => demo.kill(signal);
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => forward(signal));
  return await new Promise((resolve) => demo.on('close', (code) => resolve(code ?? 1)));
});
