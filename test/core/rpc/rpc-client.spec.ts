import { chmodSync, chownSync, linkSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { systemClock } from '../../../core/base/clock.ts';
import type { HelperLink } from '../../../core/contract/app.ts';
import type { ErrorData } from '../../../core/contract/error.ts';
import { protocolVersion, type TopicBatch } from '../../../core/contract/rpc.ts';
import { encodeMessage } from '../../../core/rpc/message-stream.ts';
import { RpcClient } from '../../../core/rpc/rpc-client.ts';
import { eventually } from '../../support/eventually.ts';
import { RawClient, Served, snapshot } from './served.ts';

let served: Served;
beforeEach(() => {
  served = new Served();
});
afterEach(() => served[Symbol.asyncDispose]());

const code = (expected: string) => expect.objectContaining({ code: expected });
const logRow = (id: number) => ({ id: String(id), time: id, level: 'info' as const, component: 'c', message: 'm' });
const unexpected = (error: ErrorData) => expect.fail(`refused: ${error.code}`);
const root = process.getuid?.() === 0;

describe('connecting', () => {
  test('no socket: HELPER_NOT_RUNNING', async () => {
    await expect(served.client().connectOnce()).rejects.toMatchObject({
      code: 'HELPER_NOT_RUNNING',
    });
  });

  test('nothing behind the socket: HELPER_NOT_RUNNING', async () => {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(join(served.directory, 'first'), resolve));
    // A hard link outlives the server's own removal of its path, as a socket file outlives a killed helper.
    linkSync(join(served.directory, 'first'), served.socketPath);
    await new Promise((resolve) => server.close(resolve));
    await expect(served.client().connectOnce()).rejects.toThrow(code('HELPER_NOT_RUNNING'));
  });

  test.runIf(root)('a directory that others can write: HELPER_UNTRUSTED, and not a byte is sent', async () => {
    await served.server.start();
    const squat = async (change: () => void, undo: () => void) => {
      change();
      await expect(served.client().connectOnce()).rejects.toThrow(code('HELPER_UNTRUSTED'));
      undo();
    };
    await squat(
      () => chownSync(served.directory, 1000, 1000),
      () => chownSync(served.directory, 0, 0),
    );
    await squat(
      () => chmodSync(served.directory, 0o777),
      () => chmodSync(served.directory, 0o700),
    );
    expect(served.server.clients).toBe(0);
    await served.connected();
  });

  test.runIf(root)("a socket in root's directory is root's word, to whomever root gave it", async () => {
    await served.server.start();
    chownSync(served.socketPath, 1000, 1000);
    await served.connected();
  });

  test.runIf(root)('the developer switch trusts one more user', async () => {
    await served.server.start();
    chownSync(served.directory, 1234, 1234);
    const client = new RpcClient({
      socketPath: served.socketPath,
      version: '1',
      clock: systemClock,
      developerUid: 1234,
    });
    await client.connectOnce();
    await client.close();
  });

  test('what is no socket is not connected to', async () => {
    writeFileSync(served.socketPath, '');
    await expect(served.client().connectOnce()).rejects.toThrow(code('HELPER_UNTRUSTED'));
    rmSync(served.socketPath);
    mkdirSync(served.socketPath);
    await expect(served.client().connectOnce()).rejects.toThrow(code('HELPER_UNTRUSTED'));
  });

  test('a user who is not allowed learns it from the helper', async () => {
    await served.server.start();
    served.peer = { ...served.peer, uid: 1001 };
    await expect(served.client().connectOnce()).rejects.toMatchObject({
      code: 'HELPER_NOT_ALLOWED',
      expected: expect.stringContaining('1001'),
    });
  });

  describe('to something else', () => {
    const answering = async (reply: Buffer[]) => {
      const server = createServer((socket) => {
        socket.on('error', () => undefined).resume();
        for (const bytes of reply) socket.write(bytes);
      });
      await new Promise<void>((resolve) => server.listen(served.socketPath, resolve));
      return server;
    };

    test.each([
      [
        'a helper of another major',
        encodeMessage({
          kind: 'hello',
          protocol: { major: protocolVersion.major + 1, minor: 0 },
          version: '9.0',
          news: true,
        }),
        'HELPER_INCOMPATIBLE',
      ],
      ['no helper', [Buffer.from('HTTP/1.1 400 Bad Request\r\n\r\n')], 'RPC_TOO_LARGE'],
      ['a helper that does not greet', encodeMessage({ kind: 'response', id: 1, result: {} }), 'RPC_BAD_FRAME'],
      ['nonsense', encodeMessage({ kind: 'nonsense' }), 'RPC_BAD_FRAME'],
    ])('%s', async (_, reply, expected) => {
      const server = await answering(reply);
      await expect(served.client().connectOnce()).rejects.toThrow(code(expected));
      await new Promise((resolve) => server.close(resolve));
    });
  });
});

