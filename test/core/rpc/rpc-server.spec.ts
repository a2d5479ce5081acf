import { mkdirSync, statSync } from 'node:fs';
import { createConnection } from 'node:net';
import { afterEach, describe, expect, test } from 'vitest';
import { AppError } from '../../../core/base/app-error.ts';
import { defaultConfig } from '../../../core/contract/config.ts';
import { protocolVersion } from '../../../core/contract/rpc.ts';
import { eventually } from '../../support/eventually.ts';
import { RawClient, Served, snapshot } from './served.ts';

let served: Served;

afterEach(() => served[Symbol.asyncDispose]());

const code = (expected: string) => expect.objectContaining({ code: expected });
const refusal = (expected: string) => expect.objectContaining({ kind: 'refused', error: code(expected) });

describe('who may speak', () => {
  test('anybody may open the socket, the kernel says who they are', async () => {
    served = await Served.start();
    expect(statSync(served.socketPath).mode & 0o777).toBe(0o666);
  });

  test.each([0, 1000])('user %i is answered', async (uid) => {
    served = await Served.start();
    served.peer = { ...served.peer, uid };
    await expect((await served.connected()).call('getSnapshot', {})).resolves.toEqual(snapshot);
  });

  test('another user is told so, is answered nothing, and changes nothing', async () => {
    served = await Served.start();
    served.peer = { ...served.peer, uid: 1001 };
    const raw = served.raw();
    raw.greet();
    raw.send({ kind: 'request', id: 1, method: 'setEnhanced', params: { on: true } });
    raw.send({ kind: 'subscribe', id: 2, topic: 'connections', options: {} });
    expect(await raw.end()).toEqual([refusal('HELPER_NOT_ALLOWED')]);
    expect(served.called).toEqual([]);
    expect(served.tables.connections.watchers).toBe(0);
    expect(served.server.clients).toBe(0);
  });

  test('another user who has already said a lot is told so too, not reset', async () => {
    served = await Served.start();
    served.peer = { ...served.peer, uid: 1001 };
    const raw = served.raw();
    raw.greet();
    raw.send({ kind: 'request', id: 1, method: 'applyConfig', params: { config: 'x'.repeat(3_000_000) } });
    expect(await raw.end()).toEqual([refusal('HELPER_NOT_ALLOWED')]);
  });

  test('those who are refused and stay are put out, and are not answered beyond a number', async () => {
    served = await Served.start();
    served.peer = { ...served.peer, uid: 1001 };
    const crowd = Array.from({ length: 100 }, () => {
      const socket = createConnection({ path: served.socketPath, allowHalfOpen: true });
      return new RawClient(socket);
    });
    const ends = await Promise.all(
      crowd.map(
        (raw) =>
          new Promise<number>((resolve) => {
            raw.socket.on('end', () => resolve(raw.received.length));
            raw.socket.on('error', () => resolve(0));
          }),
      ),
    );
    expect(ends.filter((messages) => messages === 1)).toHaveLength(64);
    for (const raw of crowd) raw.socket.destroy();
    await eventually(() => expect(served.connected()).rejects.toThrow(code('HELPER_NOT_ALLOWED')));
  });

  test('when the kernel does not tell, nobody is answered', async () => {
    served = await Served.start();
    Object.defineProperty(served, 'peer', {
      get: () => {
        throw new Error('EBADF');
      },
    });
    await expect(served.connected()).rejects.toThrow(code('HELPER_NOT_ALLOWED'));
  });

  test('the coming and going of a refused client leaves the others alone', async () => {
    served = await Served.start();
    const client = await served.connected();
    served.peer = { ...served.peer, uid: 1001 };
    for (let i = 0; i < 50; i++) served.raw().socket.destroy();
    await expect(client.call('getSnapshot', {})).resolves.toEqual(snapshot);
    expect(served.called.map(([name]) => name)).toEqual(['getSnapshot']);
  });
});

describe('handshake', () => {
  test('the server greets first', async () => {
    served = await Served.start();
    expect(await served.raw().next(() => true)).toEqual({
      kind: 'hello',
      protocol: protocolVersion,
      version: '1.2.3',
    });
  });

  test('another major is told HELPER_INCOMPATIBLE', async () => {
    served = await Served.start();
    const raw = served.raw();
    raw.send({
      kind: 'hello',
      protocol: { major: protocolVersion.major + 1, minor: 0, more: true },
      version: '9',
      also: 'unknown',
    });
    expect(await raw.end()).toContainEqual(refusal('HELPER_INCOMPATIBLE'));
  });

  test('a later minor is welcome', async () => {
    served = await Served.start();
    const raw = served.raw();
    raw.send({ kind: 'hello', protocol: { ...protocolVersion, minor: 7 }, version: '1.9' });
    raw.send({ kind: 'request', id: 1, method: 'getSnapshot', params: {} });
    expect(await raw.next((message) => message.kind === 'response')).toEqual({
      kind: 'response',
      id: 1,
      result: snapshot,
    });
  });

  test('a request before the hello ends the connection unanswered', async () => {
    served = await Served.start();
    const raw = served.raw();
    raw.send({ kind: 'request', id: 1, method: 'restore', params: {} });
    expect(await raw.end()).toContainEqual(refusal('RPC_BAD_FRAME'));
    expect(served.called).toEqual([]);
  });

  test('who never greets is sent away', async () => {
    served = await Served.start({ limits: { helloMs: 30 } });
    expect(await served.raw().end()).toContainEqual(refusal('RPC_TIMEOUT'));
  });
});

