import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { beforeEach, describe, expect, test } from 'vitest';
import { AppService } from '../../../core/app/app-service.ts';
import { AppError } from '../../../core/base/app-error.ts';
import { deferred } from '../../../core/base/deferred.ts';
import { silentLogger } from '../../../core/base/logger.ts';
import { type Config, defaultConfig } from '../../../core/contract/config.ts';
import type { Params } from '../../../core/contract/rpc.ts';
import { policyCredentials } from '../../../core/net/policy-credentials.ts';
import type { LoadedProfile } from '../../../core/profile/loaded-profile.ts';
import { HelperDouble, runningSnapshot, stoppedSnapshot } from '../../support/helper-double.ts';
import { ManualClock, settle } from '../../support/manual-clock.ts';
import { ProfileLibraryDouble } from '../../support/profile-library-double.ts';
import { ProvidersDouble } from '../../support/providers-double.ts';

const ids = ['one', 'two', 'three'] as const;
const partsEach = 3;

let clock: ManualClock;
let providers: ProvidersDouble;
let profiles: ProfileLibraryDouble;
let helper: StrictHelper;

/** Takes blobs as a helper does that has room for one upload, and notes whatever comes while something else is under way. */
class StrictHelper extends HelperDouble {
  readonly blobs = new Set<string>();
  readonly applied: Config[] = [];
  /** Holds up answers while it is there. */
  gate: Promise<unknown> | undefined;
  refuses: (config: Config) => boolean = () => false;
  mostAtOnce = 0;
  #atOnce = 0;
  #underWay: { sha256: string; received: number } | undefined;

  constructor() {
    super();
    this.answers = {
      applyConfig: ({ config }) => this.#alone(() => this.#apply(config)),
      putBlob: (part) => this.#alone(() => ({ done: this.#take(part) })),
    };
  }

  async #alone<T>(answer: () => T): Promise<T> {
    this.mostAtOnce = Math.max(this.mostAtOnce, ++this.#atOnce);
    await (this.gate ?? Promise.resolve());
    try {
      return answer();
    } finally {
      this.#atOnce -= 1;
    }
  }

  #apply(config: Config): { hash: string; lacks?: string[] } {
    const lacks = config.sets.flatMap(({ blob }) => (blob === null || this.blobs.has(blob) ? [] : [blob]));
    if (lacks.length > 0) return { hash: '', lacks };
    if (this.refuses(config)) throw new AppError('CONFIG_INVALID', 'refused');
    this.applied.push(config);
    return { hash: 'h' };
  }

  #take({ sha256, size, offset, data }: Params<'putBlob'>): boolean {
    if (offset === 0) this.#underWay = { sha256, received: 0 };
    if (this.#underWay?.sha256 !== sha256 || this.#underWay.received !== offset)
      throw new AppError('RPC_BAD_PARAMS', 'does not go on');
    this.#underWay.received += Buffer.from(data, 'base64').length;
    if (this.#underWay.received < size) return false;
    this.blobs.add(sha256);
    return true;
  }
}

/** A profile with a set of its own, known by its log level. */
function profileOf(id: string): LoadedProfile {
  const bytes = Buffer.alloc(45_000 * (partsEach - 1) + 1, id);
  const blob = createHash('sha256').update(bytes).digest('hex');
  providers.blobs.set(blob, bytes);
  const levels = { one: 'debug', two: 'info', three: 'error' } as const;
  const logLevel = levels[ids.find((each) => each === id) ?? 'one'];
  const config: Config = { ...defaultConfig, logLevel, sets: [{ name: 'rule-set:a', behavior: 'domain', blob }] };
  return { path: `/${id}.yaml`, text: '', config, problems: [] };
}

const configOf = (id: string): Config | undefined => profiles.profiles.get(id)?.config;

beforeEach(reset);

function reset(): void {
  clock = new ManualClock();
  providers = new ProvidersDouble();
  profiles = new ProfileLibraryDouble(Object.fromEntries(ids.map((id) => [id, profileOf(id)])));
  helper = new StrictHelper();
}

