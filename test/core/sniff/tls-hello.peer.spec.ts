/** The first bytes of real clients: openssl with its hello in one record and in many, and curl. */
import { spawn } from 'node:child_process';
import { createServer, type Server } from 'node:net';
import { afterEach, expect, test } from 'vitest';
import { sniffHttp } from '../../../core/sniff/http-host.ts';
import { sniffTls } from '../../../core/sniff/tls-hello.ts';

const stop: (() => void)[] = [];
afterEach(() => {
  for (const each of stop.splice(0)) each();
});

/** What a program sends first to a port that answers nothing, until `enough` says so. */
async function firstBytes(command: (port: number) => string[], enough: (bytes: Buffer) => boolean): Promise<Buffer> {
  const sent = Promise.withResolvers<Buffer>();
  const server: Server = createServer((socket) => {
    let bytes = Buffer.alloc(0);
    socket.on('error', () => undefined);
    socket.on('data', (chunk) => {
      bytes = Buffer.concat([bytes, chunk]);
      if (!enough(bytes)) return;
      sent.resolve(bytes);
      socket.destroy();
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  const [program = '', ...args] = command(address.port);
  const child = spawn(program, args, { stdio: ['ignore', 'ignore', 'ignore'] });
  child.on('error', sent.reject);
  stop.push(() => {
    child.kill();
    server.close();
  });
  return await sent.promise;
}

const tlsIsRead = (bytes: Buffer) => sniffTls(bytes).kind !== 'more';
const openssl =
  (...options: string[]) =>
  (port: number) => ['openssl', 's_client', '-connect', `127.0.0.1:${port}`, ...options];

test.each([
  ['in one record', []],
  ['in many records', ['-max_send_frag', '512', '-alpn', 'h2,http/1.1'.repeat(60).slice(0, 800)]],
  ['of TLS 1.2', ['-tls1_2']],
])('openssl, its hello %s', async (_how, options) => {
  const bytes = await firstBytes(openssl('-servername', 'web.example', ...options), tlsIsRead);
  expect(sniffTls(bytes)).toEqual({ kind: 'name', name: 'web.example', protocol: 'tls' });
});

test('openssl without a server name', async () => {
  expect(sniffTls(await firstBytes(openssl('-noservername'), tlsIsRead))).toEqual({ kind: 'none' });
});

test('curl, https and http', async () => {
  const options = ['-s', '--max-time', '5', '--connect-to'];
  const curl = (scheme: string) => (port: number) => [
    'curl',
    ...options,
    `::127.0.0.1:${port}`,
    `${scheme}://web.example:${port}/`,
  ];
  expect(sniffTls(await firstBytes(curl('https'), tlsIsRead))).toMatchObject({ name: 'web.example', protocol: 'tls' });
  const http = await firstBytes(curl('http'), (bytes) => sniffHttp(bytes).kind !== 'more');
  expect(sniffHttp(http)).toEqual({ kind: 'name', name: 'web.example', protocol: 'http' });
});