describe('requests', () => {
  test('an unknown method', async () => {
    served = await Served.start();
    const raw = served.raw();
    raw.greet();
    for (const [id, method] of ['nope', 'constructor', 'toString', '__proto__'].entries()) {
      raw.send({ kind: 'request', id, method, params: {} });
      expect(await raw.next((message) => message['id'] === id)).toMatchObject({ error: code('RPC_UNKNOWN_METHOD') });
    }
  });

  test.each([
    ['an unknown field', 'setEnhanced', { on: true, binary: '/tmp/evil' }],
    ['a path where none belongs', 'applyConfig', { path: '/home/user/config.yaml' }],
    ['a missing field', 'setEnhanced', {}],
    ['another type', 'setEnhanced', { on: 'yes' }],
    ['no parameters', 'getSnapshot', undefined],
    ['a name too long', 'dnsQuery', { name: 'x'.repeat(256), type: 'A' }],
    ['a port out of range', 'testRule', { host: 'a', port: 65_536, network: 'tcp' }],
  ])('%s: RPC_BAD_PARAMS, no handler is called, the connection goes on', async (_, method, params) => {
    served = await Served.start();
    const raw = served.raw();
    raw.greet();
    raw.send({ kind: 'request', id: 1, method, params });
    expect(await raw.next((message) => message['id'] === 1)).toMatchObject({ error: code('RPC_BAD_PARAMS') });
    expect(served.called).toEqual([]);
    raw.send({ kind: 'request', id: 2, method: 'getSnapshot', params: {} });
    expect(await raw.next((message) => message['id'] === 2)).toMatchObject({ result: snapshot });
  });

  test('a refusal of parameters does not repeat their values, which may be secret', async () => {
    served = await Served.start();
    const raw = served.raw();
    raw.greet();
    const proxy = {
      type: 'socks5',
      name: 'a',
      server: 's',
      port: 0,
      udp: false,
      password: 'hunter2',
      extra: 'hunter2',
    };
    raw.send({
      kind: 'request',
      id: 1,
      method: 'applyConfig',
      params: { config: { ...defaultConfig, proxies: [proxy] } },
    });
    const response = JSON.stringify(await raw.next((message) => message['id'] === 1));
    expect(response).toContain('proxies.0.port');
    expect(response).not.toContain('hunter2');
  });

  test('errors of handlers keep their code; defects become INTERNAL', async () => {
    served = await Served.start({
      handlers: {
        setEnhanced: () =>
          Promise.reject(
            new AppError('HELPER_IN_USE', 'in use by anna', { expected: 'ask her', details: { uid: 1002 } }),
          ),
        restore: () => {
          throw new TypeError('x is not a function');
        },
      },
    });
    const client = await served.connected();
    await expect(client.call('setEnhanced', { on: true })).rejects.toMatchObject({
      code: 'HELPER_IN_USE',
      message: 'in use by anna',
      expected: 'ask her',
      details: { uid: 1002 },
    });
    await expect(client.call('restore', {})).rejects.toThrow(code('INTERNAL'));
    await expect(client.call('getSnapshot', {})).resolves.toEqual(snapshot);
  });

  test('a result that is not what the contract says is a defect, told where results are checked', async () => {
    served = await Served.start({ handlers: { getSnapshot: () => ({ ...snapshot, password: 'p' }) } });
    await expect((await served.connected()).call('getSnapshot', {})).rejects.toThrow(code('INTERNAL'));
  });

  test('the handler learns who calls, and when nobody waits any more', async () => {
    const seen: unknown[] = [];
    served = await Served.start({
      handlers: {
        dnsQuery: (_params, caller) =>
          new Promise((_resolve, reject) => {
            seen.push(caller.uid);
            caller.signal.addEventListener('abort', () => {
              seen.push('aborted');
              reject(new Error('aborted'));
            });
          }),
      },
    });
    const client = await served.connected();
    const call = client.call('dnsQuery', { name: 'a', type: 'A' }).catch(() => undefined);
    await eventually(() => expect(seen).toEqual([1000]));
    await client.close();
    await call;
    await eventually(() => expect(seen).toEqual([1000, 'aborted']));
  });

  test('the deadline is answered with RPC_TIMEOUT', async () => {
    served = await Served.start({
      limits: { deadlineMs: 30 },
      handlers: { restore: () => new Promise(() => undefined) },
    });
    await expect((await served.connected()).call('restore', {})).rejects.toThrow(code('RPC_TIMEOUT'));
  });

  test('a large configuration travels in parts', async () => {
    served = await Served.start();
    const rules = Array.from({ length: 100_000 }, (_, i) => ({
      type: 'DOMAIN' as const,
      payload: `host-${i}.example`,
      policy: 'DIRECT',
      noResolve: false,
    }));
    await (await served.connected()).call('applyConfig', { config: { ...defaultConfig, rules } });
    expect(served.called).toEqual([['applyConfig', { config: { ...defaultConfig, rules } }]]);
  });

  test('a large result travels in parts', async () => {
    const rules = Array.from({ length: 60_000 }, (_, index) => ({
      index,
      type: 'DOMAIN' as const,
      payload: `host-${index}.example`,
      policy: 'DIRECT',
      noResolve: false,
      hits: 0,
      misses: 0,
      off: false,
    }));
    served = await Served.start({ handlers: { listRules: () => rules } });
    expect(await (await served.connected()).call('listRules', {})).toEqual(rules);
  });
});

test('the end of the server is told to its clients, and leaves no socket behind', async () => {
  served = await Served.start();
  const client = await served.connected();
  await served.server.stop();
  await eventually(() => expect(client.link).toMatchObject({ kind: 'failed' }));
  expect(() => statSync(served.socketPath)).toThrow('ENOENT');
});

test('a path that cannot be listened on is an error of start', async () => {
  served = new Served();
  mkdirSync(served.socketPath);
  await expect(served.server.start()).rejects.toThrow(code('INTERNAL'));
});
