/** One run of the command line: arguments in, exit code out. Everything it touches is handed in. */
import { CommanderError } from 'commander';
import { AppError } from '../base/app-error.ts';
import { checkProfile } from './check-command.ts';
import type { CommandContext } from './command-context.ts';
import { dnsMode } from './dns-mode-command.ts';
import { dump, follow } from './dump-command.ts';
import { type ExitCode, exitCodeOf, exitCodes } from './exit-code.ts';
import { changeMappings, flush } from './mapping-command.ts';
import { createProgram, type ServeOptions } from './program.ts';
import { closeFlows, dnsQuery, testRule } from './query-command.ts';
import { restore, setEnhanced, setSwitch, showStatus } from './status-command.ts';

export interface CliSettings {
  context: CommandContext;
  version: string;
  serve: (options: ServeOptions) => Promise<void>;
}

/** `args` without interpreter and script. Prints every error itself; never rejects for one that a person can cause. */
export async function runCli(args: readonly string[], { context, version, serve }: CliSettings): Promise<ExitCode> {
  const { console } = context;
  let code: ExitCode = exitCodes.ok;
  const program = createProgram(
    {
      serve,
      enhanced: (on, options) => setEnhanced(context, on, options),
      setSwitch: (half, on, options) => setSwitch(context, half, on, options),
      mode: (choice, options) => dnsMode(context, choice, options),
      status: (options) => showStatus(context, options),
      dump: (table, options) => dump(context, table, options),
      follow: (table, options) => follow(context, table, options),
      mapping: (action, wanted, options) => changeMappings(context, action, wanted, options),
      flush: (cache, options) => flush(context, cache, options),
      testRule: (target, options) => testRule(context, target, options),
      dnsQuery: (name, type, options) => dnsQuery(context, name, type, options),
      close: (ids, options) => closeFlows(context, ids, options),
      restore: (options) => restore(context, options),
      check: async (file, options) => {
        code = await checkProfile(context, file, options);
      },
    },
    version,
    { out: (text) => console.line(text.trimEnd()), err: (text) => console.note(text.trimEnd()) },
  );
  try {
    await program.parseAsync(args, { from: 'user' });
    return code;
  } catch (caught) {
    // Commander has printed help, version or what was wrong.
    if (caught instanceof CommanderError) return caught.exitCode === 0 ? exitCodes.ok : exitCodes.usage;
    const error = AppError.from(caught);
    console.error(error.toData(), { json: program.opts<{ json: boolean }>().json });
    return exitCodeOf(error.code);
  }
}
