import { describe, expect, test } from 'vitest';
import { readCommand } from '../../../core/helper/helper-options.ts';

describe("the helper's command line", () => {
  test('defaults', () => {
    expect(readCommand([])).toEqual({
      kind: 'run',
      options: { paths: { stateDir: '/var/lib/mirage', runtimeDir: '/run/mirage' }, allowedUids: [], developer: false },
    });
  });

  test('everything', () => {
    expect(
      readCommand([
        '--allow-uid',
        '1000',
        '--allow-uid=1001',
        '--state-dir',
        '/s',
        '--runtime-dir',
        '/r',
        '--developer',
        '--restore',
      ]),
    ).toEqual({
      kind: 'restore',
      options: { paths: { stateDir: '/s', runtimeDir: '/r' }, allowedUids: [1000, 1001], developer: true },
    });
  });

  test.each([
    ['--help', 'help'],
    ['--version', 'version'],
  ])('%s', (option, kind) => {
    expect(readCommand([option])).toEqual({ kind });
  });

  test.each([
    [['--allow-uid', 'anna'], '"anna"'],
    [['--allow-uid', '-1'], 'allow-uid'],
    [['--allow-uid', '4294967295'], '"4294967295"'],
    [['--allow-uid', ''], '""'],
    [['--state-dir', 'relative'], '"relative"'],
    [['--config', '/etc/x'], '--config'],
    [['more'], 'more'],
  ])('%j is a mistake and says which', (args, part) => {
    expect(readCommand(args)).toEqual({ kind: 'mistake', message: expect.stringContaining(part) });
  });
});
