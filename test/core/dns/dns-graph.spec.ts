/** The whole DNS side as the helper wires it, with a real upstream on the loopback. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { AppError } from '../../../core/base/app-error.ts';
import { silentLogger } from '../../../core/base/logger.ts';
import { defaultConfig } from '../../../core/contract/config.ts';
import type { DnsConfig } from '../../../core/contract/dns-config.ts';
import { DnsGraph, type DnsGraphOptions } from '../../../core/dns/dns-graph.ts';
import { LastingDns } from '../../../core/dns/lasting-dns.ts';
import { AddressMemory } from '../../../core/dns/names/address-memory.ts';
import { MissingNames } from '../../../core/dns/names/missing-names.ts';
import { SearchList } from '../../../core/dns/names/search-list.ts';
import { DnsLog } from '../../../core/dns/server/dns-log.ts';
import { DnsServer } from '../../../core/dns/server/dns-server.ts';
import { decodeMessage } from '../../../core/net/dns-decoder.ts';
import { encodeMessage } from '../../../core/net/dns-encoder.ts';
import { queryFor, responseTo } from '../../../core/net/dns-message.ts';
import { defaultResolverOptions } from '../../../core/net/resolver-options.ts';
import { SocketStream } from '../../../core/net/socket-stream.ts';
import type { StreamDialer } from '../../../core/outbound/dialer.ts';
import { MemoryStateStore } from '../../../core/state/memory-state-store.ts';
import { ManualClock } from '../../support/manual-clock.ts';
import { makePool } from './fake-ip/pool-fixture.ts';
import { answerOne } from './router/dns-batch-fixture.ts';
import { answerWith, FakeUpstream, LoopbackOpener, record } from './upstream/fake-upstream.ts';
import { type Asked, answerTo, framed, StreamUpstream } from './upstream/stream-upstream.ts';

const never = new AbortController().signal;
let upstream: FakeUpstream;

beforeEach(async () => {
  upstream = await FakeUpstream.start(answerWith(record('nas.lan', 'A', '192.168.1.2', 30)));
});
afterEach(async () => await upstream.stop());

const everythingFar: DnsGraphOptions['policies'] = {
  of: () => ({ surelyDirect: false, way: 'proxied', tag: 'far', named: false, mayTake: (tag) => tag === 'far' }),
  revision: 0,
};

function make(
  change: Partial<DnsConfig> = {},
  baseServers: () => Promise<string[]> = async () => await Promise.resolve([]),
  route: DnsGraphOptions['route'] = () => 'direct',
  lasting = new LastingDns(),
  policies: DnsGraphOptions['policies'] = everythingFar,
) {
  const pool = makePool(new MemoryStateStore());
  const clock = new ManualClock();
  const graph = new DnsGraph({
    fake6: undefined,
    systemHosts: undefined,
    searchList: new SearchList(async () => await Promise.resolve({ domains: [], ndots: 1 }), silentLogger),
    policies,
    onPublicSearchDomain: () => undefined,
    config: {
      ...defaultConfig.dns,
      nameserver: [{ kind: 'udp', address: '127.0.0.1', port: upstream.port }],
      ...change,
    },
    lasting,
    outboundTexts: new Map(),
    pool,
    opener: new LoopbackOpener(),
    base: async () => ({ servers: await baseServers(), options: defaultResolverOptions }),
    outbound: () => undefined,
    route,
    ownNames: [],
    missing: new MissingNames(clock),
    memory: new AddressMemory(clock),
    ipv6: () => false,
    onForged: () => undefined,
    clock,
    logger: silentLogger,
  });
  const log = new DnsLog();
  const server = new DnsServer({ router: graph.router, log, clock, logger: silentLogger });
  const ask = async (name: string, type: string) => {
    const bytes = await answerOne(server, encodeMessage(queryFor(1, name, type, undefined)));
    const decoded = decodeMessage(bytes ?? new Uint8Array());
    return decoded.ok ? decoded.message : undefined;
  };
  return { pool, graph, lasting, log, ask };
}

test('fake names stay here, real ones are asked once and remembered until the network changes', async () => {
  const { pool, graph, log, ask } = make();
  expect((await ask('example.com', 'A'))?.answers).toMatchObject([{ data: pool.find('example.com')?.address, ttl: 1 }]);
  expect(upstream.received).toEqual([]);
  for (let i = 0; i < 2; i++) expect((await ask('nas.lan', 'A'))?.answers).toMatchObject([{ data: '192.168.1.2' }]);
  expect(await graph.addresses.resolve('nas.lan', never)).toEqual(['192.168.1.2']);
  expect(upstream.received).toHaveLength(1);
  expect(log.rows().map(({ verdict }) => verdict)).toEqual(['fake', 'real', 'cache']);
  graph.reset();
  await ask('nas.lan', 'A');
  expect(upstream.received).toHaveLength(2);
});

test('answers of unchanged servers outlive the graph; those in which rules have a say do not', async () => {
  upstream.behaviour = ({ query }) => {
    const [asked] = query.questions;
    return [{ ...responseTo(query, 'NOERROR'), answers: [record(asked?.name ?? '', 'A', '192.0.2.1', 300)] }];
  };
  const lasting = new LastingDns();
  const direct: DnsGraphOptions['policies'] = {
    of: () => ({ surelyDirect: true, way: 'direct', tag: 'DIRECT', named: false, mayTake: (tag) => tag === 'DIRECT' }),
    revision: 0,
  };
  const graphOf = (change: Partial<DnsConfig>, policies = everythingFar) =>
    make(change, undefined, undefined, lasting, policies).graph;
  const resolve = async (graph: DnsGraph, ...names: string[]): Promise<number> => {
    graph.takeOver();
    const before = upstream.received.length;
    for (const name of names) await graph.matching.resolve(name, never);
    return upstream.received.length - before;
  };
  expect(await resolve(graphOf({}), 'web.example', 'nas.lan')).toBe(2);
  // Other rules, and what has nothing to do with servers.
  expect(await resolve(graphOf({ blockDoh: true, fakeIpTtl: 9 }, direct), 'web.example')).toBe(0);
  expect(await resolve(graphOf({}), 'nas.lan')).toBe(1);
  // Other servers, and a graph that was only tried in between.
  const { size } = lasting;
  graphOf({ nameserver: [{ kind: 'rcode', rcode: 'REFUSED' }] });
  expect(lasting.size).toBe(size);
  expect(await resolve(graphOf({}), 'web.example')).toBe(0);
  const another = { kind: 'udp', address: '127.0.0.1', port: upstream.port, ecs: '192.0.2.0/24' } as const;
  expect(await resolve(graphOf({ nameserver: [another] }), 'web.example')).toBe(1);
  expect(await resolve(graphOf({}), 'web.example')).toBe(1);
  // A server that is a name may be another one now.
  expect(await resolve(graphOf({ hosts: { 'ns.example': ['192.0.2.53'] } }), 'web.example')).toBe(1);
  // The way to a server is up to the rules, which are others in another graph.
  const ruled: Partial<DnsConfig> = { directNameserver: [{ ...another, byRules: true }] };
  for (let time = 0; time < 2; time++) {
    const before = upstream.received.length;
    const graph = graphOf(ruled);
    graph.takeOver();
    await graph.addresses.resolve('direct.example', never);
    expect(upstream.received.length - before).toBe(1);
  }
});

test('a chosen mode counts at once, and costs no answer', async () => {
  const { graph, lasting, ask } = make({ nameserver: [{ kind: 'udp', address: '127.0.0.1', port: upstream.port }] });
  await ask('nas.lan', 'A');
  expect(await ask('nas.lan', 'A')).toMatchObject({ answers: [{ ttl: 30 }] });
  expect(graph.router.isPlainFake('web.example')).toBe(true);
  const { generation } = graph.router;
  lasting.chooseMode('redir-host');
  expect(graph.router.isPlainFake('web.example')).toBe(false);
  expect(graph.router.generation).toBeGreaterThan(generation);
  expect(await ask('nas.lan', 'A')).toMatchObject({ answers: [{ ttl: 1 }] });
  expect(upstream.received).toHaveLength(1);
});

test('after a change of the network servers are connected to anew, also for what is asked already', async () => {
  const server = await StreamUpstream.start();
  const answer = (asked: Asked): void =>
    void asked.socket.write(framed(answerTo(asked, { answers: [record('nas.lan', 'A', '192.168.1.2', 30)] })));
  server.behaviour = answer;
  const { graph, ask } = make({ nameserver: [{ kind: 'tcp', host: '127.0.0.1', port: server.port }] });
  await ask('nas.lan', 'A');
  server.behaviour = (asked) => (asked.connection === 0 ? undefined : answer(asked));
  graph.flush();
  const asking = ask('nas.lan', 'A');
  await server.questions(2);
  graph.reset();
  expect((await asking)?.answers).toMatchObject([{ data: '192.168.1.2' }]);
  expect(server.received.map(({ connection }) => connection)).toEqual([0, 0, 1]);
  await server.stop();
});

test('a name that has a fake address has a real one too, for rules and direct dials', async () => {
  const { ask, graph } = make();
  await ask('example.com', 'A');
  upstream.behaviour = answerWith(record('example.com', 'A', '192.0.2.80'));
  expect(await graph.addresses.resolve('example.com', never)).toEqual(['192.0.2.80']);
});

test('two upstreams: one that is dead costs nothing', async () => {
  const { ask } = make({
    nameserver: [
      { kind: 'udp', address: '127.0.0.1', port: 1 },
      { kind: 'udp', address: '127.0.0.1', port: upstream.port },
    ],
  });
  expect((await ask('nas.lan', 'A'))?.rcode).toBe('NOERROR');
});

test('the system has no servers: SERVFAIL, and fake names go on', async () => {
  const { ask } = make({ nameserver: [{ kind: 'system' }] });
  expect((await ask('nas.lan', 'A'))?.rcode).toBe('SERVFAIL');
  expect((await ask('example.com', 'A'))?.rcode).toBe('NOERROR');
});

test('a nameserver that is an answer code: a denial has an SOA, so that it can be remembered', async () => {
  for (const rcode of ['NOERROR', 'NXDOMAIN', 'REFUSED'] as const) {
    const { ask } = make({ nameserver: [{ kind: 'rcode', rcode }] });
    const authorities = rcode === 'REFUSED' ? [] : [{ name: 'lan', type: 'SOA', ttl: 5 }];
    expect(await ask('nas.lan', 'A')).toMatchObject({ rcode, answers: [], authorities });
  }
});

test('what the policy answers with a code is answered so, in fake-ip mode too', async () => {
  const { ask, pool } = make({
    nameserverPolicy: [
      { patterns: ['good.ads.example'], servers: [{ kind: 'udp', address: '127.0.0.1', port: upstream.port }] },
      { patterns: ['+.ads.example'], servers: [{ kind: 'rcode', rcode: 'NXDOMAIN' }] },
    ],
  });
  for (const type of ['A', 'AAAA', 'HTTPS'])
    expect(await ask('www.ads.example', type), type).toMatchObject({
      rcode: 'NXDOMAIN',
      authorities: [{ type: 'SOA' }],
    });
  expect([pool.used, upstream.received.length]).toEqual([0, 0]);
  expect((await ask('good.ads.example', 'A'))?.answers).toMatchObject([
    { data: pool.find('good.ads.example')?.address },
  ]);
});

test('the name of a server of ours is looked up though it is a special one', async () => {
  upstream.behaviour = answerWith(record('dot.test', 'A', '192.0.2.7'));
  const { graph } = make({ directNameserver: [{ kind: 'tls', host: 'dot.test', port: 853 }] });
  expect(await graph.proxyServers.resolve('dot.test', never)).toEqual(['192.0.2.7']);
  await expect(graph.proxyServers.resolve('other.test', never)).rejects.toMatchObject({ code: 'DIAL_NAME_NOT_FOUND' });
  expect(upstream.received).toHaveLength(1);
});

test('hosts and filter of the configuration are in force', async () => {
  const { ask, pool } = make({
    hosts: { 'fixed.example': ['192.0.2.9'] },
    fakeIpFilter: { mode: 'blacklist', patterns: ['+.real.example'] },
    fakeIpTtl: 7,
  });
  expect((await ask('fixed.example', 'A'))?.answers).toMatchObject([{ data: '192.0.2.9', ttl: 7 }]);
  await ask('www.real.example', 'A');
  expect(pool.used).toBe(0);
  expect(upstream.received).toHaveLength(1);
});

describe('a nameserver that is asked by the rules', () => {
  const byRules = (): Partial<DnsConfig> => ({
    nameserver: [{ kind: 'udp', address: '127.0.0.1', port: upstream.port, byRules: true }],
  });
  const proxied: StreamDialer = {
    dialStream: async (to) => new SocketStream(await new LoopbackOpener().connectTcp([to.host], to.port)),
  };

  test.each<[string, DnsGraphOptions['route'], 'udp' | 'tcp' | undefined]>([
    ['DIRECT: by UDP as ever', () => 'direct', 'udp'],
    ['a proxy: by TCP through it', () => proxied, 'tcp'],
    [
      'REJECT: not at all',
      () => {
        throw new AppError('DNS_NO_UPSTREAM', 'the rules refuse it');
      },
      undefined,
    ],
  ])('%s', async (_, route, network) => {
    const asked: unknown[] = [];
    const { ask, graph } = make(byRules(), undefined, (...to) => {
      asked.push(to);
      return route(...to);
    });
    const answer = await ask('nas.lan', 'A');
    expect(answer?.rcode).toBe(network === undefined ? 'SERVFAIL' : 'NOERROR');
    expect(upstream.received.map((one) => one.network)).toEqual(network === undefined ? [] : [network]);
    expect(asked).toEqual([[{ host: '127.0.0.1', port: upstream.port }, 'udp']]);
    // The name of a proxy cannot be asked for through that proxy.
    upstream.behaviour = answerWith(record('proxy.example', 'A', '192.0.2.9'));
    expect(await graph.proxyServers.resolve('proxy.example', never)).toEqual(['192.0.2.9']);
    expect(upstream.received.at(-1)?.network).toBe('udp');
    const { nameserver = [] } = byRules();
    const own = make({ proxyServerNameserver: nameserver }, undefined, route).graph;
    expect(await own.proxyServers.resolve('proxy.example', never)).toEqual(['192.0.2.9']);
    expect(upstream.received.at(-1)?.network).toBe('udp');
    expect(asked).toHaveLength(1);
  });
});
