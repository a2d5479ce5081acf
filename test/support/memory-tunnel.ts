/** A tunnel for the helper's methods that touches nothing: its steps only leave their mark in the list of changes. */
import { AppError } from '../../core/base/app-error.ts';
import { Emitter } from '../../core/base/emitter.ts';
import { silentLogger } from '../../core/base/logger.ts';
import { type Config, defaultConfig, type PolicyMode } from '../../core/contract/config.ts';
import type { DnsMode } from '../../core/contract/dns-config.ts';
import type { ConnectionRow } from '../../core/contract/flow.ts';
import type { Snapshot } from '../../core/contract/status.ts';
import type { ServedTunnel } from '../../core/helper/served-tunnel.ts';
import { KnownRules } from '../../core/rule/known-rules.ts';
import { noSets, type RuleSets } from '../../core/rule/rule-set.ts';
import { TunnelMachine, type TunnelStepName } from '../../core/tunnel/tunnel-machine.ts';
import { ManualClock } from './manual-clock.ts';

/** Two users. */
export const anna = 1000;
export const bert = 1001;

const sampleFakeIp = { range: '198.18.0.0/15', range6: null, capacity: 100, recovered: 0 };

export class MemoryTunnel implements ServedTunnel {
  readonly changed = new Emitter<void>();
  readonly inForce = new Set<string>();
  readonly failing = new Set<string>();
  readonly machine: TunnelMachine;
  readonly closed: string[] = [];
  config = defaultConfig;
  reloads = 0;
  mixed: Snapshot['mixed'] = null;
  policyKey: string | null = null;
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

  chosenDnsMode: DnsMode | null = null;
  chosenMode: PolicyMode | null = null;
  choices: ReadonlyMap<string, string> = new Map();
  readonly mappingCalls: unknown[] = [];

  readonly modes: ServedTunnel['modes'] = {
    dnsMode: () => ({ mode: this.chosenDnsMode ?? this.config.dns.mode, chosen: this.chosenDnsMode !== null }),
    chooseDnsMode: (mode) => {
      this.chosenDnsMode = mode;
    },
    mode: () => ({ mode: this.chosenMode ?? this.config.mode, chosen: this.chosenMode !== null }),
    chooseMode: (mode) => {
      this.chosenMode = mode;
    },
  };

  readonly proxies: ServedTunnel['proxies'] = {
    useChoices: (choices) => {
      this.choices = choices;
    },
    select: ({ group, member }) => {
      if (group === 'gone') throw new AppError('POLICY_UNKNOWN', 'no such group');
      return { now: member };
    },
    test: () => ({ nodes: [], startedAt: 0 }),
    stopTests: () => 3,
  };

  readonly inspector: ServedTunnel['inspector'] = {
    fakeIp: () => ({ ...sampleFakeIp, used: this.used, unknown: this.unknown }),
    rules: () => this.config.rules.map((rule, index) => ({ ...rule, index, hits: 0, misses: 0, off: false })),
    switchRule: ({ index, on }) => {
      const rule = this.config.rules[index];
      if (rule === undefined) return false;
      this.known.note(rule, { ...this.known.of(rule, 0), off: !on }, 0);
      return true;
    },
    testRule: async ({ host, port, network }) => {
      const rule = { index: 0, type: 'MATCH' as const, payload: '', policy: 'DIRECT' };
      return { host, port, network, steps: [], rule, chain: ['DIRECT'] };
    },
    dnsQuery: async () => ({ rcode: 'NOERROR', verdict: 'fake', answers: [], ms: 0 }),
  };

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

  /** What the rules have counted, and which are switched off. */
  known = new KnownRules();

  knownRules(): KnownRules {
    return this.known;
  }

  closeFlows(which: (row: ConnectionRow) => boolean): number {
    const row = (id: string, uid?: number) =>
      ({ id, ...(uid === undefined ? {} : { process: { pid: 1, uid, name: 'n', path: '' } }) }) as ConnectionRow;
    const hit = [row('a', anna), row('b', bert), row('c')].filter(which).map(({ id }) => id);
    this.closed.push(...hit);
    return hit.length;
  }
}
