#!/usr/bin/env node
/** Composition root of the `mirage` command: the only file here that touches the process, its environment and the disk. */
import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { AppService } from '../app/app-service.ts';
import { BrowserServer } from '../app/browser/browser-server.ts';
import { RendererFiles } from '../app/browser/renderer-files.ts';
import { asTyped, type LocalCommands, localCommands } from '../app/local-commands.ts';
import { mixedPortProxy, policyMissing, policyProxy } from '../app/mixed-port-proxy.ts';
import { type UserProfiles, userProfiles } from '../app/user-profiles.ts';
import { AppError, errnoOf } from '../base/app-error.ts';
import { systemClock } from '../base/clock.ts';
import { deferred } from '../base/deferred.ts';
import { createLogger, type Logger } from '../base/logger.ts';
import { controlSocketOf, defaultHelperPaths, userConfigDir } from '../base/paths.ts';
import { systemName } from '../base/system-name.ts';
import { mirageVersion } from '../base/version.ts';
import type { AppInfo } from '../contract/app.ts';
import { understand } from '../profile/loaded-profile.ts';
import type { DownloadProxy } from '../provider/download/download.ts';
import type { HttpProxy } from '../provider/download/http-request.ts';
import { RpcClient } from '../rpc/rpc-client.ts';
import type { GlobalOptions } from './command-context.ts';
import { Console } from './console.ts';
import { exitCodes } from './exit-code.ts';
import type { ServeOptions } from './program.ts';
import { runCli } from './run-cli.ts';
import { serve } from './serve-command.ts';

const uid = process.getuid?.() ?? -1;
const console = new Console(
  process.stdout,
  process.stderr,
  process.env,
  commandsFor({ socket: defaultHelperPaths.runtimeDir }).cli,
);

const outputLost = deferred<void>();

for (const stream of [process.stdout, process.stderr]) stream.on('error', onOutputError);
/** Of the command under way, if it asks the helper. */
let reached: RpcClient | undefined;
const own = profilesOf(stderrLogger(), (policy) => (policy === undefined ? undefined : throughHelper(policy)));
const exitCode = await runCli(process.argv.slice(2), {
  version: mirageVersion,
  serve: serveInBrowser,
  context: {
    console,
    clock: systemClock,
    uid,
    userName,
    async openHelper(options) {
      const client = createClient(options);
      await client.connectOnce();
      reached = client;
      return client;
    },
    loadProfile: (file) =>
      file === undefined ? own.profiles.load() : understand({ kind: 'file', path: resolve(file) }, own.reading),
    profiles: own.profiles,
    providers: own.providers,
    ended: () => Promise.race([endRequested(), outputLost.promise]),
    commands: commandsFor,
    confirm,
    editor: () => process.env['VISUAL'] || process.env['EDITOR'] || 'vi',
    runProgram,
  },
});
process.exitCode ??= exitCode;
process.stdin.destroy();

/**
 * A reader that leaves early (`| head`) is no failure and cuts no command short: what is left to say goes nowhere. Only
 * what would go on for ever ends.
 */
function onOutputError(error: Error): void {
  outputLost.resolve();
  if (errnoOf(error) === 'EPIPE' || process.exitCode === exitCodes.failed) return;
  process.exitCode = exitCodes.failed;
  console.note(`the output could not be written: ${error.message}`);
}

function createClient(options: GlobalOptions): RpcClient {
  return new RpcClient({
    socketPath: controlSocketOf({ ...defaultHelperPaths, runtimeDir: resolve(options.socket) }),
    version: mirageVersion,
    clock: systemClock,
    ...(options.developer ? { developerUid: uid } : {}),
  });
}

async function throughHelper(policy: string): Promise<HttpProxy | undefined> {
  if (reached === undefined) throw policyMissing(policy);
  return await policyProxy(reached, mixedPortProxy(await reached.call('getSnapshot', {}), undefined), policy);
}

function profilesOf(logger: Logger, proxy: DownloadProxy, named?: string): UserProfiles {
  const directory = userConfigDir(process.env, homedir());
  const base = { directory, proxy, uid, version: mirageVersion, clock: systemClock, logger };
  return userProfiles({ ...base, ...(named === undefined ? {} : { named }) });
}

