import { once } from 'node:events';
import { createServer } from 'node:net';
import { decode, encode } from 'dns-packet';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { systemClock } from '../../../core/base/clock.ts';
import { silentLogger } from '../../../core/base/logger.ts';
import type { Cause } from '../../../core/contract/causes.ts';
import { type Config, defaultConfig, type RuleConfig } from '../../../core/contract/config.ts';
import { DnsGraph } from '../../../core/dns/dns-graph.ts';
import { Health } from '../../../core/helper/health.ts';
import type { ServedTunnel } from '../../../core/helper/served-tunnel.ts';
import { defaultResolverOptions } from '../../../core/net/resolver-options.ts';
import { MemoryStateStore } from '../../../core/state/memory-state-store.ts';
import { Tunnel } from '../../../core/tunnel/tunnel.ts';
import { eventually } from '../../support/eventually.ts';
import { MemoryNative } from './memory-native.ts';

const both = { systemDns: true, autoRoute: true };
const signal = new AbortController().signal;
const code = (expected: string) => expect.objectContaining({ code: expected });
const rule = (type: RuleConfig['type'], payload: string, policy: string): RuleConfig => ({
  type,
  payload,
  policy,
  noResolve: false,
});
const configOf = (rules: RuleConfig[], more: Partial<Config> = {}): Config => ({
  ...defaultConfig,
  mixed: null,
  proxies: [{ type: 'socks5', name: 'proxy', server: '192.0.2.1', port: 1080, udp: true }],
  rules: [...rules, rule('MATCH', '', 'DIRECT')],
  ...more,
});

let engines: MemoryNative[];
let did: string[];
let health: Health;
let tunnel: Tunnel;
let ownEvent: () => void;
let deviceTrouble: Cause | undefined;
let missingRoutes: number;
let networkChanged: () => void;
let mtuFails: boolean;
let defaults: string;
let servers: string[];
const engine = (): MemoryNative => engines.at(-1) as MemoryNative;

beforeEach(() => {
  engines = [];
  did = [];
  health = new Health();
  networkChanged = () => undefined;
  mtuFails = false;
  defaults = 'by eth0';
  servers = [];
  deviceTrouble = undefined;
  missingRoutes = 0;
  const refused = Promise.reject(new Error('no network in this test'));
  refused.catch(() => undefined);
  tunnel = new Tunnel({
    createEngine: (options, onEvents) => {
      engines.push(new MemoryNative(options, onEvents));
      return engine();
    },
    sockets: {
      openStream: () => refused,
      openUdp: () => {
        throw Object.assign(new Error('ENETUNREACH'), { code: 'ENETUNREACH' });
      },
    },
    sourceTowards: () => null,
    findRoute: (to) => (to.includes(':') ? null : { local: false, device: 'eth0' }),
    findProcess: async () => undefined,
    spareProcesses: () => undefined,
    loopGuard: { findListeners: async () => [], parentOf: () => 0 },
    destroySockets: (prefixes, spared) => did.push(`sockets ${prefixes.join(' ')} / ${spared.join(' ')}`.trimEnd()),
    network: {
      start: async () => void did.push('network'),
      stop: async () => undefined,
      deviceFor: (address) => (address.includes(':') ? undefined : 'eth0'),
      ipv6Available: () => false,
      devicesWithIpv4: () => ['eth0'],
      deviceWith: () => 'eth0',
      defaults: () => defaults,
      onChange: (changed) => {
        networkChanged = changed;
        return () => undefined;
      },
      onPolicyEvent: () => () => undefined,
      onOwnEvent: (changed) => {
        ownEvent = changed;
        return () => undefined;
      },
      onOwnRemoval: () => () => undefined,
    },
    deviceTrouble: async () => deviceTrouble,
    setMtu: async (device, mtu) => {
      if (mtuFails) throw new Error('EINVAL');
      did.push(`${device} mtu ${mtu}`);
    },
    routes: {
      missing: async () => missingRoutes,
      putBack: async () => 0,
      onDisturbed: () => () => undefined,
      apply: async (wanted) =>
        void did.push(
          wanted === undefined
            ? '-routes'
            : `+routes ${wanted.device} ${wanted.fakeRanges.join(' ')} ${wanted.exclude.join(' ')}`.trim(),
        ),
    },
    systemDns: {
      apply: async (wanted) => void did.push(wanted === undefined ? '-dns' : `+dns ${wanted.server}`),
      baseServers: async () => servers,
      baseOptions: async () => defaultResolverOptions,
      baseSearch: async () => [],
      onBaseChange: () => () => undefined,
    },
    flushCaches: async () => undefined,
    socketUid: () => 1000,
    hostsFile: { stamp: () => '', read: () => '' },
    store: new MemoryStateStore(),
    fakeIpKey: new Uint8Array(16),
    health,
    clock: systemClock,
    log: silentLogger,
  });
});
afterEach(async () => {
  await tunnel.machine.stop();
  await tunnel.dispose();
});

