/** What an allowed user's program may do to the control socket: nothing that ends it, fills it, or holds up the others. */
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, describe, expect, test } from 'vitest';
import { AppError } from '../../../core/base/app-error.ts';
import { defaultConfig } from '../../../core/contract/config.ts';
import { encodeFrame } from '../../../core/rpc/frame.ts';
import { encodeMessage } from '../../../core/rpc/message-stream.ts';
import { type RawClient, Served, snapshot } from './served.ts';

let served: Served;
afterEach(() => served[Symbol.asyncDispose]());

const mebibyte = 1024 * 1024;
const code = (expected: string) => expect.objectContaining({ code: expected });
const refusal = (expected: string) => expect.objectContaining({ kind: 'refused', error: code(expected) });
const request = (params: unknown, method = 'applyConfig', id = 1) => ({ kind: 'request', id, method, params });

/** The frames of a message that claims to be what it is not: JSON text of any kind behind a proper beginning. */
function frames(text: string): Buffer[] {
  const pieces: Buffer[] = [];
  for (let at = 0; at < text.length; at += mebibyte) {
    pieces.push(encodeFrame({ kind: 'part', last: at + mebibyte >= text.length, text: text.slice(at, at + mebibyte) }));
  }
  return pieces;
}
const opening = (method: string) => `{"kind":"request","id":1,"method":"${method}","params":`;

function greeted(): RawClient {
  const raw = served.raw();
  raw.greet();
  return raw;
}

async function serves(): Promise<void> {
  await expect((await served.connected()).call('getSnapshot', {})).resolves.toEqual(snapshot);
}

describe('messages of many MiB', () => {
  const long = 'k'.repeat(9 * mebibyte);
  const texts: [string, string, string][] = [
    ['a giant unknown key', `${opening('applyConfig')}{"${long}":1}}`, 'RPC_TOO_LARGE'],
    [
      'many unknown keys',
      `${opening('applyConfig')}{${Array.from({ length: 40_000 }, (_, i) => `"key-${i}":1`).join(',')}}}`,
      'RPC_BAD_PARAMS',
    ],
    ['a giant text', `${opening('applyConfig')}{"config":"${long}"}}`, 'RPC_TOO_LARGE'],
    ['nested lists', `${opening('applyConfig')}${'['.repeat(9 * mebibyte)}`, 'RPC_BAD_FRAME'],
    ['nested objects', `${opening('applyConfig')}${'{"a":'.repeat(2 * mebibyte)}`, 'RPC_BAD_FRAME'],
    ['millions of empty lists', `${opening('applyConfig')}[${'[],'.repeat(2 * mebibyte)}[]]}`, 'RPC_TOO_LARGE'],
    ['no JSON', `${opening('applyConfig')}${'}'.repeat(9 * mebibyte)}`, 'RPC_BAD_FRAME'],
    ['a method that is small', `${opening('dnsQuery')}{"name":"${long}","type":"A"}}`, 'RPC_TOO_LARGE'],
    [
      'another method than announced',
      `${opening('applyConfig')}{},"method":"restore","x":["${'y","'.repeat(100_000)}"]}`,
      'RPC_BAD_FRAME',
    ],
  ];
  test.each(texts)('%s: told in a few words', async (_, text, expected) => {
    served = await Served.start();
    const raw = greeted();
    for (const frame of frames(text)) raw.socket.write(frame);
    const answer = await raw.next((message) => message.kind !== 'hello' && message.kind !== 'event');
    expect(answer).toMatchObject({ kind: 'response', id: 1, error: code(expected) });
    expect(JSON.stringify(answer).length).toBeLessThan(3_000);
    raw.send(request({}, 'getSnapshot', 2));
    expect(await raw.next((message) => message['id'] === 2)).toMatchObject({ result: snapshot });
    expect(served.called.map(([name]) => name)).toEqual(['getSnapshot']);
    await serves();
  });

  test.each([
    ['does not say what it is', `{"params":"${long}"}`],
    ['has an unknown method', `${opening('nope')}"${long}"}`],
  ])('one that %s ends its connection', async (_, text) => {
    served = await Served.start();
    const raw = greeted();
    for (const frame of frames(text)) raw.socket.write(frame);
    expect(await raw.end()).toContainEqual(expect.objectContaining({ kind: 'refused' }));
    await serves();
  });
});