async function serveInBrowser(options: ServeOptions): Promise<void> {
  const logger = stderrLogger();
  const service: AppService = new AppService({
    helper: createClient(options),
    ...profilesOf(logger, (policy) => service.downloadProxy(policy), options.config),
    report: ({ problems, path, text }) => console.noteProblems(problems, { file: options.config ?? path ?? '', text }),
    clock: systemClock,
    logger: logger.child('app'),
    info: { version: mirageVersion, home: 'browser', platform: systemName, ...namedCommands(options) },
    enhancedAtStart: options.enhanced,
  });
  const server = new BrowserServer({
    bridge: service,
    files: new RendererFiles(rendererDirectory()),
    clock: systemClock,
    logger: logger.child('browser'),
    port: options.port,
  });
  await serve(
    service,
    server,
    { json: options.json, enhanced: options.enhanced, open: options.open && hasDesktop() },
    {
      console,
      interactive: process.stdin.isTTY,
      onLinkWanted,
      ended: endRequested(),
      openBrowser,
      sleep: (ms) => sleep(ms, undefined, { ref: false }),
    },
  );
}

function commandsFor({ socket }: Pick<GlobalOptions, 'socket'>): LocalCommands {
  const built = dirname(rendererDirectory());
  return localCommands({ searchPath: process.env['PATH'], built, node: process.execPath, runtimeDir: resolve(socket) });
}

function namedCommands(options: Pick<GlobalOptions, 'socket'>): Pick<AppInfo, 'cli' | 'offlineRestore'> {
  const { cli, offlineRestore } = commandsFor(options);
  return { cli, offlineRestore: offlineRestore === undefined ? null : asTyped(offlineRestore, uid) };
}

async function confirm(question: string): Promise<boolean | undefined> {
  if (!process.stdin.isTTY || !process.stderr.isTTY) return undefined;
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  const answer = new Promise<string>((done) => {
    terminal.once('close', () => done(''));
    terminal.question(`${question} [y/N] `, done);
  });
  const agreed = /^(?:y|yes|是|好)$/i.test((await answer).trim());
  terminal.close();
  return agreed;
}

function runProgram([file = '', ...args]: readonly string[]): Promise<number> {
  return new Promise((done) => {
    const child = spawn(file, args, { stdio: ['inherit', 2, 2] });
    child.on('error', (error) => {
      console.note(`${file} could not be started: ${error.message}`);
      done(127);
    });
    child.on('close', (code) => done(code ?? 1));
  });
}

/** Beside the bundle; from a source checkout, where the build puts it. */
function rendererDirectory(): string {
  const beside = fileURLToPath(new URL('../renderer', import.meta.url));
  return existsSync(beside) ? beside : fileURLToPath(new URL('../../dist/renderer', import.meta.url));
}

function hasDesktop(): boolean {
  return uid !== 0 && Boolean(process.env['DISPLAY'] || process.env['WAYLAND_DISPLAY']);
}

/** By a signal, or by the death of the program that started us and keeps a channel to know (`npm start`). */
function endRequested(): Promise<void> {
  return new Promise((done) => {
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, () => done());
    process.once('disconnect', () => done());
    process.channel?.unref();
  });
}

function onLinkWanted(handler: () => void): () => void {
  if (!process.stdin.isTTY) return () => undefined;
  process.stdin.on('data', handler);
  return () => process.stdin.off('data', handler);
}

/**
 * By way of a file that only this user can read: everybody sees the arguments of every program, and the link lets in
 * whoever uses it first. In the home directory, because sandboxed browsers see no other.
 */
function openBrowser(url: string): void {
  const file = join(homedir(), `mirage-link-${randomBytes(6).toString('hex')}.html`);
  const page = `<!doctype html><meta charset="utf-8"><title>Mirage</title><meta http-equiv="refresh" content="0;url=${url}">`;
  const remove = () => rmSync(file, { force: true });
  try {
    writeFileSync(file, page, { mode: 0o600, flag: 'wx' });
    process.once('exit', remove);
    setTimeout(remove, 20_000).unref();
    const opener = spawn('xdg-open', [pathToFileURL(file).href], { stdio: 'ignore', detached: true });
    opener.on('error', remove);
    opener.unref();
  } catch (caught) {
    console.note(`no browser could be opened: ${AppError.from(caught).message}`);
  }
}

function userName(wanted: number): string | undefined {
  try {
    const entries = readFileSync('/etc/passwd', 'utf8').split('\n');
    return entries.map((entry) => entry.split(':')).find((fields) => fields[2] === String(wanted))?.[0];
  } catch {
    return undefined;
  }
}

function stderrLogger(): Logger {
  return createLogger(({ level, component, text }) => console.note(`${level}: ${component}: ${text}`), {
    component: 'serve',
    enabled: (level) => level === 'warning' || level === 'error',
    now: Date.now,
  });
}