/** What a program that asks for this name is answered. */
async function ask(name: string): Promise<string> {
  const token = engine().answers.size + 1;
  const message = encode({ type: 'query', id: 7, flags: 256, questions: [{ type: 'A', name }] });
  engine().ask(token, message);
  await eventually(() => expect(engine().answers.has(token)).toBe(true));
  const [answer] = decode(Buffer.from(engine().answers.get(token) ?? [])).answers ?? [];
  return answer?.type === 'A' ? answer.data : '';
}

test('fits what the helper serves', () => {
  const served: ServedTunnel = tunnel;
  expect(served.mixed).toBeNull();
});

describe('made, and nothing else', () => {
  test('it touches nothing of the machine', () => {
    expect(did).toEqual([]);
    expect(engines).toEqual([]);
    expect(tunnel.inspector.fakeIp()).toMatchObject({ range: '198.18.0.0/15', used: 0 });
  });

  test('on and off touches it in order', async () => {
    await tunnel.machine.start(both);
    expect(engine().options).toMatchObject({
      name: 'mirage0',
      address4: '198.18.0.1',
      peer4: '198.18.0.2',
      address6: null,
      mark: 0x4d49,
    });
    expect([tunnel.owns('mirage0'), tunnel.owns('eth0')]).toEqual([true, false]);
    await tunnel.machine.stop();
    expect(did).toEqual([
      'network',
      '+routes mirage0 198.18.0.0/15',
      '+dns 198.18.0.2',
      'sockets 198.18.0.0/15 198.18.0.1/32 fdfe:dcba:9876::/126 /',
      '-dns',
      '-routes',
    ]);
    expect([engine().stopped, tunnel.owns('mirage0')]).toEqual([true, false]);
  });
});

