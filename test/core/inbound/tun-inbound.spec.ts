import { beforeEach, describe, expect, test } from 'vitest';
import { silentLogger } from '../../../core/base/logger.ts';
import type { HeldFlow, InboundFlow } from '../../../core/inbound/inbound.ts';
import { TunInbound } from '../../../core/inbound/tun-inbound.ts';
import { settle } from '../../support/manual-clock.ts';
import { MemoryFlowEngine } from '../../support/memory-flow-engine.ts';

let engine: MemoryFlowEngine;
let dispatched: HeldFlow[];
let told: unknown[][];
let answer: (message: Uint8Array) => Promise<Uint8Array | undefined>;
let deaths: string[];

beforeEach(async () => {
  engine = new MemoryFlowEngine();
  dispatched = [];
  told = [];
  deaths = [];
  answer = (message) => Promise.resolve(message);
  const dispatch = (flow: InboundFlow) => {
    if (flow.kind !== 'held') throw new Error('not held');
    dispatched.push(flow);
    return {
      dialed: (outcome: unknown) => told.push(['dialed', outcome]),
      ended: (close: unknown) => told.push(['ended', close]),
    };
  };
  const inbound = new TunInbound({
    engine,
    dispatcher: { dispatch },
    dns: { answer: (question) => answer(question.message) },
    onDead: (message) => deaths.push(message),
    log: silentLogger,
  });
  await inbound.start();
});

test('a flow is dispatched with its facts', () => {
  engine.open('198.18.3.4', 443, 'udp');
  expect(dispatched[0]?.metadata).toEqual({
    network: 'udp',
    inbound: 'tun',
    source: { host: '198.18.0.1', port: 40_001 },
    destination: { host: '198.18.3.4', port: 443 },
    originalDestination: { host: '198.18.3.4', port: 443 },
  });
});

test('verdict, outcome and end reach the right flow', () => {
  const [first, second] = [engine.open('192.0.2.1', 80), engine.open('192.0.2.2', 80)];
  dispatched[1]?.decide({ kind: 'reject', how: 'drop' });
  expect(engine.verdicts).toEqual([{ id: second, verdict: { kind: 'reject', how: 'drop' } }]);
  const outcome = { ok: true, address: '192.0.2.1', ms: 3 } as const;
  engine.dialed(first, outcome);
  engine.end(first, { reason: 'done' });
  expect(told).toEqual([
    ['dialed', outcome],
    ['ended', { id: first, up: 0, down: 0, reason: 'done' }],
  ]);
});

test('after the end a flow is forgotten', () => {
  const id = engine.open('192.0.2.1', 80);
  engine.end(id, { reason: 'abandoned' });
  engine.dialed(id, { ok: true, address: '192.0.2.1', ms: 1 });
  expect(told.length).toBe(1);
});

test('the carrier reads the engine’s shared counters and closes there', () => {
  const id = engine.open('192.0.2.1', 80);
  engine.count(id, 12, 34);
  expect(dispatched[0]?.carrier.bytes()).toEqual({ up: 12, down: 34 });
  dispatched[0]?.carrier.close('reset');
  expect(engine.closes).toEqual([{ id, how: 'reset' }]);
});

test('a stream is taken from the engine; it rejects when the client is gone', async () => {
  const id = engine.open('192.0.2.1', 80);
  const taken = dispatched[0]?.takeStream();
  const application = engine.accept(id);
  application.writable.write('hello');
  const stream = await taken;
  expect(String(await new Promise((resolve) => stream?.readable.once('data', resolve)))).toBe('hello');
  engine.end(id, { reason: 'done' });
  await expect(dispatched[0]?.takeStream()).rejects.toThrow('the client is gone');
});

describe('DNS', () => {
  const question = {
    token: 5,
    network: 'udp',
    source: { host: '198.18.0.1', port: 1 },
    destination: { host: '198.18.0.2', port: 53 },
    message: Uint8Array.of(1, 2, 3),
  } as const;

  test('questions are answered by their token', async () => {
    engine.ask(question);
    await settle();
    expect(engine.answers).toEqual([{ token: 5, message: question.message }]);
  });

  test.each([
    ['no answer', () => Promise.resolve(undefined)],
    ['a failure', () => Promise.reject(new Error('broken'))],
  ])('%s leaves the question alone', async (_what, none) => {
    answer = none;
    engine.ask(question);
    await settle();
    expect(engine.answers).toEqual([]);
  });
});

test('the engine’s death is passed on after its flows have ended', () => {
  engine.open('192.0.2.1', 80);
  engine.die('device gone');
  expect(told).toHaveLength(1);
  expect(deaths).toEqual(['device gone']);
});
