import { describe, expect, test } from 'vitest';
import { leaseMs, returnMs } from '../../../core/helper/ownership.ts';
import { helperGround, named } from '../../support/helper-ground.ts';
import { anna, bert } from '../../support/memory-tunnel.ts';

const ground = helperGround();
const { boot, call } = ground;

describe('after the process was killed', () => {
  test('in the middle of turning off: what was wanted is remembered, and nobody resumes', async () => {
    await call(anna, 'setEnhanced', { on: true, mode: 'persistent' });
    const off = call(anna, 'setEnhanced', { on: false });
    expect(ground.tunnel.machine.state.kind).not.toBe('stopped');
    expect(ground.owners.load().owner).toBeNull();
    await off;
  });

  test('persistent goes on at once, with the configuration of its user', async () => {
    await call(anna, 'applyConfig', { config: named('REJECT') });
    await call(anna, 'setEnhanced', { on: true, mode: 'persistent' });
    boot();
    await ground.service.resume();
    expect(await call(anna, 'getSnapshot', {})).toMatchObject({
      tunnel: { kind: 'running' },
      owner: { uid: anna, mode: 'persistent' },
    });
    expect(ground.tunnel.config).toEqual(named('REJECT'));
  });

  test('a session goes on when its app renews the lease within 60 s', async () => {
    await call(anna, 'applyConfig', { config: named('REJECT') });
    await call(anna, 'setEnhanced', { on: true });
    boot();
    await ground.service.resume();
    expect(await call(anna, 'getSnapshot', {})).toMatchObject({ tunnel: { kind: 'stopped' }, owner: null });
    ground.clock.run(returnMs - 1);
    expect(await call(bert, 'renewLease', {})).toEqual({ ttlMs: 0, resumed: false });
    expect(await call(anna, 'renewLease', {})).toEqual({ ttlMs: leaseMs, resumed: true });
    expect(await call(anna, 'getSnapshot', {})).toMatchObject({
      tunnel: { kind: 'running' },
      owner: { uid: anna, mode: 'session' },
    });
    expect(ground.tunnel.config).toEqual(named('REJECT'));
  });

  test('a session whose app does not come back is over, and nothing has been touched', async () => {
    await call(anna, 'setEnhanced', { on: true });
    boot();
    await ground.service.resume();
    ground.clock.run(returnMs);
    expect(await call(anna, 'renewLease', {})).toEqual({ ttlMs: 0, resumed: false });
    expect([ground.tunnel.inForce.size, ground.tunnel.reloads, ground.tunnel.mixed]).toEqual([0, 0, null]);
  });

  test('without an owner, nothing is touched', async () => {
    await call(anna, 'setEnhanced', { on: true });
    await call(anna, 'setEnhanced', { on: false });
    boot();
    await ground.service.resume();
    expect([
      ground.tunnel.machine.state.kind,
      ground.tunnel.inForce.size,
      ground.tunnel.mixed,
      ground.clock.pending,
    ]).toEqual(['stopped', 0, null, 0]);
  });

  test('an orderly end of the process undoes everything and is no end of the owner', async () => {
    await call(anna, 'setEnhanced', { on: true, mode: 'persistent' });
    await ground.service.stop();
    expect([ground.tunnel.machine.state.kind, ground.tunnel.inForce.size, ground.tunnel.mixed]).toEqual([
      'stopped',
      0,
      null,
    ]);
    boot();
    await ground.service.resume();
    expect(ground.tunnel.machine.state.kind).toBe('running');
  });

  test('what cannot be resumed is shown, and tried again by the next process', async () => {
    await call(anna, 'setEnhanced', { on: true, mode: 'persistent' });
    boot();
    ground.tunnel.failing.add('routes');
    await ground.service.resume();
    expect(await call(anna, 'getSnapshot', {})).toMatchObject({ tunnel: { kind: 'error' }, owner: null, changes: [] });
    boot();
    await ground.service.resume();
    expect(ground.tunnel.machine.state.kind).toBe('running');
  });
});

describe('inherit', () => {
  const left = [{ id: 'trace-0', what: 'ip rule', where: 'table 5380', since: 0 }];

  test('what nobody is to resume is undone, also without a record', async () => {
    ground.leftovers = [...left];
    await ground.service.inherit();
    expect(ground.leftovers).toEqual([]);
  });

  test('what another helper has in force stays', async () => {
    ground.leftovers = [...left];
    ground.otherDevice = 'mirage0';
    await ground.service.inherit();
    expect(ground.leftovers).toEqual(left);
  });
});

describe('restore', () => {
  test('turns off, undoes what the journal still has, and tells all of it', async () => {
    await call(anna, 'setEnhanced', { on: true, mode: 'persistent' });
    ground.leftovers = [{ id: '77', what: 'old ip rule', where: 'table 5380', since: 1 }];
    const { undone } = await call(anna, 'restore', {});
    expect(undone.map((change) => change.what)).toEqual(['tun', 'dns-server', 'routes', 'system-dns', 'old ip rule']);
    expect(await call(anna, 'getSnapshot', {})).toMatchObject({
      tunnel: { kind: 'stopped' },
      owner: null,
      changes: [],
    });
    boot();
    await ground.service.resume();
    expect(ground.tunnel.machine.state.kind).toBe('stopped');
  });

  test('goes on from the journal when the orderly way fails', async () => {
    await call(anna, 'setEnhanced', { on: true });
    ground.tunnel.failing.add('undo system-dns');
    ground.leftovers = [{ id: 'system-dns', what: 'system-dns', where: 'here', since: 0 }];
    const { undone } = await call(anna, 'restore', {});
    expect(undone.map((change) => change.what)).toEqual(['tun', 'dns-server', 'routes', 'system-dns']);
  });
});