describe('calls', () => {
  test('without a connection reject with the reason of the link', async () => {
    const client = served.client();
    await client.connectOnce().catch(() => undefined);
    await expect(client.call('getSnapshot', {})).rejects.toThrow(code('HELPER_NOT_RUNNING'));
  });

  test('answers find their calls, in whatever order they come', async () => {
    await served.server.start();
    const client = await served.connected();
    const [a, b, c] = await Promise.all([
      client.call('renewLease', {}),
      client.call('getSnapshot', {}),
      client.call('listRules', {}),
    ]);
    expect([a, b, c]).toEqual([{ ttlMs: 20_000, resumed: false }, snapshot, []]);
  });

  test('time out on this side too', async () => {
    await served[Symbol.asyncDispose]();
    served = await Served.start({ handlers: { restore: () => new Promise(() => undefined) } });
    await expect((await served.connected()).call('restore', {}, { timeoutMs: 20 })).rejects.toThrow(
      code('RPC_TIMEOUT'),
    );
  });

  test('reject when the connection ends', async () => {
    await served[Symbol.asyncDispose]();
    served = await Served.start({ handlers: { restore: () => new Promise(() => undefined) } });
    const client = await served.connected();
    const call = client.call('restore', {});
    call.catch(() => undefined);
    await client.close();
    await expect(call).rejects.toThrow(code('RPC_CLOSED'));
  });
});

describe('staying connected', () => {
  test('reconnects by itself, tells every change of the link, and resubscribes', async () => {
    const client = served.client();
    const links: HelperLink['kind'][] = [];
    client.onLink((link) => links.push(link.kind));
    const batches: TopicBatch<'logs'>[] = [];
    client.subscribe('logs', {}, (batch) => batches.push(batch), unexpected);
    client.connect();
    await eventually(() => expect(links).toEqual(['connecting', 'failed']));

    await served.server.start();
    await eventually(() => expect(batches).toMatchObject([{ reset: true, total: 0 }]));
    expect(links.slice(-2)).toEqual(['connecting', 'connected']);

    const before = served;
    before.tables.logs.put(logRow(1));
    await eventually(() => expect(batches.at(-1)).toMatchObject({ reset: false, rows: [{ id: '1' }] }));
    await before.server.stop();
    await eventually(() => expect(links.at(-1)).toBe('failed'));
    await before.server.start();
    await eventually(() => expect(batches.at(-1)).toMatchObject({ reset: true, sequence: 0, total: 1 }));
  });

  test('after close nothing is tried again', async () => {
    const client = served.client();
    client.connect();
    await eventually(() => expect(client.link.kind).toBe('failed'));
    await client.close();
    await served.server.start();
    await new Promise((resolve) => setTimeout(resolve, 400));
    expect(served.server.clients).toBe(0);
  });
});

describe('subscriptions', () => {
  test('end when asked to', async () => {
    await served.server.start();
    const client = await served.connected();
    const batches: unknown[] = [];
    const stop = client.subscribe('logs', {}, (batch) => batches.push(batch), unexpected);
    await eventually(() => expect(batches).toHaveLength(1));
    stop();
    await eventually(() => expect(served.tables.logs.watchers).toBe(0));
    served.tables.logs.put(logRow(1));
    expect(batches).toHaveLength(1);
  });

  test('a gap in the sequence is answered by a new subscription', async () => {
    const asked: unknown[] = [];
    const server = createServer((socket) => {
      const raw = new RawClient(socket);
      raw.send({ kind: 'hello', protocol: protocolVersion, version: '1' });
      const batch = (id: unknown, sequence: number) =>
        raw.send({
          kind: 'batch',
          id,
          batch: { epoch: 1, sequence, reset: sequence === 0, rows: [], counters: [], removed: [], total: sequence },
        });
      void (async () => {
        const first = await raw.next((message) => message.kind === 'subscribe');
        batch(first['id'], 0);
        batch(first['id'], 1);
        batch(first['id'], 3);
        await raw.next((message) => message.kind === 'unsubscribe' && message['id'] === first['id']);
        const second = await raw.next((message) => message.kind === 'subscribe' && message['id'] !== first['id']);
        asked.push(second['topic'], second['options']);
        batch(first['id'], 4);
        batch(second['id'], 0);
      })();
    });
    await new Promise<void>((resolve) => server.listen(served.socketPath, resolve));
    const client = await served.connected();
    const totals: number[] = [];
    client.subscribe('mappings', { search: 'x' }, (batch) => totals.push(batch.total), unexpected);
    await eventually(() => expect(totals).toEqual([0, 1, 0]));
    expect(asked).toEqual(['mappings', { search: 'x' }]);
    await client.close();
    await new Promise((resolve) => server.close(resolve));
  });

  test('a refusal reaches whoever watches; for want of room it is asked again until there is some', async () => {
    await served[Symbol.asyncDispose]();
    served = await Served.start({ limits: { subscriptions: 1 } });
    const client = await served.connected();
    const stopFirst = client.subscribe('logs', {}, () => undefined, unexpected);
    const refusals: ErrorData[] = [];
    const batches: unknown[] = [];
    const refused = (error: ErrorData) => void refusals.push(error);
    client.subscribe('mappings', {}, (batch) => batches.push(batch), refused);
    await eventually(() => expect(refusals.length).toBeGreaterThan(1));
    expect(refusals[0]).toMatchObject({ code: 'RPC_BUSY', message: 'too many subscriptions' });
    expect(batches).toEqual([]);
    stopFirst();
    await eventually(() => expect(batches).toMatchObject([{ reset: true }]));
  });
});
