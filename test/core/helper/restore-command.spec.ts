import { expect, test } from 'vitest';
import { AppError } from '../../../core/base/app-error.ts';
import { restoreCommand } from '../../../core/helper/restore-command.ts';

const change = (what: string) => ({ id: what, what, where: 'here', since: 0 });

const begun = (
  options: {
    locked?: boolean;
    immortal?: boolean;
    helper?: AppError;
    here?: AppError;
    left?: string[];
    owner?: AppError;
  } = {},
) => {
  const did: string[] = [];
  const lines: string[] = [];
  const act = (name: string, failure: AppError | undefined) => async () => {
    did.push(name);
    if (failure !== undefined) throw failure;
    return (options.left ?? ['ip rule', 'resolv.conf']).map(change);
  };
  const code = restoreCommand({
    lock: () => {
      if (options.locked === true) return undefined;
      did.push('lock');
      return () => did.push('unlock');
    },
    askHelper: act('ask', options.helper),
    endHelper: async () => {
      did.push('end');
      return options.immortal !== true;
    },
    forgetOwner: () => {
      did.push('forget');
      if (options.owner !== undefined) throw options.owner;
    },
    restoreHere: act('here', options.here),
    print: (line) => lines.push(line),
  });
  return { code, did, lines };
};

test('no helper: undoes from here, under the lock, and says what', async () => {
  const { code, did, lines } = begun();
  expect(await code).toBe(0);
  expect(did).toEqual(['lock', 'forget', 'here', 'unlock']);
  expect(lines).toEqual([
    'undone: ip rule  here',
    'undone: resolv.conf  here',
    expect.stringContaining('2 changes undone'),
  ]);
});

test('a state that cannot be written keeps nobody from getting the network back; what may follow is said', async () => {
  const { code, did, lines } = begun({ owner: new AppError('INTERNAL', 'read-only file system') });
  expect(await code).toBe(0);
  expect(did).toEqual(['lock', 'forget', 'here', 'unlock']);
  expect(lines[0]).toContain('Enhanced Mode may come back with the next helper');
});

test('nothing to undo is success', async () => {
  const { code, lines } = begun({ left: [] });
  expect(await code).toBe(0);
  expect(lines).toEqual([expect.stringContaining('nothing to undo')]);
});

test('a living helper is asked', async () => {
  const { code, did } = begun({ locked: true });
  expect(await code).toBe(0);
  expect(did).toEqual(['ask']);
});

test('a helper that neither answers nor ends: it is said, and undone beside it', async () => {
  const { code, did, lines } = begun({
    locked: true,
    immortal: true,
    helper: new AppError('RPC_TIMEOUT', 'no answer'),
  });
  expect(await code).toBe(0);
  expect(did).toEqual(['ask', 'forget', 'end', 'here']);
  expect(lines[1]).toContain('cannot be ended');
});

test('a helper that does not answer is ended first', async () => {
  const { code, did, lines } = begun({ locked: true, helper: new AppError('RPC_TIMEOUT', 'no answer') });
  expect(await code).toBe(0);
  expect(did).toEqual(['ask', 'forget', 'end', 'here']);
  expect(lines[0]).toContain('no answer');
});

test('what could not be undone is exit code 1, with the reason; the lock is given back', async () => {
  const { code, did, lines } = begun({
    here: new AppError('SYSTEM_JOURNAL_FAILED', 'resolv.conf is immutable', { expected: 'chattr -i' }),
  });
  expect(await code).toBe(1);
  expect(did).toEqual(['lock', 'forget', 'here', 'unlock']);
  expect(lines).toEqual(['not everything could be undone: resolv.conf is immutable (chattr -i)']);
});
