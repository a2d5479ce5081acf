import { beforeEach, expect, test } from 'vitest';
import { AppService } from '../../core/app/app-service.ts';
import { AppError } from '../../core/base/app-error.ts';
import { silentLogger } from '../../core/base/logger.ts';
import { TrayModel } from '../../electron/tray-model.ts';
import { trayTextFor } from '../../electron/tray-text.ts';
import type { TrayView } from '../../electron/tray-view.ts';
import { HelperDouble, runningSnapshot, stoppedSnapshot } from '../support/helper-double.ts';
import { ManualClock, settle } from '../support/manual-clock.ts';
import { ProfileLibraryDouble } from '../support/profile-library-double.ts';
import { ProvidersDouble } from '../support/providers-double.ts';

let helper: HelperDouble;
let clock: ManualClock;
let views: TrayView[];
let model: TrayModel;

beforeEach(async () => {
  helper = new HelperDouble();
  clock = new ManualClock();
  views = [];
  const bridge = new AppService({
    helper,
    profiles: new ProfileLibraryDouble(),
    providers: new ProvidersDouble(),
    report: () => undefined,
    clock,
    logger: silentLogger,
    info: { version: '0.1.0', home: 'electron', platform: 'linux', cli: 'mirage', offlineRestore: null },
    enhancedAtStart: false,
  });
  await bridge.start();
  model = new TrayModel(bridge, clock, trayTextFor('en'), (view) => views.push(view));
  helper.up();
  await settle();
});

const statuses = () => views.map((view) => view.status);
const checks = () => views.map((view) => view.enhanced.checked);

test('shows a view at once, and only what has changed', () => {
  expect(statuses()).toEqual(['Connecting to the helper…', 'Enhanced Mode is off']);
  helper.push('snapshot', { ...stoppedSnapshot, fakeIp: { ...stoppedSnapshot.fakeIp, used: 9 } });
  expect(views).toHaveLength(2);
});

test('speaks another language at once when the window does', () => {
  views.length = 0;
  model.speak(trayTextFor('zh-CN'));
  expect(statuses()).toEqual(['增强模式已关闭']);
});

test('a toggle is shown at once and becomes true', async () => {
  views.length = 0;
  model.toggleEnhanced(true);
  expect(checks()).toEqual([true]);
  expect(statuses()).toEqual(['Turning on…']);
  await settle();
  expect(statuses().at(-1)).toBe('Enhanced Mode is on');
  expect(helper.calls.at(-1)).toEqual(['setEnhanced', { on: true, mode: 'session' }]);
});

test('one that fails falls back with the reason, which the next success takes away', async () => {
  helper.answers = { setEnhanced: () => Promise.reject(new AppError('TUN_UNAVAILABLE', 'no /dev/net/tun')) };
  model.toggleEnhanced(true);
  await settle();
  expect(views.at(-1)).toMatchObject({
    icon: 'trouble',
    status: 'Failed: no /dev/net/tun',
    enhanced: { checked: false, enabled: true },
  });
  helper.push('snapshot', runningSnapshot);
  expect(views.at(-1)).toMatchObject({ icon: 'on', status: 'Enhanced Mode is on' });
});

test('without an answer it falls back after three seconds; a late answer still counts', async () => {
  let answer: () => void = () => undefined;
  helper.answers = {
    setEnhanced: () =>
      new Promise((resolve) => {
        answer = () => resolve(runningSnapshot);
      }),
  };
  model.toggleEnhanced(true);
  await clock.advance(2_999);
  expect(views.at(-1)?.status).toBe('Turning on…');
  await clock.advance(1);
  expect(views.at(-1)).toMatchObject({
    status: 'Failed: the helper did not answer in time',
    enhanced: { checked: false },
  });
  answer();
  await settle();
  expect(views.at(-1)).toMatchObject({ icon: 'on', status: 'Enhanced Mode is on' });
});

test('while the helper tells its steps, waiting is no failure', async () => {
  helper.answers = { setEnhanced: () => new Promise(() => undefined) };
  model.toggleEnhanced(true);
  helper.push('snapshot', { ...stoppedSnapshot, tunnel: { kind: 'starting', step: 'routes' } });
  await clock.advance(10_000);
  expect(views.at(-1)).toMatchObject({ icon: 'off', status: 'Turning on…', enhanced: { checked: true } });
});

test('a helper that goes away takes its snapshot along', () => {
  helper.down();
  expect(views.at(-1)).toMatchObject({ icon: 'trouble', status: 'Helper not reached: the helper is not running' });
});

test('after close nothing is shown any more', () => {
  model.close();
  views.length = 0;
  helper.down();
  expect(views).toEqual([]);
});
