/** Tests of nodes: once at a time for each node and address, ten at a time in all, each asker by its own time and status. */
import { beforeEach, expect, test } from 'vitest';
import { type NodeTest, NodeTests } from '../../../../core/outbound/health/node-tests.ts';
import { ManualClock, settle } from '../../../support/manual-clock.ts';
import { refused, ScriptedNode } from './scripted-node.ts';

let clock: ManualClock;
let tests: NodeTests;
const usual: NodeTest = { url: 'http://t.example/x?y', expectedStatus: '*', timeout: 1000 };

beforeEach(() => {
  clock = new ManualClock();
  tests = new NodeTests(clock);
});

test('a HEAD request without more, and what it took', async () => {
  const node = new ScriptedNode('a', clock);
  const result = tests.run(node.node, usual);
  await settle();
  expect(tests.isTesting(node.node.identity)).toBe(true);
  await clock.advance(10);
  expect(await result).toEqual({ at: clock.now(), ms: 10, status: 204 });
  expect(node.asked).toEqual([{ host: 't.example', port: 80 }]);
  expect(node.heads[0]).toMatch(/^HEAD \/x\?y HTTP\/1\.1\r\nHost: t\.example\r\n/);
  expect(tests.by(usual).delayOf(node.node.identity)).toBe(10);
  expect(tests.isTesting(node.node.identity)).toBe(false);
  expect(node.now).toBe(0);
});

test('nobody tests a node twice at once at one address, however many ask; each asker has its own judgement', async () => {
  const node = new ScriptedNode('a', clock);
  node.delay = 300;
  node.status = 403;
  const results = [
    tests.run(node.node, usual),
    tests.run(node.node, usual),
    tests.run(node.node, { ...usual, timeout: 200 }),
    tests.run(node.node, { ...usual, expectedStatus: '200/204' }),
    tests.run(node.node, { ...usual, expectedStatus: '200-299/403' }),
  ];
  const elsewhere = tests.run(node.node, { ...usual, url: 'http://other.example/' });
  await settle();
  expect(node.asked.map(({ host }) => host)).toEqual(['t.example', 'other.example']);
  await clock.advance(1000);
  expect((await Promise.all([...results, elsewhere])).map((delay) => delay?.ms)).toEqual([
    300,
    300,
    null,
    null,
    300,
    300,
  ]);
  expect(await results[2]).toMatchObject({ code: 'DIAL_TIMEOUT' });
  expect(await results[3]).toMatchObject({ status: 403 });
  expect(tests.delays(node.node.identity).map(({ alive }) => alive)).toEqual([false, true, false, true, true]);
});

test('ten at a time; one that is wanted at once does not wait for them', async () => {
  const nodes = Array.from({ length: 30 }, (_, i) => new ScriptedNode(`n${i}`, clock));
  const dead = new ScriptedNode('dead', clock);
  for (const node of nodes) node.delay = undefined;
  const results = nodes.map((node) => tests.run(node.node, usual));
  await settle();
  const running = () => nodes.filter(({ now }) => now > 0).length;
  expect(running()).toBe(10);
  const urgent = tests.run(dead.node, usual, 'at-once');
  await settle();
  expect([running(), dead.now]).toEqual([10, 1]);
  await clock.advance(10);
  expect((await urgent)?.ms).toBe(10);
  expect(running()).toBe(10);
  await clock.advance(3_000);
  expect((await Promise.all(results)).every((delay) => delay?.ms === null)).toBe(true);
  expect(running()).toBe(0);
});

test('who gives up leaves no mark, and ends the request where nobody else waits', async () => {
  const node = new ScriptedNode('a', clock);
  node.delay = undefined;
  const [first, second] = [new AbortController(), new AbortController()];
  const results = [
    tests.run(node.node, usual, 'in-turn', first.signal),
    tests.run(node.node, { ...usual, timeout: 500 }, 'in-turn', second.signal),
  ];
  await settle();
  first.abort();
  expect(await results[0]).toBeUndefined();
  expect(node.now).toBe(1);
  second.abort();
  expect(await results[1]).toBeUndefined();
  await settle();
  expect(node.now).toBe(0);
  expect(tests.delays(node.node.identity)).toEqual([]);
  expect(tests.isTesting(node.node.identity)).toBe(false);
  expect(await tests.run(node.node, usual, 'in-turn', AbortSignal.abort())).toBeUndefined();
  expect(clock.pending).toBeLessThanOrEqual(2);
});

