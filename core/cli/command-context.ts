/** What every command is given: where to print, how to reach the helper, how to read a profile. */

import type { HelperClient } from '../app/helper-client.ts';
import type { LocalCommands } from '../app/local-commands.ts';
import type { Clock } from '../base/clock.ts';
import type { LoadedProfile } from '../profile/loaded-profile.ts';
import type { ProfileEditing } from '../profile/profile-editing.ts';
import type { ProfileLibrary } from '../profile/profile-library.ts';
import type { Providers } from '../provider/providers.ts';
import type { Console } from './console.ts';

/** Options that every command has. */
export interface GlobalOptions {
  json: boolean;
  /** The helper's runtime directory. */
  socket: string;
  /** Whether a socket that the caller itself owns is trusted besides root's. */
  developer: boolean;
}

export interface CommandContext {
  readonly console: Console;
  readonly clock: Clock;
  /** One attempt; rejects with `HELPER_*` or `RPC_*`. The caller closes the client. */
  openHelper(options: GlobalOptions): Promise<HelperClient>;
  /** The user's profiles. */
  readonly profiles: Pick<
    ProfileLibrary,
    | 'list'
    | 'load'
    | 'loadOne'
    | 'use'
    | 'add'
    | 'addUrl'
    | 'update'
    | 'preview'
    | 'remove'
    | 'rename'
    | 'keepGood'
    | 'lastGood'
  > & { readonly editing: Pick<ProfileEditing, 'read' | 'try' | 'save' | 'switchOverride' | 'previewOverride'> };
  /** What they name and do not contain. */
  readonly providers: Pick<Providers, 'use' | 'update' | 'rows' | 'blob'>;
  /** The named file, or without a name the profile in use if there is one. */
  loadProfile(file: string | undefined): Promise<LoadedProfile>;
  /** Resolves when the person ends a command that goes on (Ctrl-C), or its output goes nowhere any more. */
  ended(): Promise<void>;
  /** Name of a user, or undefined when the machine does not know it. */
  userName(uid: number): string | undefined;
  readonly uid: number;
  /** Which commands work on this machine. */
  commands(options: GlobalOptions): LocalCommands;
  /** Asks the person at the terminal; undefined where there is none. */
  confirm(question: string): Promise<boolean | undefined>;
  /** The person's editor, as a shell runs it. */
  editor(): string;
  /** Runs a program in the foreground, what it prints to standard error, and resolves with its exit code (127: not found). */
  runProgram(command: readonly string[]): Promise<number>;
}

/** Opens the helper for as long as `work` takes. */
export async function withHelper<R>(
  context: CommandContext,
  options: GlobalOptions,
  work: (helper: HelperClient) => Promise<R>,
): Promise<R> {
  const helper = await context.openHelper(options);
  try {
    return await work(helper);
  } finally {
    await helper.close();
  }
}
