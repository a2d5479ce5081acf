import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type Config, defaultConfig } from '../../../core/contract/config.ts';
import { ConfigStore } from '../../../core/helper/config-store.ts';

let directory: string;
let store: ConfigStore;
let aside: string[];
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'mirage-config-'));
  aside = [];
  store = new ConfigStore({ runtimeDir: directory, stateDir: directory }, (path) => aside.push(path));
});
afterEach(() => rmSync(directory, { recursive: true }));

const config: Config = {
  ...defaultConfig,
  proxies: [
    { type: 'socks5', name: 'a', server: '192.0.2.1', port: 1080, username: 'u', password: 'secret', udp: true },
  ],
};

test('each user has their own, readable by root alone', () => {
  const saved = store.save(1000, config);
  store.save(1001, defaultConfig);
  expect(store.load(1000)).toEqual(saved);
  expect(store.load(1000)?.config).toEqual(config);
  expect(store.load(1001)?.config).toEqual(defaultConfig);
  expect(store.load(1002)).toBeUndefined();
  expect(statSync(join(directory, 'config-1000.json')).mode & 0o777).toBe(0o600);
});

test('the hash is of the content', () => {
  expect(store.save(1000, config).hash).toBe(store.save(1001, config).hash);
  expect(store.save(1000, config).hash).not.toBe(store.save(1000, defaultConfig).hash);
});

test.each(['', '{', JSON.stringify({ ...defaultConfig, unknown: 1 })])(
  'one that cannot be understood (%.20j) is set aside and told',
  (text) => {
    writeFileSync(join(directory, 'config-1000.json'), text);
    expect(store.load(1000)).toBeUndefined();
    expect(aside).toEqual([join(directory, 'config-1000.json.unreadable')]);
  },
);
