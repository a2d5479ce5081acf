import { beforeEach, expect, test } from 'vitest';
import { silentLogger } from '../../../core/base/logger.ts';
import type { HeldFlow, InboundFlow } from '../../../core/inbound/inbound.ts';
import { type DnsHandler, TunInbound } from '../../../core/inbound/tun-inbound.ts';
import { settle } from '../../support/manual-clock.ts';
import { MemoryFlowEngine } from '../../support/memory-flow-engine.ts';

let engine: MemoryFlowEngine;
let dispatched: HeldFlow[];
let told: unknown[][];
let asked: DnsHandler['answerBatch'];
let deaths: string[];

beforeEach(async () => {
  engine = new MemoryFlowEngine();
  dispatched = [];
  told = [];
  deaths = [];
  asked = () => undefined;
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
    dns: { answerBatch: (questions, send) => asked(questions, send) },
    decideEcho: (asked) =>
      Promise.resolve({ kind: 'refuse', how: asked.destination === '192.0.2.9' ? 'silence' : 'prohibited' }),
    onDead: (message) => deaths.push(message),
    log: silentLogger,
  });
  await inbound.start();
});

test('a flow is dispatched with its facts', () => {
  engine.open('198.18.3.4', 443, 'udp', 46);
  expect(dispatched[0]?.metadata).toEqual({
    network: 'udp',
    inbound: 'tun',
    source: { host: '198.18.0.1', port: 40_001 },
    destination: { host: '198.18.3.4', port: 443 },
    originalDestination: { host: '198.18.3.4', port: 443 },
    trafficClass: 46,
  });
});

test('pings are decided', async () => {
  engine.echo(8, '192.0.2.9');
  engine.echo(10, '192.0.2.1');
  await new Promise((resolve) => setImmediate(resolve));
  expect(engine.echoes).toEqual([
    { id: 8, verdict: { kind: 'refuse', how: 'silence' } },
    { id: 10, verdict: { kind: 'refuse', how: 'prohibited' } },
  ]);
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
  engine.count(id, 12, 34, 0);
  expect(dispatched[0]?.carrier.bytes()).toEqual({ up: 12, down: 34, firstByteMs: 0 });
  dispatched[0]?.carrier.close('reset');
  expect(engine.closes).toEqual([{ id, how: 'reset' }]);
});

test('questions go to the DNS side, whose answers go back by one way, at once or later', async () => {
  const batches: [unknown, unknown][] = [];
  asked = (questions, send) => {
    batches.push([questions, send]);
    send(Uint8Array.of(1));
    setImmediate(() => send(Uint8Array.of(2)));
  };
  const questions = { firstToken: 5, count: 1, questions: Uint8Array.of(7) };
  engine.ask(questions);
  engine.ask(questions);
  await settle();
  expect(batches.map(([told]) => told)).toEqual([questions, questions]);
  expect(batches[0]?.[1]).toBe(batches[1]?.[1]);
  expect(engine.answers.map(([byte]) => byte)).toEqual([1, 1, 2, 2]);
});

test('the engine’s death is passed on after its flows have ended', () => {
  engine.open('192.0.2.1', 80);
  engine.die('device gone');
  expect(told).toHaveLength(1);
  expect(deaths).toEqual(['device gone']);
});
