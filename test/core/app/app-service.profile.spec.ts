import { createHash } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { AppError } from '../../../core/base/app-error.ts';
import { defaultConfig } from '../../../core/contract/config.ts';
import type { Snapshot } from '../../../core/contract/status.ts';
import type { LoadedProfile } from '../../../core/profile/loaded-profile.ts';
import { noWishes } from '../../../core/profile/profile-loader.ts';
import { appGround, ownConfig, ownProfile } from '../../support/app-ground.ts';
import { runningSnapshot, stoppedSnapshot } from '../../support/helper-double.ts';
import { settle } from '../../support/manual-clock.ts';
import { ProfileLibraryDouble } from '../../support/profile-library-double.ts';

const ground = appGround();
const { started, called, callsOf } = ground;

describe('profile', () => {
  const other: LoadedProfile = {
    path: '/o.yaml',
    text: '',
    config: { ...defaultConfig, logLevel: 'error' },
    problems: [],
  };

  test('where rules stand is told of the profile that is in force, of no other', async () => {
    ground.profiles = new ProfileLibraryDouble({ one: { ...ownProfile, ruleLines: [3, -1] } });
    const service = await started();
    expect(await service.call('ruleLines', {})).toEqual({ lines: [] });
    ground.helper.up();
    await settle();
    expect(await service.call('ruleLines', {})).toEqual({ lines: [3, -1] });
  });

  test('another one is used: applied at once, the window sees the list; one that is not there changes nothing', async () => {
    ground.profiles = new ProfileLibraryDouble({ one: ownProfile, two: other });
    const service = await started();
    ground.helper.up();
    await settle();
    const info = await service.call('useProfile', { id: 'two' });
    expect(info.profiles.map(({ id, active }) => [id, active])).toEqual([
      ['one', false],
      ['two', true],
    ]);
    expect(info.profile).toMatchObject({ path: '/o.yaml', state: 'applied' });
    expect(callsOf('applyConfig')).toEqual([{ config: ownConfig }, { config: other.config }]);
    await expect(service.call('useProfile', { id: 'three' })).rejects.toMatchObject({ code: 'PROFILE_UNKNOWN' });
    expect(callsOf('applyConfig')).toHaveLength(2);
  });

  test('what is in its sets is handed over as far as the helper does not have it, in parts', async () => {
    const bytes = Buffer.alloc(100_000, '=a.example\n');
    const blob = createHash('sha256').update(bytes).digest('hex');
    const gone = createHash('sha256').update('gone').digest('hex');
    const sets = [
      { name: 'rule-set:a', behavior: 'domain' as const, blob },
      { name: 'rule-set:b', behavior: 'domain' as const, blob: gone },
    ];
    ground.providers.blobs.set(blob, bytes);
    ground.profiles = new ProfileLibraryDouble({ one: { ...ownProfile, config: { ...ownConfig, sets } } });
    let asked = 0;
    ground.helper.answers.applyConfig = () => (asked++ === 0 ? { hash: '', lacks: [blob, gone] } : { hash: 'h' });
    const service = await started();
    ground.helper.up();
    await settle();
    const parts = ground.helper.calls.flatMap(([method, params]) => (method === 'putBlob' ? [params] : []));
    expect(parts).toMatchObject([{ offset: 0 }, { offset: 45_000 }, { offset: 90_000 }]);
    expect(callsOf('applyConfig')[1]).toMatchObject({
      config: { sets: [{ blob }, { name: 'rule-set:b', blob: null, missing: 'NOT_FETCHED' }] },
    });
    expect((await service.call('getAppInfo', {})).profile).toMatchObject({ state: 'applied' });
  });

  test('what it names is fetched; when that has come, it is read and applied again', async () => {
    ground.profiles = new ProfileLibraryDouble({ one: { ...ownProfile, wanted: noWishes, directory: '/d' } });
    const service = await started();
    expect([ground.providers.running, ground.providers.used.length]).toEqual([true, 1]);
    ground.helper.up();
    await settle();
    ground.profiles.profiles.set('one', other);
    ground.providers.contentsChanged.emit();
    await settle();
    expect(callsOf('applyConfig').at(-1)).toEqual({ config: other.config });
    await service.stop();
    expect(ground.providers.running).toBe(false);
  });

  test('profiles that are due are downloaded anew, and the one in use is applied again', async () => {
    const service = await started();
    ground.helper.up();
    await settle();
    const before = callsOf('applyConfig').length;
    ground.profiles.dueNow = ['one'];
    ground.profiles.profiles.set('one', other);
    await ground.clock.advance(60_000);
    expect(ground.profiles.updated).toEqual(['one']);
    expect(callsOf('applyConfig').length).toBe(before + 1);
    await service.call('updateProfile', { id: 'one' });
    expect(ground.profiles.updated).toEqual(['one', 'one']);
  });

  test('providers are looked at when somebody asks, and many changes are told once', async () => {
    ground.providers.list = [
      {
        name: 'p',
        kind: 'rules',
        source: 'http',
        entries: 1,
        leftOut: 0,
        updatedAt: 1,
        nextAt: null,
        updating: false,
        use: { groups: [], rules: [], ruleCount: 0 },
      },
    ];
    const service = await started();
    expect((await service.call('updateProviders', { name: 'p' })).providers).toEqual(ground.providers.list);
    expect(ground.providers.updated).toEqual(['p']);
    const told: unknown[] = [];
    service.on('info', (info) => told.push(info.providers?.[0]?.entries));
    ground.providers.list = ground.providers.list.map((row) => ({ ...row, entries: 2 }));
    for (let i = 0; i < 100; i++) ground.providers.changed.emit();
    await ground.clock.advance(1000);
    expect(told).toEqual([1, 2]);
  });

  test('a choice that the helper refuses is taken back', async () => {
    ground.profiles = new ProfileLibraryDouble({ one: ownProfile, two: other });
    const service = await started();
    ground.helper.up();
    await settle();
    ground.helper.answers.applyConfig = ({ config }) => {
      if (config.logLevel === 'error') throw new AppError('CONFIG_INVALID', 'no such range');
      return { hash: 'h' };
    };
    await expect(service.call('useProfile', { id: 'two' })).rejects.toThrow('no such range');
    const info = await service.call('getAppInfo', {});
    expect(info.profiles.find(({ active }) => active)?.id).toBe('one');
    expect(info.profile).toMatchObject({ path: ownProfile.path, state: 'applied' });
    expect(callsOf('applyConfig').at(-1)).toEqual({ config: ownConfig });
  });

  test('reloads are done one after the other, however they come', async () => {
    const service = await started();
    ground.helper.up();
    await settle();
    let under = 0;
    let most = 0;
    ground.helper.answers.applyConfig = async () => {
      most = Math.max(most, ++under);
      await settle();
      under--;
      return { hash: 'h' };
    };
    ground.profiles.changes.emit();
    ground.providers.contentsChanged.emit();
    await Promise.all([service.call('reloadProfile', {}), service.call('useProfile', { id: 'one' })]);
    expect(most).toBe(1);
  });

  test('chosen by another program of the same user, it is followed', async () => {
    ground.profiles = new ProfileLibraryDouble({ one: ownProfile, two: other });
    await started();
    ground.helper.up();
    await settle();
    await ground.profiles.use('two');
    ground.profiles.changes.emit();
    await settle();
    expect(callsOf('applyConfig').at(-1)).toEqual({ config: other.config });
  });

  test('one that cannot be used: its last good version is applied, and it stays refused', async () => {
    const { config: _, ...broken } = ownProfile;
    const lastGood = { config: other.config ?? defaultConfig, at: 1_700_000_000_000 };
    ground.profiles.profiles.set('one', { ...broken, failure: 'CONFIG_INVALID' });
    ground.profiles.good.set('one', lastGood);
    const service = await started();
    ground.helper.up();
    await settle();
    expect(callsOf('applyConfig')).toEqual([{ config: other.config }]);
    expect((await service.call('getAppInfo', {})).profile).toMatchObject({ state: 'refused', lastGood: lastGood.at });
  });

  test('one that the helper refuses: its last good version is in force, with the reason; the refused one is not kept', async () => {
    ground.profiles.good.set('one', { config: other.config ?? defaultConfig, at: 1_700_000_000_000 });
    const refuse = new AppError('CONFIG_INVALID', 'no such range');
    ground.helper.answers.applyConfig = ({ config }) => {
      if (config.logLevel === 'debug') throw refuse;
      return { hash: 'h' };
    };
    const service = await started();
    ground.helper.up();
    await settle();
    expect(callsOf('applyConfig')).toEqual([{ config: ownConfig }, { config: other.config }]);
    expect((await service.call('getAppInfo', {})).profile).toMatchObject({
      state: 'refused',
      error: { code: 'CONFIG_INVALID', message: 'no such range' },
      lastGood: 1_700_000_000_000,
    });
    expect(ground.profiles.kept).toEqual([]);
    delete ground.helper.answers.applyConfig;
    expect((await service.call('reloadProfile', {})).profile).toEqual({
      path: ownProfile.path,
      problems: [],
      state: 'applied',
    });
    expect(ground.profiles.kept).toMatchObject([{ id: 'one', config: ownConfig }]);
  });

  test.each(['RPC_TIMEOUT', 'RPC_BUSY', 'HELPER_IN_USE', 'INTERNAL'] as const)(
    '%s says nothing about the profile: no other version is applied',
    async (code) => {
      ground.profiles.good.set('one', { config: other.config ?? defaultConfig, at: 1 });
      ground.helper.answers.applyConfig = () => Promise.reject(new AppError(code, 'not now'));
      await started();
      ground.helper.up();
      await settle();
      expect(callsOf('applyConfig')).toEqual([{ config: ownConfig }]);
    },
  );

  test('is applied after every connect, also when the helper was away', async () => {
    await started();
    expect(ground.helper.calls).toEqual([]);
    ground.helper.up();
    await settle();
    expect(callsOf('applyConfig')).toEqual([{ config: ownConfig }]);
    ground.helper.down();
    ground.helper.up();
    await settle();
    expect(callsOf('applyConfig')).toHaveLength(2);
  });

  test('refused while another user has Enhanced Mode, it is applied when that ends, and before it is turned on', async () => {
    const theirs: Snapshot = { ...runningSnapshot, owner: { uid: 1001, mode: 'session' }, mine: false };
    ground.helper.snapshot = theirs;
    const service = await started();
    ground.helper.answers.applyConfig = () => {
      throw new AppError('HELPER_IN_USE', 'in use');
    };
    ground.helper.up();
    await settle();
    await expect(service.call('setEnhanced', { on: true })).rejects.toThrow('in use');
    expect(called()).not.toContain('setEnhanced');
    delete ground.helper.answers.applyConfig;
    const before = callsOf('applyConfig').length;
    ground.helper.push('snapshot', theirs);
    await settle();
    expect(callsOf('applyConfig')).toHaveLength(before);
    ground.helper.push('snapshot', stoppedSnapshot);
    ground.helper.push('snapshot', stoppedSnapshot);
    await settle();
    expect(callsOf('applyConfig')).toHaveLength(before + 1);
  });

  test('without a file the built-in default is applied', async () => {
    ground.profiles.profiles.set('one', { path: null, text: '', config: defaultConfig, problems: [] });
    await started();
    ground.helper.up();
    await settle();
    expect(callsOf('applyConfig')).toEqual([{ config: defaultConfig }]);
  });

  test('the default does not replace the configuration of a persistent owner', async () => {
    ground.profiles.profiles.set('one', { path: null, text: '', config: defaultConfig, problems: [] });
    ground.helper.snapshot = { ...runningSnapshot, owner: { uid: 1000, mode: 'persistent' } };
    await started();
    ground.helper.up();
    await settle();
    expect(called()).not.toContain('applyConfig');
  });

  test('a broken profile is told and not applied; once mended, a reload applies it', async () => {
    const problems = [
      {
        severity: 'error' as const,
        code: 'POLICY_UNKNOWN' as const,
        path: 'rules[0]',
        message: 'no such policy',
        line: 3,
        column: 5,
      },
    ];
    ground.profiles.profiles.set('one', { path: '/p.yaml', text: 'x', problems });
    const service = await started();
    ground.helper.up();
    await settle();
    expect(called()).not.toContain('applyConfig');
    expect((await service.call('getAppInfo', {})).profile).toMatchObject({
      path: '/p.yaml',
      problems,
      state: 'refused',
      error: { code: 'CONFIG_INVALID' },
    });
    ground.profiles.profiles.set('one', { path: '/p.yaml', text: '', config: ownConfig, problems: [] });
    expect((await service.call('reloadProfile', {})).profile).toEqual({
      path: '/p.yaml',
      problems: [],
      state: 'applied',
    });
    expect(callsOf('applyConfig')).toEqual([{ config: ownConfig }]);
    expect(ground.reported.map((read) => read.problems)).toEqual([problems, []]);
  });
});
