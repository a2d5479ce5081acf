import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { defaultConfig } from '../../../core/contract/config.ts';
import { understand } from '../../../core/profile/loaded-profile.ts';
import { maxProfiles } from '../../../core/profile/profile-index.ts';
import { ProfileLibrary } from '../../../core/profile/profile-library.ts';

let home: string;
let directory: string;
beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), 'mirage-library-'));
  directory = join(home, 'config');
});
afterEach(() => rmSync(home, { recursive: true }));

const library = (named?: string) => new ProfileLibrary({ directory, ...(named === undefined ? {} : { named }) });
const textOf = (port: number) => `mixed-port: ${7000 + port}\nrules: ["MATCH,REJECT"]\n`;

function file(name: string, text: string): string {
  const path = join(home, name);
  writeFileSync(path, text);
  return path;
}

function ownProfile(text: string): string {
  mkdirSync(directory, { recursive: true });
  return file('config/profile.yaml', text);
}

const listed = async (of = library()) => (await of.list()).map(({ name, active }) => `${active ? '*' : ''}${name}`);
const portInUse = async (of = library()) => ((await of.load()).config?.mixed?.port ?? Number.NaN) - 7000;

test('at first there is none: the built-in configuration, and nothing is written', async () => {
  expect(await library().list()).toEqual([]);
  expect(await library().load()).toEqual({ path: null, text: '', config: defaultConfig, problems: [] });
  expect(readdirSync(home)).toEqual([]);
});

test('the single profile of before is in the list and in use, and stays so beside others', async () => {
  const path = ownProfile(textOf(1));
  expect(await library().list()).toEqual([
    { id: 'default', name: 'profile', source: { kind: 'file', path }, active: true },
  ]);
  expect(await library().load()).toMatchObject({ path, text: textOf(1), problems: [] });
  await library().add(file('other.yaml', textOf(2)));
  expect(await listed()).toEqual(['*profile', 'other']);
  expect(await portInUse()).toBe(1);
});

test('profiles are added, used and removed, in a list of the user alone', async () => {
  const first = await library().add(file('home.yaml', textOf(1)));
  const second = await library().add(file('work.yml', textOf(2)));
  expect([first.active, second.active]).toEqual([true, false]);
  expect(await listed()).toEqual(['*home', 'work']);
  await library().use('work');
  expect(await portInUse()).toBe(2);
  await library().use(first.id);
  expect(await portInUse()).toBe(1);
  await expect(library().remove('home')).rejects.toMatchObject({ code: 'PROFILE_IN_USE' });
  await library().remove('work');
  expect(await listed()).toEqual(['*home']);
  expect(readFileSync(join(home, 'work.yml'), 'utf8')).toBe(textOf(2));
  expect(statSync(join(directory, 'profiles.json')).mode & 0o777).toBe(0o600);
  expect(statSync(directory).mode & 0o777).toBe(0o700);
});

test('the only one can be removed although it is in use; then there is none', async () => {
  await library().add(file('home.yaml', textOf(1)));
  await library().remove('home');
  expect(await listed()).toEqual([]);
  expect((await library().load()).config).toEqual(defaultConfig);
});

test('the single profile of before, when its file vanishes, is not nobody: what was last good of it comes with the problem', async () => {
  const path = ownProfile(textOf(1));
  library().keepGood(await library().load());
  rmSync(path);
  const loaded = await library().load();
  expect(loaded).toMatchObject({ path, problems: [{ code: 'FILE_UNREADABLE' }] });
  expect(library().lastGood(loaded)).toMatchObject({ config: { mixed: { port: 7001 } } });
  expect(loaded.config).toBeUndefined();
  await library().remove('default');
  expect((await library().load()).config).toEqual(defaultConfig);
});

test('a text that was handed over is kept for this user alone; it names no file and opens no port to the network', async () => {
  const entry = await library().addText(
    "mixed-port: 7001\nallow-lan: true\nauthentication: ['u:p']\nrules: ['MATCH,DIRECT']\n",
    'pasted',
  );
  expect(entry).toMatchObject({ name: 'pasted', active: true, source: { kind: 'text' } });
  expect(statSync(entry.source.path).mode & 0o777).toBe(0o600);
  const { config, directory: of, problems } = await library().load();
  expect([config?.mixed?.address, of]).toEqual(['127.0.0.1', undefined]);
  expect(problems.map(({ code }) => code)).toContain('LAN_OF_SUBSCRIPTION');
  await expect(library().addText('rules: nonsense', 'bad')).rejects.toMatchObject({ code: 'CONFIG_INVALID' });
  await library().remove(entry.id);
  expect(existsSync(entry.source.path)).toBe(false);
});

