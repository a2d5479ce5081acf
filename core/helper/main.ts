#!/usr/bin/env node
/** Composition root of the privileged process: its arguments, its signals, its exit codes. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { AppError } from '../base/app-error.ts';
import { systemClock } from '../base/clock.ts';
import { within } from '../base/deadline.ts';
import { controlSocketOf, ownerFileOf } from '../base/paths.ts';
import { unreachable } from '../base/unreachable.ts';
import { mirageVersion } from '../base/version.ts';
import type { NetworkChange } from '../contract/status.ts';
import { RpcClient } from '../rpc/rpc-client.ts';
import { loadNative } from '../system/native.ts';
import { choosePlatform } from '../system/platform.ts';
import type { ProcessIdentity } from '../system/process-identity.ts';
import { tunPrefix6 } from '../tunnel/tunnel-services.ts';
import { isOwnDirectory, prepareDirectories } from './directories.ts';
import { HelperLog } from './helper-log.ts';
import { type HelperOptions, helpText, readCommand } from './helper-options.ts';
import { HelperProcess } from './helper-process.ts';
import { LogOutput } from './log-output.ts';
import { OwnerStore } from './owner-store.ts';
import { restoreCommand } from './restore-command.ts';
import { restoreOffline } from './restore-offline.ts';
import { lockFileOf, SingleInstance } from './single-instance.ts';
import { writableByOthers } from './trusted-files.ts';

/** sysexits(3). */
const exitCodes = { ok: 0, usage: 64, defect: 70, busy: 75, notAllowed: 77 } as const;
/** An orderly end that takes longer is cut short by what the journal says. */
const stopMs = 15_000;
/** A living helper undoes everything within a second or two; one that is stopped (SIGSTOP) never answers. */
const askMs = 6_000;

type End = { readonly kind: 'signal'; readonly name: string } | { readonly kind: 'defect' };

const platform = choosePlatform();
const uid = process.getuid?.() ?? -1;
const output = new LogOutput(process.stderr);
const log = new HelperLog(
  (line) => output.write(line),
  () => systemClock.now(),
);
process.stderr.on('error', () => undefined); // whoever read our log is gone; that is no reason to end
process.exit(await main());

async function main(): Promise<number> {
  const command = readCommand(process.argv.slice(2));
  switch (command.kind) {
    case 'help':
      process.stdout.write(helpText);
      return exitCodes.ok;
    case 'version':
      process.stdout.write(`${mirageVersion}\n`);
      return exitCodes.ok;
    case 'mistake':
      process.stderr.write(`mirage-helper: ${command.message}\n\n${helpText}`);
      return exitCodes.usage;
    case 'restore':
      return refusal(command.options) ?? (await restore(command.options));
    case 'run':
      return refusal(command.options) ?? (await run(command.options));
    default:
      return unreachable(command);
  }
}

async function run(options: HelperOptions): Promise<number> {
  const end = firstEnd();
  platform.processes.preferThis();
  let helper: HelperProcess | undefined;
  try {
    prepareDirectories(options.paths, { uid, developer: options.developer });
    const { stateDir, runtimeDir } = options.paths;
    const locks = [stateDir, runtimeDir].map((directory) => SingleInstance.acquire(directory));
    if (locks.includes(undefined)) return complain('another helper is running', exitCodes.busy);
    helper = await HelperProcess.start(options, platform, addonPath(), log);
    const why = await end;
    log.logger.info('ending', { why: why.kind === 'signal' ? why.name : why.kind });
    if (why.kind === 'signal') {
      await withDeadline(helper.stop(), stopMs);
      for (const lock of locks) lock?.release();
      log.logger.info('ended');
      return exitCodes.ok;
    }
  } catch (caught) {
    const error = AppError.from(caught);
    log.logger.error('the helper ends', { code: error.code, reason: error.message });
    if (helper === undefined) {
      await restoreInstead(options);
      return error.code === 'HELPER_UNTRUSTED' ? complain(error.message, exitCodes.notAllowed) : exitCodes.defect;
    }
  }
  await helper?.emergencyStop().catch((error: unknown) => {
    log.logger.error('the network may not be as it was: run "mirage-helper --restore"', { reason: String(error) });
  });
  return exitCodes.defect;
}

