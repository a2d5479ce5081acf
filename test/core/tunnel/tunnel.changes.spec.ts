import { describe, expect, test, vi } from 'vitest';
import { type Config, defaultConfig } from '../../../core/contract/config.ts';
import { DnsGraph } from '../../../core/dns/dns-graph.ts';
import { eventually } from '../../support/eventually.ts';
import { both, code, configOf, rule, tunnelGround } from './tunnel-ground.ts';

const ground = tunnelGround();
const { ask, engine } = ground;

describe('a data plane that fails', () => {
  const fail = () => engine().emit({ kind: 'dead', message: 'internal fault: boom', revivable: true });

  test('is followed by another one; routes, DNS and device stay, and it is told', async () => {
    await ground.tunnel.machine.start(both);
    const before = ground.did.length;
    fail();
    expect(engine().revivals).toBe(1);
    expect(ground.tunnel.machine.state.kind).toBe('running');
    expect(ground.did).toHaveLength(before);
    expect(ground.health.warnings()).toMatchObject([{ code: 'ENGINE_REVIVED', text: expect.stringContaining('boom') }]);
  });

  test('over and over again ends with everything undone', async () => {
    await ground.tunnel.machine.start(both);
    for (let i = 0; i < 3; i++) fail();
    expect(ground.tunnel.machine.state.kind).toBe('running');
    fail();
    await eventually(() =>
      expect(ground.tunnel.machine.state).toMatchObject({
        kind: 'error',
        error: { message: expect.stringContaining('boom') },
      }),
    );
    expect(engine().revivals).toBe(3);
    expect(ground.did.slice(-2)).toEqual(['-dns', '-routes']);
  });

  test('and cannot be followed by another ends at once', async () => {
    await ground.tunnel.machine.start(both);
    engine().revivable = false;
    fail();
    await eventually(() => expect(ground.tunnel.machine.state.kind).toBe('error'));
    expect(ground.did.slice(-2)).toEqual(['-dns', '-routes']);
  });
});