describe('from a question to a connection', () => {
  test('a name goes to the proxy as a name, and is shown with its mapping', async () => {
    await tunnel.reload(configOf([rule('DOMAIN-SUFFIX', 'hidden.example', 'proxy')]));
    await tunnel.machine.start(both);
    const address = await ask('www.hidden.example');
    expect(address).toMatch(/^198\.1[89]\./);
    engine().open(1, address, 443);
    await eventually(() =>
      expect(engine().verdicts.get(1)).toMatchObject({
        kind: 'dial',
        port: 1080,
        layers: [{ protocol: 'socks5', targetHost: 'www.hidden.example', targetPort: 443 }],
      }),
    );
    engine().emit({ kind: 'dialed', id: 1, ok: true, address: '192.0.2.1', ms: 3 });
    engine().shared.set([10n, 20n], 2);
    expect(tunnel.sample()).toEqual({ up: 10, down: 20, live: 1, dnsQuestions: 1 });
    expect(tunnel.connections.rows()).toMatchObject([
      {
        destination: { host: 'www.hidden.example', port: 443 },
        fakeIp: address,
        rule: { type: 'DOMAIN-SUFFIX' },
        chain: ['proxy'],
        state: 'open',
      },
    ]);
    expect(tunnel.mappings.row(address)).toMatchObject({ name: 'www.hidden.example', liveFlows: 1, state: 'live' });
    expect([...tunnel.dnsLog.rows()]).toMatchObject([
      { name: 'www.hidden.example', type: 'A', verdict: 'fake', answer: address },
    ]);
    expect(tunnel.closeFlows((row) => row.destination.host === 'www.hidden.example')).toBe(1);
    expect(engine().closed).toEqual([1]);
    await tunnel.machine.stop();
    expect(tunnel.connections.rows()).toMatchObject([{ state: 'closed', closeReason: 'stopped', up: 10, down: 20 }]);
  });

  test('a reload keeps what rules have counted and the chosen DNS mode; rows say what became of them', async () => {
    const hidden = rule('DOMAIN-SUFFIX', 'hidden.example', 'proxy');
    await tunnel.reload(configOf([hidden]));
    await tunnel.machine.start(both);
    const address = await ask('www.hidden.example');
    engine().open(1, address, 443);
    await eventually(() => expect(engine().verdicts.get(1)).toMatchObject({ layers: [{ protocol: 'socks5' }] }));
    expect(tunnel.connections.rows()).toMatchObject([{ chain: ['proxy'], way: 'proxied' }]);
    tunnel.modes.chooseDnsMode('redir-host');
    await tunnel.reload(configOf([rule('DOMAIN', 'first.example', 'REJECT'), hidden]));
    expect(tunnel.inspector.rules().slice(0, 2)).toMatchObject([
      { payload: 'first.example', hits: 0, way: 'rejected' },
      { payload: 'hidden.example', hits: 1, way: 'proxied' },
    ]);
    expect(tunnel.modes.dnsMode()).toEqual({ mode: 'redir-host', chosen: true });
    tunnel.modes.chooseDnsMode(null);
    expect(tunnel.modes.dnsMode()).toEqual({ mode: 'fake-ip', chosen: false });
    expect(await ask('www.hidden.example')).toBe(address);
  });

  test('a fake address without a name is refused at once, and told', async () => {
    await tunnel.machine.start(both);
    engine().open(1, '198.18.77.77', 443);
    await eventually(() => expect(engine().verdicts.get(1)).toEqual({ kind: 'peek', atLeast: 1, timeoutMs: 300 }));
    engine().emit({ kind: 'peeked', id: 1, chunks: [Buffer.from('EHLO mail.example\r\n')], reason: 'bytes', ms: 1 });
    await eventually(() => expect(engine().verdicts.get(1)).toEqual({ kind: 'reject', how: 'reset' }));
    expect(health.warnings()).toMatchObject([{ code: 'FAKE_IP_UNKNOWN_ADDRESS' }]);
  });

  test('questions are not answered before the DNS server begins and after it ends', async () => {
    await tunnel.machine.start(both);
    await ask('a.example');
    const before = engine();
    await tunnel.machine.stop();
    before.ask(9, Buffer.alloc(12));
    await new Promise((resolve) => setImmediate(resolve));
    expect(before.answers.has(9)).toBe(false);
  });

  test('when the device is gone another is made; again and again, and everything is undone and the reason shown', async () => {
    await tunnel.machine.start(both);
    const lose = () => engine().emit({ kind: 'dead', message: 'device gone', revivable: false });
    const first = engine();
    lose();
    await eventually(() =>
      expect(health.warnings()).toMatchObject([{ text: expect.stringContaining('mirage0 was deleted') }]),
    );
    expect(tunnel.machine.state.kind).toBe('running');
    expect(engine()).not.toBe(first);
    for (let i = 0; i < 10 && tunnel.machine.state.kind === 'running'; i++) {
      const lost = engine();
      lose();
      await eventually(() => expect(tunnel.machine.state.kind === 'error' || engine() !== lost).toBe(true));
      await eventually(() => expect(['running', 'error']).toContain(tunnel.machine.state.kind));
    }
    expect(tunnel.machine.state).toMatchObject({
      kind: 'error',
      error: { message: expect.stringContaining('mirage0 was deleted') },
    });
    expect(did.slice(-3)).toEqual(['sockets 198.18.0.0/15 198.18.0.1/32 fdfe:dcba:9876::/126 /', '-dns', '-routes']);
  });
});