/** A helper that cannot serve gives the network back all the same, unless another one has it. */
async function restoreInstead(options: HelperOptions): Promise<void> {
  if (runningHelper(options) !== undefined) return;
  await restoreHere(options, true).catch((error: unknown) => {
    log.logger.error('not everything could be undone', { reason: AppError.from(error).message });
  });
}

async function restore(options: HelperOptions): Promise<number> {
  const { paths } = options;
  return await restoreCommand({
    lock() {
      try {
        prepareDirectories(paths, { uid, developer: options.developer });
        const lock = SingleInstance.acquire(paths.stateDir);
        return lock && (() => lock.release());
      } catch (error) {
        // A full or read-only disk keeps nobody from getting the network back.
        log.logger.warning('the state directory cannot be locked', { reason: AppError.from(error).message });
        return runningHelper(options) === undefined ? () => undefined : undefined;
      }
    },
    askHelper() {
      const client = new RpcClient({ socketPath: controlSocketOf(paths), version: mirageVersion, clock: systemClock });
      const ask = async () => {
        await client.connectOnce();
        return (await client.call('restore', {})).undone;
      };
      return withDeadline(ask(), askMs).finally(() => void client.close());
    },
    async endHelper() {
      const holder = runningHelper(options);
      return holder === undefined || (await platform.processes.end(holder));
    },
    forgetOwner() {
      if (isOwnDirectory(paths.stateDir, { uid, developer: options.developer }))
        new OwnerStore(ownerFileOf(paths), platform.bootId()).forgetOwner();
    },
    restoreHere: () => restoreHere(options, false),
    print: (line) => process.stdout.write(`${line}\n`),
  });
}

/** Whoever holds the lock of one of the two directories. */
function runningHelper({ paths }: HelperOptions): ProcessIdentity | undefined {
  const { processes } = platform;
  return processes.lockHolder(lockFileOf(paths.stateDir)) ?? processes.lockHolder(lockFileOf(paths.runtimeDir));
}

/** Needs neither the addon nor the lock nor a directory that can be written. */
function restoreHere({ paths, developer }: HelperOptions, sparesOthers: boolean): Promise<NetworkChange[]> {
  return restoreOffline({
    paths,
    system: platform.restore,
    sparesOthers,
    trusted: isOwnDirectory(paths.stateDir, { uid, developer }),
    now: () => systemClock.now(),
    destroySockets: (prefixes) => loadNative(addonPath()).destroySockets(prefixes, []),
    tunPrefix6,
    logger: log.logger.child('restore'),
  });
}

/** Why this process must not be root's helper, told; undefined when it may. */
function refusal({ developer }: HelperOptions): number | undefined {
  if (uid !== 0) return complain('it must be run as root', exitCodes.notAllowed);
  if (developer) return undefined;
  const files = [import.meta.filename, addonPath(), process.execPath].filter((file) => existsSync(file));
  const problem = files.map(writableByOthers).find((found) => found !== undefined);
  if (problem === undefined) return undefined;
  return complain(`${problem}, so root must not run it. Install the helper, or use --developer.`, exitCodes.notAllowed);
}

/** Beside the bundle; in a source checkout where the build puts it. */
function addonPath(): string {
  const beside = join(import.meta.dirname, 'mirage.node');
  return existsSync(beside) ? beside : join(import.meta.dirname, '../../native/mirage.node');
}

/** Resolves when the process is asked to end, or when something has failed that nobody caught. */
function firstEnd(): Promise<End> {
  return new Promise((resolve) => {
    for (const name of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const)
      process.on(name, () => resolve({ kind: 'signal', name }));
    for (const event of ['uncaughtException', 'unhandledRejection'] as const) {
      process.on(event, (error: unknown) => {
        log.logger.error('defect', {
          event,
          error: error instanceof Error ? (error.stack ?? error.message) : String(error),
        });
        resolve({ kind: 'defect' });
      });
    }
  });
}

async function withDeadline<T>(work: Promise<T>, ms: number): Promise<T> {
  return await within(systemClock, ms, work, () => {
    throw new AppError('INTERNAL', `it took longer than ${ms} ms`);
  });
}

function complain(problem: string, code: number): number {
  process.stderr.write(`mirage-helper: ${problem}\n`);
  return code;
}
