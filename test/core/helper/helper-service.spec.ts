import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, expect, test } from 'vitest';
import { type Config, defaultConfig } from '../../../core/contract/config.ts';
import { warningOf } from '../../../core/contract/warning-texts.ts';
import { leaseMs } from '../../../core/helper/ownership.ts';
import { eventually } from '../../support/eventually.ts';
import { code, helperGround, named, root } from '../../support/helper-ground.ts';
import { anna, bert } from '../../support/memory-tunnel.ts';

const ground = helperGround();
const { boot, call } = ground;

describe('turning on and off', () => {
  test('answers with the state it has led to', async () => {
    const on = await call(anna, 'setEnhanced', { on: true });
    expect(on).toMatchObject({
      tunnel: { kind: 'running', device: 'mirage0' },
      owner: { uid: anna, mode: 'session' },
      mine: true,
    });
    expect(on.changes.map((change) => change.what)).toEqual(['tun', 'dns-server', 'routes', 'system-dns']);
    const off = await call(anna, 'setEnhanced', { on: false });
    expect(off).toMatchObject({ tunnel: { kind: 'stopped' }, owner: null, changes: [] });
  });

  test('who is left without DNS is looked for when it is off, and no more when it is on', async () => {
    await call(anna, 'setEnhanced', { on: true });
    await call(anna, 'setEnhanced', { on: false });
    expect(ground.stranded).toEqual(['end', 'begin']);
  });

  test('a failed start is the answer, is undone, and belongs to nobody', async () => {
    ground.tunnel.failing.add('routes');
    await expect(call(anna, 'setEnhanced', { on: true })).rejects.toThrow(code('SYSTEM_ROUTES_FAILED'));
    expect(await call(anna, 'getSnapshot', {})).toMatchObject({
      tunnel: { kind: 'error', error: { code: 'SYSTEM_ROUTES_FAILED' } },
      owner: null,
      changes: [],
    });
    await call(bert, 'setEnhanced', { on: false });
    expect(ground.clock.pending).toBe(0);
  });

  test('off while starting wins', async () => {
    let release = () => undefined as void;
    ground.tunnel.gate = new Promise((resolve) => {
      release = resolve;
    });
    const on = call(anna, 'setEnhanced', { on: true });
    on.catch(() => undefined);
    await eventually(() => expect(ground.tunnel.machine.state.kind).toBe('starting'));
    const off = call(anna, 'setEnhanced', { on: false });
    release();
    await expect(on).rejects.toThrow('turned off');
    expect(await off).toMatchObject({ tunnel: { kind: 'stopped' }, owner: null });
    expect(ground.tunnel.inForce.size).toBe(0);
  });

  test.each([
    ['off, on', [false, true], 'running'],
    ['on, off, on', [true, false, true], 'running'],
    ['off, on, off', [false, true, false], 'stopped'],
    ['off, off, on, on', [false, false, true, true], 'running'],
    ['on, off, on, off', [true, false, true, false], 'stopped'],
  ] as const)(
    'calls that do not wait for each other, %s: who is on has an owner, and the file agrees',
    async (_, calls, kind) => {
      await call(anna, 'setEnhanced', { on: true, mode: 'persistent' });
      await Promise.allSettled(calls.map((on) => call(anna, 'setEnhanced', { on, mode: 'persistent' })));
      const owner = kind === 'running' ? { uid: anna, mode: 'persistent' } : null;
      expect(await call(anna, 'getSnapshot', {})).toMatchObject({ tunnel: { kind }, owner });
      boot();
      await ground.service.resume();
      expect(await call(anna, 'getSnapshot', {})).toMatchObject({ tunnel: { kind }, owner });
    },
  );

  test('off that cannot undo everything, then on without waiting: on still belongs to somebody', async () => {
    await call(anna, 'setEnhanced', { on: true });
    ground.tunnel.failing.add('undo system-dns');
    const off = call(anna, 'setEnhanced', { on: false });
    const on = call(anna, 'setEnhanced', { on: true });
    await expect(off).rejects.toThrow(code('SYSTEM_DNS_FAILED'));
    expect(await on).toMatchObject({ tunnel: { kind: 'running' }, owner: { uid: anna } });
  });

  test('the switches hold, and are remembered by the next process', async () => {
    await call(anna, 'setSwitches', { systemDns: false });
    expect(await call(anna, 'setEnhanced', { on: true })).toMatchObject({ systemDns: false, autoRoute: true });
    expect([...ground.tunnel.inForce]).toEqual(['tun', 'dns-server', 'routes']);
    await call(anna, 'setSwitches', { systemDns: true, autoRoute: false });
    expect([...ground.tunnel.inForce]).toEqual(['tun', 'dns-server', 'routes', 'system-dns']);
    await call(anna, 'setEnhanced', { on: false });
    boot();
    await ground.service.resume();
    expect(await call(anna, 'getSnapshot', {})).toMatchObject({ systemDns: true, autoRoute: false });
  });

  test('a half that cannot be switched on keeps its switch off', async () => {
    await call(anna, 'setSwitches', { autoRoute: false });
    await call(anna, 'setEnhanced', { on: true });
    ground.tunnel.failing.add('routes');
    await expect(call(anna, 'setSwitches', { autoRoute: true })).rejects.toThrow(code('SYSTEM_ROUTES_FAILED'));
    expect(await call(anna, 'getSnapshot', {})).toMatchObject({ autoRoute: false, tunnel: { kind: 'running' } });
  });

  test("when the data plane dies, it is nobody's and the reason is shown", async () => {
    await call(anna, 'setEnhanced', { on: true });
    await ground.tunnel.machine.died('device gone');
    expect(await call(anna, 'getSnapshot', {})).toMatchObject({
      tunnel: { kind: 'error', error: { message: 'device gone' } },
      owner: null,
      changes: [],
    });
    expect(ground.clock.pending).toBe(0);
  });
});

