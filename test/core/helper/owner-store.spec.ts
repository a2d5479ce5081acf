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
import { afterEach, beforeEach, expect, test } from 'vitest';
import { OwnerStore, type UserSwitches } from '../../../core/helper/owner-store.ts';

let directory: string;
let path: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'mirage-owner-'));
  path = join(directory, 'owner.json');
});
afterEach(() => rmSync(directory, { recursive: true }));

const nobody = { owner: null, switches: new Map(), app: null };
const chosen: UserSwitches = { systemDns: false, autoRoute: true, dnsMode: 'redir-host', mode: 'global' };
const other: UserSwitches = { systemDns: true, autoRoute: false, dnsMode: null, mode: null };

test('at first there is no owner and nobody has switched anything', () => {
  expect(new OwnerStore(path, 'boot-1').load()).toEqual(nobody);
});

test("what was saved is there again, in a file of root's alone, with no draft left", () => {
  const switches = new Map([
    [1000, chosen],
    [0, other],
  ]);
  const state = { owner: { uid: 1000, mode: 'session' as const }, switches, app: { pid: 7, started: 8 } };
  new OwnerStore(path, 'boot-1').save(state);
  expect(new OwnerStore(path, 'boot-1').load()).toEqual(state);
  expect(statSync(path).mode & 0o777).toBe(0o600);
  expect(readdirSync(directory)).toEqual(['owner.json']);
});

test('a session does not outlive its boot, persistent and switches do', () => {
  const switches = new Map([[1000, chosen]]);
  new OwnerStore(path, 'boot-1').save({ owner: { uid: 1000, mode: 'session' }, switches, app: null });
  expect(new OwnerStore(path, 'boot-2').load()).toEqual({ owner: null, switches, app: null });
  new OwnerStore(path, 'boot-1').save({ owner: { uid: 1000, mode: 'persistent' }, switches, app: null });
  expect(new OwnerStore(path, 'boot-2').load()).toEqual({
    owner: { uid: 1000, mode: 'persistent' },
    switches,
    app: null,
  });
});

test.each(['session', 'persistent'] as const)(
  'a forgotten owner (%s) is not resumed; what users switched stays',
  (mode) => {
    const switches = new Map([[1000, chosen]]);
    new OwnerStore(path, 'boot-1').save({ owner: { uid: 1000, mode }, switches, app: { pid: 7, started: 8 } });
    new OwnerStore(path, 'boot-1').forgetOwner();
    expect(new OwnerStore(path, 'boot-1').load()).toEqual({ owner: null, switches, app: null });
  },
);

test('an owner is forgotten where nothing can be written, too; without one nothing is written', () => {
  new OwnerStore(path, 'boot-1').forgetOwner();
  expect(readdirSync(directory)).toEqual([]);
  const switches = new Map([[1000, chosen]]);
  new OwnerStore(path, 'boot-1').save({ owner: { uid: 1000, mode: 'persistent' }, switches, app: null });
  mkdirSync(`${path}.${process.pid}.new`); // no draft can be made
  new OwnerStore(path, 'boot-1').forgetOwner();
  expect(new OwnerStore(path, 'boot-1').load()).toEqual(nobody);
});

test.each([
  ['without a mode', {}, null],
  ['with one', { dnsMode: 'redir-host' }, 'redir-host'],
])('a file of an earlier helper, %s, tells the switches of its owner', (_, more, dnsMode) => {
  const owner = { uid: 1000, mode: 'persistent' };
  writeFileSync(path, JSON.stringify({ version: 1, owner, systemDns: false, autoRoute: true, boot: 'b', ...more }));
  const switches = new Map([[1000, { systemDns: false, autoRoute: true, dnsMode, mode: null }]]);
  expect(new OwnerStore(path, 'b').load()).toEqual({ owner, switches, app: null });
});

test.each(['', '{"version":1', '{"version":2}', '[]', '{"version":1,"owner":{"uid":-1,"mode":"root"}}'])(
  '%j means nothing and is set aside',
  (text) => {
    writeFileSync(path, text);
    expect(new OwnerStore(path, 'boot-1').load()).toEqual(nobody);
    expect(readFileSync(`${path}.unreadable`, 'utf8')).toBe(text);
    expect(existsSync(path)).toBe(false);
  },
);

test("a draft that a crash left behind is in nobody's way", () => {
  writeFileSync(`${path}.new`, 'half');
  new OwnerStore(path, 'boot-1').save({ owner: null, switches: new Map([[1, other]]), app: null });
  expect(new OwnerStore(path, 'boot-1').load()).toEqual({ owner: null, switches: new Map([[1, other]]), app: null });
});
