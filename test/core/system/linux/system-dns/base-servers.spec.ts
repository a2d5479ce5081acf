import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import {
  readBaseOptions,
  readBaseSearch,
  readBaseServers,
} from '../../../../../core/system/linux/system-dns/base-servers.ts';
import type { ResolvConfState } from '../../../../../core/system/undo-record.ts';

let root: string;
beforeEach(() => {
  root = fs.mkdtempSync(path.join(os.tmpdir(), 'mirage-base-'));
  fs.mkdirSync(path.join(root, 'etc'));
  fs.mkdirSync(path.join(root, 'run/systemd/resolve'), { recursive: true });
});
afterEach(() => fs.rmSync(root, { recursive: true, force: true }));

const write = (name: string, text: string): void => fs.writeFileSync(path.join(root, name), text);
const servers = (before: ResolvConfState) => readBaseServers(before, path.join(root, 'etc/resolv.conf'), root);
const file = (content: string): ResolvConfState => ({ kind: 'file', content, mode: 0o644, uid: 0, gid: 0 });

test('a file: its servers in order; the machine itself where none is named (resolv.conf(5))', async () => {
  expect(await servers(file('nameserver 10.0.0.2\nnameserver 10.0.0.1\n'))).toEqual(['10.0.0.2', '10.0.0.1']);
  for (const nobody of ['', '# nobody yet\n', 'search lan\noptions rotate\n', 'nameserver localhost\n']) {
    expect(await servers(file(nobody))).toEqual(['127.0.0.1']);
  }
  expect(await servers({ kind: 'missing' })).toEqual(['127.0.0.1']);
});

test('a link: what its owner has written by now, else what was seen then', async () => {
  const link: ResolvConfState = { kind: 'link', target: '../run/net.conf', content: 'nameserver 10.0.0.1\n' };
  expect(await servers(link)).toEqual(['10.0.0.1']);
  write('run/net.conf', 'nameserver 10.9.9.9\n');
  expect(await servers(link)).toEqual(['10.9.9.9']);
});

test("resolved's stub: the servers it asks; the stub itself only when it asks none", async () => {
  const stub = file('nameserver 127.0.0.53\n');
  expect(await servers(stub)).toEqual(['127.0.0.53']);
  write('run/systemd/resolve/resolv.conf', '# uplinks\nnameserver 10.1.1.1\nnameserver 127.0.0.1\n');
  expect(await servers(stub)).toEqual(['10.1.1.1']);
  expect(await servers(file('nameserver 127.0.0.1\n'))).toEqual(['127.0.0.1']);
  expect(await servers(file('nameserver 127.0.0.53\nnameserver 10.0.0.1\n'))).toEqual(['127.0.0.53', '10.0.0.1']);
});

test('link-local servers: with their interface by name, also where its number is written', async () => {
  fs.mkdirSync(path.join(root, 'sys/class/net/wlan0'), { recursive: true });
  fs.mkdirSync(path.join(root, 'sys/class/net/eth0'), { recursive: true });
  write('sys/class/net/wlan0/ifindex', '3\n');
  write('sys/class/net/eth0/ifindex', '2\n');
  expect(await servers(file('nameserver fe80::1%3\nnameserver fe80::1%eth0\nnameserver fe80::2%9\n'))).toEqual([
    'fe80::1%wlan0',
    'fe80::1%eth0',
    'fe80::2%9',
  ]);
});

test('eight servers at most, and the options beside them', async () => {
  const many = Array.from({ length: 12 }, (_, i) => `nameserver 10.0.0.${i + 1}`).join('\n');
  expect(await servers(file(many))).toHaveLength(8);
  expect(
    await readBaseOptions(file('options timeout:3 rotate\nnameserver 10.0.0.1\n'), path.join(root, 'etc/resolv.conf')),
  ).toEqual({ timeoutMs: 3_000, attempts: 2, rotate: true, tcp: false, ndots: 1 });
});

test('the search list: of the last line that has one, and of a link as it is now', async () => {
  const search = (before: ResolvConfState) => readBaseSearch(before, path.join(root, 'etc/resolv.conf'));
  expect(await search(file('domain old.example\nnameserver 10.0.0.1\nsearch home.example\tcorp.example\n'))).toEqual([
    'home.example',
    'corp.example',
  ]);
  expect(await search(file('search home.example\ndomain last.example'))).toEqual(['last.example']);
  expect(await search(file('nameserver 10.0.0.1\nsearch .\n'))).toEqual([]);
  expect(await search({ kind: 'missing' })).toEqual([]);
  const link: ResolvConfState = { kind: 'link', target: '../run/net.conf', content: 'search then.example\n' };
  expect(await search(link)).toEqual(['then.example']);
  write('run/net.conf', 'search now.example\n');
  expect(await search(link)).toEqual(['now.example']);
});
