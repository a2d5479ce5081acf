/** A policy whose choice changes while everything else stays: what was concluded from the former choice holds no longer. */
import fc from 'fast-check';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { silentLogger } from '../../../core/base/logger.ts';
import { defaultConfig } from '../../../core/contract/config.ts';
import type { DnsConfig } from '../../../core/contract/dns-config.ts';
import { DnsGraph } from '../../../core/dns/dns-graph.ts';
import { LastingDns } from '../../../core/dns/lasting-dns.ts';
import { AddressMemory } from '../../../core/dns/names/address-memory.ts';
import { MissingNames } from '../../../core/dns/names/missing-names.ts';
import { SearchList } from '../../../core/dns/names/search-list.ts';
import { denialSoa } from '../../../core/dns/resolver/soa.ts';
import { DnsLog } from '../../../core/dns/server/dns-log.ts';
import { DnsServer } from '../../../core/dns/server/dns-server.ts';
import { encodeMessage } from '../../../core/net/dns-encoder.ts';
import { queryFor, responseTo } from '../../../core/net/dns-message.ts';
import { defaultResolverOptions } from '../../../core/net/resolver-options.ts';
import { SocketStream } from '../../../core/net/socket-stream.ts';
import type { Outbound } from '../../../core/outbound/dialer.ts';
import type { PolicyTable } from '../../../core/outbound/policy-table.ts';
import { RuleEngine } from '../../../core/rule/rule-engine.ts';
import { MemoryStateStore } from '../../../core/state/memory-state-store.ts';
import { RuledNames } from '../../../core/tunnel/ruled-names.ts';
import { RulesByMode } from '../../../core/tunnel/rules-by-mode.ts';
import { ManualClock, settle } from '../../support/manual-clock.ts';
import { makePool } from '../dns/fake-ip/pool-fixture.ts';
import { answerOne } from '../dns/router/dns-batch-fixture.ts';
import { FakeUpstream, LoopbackOpener, record } from '../dns/upstream/fake-upstream.ts';
import { answerTo, framed, StreamUpstream } from '../dns/upstream/stream-upstream.ts';
import { FakeOutbound, policyOf, rule, Stage } from './stage.ts';

/** `pick` leads to one of the outbounds, as a group does. */
class Choice implements PolicyTable {
  revision = 0;
  readonly #outbounds: readonly Outbound[];
  #chosen: Outbound | undefined;

  constructor(...outbounds: readonly Outbound[]) {
    this.#outbounds = outbounds;
    this.#chosen = outbounds[0];
  }

  choose(tag: string): void {
    this.#chosen = this.#outbounds.find((outbound) => outbound.tag === tag);
    this.revision += 1;
  }

  route(policy: string) {
    const isGroup = policy === 'pick';
    const outbound = isGroup ? this.#chosen : this.#outbounds.find(({ tag }) => tag === policy);
    return outbound && { outbound, chain: isGroup ? [outbound.tag, policy] : [policy] };
  }

  dialFailed(): void {
    // Nothing here is tested.
  }

  leavesNow(policy: string): readonly Outbound[] {
    const outbound = this.route(policy)?.outbound;
    return outbound === undefined ? [] : [outbound];
  }

  leavesOf(policy: string): readonly Outbound[] {
    if (policy === 'pick') return this.#outbounds;
    return this.#outbounds.filter(({ tag }) => tag === policy);
  }

