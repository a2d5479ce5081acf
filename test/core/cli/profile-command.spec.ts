import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { AppError } from '../../../core/base/app-error.ts';
import type { CommandContext } from '../../../core/cli/command-context.ts';
import { Console } from '../../../core/cli/console.ts';
import { runCli } from '../../../core/cli/run-cli.ts';
import { understand } from '../../../core/profile/loaded-profile.ts';
import { ProfileLibrary } from '../../../core/profile/profile-library.ts';
import { HelperDouble } from '../../support/helper-double.ts';
import { ManualClock } from '../../support/manual-clock.ts';
import { ProvidersDouble } from '../../support/providers-double.ts';

let home: string;
let helper: HelperDouble;
let unreachable: AppError | undefined;
/** What a person does in the editor, and answers. */
let edits: ((text: string) => string)[];
let confirms: boolean[];
beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), 'mirage-profiles-'));
  helper = new HelperDouble();
  unreachable = undefined;
  edits = [];
  confirms = [];
});
afterEach(() => rmSync(home, { recursive: true }));

const file = (name: string, port = 1, rules = '["MATCH,DIRECT"]') => {
  writeFileSync(join(home, name), `mixed-port: ${7000 + port}\nrules: ${rules}\n`);
  return join(home, name);
};
const applied = () => helper.calls.flatMap(([method, params]) => (method === 'applyConfig' ? [params] : []));

async function mirage(...args: string[]): Promise<{ code: number; out: string; err: string }> {
  const written = { out: '', err: '' };
  const stream = (to: 'out' | 'err') => ({ write: (text: string) => (written[to] += text) });
  const library = new ProfileLibrary({ directory: join(home, 'config') });
  const context: CommandContext = {
    console: new Console(stream('out'), stream('err'), { NO_COLOR: '1' }),
    clock: new ManualClock(),
    uid: 1000,
    userName: () => undefined,
    openHelper: async () => {
      if (unreachable !== undefined) throw unreachable;
      helper.up();
      return helper;
    },
    loadProfile: (path) => (path === undefined ? library.load() : understand({ kind: 'file', path })),
    profiles: library,
    providers: new ProvidersDouble(),
    ended: async () => undefined,
    commands: () => ({ cli: 'mirage', offlineRestore: undefined }),
    confirm: async () => confirms.shift(),
    editor: () => 'ed',
    runProgram: async (command) => {
      const write = edits.shift();
      if (write === undefined) return 127;
      const path = command.at(-1) ?? '';
      writeFileSync(path, write(readFileSync(path, 'utf8')));
      return 0;
    },
  };
  const code = await runCli(['profile', ...args], { version: '0.1.0', serve: async () => undefined, context });
  return { code, ...written };
}
const listed = async () =>
  (JSON.parse((await mirage('list', '--json')).out) as { name: string; active: boolean }[]).map(
    ({ name, active }) => `${active ? '*' : ''}${name}`,
  );

test('add, list, use, remove', async () => {
  expect((await mirage('list')).out).toContain('no profiles');
  expect((await mirage('add', file('home.yaml'))).out).toContain('added home (no problems); it is the one in use');
  expect((await mirage('add', file('work.yaml', 2))).out).toContain('"mirage profile use work" switches to it');
  expect((await mirage('list')).out).toBe(`* home  ${home}/home.yaml\n  work  ${home}/work.yaml\n`);
  expect(await mirage('use', 'work')).toMatchObject({ code: 0, out: 'work is in use\n' });
  expect(applied()).toMatchObject([{ config: { mixed: { port: 7002 } } }]);
  expect(await listed()).toEqual(['home', '*work']);
  expect(await mirage('remove', 'work')).toMatchObject({ code: 2, err: expect.stringContaining('PROFILE_IN_USE') });
  expect((await mirage('remove', 'home')).out).toContain('removed home; its file stays');
  expect(await listed()).toEqual(['*work']);
});

