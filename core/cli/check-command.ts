/** `mirage check FILE`: everything that is wrong with a profile, by line and column. Needs no helper. */
import { resolve } from 'node:path';
import type { CommandContext } from './command-context.ts';
import { problemText } from './error-text.ts';
import { type ExitCode, exitCodes } from './exit-code.ts';
import { countOf } from './quantity.ts';

/** Exit code 4 when an error forbids the profile's use; warnings alone are no failure. */
export async function checkProfile(
  context: CommandContext,
  file: string,
  options: { json: boolean },
): Promise<ExitCode> {
  const { config, problems } = await context.loadProfile(resolve(file));
  const { console } = context;
  const valid = config !== undefined;
  if (options.json) {
    console.json({ file: resolve(file), valid, problems });
  } else {
    for (const problem of problems) console.line(problemText(problem, console.paint, file));
    const errors = problems.filter((problem) => problem.severity === 'error').length;
    const warnings = problems.length - errors;
    if (problems.length > 0) console.line();
    console.line(
      valid
        ? `${console.paint('green', 'valid')}: ${countOf(config.proxies.length, 'proxy', 'proxies')}, ${countOf(config.rules.length, 'rule')}${warnings === 0 ? '' : `, ${countOf(warnings, 'warning')}`}`
        : `${console.paint('red', 'not valid')}: ${countOf(errors, 'error')}, ${countOf(warnings, 'warning')}`,
    );
  }
  return valid ? exitCodes.ok : exitCodes.badConfiguration;
}
