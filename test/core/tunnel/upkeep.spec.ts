import { beforeEach, expect, test, vi } from 'vitest';
import { silentLogger } from '../../../core/base/logger.ts';
import { Health } from '../../../core/helper/health.ts';
import { TunnelMachine, type TunnelSteps } from '../../../core/tunnel/tunnel-machine.ts';
import { Upkeep } from '../../../core/tunnel/upkeep.ts';
import { ManualClock } from '../rpc/manual-clock.ts';

let clock: ManualClock;
let health: Health;
let machine: TunnelMachine;
let upkeep: Upkeep;
let did: string[];
let trouble: string | undefined;
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
  clock.advance(50);
  await vi.waitFor(() => expect(machine.state.kind).toMatch(/running|error/));
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

test('a device that is not as it was is made anew, with routes and DNS in force meanwhile', async () => {
  trouble = 'the interface mirage0 was taken down';
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
  clock.advance(12_000);
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

test('while it is off nothing is looked at', async () => {
  await machine.stop();
  did = [];
  missing = 1;
  upkeep.check();
  expect(clock.pending).toBe(0);
  expect(did).toEqual([]);
});