test('ten results are remembered; a node that another dial could not reach is dead until a test says otherwise', async () => {
  const node = new ScriptedNode('a', clock);
  const { identity } = node.node;
  const view = tests.by(usual);
  expect([view.isAlive(identity), view.delayOf(identity)]).toEqual([true, undefined]);
  node.refuses = refused;
  expect(await tests.run(node.node, usual)).toMatchObject({ ms: null, code: 'DIAL_PROXY_REFUSED' });
  expect(view.isAlive(identity)).toBe(false);
  node.refuses = undefined;
  for (let i = 0; i < 12; i++) {
    const result = tests.run(node.node, usual);
    await settle();
    await clock.advance(10);
    await result;
  }
  expect(tests.delays(identity)[0]?.history).toHaveLength(10);
  expect(view.isAlive(identity)).toBe(true);
  const { revision } = tests;
  tests.suspect(node.node);
  expect(view.isAlive(identity)).toBe(false);
  expect(tests.revision).toBeGreaterThan(revision);
  const again = tests.run(node.node, usual);
  await settle();
  await clock.advance(10);
  await again;
  expect(view.isAlive(identity)).toBe(true);
  tests.retain(new Set());
  expect(tests.delays(identity)).toEqual([]);
});

test.each([
  ['ftp://t.example/', 'DIAL_IO'],
  ['nonsense', 'DIAL_IO'],
])('the address %s cannot be tested by', async (url, code) => {
  const node = new ScriptedNode('a', clock);
  expect(await tests.run(node.node, { ...usual, url })).toMatchObject({ ms: null, code });
  expect(node.asked).toEqual([]);
});

test('users and groups take turns: one who asks for thousands waits for himself alone', async () => {
  const nodes = (name: string, count: number) =>
    Array.from({ length: count }, (_, i) => new ScriptedNode(`${name}${i}`, clock));
  const [many, few, own] = [nodes('many', 1000), nodes('few', 5), nodes('own', 5)];
  const done: string[] = [];
  const ask = (some: ScriptedNode[], client?: number) => {
    for (const { node } of some)
      void tests.run(node, usual, 'in-turn', undefined, client).then(() => done.push(node.name));
  };
  ask(many, 1000);
  ask(few, 1001);
  ask(own);
  for (let i = 0; i < 40 && done.length < 40; i++) {
    await settle();
    await clock.advance(10);
  }
  const others = done.filter((name) => !name.startsWith('many'));
  expect(others).toHaveLength(10);
  // Ten were under way before; then each client has every third place.
  expect(Math.max(...others.map((name) => done.indexOf(name)))).toBeLessThan(30);
});

test('one that several wait for is begun when the first of them has a turn, and once', async () => {
  const crowd = Array.from({ length: 200 }, (_, i) => new ScriptedNode(`n${i}`, clock));
  const wanted = new ScriptedNode('wanted', clock);
  for (const { node } of crowd) void tests.run(node, usual, 'in-turn', undefined, 1000);
  const late = tests.run(wanted.node, usual, 'in-turn', undefined, 1000);
  const soon = tests.run(wanted.node, usual, 'in-turn', undefined, 1001);
  for (let i = 0; i < 5; i++) {
    await settle();
    await clock.advance(10);
  }
  expect((await Promise.all([late, soon])).map((delay) => delay?.ms)).toEqual([10, 10]);
  expect(wanted.asked).toHaveLength(1);
  expect(crowd.filter(({ asked }) => asked.length > 0).length).toBeLessThan(200);
});

test('thousands that give up leave the queue one by one, whatever stands behind them', async () => {
  const stop = new AbortController();
  const crowd = Array.from({ length: 5_000 }, (_, i) => new ScriptedNode(`n${i}`, clock));
  const outcomes = crowd.map(({ node }) => tests.run(node, usual, 'in-turn', stop.signal, 1000));
  const last = new ScriptedNode('last', clock);
  const kept = tests.run(last.node, usual, 'in-turn', undefined, 1000);
  stop.abort();
  expect((await Promise.all(outcomes)).every((delay) => delay === undefined)).toBe(true);
  await settle();
  await clock.advance(10);
  expect(await kept).toMatchObject({ ms: 10 });
  expect(crowd.filter(({ asked }) => asked.length > 0).length).toBeLessThanOrEqual(10);
});
