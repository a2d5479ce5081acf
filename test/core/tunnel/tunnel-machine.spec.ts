import { beforeEach, describe, expect, test } from 'vitest';
import { AppError } from '../../../core/base/app-error.ts';
import { silentLogger } from '../../../core/base/logger.ts';
import type { TunnelState } from '../../../core/contract/status.ts';
import { TunnelMachine } from '../../../core/tunnel/tunnel-machine.ts';
import { ManualClock } from '../../support/manual-clock.ts';
import { names, ScriptedSteps } from './scripted-steps.ts';

const both = { systemDns: true, autoRoute: true };
const undoOrder = ['tun', 'sockets', 'dns-server', 'system-dns', 'routes'];

let script: ScriptedSteps;
let machine: TunnelMachine;
let states: TunnelState[];
const kinds = () => states.map((state) => ('step' in state ? `${state.kind} ${state.step}` : state.kind));

beforeEach(() => {
  script = new ScriptedSteps();
  machine = new TunnelMachine(script, new ManualClock(), silentLogger);
  states = [];
  machine.changed.on((state) => states.push(state));
});

describe('order', () => {
  test('start: TUN, DNS server, routes, system DNS, caches', async () => {
    await machine.start(both);
    expect(script.take()).toEqual(['+tun', '+dns-server', '+routes', '+system-dns', 'flush']);
    expect(kinds()).toEqual([
      'starting tun',
      'starting dns-server',
      'starting routes',
      'starting system-dns',
      'starting flush-caches',
      'running',
    ]);
    expect(machine.state).toEqual({ kind: 'running', since: 1_700_000_000_000, device: 'mirage0' });
  });

  test('stop: TUN, sockets through it, DNS server, system DNS, routes, caches', async () => {
    await machine.start(both);
    script.take();
    states = [];
    await machine.stop();
    expect(script.take()).toEqual(['-tun', 'sockets', '-dns-server', '-system-dns', '-routes', 'flush']);
    expect(kinds()).toEqual([
      'stopping tun',
      'stopping dns-server',
      'stopping system-dns',
      'stopping routes',
      'stopping flush-caches',
      'stopped',
    ]);
  });

  test('stop without start does nothing, twice', async () => {
    await machine.stop();
    await machine.stop();
    expect(script.take()).toEqual([]);
    expect(machine.state).toEqual({ kind: 'stopped' });
  });

  test('a second start changes nothing', async () => {
    await machine.start(both);
    script.take();
    await machine.start(both);
    expect(script.take()).toEqual([]);
  });
});

describe('a failed start', () => {
  test.each(names)(
    'at %s: every begun step, this one too, is undone exactly once, in order; the reason is kept',
    async (name) => {
      script.failing.add(`+${name}`);
      await expect(machine.start(both)).rejects.toThrow(expect.objectContaining({ code: 'SYSTEM_ROUTES_FAILED' }));
      const lines = script.take();
      const begun = lines.filter((line) => line.startsWith('+')).map((line) => line.slice(1));
      expect(begun).toEqual(names.slice(0, names.indexOf(name) + 1));
      const expected = undoOrder.filter(
        (step) => begun.includes(step) || (step === 'sockets' && begun.includes('tun')),
      );
      const undone = lines.slice(begun.length).filter((line) => line !== 'flush');
      expect(undone).toEqual(expected.map((step) => (step === 'sockets' ? step : `-${step}`)));
      expect(machine.state).toMatchObject({
        kind: 'error',
        error: { code: 'SYSTEM_ROUTES_FAILED', message: `+${name} failed` },
      });
    },
  );

  test.each(names)('at %s, and an undo that fails too, does not keep the others from being undone', async (name) => {
    script.failing.add('+system-dns').add(`-${name}`);
    await expect(machine.start(both)).rejects.toThrow('+system-dns failed');
    expect(script.take().filter((line) => line.startsWith('-'))).toEqual([
      '-tun',
      '-dns-server',
      '-system-dns',
      '-routes',
    ]);
    expect(machine.state).toMatchObject({ kind: 'error', error: { message: '+system-dns failed' } });
  });

  test('can be tried again', async () => {
    script.failing.add('+routes');
    await machine.start(both).catch(() => undefined);
    script.failing.clear();
    script.take();
    await machine.start(both);
    expect(script.take()).toEqual(['+tun', '+dns-server', '+routes', '+system-dns', 'flush']);
    expect(machine.state.kind).toBe('running');
  });

  test('caches that cannot be flushed and sockets that cannot be destroyed fail nothing', async () => {
    script.failing.add('flush').add('sockets');
    await machine.start(both);
    await machine.stop();
    expect(machine.state.kind).toBe('stopped');
  });
});