test('a small message with a giant key, or nested beyond measure, is told in a few words too', async () => {
  served = await Served.start();
  for (const text of [`{"kind":"request","id":1,"method":"restore","${'k'.repeat(60_000)}":1}`, '['.repeat(60_000)]) {
    const raw = greeted();
    const header = Buffer.alloc(4);
    header.writeUInt32BE(text.length);
    raw.socket.write(Buffer.concat([header, Buffer.from(text)]));
    const answers = await raw.end();
    expect(answers).toContainEqual(refusal('RPC_BAD_FRAME'));
    expect(JSON.stringify(answers).length).toBeLessThan(3_000);
  }
  await serves();
});

test('a configuration of a user whose turn it is not is refused before it is read, and the connection goes on', async () => {
  served = await Served.start();
  served.admit = (_method, { uid }) => {
    if (uid === 1002) throw new AppError('HELPER_IN_USE', 'not your turn');
  };
  served.peer = { ...served.peer, uid: 1002 };
  const raw = greeted();
  const rules = Array.from({ length: 100_000 }, () => defaultConfig.rules[0]);
  const [first, ...rest] = encodeMessage(request({ config: { ...defaultConfig, rules } }));
  raw.socket.write(first ?? '');
  // Before the rest has even been sent.
  expect(await raw.next((message) => message['id'] === 1)).toMatchObject({ error: code('HELPER_IN_USE') });
  for (const [i, frame] of rest.entries()) {
    raw.socket.write(frame);
    if (i === 2) raw.send(request({}, 'getSnapshot', 7));
  }
  raw.send(request({}, 'getSnapshot', 8));
  for (const id of [7, 8])
    expect(await raw.next((message) => message['id'] === id)).toMatchObject({ result: snapshot });
  expect(served.called.map(([name]) => name)).toEqual(['getSnapshot', 'getSnapshot']);
});

test('what comes behind a large message is not answered before it', async () => {
  served = await Served.start();
  const raw = greeted();
  const rules = Array.from({ length: 20_000 }, () => defaultConfig.rules[0]);
  for (const frame of encodeMessage(request({ config: { ...defaultConfig, rules } }))) raw.socket.write(frame);
  raw.send(request({}, 'getSnapshot', 2));
  await raw.next((message) => message['id'] === 2);
  expect(served.called.map(([name]) => name)).toEqual(['applyConfig', 'getSnapshot']);
});

describe('messages that never become whole', () => {
  const rss = () => process.memoryUsage().rss / mebibyte;

  test('take a bounded room, of which others have theirs, and are given up', async () => {
    served = await Served.start({
      limits: { messageMs: 1_500, byteBurst: 2_000 * mebibyte, messageBytes: 32 * mebibyte },
    });
    const text = `${opening('applyConfig')}"${'x'.repeat(15 * mebibyte)}`;
    const unfinished = frames(text).slice(0, -1);
    const before = rss();
    const crowd = Array.from({ length: 12 }, () => greeted());
    for (const raw of crowd) for (const frame of unfinished) raw.socket.write(frame);
    await sleep(500);
    served.peer = { ...served.peer, uid: 1002 };
    const rules = Array.from({ length: 20_000 }, () => defaultConfig.rules[0]);
    const other = await served.connected();
    await other.call('applyConfig', { config: { ...defaultConfig, rules } } as never);
    // Both ends are in this process: what the crowd has not got rid of is counted too.
    const waiting = crowd.reduce((sum, raw) => sum + raw.socket.writableLength, 0) / mebibyte;
    expect(rss() - before - waiting).toBeLessThan(120);
    for (const raw of crowd) {
      const ends = await raw.end();
      expect(ends.some((message) => message.kind === 'refused' || message.kind === 'response')).toBe(true);
    }
  });

  test('a message in pieces of one byte takes no more room than in one', async () => {
    served = await Served.start({ limits: { messageMs: 60_000 } });
    const raw = greeted();
    raw.socket.setNoDelay(true);
    const bytes = Buffer.concat(encodeMessage(request({ name: 'a.example', type: 'A' }, 'dnsQuery')));
    for (const byte of bytes) {
      raw.socket.write(Buffer.of(byte));
      await new Promise(setImmediate);
    }
    expect(await raw.next((message) => message['id'] === 1)).toHaveProperty('result');
  });
});