describe('a data plane that fails', () => {
  const fail = () => engine().emit({ kind: 'dead', message: 'internal fault: boom', revivable: true });

  test('is followed by another one; routes, DNS and device stay, and it is told', async () => {
    await tunnel.machine.start(both);
    const before = did.length;
    fail();
    expect(engine().revivals).toBe(1);
    expect(tunnel.machine.state.kind).toBe('running');
    expect(did).toHaveLength(before);
    expect(health.warnings()).toMatchObject([{ code: 'ENGINE_REVIVED', text: expect.stringContaining('boom') }]);
  });

  test('over and over again ends with everything undone', async () => {
    await tunnel.machine.start(both);
    for (let i = 0; i < 3; i++) fail();
    expect(tunnel.machine.state.kind).toBe('running');
    fail();
    await eventually(() =>
      expect(tunnel.machine.state).toMatchObject({
        kind: 'error',
        error: { message: expect.stringContaining('boom') },
      }),
    );
    expect(engine().revivals).toBe(3);
    expect(did.slice(-2)).toEqual(['-dns', '-routes']);
  });

  test('and cannot be followed by another ends at once', async () => {
    await tunnel.machine.start(both);
    engine().revivable = false;
    fail();
    await eventually(() => expect(tunnel.machine.state.kind).toBe('error'));
    expect(did.slice(-2)).toEqual(['-dns', '-routes']);
  });
});

