import { beforeEach, describe, expect, test } from 'vitest';
import type { ProcessInfo } from '../../../core/contract/flow.ts';
import { ProcessLoopGuard } from '../../../core/tunnel/loop-guard.ts';
import { ManualClock } from '../../support/manual-clock.ts';

const process = (pid: number, name = 'ssh'): ProcessInfo => ({ pid, uid: 1000, name, path: `/usr/bin/${name}` });
const proxy = { host: '127.0.0.1', port: 1080 };

let clock: ManualClock;
let listeners: ProcessInfo[];
let asked: string[];
let parents: Record<number, number>;
let guard: ProcessLoopGuard;
beforeEach(() => {
  clock = new ManualClock();
  listeners = [process(10)];
  asked = [];
  parents = {};
  guard = new ProcessLoopGuard(
    {
      findListeners: (address, port) => {
        asked.push(`${address}:${port}`);
        return Promise.resolve(listeners);
      },
      parentOf: (pid) => parents[pid] ?? 0,
    },
    clock,
  );
});
const guarded = (pid: number) => guard.isProxyProcess(process(pid), [proxy]);

test('the process that listens is one', async () => expect(await guarded(10)).toBe(true));
test('another is none', async () => expect(await guarded(11)).toBe(false));

test('its children and grandchildren are', async () => {
  parents = { 12: 11, 11: 10, 10: 1 };
  expect(await guarded(12)).toBe(true);
});

test('its parent is none', async () => {
  parents = { 10: 9 };
  expect(await guarded(9)).toBe(false);
});

describe('socket activation: the service manager holds the port, and everything descends from it', () => {
  test.each([
    ['pid 1', process(1, 'init')],
    ['systemd of a user', process(50, 'systemd')],
  ])('%s', async (_what, manager) => {
    listeners = [manager, process(60, 'sshd')];
    parents = { 70: 50, 50: 1, 80: 60 };
    expect(await guarded(70)).toBe(false);
    expect(await guarded(80)).toBe(true);
  });
});

test('a circle of parents ends', async () => {
  parents = { 20: 21, 21: 20 };
  expect(await guarded(20)).toBe(false);
});

test('listeners are asked for once in a while for a process, not for every flow', async () => {
  await Promise.all([guarded(10), guarded(10), guarded(11), guarded(11), guarded(10)]);
  expect(asked).toEqual(['127.0.0.1:1080', '127.0.0.1:1080']);
  await clock.advance(2001);
  expect(await guarded(10)).toBe(true);
  expect(asked.length).toBe(3);
});

test('a proxy that has only just begun to listen, or was restarted, is known at its first flow', async () => {
  listeners = [];
  expect(await guarded(11)).toBe(false);
  listeners = [process(99)];
  expect(await guarded(99)).toBe(true);
  parents = { 101: 100 };
  listeners = [process(100)];
  expect(await guarded(101)).toBe(true);
  expect(await guarded(11)).toBe(false);
});

test('what cannot be found out is no proxy', async () => {
  const broken = { findListeners: () => Promise.reject(new Error('EPERM')), parentOf: () => 0 };
  expect(await new ProcessLoopGuard(broken, clock).isProxyProcess(process(10), [proxy])).toBe(false);
});
