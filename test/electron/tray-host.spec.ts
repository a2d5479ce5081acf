/** Against a real message bus, with and without a watcher on it. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { afterEach, describe, expect, test } from 'vitest';
import { hasTrayHost, unixPathOf } from '../../electron/tray-host.ts';
import { root } from '../support/source-graph.ts';

const uid = process.getuid?.() ?? 0;
const children: ChildProcess[] = [];

afterEach(async () => {
  for (const child of children.splice(0).reverse()) {
    child.kill('SIGTERM');
    if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
  }
});

async function firstLine(program: string, args: string[], env: NodeJS.ProcessEnv = process.env): Promise<string> {
  const child = spawn(program, args, { stdio: ['pipe', 'pipe', 'ignore'], env });
  children.push(child);
  const [line] = (await once(createInterface(child.stdout), 'line')) as [string];
  return line;
}

const startBus = () => firstLine('dbus-daemon', ['--session', '--nofork', '--print-address']);
const startWatcher = (bus: string, ...args: string[]) =>
  firstLine('/usr/bin/python3', [`${root}test/support/status-notifier-host.py`, ...args], {
    ...process.env,
    DBUS_SESSION_BUS_ADDRESS: bus,
  });

const hasBus = spawnSync('dbus-daemon', ['--version']).status === 0;
const hasBindings = spawnSync('/usr/bin/python3', ['-c', 'import dbus, gi']).status === 0;

describe.skipIf(!hasBus || !hasBindings)('on a real bus (needs dbus and python3-dbus, python3-gi)', () => {
  test('nobody there', async () => {
    expect(await hasTrayHost(await startBus(), uid)).toBe(false);
  });

  test('a watcher with a host', async () => {
    const bus = await startBus();
    await startWatcher(bus);
    expect(await hasTrayHost(bus, uid)).toBe(true);
  });

  test('a watcher without a host shows no icons', async () => {
    const bus = await startBus();
    await startWatcher(bus, '--no-host');
    expect(await hasTrayHost(bus, uid)).toBe(false);
  });
});

test('no bus, or none that answers, is no tray', async () => {
  expect(await hasTrayHost(undefined, uid)).toBe(false);
  expect(await hasTrayHost('unix:path=/nonexistent/bus', uid)).toBe(false);
  expect(await hasTrayHost('tcp:host=localhost,port=1', uid)).toBe(false);
});

test.each([
  ['unix:path=/run/user/1000/bus', '/run/user/1000/bus'],
  ['unix:abstract=/tmp/dbus-x,guid=0a', '\0/tmp/dbus-x'],
  ['unix:guid=0a,path=/tmp/with%20space', '/tmp/with space'],
  ['tcp:host=x;unix:path=/second', '/second'],
  ['launchd:env=X', undefined],
])('the socket of %s', (address, path) => expect(unixPathOf(address)).toBe(path));
