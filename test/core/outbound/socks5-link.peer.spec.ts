import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';
import { systemClock } from '../../../core/base/clock.ts';
import { ProxyOutbound } from '../../../core/outbound/proxy-outbound.ts';
import { socks5Link } from '../../../core/outbound/socks5-link.ts';
import { Loopback, readAll } from '../net/loopback.ts';
import { dialOptions, LoopbackEgress, NamedAddresses } from './doubles.ts';

const installed = (program: string): boolean => spawnSync('which', [program]).status === 0;
const loopback = new Loopback();
const running: ChildProcess[] = [];
const directories: string[] = [];

afterEach(async () => {
  // By SIGTERM, so that dante ends its own children.
  for (const child of running.splice(0)) {
    const exited = once(child, 'exit');
    child.kill('SIGTERM');
    await exited;
  }
  for (const directory of directories.splice(0)) fs.rmSync(directory, { recursive: true });
  await loopback.closeAll();
});

/** Starts a server and waits until its port answers. */
async function serve(program: string, args: readonly string[], port: number): Promise<void> {
  running.push(spawn(program, args, { stdio: 'ignore' }));
  const answers = (): Promise<boolean> =>
    new Promise((resolve) => {
      const probe = net.connect({ host: '127.0.0.1', port }, () => resolve(true));
      probe.on('error', () => resolve(false)).on('connect', () => probe.destroy());
    });
  await expect.poll(answers).toBe(true);
}

function dial(proxy: { port: number; username?: string; password?: string }, to: { host: string; port: number }) {
  const services = {
    egress: new LoopbackEgress(),
    resolver: new NamedAddresses({}),
    clock: systemClock,
    timeoutMs: 5000,
  };
  const config = { type: 'socks5', name: 'peer', server: '127.0.0.1', udp: true, ...proxy } as const;
  return new ProxyOutbound('peer', [socks5Link(config)], services).dialStream(to, dialOptions());
}

/** Answers with what it heard, after the FIN. */
const echoAfterEnd = () => loopback.listen((socket) => void readAll(socket).then((heard) => socket.end(heard)));

describe.skipIf(!installed('microsocks'))('microsocks', () => {
  test('by name, half-closed', async () => {
    const port = await loopback.freePort();
    await serve('microsocks', ['-i', '127.0.0.1', '-p', String(port)], port);
    const { readable } = await dial(
      { port },
      { host: 'localhost', port: await loopback.listen((s) => s.end('hello')) },
    );
    expect((await readAll(readable)).toString()).toBe('hello');
  });

  test('with a password; a wrong one has its code; a refused target is told', async () => {
    const port = await loopback.freePort();
    await serve('microsocks', ['-i', '127.0.0.1', '-p', String(port), '-u', 'me', '-P', 'secret'], port);
    const target = { host: '127.0.0.1', port: await loopback.listen((socket) => socket.end('inside')) };
    const user = { port, username: 'me', password: 'secret' };
    expect((await readAll((await dial(user, target)).readable)).toString()).toBe('inside');
    await expect(dial({ ...user, password: 'wrong' }, target)).rejects.toMatchObject({ code: 'DIAL_PROXY_AUTH' });
    await expect(dial({ port }, target)).rejects.toMatchObject({ code: 'DIAL_PROXY_AUTH' });
    const closed = { host: '127.0.0.1', port: await loopback.freePort() };
    await expect(dial(user, closed)).rejects.toMatchObject({ code: 'DIAL_REFUSED' });
  });
});

describe.skipIf(!installed('danted'))('dante', () => {
  test('half-close both ways, and a target that its rules forbid', async () => {
    const directory = fs.mkdtempSync(path.join(os.tmpdir(), 'mirage-dante-'));
    directories.push(directory);
    const port = await loopback.freePort();
    const file = path.join(directory, 'danted.conf');
    fs.writeFileSync(
      file,
      `logoutput: ${directory}/log
internal: 127.0.0.1 port = ${port}
external: 127.0.0.1
clientmethod: none
socksmethod: none
user.unprivileged: nobody
client pass { from: 127.0.0.0/8 to: 0.0.0.0/0 }
socks block { from: 127.0.0.0/8 to: 0.0.0.0/0 port = 25 }
socks pass { from: 127.0.0.0/8 to: 0.0.0.0/0 }
`,
    );
    await serve('danted', ['-f', file, '-p', path.join(directory, 'pid'), '-N', '1'], port);
    const { readable, writable } = await dial({ port }, { host: '127.0.0.1', port: await echoAfterEnd() });
    writable.end('there and back');
    expect((await readAll(readable)).toString()).toBe('there and back');
    await expect(dial({ port }, { host: '127.0.0.1', port: 25 })).rejects.toMatchObject({ code: 'DIAL_PROXY_DENIED' });
  });
});
