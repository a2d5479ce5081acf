/**
 * `mirage restore`: everything off and undone, by the helper, or without it where it cannot be reached. That takes root: a
 * person is asked first, and sudo asks for the password.
 */

import { asTyped } from '../app/local-commands.ts';
import { AppError } from '../base/app-error.ts';
import type { ErrorCode } from '../contract/error.ts';
import { type CommandContext, type GlobalOptions, withHelper } from './command-context.ts';
import { countOf } from './quantity.ts';
import { printChanges } from './status-command.ts';

export interface RestoreOptions extends GlobalOptions {
  /** Do not ask before going around the helper. */
  yes: boolean;
}

/** There is no helper that could do it. One that refuses this user is not gone around: it may be another's. */
const unreachable: ReadonlySet<ErrorCode> = new Set([
  'HELPER_NOT_RUNNING',
  'HELPER_UNTRUSTED',
  'HELPER_INCOMPATIBLE',
  'RPC_CLOSED',
  'RPC_TIMEOUT',
]);

/** Rejects with the helper's error, which names the offline way, when it was not reached and nobody agreed to go around it. */
export async function restore(context: CommandContext, options: RestoreOptions): Promise<void> {
  const { console } = context;
  try {
    const { undone } = await withHelper(context, options, (helper) => helper.call('restore', {}));
    if (options.json) return console.json({ undone });
    console.line(undone.length === 0 ? 'Nothing was to be undone.' : `Undone: ${countOf(undone.length, 'change')}.`);
    if (undone.length > 0) printChanges(context, undone);
  } catch (caught) {
    const error = AppError.from(caught);
    if (!unreachable.has(error.code)) throw error;
    await restoreOffline(context, options, error);
  }
}

async function restoreOffline(context: CommandContext, options: RestoreOptions, error: AppError): Promise<void> {
  const command = context.commands(options).offlineRestore;
  if (command === undefined) throw error;
  const typed = asTyped(command, context.uid);
  const agreed =
    options.yes ||
    (!options.json &&
      (await context.confirm(
        `The helper cannot be reached (${error.message}). Undo its changes of the network without it, by\n  ${typed} ?`,
      )) === true);
  if (!agreed)
    throw new AppError(error.code, error.message, { expected: `give the network back without it: ${typed}` });
  const code = await context.runProgram([...(context.uid === 0 ? [] : ['sudo']), ...command]);
  if (code !== 0) {
    throw new AppError('SYSTEM_COMMAND_FAILED', `"${typed}" ended with exit code ${code}`, {
      expected: 'what could not be undone is said above',
    });
  }
  if (options.json) context.console.json({ undone: null, offline: true });
}