describe('tables', () => {
  test('19,000 rows that change at once come in batches that fit', async () => {
    served = await Served.start();
    const client = await served.connected();
    let rows = 0;
    let largest = 0;
    client.subscribe(
      'logs',
      { limit: 100_000 },
      (batch) => {
        rows += batch.rows.length;
        largest = Math.max(largest, batch.rows.length);
      },
      (error) => {
        throw new Error(error.message);
      },
    );
    await sleep(50);
    const message = 'x'.repeat(500);
    for (let i = 0; i < 19_000; i++)
      served.tables.logs.put({ id: String(i), time: i, level: 'info', component: 'c', message });
    await expect.poll(() => rows).toBeGreaterThanOrEqual(19_000);
    expect(largest).toBeLessThanOrEqual(1_000);
    await serves();
  });

  test('a row that cannot be written ends the connection that wants it, and no other', async () => {
    served = await Served.start();
    const raw = greeted();
    raw.send({ kind: 'subscribe', id: 1, topic: 'logs', options: {} });
    await raw.next((message) => message.kind === 'batch');
    served.tables.logs.put({ id: '1', time: 1, level: 'info', component: 'c', message: 'x'.repeat(33 * mebibyte) });
    await raw.end();
    await serves();
  });

  test('a search that finds nothing, in a loop, does not keep others waiting', async () => {
    served = await Served.start();
    for (let i = 0; i < 5_000; i++)
      served.tables.logs.put({ id: String(i), time: i, level: 'info', component: 'c', message: 'm'.repeat(200) });
    const raw = greeted();
    let id = 10;
    const loop = setInterval(() => {
      for (let i = 0; i < 100; i++) {
        raw.send({ kind: 'subscribe', id: ++id, topic: 'logs', options: { search: 'nothing like it' } });
        raw.send({ kind: 'unsubscribe', id });
      }
    }, 10);
    served.peer = { ...served.peer, uid: 1002 };
    const other = await served.connected();
    for (let i = 0; i < 20; i++) await expect(other.call('getSnapshot', {})).resolves.toEqual(snapshot);
    clearInterval(loop);
    raw.socket.destroy();
    await serves();
  });

  test('rows that are asked for are counted: one user cannot hold them all', async () => {
    served = await Served.start({ limits: { rows: 1_000 } });
    const raw = greeted();
    for (const id of [1, 2]) raw.send({ kind: 'subscribe', id, topic: 'logs', options: { limit: 300 } });
    expect(await raw.next((message) => message['id'] === 2)).toMatchObject({ error: code('RPC_BUSY') });
    raw.send({ kind: 'unsubscribe', id: 1 });
    raw.send({ kind: 'subscribe', id: 3, topic: 'logs', options: { limit: 300 } });
    expect(await raw.next((message) => message['id'] === 3)).toHaveProperty('batch');
  });
});

test('a user that connects in a loop is put off, and others are not', async () => {
  served = await Served.start({ limits: { connectsPerSecond: 1, connectBurst: 5 } });
  const attempts = [];
  for (let i = 0; i < 30; i++) {
    const raw = served.raw();
    attempts.push(raw.end());
    raw.socket.end();
  }
  await Promise.all(attempts);
  await expect(served.connected()).rejects.toThrow(code('RPC_BUSY'));
  served.peer = { ...served.peer, uid: 1002 };
  await serves();
});

