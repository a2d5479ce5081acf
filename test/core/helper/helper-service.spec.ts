import { createHash } from 'node:crypto';
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { AppError } from '../../../core/base/app-error.ts';
import { deferred } from '../../../core/base/deferred.ts';
import { Emitter } from '../../../core/base/emitter.ts';
import { silentLogger } from '../../../core/base/logger.ts';
import {
  type Config,
  type DnsMode,
  defaultConfig,
  type PolicyMode,
  type RuleConfig,
} from '../../../core/contract/config.ts';
import type { ConnectionRow } from '../../../core/contract/flow.ts';
import type { MethodName, Params, Result } from '../../../core/contract/rpc.ts';
import { methods } from '../../../core/contract/rpc.ts';
import type { NetworkChange, Snapshot } from '../../../core/contract/status.ts';
import { warningOf } from '../../../core/contract/warning-texts.ts';
import { ConfigStore } from '../../../core/helper/config-store.ts';
import { Health } from '../../../core/helper/health.ts';
import { HelperService } from '../../../core/helper/helper-service.ts';
import { OwnerStore } from '../../../core/helper/owner-store.ts';
import { leaseMs, Ownership, returnMs } from '../../../core/helper/ownership.ts';
import { RowPrivacy } from '../../../core/helper/row-privacy.ts';
import { RuleMemory } from '../../../core/helper/rule-memory.ts';
import type { ServedTunnel } from '../../../core/helper/served-tunnel.ts';
import { SetShelf } from '../../../core/helper/set-shelf.ts';
import { KnownRules } from '../../../core/rule/known-rules.ts';
import { noSets, type RuleSets } from '../../../core/rule/rule-set.ts';
import { BlobStore } from '../../../core/state/blob-store.ts';
import { MemoryRuleStore } from '../../../core/state/memory-rule-store.ts';
import { MemoryStateStore } from '../../../core/state/memory-state-store.ts';
import { choosePlatform } from '../../../core/system/platform.ts';
import { TunnelMachine, type TunnelStepName } from '../../../core/tunnel/tunnel-machine.ts';
import { eventually } from '../../support/eventually.ts';
import { ManualClock } from '../../support/manual-clock.ts';

const anna = 1000;
const bert = 1001;
const root = 0;
const code = (expected: string) => expect.objectContaining({ code: expected });
const named = (policy: string): Config => ({
  ...defaultConfig,
  rules: [{ type: 'MATCH', payload: '', policy, noResolve: false }],
});

/** A tunnel whose steps do nothing but leave their mark in the list of changes. */
class MemoryTunnel implements ServedTunnel {
  readonly changed = new Emitter<void>();
  readonly inForce = new Set<string>();
  readonly failing = new Set<string>();
  readonly machine: TunnelMachine;
  readonly closed: string[] = [];
  config = defaultConfig;
  reloads = 0;
  mixed: Snapshot['mixed'] = null;
  used = 0;
  unknown = 0;
  /** Holds the start at its first step until called. */
  gate: Promise<void> = Promise.resolve();

  constructor(clock: ManualClock) {
    const step = (name: TunnelStepName) => ({
      begin: async () => {
        await this.gate;
        this.inForce.add(name);
        if (this.failing.has(name)) throw new AppError('SYSTEM_ROUTES_FAILED', `${name} failed`);
      },
      undo: async () => {
        if (this.failing.has(`undo ${name}`)) throw new AppError('SYSTEM_DNS_FAILED', `${name} cannot be undone`);
        this.inForce.delete(name);
      },
    });
    const steps = {
      tun: step('tun'),
      'dns-server': step('dns-server'),
      routes: step('routes'),
      'system-dns': step('system-dns'),
    };
    const nothing = async () => undefined;
    this.machine = new TunnelMachine(
      { steps, destroySockets: nothing, flushCaches: nothing, device: () => 'mirage0' },
      clock,
      silentLogger,
    );
  }

  check(config: Config): void {
    if (config.rules[0]?.policy === 'NOWHERE') throw new AppError('CONFIG_INVALID', 'there is no policy NOWHERE');
  }

  sets: RuleSets = noSets;

  async reload(config: Config, sets: RuleSets, prepare: () => void, known = this.known): Promise<void> {
    this.check(config);
    prepare();
    this.known = known;
    this.config = config;
    this.sets = sets;
    this.reloads++;
  }

  async setMixed(on: boolean): Promise<void> {
    const { mixed } = this.config;
    this.mixed = on && mixed !== null ? { address: mixed.address, port: mixed.port } : null;
    this.changed.emit();
  }

  fakeIp() {
    return {
      range: '198.18.0.0/15',
      range6: null,
      used: this.used,
      capacity: 100,
      unknown: this.unknown,
      recovered: 0,
    };
  }

  chosenDnsMode: DnsMode | null = null;
  chosenMode: PolicyMode | null = null;
  choices: ReadonlyMap<string, string> = new Map();
  readonly mappingCalls: unknown[] = [];

  dnsMode() {
    return { mode: this.chosenDnsMode ?? this.config.dns.mode, chosen: this.chosenDnsMode !== null };
  }

  async setDnsMode(mode: DnsMode | null): Promise<void> {
    this.chosenDnsMode = mode;
  }

  mode() {
    return { mode: this.chosenMode ?? this.config.mode, chosen: this.chosenMode !== null };
  }

  setMode(mode: PolicyMode | null): void {
    this.chosenMode = mode;
  }

  useChoices(choices: ReadonlyMap<string, string>): void {
    this.choices = choices;
  }

