/** The network comes back whatever has become of the helper, its files and the disk: each ruin after a kill -9 while on. */
import fs from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { systemClock } from '../../../core/base/clock.ts';
import { defaultConfig } from '../../../core/contract/config.ts';
import { RpcClient } from '../../../core/rpc/rpc-client.ts';
import { type Finished, Lab, type Machine, type Running } from '../../support/lab.ts';
import { root } from '../../support/source-graph.ts';
import { describeInLab } from '../../support/tier.ts';

const main = path.join(root, 'dist/helper/main.js');
/** As an addon that does not load. */
const withoutAddon = `data:text/javascript,process.dlopen=()=>{throw new Error('invalid ELF header')}`;

describeInLab('restore', () => {
  let lab: Lab;
  let machine: Machine;
  let stateDir: string;
  let runtimeDir: string;
  let helper: Running;

  beforeAll(async () => {
    lab = new Lab();
    fs.chmodSync(lab.directory, 0o755);
    machine = await lab.machine('client');
    const router = await lab.machine('router');
    await lab.link(machine, '10.20.0.2/24', router, '10.20.0.1/24');
    // A disk of its own for /etc, and one for the state, that can be filled.
    await machine.sh(
      `ip route add default via 10.20.0.1; cp -a /etc /run/etc; mount -t tmpfs -o size=16m tmpfs /etc; cp -a /run/etc/. /etc/; mkdir ${machine.directory}/disk; mount -t tmpfs -o size=2m tmpfs ${machine.directory}/disk`,
    );
    stateDir = path.join(machine.directory, 'disk/state');
    runtimeDir = path.join(machine.directory, 'run');
  });
  afterAll(() => lab?.[Symbol.asyncDispose]());

  const args = ['--developer', '--state-dir', '', '--runtime-dir', ''];
  const argsNow = () => args.map((word, i) => (word === '' ? (i === 2 ? stateDir : runtimeDir) : word));
  const restore = (...before: string[]): Promise<Finished> =>
    machine.run(process.execPath, [...before, main, ...argsNow(), '--restore']);

  async function turnOn(): Promise<void> {
    helper = machine.spawn(process.execPath, [main, ...argsNow()]);
    await helper.printed(/info helper: ready/);
    const client = new RpcClient({
      socketPath: path.join(runtimeDir, 'helper.sock'),
      version: 'test',
      clock: systemClock,
    });
    await client.connectOnce();
    const tun = { ...defaultConfig.tun, strictRoute: true };
    await client.call('applyConfig', { config: { ...defaultConfig, tun } });
    await client.call('setEnhanced', { on: true, mode: 'persistent' });
    await client.close();
  }

  const asFile = `rm -f /etc/resolv.conf; printf 'nameserver 10.20.0.1\\nsearch lan.example\\n# the end' > /etc/resolv.conf; chmod 640 /etc/resolv.conf`;
  const asLink = `rm -f /etc/resolv.conf; printf 'nameserver 10.20.0.1\\n' > /run/dhcp.conf; ln -s ../run/dhcp.conf /etc/resolv.conf`;
  const fill = (directory: string) =>
    `dd if=/dev/zero of=${directory}/fill bs=4k 2>/dev/null || dd if=/dev/zero of=${directory}/rest bs=1 2>/dev/null || true`;
  /** Whatever a test has left. */
  const mend = () =>
    `umount -l /etc/resolv.conf 2>/dev/null || true; mount -o remount,rw ${machine.directory}/disk; rm -rf /etc/fill /etc/rest ${machine.directory}/disk/* ${runtimeDir}`;

  test.each<[string, string, (journal: string) => string]>([
    ['/etc is full, a file', asFile, () => fill('/etc')],
    ['/etc is full, a link', asLink, () => fill('/etc')],
    [
      '/etc/resolv.conf is bound',
      `${asFile}; cp -a /etc/resolv.conf /run/bound; mount --bind /run/bound /etc/resolv.conf`,
      () => 'true',
    ],
    ['the state directory is full', asFile, () => fill(path.dirname(stateDir))],
    ['the state directory is read-only', asLink, () => `mount -o remount,ro ${machine.directory}/disk`],
    ['the state directory is gone', asLink, () => `rm -rf ${stateDir}`],
    ['the state directory is of another user', asFile, () => `chown 1234 ${stateDir}`],
    ['the journal is a directory', asFile, (journal) => `rm ${journal}; mkdir -p ${journal}/deep`],
    ['the journal is a FIFO', asLink, (journal) => `rm ${journal}; mkfifo ${journal}`],
    [
      'the journal is a link to a FIFO',
      asFile,
      (journal) => `rm ${journal}; mkfifo ${stateDir}/fifo; ln -s fifo ${journal}`,
    ],
    ['the journal is endless', asFile, (journal) => `rm ${journal}; truncate -s 100G ${journal}`],
    ['the lock is a FIFO', asFile, () => `rm ${stateDir}/helper.lock; mkfifo ${stateDir}/helper.lock`],
  ])('%s', async (_what, setUp, ruin) => {
    await machine.sh(setUp);
    const before = await machine.networkState();
    await turnOn();
    expect(await machine.networkState()).not.toBe(before);
    await helper.stop('SIGKILL');
    await machine.sh(ruin(path.join(stateDir, 'undo-journal.json')));
    const result = await restore();
    const after = await machine.networkState();
    await machine.sh(mend());
    expect(after, result.stdout + result.stderr).toBe(before);
    expect(result.code, result.stdout + result.stderr).toBe(0);
  });

  test.each<[string, string]>([
    ['a link to a FIFO', 'mkfifo /run/fifo; ln -s /run/fifo /etc/resolv.conf'],
    ['a FIFO', 'mkfifo /etc/resolv.conf'],
    ['a directory', 'mkdir /etc/resolv.conf'],
  ])('somebody has made resolv.conf %s: it stays, the rest comes back', async (_what, exchange) => {
    await machine.sh(asFile);
    const rules = await machine.sh('ip rule; ip -6 rule; ip route show table all; ip -o link');
    await turnOn();
    await helper.stop('SIGKILL');
    await machine.sh(`rm -f /etc/resolv.conf; ${exchange}`);
    const result = await restore();
    expect(result, result.stdout + result.stderr).toMatchObject({ code: 0 });
    expect(await machine.sh('ip rule; ip -6 rule; ip route show table all; ip -o link')).toBe(rules);
    await machine.sh(`rm -rf /etc/resolv.conf /run/fifo; ${mend()}`);
  });

  test('without the addon, by --restore and by a helper that cannot start', async () => {
    await machine.sh(asLink);
    const before = await machine.networkState();
    await turnOn();
    await helper.stop('SIGKILL');
    expect(await restore('--import', withoutAddon)).toMatchObject({ code: 0 });
    expect(await machine.networkState()).toBe(before);
    await turnOn();
    await helper.stop('SIGKILL');
    const start = await machine.run(process.execPath, ['--import', withoutAddon, main, ...argsNow()]);
    expect(start).toMatchObject({ code: 70, stderr: expect.stringContaining('invalid ELF header') });
    expect(await machine.networkState()).toBe(before);
    await machine.sh(mend());
  });

  test('beside a helper that is stopped (SIGSTOP): it is ended, and never wakes to change the network again', async () => {
    await machine.sh(asFile);
    const before = await machine.networkState();
    await turnOn();
    await machine.sh(`for pid in $(fuser ${stateDir}/helper.lock 2>/dev/null); do kill -STOP $pid; done`);
    const result = await restore();
    expect(result.stdout).toContain('it is ended');
    expect(result.code, result.stdout + result.stderr).toBe(0);
    expect(await machine.networkState()).toBe(before);
    expect(helper.process.exitCode ?? helper.process.signalCode).not.toBeNull();
    await machine.sh(mend());
  });
});