async function started(): Promise<AppService> {
  const service = new AppService({
    helper,
    profiles,
    providers,
    report: () => undefined,
    clock,
    logger: silentLogger,
    info: { version: '0.1.0', home: 'browser', platform: 'linux', cli: 'mirage', offlineRestore: null },
    enhancedAtStart: false,
  });
  await service.start();
  return service;
}

async function connected(): Promise<AppService> {
  const service = await started();
  helper.up();
  await service.firstSettled;
  return service;
}

const parts = () => helper.calls.filter(([method]) => method === 'putBlob').length;
const activeId = async () => (await profiles.list()).find(({ active }) => active)?.id;
const stateOf = async (service: AppService) => (await service.call('getAppInfo', {})).profile?.state;

/** Everything that makes an app change what is in force. */
const acts = {
  reload: (service: AppService) => service.call('reloadProfile', {}),
  one: (service: AppService) => service.call('useProfile', { id: 'one' }),
  two: (service: AppService) => service.call('useProfile', { id: 'two' }),
  three: (service: AppService) => service.call('useProfile', { id: 'three' }),
  unknown: (service: AppService) => service.call('useProfile', { id: 'nobody' }),
  update: (service: AppService) => service.call('updateProfile', { id: 'two' }),
  providers: (service: AppService) => service.call('updateProviders', {}),
  on: (service: AppService) => service.call('setEnhanced', { on: true }),
  off: (service: AppService) => service.call('setEnhanced', { on: false }),
  restore: (service: AppService) => service.call('restore', {}),
  contents: async () => providers.contentsChanged.emit(),
  library: async () => profiles.changes.emit(),
  reconnect: async () => {
    helper.down();
    helper.up();
  },
  theirs: async () => helper.push('snapshot', { ...runningSnapshot, mine: false }),
  ours: async () => helper.push('snapshot', stoppedSnapshot),
  cancel: (service: AppService) => service.call('cancelApply', {}),
  turn: () => settle(),
} as const;

test('whatever comes at once, the helper hears one thing at a time, and has in the end what is in use', async () => {
  const sequence = fc.array(fc.constantFrom(...Object.values(acts)), { minLength: 2, maxLength: 14 });
  await fc.assert(
    fc.asyncProperty(sequence, async (some) => {
      reset();
      const service = await connected();
      const outcomes: Promise<unknown>[] = [];
      for (const act of some) {
        const outcome = Promise.resolve(act(service));
        outcomes.push(outcome.catch(() => undefined));
        await Promise.resolve();
      }
      // All of them have an answer.
      await Promise.all(outcomes);
      helper.push('snapshot', stoppedSnapshot);
      for (let i = 0; i < 20; i++) await settle();
      expect(helper.mostAtOnce).toBe(1);
      expect(helper.applied.at(-1)).toEqual(configOf((await activeId()) ?? ''));
      expect(await stateOf(service)).not.toBe('pending');
      await service.stop();
    }),
    {
      numRuns: 150,
      examples: [
        // Another program chooses; the reload that was to follow it is cancelled before it begins.
        [[acts.update, acts.reconnect, acts.unknown, acts.cancel, acts.providers]],
        // Another user has it for a moment, before a new connection is brought up to date.
        [[acts.reconnect, acts.update, acts.theirs]],
      ],
    },
  );
});

