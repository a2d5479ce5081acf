import { describe, expect, test } from 'vitest';
import { warningOf } from '../../core/contract/warning-texts.ts';
import { trayTextFor } from '../../electron/tray-text.ts';
import { type TrayState, trayViewOf } from '../../electron/tray-view.ts';
import { runningSnapshot, stoppedSnapshot } from '../support/helper-double.ts';

const text = trayTextFor('en-US');
const base: TrayState = {
  link: { kind: 'connected' },
  snapshot: stoppedSnapshot,
  wish: undefined,
  failure: undefined,
  profileRefused: false,
  profiles: [],
  proxies: new Map(),
};
const view = (changes: Partial<TrayState>) => trayViewOf({ ...base, ...changes }, text);

describe('trayViewOf', () => {
  test('off and on', () => {
    expect(view({})).toEqual({
      icon: 'off',
      tooltip: 'Mirage: Enhanced Mode is off',
      status: 'Enhanced Mode is off',
      enhanced: { checked: false, enabled: true },
      restoreEnabled: true,
      modes: expect.any(Array) as unknown,
      groups: [],
      profiles: [],
    });
    expect(view({ snapshot: runningSnapshot })).toMatchObject({
      icon: 'on',
      status: 'Enhanced Mode is on',
      enhanced: { checked: true, enabled: true },
    });
  });

  test('a wish is shown before it is fulfilled, and cannot be doubled', () => {
    expect(view({ wish: 'on' })).toMatchObject({
      icon: 'off',
      status: 'Turning on…',
      enhanced: { checked: true, enabled: false },
      restoreEnabled: false,
    });
    expect(view({ wish: 'off', snapshot: runningSnapshot })).toMatchObject({
      icon: 'on',
      status: 'Turning off…',
      enhanced: { checked: false, enabled: false },
    });
    expect(view({ wish: 'restore', snapshot: runningSnapshot }).status).toBe('Restoring the network…');
  });

  test('a profile that is not applied is said beside what is in force, and is trouble', () => {
    expect(view({ snapshot: runningSnapshot, profileRefused: true })).toMatchObject({
      icon: 'trouble',
      status: 'Enhanced Mode is on (profile not applied)',
    });
  });

  test('without the helper, the way out can still be asked for', () => {
    const error = { code: 'HELPER_NOT_RUNNING', message: 'gone' } as const;
    expect(view({ link: { kind: 'failed', error }, snapshot: undefined })).toMatchObject({
      enhanced: { enabled: false },
      restoreEnabled: true,
    });
  });

  test('steps of the helper', () => {
    expect(view({ snapshot: { ...stoppedSnapshot, tunnel: { kind: 'starting', step: 'routes' } } })).toMatchObject({
      status: 'Turning on…',
      enhanced: { checked: true },
    });
    expect(view({ snapshot: { ...stoppedSnapshot, tunnel: { kind: 'stopping', step: 'routes' } } })).toMatchObject({
      status: 'Turning off…',
      enhanced: { checked: false },
    });
  });

  test.each<[string, Partial<TrayState>, string]>([
    ['a failed wish', { failure: 'no TUN' }, 'Failed: no TUN'],
    [
      'a dead tunnel',
      {
        snapshot: { ...stoppedSnapshot, tunnel: { kind: 'error', error: { code: 'TUN_FAILED', message: 'it broke' } } },
      },
      'Failed: it broke',
    ],
    [
      'a helper that is gone',
      { link: { kind: 'failed', error: { code: 'HELPER_NOT_RUNNING', message: 'not running' } }, snapshot: undefined },
      'Helper not reached: not running',
    ],
  ])('%s is trouble, with the reason', (_, changes, status) => {
    expect(view(changes)).toMatchObject({ icon: 'trouble', status });
  });

  test('an error among the warnings is trouble; a notice is not', () => {
    const warned = (severity: 'error' | 'notice') =>
      view({ snapshot: { ...runningSnapshot, warnings: [{ ...warningOf('RESTORE_INCOMPLETE', {}), severity }] } }).icon;
    expect(warned('error')).toBe('trouble');
    expect(warned('notice')).toBe('on');
  });

  test("another user's tunnel cannot be switched", () => {
    expect(view({ snapshot: { ...runningSnapshot, mine: false } })).toMatchObject({
      status: 'In use by another user',
      enhanced: { enabled: false },
    });
  });

  test('nothing can be asked of a helper that is not there', () => {
    expect(view({ link: { kind: 'connecting' }, snapshot: undefined })).toMatchObject({
      icon: 'off',
      status: 'Connecting to the helper…',
      enhanced: { checked: false, enabled: false },
      restoreEnabled: false,
    });
  });

  test('a long reason is cut', () => {
    const { status } = view({ failure: 'x'.repeat(200) });
    expect(status).toHaveLength(72);
    expect(status.endsWith('…')).toBe(true);
  });
});

describe('trayTextFor', () => {
  test.each([
    ['zh-CN', '退出'],
    ['zh', '退出'],
    ['zh-TW', '退出'],
    ['en-US', 'Quit'],
    ['de', 'Quit'],
    ['zha', 'Quit'],
  ])('%s', (locale, quit) => expect(trayTextFor(locale).quit).toBe(quit));

  test('every text is there in both languages', () => {
    const [english, chinese] = [trayTextFor('en'), trayTextFor('zh-CN')];
    for (const key of Object.keys(english) as (keyof typeof english)[]) {
      expect(chinese[key], key).not.toBe('');
      expect(chinese[key], key).not.toBe(english[key]);
    }
  });
});
