/** `mirage check FILE`: everything that is wrong with a profile, by line and column. Needs no helper. */
import { resolve } from 'node:path';
import { renderReport, summary } from '../profile/report.ts';
import type { CommandContext } from './command-context.ts';
import { type ExitCode, exitCodes } from './exit-code.ts';
import { countOf } from './quantity.ts';

/** Exit code 4 when an error forbids the profile's use; warnings alone are no failure. */
export async function checkProfile(
  context: CommandContext,
  file: string,
  options: { json: boolean },
): Promise<ExitCode> {
  const { config, problems, text } = await context.loadProfile(resolve(file));
  const { console } = context;
  const valid = config !== undefined;
  if (options.json) {
    console.json({ file: resolve(file), valid, problems });
  } else {
    if (problems.length > 0) console.line(`${renderReport(problems, { file, text }, console.paint)}\n`);
    console.line(
      valid
        ? `${console.paint('green', 'valid')}: ${countOf(config.proxies.length, 'proxy', 'proxies')}, ${countOf(config.rules.length, 'rule')}, ${summary(problems)}`
        : `${console.paint('red', 'not valid')}: ${summary(problems)}`,
    );
  }
  return valid ? exitCodes.ok : exitCodes.badConfiguration;
}
