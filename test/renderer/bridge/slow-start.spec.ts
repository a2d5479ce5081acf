/** A window that starts slowly, over the real browser server: what happens meanwhile is not lost, whichever way round things come. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { WebSocket } from 'ws';
import { BrowserServer } from '../../../core/app/browser/browser-server.ts';
import { RendererFiles } from '../../../core/app/browser/renderer-files.ts';
import { silentLogger } from '../../../core/base/logger.ts';
import { SocketBridge } from '../../../renderer/bridge/socket-bridge.ts';
import { createLiveStore, type LiveStore } from '../../../renderer/stores/live-store.ts';
import { ManualClock } from '../../support/manual-clock.ts';
import { MockBridge } from '../../support/mock-bridge.ts';

const offer = { url: 'https://a.example/x', host: 'a.example', path: '/x', hidden: false };
const failed = { kind: 'failed', error: { code: 'HELPER_NOT_RUNNING', message: 'x' } } as const;

let directory: string;
let clock: ManualClock;
let mock: MockBridge;
let server: BrowserServer;
let headers: { cookie: string; origin: string };
let key: string;
/** What the page does when its socket has opened; it may take its time. */
let greet: ((send: () => void) => void) | undefined;
let bridge: SocketBridge;
let live: LiveStore;
const sockets: WebSocket[] = [];

beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), 'mirage-start-'));
  writeFileSync(join(directory, 'index.html'), '<!doctype html>');
  clock = new ManualClock();
  mock = new MockBridge({ rows: 1, tunnel: 'running', clock });
  const files = new RendererFiles(directory);
  server = new BrowserServer({ bridge: mock, files, clock, logger: silentLogger, port: 0 });
  await server.start();
  const answer = await new Promise<{ cookie: string; location: string }>((resolve) => {
    request(server.issueLink(), (response) => {
      response.resume();
      const [cookie = ''] = response.headers['set-cookie']?.[0]?.split(';') ?? [];
      resolve({ cookie, location: response.headers.location ?? '' });
    }).end();
  });
  headers = { cookie: answer.cookie, origin: new URL(server.address).origin };
  key = answer.location.split('#key=')[1] ?? '';
  greet = undefined;
  bridge = new SocketBridge({
    open: ({ opened, received, closed }) => {
      const socket = new WebSocket(`${headers.origin.replace('http', 'ws')}/api/socket`, { headers });
      sockets.push(socket);
      // Events wait for a busy page, and keep their order.
      let isGreeted = false;
      const waiting: (() => void)[] = [];
      const told = (event: () => void) => (isGreeted ? event() : waiting.push(event));
      const send = () => {
        isGreeted = true;
        if (socket.readyState === WebSocket.OPEN) socket.send(JSON.stringify({ key }));
        opened();
        for (const event of waiting.splice(0)) event();
      };
      socket.on('open', () => (greet ?? ((go: () => void) => go()))(send));
      socket.on('message', (data: Buffer) => told(() => received(data.toString())));
      socket.on('close', (code) => told(() => closed(code)));
      return { send: (text) => socket.send(text) };
    },
    isUnauthorized: async () => false,
    now: () => clock.now(),
    random: () => 1,
    after: (ms, callback) => clock.after(ms, callback),
  });
  live = createLiveStore(bridge, bridge, () => clock.now());
});
afterEach(async () => {
  mock.dispose();
  for (const socket of sockets.splice(0)) socket.terminate();
  await server.stop();
  rmSync(directory, { recursive: true, force: true });
});

const settled = () => expect.poll(() => live.getState().home.kind).toBe('open');

test('a page that is too busy to show its key in time is not turned away for ever: it comes again', async () => {
  let late: (() => void) | undefined;
  greet = (send) => (late ??= send); // the first time it is busy
  await expect.poll(() => late).toBeDefined();
  greet = undefined;
  mock.profiles.propose(offer);
  await clock.advance(60_000);
  late?.();
  await expect.poll(() => live.getState().home.kind).toBe('lost');
  await clock.advance(60_000);
  await settled();
  await expect.poll(() => live.getState().info?.offer).toEqual(offer);
});

test.each([
  ['before the page has connected', (change: () => void) => change(), true],
  ['after it has, before it has said who it is', (change: () => void) => change(), false],
])('what changes %s is seen, in every event', async (_, run, atOnce) => {
  const change = () =>
    run(() => {
      mock.profiles.propose(offer);
      mock.setLink(failed);
    });
  if (atOnce) change();
  let go: (() => void) | undefined;
  greet = (send) => (go = send);
  await expect.poll(() => go).toBeDefined();
  if (!atOnce) change();
  go?.();
  await settled();
  await expect.poll(() => live.getState().info?.offer).toEqual(offer);
  expect(live.getState()).toMatchObject({ link: failed, snapshot: undefined });
  mock.setLink({ kind: 'connected' });
  await expect.poll(() => live.getState().snapshot?.tunnel.kind).toBe('running');
  await clock.advance(1000);
  await expect.poll(() => live.getState().traffic.length).toBeGreaterThan(0);
  mock.profiles.propose(undefined);
  await expect.poll(() => live.getState().info?.offer).toBeUndefined();
});

test('whoever listens later hears the newest of each event at once, from this connection only', async () => {
  mock.profiles.propose(offer);
  await settled();
  await expect.poll(() => live.getState().info?.offer).toEqual(offer);
  const heard: unknown[] = [];
  bridge.on('info', (info) => heard.push(info.offer));
  bridge.on('link', (link) => heard.push(link.kind));
  expect(heard).toEqual([offer, 'connected']);
  sockets.at(-1)?.terminate();
  await expect.poll(() => live.getState().home.kind).toBe('lost');
  bridge.on('info', () => heard.push('stale'));
  expect(heard).not.toContain('stale');
});
