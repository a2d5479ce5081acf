/** Texts of profiles that are changed by hand, and overrides that stay through updates. */
import {
  chmodSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { ProfileLibrary } from '../../../core/profile/profile-library.ts';
import type { FetchedSubscription } from '../../../core/profile/subscription.ts';

let home: string;
/** What the server has. */
let served: string;
let library: ProfileLibrary;
beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), 'mirage-editing-'));
  served = textOf(1);
  library = new ProfileLibrary({
    directory: join(home, 'config'),
    fetch: async (): Promise<FetchedSubscription> => ({ kind: 'fresh', text: served }),
  });
});
afterEach(() => rmSync(home, { recursive: true }));

const node = '{name: a, type: socks5, server: 192.0.2.1, port: 1080}';
const textOf = (port: number, more = '') =>
  `mixed-port: ${7000 + port}\nproxies: [${node}]\n${more}rules: ["MATCH,a"]\n`;
const patch = '+rules: ["DOMAIN,x.example,DIRECT"]\n+proxies: [{name: mine, type: direct}]\n';
const save = async (id: string, part: 'source' | 'override', text: string) =>
  await library.editing.save(id, { part, text }, (await library.editing.read(id))[part].version);
const rules = async () => (await library.load()).config?.rules.map(({ payload }) => payload);

test('an override survives updates, is a file of the user alone, and goes with its profile', async () => {
  const { id } = await library.addUrl('https://sub.example/x');
  await save(id, 'override', patch);
  const path = join(home, 'config/profiles', `${id}.override.yaml`);
  expect(statSync(path).mode & 0o777).toBe(0o600);
  served = textOf(2);
  await library.update(id);
  expect((await library.load()).config).toMatchObject({
    mixed: { port: 7002 },
    proxies: [{ name: 'mine' }, { name: 'a' }],
  });
  expect(await rules()).toEqual(['x.example', '']);
  expect((await library.list())[0]).toMatchObject({ override: 'on' });
  await save(id, 'override', '');
  expect([existsSync(path), (await library.list())[0]?.override]).toEqual([false, undefined]);
  await save(id, 'override', patch);
  library.keepGood(await library.load());
  await library.remove(id);
  expect(readdirSync(join(home, 'config/profiles'))).toEqual([]);
});

test('what is the text of a server is not changed, nor what cannot be used, nor what another program wrote meanwhile', async () => {
  const { id } = await library.addUrl('https://sub.example/x');
  const { source, override } = await library.editing.read(id);
  expect([source.editable, override.editable, source.text]).toEqual([false, true, textOf(1)]);
  await expect(save(id, 'source', textOf(3))).rejects.toMatchObject({ code: 'PROFILE_READ_ONLY' });
  await expect(save(id, 'override', 'rules: [')).rejects.toMatchObject({
    code: 'CONFIG_SYNTAX',
    details: {},
  });
  await expect(save(id, 'override', 'function main() {}')).rejects.toMatchObject({ code: 'CONFIG_INVALID' });
  expect(existsSync(join(home, 'config/profiles', `${id}.override.yaml`))).toBe(false);
  await save(id, 'override', patch);
  await expect(
    library.editing.save(id, { part: 'override', text: 'mode: direct' }, override.version),
  ).rejects.toMatchObject({
    code: 'PROFILE_CHANGED',
  });
});

test('a file of the person stays what it is: a link, with its permissions', async () => {
  const real = join(home, 'real.yaml');
  const link = join(home, 'link.yaml');
  writeFileSync(real, textOf(1));
  chmodSync(real, 0o640);
  symlinkSync(real, link);
  const { id } = await library.add(link);
  await save(id, 'source', `# mine\n${textOf(4)}`);
  expect([readFileSync(real, 'utf8'), statSync(real).mode & 0o777]).toEqual([`# mine\n${textOf(4)}`, 0o640]);
  expect(readFileSync(link, 'utf8')).toContain('# mine');
});

test('a try keeps nothing, and tells the difference and the places of both texts', async () => {
  const { id } = await library.addUrl('https://sub.example/x');
  const trial = await library.editing.try(id, { part: 'override', text: 'mixed-port: 7005\nnope: 1' }, true);
  expect(trial).toMatchObject({
    valid: true,
    problems: [{ code: 'KEY_UNKNOWN', file: 'override', line: 2 }],
    diff: { keys: [{ key: 'mixed-port', before: '7001', after: '7005' }] },
  });
  expect(await library.editing.try(id, { part: 'override', text: '- x' }, true)).toMatchObject({
    valid: false,
    diff: null,
  });
  expect((await library.editing.read(id)).override.text).toBe('');
});

test('what an update would change is told, with the override, and nothing is kept', async () => {
  const { id } = await library.addUrl('https://sub.example/x');
  await save(id, 'override', 'mixed-port: 7009\n');
  served = textOf(2, 'log-level: debug\n');
  expect((await library.preview(id)).diff).toMatchObject({
    keys: [{ key: 'log-level', before: 'info', after: 'debug' }],
  });
  expect((await library.load()).text).toBe(textOf(1));
  served = 'rules: [';
  await expect(library.preview(id)).rejects.toMatchObject({ code: 'CONFIG_SYNTAX' });
  expect((await library.list())[0]?.subscription?.error).toBeUndefined();
});

test('the last good version has the override that it was in force with', async () => {
  const { id } = await library.addUrl('https://sub.example/x');
  await save(id, 'override', patch);
  library.keepGood(await library.load());
  writeFileSync(join(home, 'config/profiles', `${id}.override.yaml`), 'rules: [');
  const broken = await library.load();
  expect(broken.problems[0]).toMatchObject({ file: 'override', line: 1 });
  expect(library.lastGood(broken)?.config.rules).toHaveLength(2);
});

test('a subscription opens the port to the network only by the word of the person', async () => {
  served = `${textOf(1)}allow-lan: true\nallow-lan-without-users: true\n`;
  const { id } = await library.addUrl('https://sub.example/x');
  const address = async () => (await library.load()).config?.mixed?.address;
  expect(await address()).toBe('127.0.0.1');
  await save(id, 'override', 'allow-lan: true\n');
  expect(await address()).toBe('127.0.0.1');
  await save(id, 'override', 'allow-lan: true\nauthentication: ["me:word"]\n');
  expect(await address()).toBe('0.0.0.0');
});
