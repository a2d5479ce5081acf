import { beforeEach, expect, test } from 'vitest';
import { silentLogger } from '../../../core/base/logger.ts';
import type { Cause } from '../../../core/contract/causes.ts';
import { Health } from '../../../core/helper/health.ts';
import { TunnelMachine, type TunnelSteps } from '../../../core/tunnel/tunnel-machine.ts';
import { Upkeep } from '../../../core/tunnel/upkeep.ts';
import { eventually } from '../../support/eventually.ts';
import { ManualClock } from '../../support/manual-clock.ts';

let clock: ManualClock;
let health: Health;
let machine: TunnelMachine;
let upkeep: Upkeep;
let did: string[];
let trouble: Cause | undefined;
let missing: number;
let failing: string;

beforeEach(async () => {
  clock = new ManualClock();
  health = new Health();
  did = [];
  trouble = undefined;
  missing = 0;
  failing = '';
  const act = (name: string) => async () => {
    did.push(name);
    if (name === failing) throw new Error(`${name} failed`);
    if (name === '+routes') missing = 0;
    if (name === '+tun') trouble = undefined;
  };
  const step = (name: string) => ({ begin: act(`+${name}`), undo: act(`-${name}`) });
  const steps: TunnelSteps = {
    steps: {
      tun: step('tun'),
      'dns-server': step('dns-server'),
      routes: step('routes'),
      'system-dns': step('system-dns'),
    },
    destroySockets: async () => undefined,
    flushCaches: async () => undefined,
    device: () => 'mirage0',
  };
  machine = new TunnelMachine(steps, clock, silentLogger);
  upkeep = new Upkeep({
    machine,
    deviceTrouble: async () => trouble,
    missingRoutes: async () => missing,
    putBackRoutes: async () => {
      const added = missing;
      missing = 0;
      did.push('put back');
      return added;
    },
    health,
    clock,
    log: silentLogger,
  });
  await machine.start({ systemDns: true, autoRoute: true });
  did = [];
});

/** An event, and what comes of it. */
async function event(): Promise<void> {
  upkeep.check();
  clock.run(50);
  await eventually(() => expect(machine.state.kind).toMatch(/running|error/));
  await new Promise((resolve) => setTimeout(resolve, 5));
}

test('an event that has changed nothing of ours does nothing', async () => {
  await event();
  expect([did, health.warnings()]).toEqual([[], []]);
});

test('a burst of events is one look', async () => {
  missing = 3;
  for (let i = 0; i < 100; i++) upkeep.check();
  expect(clock.pending).toBe(1);
  await event();
  expect(did).toEqual(['+routes']);
});

test('what is missing is added again, and said', async () => {
  missing = 7;
  await event();
  expect(did).toEqual(['+routes']);
  expect(health.warnings()).toMatchObject([
    { code: 'NETWORK_CHANGED_BY_OTHERS', text: expect.stringContaining('7 of') },
  ]);
  await machine.stop();
  expect(health.warnings()).toEqual([]);
});

/** Something of ours was removed, and what comes of it. */
async function removal(count: number): Promise<void> {
  missing = count;
  upkeep.removed();
  await new Promise((resolve) => setTimeout(resolve, 5));
}

test('what is removed is put back without waiting, and said; what we removed ourselves is not', async () => {
  await removal(0);
  expect([did, health.warnings()]).toEqual([['put back'], []]);
  await removal(9);
  expect(did).toEqual(['put back', 'put back']);
  expect(health.warnings()).toMatchObject([
    { code: 'NETWORK_CHANGED_BY_OTHERS', text: expect.stringContaining('9 of') },
  ]);
  await event();
  expect(did).toEqual(['put back', 'put back']);
});

test('removals that go on while they are put back are one repair, and nothing of them is missed', async () => {
  for (let i = 0; i < 9; i++) upkeep.removed();
  await removal(3);
  expect(did).toEqual(['put back', 'put back']);
  for (let i = 0; i < 20; i++) await removal(1);
  trouble = { code: 'DEVICE_ADDRESS', values: { device: 'mirage0', address: '198.18.0.1' } };
  await event();
  expect(machine.state.kind).toBe('running');
});

test('whoever removes them again and again turns it off', async () => {
  for (let i = 0; i < 6; i++) {
    clock.run(500);
    await removal(1);
  }
  expect(machine.state).toMatchObject({
    kind: 'error',
    error: { message: expect.stringContaining('again and again') },
  });
  await removal(1);
  expect(machine.state.kind).toBe('error');
});

test('a device that is not as it was is made anew, with routes and DNS in force meanwhile', async () => {
  trouble = { code: 'DEVICE_DOWN', values: { device: 'mirage0' } };
  await event();
  expect(did).toEqual(['-tun', '-dns-server', '+tun', '+dns-server', '+routes', '+system-dns']);
  expect(machine.state.kind).toBe('running');
});

test('five times a minute, and then off with the reason; later there are new ones', async () => {
  for (let i = 0; i < 5; i++) {
    missing = 1;
    await event();
    expect(machine.state.kind).toBe('running');
  }
  missing = 1;
  await event();
  expect(machine.state).toMatchObject({
    kind: 'error',
    error: { message: expect.stringContaining('again and again') },
  });
  expect(did.slice(-4)).toEqual(['-tun', '-dns-server', '-system-dns', '-routes']);
  await machine.start({ systemDns: true, autoRoute: true });
  clock.run(12_000);
  missing = 1;
  await event();
  expect(machine.state.kind).toBe('running');
});

test('what cannot be put back ends it', async () => {
  failing = '+routes';
  missing = 1;
  await event();
  expect(machine.state).toMatchObject({ kind: 'error', error: { message: expect.stringContaining('+routes failed') } });
});

test('a device that was deleted is made anew, with routes and DNS in force meanwhile; not for ever', async () => {
  for (let i = 0; i < 5; i++) {
    did = [];
    upkeep.deviceLost('mirage0', 'the TUN device is gone');
    await eventually(() => expect(did.at(-1)).toBe('+system-dns'));
    await eventually(() => expect(machine.state.kind).toBe('running'));
    expect(did).toEqual(['-tun', '-dns-server', '+tun', '+dns-server', '+routes', '+system-dns']);
  }
  await eventually(() => expect(health.warnings()).toMatchObject([{ code: 'NETWORK_CHANGED_BY_OTHERS' }]));
  upkeep.deviceLost('mirage0', 'the TUN device is gone');
  await eventually(() => expect(machine.state.kind).toBe('error'));
  expect(did.slice(-4)).toEqual(['-tun', '-dns-server', '-system-dns', '-routes']);
});

test('a device that is lost while it is turned off is no reason to warn', async () => {
  const off = machine.stop();
  upkeep.deviceLost('mirage0', 'the TUN device is gone');
  await off;
  await new Promise((resolve) => setTimeout(resolve, 5));
  expect([machine.state.kind, health.warnings()]).toEqual(['stopped', []]);
});

test('while it is off nothing is looked at', async () => {
  await machine.stop();
  did = [];
  missing = 1;
  upkeep.check();
  expect(clock.pending).toBe(0);
  expect(did).toEqual([]);
});
