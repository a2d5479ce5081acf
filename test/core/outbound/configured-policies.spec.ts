import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Config, GroupConfig } from '../../../core/contract/config.ts';
import type { ProxyConfig } from '../../../core/contract/proxy-config.ts';
import { ConfiguredPolicies } from '../../../core/outbound/configured-policies.ts';
import { LastingPolicies } from '../../../core/outbound/lasting-policies.ts';
import { serversOf } from '../../../core/outbound/outbound-types.ts';
import { ManualClock } from '../../support/manual-clock.ts';
import { LoopbackEgress, NamedAddresses } from './doubles.ts';

const table = (...proxies: ProxyConfig[]): ConfiguredPolicies => tableOf({ proxies, groups: [] });

const tableOf = (
  config: Pick<Config, 'proxies' | 'groups'>,
  lasting = new LastingPolicies(new ManualClock()),
): ConfiguredPolicies =>
  new ConfiguredPolicies(
    config,
    {
      egress: new LoopbackEgress(),
      resolver: new NamedAddresses({}),
      proxyServers: new NamedAddresses({}),
      isFake: () => false,
      isNear: () => false,
      clock: new ManualClock(),
      timeoutMs: 1000,
    },
    lasting,
  );
const socks = (name: string, server: string): ProxyConfig => ({
  type: 'socks5',
  name,
  server,
  port: 1080,
  udp: false,
});

test('the built-in outbounds are always there', () => {
  expect(table().names()).toEqual(['DIRECT', 'REJECT', 'REJECT-DROP', 'PASS', 'PASS-RULE', 'COMPATIBLE', 'GLOBAL']);
  expect(table().route('DIRECT')?.outbound.way).toBe('direct');
});

test('configured ones by name', async () => {
  const policies = table(
    socks('far', '192.0.2.1'),
    { type: 'direct', name: 'home' },
    { type: 'reject', name: 'no', drop: true },
  );
  expect(policies.names().slice(6)).toEqual(['far', 'home', 'no', 'GLOBAL']);
  expect(policies.route('far')).toMatchObject({
    outbound: { way: 'proxied', resolvesAt: 'there', carriesUdp: false },
    chain: ['far'],
  });
  const drop = policies.route('no')?.outbound;
  expect(await drop?.plan({ host: 'a', port: 1 }, 'tcp', new AbortController().signal)).toEqual({
    kind: 'reject',
    how: 'drop',
  });
  expect(policies.route('nothing')).toBeUndefined();
  expect(policies.leavesOf('far')).toEqual([policies.route('far')?.outbound]);
  expect(policies.leavesOf('nothing')).toEqual([]);
});

test.each(['far', 'DIRECT'])('two of the name %s are refused', (name) => {
  const build = () => table(socks('far', '192.0.2.1'), socks(name, '192.0.2.2'));
  expect(build).toThrow(expect.objectContaining({ code: 'CONFIG_INVALID' }));
});

test('every type says which servers it connects to', () => {
  const all = [socks('far', 'p.example'), { type: 'direct', name: 'home' }, { type: 'reject', name: 'no', drop: true }];
  expect((all as ProxyConfig[]).map((proxy) => serversOf(proxy))).toEqual([
    [{ host: 'p.example', port: 1080 }],
    [],
    [],
  ]);
});

