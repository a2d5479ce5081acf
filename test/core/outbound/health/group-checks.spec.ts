/**
 * Automatic groups over six real SOCKS5 servers whose delays and deaths are scripted: what fails in the field with programs of this
 * kind, each a test.
 */
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { AppError } from '../../../../core/base/app-error.ts';
import { systemClock } from '../../../../core/base/clock.ts';
import type { GroupConfig, GroupTest, NodeCheckConfig } from '../../../../core/contract/config.ts';
import type { Metadata } from '../../../../core/flow/metadata.ts';
import { ConfiguredPolicies } from '../../../../core/outbound/configured-policies.ts';
import { LastingPolicies } from '../../../../core/outbound/lasting-policies.ts';
import { eventually } from '../../../support/eventually.ts';
import { dialOptions, LoopbackEgress, NamedAddresses } from '../doubles.ts';
import { ScriptedProxy, testAddress } from './scripted-proxies.ts';

let target: Awaited<ReturnType<typeof testAddress>>;
let proxies: ScriptedProxy[];
let lasting: LastingPolicies;
let policies: ConfiguredPolicies;

beforeEach(async () => {
  target = await testAddress();
  // The second answers first, by far: a machine under load does not change that.
  proxies = [900, 0, 600, 1200, 1500, 1800].map((delay, i) => new ScriptedProxy(`n${i}`, delay, target.port));
  for (const proxy of proxies) await proxy.live();
  lasting = new LastingPolicies(systemClock);
});
afterEach(async () => {
  policies.stop();
  for (const proxy of proxies) await proxy.die();
  await target.close();
});

const hour: Omit<GroupTest, 'url'> = {
  interval: 3600,
  timeout: 10_000,
  tolerance: 0,
  lazy: false,
  expectedStatus: '204',
};
const testOf = (change: Partial<GroupTest> = {}): GroupTest => ({
  url: `http://t.example:${target.port}/own`,
  ...hour,
  ...change,
});
const group = (name: string, type: GroupConfig['type'], change: Partial<GroupConfig> = {}): GroupConfig => ({
  name,
  type,
  members: proxies.map((proxy) => proxy.name),
  test: testOf(),
  udp: true,
  hidden: false,
  ...change,
});

function use(...groups: GroupConfig[]): void {
  useWith([], ...groups);
}

function useWith(checks: readonly NodeCheckConfig[], ...groups: GroupConfig[]): void {
  const services = {
    egress: new LoopbackEgress(),
    resolver: new NamedAddresses({}),
    proxyServers: new NamedAddresses({}),
    isFake: () => false,
    isNear: () => false,
    clock: systemClock,
    timeoutMs: 10_000,
  };
  const members = new Set([...groups, ...checks].flatMap((each) => each.members));
  const nodes = proxies.filter(({ name }) => members.has(name)).map(({ config }) => config);
  policies = new ConfiguredPolicies({ proxies: nodes, groups, checks: [...checks] }, services, lasting);
  policies.takeOver();
}

const nowOf = (name: string) => policies.route(name)?.chain[0];
const proxy = (index: number): ScriptedProxy => proxies[index] ?? expect.unreachable();
const allTested = (name = 'g') =>
  eventually(() => {
    const test = policies.group(name)?.config.test ?? expect.unreachable();
    const view = lasting.tests.by(test);
    for (const node of policies.nodesOf(name)) expect(view.testedAt(node.identity)).toBeDefined();
  });

const flow: Metadata = {
  network: 'tcp',
  inbound: 'tun',
  source: { host: '198.18.0.1', port: 1 },
  destination: { host: 'www.example', port: 80 },
  originalDestination: { host: 'www.example', port: 80 },
};

/** A flow by this policy, as the dispatcher dials it. */
async function dial(name: string): Promise<string | undefined> {
  const route = policies.route(name, flow) ?? expect.unreachable();
  try {
    const stream = await route.outbound.dialStream({ host: 'www.example', port: 80 }, dialOptions());
    stream.reset();
    return route.chain[0];
  } catch (error) {
    policies.dialFailed(route, AppError.from(error));
    return undefined;
  }
}

