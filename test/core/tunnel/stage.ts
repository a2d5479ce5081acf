/** A dispatcher between an engine in memory and outbounds that do as told; what happens is noted line by line. */
import type { Ip } from '../../../core/base/address.ts';
import { AppError } from '../../../core/base/app-error.ts';
import type { Logger } from '../../../core/base/logger.ts';
import { createLogger } from '../../../core/base/logger.ts';
import { defaultConfig, type RuleConfig, type SnifferConfig } from '../../../core/contract/config.ts';
import type { Endpoint, ProcessInfo } from '../../../core/contract/flow.ts';
import type { FlowPlan } from '../../../core/flow/dial-plan.ts';
import { FlowTable } from '../../../core/flow/flow-table.ts';
import type { DispatchedFlow, FlowDispatcher, HeldFlow, InboundFlow } from '../../../core/inbound/inbound.ts';
import { TunInbound } from '../../../core/inbound/tun-inbound.ts';
import type { Stream } from '../../../core/net/stream.ts';
import type { DialOptions, Outbound } from '../../../core/outbound/dialer.ts';
import { RuleEngine } from '../../../core/rule/rule-engine.ts';
import { Sniffer } from '../../../core/sniff/sniffer.ts';
import { Dispatcher, type DispatcherOptions } from '../../../core/tunnel/dispatcher.ts';
import type { DispatchPolicy } from '../../../core/tunnel/name-search.ts';
import { SilentClients } from '../../../core/tunnel/silent-clients.ts';
import { ManualClock, settle } from '../../support/manual-clock.ts';
import { MemoryFlowEngine } from '../../support/memory-flow-engine.ts';

export class FakeOutbound implements Outbound {
  readonly tag: string;
  readonly way: Outbound['way'];
  readonly resolvesAt: Outbound['resolvesAt'];
  readonly carriesUdp: boolean;
  /** What `plan` and `dialStream` do; by default a native dial, and no streams. */
  planned: (to: Endpoint, signal: AbortSignal) => Promise<FlowPlan>;
  dialled: (to: Endpoint, options: DialOptions) => Promise<Stream> = () =>
    Promise.reject(new AppError('DIAL_PROXY_REFUSED', 'no streams'));

  constructor(tag: string, carriesUdp = true) {
    const isDirect = tag === 'DIRECT';
    this.tag = tag;
    this.carriesUdp = carriesUdp;
    this.way = isDirect ? 'direct' : 'proxied';
    this.resolvesAt = isDirect ? 'here' : 'there';
    this.planned = (target) =>
      Promise.resolve({
        kind: 'dial',
        hops: [{ address: '192.0.2.7', device: 'eth0' }],
        port: 1080,
        layers: [{ protocol: 'socks5', node: tag, target }],
        target,
        udp: false,
        timeoutMs: 1000,
      });
  }

  plan(to: Endpoint, _network: unknown, signal: AbortSignal): Promise<FlowPlan> {
    return this.planned(to, signal);
  }

  dialStream(to: Endpoint, options: DialOptions): Promise<Stream> {
    return this.dialled(to, options);
  }
}

export const rule = (type: RuleConfig['type'], payload: string, policy: string): RuleConfig => ({
  type,
  payload,
  policy,
  noResolve: false,
});

const isOfNetwork = (name: string): boolean => !name.includes('.') || name.endsWith('.lan');

/** `nas.lan` is 192.168.1.2; no other name of the network has an address. */
export function policyOf(
  rules: RuleConfig[],
  outbounds: Outbound[],
  localProxies: Endpoint[] = [],
  sniffer: Partial<SnifferConfig> = {},
  proxiesBehind: Ip[] = [],
): DispatchPolicy {
  const get = (tag: string) => outbounds.find((outbound) => outbound.tag === tag);
  return {
    rules: new RuleEngine(rules),
    sniffer: new Sniffer({ ...defaultConfig.sniffer, ...sniffer }),
    isOfNetwork,
    addressInNetwork: async (name) => {
      if (!isOfNetwork(name)) return await Promise.resolve(undefined);
      if (name === 'nas.lan') return '192.168.1.2';
      throw new AppError('DIAL_NAME_NOT_FOUND', name);
    },
    nameBehind: (name) => (name === 'alias.example' ? 'behind.example' : name),
    policies: {
      route: (tag) => {
        const outbound = get(tag);
        return outbound && { outbound, chain: [tag] };
      },
      dialFailed: () => undefined,
    },
    ownServers: { all: () => localProxies, isProxyBehind: (address) => proxiesBehind.includes(address) },
  };
}

export class Stage {
  readonly clock = new ManualClock();
  readonly engine = new MemoryFlowEngine();
  readonly flows = new FlowTable(this.clock);
  readonly far = new FakeOutbound('far');
  readonly direct = new FakeOutbound('DIRECT');
  /** Fake addresses: `198.18.3.N` is `hostN.example`, for the numbers in here. */
  readonly mapped = new Set([1, 2, 3]);
  /** Those whose mapping is in doubt, and what else their addresses could mean. */
  readonly doubtful = new Map<string, string[]>();
  /** Names under which real addresses were answered. */
  readonly answered = new Map<string, string>();
  /** What applications send by themselves, and when: milliseconds after the connection. */
  sends: { readonly at: number; readonly chunk: Uint8Array }[] = [];
  /** Every look at first bytes. */
  readonly peeks: { readonly atLeast: number; readonly timeoutMs: number }[] = [];
  /** Names found for unknown or doubtful addresses, and names whose dial failed. */
  readonly recovered: [string, string][] = [];
  readonly failedNames: [name: string, tag: string, code: string][] = [];
  /** What the pool was told. */
  readonly pool: string[] = [];
  /** Names that were resolved for rules. */
  readonly resolved: string[] = [];
  addresses: Record<string, string[]> = {};
  process: ProcessInfo | undefined;
  processLookUps = true;
  readonly processAsked: Endpoint[] = [];
  loopPids: number[] = [];
  readonly unknown: [address: string, count: number, recovered: number][] = [];
  readonly log: string[] = [];
  readonly dispatcher: Dispatcher;
  readonly inbound: TunInbound;