describe('another configuration', () => {
  test('is for new flows; the mapping stays', async () => {
    await ground.tunnel.reload(configOf([]));
    await ground.tunnel.machine.start(both);
    const address = await ask('www.hidden.example');
    const first = engine();
    await ground.tunnel.reload(configOf([rule('DOMAIN-SUFFIX', 'hidden.example', 'proxy')]));
    expect(engine()).toBe(first);
    expect(await ask('www.hidden.example')).toBe(address);
    first.open(1, address, 443);
    await eventually(() =>
      expect(first.verdicts.get(1)).toMatchObject({ layers: [{ targetHost: 'www.hidden.example' }] }),
    );
    expect(ground.tunnel.inspector.rules().map((row) => row.hits)).toEqual([1, 0]);
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
    await ground.tunnel.reload(configOf([rule('DOMAIN', 'a.example', 'proxy')]));
    const rules = ground.tunnel.inspector.rules();
    expect(() => ground.tunnel.check(config)).toThrow(code(expected));
    await expect(ground.tunnel.reload(config)).rejects.toThrow(message);
    expect(ground.tunnel.inspector.rules()).toEqual(rules);
    expect(ground.tunnel.mappings.ranges()).toEqual(['198.18.0.0/15']);
  });

  test('a check leaves nothing behind', () => {
    ground.tunnel.check(
      configOf([rule('DOMAIN', 'a.example', 'proxy')], { dns: { ...defaultConfig.dns, fakeIpRange: '10.64.0.0/16' } }),
    );
    expect(ground.tunnel.inspector.rules()).toHaveLength(1);
    expect(ground.tunnel.mappings.ranges()).toEqual(['198.18.0.0/15']);
  });

  test('with another range restarts what runs; the former range is routed and understood still', async () => {
    await ground.tunnel.machine.start(both);
    const old = await ask('old.example');
    ground.did = [];
    await ground.tunnel.reload(configOf([], { dns: { ...defaultConfig.dns, fakeIpRange: '10.64.0.0/16' } }));
    expect(ground.did).toEqual([
      'sockets 198.18.0.0/15 198.18.0.1/32 fdfe:dcba:9876::/126 /',
      '+routes mirage0 10.64.0.0/16 198.18.0.0/15',
      '+dns 10.64.0.2',
    ]);
    expect(ground.engines.map((each) => each.options.address4)).toEqual(['198.18.0.1', '10.64.0.1']);
    expect(await ask('new.example')).toMatch(/^10\.64\./);
    expect(ground.tunnel.mappings.row(old)).toMatchObject({ name: 'old.example', state: 'retired' });
    expect(ground.tunnel.machine.state.kind).toBe('running');
  });

  test('with other exclusions only renews the routes', async () => {
    await ground.tunnel.machine.start(both);
    ground.did = [];
    await ground.tunnel.reload(configOf([], { tun: { ...defaultConfig.tun, routeExclude: ['10.1.0.0/16'] } }));
    expect(ground.did).toEqual(['+routes mirage0 198.18.0.0/15 10.1.0.0/16']);
    expect(ground.engines).toHaveLength(1);
  });

  test('with another MTU sets it on the device that is there; one that does not take it starts anew', async () => {
    await ground.tunnel.machine.start(both);
    const withMtu = (mtu: number): Config => configOf([], { tun: { ...defaultConfig.tun, mtu } });
    ground.did = [];
    await ground.tunnel.reload(withMtu(1280));
    expect(ground.did).toEqual(['mirage0 mtu 1280', '+routes mirage0 198.18.0.0/15']);
    expect(ground.engines).toHaveLength(1);
    expect(engine().options.mtu).toBe(1280);
    ground.mtuFails = true;
    await ground.tunnel.reload(withMtu(1500));
    expect(ground.engines).toHaveLength(2);
    expect(engine().options.mtu).toBe(1500);
    expect(ground.tunnel.machine.state.kind).toBe('running');
    await ground.tunnel.machine.stop();
    ground.did = [];
    await ground.tunnel.reload(withMtu(9000));
    expect(ground.did).toEqual([]);
  });

  test('answers of the network are forgotten when its servers or its way out have changed, and not for every notice', async () => {
    await ground.tunnel.machine.start(both);
    const reset = vi.spyOn(DnsGraph.prototype, 'reset');
    const settled = async (): Promise<number> => {
      const reviews = engine().reviews;
      ground.networkChanged();
      await eventually(() => expect(engine().reviews).toBeGreaterThan(reviews));
      await new Promise((resolve) => setTimeout(resolve, 20));
      return reset.mock.calls.length;
    };
    expect(await settled()).toBe(0);
    ground.servers = ['10.20.0.53'];
    expect(await settled()).toBe(1);
    expect(await settled()).toBe(1);
    ground.defaults = 'by wlan0';
    expect(await settled()).toBe(2);
    expect(await settled()).toBe(2);
    reset.mockRestore();
  });

  test("a change of the machine's network renews the routes while they are in force, and not otherwise", async () => {
    await ground.tunnel.machine.start(both);
    ground.did = [];
    ground.networkChanged();
    await eventually(() => expect(ground.did).toEqual(['+routes mirage0 198.18.0.0/15']));
    await eventually(() => expect(engine().reviews).toBe(1));
    await ground.tunnel.machine.stop();
    ground.did = [];
    ground.networkChanged();
    await new Promise((resolve) => setImmediate(resolve));
    expect(ground.did).toEqual([]);
  });
});

test('what another program has taken from us is put back: a missing rule alone, a device that is down by a new one', async () => {
  await ground.tunnel.machine.start({ systemDns: true, autoRoute: true });
  ground.did = [];
  ground.missingRoutes = 2;
  ground.ownEvent();
  await eventually(() => expect(ground.did).toEqual(['+routes mirage0 198.18.0.0/15']));
  ground.missingRoutes = 0;
  ground.deviceTrouble = { code: 'DEVICE_DOWN', values: { device: 'mirage0' } };
  const before = ground.engines.length;
  ground.ownEvent();
  await eventually(() => expect(ground.engines.length).toBe(before + 1));
  ground.deviceTrouble = undefined;
  await eventually(() => expect(ground.tunnel.machine.state.kind).toBe('running'));
  expect(ground.did).not.toContain('-dns');
});