describe('whose it is', () => {
  beforeEach(async () => {
    await call(anna, 'applyConfig', { config: named('DIRECT') });
    await call(anna, 'setEnhanced', { on: true, mode: 'persistent' });
  });

  test.each([
    ['setEnhanced', { on: false }],
    ['setEnhanced', { on: true }],
    ['setSwitches', { systemDns: false }],
    ['restore', {}],
    ['testRule', { host: 'a.example', port: 443, network: 'tcp' }],
    ['dnsQuery', { name: 'a.example', type: 'A' }],
  ] as const)('another allowed user is refused %s', async (method, params) => {
    await expect(call(bert, method, params)).rejects.toThrow(code('HELPER_IN_USE'));
    expect(ground.tunnel.machine.state.kind).toBe('running');
    expect(ground.ownership.owner).toEqual({ uid: anna, mode: 'persistent' });
  });

  test('another user sees that it is in use, by whom, and no rules', async () => {
    expect(await call(bert, 'getSnapshot', {})).toMatchObject({ owner: { uid: anna }, mine: false });
    expect(await call(bert, 'listRules', {})).toEqual([]);
    expect(await call(anna, 'listRules', {})).toHaveLength(1);
    expect(await call(root, 'listRules', {})).toHaveLength(1);
  });

  test("another user's configuration is checked and kept for later, and does not come into force", async () => {
    await expect(call(bert, 'applyConfig', { config: named('NOWHERE') })).rejects.toThrow(code('CONFIG_INVALID'));
    await call(bert, 'applyConfig', { config: named('REJECT') });
    expect(ground.tunnel.config.rules[0]?.policy).toBe('DIRECT');
    await call(anna, 'setEnhanced', { on: false });
    await call(bert, 'setEnhanced', { on: true });
    expect(ground.tunnel.config.rules[0]?.policy).toBe('REJECT');
  });

  test('another user ends only the connections of their own programs', async () => {
    expect(await call(bert, 'closeFlows', { all: true })).toEqual({ closed: 1 });
    expect(await call(bert, 'closeFlows', { ids: ['a', 'c'] })).toEqual({ closed: 0 });
    expect(ground.tunnel.closed).toEqual(['b']);
    expect(await call(anna, 'closeFlows', { ids: ['c'] })).toEqual({ closed: 1 });
    expect(await call(root, 'closeFlows', { all: true })).toEqual({ closed: 3 });
    expect(await call(anna, 'closeFlows', {})).toEqual({ closed: 0 });
  });

  test('nor is a large message of theirs read', () => {
    const peer = (uid: number) => ({ pid: 1, uid, gid: uid });
    for (const method of ['applyConfig', 'changeMappings'] as const) {
      expect(() => ground.service.admit(method, peer(bert))).toThrow(code('HELPER_IN_USE'));
      for (const uid of [anna, root]) expect(() => ground.service.admit(method, peer(uid))).not.toThrow();
    }
  });

  test('root may turn it off', async () => {
    expect(await call(root, 'setEnhanced', { on: false })).toMatchObject({ tunnel: { kind: 'stopped' }, owner: null });
  });
});