  selectProxy({ group, member }: Params<'selectProxy'>): Result<'selectProxy'> {
    if (group === 'gone') throw new AppError('POLICY_UNKNOWN', 'no such group');
    return { now: member };
  }

  testProxies(): Result<'testProxies'> {
    return { nodes: [], startedAt: 0 };
  }

  stopTests(): number {
    return 3;
  }

  flushDnsCache(): number {
    return 5;
  }

  flushFakeIp(): number {
    return 7;
  }

  changeMappings(addresses: readonly string[], action: string): number {
    this.mappingCalls.push([addresses, action]);
    return addresses.length;
  }

  /** What it counts. */
  known = new KnownRules();

  knownRules(): KnownRules {
    return this.known;
  }

  switchRule({ index, on }: Params<'switchRule'>): boolean {
    const rule = this.config.rules[index];
    if (rule === undefined) return false;
    this.known.note(rule, { ...this.known.of(rule, 0), off: !on }, 0);
    return true;
  }
  rules() {
    return this.config.rules.map((rule, index) => ({ ...rule, index, hits: 0, misses: 0, off: false }));
  }

  async testRule({ host, port, network }: Params<'testRule'>) {
    return {
      host,
      port,
      network,
      steps: [],
      rule: { index: 0, type: 'MATCH' as const, payload: '', policy: 'DIRECT' },
      chain: ['DIRECT'],
    };
  }

  async dnsQuery(): Promise<Result<'dnsQuery'>> {
    return { rcode: 'NOERROR', verdict: 'fake', answers: [], ms: 0 };
  }

  closeFlows(which: (row: ConnectionRow) => boolean): number {
    const row = (id: string, uid?: number) =>
      ({ id, ...(uid === undefined ? {} : { process: { pid: 1, uid, name: 'n', path: '' } }) }) as ConnectionRow;
    const hit = [row('a', anna), row('b', bert), row('c')].filter(which).map(({ id }) => id);
    this.closed.push(...hit);
    return hit.length;
  }
}

let directory: string;
let clock: ManualClock;
let health: Health;
let tunnel: MemoryTunnel;
let ownership: Ownership;
let owners: OwnerStore;
let service: HelperService;
let leftovers: NetworkChange[];
let sets: SetShelf;
let otherDevice: string | undefined;
let stranded: string[];
let choices: MemoryStateStore;
let ruleNotes: MemoryRuleStore;

/** A helper process begins on the same state directory. */
function boot(): void {
  clock = new ManualClock();
  health = new Health();
  tunnel = new MemoryTunnel(clock);
  ownership = new Ownership(clock);
  owners = new OwnerStore(join(directory, 'owner.json'), 'boot-1');
  sets = new SetShelf(new BlobStore({ directory: join(directory, 'blobs'), clock }), clock, silentLogger);
  service = new HelperService({
    choices,
    ruleNotes,
    sets,
    tunnel,
    ownership,
    owners,
    configs: new ConfigStore({ runtimeDir: directory, stateDir: directory }, () => undefined),
    health,
    privacy: new RowPrivacy(() => ownership.owner?.uid ?? service.configuredBy),
    changes: () => [...tunnel.inForce].map((what) => ({ id: what, what, where: 'here', since: 0 })),
    restore: async () => leftovers.splice(0),
    otherDevice: async () => otherDevice,
    stranded: { begin: async () => void stranded.push('begin'), end: () => void stranded.push('end') },
    processes: choosePlatform().processes,
    setLogLevel: () => undefined,
    version: '1.2.3',
    clock,
    log: silentLogger,
  });
}

/** Calls as a client of this user does; results are what the contract says. */
async function call<M extends MethodName>(uid: number, method: M, params: Params<M>): Promise<Result<M>> {
  const result = await service.handlers[method](params, {
    pid: 1,
    uid,
    gid: uid,
    signal: new AbortController().signal,
  });
  return methods[method].result.parse(result) as Result<M>;
}

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'mirage-service-'));
  leftovers = [];
  choices = new MemoryStateStore();
  ruleNotes = new MemoryRuleStore();
  otherDevice = undefined;
  stranded = [];
  boot();
});
afterEach(() => rmSync(directory, { recursive: true }));

