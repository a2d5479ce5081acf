/** One run of the command line: arguments in, exit code out. Everything it touches is handed in. */
import { CommanderError } from 'commander';
import { AppError } from '../base/app-error.ts';
import { checkProfile } from './check-command.ts';
import type { CommandContext } from './command-context.ts';
import { completionScript } from './completion.ts';
import { dnsMode } from './dns-mode-command.ts';
import { dump, follow } from './dump-command.ts';
import { type ExitCode, exitCodeOf, exitCodes } from './exit-code.ts';
import { explain, explainableKeys } from './explain-command.ts';
import { changeMappings, flush } from './mapping-command.ts';
import { listProfiles, profile, updateProfiles } from './profile-command.ts';
import { createProgram, type ServeOptions } from './program.ts';
import { providers } from './providers-command.ts';
import { delay, listProxies, policyMode, selectProxy } from './proxies-command.ts';
import { closeFlows, dnsQuery, testRule } from './query-command.ts';
import { restore } from './restore-command.ts';
import { setEnhanced, setSwitch, showStatus } from './status-command.ts';

export interface CliSettings {
  context: CommandContext;
  version: string;
  serve: (options: ServeOptions) => Promise<void>;
}

/** `args` without interpreter and script. Prints every error itself; never rejects for one that a person can cause. */
export async function runCli(args: readonly string[], { context, version, serve }: CliSettings): Promise<ExitCode> {
  const { console } = context;
  let code: ExitCode = exitCodes.ok;
  // Known before anything is parsed: what is wrong with the arguments must be told in the form that they ask for.
  const json = args.includes('--json');
  const program = createProgram(
    {
      serve,
      enhanced: (on, options) => setEnhanced(context, on, options),
      setSwitch: (half, on, options) => setSwitch(context, half, on, options),
      dnsMode: (choice, options) => dnsMode(context, choice, options),
      mode: (choice, options) => policyMode(context, choice, options),
      proxies: (options) => listProxies(context, options),
      select: (group, member, options) => selectProxy(context, group, member, options),
      delay: (policy, options) => delay(context, policy, options),
      status: (options) => showStatus(context, options),
      dump: (table, options) => dump(context, table, options),
      follow: (table, options) => follow(context, table, options),
      mapping: (action, wanted, options) => changeMappings(context, action, wanted, options),
      flush: (cache, options) => flush(context, cache, options),
      testRule: (target, options) => testRule(context, target, options),
      dnsQuery: (name, type, options) => dnsQuery(context, name, type, options),
      close: async (ids, options) => {
        code = await closeFlows(context, ids, options);
      },
      completion: (shell) => console.line(completionScript(program, shell, { '--explain': explainableKeys }).trimEnd()),
      explain: (key, options) => explain(context, key, options),
      restore: (options) => restore(context, options),
      listProfiles: (options) => listProfiles(context, options),
      updateProfiles: (options) => updateProfiles(context, options),
      providers: (action, name, options) => providers(context, action, name, options),
      profile: (action, what, options) => profile(context, action, what, options),
      check: async (file, options) => {
        code = await checkProfile(context, file, options);
      },
    },
    version,
    { out: (text) => console.line(text.trimEnd()), err: (text) => (json ? undefined : console.note(text.trimEnd())) },
  );
  try {
    await program.parseAsync(args, { from: 'user' });
    return code;
  } catch (caught) {
    if (caught instanceof CommanderError) {
      if (caught.exitCode === 0) return exitCodes.ok;
      // For people commander has said it.
      const message = caught.message.replace(/^error: /, '');
      if (json) console.error({ code: 'RPC_BAD_PARAMS', message, expected: 'see --help' }, { json });
      return exitCodes.usage;
    }
    const error = AppError.from(caught);
    console.error(error.toData(), { json });
    return exitCodeOf(error.code);
  }
}
