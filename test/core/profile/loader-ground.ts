/** What the tests of the loader have in common. */
import { expect } from 'vitest';
import { type Config, configSchema } from '../../../core/contract/config.ts';
import { loadProfile } from '../../../core/profile/profile-loader.ts';

/** The configuration of a profile that must have nothing but the given warnings. */
export function load(text: string, ...warnings: string[]): Config {
  const { config, problems } = loadProfile(text);
  expect(problems.map((problem) => `${problem.severity}: ${problem.message}`)).toEqual(warnings);
  return configSchema.parse(config);
}

/** `line:column severity path CODE`, one a problem. */
export function problemsOf(text: string): string[] {
  return loadProfile(text).problems.map(
    ({ line, column, severity, path, code }) => `${line}:${column} ${severity} ${path === '' ? '-' : path} ${code}`,
  );
}

export const end = '\nrules: ["MATCH,DIRECT"]\n';