describe('at every stage, every end of a connection', () => {
  const stages: Record<string, (raw: RawClient) => void> = {
    'nothing said': () => undefined,
    'half a header': (raw) => raw.socket.write(Buffer.of(0, 0)),
    'half a frame': (raw) => raw.socket.write(Buffer.of(0, 0, 1, 0, 0x7b)),
    'half a large message': (raw) => {
      raw.greet();
      for (const frame of frames(`${opening('applyConfig')}"${'x'.repeat(3 * mebibyte)}`).slice(0, 2))
        raw.socket.write(frame);
    },
    greeted: (raw) => raw.greet(),
    'waiting for an answer': (raw) => {
      raw.greet();
      raw.send(request({}, 'restore'));
    },
    'a table watched and not read': (raw) => {
      raw.greet();
      raw.send({ kind: 'subscribe', id: 1, topic: 'logs', options: {} });
      raw.socket.pause();
    },
    'a large message being read': (raw) => {
      raw.greet();
      const rules = Array.from({ length: 50_000 }, () => defaultConfig.rules[0]);
      for (const frame of encodeMessage(request({ config: { ...defaultConfig, rules } }))) raw.socket.write(frame);
    },
    refused: (raw) => raw.send({ kind: 'nonsense' }),
  };
  const endings: [string, (raw: RawClient) => void][] = [
    ['destroyed', (raw) => raw.socket.destroy()],
    ['half closed', (raw) => raw.socket.end()],
    ['garbage', (raw) => raw.socket.write(Buffer.alloc(5_000, 0xff))],
  ];
  test.each(Object.keys(stages))('%s', async (stage) => {
    served = await Served.start({ handlers: { restore: () => new Promise(() => undefined) } });
    for (const [, end] of endings) {
      const raw = served.raw();
      stages[stage]?.(raw);
      await sleep(20);
      end(raw);
      setTimeout(() => raw.socket.destroy(), 50);
      await raw.end();
    }
    await serves();
    await expect.poll(() => served.server.clients).toBe(1);
  });
});

test.each(['at once', 'later'])(
  'a table that fails by a defect %s is refused; its connection and all others go on',
  async (when) => {
    served = await Served.start();
    const { logs } = served.tables;
    const broken = () => {
      throw new Error('broken');
    };
    if (when === 'at once') logs.rows = broken;
    const raw = greeted();
    const refused = expect.objectContaining({ kind: 'response', error: code('INTERNAL') });
    // Together more than a connection may watch at once: what has failed takes no place.
    for (const first of [100, 200]) {
      const ids = Array.from({ length: 20 }, (_, i) => first + i);
      for (const id of ids) raw.send({ kind: 'subscribe', id, topic: 'logs', options: {} });
      if (when === 'later') {
        for (const id of ids) await raw.next((message) => message.kind === 'batch' && message.id === id);
        logs.row = broken;
        logs.put({ id: '1', time: 1, level: 'info', component: 'test', message: 'line' });
      }
      for (const id of ids) {
        expect(await raw.next((message) => message.kind === 'response' && message.id === id)).toEqual(refused);
      }
      logs.row = () => undefined;
    }
    raw.send(request({}, 'getSnapshot', 99));
    expect(await raw.next((message) => message.id === 99)).toMatchObject({ result: snapshot });
    await serves();
  },
);

test('a message that brings a defect to light ends its connection, and no other', async () => {
  served = await Served.start();
  served.tables.logs.watch = () => {
    throw new Error('broken');
  };
  const raw = greeted();
  raw.send({ kind: 'subscribe', id: 1, topic: 'logs', options: {} });
  expect(await raw.end()).toContainEqual(refusal('INTERNAL'));
  await serves();
});