describe('another configuration', () => {
  test('is for new flows; the mapping stays', async () => {
    await tunnel.reload(configOf([]));
    await tunnel.machine.start(both);
    const address = await ask('www.hidden.example');
    const first = engine();
    await tunnel.reload(configOf([rule('DOMAIN-SUFFIX', 'hidden.example', 'proxy')]));
    expect(engine()).toBe(first);
    expect(await ask('www.hidden.example')).toBe(address);
    first.open(1, address, 443);
    await eventually(() =>
      expect(first.verdicts.get(1)).toMatchObject({ layers: [{ targetHost: 'www.hidden.example' }] }),
    );
    expect(tunnel.inspector.rules().map((row) => row.hits)).toEqual([1, 0]);
  });

  test.each([
    ['an unknown policy', configOf([rule('DOMAIN', 'a.example', 'NOWHERE')]), 'CONFIG_INVALID', /rules\[0\].*NOWHERE/],
    ['a bad payload', configOf([rule('IP-CIDR', 'no prefix', 'DIRECT')]), 'CONFIG_INVALID', /rules\[0\]/],
    [
      'two outbounds of one name',
      configOf([], { proxies: [{ type: 'direct', name: 'DIRECT' }] }),
      'CONFIG_INVALID',
      /DIRECT/,
    ],
    [
      'a bad filter',
      configOf([], { dns: { ...defaultConfig.dns, fakeIpFilter: { mode: 'blacklist', patterns: ['a..b'] } } }),
      'CONFIG_INVALID',
      /a\.\.b/,
    ],
    [
      'a range too small',
      configOf([], { dns: { ...defaultConfig.dns, fakeIpRange: '10.0.0.0/30' } }),
      'FAKE_IP_RANGE_TOO_SMALL',
      /30/,
    ],
  ] as const)('with %s is refused whole and changes nothing', async (_, config, expected, message) => {
    await tunnel.reload(configOf([rule('DOMAIN', 'a.example', 'proxy')]));
    const rules = tunnel.inspector.rules();
    expect(() => tunnel.check(config)).toThrow(code(expected));
    await expect(tunnel.reload(config)).rejects.toThrow(message);
    expect(tunnel.inspector.rules()).toEqual(rules);
    expect(tunnel.mappings.ranges()).toEqual(['198.18.0.0/15']);
  });

  test('a check leaves nothing behind', () => {
    tunnel.check(
      configOf([rule('DOMAIN', 'a.example', 'proxy')], { dns: { ...defaultConfig.dns, fakeIpRange: '10.64.0.0/16' } }),
    );
    expect(tunnel.inspector.rules()).toHaveLength(1);
    expect(tunnel.mappings.ranges()).toEqual(['198.18.0.0/15']);
  });

  test('with another range restarts what runs; the former range is routed and understood still', async () => {
    await tunnel.machine.start(both);
    const old = await ask('old.example');
    did = [];
    await tunnel.reload(configOf([], { dns: { ...defaultConfig.dns, fakeIpRange: '10.64.0.0/16' } }));
    expect(did).toEqual([
      'sockets 198.18.0.0/15 198.18.0.1/32 fdfe:dcba:9876::/126 /',
      '+routes mirage0 10.64.0.0/16 198.18.0.0/15',
      '+dns 10.64.0.2',
    ]);
    expect(engines.map((each) => each.options.address4)).toEqual(['198.18.0.1', '10.64.0.1']);
    expect(await ask('new.example')).toMatch(/^10\.64\./);
    expect(tunnel.mappings.row(old)).toMatchObject({ name: 'old.example', state: 'retired' });
    expect(tunnel.machine.state.kind).toBe('running');
  });

  test('with other exclusions only renews the routes', async () => {
    await tunnel.machine.start(both);
    did = [];
    await tunnel.reload(configOf([], { tun: { ...defaultConfig.tun, routeExclude: ['10.1.0.0/16'] } }));
    expect(did).toEqual(['+routes mirage0 198.18.0.0/15 10.1.0.0/16']);
    expect(engines).toHaveLength(1);
  });

  test('with another MTU sets it on the device that is there; one that does not take it starts anew', async () => {
    await tunnel.machine.start(both);
    const withMtu = (mtu: number): Config => configOf([], { tun: { ...defaultConfig.tun, mtu } });
    did = [];
    await tunnel.reload(withMtu(1280));
    expect(did).toEqual(['mirage0 mtu 1280', '+routes mirage0 198.18.0.0/15']);
    expect(engines).toHaveLength(1);
    expect(engine().options.mtu).toBe(1280);
    mtuFails = true;
    await tunnel.reload(withMtu(1500));
    expect(engines).toHaveLength(2);
    expect(engine().options.mtu).toBe(1500);
    expect(tunnel.machine.state.kind).toBe('running');
    await tunnel.machine.stop();
    did = [];
    await tunnel.reload(withMtu(9000));
    expect(did).toEqual([]);
  });

  test('answers of the network are forgotten when its servers or its way out have changed, and not for every notice', async () => {
    await tunnel.machine.start(both);
    const reset = vi.spyOn(DnsGraph.prototype, 'reset');
    const settled = async (): Promise<number> => {
      const reviews = engine().reviews;
      networkChanged();
      await eventually(() => expect(engine().reviews).toBeGreaterThan(reviews));
      await new Promise((resolve) => setTimeout(resolve, 20));
      return reset.mock.calls.length;
    };
    expect(await settled()).toBe(0);
    servers = ['10.20.0.53'];
    expect(await settled()).toBe(1);
    expect(await settled()).toBe(1);
    defaults = 'by wlan0';
    expect(await settled()).toBe(2);
    expect(await settled()).toBe(2);
    reset.mockRestore();
  });

  test("a change of the machine's network renews the routes while they are in force, and not otherwise", async () => {
    await tunnel.machine.start(both);
    did = [];
    networkChanged();
    await eventually(() => expect(did).toEqual(['+routes mirage0 198.18.0.0/15']));
    await eventually(() => expect(engine().reviews).toBe(1));
    await tunnel.machine.stop();
    did = [];
    networkChanged();
    await new Promise((resolve) => setImmediate(resolve));
    expect(did).toEqual([]);
  });
});