test('a name is changed, to one that nobody has; that of the single profile of before stays', async () => {
  ownProfile(textOf(1));
  const { id } = await library().addText(textOf(2), 'a');
  await library().addText(textOf(3), 'b');
  expect(await library().rename('a', 'c')).toMatchObject({ id, name: 'c' });
  await library().rename('c', 'c');
  for (const [which, name] of [
    ['c', 'b'],
    ['c', 'profile'],
    ['c', 'default'],
    ['default', 'x'],
  ] as const)
    await expect(library().rename(which, name)).rejects.toMatchObject({ code: 'PROFILE_IN_USE' });
  await expect(library().rename('nobody', 'x')).rejects.toMatchObject({ code: 'PROFILE_UNKNOWN' });
});

test('the same file is there once; files of one name are told apart', async () => {
  mkdirSync(join(home, 'a'));
  const entry = await library().add(file('a/home.yaml', textOf(1)));
  expect(await library().add(join(home, 'a', '..', 'a', 'home.yaml'))).toEqual(entry);
  await library().add(file('home.yaml', textOf(2)));
  await library().add(file('home.yml', textOf(3)));
  expect(await listed()).toEqual(['*home', 'home 2', 'home 3']);
});

test('a file that was named is in use for this run, until another is chosen', async () => {
  ownProfile(textOf(1));
  const named = library(file('named.yaml', textOf(2)));
  expect(await listed(named)).toEqual(['*named.yaml', 'profile']);
  expect(await portInUse(named)).toBe(2);
  expect(await listed()).toEqual(['*profile']);
  await named.use('profile');
  expect(await portInUse(named)).toBe(1);
  expect(await library(join(home, 'missing.yaml')).load()).toMatchObject({ failure: 'CONFIG_INVALID' });
});

test.each(['use', 'remove', 'loadOne'] as const)(
  '%s of a profile that is not there names those that are',
  async (action) => {
    await library().add(file('home.yaml', textOf(1)));
    await expect(library()[action]('hom')).rejects.toMatchObject({
      code: 'PROFILE_UNKNOWN',
      expected: 'one of "home"',
    });
  },
);

test('the one that is always in the list cannot be taken out of it', async () => {
  ownProfile(textOf(1));
  await library().add(file('other.yaml', textOf(2)));
  await library().use('other');
  await expect(library().remove('profile')).rejects.toMatchObject({ code: 'PROFILE_IN_USE' });
});

test('there are at most a hundred', async () => {
  for (let i = 0; i < maxProfiles; i++) await library().add(file(`p${i}.yaml`, ''));
  await expect(library().add(file('more.yaml', ''))).rejects.toMatchObject({ code: 'PROFILE_STORE' });
});

test.each([
  'no json',
  '[]',
  '{"version":2,"active":null,"profiles":[]}',
  '{"version":1,"active":null,"profiles":[{"id":"../../x"}]}',
])('a list that is not understood is told and left alone: %s', async (text) => {
  ownProfile(textOf(1));
  file('config/profiles.json', text);
  await expect(library().list()).rejects.toMatchObject({ code: 'PROFILE_STORE' });
  expect(await library().load()).toMatchObject({ failure: 'PROFILE_STORE', problems: [{ code: 'FILE_UNREADABLE' }] });
  expect(await portInUse(library(file('named.yaml', textOf(2))))).toBe(2);
  await expect(library().add(file('more.yaml', ''))).rejects.toMatchObject({ code: 'PROFILE_STORE' });
  expect(readFileSync(join(directory, 'profiles.json'), 'utf8')).toBe(text);
});