describe('url-test', () => {
  test('is tested at its start when it is not lazy, by its own address, and takes the fastest', async () => {
    use(group('g', 'url-test'));
    await allTested();
    expect(nowOf('g')).toBe('n1');
    expect(new Set(target.asked)).toEqual(new Set([`HEAD t.example:${target.port}/own`]));
    expect(target.asked).toHaveLength(6);
  });

  test('a dead node is left at once after a dial has failed, long before the interval is over', async () => {
    use(group('g', 'url-test'));
    await allTested();
    const before = policies.revision;
    await proxy(1).die();
    expect(await dial('g')).toBeUndefined();
    expect(nowOf('g')).toBe('n2');
    expect(policies.revision).toBeGreaterThan(before);
    expect(await dial('g')).toBe('n2');
    await proxy(1).live();
  });

  test('one that accepts and falls silent is left by the interval, without a flow', async () => {
    use(group('g', 'url-test', { test: testOf({ interval: 1, timeout: 2500 }) }));
    await allTested();
    expect(nowOf('g')).toBe('n1');
    proxy(1).isSilent = true;
    await eventually(() => expect(nowOf('g')).toBe('n2'));
    proxy(1).isSilent = false;
    await eventually(() => expect(nowOf('g')).toBe('n1'));
  });

  test('another one must be faster by more than the tolerance', async () => {
    proxy(1).delay = 400;
    use(group('g', 'url-test', { members: ['n1'], test: testOf({ tolerance: 60_000 }) }));
    await allTested();
    proxy(2).delay = 0;
    use(group('g', 'url-test', { members: ['n2', 'n1'], test: testOf({ tolerance: 60_000 }) }));
    await allTested();
    expect(nowOf('g')).toBe('n1');
  });

  test('a node that is gone after a reload is replaced by the fastest of the others', async () => {
    use(group('g', 'url-test'));
    await allTested();
    use(group('g', 'url-test', { members: ['n0', 'n2', 'n3'] }));
    expect(nowOf('g')).toBe('n2');
    // What was tested a moment ago is not tested again.
    expect(target.asked).toHaveLength(6);
  });

  test("a status that does not count is a death, by each group's own opinion", async () => {
    use(
      group('g', 'url-test', { members: ['n1', 'DIRECT'], test: testOf({ expectedStatus: '200' }) }),
      group('h', 'url-test'),
    );
    await allTested('h');
    await allTested('g');
    expect(lasting.tests.delays(JSON.stringify(proxy(1).config)).map(({ alive }) => alive)).toEqual([false, true]);
  });
});

describe('how often', () => {
  test('one test for each node and address at a time, however many groups ask', async () => {
    use(...Array.from({ length: 8 }, (_, i) => group(`g${i}`, i % 2 === 0 ? 'url-test' : 'fallback')));
    for (let i = 0; i < 8; i++) await allTested(`g${i}`);
    expect(target.asked).toHaveLength(6);
    expect(proxies.map(({ most }) => most)).toEqual([1, 1, 1, 1, 1, 1]);
  });

  test('a lazy group is tested when it is used first, and another address is another test', async () => {
    use(
      group('lazy', 'url-test', { test: testOf({ lazy: true }) }),
      group('other', 'url-test', { members: ['n1'], test: testOf({ url: `http://o.example:${target.port}/other` }) }),
    );
    await allTested('other');
    expect(target.asked).toEqual([`HEAD o.example:${target.port}/other`]);
    await dial('lazy');
    await allTested('lazy');
    expect(target.asked).toHaveLength(7);
  });
});

describe('a provider with a health check', () => {
  const provider = (change: Partial<GroupTest> = {}, members = ['n1', 'n2']): NodeCheckConfig => ({
    name: 'p',
    members,
    test: testOf({ url: `http://p.example:${target.port}/provider`, ...change }),
  });
  const testsOf = (index: number) => lasting.tests.delays(JSON.stringify(proxy(index).config));
  const manual = (change: Partial<GroupConfig> = {}) =>
    group('s', 'select', { test: testOf({ interval: 0 }), ...change });
  beforeEach(() => {
    for (const each of proxies) each.delay = 0;
  });

  test('has its nodes tested by itself, and no others', async () => {
    useWith([provider()], manual());
    await eventually(() => expect(target.asked).toHaveLength(2));
    await eventually(() => expect([1, 2].map((i) => testsOf(i)[0]?.history.length)).toEqual([1, 1]));
    expect(new Set(target.asked)).toEqual(new Set([`HEAD p.example:${target.port}/provider`]));
    expect(testsOf(0)).toEqual([]);
  });

  test('does not speak for a group with a test of its own', async () => {
    useWith([provider({ expectedStatus: '500' })], group('g', 'fallback', { members: ['n1', 'n2'] }));
    await allTested();
    await eventually(() => expect(testsOf(1)).toHaveLength(2));
    expect(new Map(testsOf(1).map(({ url, alive }) => [url.endsWith('/own'), alive]))).toEqual(
      new Map([
        [true, true],
        [false, false],
      ]),
    );
    expect(nowOf('g')).toBe('n1');
  });

  test('and groups that ask the same have each node asked once', async () => {
    useWith([provider({ url: testOf().url })], group('g', 'url-test'), group('h', 'fallback'));
    await allTested('g');
    await allTested('h');
    expect(target.asked).toHaveLength(6);
  });

  test('that is lazy waits for a group with nodes of it to be used', async () => {
    useWith(
      [provider({ lazy: true })],
      manual({ members: ['n0'] }),
      group('t', 'select', { members: ['n0', 'n1'], test: testOf({ interval: 0 }) }),
    );
    await dial('s');
    expect(target.asked).toEqual([]);
    await dial('t');
    await eventually(() => expect([1, 2].map((i) => testsOf(i)[0]?.history.length)).toEqual([1, 1]));
  });

  test('is not tested anew by a reload, and tests a node that could not be dialled at once', async () => {
    useWith([provider()], manual());
    await eventually(() => expect([1, 2].map((i) => testsOf(i)[0]?.history.length)).toEqual([1, 1]));
    useWith([provider()], manual({ members: ['n1'] }));
    expect(target.asked).toHaveLength(2);
    await proxy(1).die();
    expect(await dial('s')).toBeUndefined();
    await eventually(() => expect(testsOf(1)[0]?.history.map(({ ms }) => ms === null)).toEqual([false, true]));
    await proxy(1).live();
  });
});