describe('groups', () => {
  const group = (name: string, members: string[], change: Partial<GroupConfig> = {}): GroupConfig => ({
    name,
    type: 'select',
    members,
    udp: true,
    hidden: false,
    ...change,
  });
  const chainOf = (policies: ConfiguredPolicies, name: string) => policies.route(name)?.chain;
  const proxies: ProxyConfig[] = [
    { ...socks('a', '192.0.2.1'), udp: true } as ProxyConfig,
    socks('b', '192.0.2.2'),
    { type: 'unspoken', name: 'ss', kind: 'ss' },
  ];

  test('many ways to the same leaves are gone once, and anew after a choice', () => {
    const layers = Array.from({ length: 40 }, (_, i) => {
      const below = i === 0 ? ['chosen', 'b'] : [`l${i - 1}`, `r${i - 1}`];
      return [group(`l${i}`, below, { type: 'load-balance' }), group(`r${i}`, below, { type: 'load-balance' })];
    });
    const lasting = new LastingPolicies(new ManualClock());
    const policies = tableOf({ proxies, groups: [group('chosen', ['a', 'DIRECT']), ...layers.flat()] }, lasting);
    const tagsOf = () => policies.leavesNow('l39').map(({ tag }) => tag);
    expect(tagsOf()).toEqual(['a', 'b']);
    expect(policies.leavesNow('l39')).toBe(policies.leavesNow('l39'));
    lasting.useChoices(new Map([['chosen', 'DIRECT']]));
    expect(tagsOf()).toEqual(['DIRECT', 'b']);
  });

  test('nested ones lead to a leaf, whatever their order', () => {
    const policies = tableOf({
      proxies,
      groups: [group('outer', ['inner', 'a']), group('inner', ['b', 'DIRECT'])],
    });
    expect(chainOf(policies, 'outer')).toEqual(['b', 'inner', 'outer']);
    expect(policies.leavesOf('outer').map(({ tag }) => tag)).toEqual(['b', 'DIRECT', 'a']);
  });

  test('a choice moves the revision, and what is chosen and gone falls back to the first', () => {
    const lasting = new LastingPolicies(new ManualClock());
    const policies = tableOf({ proxies, groups: [group('g', ['a', 'b'])] }, lasting);
    const { revision } = policies;
    lasting.choose('g', 'b');
    expect(chainOf(policies, 'g')).toEqual(['b', 'g']);
    expect(policies.revision).toBeGreaterThan(revision);
    const next = tableOf({ proxies, groups: [group('g', ['a', 'b'])] }, lasting);
    expect(chainOf(next, 'g')).toEqual(['b', 'g']);
    expect(chainOf(tableOf({ proxies, groups: [group('g', ['a'])] }, lasting), 'g')).toEqual(['a', 'g']);
  });

  test('a table that is only tried changes nothing', () => {
    const lasting = new LastingPolicies(new ManualClock());
    const policies = tableOf({ proxies, groups: [group('g', ['a', 'b'], { type: 'url-test' })] }, lasting);
    expect(chainOf(policies, 'g')).toEqual(['a', 'g']);
    expect(lasting.currentOf('g')).toBeUndefined();
    policies.takeOver();
    expect(lasting.currentOf('g')).toBe('a');
  });

  test('automatic groups pass over what is not spoken; a person may choose it, and is refused', async () => {
    const groups = [
      group('auto', ['ss', 'b'], { type: 'url-test' }),
      group('pick', ['ss', 'b']),
      group('none', ['ss'], { type: 'fallback' }),
      group('empty', []),
      group('over', ['none', 'empty'], { type: 'load-balance' }),
      group('chain', ['a', 'ss'], { type: 'relay' }),
    ];
    const policies = tableOf({ proxies, groups });
    expect(chainOf(policies, 'auto')).toEqual(['b', 'auto']);
    expect(policies.emptyGroups()).toEqual(['none', 'empty', 'over', 'chain']);
    const refusalOf = async (name: string) => {
      const outbound = policies.route(name)?.outbound;
      expect(outbound?.way).toBe('rejected');
      const dial = outbound?.plan({ host: 'a.example', port: 1 }, 'udp', new AbortController().signal);
      await expect(dial).rejects.toMatchObject({
        code: outbound?.refusal?.code,
      });
      return [policies.route(name)?.chain.join(), outbound?.refusal?.code];
    };
    expect(await refusalOf('pick')).toEqual(['ss,pick', 'DIAL_NOT_SPOKEN']);
    expect(await refusalOf('none')).toEqual(['none', 'DIAL_GROUP_EMPTY']);
    expect(await refusalOf('empty')).toEqual(['empty', 'DIAL_GROUP_EMPTY']);
    expect(await refusalOf('over')).toEqual(['over', 'DIAL_GROUP_EMPTY']);
    expect(await refusalOf('chain')).toEqual(['ss,a,chain', 'DIAL_NOT_SPOKEN']);
  });

  test('with disable-udp no UDP is carried', () => {
    const policies = tableOf({
      proxies,
      groups: [group('g', ['a'], { udp: false })],
    });
    expect(policies.route('a')?.outbound.carriesUdp).toBe(true);
    expect(policies.route('g')?.outbound).toMatchObject({
      tag: 'a',
      carriesUdp: false,
    });
    expect(policies.route('g')?.outbound).toBe(policies.route('g')?.outbound);
  });

  test('GLOBAL has everything, DIRECT first; one of the profile stays', () => {
    const lasting = new LastingPolicies(new ManualClock());
    const policies = tableOf({ proxies, groups: [group('g', ['a'])] }, lasting);
    expect(chainOf(policies, 'GLOBAL')).toEqual(['DIRECT', 'GLOBAL']);
    lasting.choose('GLOBAL', 'g');
    expect(chainOf(policies, 'GLOBAL')).toEqual(['a', 'g', 'GLOBAL']);
    expect(chainOf(tableOf({ proxies, groups: [group('GLOBAL', ['b'])] }), 'GLOBAL')).toEqual(['b', 'GLOBAL']);
  });

  test.each([
    ['a circle', [group('x', ['y']), group('y', ['x'])], 'x -> y -> x'],
    ['itself', [group('x', ['x'])], 'x -> x'],
    ['a member that is not there', [group('x', ['nobody'])], '"nobody"'],
    ['the name of a proxy', [group('a', ['b'])], '"a"'],
    ['one name twice', [group('x', ['b']), group('x', ['b'])], 'two groups'],
  ])('%s is refused', (_, groups, words) => {
    expect(() => tableOf({ proxies, groups })).toThrow(
      expect.objectContaining({
        code: 'CONFIG_INVALID',
        message: expect.stringContaining(words),
      }),
    );
  });

  test('choosing anew where something has moved comes to the same as choosing everywhere', () => {
    const nodes = ['n0', 'n1', 'n2', 'n3'];
    const made = Array.from(
      { length: 5 },
      (_, i): fc.Arbitrary<GroupConfig> =>
        fc
          .record({
            type: fc.constantFrom('select' as const, 'fallback' as const, 'load-balance' as const),
            members: fc.subarray([...nodes, ...Array.from({ length: i }, (_group, below) => `g${below}`)], {
              minLength: 1,
            }),
          })
          .map((change) => group(`g${i}`, change.members, { type: change.type })),
    );
    const event = fc.record({
      kind: fc.constantFrom('dead', 'back', 'choose', 'nothing'),
      node: fc.constantFrom(...nodes),
      group: fc.constantFrom('g0', 'g1', 'g2', 'g3', 'g4'),
      looks: fc.boolean(),
    });
    fc.assert(
      fc.property(fc.tuple(...made), fc.array(event, { maxLength: 20 }), (groups, events) => {
        const lasting = new LastingPolicies(new ManualClock());
        const config = {
          proxies: nodes.map((name) => socks(name, '192.0.2.1')),
          groups,
        };
        const table = tableOf(config, lasting);
        for (const { kind, node, group: name, looks } of events) {
          const [tested] = table.nodesOf(node);
          if (kind === 'dead' && tested !== undefined) lasting.tests.suspect(tested);
          if (kind === 'back') lasting.tests.forgetSuspects();
          if (kind === 'choose') lasting.choose(name, node);
          if (!looks) continue;
          const fresh = tableOf(config, lasting);
          for (const { name: each } of groups) {
            expect(table.route(each)?.chain).toEqual(fresh.route(each)?.chain);
            expect(table.leavesNow(each).map(({ tag }) => tag)).toEqual(fresh.leavesNow(each).map(({ tag }) => tag));
          }
        }
      }),
    );
  });
});
