import { beforeEach, expect, test } from 'vitest';
import type { CommandContext } from '../../../core/cli/command-context.ts';
import { Console } from '../../../core/cli/console.ts';
import { runCli } from '../../../core/cli/run-cli.ts';
import type { ProviderRow } from '../../../core/contract/providers.ts';
import { noWishes } from '../../../core/profile/profile-loader.ts';
import { unused } from '../../../core/profile/provider-uses.ts';
import { HelperDouble } from '../../support/helper-double.ts';
import { ManualClock } from '../../support/manual-clock.ts';
import { builtInProfile, ProfileLibraryDouble } from '../../support/profile-library-double.ts';
import { ProvidersDouble } from '../../support/providers-double.ts';

let providers: ProvidersDouble;
let helper: HelperDouble;
beforeEach(() => {
  providers = new ProvidersDouble();
  helper = new HelperDouble();
});

const there: ProviderRow = {
  name: 'p',
  kind: 'rules',
  source: 'http',
  entries: 3,
  leftOut: 0,
  updatedAt: 0,
  nextAt: null,
  updating: false,
  use: unused,
};

async function mirage(...args: string[]): Promise<{ code: number; out: string; err: string }> {
  const written = { out: '', err: '' };
  const stream = (to: 'out' | 'err') => ({ write: (text: string) => (written[to] += text) });
  const profiles = new ProfileLibraryDouble({ one: { ...builtInProfile, path: '/p.yaml', wanted: noWishes } });
  const nobody = (): never => {
    throw new Error('not asked for');
  };
  const context: CommandContext = {
    console: new Console(stream('out'), stream('err'), { NO_COLOR: '1' }),
    clock: new ManualClock(),
    uid: 1000,
    userName: () => undefined,
    openHelper: async () => {
      helper.up();
      return helper;
    },
    loadProfile: nobody,
    profiles: Object.assign(profiles, { loadOne: nobody }),
    providers,
    ended: async () => undefined,
    commands: () => ({ cli: 'mirage', offlineRestore: undefined }),
    confirm: async () => undefined,
    editor: () => 'ed',
    runProgram: async () => 127,
  };
  const code = await runCli(['providers', ...args], { version: '0.1.0', serve: async () => undefined, context });
  return { code, ...written };
}

test.each<[string, Partial<ProviderRow>, number]>([
  ['is there', {}, 0],
  ['is empty', { entries: 0 }, 0],
  ['is in the profile itself', { source: 'inline', entries: null }, 0],
  ['was not to be had, and there is no copy', { entries: null, error: { code: 'DOWNLOAD_STATUS', message: '404' } }, 1],
  ['was not to be had, and the copy stays', { error: { code: 'DOWNLOAD_TLS', message: 'bad' } }, 1],
  ['has come, and cannot be used', { entries: null, error: { code: 'DOWNLOAD_UNREADABLE', message: 'a page' } }, 1],
  ['has no address', { entries: null }, 1],
  ['is a file that is not there', { source: 'file', entries: null }, 1],
  ['is geodata that is not there', { kind: 'geodata', entries: null }, 1],
])('update: one that %s', async (_, row, code) => {
  providers.list = [there, { ...there, name: 'q', ...row }];
  expect((await mirage('update')).code).toBe(code);
  expect((await mirage('update', '--json')).code).toBe(code);
  expect((await mirage('update', 'p')).code).toBe(0);
  // To look at them is no failure.
  expect((await mirage()).code).toBe(0);
  expect(helper.calls.map(([method]) => method)).toContain('applyConfig');
});
