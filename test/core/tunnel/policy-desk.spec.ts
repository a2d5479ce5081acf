/** What windows see of nodes and groups, choose in them and have tested. */
import { beforeEach, describe, expect, test } from 'vitest';
import type { GroupConfig } from '../../../core/contract/config.ts';
import { proxyRowSchema } from '../../../core/contract/proxies.ts';
import type { ProxyConfig } from '../../../core/contract/proxy-config.ts';
import { ConfiguredPolicies } from '../../../core/outbound/configured-policies.ts';
import { LastingPolicies } from '../../../core/outbound/lasting-policies.ts';
import type { OutboundServices } from '../../../core/outbound/outbound-types.ts';
import { maxAsked, PolicyDesk } from '../../../core/tunnel/policy-desk.ts';
import { ManualClock, settle } from '../../support/manual-clock.ts';
import { LoopbackEgress, NamedAddresses } from '../outbound/doubles.ts';

const group = (name: string, members: string[], change: Partial<GroupConfig> = {}): GroupConfig => ({
  name,
  type: 'select',
  members,
  udp: true,
  hidden: false,
  ...change,
});
const test300 = {
  url: 'http://t.example/',
  interval: 300,
  timeout: 900,
  tolerance: 0,
  lazy: true,
  expectedStatus: '*',
};
const proxies: ProxyConfig[] = [
  { type: 'socks5', name: 'a', server: '127.0.0.1', port: 1, udp: true },
  { type: 'socks5', name: 'b', server: '127.0.0.1', port: 1, udp: false },
  { type: 'unspoken', name: 'ss', kind: 'ss' },
];

let clock: ManualClock;
let lasting: LastingPolicies;
let policies: ConfiguredPolicies;
let desk: PolicyDesk;
const use = (groups: GroupConfig[], nodes = proxies): void => {
  const services: OutboundServices = {
    egress: new LoopbackEgress(),
    resolver: new NamedAddresses({}),
    proxyServers: new NamedAddresses({}),
    isFake: () => false,
    isNear: () => false,
    clock,
    timeoutMs: 1000,
  };
  policies = new ConfiguredPolicies({ proxies: nodes, groups }, services, lasting);
  policies.takeOver();
};

beforeEach(() => {
  clock = new ManualClock();
  lasting = new LastingPolicies(clock);
  use([
    group('pick', ['a', 'ss', 'auto', 'DIRECT']),
    group('auto', ['a', 'b', 'ss'], { type: 'url-test', test: test300 }),
    group('none', ['ss'], { type: 'fallback' }),
    group('spread', ['a', 'b'], { type: 'load-balance', strategy: 'round-robin' }),
  ]);
  desk = new PolicyDesk({ policies: () => policies, lasting, clock });
});

const rowOf = (name: string) => desk.row(name) ?? expect.unreachable(name);

describe('rows', () => {
  test('each keeps to the contract, in the order of the configuration', () => {
    const rows = [...desk.rows()];
    for (const row of rows) expect(proxyRowSchema.safeParse(row).error).toBeUndefined();
    expect(rows.map(({ name }) => name).slice(6)).toEqual(['a', 'b', 'ss', 'pick', 'auto', 'none', 'spread', 'GLOBAL']);
    expect(rows.map(({ order }) => order)).toEqual(rows.map((_, i) => i));
  });

  test('of nodes', () => {
    expect(rowOf('a')).toMatchObject({ kind: 'socks5', way: 'proxied', udp: true, testing: false, delays: [] });
    expect(rowOf('ss')).toMatchObject({ kind: 'ss', way: 'rejected', refusal: { code: 'DIAL_NOT_SPOKEN' } });
    expect(rowOf('DIRECT')).toMatchObject({ kind: 'direct', way: 'direct' });
    expect(rowOf('PASS').refusal).toBeUndefined();
    expect(desk.row('nobody')).toBeUndefined();
  });

  test('of groups', () => {
    expect(rowOf('auto')).toMatchObject({
      kind: 'url-test',
      way: 'proxied',
      group: { members: ['a', 'b', 'ss'], now: 'a', leaf: 'a', chosen: null, selectable: true, test: test300 },
    });
    expect(rowOf('none')).toMatchObject({
      way: 'rejected',
      refusal: { code: 'DIAL_GROUP_EMPTY' },
      group: { now: null },
    });
    expect(rowOf('spread').group).toMatchObject({ now: null, leaf: null, selectable: false, strategy: 'round-robin' });
    desk.select({ group: 'pick', member: 'auto' });
    expect(rowOf('pick').group).toMatchObject({ now: 'auto', leaf: 'a', chosen: 'auto' });
  });
});

