import { beforeEach, describe, expect, test } from 'vitest';
import { AppError } from '../../../core/base/app-error.ts';
import { silentLogger } from '../../../core/base/logger.ts';
import type { HelperLink } from '../../../core/contract/app.ts';
import { type Config, defaultConfig } from '../../../core/contract/config.ts';
import type { Snapshot } from '../../../core/contract/status.ts';
import { AppService } from '../../../core/controller/app-service.ts';
import type { LoadedProfile } from '../../../core/profile/profile-store.ts';
import { HelperDouble, runningSnapshot, stoppedSnapshot } from '../../support/helper-double.ts';
import { ManualClock, settle } from '../../support/manual-clock.ts';

const ownConfig: Config = { ...defaultConfig, logLevel: 'debug' };
const ownProfile: LoadedProfile = {
  path: '/home/u/.config/mirage/profile.yaml',
  text: '',
  config: ownConfig,
  problems: [],
};

let helper: HelperDouble;
let clock: ManualClock;
let profile: LoadedProfile;
let reported: LoadedProfile[];

beforeEach(() => {
  helper = new HelperDouble();
  clock = new ManualClock();
  profile = ownProfile;
  reported = [];
});

async function started(options: { enhancedAtStart?: boolean } = {}): Promise<AppService> {
  const service = new AppService({
    helper,
    profile: { load: async () => profile },
    report: (read) => reported.push(read),
    clock,
    logger: silentLogger,
    info: { version: '0.1.0', home: 'browser', platform: 'linux' },
    enhancedAtStart: options.enhancedAtStart ?? false,
  });
  await service.start();
  return service;
}

const called = () => helper.calls.map(([method]) => method);
const callsOf = (wanted: string) => helper.calls.filter(([method]) => method === wanted).map(([, params]) => params);

describe('profile', () => {
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
    profile = { path: null, text: '', config: defaultConfig, problems: [] };
    await started();
    helper.up();
    await settle();
    expect(callsOf('applyConfig')).toEqual([{ config: defaultConfig }]);
  });

  test('the default does not replace the configuration of a persistent owner', async () => {
    profile = { path: null, text: '', config: defaultConfig, problems: [] };
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
    profile = { path: '/p.yaml', text: 'x', problems };
    const service = await started();
    helper.up();
    await settle();
    expect(called()).not.toContain('applyConfig');
    expect((await service.call('getAppInfo', {})).profile).toEqual({ path: '/p.yaml', problems });
    profile = { path: '/p.yaml', text: '', config: ownConfig, problems: [] };
    expect((await service.call('reloadProfile', {})).profile).toEqual({ path: '/p.yaml', problems: [] });
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
    await service.stop();
    expect(callsOf('setEnhanced')).toEqual([{ on: true, mode: 'session' }, { on: false }]);
    answer(runningSnapshot);
    await turnedOn;
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
