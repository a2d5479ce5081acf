/**
 * A whole Mirage in memory behind the window's own interface: traffic that moves once a second, a switch that takes its
 * time, failures on request. For looking at the renderer and for measuring it; nothing of it touches a network.
 */
import { AppError } from '../../core/base/app-error.ts';
import type { Clock } from '../../core/base/clock.ts';
import { Emitter } from '../../core/base/emitter.ts';
import type {
  AppEvents,
  AppInfo,
  AppMethodName,
  AppParams,
  AppResult,
  HelperLink,
  MirageBridge,
  TopicBatch,
  TopicName,
  Unsubscribe,
} from '../../core/contract/app.ts';
import type { ErrorData } from '../../core/contract/error.ts';
import type { RuleTrace } from '../../core/contract/flow.ts';
import type { ProviderRow } from '../../core/contract/providers.ts';
import type { SubscribeOptions } from '../../core/contract/rpc.ts';
import type { NetworkChange, Snapshot } from '../../core/contract/status.ts';
import { RuleEngine } from '../../core/rule/rule-engine.ts';
import { MockPolicies } from './mock-policies.ts';
import { MockProfiles } from './mock-profiles.ts';
import { MockTables } from './mock-tables.ts';
import { mockFakeIp, mockFakeRange, mockRules, mockWay } from './mock-traffic.ts';
import { sampleAppResult } from './sample-result.ts';

export interface MockOptions {
  /** Live connections to begin with. */
  readonly rows: number;
  /** `running` from the start, or `stopped`. */
  readonly tunnel: 'running' | 'stopped';
  /** What happens when Enhanced Mode is turned on. */
  readonly turnOn?: 'works' | 'fails' | 'silent';
  readonly profile?: AppInfo['profile'];
  readonly profiles?: AppInfo['profiles'];
  readonly providers?: readonly ProviderRow[];
  /** Downloads go on until they are stopped, or end in this error. */
  readonly downloads?: 'endless' | ErrorData;
  readonly warnings?: Snapshot['warnings'];
  /** Nodes of the profile; none without. */
  readonly nodes?: number;
  readonly strictRoute?: boolean;
  /** Another use of fake addresses than none lost. */
  readonly fakeIp?: Partial<Snapshot['fakeIp']>;
  /** Methods that the helper refuses. */
  readonly refused?: readonly AppMethodName[];
  /** Why it shows no tables; until `showTables`. */
  readonly tablesRefused?: ErrorData;
  /** Every connection moves in every tick, instead of one of seven. */
  readonly busy?: boolean;
  readonly clock: Clock;
}

export const offlineRestore = 'sudo /usr/local/lib/mirage/mirage-helper --restore';
const stepMs = 350;
const startSteps = ['tun', 'routes', 'system-dns'];

type AppAnswers = { readonly [M in AppMethodName]?: (params: AppParams<M>) => AppResult<M> | Promise<AppResult<M>> };