  constructor(policy?: (stage: Stage) => DispatchPolicy) {
    const made = policy?.(this) ?? policyOf([rule('MATCH', '', 'far')], [this.far, this.direct]);
    this.dispatcher = new Dispatcher(made, this.#options());
    this.inbound = new TunInbound({
      engine: this.engine,
      dispatcher: this.#peekable(),
      dns: { answerBatch: () => undefined },
      decideEcho: () => Promise.resolve({ kind: 'refuse', how: 'prohibited' }),
      onDead: () => undefined,
      log: this.#logger(),
    });
  }

  /** The rows of the table without the fields that do not vary here. */
  row(id: string) {
    const row = this.flows.row(id);
    if (row === undefined) throw new Error(`no flow ${id}`);
    return row;
  }

  /** An application connects; returns the flow after the dispatcher has had its say. */
  async connect(to = '198.18.3.1', port = 443, network: 'tcp' | 'udp' = 'tcp'): Promise<number> {
    const id = this.engine.open(to, port, network);
    await settle();
    return id;
  }

  get lastVerdict() {
    return this.engine.verdicts.at(-1)?.verdict;
  }

  #options(): DispatcherOptions {
    return {
      flows: this.flows,
      fakeIp: {
        contains: (ip) => ip.startsWith('198.18.'),
        lookup: (ip) => {
          const [, number = ''] = /^198\.18\.3\.(\d+)$/.exec(ip) ?? [];
          const doubtful = this.doubtful.has(ip);
          return this.mapped.has(Number(number)) ? { name: `host${number}.example`, doubtful } : undefined;
        },
        couldMean: (ip, name) => this.doubtful.get(ip)?.includes(name) ?? false,
        unknownConnected: (ip) => this.pool.push(`unknown ${ip}`),
        flowOpened: (ip) => this.pool.push(`opened ${ip}`),
        flowClosed: (ip, outcome) => this.pool.push(`closed ${ip} ${outcome}`),
      },
      addressMemory: { lookup: (ip) => this.answered.get(ip) },
      names: { dialFailed: (name, { tag }, { code }) => this.failedNames.push([name, tag, code]) },
      silentClients: new SilentClients(this.clock),
      isOwnAddress: (address) => !address.startsWith('172.30.'),
      onRecovered: (address, name) => this.recovered.push([address, name]),
      resolver: {
        resolve: (name) => {
          this.resolved.push(name);
          const found = this.addresses[name];
          return found ? Promise.resolve(found) : Promise.reject(new AppError('DIAL_NAME_NOT_FOUND', name));
        },
      },
      processes: {
        find: (_network, _source, destination) => {
          this.processAsked.push(destination);
          return Promise.resolve(this.process);
        },
      },
      loopGuard: { isProxyProcess: ({ pid }) => Promise.resolve(this.loopPids.includes(pid)) },
      clock: this.clock,
      log: this.#logger(),
      lookUpForPeople: (find) => {
        if (this.processLookUps) void find();
      },
      onUnknownFakeAddress: (...told) => this.unknown.push(told),
      limits: { dialMs: 5000, idleMs: 60_000, halfCloseMs: 60_000, sniffMs: 300 },
    };
  }

  /** The dispatcher, with flows whose first bytes are `sends`. */
  #peekable(): FlowDispatcher {
    return {
      dispatch: (flow) => {
        const end = new AbortController();
        const openedAt = this.clock.monotonic();
        const look = (atLeast: number, timeoutMs: number) =>
          this.#peek(flow, openedAt, { atLeast, timeoutMs }, end.signal);
        const held = (of: HeldFlow): HeldFlow => ({
          kind: 'held',
          metadata: of.metadata,
          carrier: of.carrier,
          decide: (verdict) => of.decide(verdict),
          peek: look,
        });
        const dispatched = this.dispatcher.dispatch(flow.kind === 'held' ? held(flow) : flow);
        const ended: DispatchedFlow['ended'] = (close) => {
          end.abort();
          dispatched.ended(close);
        };
        return { dialed: (outcome) => dispatched.dialed(outcome), ended };
      },
    };
  }

  #peek(
    { metadata }: InboundFlow,
    openedAt: number,
    wanted: { readonly atLeast: number; readonly timeoutMs: number },
    ended: AbortSignal,
  ): Promise<{ chunks: Uint8Array[]; reason: 'bytes' | 'timeout' }> {
    this.peeks.push(wanted);
    const until = this.clock.monotonic() + wanted.timeoutMs;
    return new Promise((resolve, reject) => {
      const look = () => {
        if (ended.aborted) return reject(new Error('the flow has ended'));
        const now = this.clock.monotonic();
        const sent = this.sends.filter(({ at }) => openedAt + at <= now).map(({ chunk }) => chunk);
        const chunks = metadata.network === 'udp' || sent.length === 0 ? sent : [Buffer.concat(sent)];
        const have = metadata.network === 'udp' ? chunks.length : (chunks[0]?.length ?? 0);
        if (have >= wanted.atLeast) return resolve({ chunks, reason: 'bytes' });
        if (now >= until) return resolve({ chunks, reason: 'timeout' });
        this.clock.after(1, look);
      };
      look();
    });
  }

  #logger(): Logger {
    const now = () => this.clock.now();
    return createLogger((record) => this.log.push(record.text), { component: 'test', enabled: () => true, now });
  }
}