describe('off while starting', () => {
  test.each(names)('during %s: no later step begins, all begun are undone once, the end is stopped', async (name) => {
    let stopping: Promise<void> | undefined;
    script.during.set(`+${name}`, () => {
      stopping = machine.stop();
    });
    await expect(machine.start(both)).rejects.toThrow('turned off while it was starting');
    await stopping;
    const lines = script.take();
    const begun = names.slice(0, names.indexOf(name) + 1);
    expect(lines.filter((line) => line.startsWith('+'))).toEqual(begun.map((step) => `+${step}`));
    expect(lines.filter((line) => line.startsWith('-')).toSorted()).toEqual(begun.map((step) => `-${step}`).toSorted());
    expect(machine.state).toEqual({ kind: 'stopped' });
    expect(kinds()).not.toContain('running');
  });

  test('a step that fails because of it is no error', async () => {
    script.failing.add('+routes');
    script.during.set('+routes', () => void machine.stop());
    await expect(machine.start(both)).rejects.toThrow('turned off');
    await machine.stop();
    expect(machine.state).toEqual({ kind: 'stopped' });
  });

  test('on, off, on in one breath ends running', async () => {
    const [first, , third] = await Promise.allSettled([machine.start(both), machine.stop(), machine.start(both)]);
    expect([first.status, third.status]).toEqual(['rejected', 'fulfilled']);
    expect(machine.state.kind).toBe('running');
  });
});

describe('death of the data plane', () => {
  test('while running: everything is undone, the reason stays', async () => {
    await machine.start(both);
    script.take();
    await machine.died('the device is gone');
    expect(script.take()).toEqual(['-tun', 'sockets', '-dns-server', '-system-dns', '-routes', 'flush']);
    expect(machine.state).toMatchObject({
      kind: 'error',
      error: { code: 'TUN_FAILED', message: 'the device is gone' },
    });
  });

  test.each(names)('during %s: the start fails with that reason', async (name) => {
    let dying: Promise<void> | undefined;
    script.during.set(`+${name}`, () => {
      dying = machine.died('the device is gone');
    });
    await expect(machine.start(both)).rejects.toThrow('the device is gone');
    await dying;
    const lines = script.take();
    expect(lines.filter((line) => line.startsWith('-'))).toHaveLength(
      lines.filter((line) => line.startsWith('+')).length,
    );
    expect(machine.state).toMatchObject({ kind: 'error', error: { message: 'the device is gone' } });
  });

  test('while stopped or stopping it is no news', async () => {
    await machine.died('too late');
    expect(machine.state).toEqual({ kind: 'stopped' });
    await machine.start(both);
    script.during.set('-tun', () => void machine.died('too late'));
    await machine.stop();
    await machine.stop();
    expect(machine.state).toEqual({ kind: 'stopped' });
  });
});

describe('a stop that fails', () => {
  test.each(names)('at %s: the others are undone all the same, and the trouble stays in sight', async (name) => {
    await machine.start(both);
    script.take();
    script.failing.add(`-${name}`);
    await expect(machine.stop()).rejects.toThrow(`-${name} failed`);
    expect(script.take()).toEqual(['-tun', 'sockets', '-dns-server', '-system-dns', '-routes', 'flush']);
    expect(machine.state).toMatchObject({ kind: 'error' });
    await machine.stop();
    expect(script.take()).toEqual([]);
  });
});

describe('the two halves', () => {
  test('start without one of them', async () => {
    await machine.start({ systemDns: false, autoRoute: true });
    expect(script.take()).toEqual(['+tun', '+dns-server', '+routes', 'flush']);
    await machine.stop();
    expect(script.take()).toEqual(['-tun', 'sockets', '-dns-server', '-routes', 'flush']);
  });

  test('change while running', async () => {
    await machine.start(both);
    script.take();
    await machine.setSwitches({ systemDns: false, autoRoute: true });
    expect(script.take()).toEqual(['-system-dns', 'flush']);
    await machine.setSwitches({ systemDns: true, autoRoute: false });
    expect(script.take()).toEqual(['+routes', '+system-dns', 'captured', 'flush']);
    await machine.setSwitches({ systemDns: true, autoRoute: false });
    expect(script.take()).toEqual([]);
    await machine.setSwitches({ systemDns: false, autoRoute: false });
    expect(script.take()).toEqual(['-system-dns', 'flush']);
    await machine.stop();
    expect(script.take()).toEqual(['-tun', 'sockets', '-dns-server', '-routes', 'flush']);
  });

  test('system DNS alone has its routes too; fewer that cannot be had leave those in force', async () => {
    await machine.start({ systemDns: true, autoRoute: false });
    expect(script.take()).toEqual(['+tun', '+dns-server', '+routes', '+system-dns', 'flush']);
    await machine.setSwitches(both);
    expect(script.take()).toEqual(['+routes', 'flush']);
    script.failing.add('+routes');
    await expect(machine.setSwitches({ systemDns: true, autoRoute: false })).rejects.toThrow('+routes failed');
    expect(script.take()).toEqual(['+routes', 'flush']);
    await machine.stop();
    expect(script.take()).toEqual(['-tun', 'sockets', '-dns-server', '-system-dns', '-routes', 'flush']);
  });

  test('one that cannot be begun is undone, told, and the rest goes on', async () => {
    await machine.start({ systemDns: false, autoRoute: true });
    script.take();
    script.failing.add('+system-dns');
    await expect(machine.setSwitches(both)).rejects.toThrow('+system-dns failed');
    expect(script.take()).toEqual(['+system-dns', '-system-dns', 'flush']);
    expect(machine.state.kind).toBe('running');
  });

  test('change while stopped touches nothing', async () => {
    await machine.setSwitches(both);
    expect(script.take()).toEqual([]);
  });
});

