import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { OwnerStore } from '../../../core/helper/owner-store.ts';

let directory: string;
let path: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'mirage-owner-'));
  path = join(directory, 'owner.json');
});
afterEach(() => rmSync(directory, { recursive: true }));

const nobody = { owner: null, systemDns: true, autoRoute: true, dnsMode: null, app: null };

test('at first there is no owner and both halves are on', () => {
  expect(new OwnerStore(path, 'boot-1').load()).toEqual(nobody);
});

test("what was saved is there again, in a file of root's alone, with no draft left", () => {
  const state = {
    owner: { uid: 1000, mode: 'session' as const },
    systemDns: false,
    autoRoute: true,
    dnsMode: null,
    app: null,
  };
  new OwnerStore(path, 'boot-1').save(state);
  expect(new OwnerStore(path, 'boot-1').load()).toEqual(state);
  expect(statSync(path).mode & 0o777).toBe(0o600);
  expect(readdirSync(directory)).toEqual(['owner.json']);
});

test('a session does not outlive its boot, persistent does', () => {
  new OwnerStore(path, 'boot-1').save({
    owner: { uid: 1000, mode: 'session' },
    systemDns: false,
    autoRoute: true,
    dnsMode: null,
    app: null,
  });
  expect(new OwnerStore(path, 'boot-2').load()).toEqual({
    owner: null,
    systemDns: false,
    autoRoute: true,
    dnsMode: null,
    app: null,
  });
  new OwnerStore(path, 'boot-1').save({
    owner: { uid: 1000, mode: 'persistent' },
    systemDns: true,
    autoRoute: true,
    dnsMode: null,
    app: null,
  });
  expect(new OwnerStore(path, 'boot-2').load().owner).toEqual({ uid: 1000, mode: 'persistent' });
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
  new OwnerStore(path, 'boot-1').save({ ...nobody, autoRoute: false, dnsMode: null, app: null });
  expect(new OwnerStore(path, 'boot-1').load()).toEqual({ ...nobody, autoRoute: false, dnsMode: null, app: null });
});
