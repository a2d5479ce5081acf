import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { expect, test } from 'vitest';
import { EtcHosts } from '../../../../core/system/linux/hosts-file.ts';

test('the text as it is, with a stamp that changes with it; what is no file is refused', () => {
  const directory = fs.mkdtempSync(path.join(os.tmpdir(), 'mirage-hosts-'));
  const file = path.join(directory, 'hosts');
  fs.writeFileSync(file, '192.0.2.1 a');
  const hosts = new EtcHosts(file);
  const before = hosts.stamp();
  expect([hosts.read(), hosts.stamp()]).toEqual(['192.0.2.1 a', before]);
  fs.writeFileSync(file, '192.0.2.1 a b');
  expect(hosts.stamp()).not.toBe(before);
  expect(() => new EtcHosts(directory).read()).toThrow('is not a regular file');
  fs.rmSync(directory, { recursive: true });
  expect(() => hosts.stamp()).toThrow('ENOENT');
});
