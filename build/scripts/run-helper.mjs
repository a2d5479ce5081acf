/**
 * Runs the helper as root and in the foreground: from the root-owned directory, or from the checkout with --developer.
 * With --while-stdin it ends when its standard input does, so that it never outlives who started it, and starts a helper that
 * died again; one that dies over and over is given up, and the network given back.
 */
import { spawn } from 'node:child_process';
import path from 'node:path';
import { assembleHelper, helperFlags } from './assemble-helper.mjs';
import { keepRunning } from './supervisor.mjs';
import { isRoot, main, nodeBinary, root, say, UserError } from './toolchain.mjs';

await main((args) => {
  if (!isRoot())
    throw new UserError('the helper needs root: it creates a network device. Run "npm start", which asks by sudo.');
  const developer = args.includes('--developer');
  const program = developer ? { node: nodeBinary, main: path.join(root, 'dist/helper/main.js') } : assembleHelper();
  if (developer) say(`   developer mode: the helper runs from ${path.dirname(program.main)}, which its user can write`);
  const helperArgs = args.filter((argument) => argument !== '--while-stdin');
  const supervised = args.includes('--while-stdin');
  /** @type {import('node:child_process').ChildProcess | undefined} */
  let child;
  let stopped = false;
  // No shell, a minimal environment: nothing of the caller's reaches root but the arguments above.
  const begin = (...more) => {
    child = spawn(program.node, [...helperFlags, program.main, ...helperArgs, ...more], {
      stdio: ['ignore', 'inherit', 'inherit'],
      env: { PATH: '/usr/sbin:/usr/bin:/sbin:/bin' },
    });
    return new Promise((resolve, reject) => {
      child.on('error', reject);
      child.on('close', (code, signal) => resolve({ code, signal }));
    });
  };
  const stop = () => {
    stopped = true;
    child?.kill('SIGTERM');
  };
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, stop);
  if (!supervised) return begin().then(({ code, signal }) => code ?? (signal === 'SIGTERM' ? 0 : 1));
  process.stdin.on('end', stop).on('error', stop).resume();
  return keepRunning({
    start: begin,
    stopped: () => stopped,
    async giveUp() {
      say('   giving the network back');
      await begin('--restore');
    },
    tell: (sentence) => say(`   ${sentence}`),
    now: () => performance.now(),
  }).finally(() => process.stdin.destroy());
});