describe('turning on and off', () => {
  test('answers with the state it has led to', async () => {
    const on = await call(anna, 'setEnhanced', { on: true });
    expect(on).toMatchObject({
      tunnel: { kind: 'running', device: 'mirage0' },
      owner: { uid: anna, mode: 'session' },
      mine: true,
    });
    expect(on.changes.map((change) => change.what)).toEqual(['tun', 'dns-server', 'routes', 'system-dns']);
    const off = await call(anna, 'setEnhanced', { on: false });
    expect(off).toMatchObject({ tunnel: { kind: 'stopped' }, owner: null, changes: [] });
  });

  test('who is left without DNS is looked for when it is off, and no more when it is on', async () => {
    await call(anna, 'setEnhanced', { on: true });
    await call(anna, 'setEnhanced', { on: false });
    expect(stranded).toEqual(['end', 'begin']);
  });

  test('a failed start is the answer, is undone, and belongs to nobody', async () => {
    tunnel.failing.add('routes');
    await expect(call(anna, 'setEnhanced', { on: true })).rejects.toThrow(code('SYSTEM_ROUTES_FAILED'));
    expect(await call(anna, 'getSnapshot', {})).toMatchObject({
      tunnel: { kind: 'error', error: { code: 'SYSTEM_ROUTES_FAILED' } },
      owner: null,
      changes: [],
    });
    await call(bert, 'setEnhanced', { on: false });
    expect(clock.pending).toBe(0);
  });

  test('off while starting wins', async () => {
    let release = () => undefined as void;
    tunnel.gate = new Promise((resolve) => {
      release = resolve;
    });
    const on = call(anna, 'setEnhanced', { on: true });
    on.catch(() => undefined);
    await eventually(() => expect(tunnel.machine.state.kind).toBe('starting'));
    const off = call(anna, 'setEnhanced', { on: false });
    release();
    await expect(on).rejects.toThrow('turned off');
    expect(await off).toMatchObject({ tunnel: { kind: 'stopped' }, owner: null });
    expect(tunnel.inForce.size).toBe(0);
  });

  test.each([
    ['off, on', [false, true], 'running'],
    ['on, off, on', [true, false, true], 'running'],
    ['off, on, off', [false, true, false], 'stopped'],
    ['off, off, on, on', [false, false, true, true], 'running'],
    ['on, off, on, off', [true, false, true, false], 'stopped'],
  ] as const)(
    'calls that do not wait for each other, %s: who is on has an owner, and the file agrees',
    async (_, calls, kind) => {
      await call(anna, 'setEnhanced', { on: true, mode: 'persistent' });
      await Promise.allSettled(calls.map((on) => call(anna, 'setEnhanced', { on, mode: 'persistent' })));
      const owner = kind === 'running' ? { uid: anna, mode: 'persistent' } : null;
      expect(await call(anna, 'getSnapshot', {})).toMatchObject({ tunnel: { kind }, owner });
      boot();
      await service.resume();
      expect(await call(anna, 'getSnapshot', {})).toMatchObject({ tunnel: { kind }, owner });
    },
  );

  test('off that cannot undo everything, then on without waiting: on still belongs to somebody', async () => {
    await call(anna, 'setEnhanced', { on: true });
    tunnel.failing.add('undo system-dns');
    const off = call(anna, 'setEnhanced', { on: false });
    const on = call(anna, 'setEnhanced', { on: true });
    await expect(off).rejects.toThrow(code('SYSTEM_DNS_FAILED'));
    expect(await on).toMatchObject({ tunnel: { kind: 'running' }, owner: { uid: anna } });
  });

  test('the switches hold, and are remembered by the next process', async () => {
    await call(anna, 'setSwitches', { systemDns: false });
    expect(await call(anna, 'setEnhanced', { on: true })).toMatchObject({ systemDns: false, autoRoute: true });
    expect([...tunnel.inForce]).toEqual(['tun', 'dns-server', 'routes']);
    await call(anna, 'setSwitches', { systemDns: true, autoRoute: false });
    expect([...tunnel.inForce]).toEqual(['tun', 'dns-server', 'routes', 'system-dns']);
    await call(anna, 'setEnhanced', { on: false });
    boot();
    await service.resume();
    expect(await call(anna, 'getSnapshot', {})).toMatchObject({ systemDns: true, autoRoute: false });
  });

  test('a half that cannot be switched on keeps its switch off', async () => {
    await call(anna, 'setSwitches', { autoRoute: false });
    await call(anna, 'setEnhanced', { on: true });
    tunnel.failing.add('routes');
    await expect(call(anna, 'setSwitches', { autoRoute: true })).rejects.toThrow(code('SYSTEM_ROUTES_FAILED'));
    expect(await call(anna, 'getSnapshot', {})).toMatchObject({ autoRoute: false, tunnel: { kind: 'running' } });
  });

  test("when the data plane dies, it is nobody's and the reason is shown", async () => {
    await call(anna, 'setEnhanced', { on: true });
    await tunnel.machine.died('device gone');
    expect(await call(anna, 'getSnapshot', {})).toMatchObject({
      tunnel: { kind: 'error', error: { message: 'device gone' } },
      owner: null,
      changes: [],
    });
    expect(clock.pending).toBe(0);
  });
});

describe('whose it is', () => {
  beforeEach(async () => {
    await call(anna, 'applyConfig', { config: named('DIRECT') });
    await call(anna, 'setEnhanced', { on: true, mode: 'persistent' });
  });

  test.each([
    ['setEnhanced', { on: false }],
    ['setEnhanced', { on: true }],
    ['setSwitches', { systemDns: false }],
    ['restore', {}],
    ['testRule', { host: 'a.example', port: 443, network: 'tcp' }],
    ['dnsQuery', { name: 'a.example', type: 'A' }],
  ] as const)('another allowed user is refused %s', async (method, params) => {
    await expect(call(bert, method, params)).rejects.toThrow(code('HELPER_IN_USE'));
    expect(tunnel.machine.state.kind).toBe('running');
    expect(ownership.owner).toEqual({ uid: anna, mode: 'persistent' });
  });

  test('another user sees that it is in use, by whom, and no rules', async () => {
    expect(await call(bert, 'getSnapshot', {})).toMatchObject({ owner: { uid: anna }, mine: false });
    expect(await call(bert, 'listRules', {})).toEqual([]);
    expect(await call(anna, 'listRules', {})).toHaveLength(1);
    expect(await call(root, 'listRules', {})).toHaveLength(1);
  });

  test("another user's configuration is checked and kept for later, and does not come into force", async () => {
    await expect(call(bert, 'applyConfig', { config: named('NOWHERE') })).rejects.toThrow(code('CONFIG_INVALID'));
    await call(bert, 'applyConfig', { config: named('REJECT') });
    expect(tunnel.config.rules[0]?.policy).toBe('DIRECT');
    await call(anna, 'setEnhanced', { on: false });
    await call(bert, 'setEnhanced', { on: true });
    expect(tunnel.config.rules[0]?.policy).toBe('REJECT');
  });

  test('another user ends only the connections of their own programs', async () => {
    expect(await call(bert, 'closeFlows', { all: true })).toEqual({ closed: 1 });
    expect(await call(bert, 'closeFlows', { ids: ['a', 'c'] })).toEqual({ closed: 0 });
    expect(tunnel.closed).toEqual(['b']);
    expect(await call(anna, 'closeFlows', { ids: ['c'] })).toEqual({ closed: 1 });
    expect(await call(root, 'closeFlows', { all: true })).toEqual({ closed: 3 });
    expect(await call(anna, 'closeFlows', {})).toEqual({ closed: 0 });
  });

  test('nor is a large message of theirs read', () => {
    const peer = (uid: number) => ({ pid: 1, uid, gid: uid });
    for (const method of ['applyConfig', 'changeMappings'] as const) {
      expect(() => service.admit(method, peer(bert))).toThrow(code('HELPER_IN_USE'));
      for (const uid of [anna, root]) expect(() => service.admit(method, peer(uid))).not.toThrow();
    }
  });

  test('root may turn it off', async () => {
    expect(await call(root, 'setEnhanced', { on: false })).toMatchObject({ tunnel: { kind: 'stopped' }, owner: null });
  });
});