describe('questions of people', () => {
  test('what would happen to a host, by name or by its fake address', async () => {
    await tunnel.reload(configOf([rule('DOMAIN-SUFFIX', 'hidden.example', 'proxy')]));
    const trace = await tunnel.inspector.testRule({ host: 'WWW.Hidden.Example.', port: 443, network: 'tcp' }, signal);
    expect(trace).toMatchObject({ host: 'www.hidden.example', rule: { index: 0, policy: 'proxy' }, chain: ['proxy'] });
    const address = tunnel.mappings.current.allocate('www.hidden.example', '198.18.0.1');
    expect(await tunnel.inspector.testRule({ host: address, port: 443, network: 'tcp' }, signal)).toMatchObject({
      host: 'www.hidden.example',
      rule: { index: 0 },
    });
    expect(await tunnel.inspector.testRule({ host: '192.0.2.9', port: 80, network: 'tcp' }, signal)).toMatchObject({
      rule: { type: 'MATCH' },
      chain: ['DIRECT'],
    });
    expect(tunnel.inspector.rules().every((row) => row.hits === 0)).toBe(true);
  });

  test('what an application is answered', async () => {
    const answer = await tunnel.inspector.dnsQuery({ name: 'a.example', type: 'A' }, signal);
    expect(answer).toMatchObject({
      rcode: 'NOERROR',
      verdict: 'fake',
      answers: [{ name: 'a.example', type: 'A', ttl: 1 }],
    });
    await expect(tunnel.inspector.dnsQuery({ name: 'a.example', type: 'NONSENSE' }, signal)).rejects.toThrow(
      code('RPC_BAD_PARAMS'),
    );
  });
});

describe('the mixed port', () => {
  const freePort = async () => {
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    const address = server.address();
    const port = typeof address === 'object' && address !== null ? address.port : 0;
    return { server, port };
  };

  test('listens when it is wanted, moves with the configuration, and needs no TUN', async () => {
    const [a, b] = [await freePort(), await freePort()];
    for (const { server } of [a, b]) await new Promise((resolve) => server.close(resolve));
    const withPort = (port: number) => configOf([], { mixed: { address: '127.0.0.1', port, users: [] } });
    await tunnel.reload(withPort(a.port));
    expect(tunnel.mixed).toBeNull();
    let told = 0;
    tunnel.changed.on(() => told++);
    await tunnel.setMixed(true);
    expect(tunnel.mixed).toEqual({ address: '127.0.0.1', port: a.port });
    await tunnel.reload(withPort(b.port));
    expect(tunnel.mixed).toEqual({ address: '127.0.0.1', port: b.port });
    await tunnel.reload(configOf([]));
    expect(tunnel.mixed).toBeNull();
    expect(told).toBe(3);
    expect(engines).toEqual([]);
  });

  test('open to the network without a password is a warning, as long as it is', async () => {
    const { server, port } = await freePort();
    await new Promise((resolve) => server.close(resolve));
    const open = (users: { username: string; password: string }[]) =>
      configOf([], { mixed: { address: '0.0.0.0', port, users } });
    await tunnel.reload(open([]));
    await tunnel.setMixed(true);
    expect(health.warnings()).toMatchObject([{ code: 'MIXED_PORT_OPEN' }]);
    await tunnel.reload(open([{ username: 'u', password: 'p' }]));
    expect(health.warnings()).toEqual([]);
  });

  test('that is taken is a warning until it is free or not wanted', async () => {
    const { server, port } = await freePort();
    await tunnel.reload(configOf([], { mixed: { address: '127.0.0.1', port, users: [] } }));
    await tunnel.setMixed(true);
    expect(tunnel.mixed).toBeNull();
    expect(health.warnings()).toMatchObject([{ code: 'MIXED_PORT_BUSY', severity: 'warning' }]);
    await new Promise((resolve) => server.close(resolve));
    await tunnel.setMixed(true);
    expect([tunnel.mixed?.port, health.warnings()]).toEqual([port, []]);
  });
});

test('what another program has taken from us is put back: a missing rule alone, a device that is down by a new one', async () => {
  await tunnel.machine.start({ systemDns: true, autoRoute: true });
  did = [];
  missingRoutes = 2;
  ownEvent();
  await eventually(() => expect(did).toEqual(['+routes mirage0 198.18.0.0/15']));
  missingRoutes = 0;
  deviceTrouble = { code: 'DEVICE_DOWN', values: { device: 'mirage0' } };
  const before = engines.length;
  ownEvent();
  await eventually(() => expect(engines.length).toBe(before + 1));
  deviceTrouble = undefined;
  await eventually(() => expect(tunnel.machine.state.kind).toBe('running'));
  expect(did).not.toContain('-dns');
});