describe('what one user chose', () => {
  const theirs = { systemDns: false, autoRoute: false, dnsMode: 'redir-host' } as const;

  test('is not how another gets it, before and after a restart of the process', async () => {
    await call(bert, 'setSwitches', theirs);
    expect(await call(bert, 'getSnapshot', {})).toMatchObject({ systemDns: false, autoRoute: false });
    for (let round = 0; round < 2; round++) {
      expect(await call(anna, 'setEnhanced', { on: true })).toMatchObject({
        systemDns: true,
        autoRoute: true,
        dnsMode: { mode: 'fake-ip', chosen: false },
      });
      expect([...ground.tunnel.inForce]).toEqual(['tun', 'dns-server', 'routes', 'system-dns']);
      await call(anna, 'setEnhanced', { on: false });
      boot();
      await ground.service.resume();
    }
    expect(await call(bert, 'setEnhanced', { on: true })).toMatchObject({
      systemDns: false,
      autoRoute: false,
      dnsMode: { mode: 'redir-host', chosen: true },
    });
  });

  test('does not come to somebody who takes it while the choice is under way', async () => {
    const outcomes = await Promise.allSettled([
      call(anna, 'setEnhanced', { on: true }),
      call(bert, 'setSwitches', theirs),
      call(bert, 'applyConfig', { config: named('REJECT') }),
      call(bert, 'restore', {}),
    ]);
    expect(outcomes.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled', 'rejected']);
    expect(ground.tunnel.config.rules[0]?.policy).toBe('DIRECT');
    expect(await call(anna, 'getSnapshot', {})).toMatchObject({ tunnel: { kind: 'running' }, systemDns: true });
  });

  test('begun when it was nobody’s, it ends before it is somebody’s', async () => {
    await Promise.allSettled([
      call(bert, 'setSwitches', theirs),
      call(bert, 'applyConfig', { config: named('REJECT') }),
      call(anna, 'setEnhanced', { on: true }),
    ]);
    expect(ground.tunnel.config.rules[0]?.policy).toBe('DIRECT');
    expect(await call(anna, 'getSnapshot', {})).toMatchObject({
      tunnel: { kind: 'running' },
      systemDns: true,
      autoRoute: true,
      dnsMode: { chosen: false },
    });
  });
});

describe('ports that are root’s to open', () => {
  const on = (port: number): Config => ({ ...defaultConfig, mixed: { address: '127.0.0.1', port, users: [] } });

  test.each([1, 22, 53, 80, 443, 1023])('%i is refused to a user', async (port) => {
    await expect(call(anna, 'applyConfig', { config: on(port) })).rejects.toThrow(code('CONFIG_INVALID'));
    expect(ground.tunnel.mixed?.port).not.toBe(port);
  });

  test('1024 is open to all, and any to root', async () => {
    await call(anna, 'applyConfig', { config: on(1024) });
    expect(ground.tunnel.mixed).toMatchObject({ port: 1024 });
    await call(root, 'applyConfig', { config: on(80) });
    expect(ground.tunnel.mixed).toMatchObject({ port: 80 });
  });
});

describe('sessions', () => {
  test('one whose app is gone ends after 20 s: everything is undone', async () => {
    await call(anna, 'setEnhanced', { on: true });
    ground.clock.run(leaseMs - 1);
    expect(await call(anna, 'renewLease', {})).toEqual({ ttlMs: leaseMs, resumed: false });
    ground.clock.run(leaseMs - 1);
    expect(ground.tunnel.machine.state.kind).toBe('running');
    ground.clock.run(1);
    await eventually(() => expect(ground.tunnel.machine.state.kind).toBe('stopped'));
    expect(ground.tunnel.inForce.size).toBe(0);
    expect(ground.ownership.owner).toBeNull();
    boot();
    await ground.service.resume();
    expect(await call(anna, 'renewLease', {})).toEqual({ ttlMs: 0, resumed: false });
  });

  test('persistent has no lease', async () => {
    await call(anna, 'setEnhanced', { on: true, mode: 'persistent' });
    ground.clock.run(100 * leaseMs);
    expect(ground.tunnel.machine.state.kind).toBe('running');
    expect(await call(anna, 'renewLease', {})).toEqual({ ttlMs: 0, resumed: false });
  });

  test('a sign of life of another user, or without a session, starts nothing', async () => {
    expect(await call(anna, 'renewLease', {})).toEqual({ ttlMs: 0, resumed: false });
    await call(anna, 'setEnhanced', { on: true });
    expect(await call(bert, 'renewLease', {})).toEqual({ ttlMs: 0, resumed: false });
  });
});

describe('snapshots', () => {
  test('every change is told to watchers', async () => {
    let told = 0;
    const stop = ground.service.snapshots.watch(() => told++);
    const since = (act: () => unknown) => {
      const before = told;
      act();
      return told - before;
    };
    expect(since(() => ground.health.raise(warningOf('FAKE_IP_TABLE_LOST', {})))).toBe(1);
    await call(anna, 'setEnhanced', { on: true, mode: 'persistent' });
    expect(told).toBeGreaterThan(5);
    ground.tunnel.used = 3;
    expect(since(() => ground.clock.run(5_000))).toBe(1);
    expect(since(() => ground.clock.run(4_000))).toBe(0);
    ground.tunnel.unknown = 1;
    expect(since(() => ground.clock.run(1_000))).toBe(1);
    expect(since(() => ground.clock.run(10_000))).toBe(0);
    stop();
    expect(since(() => ground.health.clear('A'))).toBe(0);
  });

  test('nothing is counted while nobody watches', () => {
    ground.service.snapshots.watch(() => undefined)();
    expect(ground.clock.pending).toBe(0);
  });
});

test('what is remembered is readable by root alone, and no draft stays', async () => {
  await call(anna, 'applyConfig', { config: defaultConfig });
  await call(anna, 'setEnhanced', { on: true, mode: 'persistent' });
  const files = readdirSync(ground.directory).map((name) => [
    name,
    statSync(join(ground.directory, name)).mode & 0o777,
  ]);
  expect(files).toEqual([
    [`config-${anna}.json`, 0o600],
    ['owner.json', 0o600],
  ]);
});