test('rename, and a name from the beginning', async () => {
  await mirage('add', file('home.yaml'));
  expect((await mirage('add', file('work.yaml', 2), '--name', 'Büro')).out).toContain('added Büro');
  expect(await mirage('rename', 'home', '--name', 'at home')).toMatchObject({
    code: 0,
    out: 'home is called at home now\n',
  });
  expect(JSON.parse((await mirage('rename', 'Büro', '--name', 'work', '--json')).out)).toMatchObject({
    renamed: { name: 'work' },
  });
  expect(await listed()).toEqual(['*at home', 'work']);
  for (const [args, code] of [
    [['rename', 'work'], 'RPC_BAD_PARAMS'],
    [['rename', 'work', '--name', 'at home'], 'PROFILE_IN_USE'],
    [['rename', 'work', '--name', ''], 'PROFILE_IN_USE'],
    [['rename', 'nobody', '--name', 'x'], 'PROFILE_UNKNOWN'],
  ] as const)
    expect(await mirage(...args)).toMatchObject({ code: 2, err: expect.stringContaining(code) });
  expect(await listed()).toEqual(['*at home', 'work']);
});

test('one that the helper refuses is not chosen', async () => {
  await mirage('add', file('home.yaml'));
  await mirage('add', file('work.yaml', 2));
  helper.answers.applyConfig = () => {
    throw new AppError('CONFIG_INVALID', 'no such range');
  };
  expect(await mirage('use', 'work')).toMatchObject({ code: 4 });
  expect(await listed()).toEqual(['*home', 'work']);
});

test('one that the helper refuses now is used as it was in force before, and that is said', async () => {
  await mirage('add', file('home.yaml'));
  await mirage('add', file('work.yaml', 2));
  await mirage('use', 'work');
  await mirage('use', 'home');
  file('work.yaml', 3);
  helper.answers.applyConfig = ({ config }) => {
    if (config.mixed?.port === 7003) throw new AppError('CONFIG_INVALID', 'no such range');
    return { hash: 'h' };
  };
  expect(await mirage('use', 'work')).toMatchObject({
    code: 0,
    err: expect.stringContaining('no such range; its last good version is used'),
  });
  expect(applied().at(-1)).toMatchObject({ config: { mixed: { port: 7002 } } });
  // What was refused has not become the last good one.
  expect(await mirage('use', 'work')).toMatchObject({ code: 0, err: expect.stringContaining('last good version') });
  helper.answers.applyConfig = () => {
    throw new AppError('RPC_BUSY', 'not now');
  };
  expect(await mirage('use', 'work')).toMatchObject({ code: 1, err: expect.stringContaining('not now') });
});

test('what comes from no address cannot be updated', async () => {
  await mirage('add', file('home.yaml'));
  expect(await mirage('update', 'home')).toMatchObject({
    code: 2,
    err: expect.stringContaining('does not come from an address'),
  });
  expect((await mirage('update')).out).toContain('no profile comes from an address');
});

test('one document with --json', async () => {
  await mirage('add', file('home.yaml'));
  expect(JSON.parse((await mirage('add', file('work.yaml', 2), '--json')).out)).toMatchObject({
    added: { name: 'work', active: false, source: { kind: 'file', path: `${home}/work.yaml` } },
    problems: [],
  });
  expect(JSON.parse((await mirage('use', 'work', '--json')).out)).toMatchObject({
    active: { name: 'work', active: true },
    outcome: 'applied',
  });
  expect(JSON.parse((await mirage('remove', 'home', '--json')).out)).toMatchObject({ removed: { name: 'home' } });
});

test.each([
  ['HELPER_NOT_RUNNING', 'not running'],
  ['HELPER_IN_USE', 'in use by user 1001'],
] as const)('%s: the choice is kept for later, and that is said', async (code, message) => {
  await mirage('add', file('home.yaml'));
  await mirage('add', file('work.yaml', 2));
  unreachable = new AppError(code, message);
  expect(await mirage('use', 'work')).toMatchObject({
    code: 0,
    out: `work is in use; not applied yet: ${message}\n`,
  });
  expect(JSON.parse((await mirage('use', 'home', '--json')).out)).toMatchObject({
    outcome: 'pending',
    reason: { code },
  });
  expect(await listed()).toEqual(['*home', 'work']);
});