export class MockBridge implements MirageBridge {
  readonly calls: [AppMethodName, unknown][] = [];
  readonly tables: MockTables;
  readonly policies: MockPolicies;
  readonly #options: MockOptions;
  readonly #events: { [E in keyof AppEvents]: Emitter<AppEvents[E]> } = {
    link: new Emitter(),
    info: new Emitter(),
    snapshot: new Emitter(),
    traffic: new Emitter(),
  };
  readonly profiles: MockProfiles;
  #link: HelperLink = { kind: 'connected' };
  #snapshot: Snapshot;
  #tablesRefused: ErrorData | undefined;
  readonly #stopTicks: () => void;

  constructor(options: MockOptions) {
    this.#options = options;
    const { profile = { path: '/home/mira/.config/mirage/profile.yaml', problems: [], state: 'applied' } } = options;
    const { downloads } = options;
    this.profiles = new MockProfiles(
      {
        profile,
        profiles: options.profiles ?? [],
        providers: options.providers ?? [],
        endless: downloads === 'endless',
        failure: downloads === 'endless' ? undefined : downloads,
      },
      options.clock,
      () => this.#events.info.emit(this.#appInfo()),
      () => this.#appInfo(),
    );
    this.#tablesRefused = options.tablesRefused;
    this.tables = new MockTables({
      rows: options.tunnel === 'running' ? options.rows : 0,
      busy: options.busy ?? false,
      bothFamilies: typeof options.fakeIp?.range6 === 'string',
      clock: options.clock,
    });
    this.policies = new MockPolicies(options.nodes ?? 0, options.clock);
    this.#snapshot = {
      version: '0.1.0',
      tunnel: { kind: 'stopped' },
      owner: null,
      mine: true,
      systemDns: true,
      autoRoute: true,
      dnsMode: { mode: 'fake-ip', chosen: false },
      mode: { mode: 'rule', chosen: false },
      mixed: { address: '127.0.0.1', port: 7890 },
      config: {
        hash: '5f1d6c0a9be2',
        proxies: 4,
        groups: 0,
        rules: mockRules.length,
        strictRoute: options.strictRoute ?? false,
      },
      fakeIp: {
        range: mockFakeRange,
        range6: null,
        used: 0,
        capacity: 131_067,
        unknown: 0,
        recovered: 0,
        ...options.fakeIp,
      },
      warnings: options.warnings ?? [],
      changes: [],
    };
    if (options.tunnel === 'running') this.#snapshot = this.#running();
    this.#stopTicks = options.clock.every(1000, () => this.#tick());
  }

  dispose(): void {
    this.#stopTicks();
  }

  /** As if the helper had gone, or come back. */
  setLink(link: HelperLink): void {
    this.#link = link;
    this.#events.link.emit(link);
    if (link.kind === 'connected') this.#events.snapshot.emit(this.#snapshot);
  }

  /** As if the profile had been read anew. */
  setProfile(profile: AppInfo['profile']): void {
    this.profiles.setProfile(profile);
  }

  /** Tables that are asked for from now on are shown. */
  showTables(): void {
    this.#tablesRefused = undefined;
  }

  on<E extends keyof AppEvents>(event: E, handler: (data: AppEvents[E]) => void): Unsubscribe {
    if (event === 'link') (handler as (data: HelperLink) => void)(this.#link);
    if (event === 'info') (handler as (data: AppInfo) => void)(this.#appInfo());
    if (event === 'snapshot' && this.#link.kind === 'connected') (handler as (data: Snapshot) => void)(this.#snapshot);
    return this.#events[event].on(handler);
  }

  subscribe<T extends TopicName>(
    topic: T,
    options: SubscribeOptions,
    handler: (batch: TopicBatch<T>) => void,
    onRefused: (error: ErrorData) => void,
  ): Unsubscribe {
    const error = this.#tablesRefused;
    if (error !== undefined) {
      queueMicrotask(() => onRefused(error));
      return () => undefined;
    }
    if (topic === 'proxies') return this.policies.subscribe(handler);
    return this.tables.subscribe(topic, options, handler);
  }

  async call<M extends AppMethodName>(method: M, params: AppParams<M>): Promise<AppResult<M>> {
    this.calls.push([method, params]);
    if (this.#options.refused?.includes(method) === true) {
      throw new AppError('HELPER_IN_USE', 'the configuration in force is that of user 1001');
    }
    const answer: AppAnswers[M] = this.#answers[method] ?? this.profiles.answers[method];
    return answer === undefined ? sampleAppResult(method) : await answer(params);
  }

  readonly #rulesOff = new Set<number>();

  /** What is more than the plainest answer. */
  readonly #answers: AppAnswers = {
    getSnapshot: () => this.#snapshot,
    setEnhanced: ({ on }) => this.#setEnhanced(on),
    setSwitches: (switches) => {
      this.#show({ ...this.#snapshot, ...given(switches) });
      return this.#snapshot;
    },
    listRules: () => mockRules.map((row) => ({ ...row, off: this.#rulesOff.has(row.index) })),
    // The first stands in the override.
    ruleLines: () => ({ lines: mockRules.map(({ index }) => (index === 0 ? -3 : index + 40)) }),
    switchRule: ({ index, on }) => {
      if (on) this.#rulesOff.delete(index);
      else this.#rulesOff.add(index);
      return { changed: true };
    },
    selectProxy: (params) => this.policies.select(params),
    testProxies: (params) => this.policies.test(params),
    stopTests: () => this.policies.stop(),
    closeFlows: ({ ids, all }) => ({ closed: this.tables.close(all === true ? undefined : (ids ?? [])) }),
    testRule: trace,
    dnsQuery: answerOf,
    flushDnsCache: () => ({ answers: 37 }),
    flushFakeIp: () => ({ retired: this.tables.retire(undefined) }),
    changeMappings: ({ addresses, action }) => ({
      changed: action === 'retire' ? this.tables.retire(addresses) : this.tables.pin(addresses, action === 'pin'),
    }),
    restore: () => {
      const undone = this.#snapshot.changes;
      this.#show({ ...this.#snapshot, tunnel: { kind: 'stopped' }, owner: null, changes: [] });
      return { undone };
    },
    getAppInfo: () => this.#appInfo(),
  };

  async #setEnhanced(on: boolean): Promise<Snapshot> {
    const how = this.#options.turnOn ?? 'works';
    if (how === 'silent') return await new Promise<Snapshot>(() => undefined);
    if (!on) {
      await this.#step({ kind: 'stopping', step: 'system-dns' });
      this.#show({ ...this.#snapshot, tunnel: { kind: 'stopped' }, owner: null, changes: [] });
      return this.#snapshot;
    }
    for (const step of startSteps) await this.#step({ kind: 'starting', step });
    if (how === 'fails') {
      const error = new AppError('SYSTEM_DNS_FAILED', 'cannot replace /etc/resolv.conf: the file is immutable', {
        expected: 'a resolv.conf that root may write',
        details: { file: '/etc/resolv.conf', attribute: '+i', undone: 6 },
      });
      this.#show({ ...this.#snapshot, tunnel: { kind: 'error', error: error.toData() }, changes: [] });
      throw error;
    }
    this.#show(this.#running());
    return this.#snapshot;
  }

  async #step(tunnel: Snapshot['tunnel']): Promise<void> {
    this.#show({ ...this.#snapshot, tunnel });
    await new Promise<void>((resolve) => {
      this.#options.clock.after(stepMs, resolve);
    });
  }

  #running(): Snapshot {
    const since = this.#options.clock.now() - 83_000;
    return {
      ...this.#snapshot,
      tunnel: { kind: 'running', since, device: 'mirage0' },
      owner: { uid: 1000, mode: 'session' },
      fakeIp: { ...this.#snapshot.fakeIp, used: this.tables.mappingCount },
      changes: mockChanges(since),
    };
  }

  #show(snapshot: Snapshot): void {
    this.#snapshot = snapshot;
    this.#events.snapshot.emit(snapshot);
  }

  #appInfo(): AppInfo {
    return {
      version: '0.1.0',
      home: 'browser',
      platform: 'linux x64',
      ...this.profiles.info(),
      cli: 'mirage',
      offlineRestore,
    };
  }

  #tick(): void {
    if (this.#link.kind !== 'connected') return;
    if (this.#snapshot.tunnel.kind === 'running') this.tables.move();
    this.policies.move();
    this.#events.traffic.emit(this.tables.traffic());
  }
}

/** Only the switches that were named: `undefined` is not a value of a snapshot. The profile says fake-ip. */
function given({ systemDns, autoRoute, dnsMode, mode }: AppParams<'setSwitches'>): Partial<Snapshot> {
  return {
    ...(systemDns === undefined ? {} : { systemDns }),
    ...(autoRoute === undefined ? {} : { autoRoute }),
    ...(dnsMode === undefined ? {} : { dnsMode: { mode: dnsMode ?? 'fake-ip', chosen: dnsMode !== null } }),
    ...(mode === undefined ? {} : { mode: { mode: mode ?? 'rule', chosen: mode !== null } }),
  };
}

/** Names under debian.org go DIRECT and are asked upstream, `no-such.` ones do not exist, all others are fake. */
function answerOf({ name, type }: AppParams<'dnsQuery'>): AppResult<'dnsQuery'> {
  const upstream = 'tls://192.0.2.53:853';
  if (name.startsWith('no-such.')) return { rcode: 'NXDOMAIN', verdict: 'absent', upstream, answers: [], ms: 18.4 };
  if (type !== 'A') return { rcode: 'NOERROR', verdict: 'local', answers: [], ms: 0.06 };
  if (!name.endsWith('.debian.org')) {
    const answers = [{ name, type, ttl: 1, data: mockFakeIp(name.length) }];
    return { rcode: 'NOERROR', verdict: 'fake', answers, ms: 0.09 };
  }
  const target = 'debian.map.fastlydns.example';
  const answers = [
    { name, type: 'CNAME', ttl: 3600, data: target },
    { name: target, type, ttl: 30, data: '203.0.113.132' },
    { name: target, type, ttl: 30, data: '203.0.113.133' },
  ];
  return { rcode: 'NOERROR', verdict: 'real', upstream, answers, ms: 23.6 };
}

function mockChanges(since: number): NetworkChange[] {
  return [
    { id: '1', what: 'ip route default dev mirage0', where: 'table 5380', since },
    { id: '2', what: 'ip rule 5380', where: 'from 198.18.0.1 iif lo lookup 5380', since },
    { id: '3', what: 'ip -6 rule 5383', where: 'not iif lo goto 5391', since },
    { id: '4', what: 'system DNS 198.18.0.2', where: '/etc/resolv.conf', since },
  ];
}

/** As the helper tells it, by the real engine. */
async function trace({ host, port, network }: AppParams<'testRule'>): Promise<RuleTrace> {
  const destination = { host, port };
  const source = { host: '198.18.0.1', port: 40_000 };
  const metadata = { network, inbound: 'tun', source, destination, originalDestination: destination } as const;
  const { rule, steps } = await new RuleEngine(mockRules).explain(metadata, async () => undefined);
  const chain = rule.policy === 'HK-01' ? ['HK-01', 'Proxy'] : [rule.policy];
  return { host, port, network, steps, rule, chain, way: mockWay(rule.policy) };
}
