/** Set-up of the files that share a process: what one of them leaves behind is its own failure, not that of a later one. */
import { afterAll, beforeAll, expect, vi } from 'vitest';

/** What a file could change for those after it, by name. */
function traces(): Record<string, unknown> {
  return {
    environment: { ...process.env },
    directory: process.cwd(),
    mask: process.umask(),
    'exit code': process.exitCode,
    'fake timers': vi.isFakeTimers(),
    globals: Object.getOwnPropertyNames(globalThis).toSorted(),
    'listeners of the process': process
      .eventNames()
      .map((name) => `${String(name)} ${process.listenerCount(name)}`)
      .toSorted(),
  };
}

let before: Record<string, unknown>;
beforeAll(() => {
  before = traces();
});
afterAll(() => {
  const after = traces();
  // Those after it are to have what it had.
  vi.useRealTimers();
  expect(after, 'a file that shares its process has changed it').toEqual(before);
});
