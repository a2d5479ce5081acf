import { expect, test } from 'vitest';
import { choosePlatform } from '../../../core/system/platform.ts';

test('what is chosen knows the machine that it runs on', () => {
  const platform = choosePlatform();
  const { processes } = platform;
  expect(platform.bootId()).toMatch(/^[0-9a-f-]{36}$/);
  const self = processes.identityOf(process.pid);
  expect(self).toEqual({ pid: process.pid, started: expect.any(Number) });
  expect(self !== undefined && processes.isAlive(self)).toBe(true);
  expect(self !== undefined && processes.isAlive({ ...self, started: self.started - 1 })).toBe(false);
  expect(processes.identityOf(0)).toBeUndefined();
});

test.each(['darwin', 'win32', 'freebsd', 'constructor', ''])('"%s" is none that is supported', (name) => {
  expect(() => choosePlatform(name)).toThrow(
    expect.objectContaining({ code: 'SYSTEM_UNSUPPORTED', expected: 'linux' }),
  );
});
