import { createHash } from 'node:crypto';
import { beforeEach, describe, expect, test } from 'vitest';
import { AppService } from '../../../core/app/app-service.ts';
import { AppError } from '../../../core/base/app-error.ts';
import { silentLogger } from '../../../core/base/logger.ts';
import type { HelperLink } from '../../../core/contract/app.ts';
import { type Config, defaultConfig } from '../../../core/contract/config.ts';
import type { Snapshot } from '../../../core/contract/status.ts';
import type { LoadedProfile } from '../../../core/profile/loaded-profile.ts';
import { noWishes } from '../../../core/profile/profile-loader.ts';
import { HelperDouble, runningSnapshot, stoppedSnapshot } from '../../support/helper-double.ts';
import { ManualClock, settle } from '../../support/manual-clock.ts';
import { ProfileLibraryDouble } from '../../support/profile-library-double.ts';
import { ProvidersDouble } from '../../support/providers-double.ts';

const ownConfig: Config = { ...defaultConfig, logLevel: 'debug' };
const ownProfile: LoadedProfile = {
  path: '/home/u/.config/mirage/profile.yaml',
  text: '',
  config: ownConfig,
  problems: [],
};

let helper: HelperDouble;
let clock: ManualClock;
let profiles: ProfileLibraryDouble;
let providers: ProvidersDouble;
let reported: LoadedProfile[];

beforeEach(() => {
  helper = new HelperDouble();
  clock = new ManualClock();
  profiles = new ProfileLibraryDouble({ one: ownProfile });
  providers = new ProvidersDouble();
  reported = [];
});

async function started(options: { enhancedAtStart?: boolean } = {}): Promise<AppService> {
  const service = new AppService({
    helper,
    profiles,
    providers,
    report: (read) => reported.push(read),
    clock,
    logger: silentLogger,
    info: { version: '0.1.0', home: 'browser', platform: 'linux', cli: 'mirage', offlineRestore: null },
    enhancedAtStart: options.enhancedAtStart ?? false,
  });
  await service.start();
  return service;
}

const called = () => helper.calls.map(([method]) => method);
const callsOf = (wanted: string) =>
  helper.calls.flatMap(([method, params]) => {
    if (method !== wanted) return [];
    const { profile: _, ...rest } = { profile: undefined, ...(params as object) };
    return [rest];
  });