describe('the last good version', () => {
  test('is the one that was in force, 0600, and is there whatever happened to the file', async () => {
    const path = file('home.yaml', textOf(1));
    const { id } = await library().add(path);
    const kept = join(directory, 'profiles', `${id}.yaml`);
    const loaded = await library().load();
    expect(loaded.id).toBe(id);
    expect(existsSync(kept)).toBe(false);
    library().keepGood(loaded);
    expect(statSync(kept).mode & 0o777).toBe(0o600);
    expect(library().lastGood(loaded)).toBeUndefined();
    for (const spoil of [
      () => file('home.yaml', 'rules: {'),
      () => file('home.yaml', 'rules: 5'),
      () => rmSync(path),
    ]) {
      spoil();
      const spoilt = await library().load();
      expect(spoilt).not.toHaveProperty('config');
      expect(spoilt.problems).not.toEqual([]);
      expect(library().lastGood(spoilt)).toMatchObject({ config: { mixed: { port: 7001 } }, at: expect.any(Number) });
      library().keepGood(spoilt);
    }
  });

  test('is not one that was only read: the helper may refuse it', async () => {
    await library().add(file('home.yaml', textOf(1)));
    library().keepGood(await library().load());
    file('home.yaml', textOf(2));
    const refused = await library().load();
    expect(refused.config?.mixed?.port).toBe(7002);
    expect(library().lastGood(refused)?.config.mixed?.port).toBe(7001);
    await library().loadOne('home');
    expect(library().lastGood(refused)?.config.mixed?.port).toBe(7001);
  });

  test('of a file that is not in the list, or not any more, is not kept', async () => {
    const named = library(file('named.yaml', textOf(1)));
    named.keepGood(await named.load());
    await library().add(file('home.yaml', textOf(2)));
    const loaded = await library().load();
    await library().remove('home');
    library().keepGood(loaded);
    expect(existsSync(join(directory, 'profiles'))).toBe(false);
  });

  test('goes with the profile; where it cannot be kept nothing else changes', async () => {
    await library().add(file('home.yaml', textOf(1)));
    const other = await library().add(file('other.yaml', textOf(2)));
    library().keepGood(await library().loadOne('other'));
    library().keepGood(await library().load());
    await library().remove('other');
    expect(readdirSync(join(directory, 'profiles'))).not.toContain(`${other.id}.yaml`);
    rmSync(join(directory, 'profiles'), { recursive: true });
    file('config/profiles', 'a file where the folder should be');
    library().keepGood(await library().load());
    expect(await portInUse()).toBe(1);
  });
});

describe('another process', () => {
  test('cannot change the list of a home that cannot be written', () => {
    file('config', 'a file where the folder should be');
    library().onChanged(() => undefined)();
  });

  test('changes the list: it is told, our own changes are not; what it chose goes before what was named', async () => {
    ownProfile(textOf(1));
    const ours = library(file('named.yaml', textOf(2)));
    await ours.list();
    let told = 0;
    const stop = ours.onChanged(() => told++);
    await ours.add(file('ours.yaml', textOf(3)));
    await library().add(file('theirs.yaml', textOf(4)));
    await vi.waitFor(() => expect(told).toBe(1));
    expect(await portInUse(ours)).toBe(2);
    await library().use('theirs');
    await vi.waitFor(() => expect(told).toBe(2));
    expect(await portInUse(ours)).toBe(4);
    stop();
    await library().use('profile');
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(told).toBe(2);
  });

  test('makes a mess of it: nobody is told, and it is said to whoever asks', async () => {
    ownProfile(textOf(1));
    const ours = library();
    await ours.list();
    let told = 0;
    const stop = ours.onChanged(() => told++);
    file('config/profiles.json', 'nonsense');
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(told).toBe(0);
    await expect(ours.list()).rejects.toMatchObject({ code: 'PROFILE_STORE' });
    stop();
  });
});

test('ports below 1024 are not opened for a user, and that is said at their place; for root they are', async () => {
  const path = file('low.yaml', 'rules: ["MATCH,DIRECT"]\nmixed-port: 80\nport: 443\nsocks-port: 1080\n');
  const { config, problems } = await understand({ kind: 'file', path });
  expect(config?.mixed?.port).toBe(1080);
  expect(problems.filter(({ code }) => code === 'PORT_OF_ROOT').map(({ line, path: at }) => [line, at])).toEqual([
    [2, 'mixed-port'],
    [3, 'port'],
  ]);
  expect((await understand({ kind: 'file', path }, { lowPorts: true })).config?.mixed?.port).toBe(80);
});