describe('the newest choice wins', () => {
  test('while sets of an older one are handed over: the rest of them is not', async () => {
    const service = await connected();
    const gate = deferred<undefined>();
    helper.gate = gate.promise;
    const before = parts();
    const two = service.call('useProfile', { id: 'two' });
    await settle();
    const three = service.call('useProfile', { id: 'three' });
    gate.resolve(undefined);
    const [first, second] = await Promise.all([two, three]);
    for (const info of [first, second]) expect(info.profiles.find(({ active }) => active)?.id).toBe('three');
    expect(helper.applied.map(({ logLevel }) => logLevel)).toEqual(['debug', 'error']);
    expect(parts() - before).toBeLessThan(2 * partsEach);
  });

  test('a newer one that does not exist leaves the older one in force', async () => {
    const service = await connected();
    const two = service.call('useProfile', { id: 'two' });
    const unknown = service.call('useProfile', { id: 'nobody' });
    await expect(unknown).rejects.toMatchObject({ code: 'PROFILE_UNKNOWN' });
    await two.catch(() => undefined);
    expect([await activeId(), helper.applied.at(-1)]).toEqual(['two', configOf('two')]);
  });

  test('refused, what was really in force before is in use again, not a choice that was passed over', async () => {
    const service = await connected();
    helper.refuses = ({ logLevel }) => logLevel === 'error';
    const two = service.call('useProfile', { id: 'two' });
    const three = service.call('useProfile', { id: 'three' });
    await expect(three).rejects.toMatchObject({ code: 'CONFIG_INVALID' });
    await expect(two).rejects.toMatchObject({ code: 'CONFIG_INVALID' });
    expect([await activeId(), await stateOf(service)]).toEqual(['one', 'applied']);
  });

  test.each(['before it is read', 'while its sets are handed over'] as const)(
    'refused by a reload that has come %s, the profile of before is in use again',
    async (moment) => {
      const service = await connected();
      helper.refuses = ({ logLevel }) => logLevel === 'info';
      const gate = deferred<undefined>();
      helper.gate = gate.promise;
      const two = service.call('useProfile', { id: 'two' });
      if (moment !== 'before it is read') await settle();
      const reload = service.call('reloadProfile', {});
      gate.resolve(undefined);
      await expect(reload).rejects.toMatchObject({ code: 'CONFIG_INVALID' });
      await expect(two).rejects.toMatchObject({ code: 'CONFIG_INVALID' });
      expect([await activeId(), await stateOf(service)]).toEqual(['one', 'applied']);
      expect(helper.applied.at(-1)).toEqual(configOf('one'));
    },
  );
});

test('the helper is told which profile it is', async () => {
  const service = await connected();
  await service.call('useProfile', { id: 'two' });
  const named = helper.calls.flatMap(([method, params]) => (method === 'applyConfig' ? [params] : []));
  expect([named[0], named.at(-1)]).toMatchObject([{ profile: 'one' }, { profile: 'two' }]);
});

describe('cancelled', () => {
  test('sets that were handed over stay for the next attempt; the profile of before is in use', async () => {
    const service = await connected();
    const gate = deferred<undefined>();
    helper.gate = gate.promise;
    const two = service.call('useProfile', { id: 'two' });
    await settle();
    const cancelled = service.call('cancelApply', {});
    gate.resolve(undefined);
    await expect(two).rejects.toMatchObject({ code: 'APPLY_CANCELLED' });
    const info = await cancelled;
    expect(info.profiles.find(({ active }) => active)?.id).toBe('one');
    expect([info.profile?.state, info.applying]).toEqual(['applied', undefined]);
    expect(helper.applied.map(({ logLevel }) => logLevel)).not.toContain('info');
  });

  test('with nothing under way it changes nothing', async () => {
    const service = await connected();
    const before = helper.calls.length;
    expect((await service.call('cancelApply', {})).profile).toMatchObject({ state: 'applied' });
    expect(helper.calls).toHaveLength(before);
  });

  test('a reload that is cancelled says that something else is in force', async () => {
    const service = await connected();
    const gate = deferred<undefined>();
    helper.blobs.clear();
    helper.gate = gate.promise;
    const reload = service.call('reloadProfile', {});
    await settle();
    const cancelled = service.call('cancelApply', {});
    gate.resolve(undefined);
    await expect(reload).rejects.toMatchObject({ code: 'APPLY_CANCELLED' });
    expect((await cancelled).profile).toMatchObject({ state: 'refused', error: { code: 'APPLY_CANCELLED' } });
    expect((await service.call('reloadProfile', {})).profile).toMatchObject({ state: 'applied' });
  });
});