test('one that cannot be used, and never could, changes nothing; one that could is used as it was', async () => {
  await mirage('add', file('home.yaml'));
  await mirage('add', file('broken.yaml', 2, '5'));
  expect(await mirage('use', 'broken')).toMatchObject({ code: 4, err: expect.stringContaining('nothing was changed') });
  expect(applied()).toEqual([]);
  expect(await listed()).toEqual(['*home', 'broken']);
  file('broken.yaml', 3);
  await mirage('use', 'broken');
  await mirage('use', 'home');
  file('broken.yaml', 4, '5');
  expect(await mirage('use', 'broken')).toMatchObject({ code: 0, err: expect.stringContaining('last good version') });
  expect(applied().at(-1)).toMatchObject({ config: { mixed: { port: 7003 } } });
});

test.each([
  [['list', 'x'], 2],
  [['use'], 2],
  [['add', '/there/is/none.yaml'], 4],
  [['use', 'none'], 2],
  [['rename', 'x'], 2],
] as const)('%j is a mistake', async (args, code) => {
  expect(await mirage(...args)).toMatchObject({ code, out: '' });
  expect(await listed()).toEqual([]);
});

test("edit: a text of one's own is changed in the editor, and a wrong one offers to go back", async () => {
  await mirage('add', file('home.yaml'));
  edits = [
    (text) => text.replace('MATCH,DIRECT', 'MATCH,nobody').replace('rules', 'rules: [\nrules'),
    (text) => text.replace('rules: [\n', '').replace('MATCH,nobody', 'DOMAIN,a.example,REJECT'),
  ];
  confirms = [true];
  const { code, out, err } = await mirage('edit', 'home');
  expect(err).toContain('home.yaml:3:');
  expect([code, out]).toEqual([
    0,
    'kept for home; a running app applies it, else "mirage profile use home" does\n  1 rule added, 1 rule removed\n    + DOMAIN,a.example,REJECT\n    - MATCH,DIRECT\n',
  ]);
  expect(readFileSync(join(home, 'home.yaml'), 'utf8')).toContain('DOMAIN,a.example,REJECT');
  edits = [() => 'rules: ['];
  expect(await mirage('edit', 'home')).toMatchObject({ code: 4, err: expect.stringContaining('nothing was kept') });
  edits = [(text) => text];
  expect((await mirage('edit', 'home')).out).toBe('home is as it was\n');
  expect((await mirage('edit', 'home')).code).toBe(1);
  expect((await mirage('edit', 'other')).code).toBe(2);
});

test('override: kept beside the profile, merged on top, shown and taken away', async () => {
  await mirage('add', file('home.yaml'));
  writeFileSync(join(home, 'patch.yaml'), '+rules: ["DOMAIN,b.example,REJECT"]\nmixed-port: 7009\n');
  expect((await mirage('override', 'home')).err).toContain('home has no override');
  expect((await mirage('override', 'home', '--file', join(home, 'patch.yaml'))).out).toContain(
    'mixed-port: 7001 -> 7009',
  );
  expect((await mirage('override', 'home', '--show')).out).toContain('DOMAIN,b.example,REJECT');
  expect((await mirage('override', 'home', '--off')).out).toContain('the override of home is off');
  expect(JSON.parse((await mirage('list', '--json')).out)).toMatchObject([{ override: 'off' }]);
  expect(JSON.parse((await mirage('override', 'home', '--on', '--json')).out)).toMatchObject({
    on: true,
    diff: { rules: { added: { count: 1 } } },
  });
  await mirage('use', 'home');
  expect(applied()).toMatchObject([{ config: { mixed: { port: 7009 }, rules: [{ payload: 'b.example' }, {}] } }]);
  writeFileSync(join(home, 'patch.yaml'), 'function main(config) { return config; }');
  expect(await mirage('override', 'home', '--file', join(home, 'patch.yaml'))).toMatchObject({
    code: 4,
    err: expect.stringContaining('override:1:1: error[TEXT_IS_SCRIPT]'),
  });
  const cleared = JSON.parse((await mirage('override', 'home', '--clear', '--json')).out);
  expect(cleared).toMatchObject({ kept: true, diff: { keys: [{ key: 'mixed-port', before: '7009', after: '7001' }] } });
});