describe('profile', () => {
  const other: LoadedProfile = {
    path: '/o.yaml',
    text: '',
    config: { ...defaultConfig, logLevel: 'error' },
    problems: [],
  };

  test('where rules stand is told of the profile that is in force, of no other', async () => {
    profiles = new ProfileLibraryDouble({ one: { ...ownProfile, ruleLines: [3, -1] } });
    const service = await started();
    expect(await service.call('ruleLines', {})).toEqual({ lines: [] });
    helper.up();
    await settle();
    expect(await service.call('ruleLines', {})).toEqual({ lines: [3, -1] });
  });

  test('another one is used: applied at once, the window sees the list; one that is not there changes nothing', async () => {
    profiles = new ProfileLibraryDouble({ one: ownProfile, two: other });
    const service = await started();
    helper.up();
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
    providers.blobs.set(blob, bytes);
    profiles = new ProfileLibraryDouble({ one: { ...ownProfile, config: { ...ownConfig, sets } } });
    let asked = 0;
    helper.answers.applyConfig = () => (asked++ === 0 ? { hash: '', lacks: [blob, gone] } : { hash: 'h' });
    const service = await started();
    helper.up();
    await settle();
    const parts = helper.calls.flatMap(([method, params]) => (method === 'putBlob' ? [params] : []));
    expect(parts).toMatchObject([{ offset: 0 }, { offset: 45_000 }, { offset: 90_000 }]);
    expect(callsOf('applyConfig')[1]).toMatchObject({
      config: { sets: [{ blob }, { name: 'rule-set:b', blob: null, missing: 'NOT_FETCHED' }] },
    });
    expect((await service.call('getAppInfo', {})).profile).toMatchObject({ state: 'applied' });
  });

  test('what it names is fetched; when that has come, it is read and applied again', async () => {
    profiles = new ProfileLibraryDouble({ one: { ...ownProfile, wanted: noWishes, directory: '/d' } });
    const service = await started();
    expect([providers.running, providers.used.length]).toEqual([true, 1]);
    helper.up();
    await settle();
    profiles.profiles.set('one', other);
    providers.contentsChanged.emit();
    await settle();
    expect(callsOf('applyConfig').at(-1)).toEqual({ config: other.config });
    await service.stop();
    expect(providers.running).toBe(false);
  });

  test('profiles that are due are downloaded anew, and the one in use is applied again', async () => {
    const service = await started();
    helper.up();
    await settle();
    const before = callsOf('applyConfig').length;
    profiles.dueNow = ['one'];
    profiles.profiles.set('one', other);
    await clock.advance(60_000);
    expect(profiles.updated).toEqual(['one']);
    expect(callsOf('applyConfig').length).toBe(before + 1);
    await service.call('updateProfile', { id: 'one' });
    expect(profiles.updated).toEqual(['one', 'one']);
  });

  test('providers are looked at when somebody asks, and many changes are told once', async () => {
    providers.list = [
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
    expect((await service.call('updateProviders', { name: 'p' })).providers).toEqual(providers.list);
    expect(providers.updated).toEqual(['p']);
    const told: unknown[] = [];
    service.on('info', (info) => told.push(info.providers?.[0]?.entries));
    providers.list = providers.list.map((row) => ({ ...row, entries: 2 }));
    for (let i = 0; i < 100; i++) providers.changed.emit();
    await clock.advance(1000);
    expect(told).toEqual([1, 2]);
  });

  test('a choice that the helper refuses is taken back', async () => {
    profiles = new ProfileLibraryDouble({ one: ownProfile, two: other });
    const service = await started();
    helper.up();
    await settle();
    helper.answers.applyConfig = ({ config }) => {
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
    helper.up();
    await settle();
    let under = 0;
    let most = 0;
    helper.answers.applyConfig = async () => {
      most = Math.max(most, ++under);
      await settle();
      under--;
      return { hash: 'h' };
    };
    profiles.changes.emit();
    providers.contentsChanged.emit();
    await Promise.all([service.call('reloadProfile', {}), service.call('useProfile', { id: 'one' })]);
    expect(most).toBe(1);
  });

  test('chosen by another program of the same user, it is followed', async () => {
    profiles = new ProfileLibraryDouble({ one: ownProfile, two: other });
    await started();
    helper.up();
    await settle();
    await profiles.use('two');
    profiles.changes.emit();
    await settle();
    expect(callsOf('applyConfig').at(-1)).toEqual({ config: other.config });
  });

  test('one that cannot be used: its last good version is applied, and it stays refused', async () => {
    const { config: _, ...broken } = ownProfile;
    const lastGood = { config: other.config ?? defaultConfig, at: 1_700_000_000_000 };
    profiles.profiles.set('one', { ...broken, failure: 'CONFIG_INVALID' });
    profiles.good.set('one', lastGood);
    const service = await started();
    helper.up();
    await settle();
    expect(callsOf('applyConfig')).toEqual([{ config: other.config }]);
    expect((await service.call('getAppInfo', {})).profile).toMatchObject({ state: 'refused', lastGood: lastGood.at });
  });

  test('one that the helper refuses: its last good version is in force, with the reason; the refused one is not kept', async () => {
    profiles.good.set('one', { config: other.config ?? defaultConfig, at: 1_700_000_000_000 });
    const refuse = new AppError('CONFIG_INVALID', 'no such range');
    helper.answers.applyConfig = ({ config }) => {
      if (config.logLevel === 'debug') throw refuse;
      return { hash: 'h' };
    };
    const service = await started();
    helper.up();
    await settle();
    expect(callsOf('applyConfig')).toEqual([{ config: ownConfig }, { config: other.config }]);
    expect((await service.call('getAppInfo', {})).profile).toMatchObject({
      state: 'refused',
      error: { code: 'CONFIG_INVALID', message: 'no such range' },
      lastGood: 1_700_000_000_000,
    });
    expect(profiles.kept).toEqual([]);
    delete helper.answers.applyConfig;
    expect((await service.call('reloadProfile', {})).profile).toEqual({
      path: ownProfile.path,
      problems: [],
      state: 'applied',
    });
    expect(profiles.kept).toMatchObject([{ id: 'one', config: ownConfig }]);
  });

  test.each(['RPC_TIMEOUT', 'RPC_BUSY', 'HELPER_IN_USE', 'INTERNAL'] as const)(
    '%s says nothing about the profile: no other version is applied',
    async (code) => {
      profiles.good.set('one', { config: other.config ?? defaultConfig, at: 1 });
      helper.answers.applyConfig = () => Promise.reject(new AppError(code, 'not now'));
      await started();
      helper.up();
      await settle();
      expect(callsOf('applyConfig')).toEqual([{ config: ownConfig }]);
    },
  );

  test('is applied after every connect, also when the helper was away', async () => {
    await started();
    expect(helper.calls).toEqual([]);
    helper.up();
    await settle();
    expect(callsOf('applyConfig')).toEqual([{ config: ownConfig }]);
    helper.down();
    helper.up();
    await settle();
    expect(callsOf('applyConfig')).toHaveLength(2);
  });

  test('refused while another user has Enhanced Mode, it is applied when that ends, and before it is turned on', async () => {
    const theirs: Snapshot = { ...runningSnapshot, owner: { uid: 1001, mode: 'session' }, mine: false };
    helper.snapshot = theirs;
    const service = await started();
    helper.answers.applyConfig = () => {
      throw new AppError('HELPER_IN_USE', 'in use');
    };
    helper.up();
    await settle();
    await expect(service.call('setEnhanced', { on: true })).rejects.toThrow('in use');
    expect(called()).not.toContain('setEnhanced');
    delete helper.answers.applyConfig;
    const before = callsOf('applyConfig').length;
    helper.push('snapshot', theirs);
    await settle();
    expect(callsOf('applyConfig')).toHaveLength(before);
    helper.push('snapshot', stoppedSnapshot);
    helper.push('snapshot', stoppedSnapshot);
    await settle();
    expect(callsOf('applyConfig')).toHaveLength(before + 1);
  });

  test('without a file the built-in default is applied', async () => {
    profiles.profiles.set('one', { path: null, text: '', config: defaultConfig, problems: [] });
    await started();
    helper.up();
    await settle();
    expect(callsOf('applyConfig')).toEqual([{ config: defaultConfig }]);
  });

  test('the default does not replace the configuration of a persistent owner', async () => {
    profiles.profiles.set('one', { path: null, text: '', config: defaultConfig, problems: [] });
    helper.snapshot = { ...runningSnapshot, owner: { uid: 1000, mode: 'persistent' } };
    await started();
    helper.up();
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
    profiles.profiles.set('one', { path: '/p.yaml', text: 'x', problems });
    const service = await started();
    helper.up();
    await settle();
    expect(called()).not.toContain('applyConfig');
    expect((await service.call('getAppInfo', {})).profile).toMatchObject({
      path: '/p.yaml',
      problems,
      state: 'refused',
      error: { code: 'CONFIG_INVALID' },
    });
    profiles.profiles.set('one', { path: '/p.yaml', text: '', config: ownConfig, problems: [] });
    expect((await service.call('reloadProfile', {})).profile).toEqual({
      path: '/p.yaml',
      problems: [],
      state: 'applied',
    });
    expect(callsOf('applyConfig')).toEqual([{ config: ownConfig }]);
    expect(reported.map((read) => read.problems)).toEqual([problems, []]);
  });
});

describe('session', () => {
  test('is renewed every five seconds while on, and not before or after', async () => {
    const service = await started();
    helper.up();
    await clock.advance(30_000);
    expect(called()).not.toContain('renewLease');
    await service.call('setEnhanced', { on: true });
    expect(callsOf('setEnhanced')).toEqual([{ on: true, mode: 'session' }]);
    await clock.advance(15_000);
    expect(callsOf('renewLease')).toHaveLength(3);
    await service.call('setEnhanced', { on: false });
    await clock.advance(15_000);
    expect(callsOf('renewLease')).toHaveLength(3);
  });

  test('a failed start leaves no session', async () => {
    helper.answers = { setEnhanced: () => Promise.reject(new AppError('TUN_UNAVAILABLE', 'no /dev/net/tun')) };
    const service = await started();
    helper.up();
    await settle();
    await expect(service.call('setEnhanced', { on: true })).rejects.toMatchObject({ code: 'TUN_UNAVAILABLE' });
    await clock.advance(10_000);
    expect(called()).not.toContain('renewLease');
  });

  test('after a crash of the helper: profile first, then the lease, although the helper shows no owner yet', async () => {
    const service = await started();
    helper.up();
    await settle();
    await service.call('setEnhanced', { on: true });
    helper.down();
    helper.calls.length = 0;
    helper.snapshot = stoppedSnapshot;
    helper.answers = {
      renewLease: () => {
        helper.snapshot = runningSnapshot;
        return { ttlMs: 20_000, resumed: true };
      },
    };
    helper.up();
    helper.push('snapshot', stoppedSnapshot);
    await settle();
    expect(called()).toEqual(['getSnapshot', 'applyConfig', 'renewLease', 'getSnapshot']);
    await clock.advance(5_000);
    expect(called().at(-1)).toBe('renewLease');
  });

  test('a profile that the helper refuses does not end the session', async () => {
    const service = await started();
    helper.up();
    await settle();
    await service.call('setEnhanced', { on: true });
    helper.down();
    helper.answers = { applyConfig: () => Promise.reject(new AppError('CONFIG_INVALID', 'no')) };
    helper.calls.length = 0;
    helper.up();
    await settle();
    expect(called()).toContain('renewLease');
    await clock.advance(5_000);
    expect(callsOf('renewLease')).toHaveLength(2);
  });

  test('a start that is under way when the app ends is turned off too', async () => {
    let answer: (snapshot: Snapshot) => void = () => undefined;
    const service = await started();
    helper.up();
    await settle();
    helper.answers = {
      setEnhanced: ({ on }) =>
        on
          ? new Promise((resolve) => {
              answer = resolve;
            })
          : stoppedSnapshot,
    };
    const turnedOn = service.call('setEnhanced', { on: true });
    await settle();
    await service.stop();
    expect(callsOf('setEnhanced')).toEqual([{ on: true, mode: 'session' }, { on: false }]);
    answer(runningSnapshot);
    await turnedOn;
  });

  test('a start that has not begun when the app ends does not begin', async () => {
    const service = await started();
    helper.up();
    await settle();
    const turnedOn = service.call('setEnhanced', { on: true });
    const stopped = service.stop();
    await expect(turnedOn).rejects.toMatchObject({ code: 'RPC_CLOSED' });
    await stopped;
    expect(called()).not.toContain('setEnhanced');
  });

  test('no renewal is tried while the helper is away', async () => {
    const service = await started();
    helper.up();
    await settle();
    await service.call('setEnhanced', { on: true });
    helper.down();
    helper.calls.length = 0;
    await clock.advance(20_000);
    expect(helper.calls).toEqual([]);
  });

  test('ended elsewhere (command line, restore): it is not renewed any more', async () => {
    const service = await started();
    helper.up();
    await settle();
    await service.call('setEnhanced', { on: true });
    helper.push('snapshot', stoppedSnapshot);
    helper.calls.length = 0;
    await clock.advance(20_000);
    expect(helper.calls).toEqual([]);
  });

  test('is turned off when the app ends', async () => {
    const service = await started();
    helper.up();
    await settle();
    await service.call('setEnhanced', { on: true });
    await Promise.all([service.stop(), service.stop()]);
    expect(callsOf('setEnhanced')).toEqual([{ on: true, mode: 'session' }, { on: false }]);
    expect(helper.closed).toBe(true);
  });

  test('a helper that does not answer cannot keep the app from ending', async () => {
    const service = await started();
    helper.up();
    await settle();
    await service.call('setEnhanced', { on: true });
    helper.answers = { setEnhanced: () => new Promise<Snapshot>(() => undefined) };
    const stopped = service.stop();
    await clock.advance(5_000);
    await stopped;
    expect(helper.closed).toBe(true);
  });

  test('one found on is kept alive, and left to its lease at the end', async () => {
    helper.snapshot = runningSnapshot;
    const service = await started();
    helper.up();
    await settle();
    expect(callsOf('renewLease')).toHaveLength(1);
    await service.stop();
    expect(called()).not.toContain('setEnhanced');
  });

  test('of another user, it is none of ours', async () => {
    helper.snapshot = { ...runningSnapshot, mine: false };
    await started();
    helper.up();
    await clock.advance(10_000);
    expect(called()).not.toContain('renewLease');
  });

  test('a persistent owner stays persistent and outlives the app', async () => {
    helper.snapshot = { ...runningSnapshot, owner: { uid: 1000, mode: 'persistent' } };
    const service = await started();
    helper.up();
    await settle();
    await service.call('setEnhanced', { on: true });
    expect(callsOf('setEnhanced')).toEqual([{ on: true, mode: 'persistent' }]);
    await service.stop();
    expect(callsOf('setEnhanced')).toHaveLength(1);
    expect(called()).not.toContain('renewLease');
  });
});

describe('Enhanced Mode at the start', () => {
  test('is turned on once, after the profile; later connects do not repeat it', async () => {
    const service = await started({ enhancedAtStart: true });
    helper.up();
    await service.firstSettled;
    expect(called()).toEqual(['getSnapshot', 'applyConfig', 'setEnhanced']);
    await service.call('setEnhanced', { on: false });
    helper.down();
    helper.up();
    await settle();
    expect(callsOf('setEnhanced')).toEqual([{ on: true, mode: 'session' }, { on: false }]);
  });

  test('is not turned on with another configuration than the profile that was asked for', async () => {
    profiles.profiles.set('one', { path: '/p.yaml', text: 'x', failure: 'CONFIG_SYNTAX', problems: [] });
    const service = await started({ enhancedAtStart: true });
    helper.up();
    await service.firstSettled;
    expect(called()).not.toContain('setEnhanced');
    // By hand it can be: whoever does that has been told.
    await service.call('setEnhanced', { on: true });
    expect(callsOf('setEnhanced')).toHaveLength(1);
  });

  test('nor when it is the helper that refuses the profile', async () => {
    helper.answers = { applyConfig: () => Promise.reject(new AppError('CONFIG_INVALID', 'port taken')) };
    const service = await started({ enhancedAtStart: true });
    helper.up();
    await service.firstSettled;
    expect(called()).not.toContain('setEnhanced');
    expect((await service.call('getAppInfo', {})).profile).toMatchObject({
      state: 'refused',
      error: { code: 'CONFIG_INVALID', message: 'port taken' },
    });
  });

  test('a helper that dies meanwhile is asked again when it is back', async () => {
    helper.answers = {
      setEnhanced: () => {
        helper.down();
        return Promise.reject(new AppError('RPC_CLOSED', 'the helper ended the connection'));
      },
    };
    const service = await started({ enhancedAtStart: true });
    helper.up();
    await settle();
    helper.answers = {};
    helper.up();
    await service.firstSettled;
    expect(helper.snapshot.tunnel.kind).toBe('running');
  });
});

test('viewers hear what becomes of the profile', async () => {
  const service = await started();
  const states: (string | undefined)[] = [];
  service.on('info', ({ profile: told }) => states.push(told?.state));
  helper.answers = { applyConfig: () => Promise.reject(new AppError('RPC_CLOSED', 'gone')) };
  helper.up();
  helper.down();
  await settle();
  helper.answers = { applyConfig: () => Promise.reject(new AppError('HELPER_IN_USE', 'theirs')) };
  helper.up();
  await settle();
  helper.answers = {};
  helper.push('snapshot', stoppedSnapshot);
  await settle();
  profiles.profiles.set('one', { path: '/p.yaml', text: 'x', failure: 'CONFIG_TOO_LARGE', problems: [] });
  await service.call('reloadProfile', {});
  expect(states.filter((state, at) => state !== states[at - 1])).toEqual(['pending', 'applied', 'refused']);
});

test('which language a window speaks is handed on', async () => {
  const service = await started();
  expect(await service.call('setLanguage', { language: 'zh-CN' })).toEqual({});
});

describe('viewers', () => {
  test('each gets link and snapshot at once, then changes, until it unsubscribes', async () => {
    const service = await started();
    const links: HelperLink['kind'][] = [];
    const snapshots: Snapshot['tunnel']['kind'][] = [];
    const stop = service.on('link', (link) => links.push(link.kind));
    service.on('snapshot', (snapshot) => snapshots.push(snapshot.tunnel.kind));
    expect(links).toEqual(['connecting']);
    expect(snapshots).toEqual([]);
    helper.up();
    await settle();
    helper.push('snapshot', runningSnapshot);
    expect(snapshots).toEqual(['stopped', 'running']);
    const late: string[] = [];
    service.on('snapshot', (snapshot) => late.push(snapshot.tunnel.kind));
    expect(late).toEqual(['running']);
    stop();
    helper.down();
    expect(links).toEqual(['connecting', 'connected']);
  });

  test('attempts after a failure do not flicker', async () => {
    const service = await started();
    const links: HelperLink['kind'][] = [];
    service.on('link', (link) => links.push(link.kind));
    for (let i = 0; i < 3; i++) {
      helper.down();
      helper.retry();
    }
    expect([...new Set(links.slice(1))]).toEqual(['failed']);
    helper.up();
    expect(links.at(-1)).toBe('connected');
  });

  test('a snapshot of a helper that is gone is not shown to who comes later', async () => {
    const service = await started();
    helper.up();
    await settle();
    helper.down();
    const seen: Snapshot[] = [];
    service.on('snapshot', (snapshot) => seen.push(snapshot));
    expect(seen).toEqual([]);
  });

  test('traffic is watched at the helper only while somebody looks', async () => {
    const service = await started();
    expect(helper.watchers('traffic')).toBe(0);
    const stop = service.on('traffic', () => undefined);
    expect(helper.watchers('traffic')).toBe(1);
    stop();
    expect(helper.watchers('traffic')).toBe(0);
  });

  test('what is flushed, pinned or asked goes to the helper as it is', async () => {
    helper.answers = { flushDnsCache: () => ({ answers: 12 }), flushFakeIp: () => ({ retired: 3 }) };
    const service = await started();
    helper.up();
    await settle();
    helper.calls.length = 0;
    const pin = { addresses: ['198.18.0.3'], action: 'pin' as const };
    expect(await service.call('flushDnsCache', {})).toEqual({ answers: 12 });
    expect(await service.call('flushFakeIp', {})).toEqual({ retired: 3 });
    expect(await service.call('changeMappings', pin)).toEqual({ changed: 1 });
    await service.call('setSwitches', { dnsMode: null });
    expect(helper.calls).toEqual([
      ['flushDnsCache', {}],
      ['flushFakeIp', {}],
      ['changeMappings', pin],
      ['setSwitches', { dnsMode: null }],
    ]);
  });

  test("the helper's errors arrive as they are", async () => {
    const service = await started();
    helper.down({ code: 'HELPER_UNTRUSTED', message: 'the socket is not owned by root' });
    await expect(service.call('listRules', {})).rejects.toMatchObject({ code: 'HELPER_NOT_RUNNING' });
    expect(service.link).toMatchObject({ kind: 'failed', error: { code: 'HELPER_UNTRUSTED' } });
  });
});