describe('Enhanced Mode and a profile on its way', () => {
  test('is turned on when the profile is in force, not before', async () => {
    const service = await connected();
    const two = service.call('useProfile', { id: 'two' });
    const on = service.call('setEnhanced', { on: true });
    await Promise.all([two, on]);
    const called = helper.calls.map(([method]) => method).filter((method) => method !== 'putBlob');
    expect(called.at(-1)).toBe('setEnhanced');
    expect(helper.applied.at(-1)).toEqual(configOf('two'));
  });

  test.each(['off', 'restore'] as const)('%s waits for nothing, and what was to turn it on does not', async (way) => {
    const service = await connected();
    const gate = deferred<undefined>();
    helper.gate = gate.promise;
    const two = service.call('useProfile', { id: 'two' });
    const on = service.call('setEnhanced', { on: true });
    await settle();
    await acts[way](service);
    expect(helper.calls.at(-1)?.[0]).toBe(way === 'off' ? 'setEnhanced' : 'restore');
    gate.resolve(undefined);
    await expect(on).rejects.toMatchObject({ code: 'TUN_FAILED' });
    await two;
    expect(
      helper.calls.filter(([method, params]) => method === 'setEnhanced' && (params as { on: boolean }).on),
    ).toEqual([]);
  });

  test('the lease of a session that is on is renewed while a profile is on its way', async () => {
    const service = await connected();
    await service.call('setEnhanced', { on: true });
    helper.down();
    helper.snapshot = runningSnapshot;
    const gate = deferred<undefined>();
    helper.gate = gate.promise;
    helper.up();
    await settle();
    helper.calls.length = 0;
    await clock.advance(15_000);
    expect(helper.calls.map(([method]) => method)).toEqual(['renewLease', 'renewLease', 'renewLease']);
    gate.resolve(undefined);
    await settle();
  });
});

test('how far it is, is told to viewers, and that it has ended', async () => {
  const service = await connected();
  const told: unknown[] = [];
  service.on('info', ({ applying }) => told.push(applying));
  const gate = deferred<undefined>();
  helper.gate = gate.promise;
  const two = service.call('useProfile', { id: 'two' });
  await settle();
  await clock.advance(1000);
  expect(told.at(-1)).toEqual({ sets: 0, of: 0 });
  gate.resolve(undefined);
  await two;
  expect(told.at(-1)).toBeUndefined();
});

describe('what a download goes through that is to take a policy', () => {
  const listening = { ...stoppedSnapshot, mine: true, mixed: { address: '127.0.0.1', port: 7890 } };

  test('our port, with the key of the helper; nothing while the policy is not in force', async () => {
    helper.answers.getPolicyKey = () => ({ key: 'k' });
    const service = await started();
    await expect(service.downloadProxy('DIRECT')).rejects.toMatchObject({ code: 'DOWNLOAD_POLICY' });
    helper.snapshot = listening;
    helper.up();
    await service.firstSettled;
    expect(await service.downloadProxy(undefined)).toEqual({ host: '127.0.0.1', port: 7890 });
    expect(await service.downloadProxy('DIRECT')).toEqual({
      host: '127.0.0.1',
      port: 7890,
      credentials: policyCredentials('DIRECT', 'k'),
    });
    await expect(service.downloadProxy('nobody')).rejects.toMatchObject({ code: 'DOWNLOAD_POLICY' });
  });

  test('waits until the port that the profile has is open: it is fetched at once then', async () => {
    helper.answers.getPolicyKey = () => ({ key: 'k' });
    helper.snapshot = { ...listening, mixed: null };
    const service = await connected();
    await expect(service.downloadProxy('DIRECT')).rejects.toMatchObject({ code: 'DOWNLOAD_POLICY' });
    const before = providers.policiesCame;
    helper.push('snapshot', listening);
    expect(providers.policiesCame).toBe(before + 1);
    expect(await service.downloadProxy('DIRECT')).toMatchObject({ port: 7890 });
  });

  test('the rules where the profile has no port', async () => {
    profiles.profiles.set('one', { ...profileOf('one'), config: { ...defaultConfig, mixed: null } });
    helper.snapshot = { ...listening, mixed: null };
    const service = await connected();
    expect(await service.downloadProxy('DIRECT')).toBeUndefined();
  });
});
