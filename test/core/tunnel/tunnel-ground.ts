/** A tunnel of which every hand that reaches the machine is replaced by a note of what it would have done: what its tests stand on. */
import { decode, encode } from 'dns-packet';
import { afterEach, beforeEach, expect } from 'vitest';
import { systemClock } from '../../../core/base/clock.ts';
import { silentLogger } from '../../../core/base/logger.ts';
import type { Cause } from '../../../core/contract/causes.ts';
import { type Config, defaultConfig, type RuleConfig } from '../../../core/contract/config.ts';
import { Health } from '../../../core/helper/health.ts';
import { defaultResolverOptions } from '../../../core/net/resolver-options.ts';
import { MemoryStateStore } from '../../../core/state/memory-state-store.ts';
import { Tunnel } from '../../../core/tunnel/tunnel.ts';
import { eventually } from '../../support/eventually.ts';
import { noSockets } from '../../support/no-sockets.ts';
import { MemoryNative } from './memory-native.ts';

export const both = { systemDns: true, autoRoute: true };
export const signal = new AbortController().signal;
export const code = (expected: string) => expect.objectContaining({ code: expected });
export const rule = (type: RuleConfig['type'], payload: string, policy: string): RuleConfig => ({
  type,
  payload,
  policy,
  noResolve: false,
});
export const configOf = (rules: RuleConfig[], more: Partial<Config> = {}): Config => ({
  ...defaultConfig,
  mixed: null,
  proxies: [{ type: 'socks5', name: 'proxy', server: '192.0.2.1', port: 1080, udp: true }],
  rules: [...rules, rule('MATCH', '', 'DIRECT')],
  ...more,
});

export class TunnelGround {
  declare tunnel: Tunnel;
  /** Newest last. */
  engines: MemoryNative[] = [];
  /** What was done to the machine, in order. */
  did: string[] = [];
  health = new Health();
  deviceTrouble: Cause | undefined;
  missingRoutes = 0;
  mtuFails = false;
  defaults = '';
  servers: string[] = [];
  /** Tell the tunnel of what has happened to the machine. */
  declare ownEvent: () => void;
  declare networkChanged: () => void;

  readonly engine = (): MemoryNative => this.engines.at(-1) as MemoryNative;

  begin(): void {
    this.engines = [];
    this.did = [];
    this.health = new Health();
    this.networkChanged = () => undefined;
    this.mtuFails = false;
    this.defaults = 'by eth0';
    this.servers = [];
    this.deviceTrouble = undefined;
    this.missingRoutes = 0;
    this.tunnel = new Tunnel({
      createEngine: (options, onEvents) => {
        this.engines.push(new MemoryNative(options, onEvents));
        return this.engine();
      },
      sockets: noSockets(),
      rulesLookAtSenders: () => false,
      sourceTowards: () => null,
      natTarget: () => null,
      hasOutputNat: async () => true,
      findRoute: (to) => (to.includes(':') ? null : { local: false, device: 'eth0' }),
      findProcess: async () => undefined,
      spareProcesses: () => undefined,
      loopGuard: { findListeners: async () => [], parentOf: () => 0 },
      destroySockets: (prefixes, spared) =>
        this.did.push(`sockets ${prefixes.join(' ')} / ${spared.join(' ')}`.trimEnd()),
      network: {
        start: async () => void this.did.push('network'),
        stop: async () => undefined,
        deviceFor: (address) => (address.includes(':') ? undefined : 'eth0'),
        ipv6Available: () => false,
        devicesWithIpv4: () => ['eth0'],
        deviceWith: () => 'eth0',
        defaults: () => this.defaults,
        onChange: (changed) => {
          this.networkChanged = changed;
          return () => undefined;
        },
        onPolicyEvent: () => () => undefined,
        onOwnEvent: (changed) => {
          this.ownEvent = changed;
          return () => undefined;
        },
        onOwnRemoval: () => () => undefined,
      },
      deviceTrouble: async () => this.deviceTrouble,
      setMtu: async (device, mtu) => {
        if (this.mtuFails) throw new Error('EINVAL');
        this.did.push(`${device} mtu ${mtu}`);
      },
      routes: {
        missing: async () => this.missingRoutes,
        putBack: async () => 0,
        onDisturbed: () => () => undefined,
        apply: async (wanted) =>
          void this.did.push(
            wanted === undefined
              ? '-routes'
              : `+routes ${wanted.device} ${wanted.fakeRanges.join(' ')} ${wanted.exclude.join(' ')}`.trim(),
          ),
      },
      systemDns: {
        apply: async (wanted) => void this.did.push(wanted === undefined ? '-dns' : `+dns ${wanted.server}`),
        baseServers: async () => this.servers,
        baseOptions: async () => defaultResolverOptions,
        baseSearch: async () => [],
        onBaseChange: () => () => undefined,
      },
      flushCaches: async () => undefined,
      socketUid: () => 1000,
      hostsFile: { stamp: () => '', read: () => '' },
      store: new MemoryStateStore(),
      fakeIpKey: new Uint8Array(16),
      health: this.health,
      clock: systemClock,
      log: silentLogger,
    });
  }

  async end(): Promise<void> {
    await this.tunnel.machine.stop();
    await this.tunnel.dispose();
  }

  /** What a program that asks for this name is answered. */
  readonly ask = async (name: string): Promise<string> => {
    const token = this.engine().answers.size + 1;
    const message = encode({ type: 'query', id: 7, flags: 256, questions: [{ type: 'A', name }] });
    this.engine().ask(token, message);
    await eventually(() => expect(this.engine().answers.has(token)).toBe(true));
    const [answer] = decode(Buffer.from(this.engine().answers.get(token) ?? [])).answers ?? [];
    return answer?.type === 'A' ? answer.data : '';
  };
}

/** A ground of its own for each test of the file. */
export function tunnelGround(): TunnelGround {
  const ground = new TunnelGround();
  beforeEach(() => ground.begin());
  afterEach(() => ground.end());
  return ground;
}
