/** Policies that lead to one another by more ways than can be walked: what is asked of them comes to an end. */
import { afterEach, describe, expect, test } from 'vitest';
import type { GroupConfig, GroupType } from '../../../core/contract/config.ts';
import type { ProxyConfig } from '../../../core/contract/proxy-config.ts';
import { ConfiguredPolicies } from '../../../core/outbound/configured-policies.ts';
import { PolicyGroup } from '../../../core/outbound/groups/policy-group.ts';
import { LastingPolicies } from '../../../core/outbound/lasting-policies.ts';
import { maxPassed } from '../../../core/outbound/policy-walk.ts';
import { ManualClock } from '../../support/manual-clock.ts';
import { LoopbackEgress, NamedAddresses } from './doubles.ts';

const counted = (['candidates', 'isChain'] as const).map(
  (property) => [property, Object.getOwnPropertyDescriptor(PolicyGroup.prototype, property) ?? {}] as const,
);
const stopCounting = (): void => {
  for (const [property, getter] of counted) Object.defineProperty(PolicyGroup.prototype, property, getter);
};
afterEach(stopCounting);

const levels = 40;
const socks = (name: string, dialerProxy?: string): ProxyConfig => ({
  type: 'socks5',
  name,
  server: '192.0.2.1',
  port: 1080,
  udp: true,
  ...(dialerProxy === undefined ? {} : { dialerProxy }),
});
const group = (name: string, type: GroupType, members: string[]): GroupConfig => ({
  name,
  type,
  members,
  udp: true,
  hidden: false,
});

/** Two groups a level, each with both of the level below. */
function diamonds(type: GroupType, first: string, second: string): GroupConfig[] {
  return Array.from({ length: levels }, (_, level) => {
    const [one, other] = level === 0 ? [first, second] : [`R${level - 1}`, `S${level - 1}`];
    return [group(`R${level}`, type, [one, other]), group(`S${level}`, type, [other, one])];
  }).flat();
}

function tableOf(proxies: ProxyConfig[], groups: GroupConfig[]) {
  const lasting = new LastingPolicies(new ManualClock());
  const names = new NamedAddresses({});
  const services = {
    egress: new LoopbackEgress(),
    resolver: names,
    proxyServers: names,
    isFake: () => false,
    isNear: () => false,
    clock: lasting.clock,
    timeoutMs: 1000,
  };
  return { lasting, policies: new ConfiguredPolicies({ proxies, groups }, services, lasting) };
}

/** Ends what would not end: a group is asked for its candidates, or for itself, at each step through it. */
function countSteps(most: number): void {
  const steps = { taken: 0 };
  for (const [property, getter] of counted) {
    const count = function (this: PolicyGroup): unknown {
      steps.taken += 1;
      if (steps.taken > most) throw new Error(`more than ${most} steps`);
      return getter.get?.call(this);
    };
    Object.defineProperty(PolicyGroup.prototype, property, { get: count, configurable: true });
  }
}

function lookAtAll({ policies, lasting }: ReturnType<typeof tableOf>): void {
  expect([...policies.rows()].length).toBeGreaterThan(levels);
  for (const name of policies.names()) {
    policies.route(name);
    policies.nodesOf(name);
    policies.leavesNow(name);
  }
  policies.emptyGroups();
  const [node] = policies.nodesOf('a');
  if (node !== undefined) lasting.tests.suspect(node);
  expect(policies.route(`R${levels - 1}`)).toBeDefined();
}

