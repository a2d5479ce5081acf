/** `npm start`: installs, builds, starts the helper and the window (or the same UI in the browser). */
import { spawn } from 'node:child_process';
import fs from 'node:fs';
import net from 'node:net';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { helperHome } from './assemble-helper.mjs';
import { build } from './build.mjs';
import {
  findProgram,
  invokingUser,
  isRoot,
  main,
  nodeBinary,
  root,
  run,
  say,
  step,
  UserError,
  userEnvironment,
} from './toolchain.mjs';

const help = `npm start [-- OPTIONS]     build and run Mirage

  --enhanced        turn Enhanced Mode on at once (otherwise the network is not touched before you do)
  --config FILE     profile in Clash's YAML spelling (default the one in use, else everything DIRECT)
  --browser         the UI in the browser even where a window could be opened
  --port N          port of the browser UI (default: 7396, or any free one where it is taken)
  --developer       run the helper from this checkout instead of a root-owned directory
  --help            this text`;

const socketPath = '/run/mirage/helper.sock';
const cliLauncher = path.join(helperHome, 'mirage');
/** Said when the supervisor has given the helper up, or somebody ended it. */
const helperEnded = `   the helper ended. End this with Ctrl-C and start it again; if the network does not work meanwhile:
   sudo ${path.join(helperHome, 'mirage-helper')} --restore`;

await main(async (args) => {
  const options = readOptions(args);
  if (options.help) {
    process.stdout.write(`${help}\n`);
    return 0;
  }
  await build();
  const helper = (await answers(socketPath))
    ? undefined
    : await step('starting the helper', () => startHelper(options));
  if (helper === undefined) say('   a helper is running already; using it');
  if (!options.developer && fs.existsSync(cliLauncher)) say(`   command line: ${cliLauncher}`);
  const ui = await startUi(options);
  return await untilEnd(helper, ui);
});

function readOptions(args) {
  const options = {
    enhanced: false,
    browser: false,
    developer: false,
    help: false,
    config: undefined,
    port: undefined,
  };
  for (let i = 0; i < args.length; i++) {
    const name = args[i].replace(/^--/, '');
    if (typeof options[name] === 'boolean') {
      options[name] = true;
    } else if ((name === 'config' || name === 'port') && args[i + 1] !== undefined) {
      options[name] = args[++i];
    } else {
      throw new UserError(`unknown option "${args[i]}"\n\n${help}`);
    }
  }
  if (options.config !== undefined) {
    options.config = path.resolve(process.env.INIT_CWD ?? process.cwd(), options.config);
    if (!fs.existsSync(options.config)) throw new UserError(`there is no file ${options.config}`);
  }
  return options;
}

/** Starts run-helper.mjs, by sudo when we are not root. Its standard input is a pipe: it ends when this process does. */
async function startHelper(options) {
  const uid = invokingUser().uid;
  const args = [
    nodeBinary,
    path.join(root, 'build/scripts/run-helper.mjs'),
    '--while-stdin',
    '--allow-uid',
    String(uid),
  ];
  if (options.developer) args.push('--developer');
  if (!isRoot()) {
    const sudo = findProgram('sudo');
    if (sudo === undefined)
      throw new UserError(
        'the helper needs root for its network device, and there is no sudo. Run "npm start" as root.',
      );
    say(
      '   the helper needs root: it creates a network device and, when you turn Enhanced Mode on, changes DNS and routes.',
    );
    args.unshift(sudo, '-p', '   password of %u for sudo: ', '--');
  }
  const child = spawn(args[0], args.slice(1), { stdio: ['pipe', 2, 2], cwd: root });
  /** @type {string | undefined} */
  let ended;
  child.on('error', (error) => (ended = error.message));
  child.on('exit', (code) => (ended ??= `exit code ${code}`));
  for (let waited = 0; waited < 120_000; waited += 50) {
    if (await answers(socketPath)) return child;
    if (ended !== undefined) throw new UserError(`the helper did not start (${ended}); its last lines above say why`);
    await sleep(50);
  }
  child.stdin.end();
  throw new UserError('the helper did not answer within two minutes');
}

/** Electron where a display and its runtime exist, else `mirage serve`. Never runs as root for a person who used sudo. */
async function startUi(options) {
  const electron = options.browser ? undefined : await findElectron();
  const user = invokingUser();
  const common = { cwd: root, env: userEnvironment(), ...(user.changed ? { uid: user.uid, gid: user.gid } : {}) };
  const passed = [...(options.enhanced ? ['--enhanced'] : []), ...(options.config ? ['--config', options.config] : [])];
  if (electron !== undefined) {
    say('   opening the window');
    return spawn(electron, [...(user.uid === 0 ? ['--no-sandbox'] : []), root, ...passed], {
      ...common,
      stdio: ['ignore', 2, 2],
    });
  }
  const port = options.port === undefined ? [] : ['--port', options.port];
  return spawn(nodeBinary, [path.join(root, 'dist/cli/main.js'), 'serve', ...passed, ...port], {
    ...common,
    stdio: ['inherit', 'inherit', 'inherit', 'ipc'], // it ends when the channel does
  });
}

async function findElectron() {
  if (!process.env.DISPLAY && !process.env.WAYLAND_DISPLAY) {
    say('   no display here: the same UI is served to a browser');
    return undefined;
  }
  const dist = process.env.ELECTRON_OVERRIDE_DIST_PATH ?? path.join(root, 'node_modules/electron/dist');
  const binary = path.join(dist, 'electron');
  if (fs.existsSync(binary)) return binary;
  try {
    const install = path.join(root, 'node_modules/electron/install.js');
    await step('fetching the Electron runtime (about 100 MB, once)', () => run(nodeBinary, [install], { quiet: true }));
  } catch {
    say('   the Electron runtime could not be fetched: the same UI is served to a browser');
  }
  return fs.existsSync(binary) ? binary : undefined;
}

function answers(socket) {
  return new Promise((resolve) => {
    const probe = net.connect(socket);
    probe.on('connect', () => resolve(true) || probe.destroy());
    probe.on('error', () => resolve(false));
  });
}

/** Ends all when the UI ends or on Ctrl-C; the helper last, so that the UI can turn its session off. */
function untilEnd(helper, ui) {
  return new Promise((resolve) => {
    let code = 0;
    let stopping = false;
    const stop = () => {
      if (stopping) return;
      stopping = true;
      ui.kill('SIGTERM');
    };
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, stop);
    // The window stays: it says what happened and what to do.
    helper?.on('exit', () => {
      if (!stopping) say(helperEnded);
    });
    ui.on('error', (error) => {
      say(`   the UI could not be started: ${error.message}`);
      code = 1;
    });
    ui.on('close', (uiCode) => {
      code ||= stopping ? 0 : (uiCode ?? 1);
      stopping = true;
      if (helper === undefined || helper.exitCode !== null) return resolve(code);
      helper.on('exit', () => resolve(code));
      helper.stdin.end();
    });
  });
}