describe('a change that needs a restart', () => {
  test.each([
    [both, ['+routes', '+system-dns']],
    [{ systemDns: false, autoRoute: true }, ['+routes']],
    [{ systemDns: true, autoRoute: false }, ['+routes', '+system-dns']],
  ])('ends the device alone; what keeps everything closed is never undone (%o)', async (switches, adopted) => {
    await machine.start(switches);
    script.take();
    states = [];
    await machine.restart(() => script.lines.push('change'));
    const anew = ['-tun', 'sockets', '-dns-server', 'change', '+tun', '+dns-server'];
    expect(script.take()).toEqual([...anew, ...adopted, 'flush']);
    expect(kinds()).not.toContain('stopped');
    expect(machine.state.kind).toBe('running');
  });

  test('that is refused: the device begins again without it, and whoever asked is told', async () => {
    await machine.start(both);
    script.take();
    const refuse = () => {
      throw new AppError('FAKE_IP_STORE', 'the disk is full');
    };
    await expect(machine.restart(refuse)).rejects.toThrow('the disk is full');
    expect(script.take()).toContain('+system-dns');
    expect(machine.state.kind).toBe('running');
  });

  test.each(names)('after which %s cannot begin: everything is undone, what was never begun anew too', async (name) => {
    await machine.start(both);
    script.take();
    script.failing.add(`+${name}`);
    await expect(machine.restart(() => undefined)).rejects.toThrow(`+${name} failed`);
    const undone = script.take().filter((line) => line.startsWith('-'));
    expect(undone.slice(-2)).toEqual(['-system-dns', '-routes']);
    expect(machine.state.kind).toBe('error');
    await machine.stop();
    expect(script.take()).toEqual([]);
  });

  test('while stopped is only made', async () => {
    await machine.restart(() => script.lines.push('change'));
    expect(script.take()).toEqual(['change']);
    expect(machine.state).toEqual({ kind: 'stopped' });
  });

  test('after which it cannot begin again is made all the same, and the reason is shown', async () => {
    await machine.start(both);
    script.take();
    script.failing.add('+tun');
    await expect(machine.restart(() => script.lines.push('change'))).rejects.toThrow('+tun failed');
    expect(script.take()).toContain('change');
    expect(machine.state.kind).toBe('error');
  });

  test('and off meanwhile ends stopped', async () => {
    await machine.start(both);
    let stopping: Promise<void> | undefined;
    script.during.set('-tun', () => {
      stopping = machine.stop();
    });
    await expect(machine.restart(() => undefined)).rejects.toThrow('turned off');
    await stopping;
    expect(machine.state).toEqual({ kind: 'stopped' });
    expect(script.take().filter((line) => line.startsWith('-'))).toEqual([
      '-tun',
      '-dns-server',
      '-system-dns',
      '-routes',
    ]);
  });
});

test('a step is begun once more only while it is in force, and is undone once all the same', async () => {
  await machine.refresh('routes');
  expect(script.take()).toEqual([]);
  await machine.start(both);
  script.take();
  await machine.refresh('routes');
  expect(script.take()).toEqual(['+routes']);
  script.failing.add('+routes');
  await expect(machine.refresh('routes')).rejects.toThrow('+routes failed');
  expect(machine.state.kind).toBe('running');
  script.take();
  await Promise.all([machine.stop(), machine.refresh('routes')]);
  expect(script.take()).toEqual(['-tun', 'sockets', '-dns-server', '-system-dns', '-routes', 'flush']);
});

test('what must not meet a step runs between commands, and only when nothing is begun', async () => {
  const task = async () => void script.lines.push('task');
  await machine.whenStopped(task);
  expect(script.take()).toEqual(['task']);
  const stopped = Promise.all([
    machine.start(both),
    machine.whenStopped(task),
    machine.stop(),
    machine.whenStopped(task),
  ]);
  await stopped.catch(() => undefined);
  await machine.stop();
  expect(script.take().filter((line) => line === 'task')).toEqual(['task', 'task']);
  await machine.start(both);
  script.take();
  await machine.whenStopped(task);
  expect(script.take()).toEqual([]);
});
