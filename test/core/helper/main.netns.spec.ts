/** The helper as a process, from its sources, in a machine made of namespaces: arguments, exit codes, locks, signals. */
import fs from 'node:fs';
import path from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { systemClock } from '../../../core/base/clock.ts';
import { readTopic } from '../../../core/cli/topic-reader.ts';
import { defaultConfig } from '../../../core/contract/config.ts';
import type { Result } from '../../../core/contract/rpc.ts';
import type { OwnerMode } from '../../../core/contract/status.ts';
import { RpcClient } from '../../../core/rpc/rpc-client.ts';
import { type Finished, Lab, type Machine, type Running } from '../../support/lab.ts';
import { root } from '../../support/source-graph.ts';
import { describeInLab } from '../../support/tier.ts';

const main = path.join(root, 'core/helper/main.ts');
const allowedUid = 1234;

describeInLab('the helper process', () => {
  let lab: Lab;
  let machine: Machine;
  let stateDir: string;
  let runtimeDir: string;
  let before: string;

  beforeEach(async () => {
    lab = new Lab();
    fs.chmodSync(lab.directory, 0o755);
    machine = await lab.machine('client');
    const router = await lab.machine('router');
    await lab.link(machine, '10.20.0.2/24', router, '10.20.0.1/24');
    await machine.sh('ip route add default via 10.20.0.1');
    await machine.write('/etc/resolv.conf', 'nameserver 10.20.0.1\n');
    stateDir = path.join(machine.directory, 'state');
    runtimeDir = path.join(machine.directory, 'run');
    before = await machine.networkState();
  });
  afterEach(() => lab[Symbol.asyncDispose]());

  const args = (...more: string[]) => [
    main,
    '--developer',
    '--state-dir',
    stateDir,
    '--runtime-dir',
    runtimeDir,
    '--allow-uid',
    String(allowedUid),
    ...more,
  ];
  const run = (...more: string[]): Promise<Finished> => machine.run(process.execPath, args(...more));

  async function start(): Promise<Running> {
    const helper = machine.spawn(process.execPath, args());
    await helper.printed(/info helper: ready/);
    return helper;
  }

  /** Calls a method from this process, which is root's; the socket is reached by its file. */
  function call(on?: boolean, mode: OwnerMode = 'persistent'): Promise<Result<'getSnapshot'>> {
    return asClient((client) =>
      on === undefined ? client.call('getSnapshot', {}) : client.call('setEnhanced', { on, mode }),
    );
  }

  async function asClient<R>(work: (client: RpcClient) => Promise<R>): Promise<R> {
    const client = new RpcClient({
      socketPath: path.join(runtimeDir, 'helper.sock'),
      version: 'test',
      clock: systemClock,
    });
    try {
      await client.connectOnce();
      return await work(client);
    } finally {
      await client.close();
    }
  }

  test('says what it can, and what was wrong with its arguments', async () => {
    expect(await machine.run(process.execPath, [main, '--version'])).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(/^\d+\.\d+\.\d+\n$/),
    });
    expect(await machine.run(process.execPath, [main, '--help'])).toMatchObject({
      code: 0,
      stdout: expect.stringContaining('--allow-uid'),
    });
    expect(await machine.run(process.execPath, [main, '--nonsense'])).toMatchObject({
      code: 64,
      stderr: expect.stringContaining('--nonsense'),
    });
  });

  test('starting and ending touch nothing', async () => {
    const helper = await start();
    expect(await machine.networkState()).toBe(before);
    expect(await call()).toMatchObject({ tunnel: { kind: 'stopped' }, mixed: null, owner: null, changes: [] });
    expect(await helper.stop('SIGTERM')).toBe(0);
    expect(await machine.networkState()).toBe(before);
    expect(fs.existsSync(path.join(runtimeDir, 'helper.sock'))).toBe(false);
  });

  test.each(['SIGTERM', 'SIGINT', 'SIGHUP'] as const)('%s while on undoes everything; exit code 0', async (signal) => {
    const helper = await start();
    expect(await call(true)).toMatchObject({ tunnel: { kind: 'running', device: 'mirage0' }, owner: { uid: 0 } });
    expect(await machine.networkState()).not.toBe(before);
    expect(await helper.stop(signal)).toBe(0);
    expect(await machine.networkState()).toBe(before);
  });

  test('SIGTERM in the middle of a start undoes what was begun', async () => {
    const helper = await start();
    const starting = call(true).catch(() => undefined);
    await helper.printed(/device is up/);
    expect(await helper.stop('SIGTERM')).toBe(0);
    await starting;
    expect(await machine.networkState()).toBe(before);
  });

  test('a defect that nobody caught: everything is undone, exit code 70', async () => {
    const defect = `data:text/javascript,process.on('SIGUSR2',()=>{throw new Error('injected')})`;
    const helper = machine.spawn(process.execPath, ['--import', defect, ...args()]);
    await helper.printed(/info helper: ready/);
    await call(true);
    expect(await helper.stop('SIGUSR2')).toBe(70);
    expect(helper.output).toContain('injected');
    expect(await machine.networkState()).toBe(before);
  });

  test('a second one on the same directories does not start, and disturbs nothing', async () => {
    await start();
    await call(true);
    expect(await run()).toMatchObject({ code: 75, stderr: expect.stringContaining('another helper is running') });
    expect(await call()).toMatchObject({ tunnel: { kind: 'running' } });
  });

  test('--restore asks the living helper, which stays', async () => {
    const helper = await start();
    await call(true);
    const restored = await run('--restore');
    expect(restored).toMatchObject({ code: 0, stdout: expect.stringContaining('undone: system DNS') });
    expect(await machine.networkState()).toBe(before);
    expect(await call()).toMatchObject({ tunnel: { kind: 'stopped' }, owner: null, changes: [] });
    expect(helper.process.exitCode).toBeNull();
  });

  test('--restore after kill -9 undoes by itself; again, there is nothing to undo', async () => {
    const helper = await start();
    await call(true);
    await helper.stop('SIGKILL');
    const restored = await run('--restore');
    expect(restored).toMatchObject({ code: 0, stdout: expect.stringMatching(/as it was before; \d+ changes undone/) });
    expect(await machine.networkState()).toBe(before);
    expect(await run('--restore')).toMatchObject({ code: 0, stdout: expect.stringContaining('nothing to undo') });
  });

  test.each(['session', 'persistent'] as const)(
    'what --restore undid of a %s stays so at the next helper',
    async (mode) => {
      const helper = await start();
      await call(true, mode);
      await helper.stop('SIGKILL');
      expect(await run('--restore')).toMatchObject({ code: 0 });
      await start();
      // The app is still there and renews its lease, as apps do after a death.
      expect(await asClient((client) => client.call('renewLease', {}))).toMatchObject({ resumed: false });
      expect(await call()).toMatchObject({ tunnel: { kind: 'stopped' }, owner: null });
      expect(await machine.networkState()).toBe(before);
      expect(await call(true, mode)).toMatchObject({ tunnel: { kind: 'running' } });
    },
  );

  test('--restore ends connections to fake addresses, whose meaning died with the helper', async () => {
    const helper = await start();
    await call(true);
    await machine.sh('ip addr add 198.18.9.9/32 dev lo');
    const server = machine.spawn('nc', ['-l', '198.18.9.9', '4000'], { stdin: 'pipe' });
    await machine.sh(
      'for i in $(seq 1200); do ss -ltnH src 198.18.9.9 | grep -q LISTEN && exit 0; sleep 0.05; done; exit 1',
    );
    const client = machine.spawn('nc', ['198.18.9.9', '4000'], { stdin: 'pipe' });
    await machine.sh(
      'for i in $(seq 1200); do ss -tnH dst 198.18.9.9 | grep -q ESTAB && exit 0; sleep 0.05; done; exit 1',
    );
    await helper.stop('SIGKILL');
    await run('--restore');
    await expect.poll(() => client.process.exitCode).not.toBeNull();
    await server.stop('SIGKILL');
  });

  test('a user who is not allowed is told so; one who is, is served', async () => {
    await start();
    const script = `
      const { RpcClient } = await import(${JSON.stringify(path.join(root, 'core/rpc/rpc-client.ts'))});
      const { systemClock } = await import(${JSON.stringify(path.join(root, 'core/base/clock.ts'))});
      const client = new RpcClient({ socketPath: ${JSON.stringify(path.join(runtimeDir, 'helper.sock'))}, version: 't', clock: systemClock });
      try { await client.connectOnce(); console.log('answer', (await client.call('getSnapshot', {})).tunnel.kind); } catch (error) { console.log(error.code); }
      await client.close();`;
    fs.chmodSync(machine.directory, 0o755);
    const as = async (uid: number) =>
      (
        await machine.run('setpriv', [
          '--reuid',
          String(uid),
          '--regid',
          String(uid),
          '--clear-groups',
          process.execPath,
          '--input-type=module',
          '-e',
          script,
        ])
      ).stdout.trim();
    expect(await as(allowedUid)).toBe('answer stopped');
    expect(await as(4321)).toBe('HELPER_NOT_ALLOWED');
    // The kernel itself turns others away: they cannot even make the helper look up.
    expect(await machine.sh(`stat -c '%u %a' ${path.join(runtimeDir, 'helper.sock')}`)).toBe(`${allowedUid} 600\n`);
  });

  test('not run as root, or from files of others, it refuses', async () => {
    const asUser = await machine.run('setpriv', ['--reuid', '1234', '--clear-groups', process.execPath, ...args()]);
    expect(asUser).toMatchObject({ code: 77, stderr: expect.stringContaining('root') });
    fs.cpSync(path.join(root, 'core'), path.join(lab.directory, 'core'), { recursive: true });
    fs.symlinkSync(path.join(root, 'node_modules'), path.join(lab.directory, 'node_modules'));
    fs.chownSync(path.join(lab.directory, 'core/helper'), 1000, 1000);
    const foreign = await machine.run(process.execPath, [
      path.join(lab.directory, 'core/helper/main.ts'),
      '--state-dir',
      stateDir,
      '--runtime-dir',
      runtimeDir,
    ]);
    expect(foreign).toMatchObject({ code: 77, stderr: expect.stringContaining('belongs to user 1000') });
    expect(fs.existsSync(stateDir)).toBe(false);
  });

  test('a runtime directory that somebody else has made is not used', async () => {
    fs.mkdirSync(runtimeDir);
    fs.chownSync(runtimeDir, 1000, 1000);
    expect(await run()).toMatchObject({ code: 77, stderr: expect.stringContaining('belongs to user 1000') });
  });

  test('the state directory without room: no start of Enhanced Mode, and nothing is changed', async () => {
    fs.mkdirSync(stateDir);
    await machine.sh(`mount -t tmpfs -o size=256k,mode=700 tmpfs ${stateDir}`);
    const helper = machine.spawn(process.execPath, args());
    await helper.printed(/info helper: ready/);
    await machine.sh(`dd if=/dev/zero of=${stateDir}/full bs=4k 2>/dev/null || true`);
    await expect(call(true)).rejects.toMatchObject({ code: 'SYSTEM_JOURNAL_FAILED' });
    expect(await machine.networkState()).toBe(before);
    expect(await call()).toMatchObject({
      tunnel: { kind: 'error', error: { code: 'SYSTEM_JOURNAL_FAILED' } },
      owner: null,
    });
    await machine.sh(`rm ${stateDir}/full`);
    expect(await call(true)).toMatchObject({ tunnel: { kind: 'running' } });
  });

  test('a choice in a group survives kill -9', async () => {
    const node = (name: string) => ({ type: 'socks5' as const, name, server: '10.20.0.1', port: 1080, udp: true });
    const groups = [{ name: 'pick', type: 'select' as const, members: ['a', 'b'], udp: true, hidden: false }];
    const config = { ...defaultConfig, mixed: null, proxies: [node('a'), node('b')], groups };
    const first = await start();
    await asClient(async (client) => {
      await client.call('applyConfig', { config });
      expect(await client.call('selectProxy', { group: 'pick', member: 'b' })).toEqual({ now: 'b' });
      await client.call('setSwitches', { mode: 'global' });
    });
    await first.stop('SIGKILL');
    const second = await start();
    await asClient(async (client) => {
      await client.call('applyConfig', { config });
      expect(await readTopic(client, 'proxies', { limit: 100 }, systemClock)).toContainEqual(
        expect.objectContaining({ name: 'pick', group: expect.objectContaining({ now: 'b', chosen: 'b' }) }),
      );
      expect((await client.call('getSnapshot', {})).mode).toEqual({ mode: 'global', chosen: true });
    });
    await second.stop('SIGTERM');
  });

  test('nodes are tested while nothing is on', async () => {
    const node = { type: 'socks5' as const, name: 'a', server: '10.20.0.1', port: 1080, udp: true };
    const test = {
      url: 'http://t.example/',
      interval: 600,
      timeout: 2000,
      tolerance: 0,
      lazy: false,
      expectedStatus: '*',
    };
    const group = { name: 'auto', type: 'url-test' as const, members: ['a'], test, udp: true, hidden: false };
    const helper = await start();
    await asClient(async (client) => {
      await client.call('applyConfig', {
        config: { ...defaultConfig, mixed: null, proxies: [node], groups: [group] },
      });
      const codes = async () => {
        const rows = await readTopic(client, 'proxies', { limit: 100 }, systemClock);
        return rows.find(({ name }) => name === 'a')?.delays[0]?.history.map(({ code }) => code);
      };
      // The router answers that nobody listens there.
      await expect.poll(codes).toEqual(['DIAL_PROXY_REFUSED']);
      await client.call('testProxies', { policy: 'auto' });
      await expect.poll(codes).toEqual(['DIAL_PROXY_REFUSED', 'DIAL_PROXY_REFUSED']);
    });
    await helper.stop('SIGTERM');
  });
});
