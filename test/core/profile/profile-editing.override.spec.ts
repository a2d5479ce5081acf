/** Overrides that are turned off and on, looked at and added to, texts that are kept though they are wrong, versions looked at first. */
import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { ProfileLibrary } from '../../../core/profile/profile-library.ts';
import type { FetchedSubscription } from '../../../core/profile/subscription.ts';

let home: string;
let served: string;
let downloads: number;
let library: ProfileLibrary;
let id: string;
const textOf = (port: number) => `mixed-port: ${port}\nproxies: [{name: a, type: direct}]\nrules: ["MATCH,a"]\n`;
const read = async () => (await library.editing.read(id)).override;
const save = async (text: string) => await library.editing.save(id, { part: 'override', text }, (await read()).version);
const port = async () => (await library.load()).config?.mixed?.port;
const state = async () => (await library.list())[0]?.override;

beforeEach(async () => {
  home = mkdtempSync(join(tmpdir(), 'mirage-editing-'));
  served = textOf(7001);
  downloads = 0;
  library = new ProfileLibrary({
    directory: home,
    fetch: async (): Promise<FetchedSubscription> => {
      downloads += 1;
      return { kind: 'fresh', text: served };
    },
  });
  ({ id } = await library.addUrl('https://sub.example/x'));
});
afterEach(() => rmSync(home, { recursive: true }));

test('turned off it is left aside and stays, also when it is written; on again it holds; removed it is gone', async () => {
  await save('mixed-port: 7009 # mine\n');
  expect([await port(), await state()]).toEqual([7009, 'on']);
  const { undo } = await library.editing.switchOverride(id, false);
  expect([await port(), await state(), (await read()).text]).toEqual([7001, 'off', 'mixed-port: 7009 # mine\n']);
  await undo();
  expect([await port(), await state()]).toEqual([7009, 'on']);
  await library.editing.switchOverride(id, false);
  await save('mixed-port: 7010\n');
  served = textOf(7002);
  await library.update(id);
  expect([await port(), await state()]).toEqual([7002, 'off']);
  await library.editing.switchOverride(id, true);
  expect(await port()).toBe(7010);
  await library.editing.switchOverride(id, false);
  await save('');
  expect([await state(), existsSync(join(home, 'profiles', `${id}.override-off.yaml`))]).toEqual([undefined, false]);
  await save('mode: rule\n');
  await library.editing.switchOverride(id, false);
  await library.remove(id);
  expect(readdirSync(join(home, 'profiles'))).toEqual([]);
});

test('one that cannot be used is not turned on', async () => {
  await save('mixed-port: 7009\n');
  await library.editing.switchOverride(id, false);
  await save('rules: ['); // it changes nothing yet
  await expect(library.editing.switchOverride(id, true)).rejects.toMatchObject({ code: 'CONFIG_SYNTAX' });
  expect([await state(), await port()]).toEqual(['off', 7001]);
});

test('what it changes is told in words, also while it is off', async () => {
  await save('mixed-port: 7009\nnope: 1\n');
  const wanted = {
    diff: { keys: [{ key: 'mixed-port', before: '7001', after: '7009' }] },
    problems: [{ code: 'KEY_UNKNOWN', line: 2 }],
  };
  expect(await library.editing.previewOverride(id)).toMatchObject(wanted);
  await library.editing.switchOverride(id, false);
  expect(await library.editing.previewOverride(id)).toMatchObject(wanted);
});

test('a try tells the lines, the names for completion, and whether somebody has changed the text since', async () => {
  const { version } = await read();
  const text =
    '+proxies: [{name: mine, type: direct}]\nrule-providers: {r: {behavior: domain, type: inline, payload: []}}\n';
  const trial = await library.editing.try(id, { part: 'override', text }, true);
  expect(trial.lines).toMatchObject({ added: 2, removed: 0 });
  expect(trial.names).toMatchObject({ ruleProviders: ['r'], proxyProviders: [], subRules: [] });
  expect(trial.names?.policies).toEqual(expect.arrayContaining(['mine', 'a', 'DIRECT']));
  expect(trial.version).toBe(version);
  writeFileSync(join(home, 'profiles', `${id}.override.yaml`), 'mode: rule\n');
  const later = await library.editing.try(id, { part: 'override', text: 'rules: [' }, false);
  expect(later).toMatchObject({ valid: false, names: null, lines: null, version: (await read()).version });
  expect(later.version).not.toBe(version);
});

test('a text that cannot be used is kept only where that is said, and the version that was in force stays', async () => {
  library.keepGood(await library.load());
  const { version } = await read();
  const change = { part: 'override', text: 'rules: [' } as const;
  await expect(library.editing.save(id, change, version)).rejects.toMatchObject({ code: 'CONFIG_SYNTAX' });
  await library.editing.save(id, { ...change, unusable: true }, version);
  const broken = await library.load();
  expect(broken).toMatchObject({ failure: 'CONFIG_SYNTAX', problems: [{ file: 'override', line: 1 }] });
  expect(library.lastGood(broken)?.config.mixed?.port).toBe(7001);
});

test('a rule is added with its comments; one that means nothing is refused, and while the override is off', async () => {
  await save('# mine\n+rules:\n  - DOMAIN,a.example,DIRECT # why\n');
  const { text, version } = await library.editing.withRule(id, 'DOMAIN,b.example,a', 'first');
  expect(text).toBe('# mine\n+rules:\n  - DOMAIN,b.example,a\n  - DOMAIN,a.example,DIRECT # why\n');
  await library.editing.save(id, { part: 'override', text }, version);
  for (const wrong of ['DOMAIN,c.example,nobody', 'NOPE,c.example,DIRECT', 'IP-CIDR,x,DIRECT'])
    await expect(library.editing.withRule(id, wrong, 'first')).rejects.toMatchObject({ code: 'CONFIG_INVALID' });
  await library.editing.switchOverride(id, false);
  await expect(library.editing.withRule(id, 'DOMAIN,b.example,a', 'last')).rejects.toMatchObject({
    code: 'PROFILE_READ_ONLY',
  });
});

test('what was looked at is what is taken, without another download; later it must be looked at once more', async () => {
  expect(await library.preview(id)).toEqual({ diff: null, problems: [], looked: null });
  served = textOf(7002);
  const { looked, diff } = await library.preview(id);
  expect(diff).toMatchObject({ keys: [{ key: 'mixed-port', before: '7001', after: '7002' }] });
  expect(await port()).toBe(7001);
  served = textOf(7003);
  const before = downloads;
  await library.update(id, { looked: looked ?? '' });
  expect([await port(), downloads]).toEqual([7002, before]);
  await expect(library.update(id, { looked: looked ?? '' })).rejects.toMatchObject({ code: 'PROFILE_CHANGED' });
  expect((await library.list())[0]?.subscription?.error).toBeUndefined();
});