describe('what one user chose', () => {
  const theirs = { systemDns: false, autoRoute: false, dnsMode: 'redir-host' } as const;

  test('is not how another gets it, before and after a restart of the process', async () => {
    await call(bert, 'setSwitches', theirs);
    expect(await call(bert, 'getSnapshot', {})).toMatchObject({ systemDns: false, autoRoute: false });
    for (let round = 0; round < 2; round++) {
      expect(await call(anna, 'setEnhanced', { on: true })).toMatchObject({
        systemDns: true,
        autoRoute: true,
        dnsMode: { mode: 'fake-ip', chosen: false },
      });
      expect([...tunnel.inForce]).toEqual(['tun', 'dns-server', 'routes', 'system-dns']);
      await call(anna, 'setEnhanced', { on: false });
      boot();
      await service.resume();
    }
    expect(await call(bert, 'setEnhanced', { on: true })).toMatchObject({
      systemDns: false,
      autoRoute: false,
      dnsMode: { mode: 'redir-host', chosen: true },
    });
  });

  test('does not come to somebody who takes it while the choice is under way', async () => {
    const outcomes = await Promise.allSettled([
      call(anna, 'setEnhanced', { on: true }),
      call(bert, 'setSwitches', theirs),
      call(bert, 'applyConfig', { config: named('REJECT') }),
      call(bert, 'restore', {}),
    ]);
    expect(outcomes.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled', 'rejected']);
    expect(tunnel.config.rules[0]?.policy).toBe('DIRECT');
    expect(await call(anna, 'getSnapshot', {})).toMatchObject({ tunnel: { kind: 'running' }, systemDns: true });
  });

  test('begun when it was nobody’s, it ends before it is somebody’s', async () => {
    await Promise.allSettled([
      call(bert, 'setSwitches', theirs),
      call(bert, 'applyConfig', { config: named('REJECT') }),
      call(anna, 'setEnhanced', { on: true }),
    ]);
    expect(tunnel.config.rules[0]?.policy).toBe('DIRECT');
    expect(await call(anna, 'getSnapshot', {})).toMatchObject({
      tunnel: { kind: 'running' },
      systemDns: true,
      autoRoute: true,
      dnsMode: { chosen: false },
    });
  });
});

describe('ports that are root’s to open', () => {
  const on = (port: number): Config => ({ ...defaultConfig, mixed: { address: '127.0.0.1', port, users: [] } });

  test.each([1, 22, 53, 80, 443, 1023])('%i is refused to a user', async (port) => {
    await expect(call(anna, 'applyConfig', { config: on(port) })).rejects.toThrow(code('CONFIG_INVALID'));
    expect(tunnel.mixed?.port).not.toBe(port);
  });

  test('1024 is open to all, and any to root', async () => {
    await call(anna, 'applyConfig', { config: on(1024) });
    expect(tunnel.mixed).toMatchObject({ port: 1024 });
    await call(root, 'applyConfig', { config: on(80) });
    expect(tunnel.mixed).toMatchObject({ port: 80 });
  });
});

describe('sessions', () => {
  test('one whose app is gone ends after 20 s: everything is undone', async () => {
    await call(anna, 'setEnhanced', { on: true });
    clock.run(leaseMs - 1);
    expect(await call(anna, 'renewLease', {})).toEqual({ ttlMs: leaseMs, resumed: false });
    clock.run(leaseMs - 1);
    expect(tunnel.machine.state.kind).toBe('running');
    clock.run(1);
    await eventually(() => expect(tunnel.machine.state.kind).toBe('stopped'));
    expect(tunnel.inForce.size).toBe(0);
    expect(ownership.owner).toBeNull();
    boot();
    await service.resume();
    expect(await call(anna, 'renewLease', {})).toEqual({ ttlMs: 0, resumed: false });
  });

  test('persistent has no lease', async () => {
    await call(anna, 'setEnhanced', { on: true, mode: 'persistent' });
    clock.run(100 * leaseMs);
    expect(tunnel.machine.state.kind).toBe('running');
    expect(await call(anna, 'renewLease', {})).toEqual({ ttlMs: 0, resumed: false });
  });

  test('a sign of life of another user, or without a session, starts nothing', async () => {
    expect(await call(anna, 'renewLease', {})).toEqual({ ttlMs: 0, resumed: false });
    await call(anna, 'setEnhanced', { on: true });
    expect(await call(bert, 'renewLease', {})).toEqual({ ttlMs: 0, resumed: false });
  });
});

describe('after the process was killed', () => {
  test('in the middle of turning off: what was wanted is remembered, and nobody resumes', async () => {
    await call(anna, 'setEnhanced', { on: true, mode: 'persistent' });
    const off = call(anna, 'setEnhanced', { on: false });
    expect(tunnel.machine.state.kind).not.toBe('stopped');
    expect(owners.load().owner).toBeNull();
    await off;
  });

  test('persistent goes on at once, with the configuration of its user', async () => {
    await call(anna, 'applyConfig', { config: named('REJECT') });
    await call(anna, 'setEnhanced', { on: true, mode: 'persistent' });
    boot();
    await service.resume();
    expect(await call(anna, 'getSnapshot', {})).toMatchObject({
      tunnel: { kind: 'running' },
      owner: { uid: anna, mode: 'persistent' },
    });
    expect(tunnel.config).toEqual(named('REJECT'));
  });

  test('a session goes on when its app renews the lease within 60 s', async () => {
    await call(anna, 'applyConfig', { config: named('REJECT') });
    await call(anna, 'setEnhanced', { on: true });
    boot();
    await service.resume();
    expect(await call(anna, 'getSnapshot', {})).toMatchObject({ tunnel: { kind: 'stopped' }, owner: null });
    clock.run(returnMs - 1);
    expect(await call(bert, 'renewLease', {})).toEqual({ ttlMs: 0, resumed: false });
    expect(await call(anna, 'renewLease', {})).toEqual({ ttlMs: leaseMs, resumed: true });
    expect(await call(anna, 'getSnapshot', {})).toMatchObject({
      tunnel: { kind: 'running' },
      owner: { uid: anna, mode: 'session' },
    });
    expect(tunnel.config).toEqual(named('REJECT'));
  });

  test('a session whose app does not come back is over, and nothing has been touched', async () => {
    await call(anna, 'setEnhanced', { on: true });
    boot();
    await service.resume();
    clock.run(returnMs);
    expect(await call(anna, 'renewLease', {})).toEqual({ ttlMs: 0, resumed: false });
    expect([tunnel.inForce.size, tunnel.reloads, tunnel.mixed]).toEqual([0, 0, null]);
  });

  test('without an owner, nothing is touched', async () => {
    await call(anna, 'setEnhanced', { on: true });
    await call(anna, 'setEnhanced', { on: false });
    boot();
    await service.resume();
    expect([tunnel.machine.state.kind, tunnel.inForce.size, tunnel.mixed, clock.pending]).toEqual([
      'stopped',
      0,
      null,
      0,
    ]);
  });

  test('an orderly end of the process undoes everything and is no end of the owner', async () => {
    await call(anna, 'setEnhanced', { on: true, mode: 'persistent' });
    await service.stop();
    expect([tunnel.machine.state.kind, tunnel.inForce.size, tunnel.mixed]).toEqual(['stopped', 0, null]);
    boot();
    await service.resume();
    expect(tunnel.machine.state.kind).toBe('running');
  });

  test('what cannot be resumed is shown, and tried again by the next process', async () => {
    await call(anna, 'setEnhanced', { on: true, mode: 'persistent' });
    boot();
    tunnel.failing.add('routes');
    await service.resume();
    expect(await call(anna, 'getSnapshot', {})).toMatchObject({ tunnel: { kind: 'error' }, owner: null, changes: [] });
    boot();
    await service.resume();
    expect(tunnel.machine.state.kind).toBe('running');
  });
});

describe('configuration', () => {
  test('comes into force, is kept for its user, and opens the mixed port', async () => {
    expect(tunnel.mixed).toBeNull();
    const { hash } = await call(anna, 'applyConfig', { config: named('REJECT') });
    const snapshot = await call(anna, 'getSnapshot', {});
    expect(snapshot).toMatchObject({
      config: { hash, proxies: 0, rules: 1, strictRoute: false },
      mixed: { address: '127.0.0.1', port: 7890 },
    });
    expect(JSON.parse(readFileSync(join(directory, `config-${anna}.json`), 'utf8'))).toEqual(named('REJECT'));
  });

  test('a refused one changes nothing', async () => {
    await call(anna, 'applyConfig', { config: named('REJECT') });
    await expect(call(anna, 'applyConfig', { config: named('NOWHERE') })).rejects.toThrow(code('CONFIG_INVALID'));
    expect(tunnel.config).toEqual(named('REJECT'));
    boot();
    await call(anna, 'setEnhanced', { on: true });
    expect(tunnel.config).toEqual(named('REJECT'));
  });

  test('the same one again builds nothing anew', async () => {
    await call(anna, 'applyConfig', { config: named('REJECT') });
    await call(anna, 'applyConfig', { config: named('REJECT') });
    expect(tunnel.reloads).toBe(1);
  });

  test('what another user hands over is looked at beside it: nobody waits for that', async () => {
    await call(anna, 'setEnhanced', { on: true });
    const gate = deferred<undefined>();
    const load = sets.load.bind(sets);
    let looks = 0;
    sets.load = async (uid, some) => {
      if (uid === bert) {
        expect(++looks).toBe(1);
        await gate.promise;
        looks -= 1;
      }
      return await load(uid, some);
    };
    const theirs = [named('REJECT'), named('DIRECT')].map((config) => call(bert, 'applyConfig', { config }));
    await call(anna, 'applyConfig', { config: named('REJECT') });
    await call(anna, 'setSwitches', { mode: 'direct' });
    gate.resolve(undefined);
    await Promise.all(theirs);
    expect(await call(anna, 'getSnapshot', {})).toMatchObject({ mode: { mode: 'direct' } });
  });

  test('one that becomes theirs while it is looked at comes into force in its turn', async () => {
    await call(anna, 'setEnhanced', { on: true });
    const first = call(bert, 'applyConfig', { config: named('DIRECT') });
    const second = call(bert, 'applyConfig', { config: named('REJECT') });
    await Promise.all([first, call(anna, 'setEnhanced', { on: false })]);
    await second;
    await call(bert, 'setEnhanced', { on: true });
    expect((await call(bert, 'listRules', {})).map(({ policy }) => policy)).toContain('REJECT');
  });

  describe('with sets', () => {
    const bytes = Buffer.from('+example.com\n');
    const sha256 = createHash('sha256').update(bytes).digest('hex');
    const config: Config = {
      ...defaultConfig,
      sets: [
        { name: 'rule-set:ads', behavior: 'domain', blob: sha256 },
        { name: 'geosite:!ads', behavior: 'domain', blob: sha256, inverted: true },
        { name: 'rule-set:gone', behavior: 'ipcidr', blob: null, missing: 'NOT_FETCHED' },
      ],
    };
    const send = (uid: number, data = bytes) =>
      call(uid, 'putBlob', { sha256, size: bytes.length, offset: 0, data: data.toString('base64') });

    test('says which blobs it lacks and changes nothing; then loads them', async () => {
      expect(await call(anna, 'applyConfig', { config })).toEqual({ hash: '', lacks: [sha256] });
      expect(tunnel.config).toEqual(defaultConfig);
      expect(await send(anna)).toEqual({ done: true });
      expect(await call(anna, 'applyConfig', { config })).toEqual({ hash: expect.stringMatching(/^\w+$/) });
      const ads = tunnel.sets.get('rule-set:ads');
      expect(ads?.behavior === 'domain' && ads.names.has('www.example.com')).toBe(true);
      expect([ads?.inverted, tunnel.sets.get('geosite:!ads')?.inverted]).toEqual([false, true]);
      expect([tunnel.sets.get('rule-set:gone'), tunnel.sets.trouble('rule-set:gone')]).toEqual([
        undefined,
        'NOT_FETCHED',
      ]);
      const told = async () =>
        (await call(anna, 'getSnapshot', {})).warnings.map(({ code: each, values }) => [each, values]);
      expect(await told()).toEqual([['SETS_MISSING', { count: '1', names: 'gone' }]]);
      await call(anna, 'applyConfig', { config: defaultConfig });
      expect(await told()).toEqual([]);
    });

    test("are each user's own: nobody learns what another one has", async () => {
      await send(anna);
      expect(await call(bert, 'applyConfig', { config })).toMatchObject({ lacks: [sha256] });
    });

    test('are there again after a restart, and those that nobody names any more are not', async () => {
      await send(anna);
      await call(anna, 'applyConfig', { config });
      boot();
      await call(anna, 'setEnhanced', { on: true });
      expect(tunnel.sets.get('rule-set:ads')?.size).toBe(1);
      await call(anna, 'applyConfig', { config: defaultConfig });
      expect(await call(anna, 'applyConfig', { config })).toMatchObject({ lacks: [sha256] });
    });

    test('one that was damaged on the disk matches nothing, and is asked for again', async () => {
      await send(anna);
      await call(anna, 'applyConfig', { config });
      writeFileSync(join(directory, 'blobs', String(anna), sha256), '+example.org\n');
      boot();
      await call(anna, 'setEnhanced', { on: true });
      expect([tunnel.sets.get('rule-set:ads'), tunnel.sets.trouble('rule-set:ads')]).toEqual([
        undefined,
        'NOT_READABLE',
      ]);
      expect(await call(anna, 'applyConfig', { config })).toMatchObject({ lacks: [sha256] });
      await send(anna);
      await call(anna, 'applyConfig', { config });
      expect(tunnel.sets.get('rule-set:ads')?.size).toBe(1);
    });

    test('bytes with another sha256, and malformed ones, change nothing', async () => {
      await expect(send(anna, Buffer.from('+example.net\n'))).rejects.toThrow(code('RPC_BAD_PARAMS'));
      const wrong = Buffer.from('what is this\n');
      const name = createHash('sha256').update(wrong).digest('hex');
      await call(anna, 'putBlob', { sha256: name, size: wrong.length, offset: 0, data: wrong.toString('base64') });
      const sets = [{ name: 'rule-set:x', behavior: 'domain' as const, blob: name }];
      await expect(call(anna, 'applyConfig', { config: { ...config, sets } })).rejects.toThrow(code('CONFIG_INVALID'));
      expect(tunnel.config).toEqual(defaultConfig);
    });
  });

  test("another user who turns it on gets their own, or the default, never the former user's", async () => {
    await call(anna, 'applyConfig', { config: named('REJECT') });
    await call(bert, 'setEnhanced', { on: true });
    expect(tunnel.config).toEqual(defaultConfig);
  });

  test('a full or read-only disk is told, and takes nothing away', async () => {
    rmSync(directory, { recursive: true });
    await call(anna, 'applyConfig', { config: named('REJECT') });
    const snapshot = await call(anna, 'setEnhanced', { on: true });
    expect(snapshot).toMatchObject({
      tunnel: { kind: 'running' },
      warnings: [{ code: 'CONFIG_NOT_SAVED' }, { code: 'STATE_NOT_SAVED', severity: 'warning' }],
    });
    directory = mkdtempSync(join(tmpdir(), 'mirage-service-'));
  });

  test('secrets are in no snapshot', async () => {
    const proxy = {
      type: 'socks5' as const,
      name: 'p',
      server: '192.0.2.1',
      port: 1080,
      username: 'annas-name',
      password: 'annas-secret',
      udp: true,
    };
    const mixed = { address: '127.0.0.1', port: 7890, users: [{ username: 'mixed-name', password: 'mixed-secret' }] };
    await call(anna, 'applyConfig', { config: { ...defaultConfig, proxies: [proxy], mixed } });
    expect(JSON.stringify(await call(anna, 'getSnapshot', {}))).not.toMatch(/annas|mixed-/);
  });
});

describe('inherit', () => {
  const left = [{ id: 'trace-0', what: 'ip rule', where: 'table 5380', since: 0 }];

  test('what nobody is to resume is undone, also without a record', async () => {
    leftovers = [...left];
    await service.inherit();
    expect(leftovers).toEqual([]);
  });

  test('what another helper has in force stays', async () => {
    leftovers = [...left];
    otherDevice = 'mirage0';
    await service.inherit();
    expect(leftovers).toEqual(left);
  });
});

describe('restore', () => {
  test('turns off, undoes what the journal still has, and tells all of it', async () => {
    await call(anna, 'setEnhanced', { on: true, mode: 'persistent' });
    leftovers = [{ id: '77', what: 'old ip rule', where: 'table 5380', since: 1 }];
    const { undone } = await call(anna, 'restore', {});
    expect(undone.map((change) => change.what)).toEqual(['tun', 'dns-server', 'routes', 'system-dns', 'old ip rule']);
    expect(await call(anna, 'getSnapshot', {})).toMatchObject({
      tunnel: { kind: 'stopped' },
      owner: null,
      changes: [],
    });
    boot();
    await service.resume();
    expect(tunnel.machine.state.kind).toBe('stopped');
  });

  test('goes on from the journal when the orderly way fails', async () => {
    await call(anna, 'setEnhanced', { on: true });
    tunnel.failing.add('undo system-dns');
    leftovers = [{ id: 'system-dns', what: 'system-dns', where: 'here', since: 0 }];
    const { undone } = await call(anna, 'restore', {});
    expect(undone.map((change) => change.what)).toEqual(['tun', 'dns-server', 'routes', 'system-dns']);
  });
});

describe('snapshots', () => {
  test('every change is told to watchers', async () => {
    let told = 0;
    const stop = service.snapshots.watch(() => told++);
    const since = (act: () => unknown) => {
      const before = told;
      act();
      return told - before;
    };
    expect(since(() => health.raise(warningOf('FAKE_IP_TABLE_LOST', {})))).toBe(1);
    await call(anna, 'setEnhanced', { on: true, mode: 'persistent' });
    expect(told).toBeGreaterThan(5);
    tunnel.used = 3;
    expect(since(() => clock.run(5_000))).toBe(1);
    expect(since(() => clock.run(4_000))).toBe(0);
    tunnel.unknown = 1;
    expect(since(() => clock.run(1_000))).toBe(1);
    expect(since(() => clock.run(10_000))).toBe(0);
    stop();
    expect(since(() => health.clear('A'))).toBe(0);
  });

  test('nothing is counted while nobody watches', () => {
    service.snapshots.watch(() => undefined)();
    expect(clock.pending).toBe(0);
  });
});

test('what is remembered is readable by root alone, and no draft stays', async () => {
  await call(anna, 'applyConfig', { config: defaultConfig });
  await call(anna, 'setEnhanced', { on: true, mode: 'persistent' });
  const files = readdirSync(directory).map((name) => [name, statSync(join(directory, name)).mode & 0o777]);
  expect(files).toEqual([
    [`config-${anna}.json`, 0o600],
    ['owner.json', 0o600],
  ]);
});

describe('what is known of rules', () => {
  const reject = named('REJECT');
  const [rule = { type: 'MATCH' as const, payload: '', policy: '', noResolve: false }] = reject.rules;
  const known = () => tunnel.known.of(rule, 0);
  const apply = (uid: number, profile?: string, config = reject) =>
    call(uid, 'applyConfig', profile === undefined ? { config } : { config, profile });
  const count = (hits: number) => tunnel.known.note(rule, { hits, misses: 1, off: known().off }, 0);

  test('is there again after a death of the helper when it was switched, and of its counters after an end', async () => {
    await call(anna, 'setEnhanced', { on: true, mode: 'persistent' });
    await apply(anna, 'p');
    count(5);
    let looks = 0;
    const look = tunnel.knownRules.bind(tunnel);
    tunnel.knownRules = () => {
      looks += 1;
      return look();
    };
    const before = looks;
    for (let i = 0; i < 100; i++)
      expect(await call(anna, 'switchRule', { index: 0, rule, on: i % 2 === 1 })).toEqual({ changed: true });
    await call(anna, 'switchRule', { index: 0, rule, on: false });
    expect(looks).toBe(before);
    await clock.advance(2_000);
    expect(looks).toBe(before + 1);
    boot();
    await service.resume();
    expect(known()).toEqual({ hits: 5, misses: 1, off: true });
    count(9);
    await service.stop();
    boot();
    await service.resume();
    expect(known()).toMatchObject({ hits: 9, off: true });
    await call(anna, 'switchRule', { index: 0, rule, on: true });
    await clock.advance(2_000);
    boot();
    await service.resume();
    expect(known()).toMatchObject({ hits: 9, off: false });
  });

  test("is known by profile and by user: nobody's switch is another's", async () => {
    await apply(anna, 'p');
    await call(anna, 'switchRule', { index: 0, rule, on: false });
    count(3);
    await apply(anna, 'q');
    expect(known()).toEqual({ hits: 0, misses: 0, off: false });
    await apply(anna, 'p', { ...reject, logLevel: 'debug' });
    expect(known()).toMatchObject({ hits: 3, off: true });
    await apply(bert, 'p');
    expect(known()).toEqual({ hits: 0, misses: 0, off: false });
    await apply(anna);
    expect(known().off).toBe(false);
    await apply(anna, 'p');
    expect(known()).toMatchObject({ hits: 3, off: true });
  });

  test('a configuration that is refused changes nothing of it', async () => {
    await apply(anna, 'p');
    await call(anna, 'switchRule', { index: 0, rule, on: false });
    await expect(apply(anna, 'q', named('NOWHERE'))).rejects.toThrow(code('CONFIG_INVALID'));
    expect(known().off).toBe(true);
    count(7);
    service.saveRules();
    expect(ruleNotes.rules(anna, 'p')).toMatchObject([{ hits: 7, off: true }]);
    expect(ruleNotes.rules(anna, 'q')).toEqual([]);
  });

  test('a disk that cannot be written is told, and the switch counts', async () => {
    await apply(anna, 'p');
    ruleNotes.noteRules = () => {
      throw new AppError('FAKE_IP_STORE', 'full');
    };
    expect(await call(anna, 'switchRule', { index: 0, rule, on: false })).toEqual({ changed: true });
    await clock.advance(2_000);
    expect((await call(anna, 'getSnapshot', {})).warnings.map(({ code: each }) => each)).toEqual(['STATE_NOT_SAVED']);
    ruleNotes.rules = () => {
      throw new AppError('FAKE_IP_STORE', 'damaged');
    };
    await apply(anna, 'q');
    expect(known().off).toBe(false);
  });

  test('of very many rules so many are written at a time: those switched off first', () => {
    const rules = Array.from(
      { length: 5_000 },
      (_, i): RuleConfig => ({ ...rule, type: 'DOMAIN', payload: `n${i}.example` }),
    );
    const many = new KnownRules();
    for (const [i, each] of rules.entries()) many.note(each, { hits: i, misses: 0, off: i === 1 }, 0);
    const memory = new RuleMemory(ruleNotes, { write: (_, write) => (write(), true) }, silentLogger);
    memory.recall(anna, 'p');
    memory.save(anna, 'p', many);
    const written = ruleNotes.rules(anna, 'p');
    expect(written).toHaveLength(2_000);
    expect(written[0]).toMatchObject({ off: true, hits: 1 });
    memory.save(anna, 'p', many);
    memory.save(anna, 'p', many);
    expect(ruleNotes.rules(anna, 'p')).toHaveLength(4_999);
  });
});

describe('modes and choices', () => {
  test("a mode is its user's, and there again after a death", async () => {
    await call(anna, 'setSwitches', { mode: 'global' });
    expect((await call(anna, 'getSnapshot', {})).mode).toEqual({ mode: 'global', chosen: true });
    boot();
    await service.resume();
    await call(anna, 'applyConfig', { config: defaultConfig });
    expect((await call(anna, 'getSnapshot', {})).mode).toEqual({ mode: 'global', chosen: true });
    await call(anna, 'setSwitches', { mode: null });
    expect((await call(anna, 'getSnapshot', {})).mode).toEqual({ mode: 'rule', chosen: false });
  });

  test('a configuration that is refused leaves the choices and the mode of the one in force', async () => {
    await call(anna, 'applyConfig', { config: defaultConfig });
    await call(anna, 'selectProxy', { group: 'g', member: 'a' });
    boot();
    await call(anna, 'applyConfig', { config: { ...defaultConfig, logLevel: 'debug' } });
    await call(anna, 'setSwitches', { mode: 'global' });
    await expect(call(bert, 'applyConfig', { config: named('NOWHERE') })).rejects.toMatchObject({
      code: 'CONFIG_INVALID',
    });
    expect([...tunnel.choices]).toEqual([['g', 'a']]);
    expect(tunnel.chosenMode).toBe('global');
  });

  test('a choice in a group is on disk at once, and in force with the configuration of its user', async () => {
    await call(anna, 'applyConfig', { config: defaultConfig });
    expect(await call(anna, 'selectProxy', { group: 'g', member: 'a' })).toEqual({ now: 'a' });
    expect([...choices.choices(anna)]).toEqual([['g', 'a']]);
    await expect(call(anna, 'selectProxy', { group: 'gone', member: 'a' })).rejects.toMatchObject({
      code: 'POLICY_UNKNOWN',
    });
    await expect(call(bert, 'selectProxy', { group: 'g', member: 'b' })).rejects.toMatchObject({
      code: 'HELPER_IN_USE',
    });
    boot();
    await call(bert, 'applyConfig', { config: defaultConfig });
    expect([...tunnel.choices]).toEqual([]);
    await call(anna, 'applyConfig', { config: { ...defaultConfig, logLevel: 'debug' } });
    expect([...tunnel.choices]).toEqual([['g', 'a']]);
    await call(anna, 'selectProxy', { group: 'g', member: null });
    expect([...choices.choices(anna)]).toEqual([]);
  });
});
