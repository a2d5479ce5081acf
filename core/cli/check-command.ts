/** `mirage check FILE`: everything that is wrong with a profile, by line and column. Needs no helper. */
import { resolve } from 'node:path';
import type { Config } from '../contract/config.ts';
import { fateOfProblem } from '../contract/problem-groups.ts';
import { renderReport, verdict } from '../profile/report.ts';
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
    console.json({
      file: resolve(file),
      valid,
      problems: problems.map((one) => ({ ...one, fate: fateOfProblem(one) })),
    });
  } else {
    if (problems.length > 0) console.line(`${renderReport(problems, { file, text }, console.paint)}\n`);
    const size = config && sizeOf(config);
    console.line(verdict(problems, size, console.paint));
  }
  return valid ? exitCodes.ok : exitCodes.badConfiguration;
}

/** `3 proxies, 2 groups, 40 rules`; groups are named where there are any. */
function sizeOf({ proxies, groups, rules }: Config): string {
  const parts = [
    countOf(proxies.length, 'proxy', 'proxies'),
    ...(groups.length > 0 ? [countOf(groups.length, 'group')] : []),
    countOf(rules.length, 'rule'),
  ];
  return parts.join(', ');
}
