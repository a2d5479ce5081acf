import { beforeEach, describe, expect, test } from 'vitest';
import type { TopicBatch } from '../../../core/contract/app.ts';
import { clientFrameSchema, type ServerFrame } from '../../../core/contract/app-socket.ts';
import type { ErrorData } from '../../../core/contract/error.ts';
import { errorDataOf } from '../../../renderer/bridge/error-data.ts';
import { SocketBridge, type SocketHandlers } from '../../../renderer/bridge/socket-bridge.ts';
import { stoppedSnapshot } from '../../support/helper-double.ts';

interface Socket extends SocketHandlers {
  sent: unknown[];
}

let sockets: Socket[];
let timers: { ms: number; run: () => void; cancelled: boolean }[];
let unauthorized: boolean;
let bridge: SocketBridge;

beforeEach(() => {
  sockets = [];
  timers = [];
  unauthorized = false;
  bridge = new SocketBridge({
    open: (handlers) => {
      const sent: unknown[] = [];
      sockets.push({ ...handlers, sent });
      return { send: (text) => sent.push(clientFrameSchema.parse(JSON.parse(text))) };
    },
    isUnauthorized: () => Promise.resolve(unauthorized),
    now: () => 1000,
    random: () => 1,
    after: (ms, run) => {
      const timer = { ms, run, cancelled: false };
      timers.push(timer);
      return () => {
        timer.cancelled = true;
      };
    },
  });
});

function socket(): Socket {
  const last = sockets.at(-1);
  if (last === undefined) throw new Error('none was opened');
  return last;
}
const receive = (frame: ServerFrame) => socket().received(JSON.stringify(frame));
const settle = () => new Promise((resolve) => setImmediate(resolve));
const busy: ErrorData = { code: 'RPC_BUSY', message: 'too many subscriptions' };
const batch: TopicBatch = { epoch: 1, sequence: 0, reset: true, rows: [], counters: [], removed: [], total: 0 };

describe('calls', () => {
  test('are answered by number, in any order', async () => {
    socket().opened();
    const first = bridge.call('getSnapshot', {});
    const second = bridge.call('closeFlows', { all: true });
    expect(socket().sent).toEqual([
      { id: 1, call: 'getSnapshot', params: {} },
      { id: 2, call: 'closeFlows', params: { all: true } },
    ]);
    receive({ id: 2, result: { closed: 3 } });
    receive({ id: 1, result: stoppedSnapshot });
    expect(await second).toEqual({ closed: 3 });
    expect(await first).toEqual(stoppedSnapshot);
    expect(timers.every((timer) => timer.cancelled)).toBe(true);
  });

  test('reject with the error of the contract', async () => {
    socket().opened();
    const call = bridge.call('restore', {});
    receive({ id: 1, error: { code: 'SYSTEM_DNS_FAILED', message: 'no' } });
    expect(errorDataOf(await call.catch((error: unknown) => error))).toEqual({
      code: 'SYSTEM_DNS_FAILED',
      message: 'no',
    });
  });

  test('reject when the connection closes, when there is none, and when no answer comes', async () => {
    const early = bridge.call('getSnapshot', {}).catch(errorDataOf);
    expect(await early).toMatchObject({ code: 'RPC_CLOSED' });
    socket().opened();
    const cut = bridge.call('getSnapshot', {}).catch(errorDataOf);
    socket().closed(1006);
    expect(await cut).toMatchObject({ code: 'RPC_CLOSED' });
    bridge.retry();
    socket().opened();
    const slow = bridge.call('getSnapshot', {}).catch(errorDataOf);
    timers.at(-1)?.run();
    expect(await slow).toMatchObject({ code: 'RPC_TIMEOUT' });
  });
});

describe('events', () => {
  test('reach their handlers; later handlers get the newest at once, but not across a lost connection', () => {
    const links: string[] = [];
    const stop = bridge.on('link', (link) => links.push(link.kind));
    socket().opened();
    receive({ event: 'link', data: { kind: 'connecting' } });
    receive({ event: 'link', data: { kind: 'connected' } });
    bridge.on('link', (link) => links.push(`late ${link.kind}`));
    stop();
    receive({ event: 'link', data: { kind: 'connecting' } });
    expect(links).toEqual(['connecting', 'connected', 'late connected', 'late connecting']);
    socket().closed(1006);
    bridge.on('link', () => links.push('too late'));
    expect(links).not.toContain('too late');
  });
});

describe('subscriptions', () => {
  test('are made when the connection opens and renewed when it opens again; what comes finds its subscriber', () => {
    const batches: TopicBatch[] = [];
    const refused: ErrorData[] = [];
    const stop = bridge.subscribe(
      'mappings',
      { limit: 5 },
      (data) => batches.push(data),
      (error) => refused.push(error),
    );
    expect(socket().sent).toEqual([]);
    socket().opened();
    expect(socket().sent).toEqual([{ subscribe: 1, topic: 'mappings', options: { limit: 5 } }]);
    receive({ batch: 1, data: batch });
    receive({ batch: 99, data: batch });
    expect(batches).toEqual([batch]);
    receive({ refused: 1, error: busy });
    receive({ refused: 99, error: busy });
    expect(refused).toEqual([busy]);
    socket().closed(1006);
    timers.at(-1)?.run();
    socket().opened();
    expect(socket().sent).toEqual([{ subscribe: 1, topic: 'mappings', options: { limit: 5 } }]);
    stop();
    stop();
    expect(socket().sent.slice(1)).toEqual([{ unsubscribe: 1 }]);
  });
});

describe('the link home', () => {
  test('backs off, and starts over after a success', async () => {
    const waits: number[] = [];
    for (let i = 0; i < 7; i++) {
      socket().closed(1006);
      await settle();
      waits.push(timers.at(-1)?.ms ?? 0);
      timers.at(-1)?.run();
    }
    expect(waits).toEqual([500, 1000, 2000, 4000, 8000, 15_000, 15_000]);
    expect(bridge.state).toEqual({ kind: 'lost', retryAt: 16_000 });
    socket().opened();
    expect(bridge.state).toEqual({ kind: 'open' });
    socket().closed(1006);
    expect(bridge.state).toEqual({ kind: 'lost', retryAt: 1500 });
  });

  test('a refused session asks for a new link and does not try again', async () => {
    unauthorized = true;
    socket().closed(1006);
    await settle();
    expect(bridge.state).toEqual({ kind: 'unauthorized' });
    expect(timers).toEqual([]);
  });

  test('so does a session that the server ends', () => {
    socket().opened();
    socket().closed(4401);
    expect(bridge.state).toEqual({ kind: 'unauthorized' });
  });

  test('trying at once replaces the waiting', () => {
    socket().opened();
    socket().closed(1006);
    const waiting = timers.at(-1);
    bridge.retry();
    expect(waiting?.cancelled).toBe(true);
    expect(sockets).toHaveLength(2);
    bridge.retry();
    expect(sockets).toHaveLength(2);
  });
});