describe('choices', () => {
  test('a choice is told to who watches, with every group that it moves', () => {
    void policies.revision;
    const told: string[] = [];
    const unwatch = desk.watch((keys) => told.push(...keys));
    expect(desk.select({ group: 'pick', member: 'DIRECT' })).toEqual({ now: 'DIRECT' });
    expect(new Set(told)).toEqual(new Set(['pick']));
    told.length = 0;
    use([group('other', ['a'])]);
    expect(told).toContain('pick');
    expect(told).toContain('other');
    unwatch();
  });

  test.each([
    ['nobody', 'a', 'POLICY_UNKNOWN'],
    ['a', 'a', 'POLICY_UNKNOWN'],
    ['pick', 'b', 'POLICY_UNKNOWN'],
    ['spread', 'a', 'POLICY_NOT_CHOSEN'],
  ])('%s cannot be given %s', (name, member, code) => {
    expect(() => desk.select({ group: name, member })).toThrow(expect.objectContaining({ code }));
  });
});

describe('tests', () => {
  test('of a group, by its own address and time', async () => {
    expect(desk.test({ policy: 'auto' }, 1000)).toEqual({
      nodes: ['a', 'b'],
      test: { url: 'http://t.example/', expectedStatus: '*', timeout: 900 },
      startedAt: clock.now(),
    });
    await settle();
    expect(rowOf('a').testing).toBe(true);
    expect(desk.stopTests()).toBe(2);
    expect(rowOf('a')).toMatchObject({ testing: false, delays: [] });
    expect(desk.stopTests()).toBe(0);
  });

  test('of one node, by the usual address or that of a group; asked twice it is one test', () => {
    expect(desk.test({ policy: 'b' }, 1000).test).toMatchObject({ url: 'https://www.gstatic.com/generate_204' });
    expect(desk.test({ policy: 'b', group: 'auto' }, 1000)).toMatchObject({ nodes: ['b'], test: { timeout: 900 } });
    desk.test({ policy: 'b', group: 'auto' }, 1000);
    expect(desk.stopTests()).toBe(2);
  });

  test('of everything: each node by each group, and what cannot be dialled by none', () => {
    const { nodes, test: by } = desk.test({}, 1000);
    expect(by).toBeUndefined();
    expect(nodes.toSorted()).toEqual(['COMPATIBLE', 'DIRECT', 'a', 'b']);
    desk.stopTests();
    expect(() => desk.test({ policy: 'nobody' }, 1000)).toThrow(expect.objectContaining({ code: 'POLICY_UNKNOWN' }));
  });

  test('of many nodes in many groups no more than one user may have, each node at least once', () => {
    const nodes = Array.from(
      { length: 3_000 },
      (_, i): ProxyConfig => ({ type: 'socks5', name: `n${i}`, server: '127.0.0.1', port: 1 + i, udp: true }),
    );
    const members = nodes.map(({ name }) => name);
    const many = Array.from({ length: 8 }, (_, i) =>
      group(`g${i}`, members, { type: 'url-test', test: { ...test300, timeout: 1_000 + i } }),
    );
    use(many, nodes);
    const { nodes: begun } = desk.test({}, 1000);
    expect(new Set(begun).size).toBe(nodes.length + 2);
    // A second request has no room; another user has.
    expect(desk.test({ policy: 'g7' }, 1000).nodes).toEqual([]);
    expect(desk.test({ policy: 'n1', group: 'g7' }, 1001).nodes).toEqual(['n1']);
    expect(desk.stopTests()).toBe(maxAsked + 1);
    expect(desk.test({ policy: 'n1', group: 'g7' }, 1000).nodes).toEqual(['n1']);
  });

  test('a node that does not answer is dead by that test, and the group leaves it', async () => {
    desk.test({ policy: 'a', group: 'auto' }, 1000);
    await settle();
    await clock.advance(1000);
    await expect
      .poll(async () => {
        await clock.advance(100);
        return rowOf('a').delays[0]?.alive;
      })
      .toBe(false);
    expect(rowOf('auto').group?.now).toBe('b');
  });
});
