import { describe, expect, test } from 'vitest';
import { AppError } from '../../../core/base/app-error.ts';
import type { HelperLink } from '../../../core/contract/app.ts';
import type { Snapshot } from '../../../core/contract/status.ts';
import { appGround } from '../../support/app-ground.ts';
import { runningSnapshot, stoppedSnapshot } from '../../support/helper-double.ts';
import { settle } from '../../support/manual-clock.ts';

const ground = appGround();
const { started, called, callsOf } = ground;

describe('session', () => {
  test('is renewed every five seconds while on, and not before or after', async () => {
    const service = await started();
    ground.helper.up();
    await ground.clock.advance(30_000);
    expect(called()).not.toContain('renewLease');
    await service.call('setEnhanced', { on: true });
    expect(callsOf('setEnhanced')).toEqual([{ on: true, mode: 'session' }]);
    await ground.clock.advance(15_000);
    expect(callsOf('renewLease')).toHaveLength(3);
    await service.call('setEnhanced', { on: false });
    await ground.clock.advance(15_000);
    expect(callsOf('renewLease')).toHaveLength(3);
  });

  test('a failed start leaves no session', async () => {
    ground.helper.answers = { setEnhanced: () => Promise.reject(new AppError('TUN_UNAVAILABLE', 'no /dev/net/tun')) };
    const service = await started();
    ground.helper.up();
    await settle();
    await expect(service.call('setEnhanced', { on: true })).rejects.toMatchObject({ code: 'TUN_UNAVAILABLE' });
    await ground.clock.advance(10_000);
    expect(called()).not.toContain('renewLease');
  });

  test('after a crash of the helper: profile first, then the lease, although the helper shows no owner yet', async () => {
    const service = await started();
    ground.helper.up();
    await settle();
    await service.call('setEnhanced', { on: true });
    ground.helper.down();
    ground.helper.calls.length = 0;
    ground.helper.snapshot = stoppedSnapshot;
    ground.helper.answers = {
      renewLease: () => {
        ground.helper.snapshot = runningSnapshot;
        return { ttlMs: 20_000, resumed: true };
      },
    };
    ground.helper.up();
    ground.helper.push('snapshot', stoppedSnapshot);
    await settle();
    expect(called()).toEqual(['getSnapshot', 'applyConfig', 'renewLease', 'getSnapshot']);
    await ground.clock.advance(5_000);
    expect(called().at(-1)).toBe('renewLease');
  });

  test('a profile that the helper refuses does not end the session', async () => {
    const service = await started();
    ground.helper.up();
    await settle();
    await service.call('setEnhanced', { on: true });
    ground.helper.down();
    ground.helper.answers = { applyConfig: () => Promise.reject(new AppError('CONFIG_INVALID', 'no')) };
    ground.helper.calls.length = 0;
    ground.helper.up();
    await settle();
    expect(called()).toContain('renewLease');
    await ground.clock.advance(5_000);
    expect(callsOf('renewLease')).toHaveLength(2);
  });

  test('a start that is under way when the app ends is turned off too', async () => {
    let answer: (snapshot: Snapshot) => void = () => undefined;
    const service = await started();
    ground.helper.up();
    await settle();
    ground.helper.answers = {
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
    ground.helper.up();
    await settle();
    const turnedOn = service.call('setEnhanced', { on: true });
    const stopped = service.stop();
    await expect(turnedOn).rejects.toMatchObject({ code: 'RPC_CLOSED' });
    await stopped;
    expect(called()).not.toContain('setEnhanced');
  });

  test('no renewal is tried while the helper is away', async () => {
    const service = await started();
    ground.helper.up();
    await settle();
    await service.call('setEnhanced', { on: true });
    ground.helper.down();
    ground.helper.calls.length = 0;
    await ground.clock.advance(20_000);
    expect(ground.helper.calls).toEqual([]);
  });

  test('ended elsewhere (command line, restore): it is not renewed any more', async () => {
    const service = await started();
    ground.helper.up();
    await settle();
    await service.call('setEnhanced', { on: true });
    ground.helper.push('snapshot', stoppedSnapshot);
    ground.helper.calls.length = 0;
    await ground.clock.advance(20_000);
    expect(ground.helper.calls).toEqual([]);
  });

  test('is turned off when the app ends', async () => {
    const service = await started();
    ground.helper.up();
    await settle();
    await service.call('setEnhanced', { on: true });
    await Promise.all([service.stop(), service.stop()]);
    expect(callsOf('setEnhanced')).toEqual([{ on: true, mode: 'session' }, { on: false }]);
    expect(ground.helper.closed).toBe(true);
  });

  test('a helper that does not answer cannot keep the app from ending', async () => {
    const service = await started();
    ground.helper.up();
    await settle();
    await service.call('setEnhanced', { on: true });
    ground.helper.answers = { setEnhanced: () => new Promise<Snapshot>(() => undefined) };
    const stopped = service.stop();
    await ground.clock.advance(5_000);
    await stopped;
    expect(ground.helper.closed).toBe(true);
  });

  test('one found on is kept alive, and left to its lease at the end', async () => {
    ground.helper.snapshot = runningSnapshot;
    const service = await started();
    ground.helper.up();
    await settle();
    expect(callsOf('renewLease')).toHaveLength(1);
    await service.stop();
    expect(called()).not.toContain('setEnhanced');
  });

  test('of another user, it is none of ours', async () => {
    ground.helper.snapshot = { ...runningSnapshot, mine: false };
    await started();
    ground.helper.up();
    await ground.clock.advance(10_000);
    expect(called()).not.toContain('renewLease');
  });

  test('a persistent owner stays persistent and outlives the app', async () => {
    ground.helper.snapshot = { ...runningSnapshot, owner: { uid: 1000, mode: 'persistent' } };
    const service = await started();
    ground.helper.up();
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
    ground.helper.up();
    await service.firstSettled;
    expect(called()).toEqual(['getSnapshot', 'applyConfig', 'setEnhanced']);
    await service.call('setEnhanced', { on: false });
    ground.helper.down();
    ground.helper.up();
    await settle();
    expect(callsOf('setEnhanced')).toEqual([{ on: true, mode: 'session' }, { on: false }]);
  });

  test('is not turned on with another configuration than the profile that was asked for', async () => {
    ground.profiles.profiles.set('one', { path: '/p.yaml', text: 'x', failure: 'CONFIG_SYNTAX', problems: [] });
    const service = await started({ enhancedAtStart: true });
    ground.helper.up();
    await service.firstSettled;
    expect(called()).not.toContain('setEnhanced');
    // By hand it can be: whoever does that has been told.
    await service.call('setEnhanced', { on: true });
    expect(callsOf('setEnhanced')).toHaveLength(1);
  });

  test('nor when it is the helper that refuses the profile', async () => {
    ground.helper.answers = { applyConfig: () => Promise.reject(new AppError('CONFIG_INVALID', 'port taken')) };
    const service = await started({ enhancedAtStart: true });
    ground.helper.up();
    await service.firstSettled;
    expect(called()).not.toContain('setEnhanced');
    expect((await service.call('getAppInfo', {})).profile).toMatchObject({
      state: 'refused',
      error: { code: 'CONFIG_INVALID', message: 'port taken' },
    });
  });

  test('a helper that dies meanwhile is asked again when it is back', async () => {
    ground.helper.answers = {
      setEnhanced: () => {
        ground.helper.down();
        return Promise.reject(new AppError('RPC_CLOSED', 'the helper ended the connection'));
      },
    };
    const service = await started({ enhancedAtStart: true });
    ground.helper.up();
    await settle();
    ground.helper.answers = {};
    ground.helper.up();
    await service.firstSettled;
    expect(ground.helper.snapshot.tunnel.kind).toBe('running');
  });
});

test('viewers hear what becomes of the profile', async () => {
  const service = await started();
  const states: (string | undefined)[] = [];
  service.on('info', ({ profile: told }) => states.push(told?.state));
  ground.helper.answers = { applyConfig: () => Promise.reject(new AppError('RPC_CLOSED', 'gone')) };
  ground.helper.up();
  ground.helper.down();
  await settle();
  ground.helper.answers = { applyConfig: () => Promise.reject(new AppError('HELPER_IN_USE', 'theirs')) };
  ground.helper.up();
  await settle();
  ground.helper.answers = {};
  ground.helper.push('snapshot', stoppedSnapshot);
  await settle();
  ground.profiles.profiles.set('one', { path: '/p.yaml', text: 'x', failure: 'CONFIG_TOO_LARGE', problems: [] });
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
    ground.helper.up();
    await settle();
    ground.helper.push('snapshot', runningSnapshot);
    expect(snapshots).toEqual(['stopped', 'running']);
    const late: string[] = [];
    service.on('snapshot', (snapshot) => late.push(snapshot.tunnel.kind));
    expect(late).toEqual(['running']);
    stop();
    ground.helper.down();
    expect(links).toEqual(['connecting', 'connected']);
  });

  test('attempts after a failure do not flicker', async () => {
    const service = await started();
    const links: HelperLink['kind'][] = [];
    service.on('link', (link) => links.push(link.kind));
    for (let i = 0; i < 3; i++) {
      ground.helper.down();
      ground.helper.retry();
    }
    expect([...new Set(links.slice(1))]).toEqual(['failed']);
    ground.helper.up();
    expect(links.at(-1)).toBe('connected');
  });

  test('a snapshot of a helper that is gone is not shown to who comes later', async () => {
    const service = await started();
    ground.helper.up();
    await settle();
    ground.helper.down();
    const seen: Snapshot[] = [];
    service.on('snapshot', (snapshot) => seen.push(snapshot));
    expect(seen).toEqual([]);
  });

  test('traffic is watched at the helper only while somebody looks', async () => {
    const service = await started();
    expect(ground.helper.watchers('traffic')).toBe(0);
    const stop = service.on('traffic', () => undefined);
    expect(ground.helper.watchers('traffic')).toBe(1);
    stop();
    expect(ground.helper.watchers('traffic')).toBe(0);
  });

  test('what is flushed, pinned or asked goes to the helper as it is', async () => {
    ground.helper.answers = { flushDnsCache: () => ({ answers: 12 }), flushFakeIp: () => ({ retired: 3 }) };
    const service = await started();
    ground.helper.up();
    await settle();
    ground.helper.calls.length = 0;
    const pin = { addresses: ['198.18.0.3'], action: 'pin' as const };
    expect(await service.call('flushDnsCache', {})).toEqual({ answers: 12 });
    expect(await service.call('flushFakeIp', {})).toEqual({ retired: 3 });
    expect(await service.call('changeMappings', pin)).toEqual({ changed: 1 });
    await service.call('setSwitches', { dnsMode: null });
    expect(ground.helper.calls).toEqual([
      ['flushDnsCache', {}],
      ['flushFakeIp', {}],
      ['changeMappings', pin],
      ['setSwitches', { dnsMode: null }],
    ]);
  });

  test("the helper's errors arrive as they are", async () => {
    const service = await started();
    ground.helper.down({ code: 'HELPER_UNTRUSTED', message: 'the socket is not owned by root' });
    await expect(service.call('listRules', {})).rejects.toMatchObject({ code: 'HELPER_NOT_RUNNING' });
    expect(service.link).toMatchObject({ kind: 'failed', error: { code: 'HELPER_UNTRUSTED' } });
  });
});