describe('fallback', () => {
  test('the first that is alive; the first again when it is back', async () => {
    for (const each of proxies) each.delay = 0;
    use(group('g', 'fallback', { test: testOf({ interval: 1 }) }));
    await allTested();
    expect(nowOf('g')).toBe('n0');
    await proxy(0).die();
    await eventually(() => expect(nowOf('g')).toBe('n1'));
    await proxy(0).live();
    await eventually(() => expect(nowOf('g')).toBe('n0'));
  });

  test('a choice holds while it is alive', async () => {
    for (const each of proxies) each.delay = 0;
    use(group('g', 'fallback'));
    await allTested();
    lasting.choose('g', 'n3');
    expect(nowOf('g')).toBe('n3');
    await proxy(3).die();
    await dial('g');
    expect(nowOf('g')).toBe('n0');
    await proxy(3).live();
  });
});

test('what was in force before a reload tests nothing more', async () => {
  for (const each of proxies) each.delay = 0;
  use(group('g', 'url-test', { test: testOf({ lazy: true }) }));
  const before = policies;
  use(group('other', 'url-test', { members: ['n5'] }));
  await allTested('other');
  const route = before.route('g', flow) ?? expect.unreachable();
  before.dialFailed(route, new AppError('DIAL_PROXY_REFUSED', 'refused'));
  before.networkChanged();
  for (const { config } of proxies) expect(lasting.tests.isTesting(JSON.stringify(config))).toBe(false);
  expect(target.asked).toHaveLength(1);
  const gone = { name: 'n0', identity: JSON.stringify(proxy(0).config), dialer: route.outbound };
  expect((await lasting.tests.run(gone, testOf()))?.ms).not.toBeNull();
  expect(lasting.tests.delays(gone.identity)).toEqual([]);
});

describe('a node that could not be dialled outside the groups that test it', () => {
  beforeEach(() => {
    for (const each of proxies) each.delay = 0;
  });

  test('is tested again at once by those that have it', async () => {
    use(group('s', 'select', { test: testOf({ interval: 0 }) }), group('g', 'fallback'));
    await allTested();
    await proxy(0).die();
    expect(await dial('s')).toBeUndefined();
    await eventually(() => expect(lasting.tests.delays(JSON.stringify(proxy(0).config))[0]?.history).toHaveLength(2));
    await proxy(0).live();
  });

  test('is not taken for dead where nothing tests it', async () => {
    use(
      group('s', 'select', { members: ['n0'], test: testOf({ interval: 0 }) }),
      group('g', 'fallback', { members: ['n1'] }),
    );
    await allTested();
    await proxy(0).die();
    expect(await dial('s')).toBeUndefined();
    expect(lasting.tests.by(testOf()).isAlive(JSON.stringify(proxy(0).config))).toBe(true);
    await proxy(0).live();
  });
});

test('load-balance leaves the dead to the others, and nested groups are alive by where they lead', async () => {
  for (const each of proxies) each.delay = 0;
  use(
    group('spread', 'load-balance', { strategy: 'round-robin' }),
    group('inner', 'fallback', { members: ['n1'] }),
    group('outer', 'fallback', { members: ['inner', 'n5'] }),
  );
  await allTested('spread');
  await allTested('outer');
  expect(new Set(Array.from({ length: 12 }, () => policies.route('spread', flow)?.chain[0])).size).toBe(6);
  expect(nowOf('outer')).toBe('n1');
  await proxy(1).die();
  await dial('outer');
  expect(nowOf('outer')).toBe('n5');
  const taken = Array.from({ length: 10 }, () => policies.route('spread', flow)?.chain[0]);
  expect(new Set(taken)).toEqual(new Set(['n0', 'n2', 'n3', 'n4', 'n5']));
  await proxy(1).live();
});