  names(): string[] {
    return ['pick', ...this.#outbounds.map(({ tag }) => tag)];
  }
}

const never = new AbortController().signal;
const rejecting = (): FakeOutbound =>
  Object.assign(new FakeOutbound('REJECT'), { way: 'rejected', resolvesAt: 'here' });

let upstream: FakeUpstream;
let streams: StreamUpstream;
beforeEach(async () => {
  upstream = await FakeUpstream.start(({ query }) => [
    { ...responseTo(query, 'NXDOMAIN'), authorities: [denialSoa('gone.example')] },
  ]);
  streams = await StreamUpstream.start();
});
afterEach(async () => {
  await upstream.stop();
  await streams.stop();
});

function dnsBy(policies: PolicyTable, change: Partial<DnsConfig> = {}) {
  const clock = new ManualClock();
  const list = new RuleEngine([rule('DOMAIN-SUFFIX', 'fixed.example', 'far'), rule('MATCH', '', 'pick')]);
  const rules = new RulesByMode(list, { current: 'rule', revision: 0 });
  const missing = new MissingNames(clock);
  const graph = new DnsGraph({
    fake6: undefined,
    systemHosts: undefined,
    searchList: new SearchList(async () => await Promise.resolve({ domains: [], ndots: 1 }), silentLogger),
    policies: new RuledNames(rules, () => policies),
    onPublicSearchDomain: () => undefined,
    config: {
      ...defaultConfig.dns,
      nameserver: [{ kind: 'udp', address: '127.0.0.1', port: upstream.port }],
      remoteNameserver: [],
      ...change,
    },
    lasting: new LastingDns(),
    outboundTexts: new Map(),
    pool: makePool(new MemoryStateStore()),
    opener: new LoopbackOpener(),
    base: async () => await Promise.resolve({ servers: [], options: defaultResolverOptions }),
    outbound: (policy) => policies.route(policy)?.outbound,
    route: () => 'direct',
    ownNames: [],
    missing,
    memory: new AddressMemory(clock),
    ipv6: () => false,
    onForged: () => undefined,
    clock,
    logger: silentLogger,
  });
  /** A server that has never been asked anything. */
  const server = () => {
    const log = new DnsLog();
    const answering = new DnsServer({ router: graph.router, log, clock, logger: silentLogger });
    return async (name: string, type = 'A') => {
      await answerOne(answering, encodeMessage(queryFor(1, name, type, undefined)));
      return log.rows().at(-1)?.verdict;
    };
  };
  return { graph, missing, server };
}

test('a name that the fast path knows is decided anew', async () => {
  const table = new Choice(new FakeOutbound('far'), new FakeOutbound('DIRECT'));
  const ask = dnsBy(table).server();
  expect([await ask('gone.example'), await ask('gone.example')]).toEqual(['fake', 'fake']);
  table.choose('DIRECT');
  expect(await ask('gone.example')).toBe('absent');
  table.choose('far');
  expect(await ask('gone.example')).toBe('fake');
});

test('what was asked before the last choice makes no difference', async () => {
  const names = ['gone.example', 'other.example', 'www.fixed.example'];
  const step = fc.record({
    choice: fc.constantFrom('far', 'DIRECT', 'REJECT', undefined),
    name: fc.constantFrom(...names),
    type: fc.constantFrom('A', 'AAAA', 'HTTPS', 'TXT'),
  });
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 2, maxLength: 8 }), async (steps) => {
      const table = new Choice(new FakeOutbound('far'), new FakeOutbound('DIRECT'), rejecting());
      const ask = dnsBy(table).server();
      let verdict: string | undefined;
      for (const { choice, name, type } of steps) {
        if (choice !== undefined) table.choose(choice);
        verdict = await ask(name, type);
      }
      const last = steps.at(-1);
      if (last === undefined) return;
      const fresh = await dnsBy(table).server()(last.name, last.type);
      // What an earlier question has brought is remembered; that is no verdict.
      expect(verdict === 'cache' ? 'real' : verdict).toBe(fresh);
    }),
    { numRuns: 12 },
  );
});

test('a name that one proxy denied is open again when another is chosen', async () => {
  const table = new Choice(new FakeOutbound('far'), new FakeOutbound('near'));
  const { missing, server } = dnsBy(table);
  const ask = server();
  const denial = responseTo(queryFor(0, 'gone.example', 'A', undefined), 'NXDOMAIN');
  missing.add('gone.example', { ...denial, authorities: [denialSoa('gone.example')] }, 'far server', 'far');
  expect(await ask('gone.example')).toBe('absent');
  table.choose('near');
  expect(await ask('gone.example')).toBe('fake');
});

test('a nameserver behind a policy is asked through the new choice, not by the old connection', async () => {
  streams.behaviour = (asked) =>
    void asked.socket.write(
      framed(answerTo(asked, { answers: [record(asked.query.questions[0]?.name ?? '', 'A', '192.0.2.1', 30)] })),
    );
  const dialled: string[] = [];
  const through = (tag: string): FakeOutbound => {
    const outbound = new FakeOutbound(tag);
    outbound.dialled = async () => {
      dialled.push(tag);
      return new SocketStream(await new LoopbackOpener().connectTcp(['127.0.0.1'], streams.port));
    };
    return outbound;
  };
  const table = new Choice(through('far'), through('near'));
  const nameserver = [{ kind: 'tcp', host: '192.0.2.53', port: 53, via: 'pick' }] as const;
  const { matching } = dnsBy(table, { nameserver: [...nameserver] }).graph;
  await matching.resolve('a.example', never);
  await matching.resolve('b.example', never);
  table.choose('near');
  await matching.resolve('c.example', never);
  table.choose('far');
  await matching.resolve('d.example', never);
  expect(dialled).toEqual(['far', 'near']);
  expect(streams.received.map(({ connection }) => connection)).toEqual([0, 0, 1, 0]);
});

test('the next flow goes by the new choice; one that is open stays', async () => {
  const table = new Choice(new FakeOutbound('far'), new FakeOutbound('near'));
  const stage = new Stage(() => ({ ...policyOf([rule('MATCH', '', 'pick')], []), policies: table }));
  const connect = async (): Promise<void> => {
    stage.engine.open('198.18.3.1', 443);
    await settle();
  };
  await connect();
  table.choose('near');
  await connect();
  expect(['1', '2'].map((id) => stage.row(id).chain)).toEqual([
    ['far', 'pick'],
    ['near', 'pick'],
  ]);
});