describe('diamonds of 40 levels', () => {
  test('of chains of proxies are refused as too long, the short ones lead on', () => {
    const table = tableOf([socks('a'), socks('b')], diamonds('relay', 'a', 'b'));
    countSteps(100_000);
    lookAtAll(table);
    const outboundOf = (name: string) => table.policies.route(name)?.outbound;
    expect(outboundOf('R3')?.links).toHaveLength(16);
    for (const name of ['R4', 'S4', 'R39'])
      expect(outboundOf(name)?.refusal).toEqual({
        code: 'DIAL_CHAIN',
        message: `"${name}" leads through more than 16 proxies`,
      });
    expect(table.policies.route('R39')?.chain.length).toBeLessThan(100);
  });

  test('of chains that add no proxy are refused as well', () => {
    const table = tableOf([socks('a'), { type: 'direct', name: 'home' }], diamonds('relay', 'DIRECT', 'home'));
    countSteps(levels * 50 * maxPassed);
    lookAtAll(table);
    expect(table.policies.route('R5')?.outbound.way).toBe('direct');
    expect(table.policies.route('R39')).toMatchObject({
      outbound: { refusal: { code: 'DIAL_CHAIN', message: `"R39" leads through more than ${maxPassed} policies` } },
    });
    expect(table.policies.route('R39')?.chain.length).toBeLessThanOrEqual(2 * maxPassed);
  });

  test.each(['DIAL_NOT_SPOKEN', 'DIAL_REJECTED'])('of chains that refuse are refused at the first (%s)', (code) => {
    const spoken: ProxyConfig = { type: 'unspoken', name: 'no', kind: 'ss' };
    const first = code === 'DIAL_NOT_SPOKEN' ? 'no' : 'PASS';
    const table = tableOf([socks('a'), spoken], diamonds('relay', first, 'a'));
    countSteps(100_000);
    lookAtAll(table);
    expect(table.policies.route('R39')?.outbound.refusal?.code).toBe(code);
    expect(table.policies.route('R39')?.chain.slice(0, 2)).toEqual([first, 'R0']);
  });

  test.each(['select', 'url-test', 'fallback', 'load-balance'] as const)('of %s lead to a node', (type) => {
    for (const [first, second] of [
      ['a', 'b'],
      ['no', 'never'],
    ] as const) {
      const unspoken = ['no', 'never'].map((name): ProxyConfig => ({ type: 'unspoken', name, kind: 'ss' }));
      const table = tableOf([socks('a'), socks('b'), ...unspoken], diamonds(type, first, second));
      countSteps(200_000);
      lookAtAll(table);
      stopCounting();
      expect(table.policies.route('R39')?.chain).toHaveLength(type === 'select' || first === 'a' ? 41 : 1);
    }
  });

  test('of nodes that are reached through groups of such nodes are refused', () => {
    const nodes = Array.from({ length: levels }, (_, level) =>
      ['a', 'b'].map((side) => socks(`${side}${level}`, level === 0 ? undefined : `R${level - 1}`)),
    ).flat();
    const groups = Array.from({ length: levels }, (_, level) =>
      group(`R${level}`, 'relay', [`a${level}`, `b${level}`]),
    );
    const table = tableOf([socks('a'), ...nodes], groups);
    countSteps(200_000);
    lookAtAll(table);
    expect(table.policies.route('R2')?.outbound.links).toHaveLength(14);
    expect(table.policies.route('R3')?.outbound.refusal?.code).toBe('DIAL_CHAIN');
  });
});

test('a long row of nodes, each reached through the next, is walked no further than a chain may be', () => {
  const count = 5_000;
  const nodes = Array.from({ length: count }, (_, i) => socks(`n${i}`, i + 1 < count ? `n${i + 1}` : undefined));
  const { policies } = tableOf(nodes, []);
  expect(policies.route('n0')?.chain.length).toBeLessThan(20);
  expect(policies.route('n0')?.outbound.refusal?.code).toBe('DIAL_CHAIN');
  expect(policies.route(`n${count - 16}`)?.outbound.links).toHaveLength(16);
});

test('as many groups within one another as there may be lead on', () => {
  const groups = Array.from({ length: 1_000 }, (_, i) => group(`g${i}`, 'select', [i === 0 ? 'a' : `g${i - 1}`]));
  const { policies } = tableOf([socks('a')], groups);
  expect(policies.route('g999')?.chain).toHaveLength(1_001);
  expect(policies.route('g999')?.outbound.tag).toBe('a');
});
