/** A router with a pool, a table of servers and a network of its own: what its tests stand on. */
import { beforeEach, expect } from 'vitest';
import { createLogger } from '../../../../core/base/logger.ts';
import type { FakeIpPool } from '../../../../core/dns/fake-ip/fake-ip-pool.ts';
import { AddressMemory } from '../../../../core/dns/names/address-memory.ts';
import { FakeIpFilter } from '../../../../core/dns/names/filter.ts';
import { HostTable } from '../../../../core/dns/names/hosts.ts';
import { MissingNames } from '../../../../core/dns/names/missing-names.ts';
import { NetworkNames } from '../../../../core/dns/names/network-names.ts';
import { hasPrivateAddress } from '../../../../core/dns/names/private-address.ts';
import { DnsRouter, type DnsRouterOptions } from '../../../../core/dns/router/dns-router.ts';
import type { NamePolicy } from '../../../../core/dns/router/name-ways.ts';
import { type DnsMessage, queryFor } from '../../../../core/net/dns-message.ts';
import { MemoryStateStore } from '../../../../core/state/memory-state-store.ts';
import { ManualClock } from '../../../support/manual-clock.ts';
import { makePool } from '../fake-ip/pool-fixture.ts';
import { TableResolver } from '../resolver/scripted-resolver.ts';
import { record } from '../upstream/fake-upstream.ts';

export const never = new AbortController().signal;
export const client = '192.168.1.7';
export const soa = [expect.objectContaining({ type: 'SOA', ttl: 5 })];
export const redirHost = { current: 'redir-host', revision: 0 } as const;

export class RouterGround {
  declare pool: FakeIpPool;
  declare upstream: TableResolver;
  lines: string[] = [];
  declare router: DnsRouter;
  declare clock: ManualClock;
  declare missing: MissingNames;
  /** Asked through the outbound `far`. */
  declare remote: TableResolver;
  declare memory: AddressMemory;
  /** Names that go DIRECT for sure. */
  direct = new Set<string>();

  begin(): void {
    this.pool = makePool(new MemoryStateStore(), { range: '198.18.0.0/16' });
    this.upstream = new TableResolver({
      'TXT example.com': [record('example.com', 'TXT', [Buffer.from('hello')])],
      'A captive.apple.com': [record('captive.apple.com', 'A', '192.0.2.17', 120)],
      'HTTPS captive.apple.com': [record('captive.apple.com', 'HTTPS', Buffer.from([0, 1, 0]))],
      'A broken.lan': 'throw',
      'A lame.lan': 'SERVFAIL',
      'A nas.lan': [record('nas.lan', 'A', '192.168.1.2')],
      'NS ': [record('.', 'NS', 'a.root-servers.net')],
      'A nas.home.example': [record('nas.home.example', 'A', '192.168.1.3')],
      'A here.example': [record('here.example', 'A', '192.0.2.80')],
      'A six.example': 'NOERROR',
      'AAAA six.example': [record('six.example', 'AAAA', '2001:db8::80')],
      'A mail.example': 'NOERROR',
      'AAAA mail.example': 'NOERROR',
      'A ill.example': 'SERVFAIL',
      'AAAA ill.example': 'SERVFAIL',
      'A lame.example': 'REFUSED',
      'AAAA lame.example': 'NOERROR',
      'A only6.example': 'REFUSED',
      'AAAA only6.example': [record('only6.example', 'AAAA', '2001:db8::80')],
      'A deaf.example': 'throw',
    });
    this.lines = [];
    this.clock = new ManualClock();
    this.missing = new MissingNames(this.clock);
    this.remote = new TableResolver({
      'A found.example': [record('found.example', 'A', '192.0.2.81')],
      'A unwell.example': 'throw',
    });
    this.memory = new AddressMemory(this.clock);
    this.direct = new Set();
    this.router = this.make();
  }

  /** `direct` names go DIRECT, `named` ones to the outbound `far` by a rule about them, as all others do by MATCH. */
  readonly policyOf = (name: string): NamePolicy => {
    const surelyDirect = this.direct.has(name);
    const way = surelyDirect ? 'direct' : name.endsWith('rejected.example') ? 'rejected' : 'proxied';
    const tag = surelyDirect ? 'DIRECT' : name.endsWith('.dumb.example') ? 'dumb' : 'far';
    return { surelyDirect, way, tag, named: name.startsWith('named.'), mayTake: (other) => other === tag };
  };

  readonly networkOf = (
    domains: string[],
    isPublic: (domain: string) => boolean | undefined = () => false,
    ndots = 1,
  ): NetworkNames =>
    new NetworkNames({
      searchList: { domains, ndots, revision: 0 },
      policyRevision: () => 0,
      ruling: (name) => (this.policyOf(name).named ? (this.direct.has(name) ? 'direct' : 'proxied') : undefined),
      isDirect: (name) => this.direct.has(name),
      isPublic: async (domain) => await Promise.resolve(isPublic(domain)),
      hasPrivateAddress: (name, signal) => hasPrivateAddress(this.upstream, name, signal),
      onPublic: () => undefined,
      clock: this.clock,
    });

  readonly make = (change: Partial<DnsRouterOptions> = {}): DnsRouter =>
    new DnsRouter({
      pool: this.pool,
      fake6: undefined,
      hosts: new HostTable({
        'static.example': ['192.0.2.1', '192.0.2.2', '2001:db8::1'],
        'four.example': '192.0.2.4',
        'alias.example': 'target.example',
        'local-alias.example': 'nas.lan',
        'deep.example': 'four.example',
      }),
      filter: new FakeIpFilter({ mode: 'blacklist', patterns: [] }),
      network: this.networkOf(['home.example']),
      resolver: this.upstream,
      directResolver: this.upstream,
      mode: { current: 'fake-ip', revision: 0 },
      truthful: true,
      policies: { of: this.policyOf, revision: 0 },
      hasServers: (name) => name.endsWith('.policy.test'),
      answersByCode: (name) => name === 'coded.example',
      missing: this.missing,
      remote: (tag) => (tag === 'far' ? this.remote : undefined),
      memory: this.memory,
      blockDoh: false,
      ipv6: true,
      ttl: 1,
      clock: this.clock,
      logger: createLogger((line) => this.lines.push(`${line.component}: ${line.text}`), {
        component: 'test',
        enabled: () => true,
        now: () => this.clock.now(),
      }),
      ...change,
    });

  readonly ask = async (name: string, type: string, change: Partial<DnsMessage> = {}) =>
    await this.router.answer({ ...queryFor(77, name, type, undefined), ...change }, client, never);
}

/** A ground of its own for each test of the file. */
export function routerGround(): RouterGround {
  const ground = new RouterGround();
  beforeEach(() => ground.begin());
  return ground;
}
