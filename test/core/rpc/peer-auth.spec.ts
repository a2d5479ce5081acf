import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, existsSync, mkdtempSync, rmSync } from 'node:fs';
import { createServer, Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { PeerAuth } from '../../../core/rpc/peer-auth.ts';
import { loadNative } from '../../../core/system/native.ts';

const code = expect.objectContaining({ code: 'HELPER_NOT_ALLOWED' });

test('a socket without a descriptor is nobody', () => {
  const auth = new PeerAuth(() => ({ pid: 1, uid: 0, gid: 0 }), []);
  expect(() => auth.authorise(new Socket())).toThrow(code);
});

const addon = fileURLToPath(new URL('../../../native/mirage.node', import.meta.url));

describe.runIf(existsSync(addon) && process.getuid?.() === 0)("with the kernel's word", () => {
  test.each([
    ['an allowed user', 1234, 1234],
    ['root, who always may', 0, 0],
    ['another user', 1235, undefined],
  ])('%s', async (_, uid, expected) => {
    const directory = mkdtempSync(join(tmpdir(), 'mirage-peer-'));
    chmodSync(directory, 0o755);
    const path = join(directory, 'socket');
    const server = createServer();
    server.listen({ path, readableAll: true, writableAll: true });
    await once(server, 'listening');
    const script = `require('net').connect(${JSON.stringify(path)}).on('error', () => {}).resume()`;
    const client = spawn(process.execPath, ['-e', script], { uid, gid: uid, cwd: '/', stdio: 'inherit' });
    const [socket] = (await once(server, 'connection')) as [Socket];
    const auth = new PeerAuth(loadNative(addon).peerCredentials, [1234]);
    if (expected === undefined) expect(() => auth.authorise(socket)).toThrow(code);
    else expect(auth.authorise(socket)).toEqual({ pid: client.pid, uid: expected, gid: expected });
    socket.destroy();
    await once(client, 'exit');
    server.close();
    rmSync(directory, { recursive: true });
  });
});

test.each([
  [[], 0],
  [[0], 0],
  [[1000], 1000],
  [[0, 1000], 1000],
  [[1000, 1001], undefined],
])('allowed %j: the only user is %s', (allowed, only) => {
  expect(new PeerAuth(() => ({ pid: 1, uid: 1, gid: 1 }), allowed).onlyUser).toBe(only);
});
