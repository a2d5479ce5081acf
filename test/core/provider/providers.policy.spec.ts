/** Downloads that take a policy of the profile: through what they go, and when they have to wait for it. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { AppError } from '../../../core/base/app-error.ts';
import { systemClock } from '../../../core/base/clock.ts';
import { silentLogger } from '../../../core/base/logger.ts';
import { loadProfile } from '../../../core/profile/profile-loader.ts';
import { Downloader } from '../../../core/provider/download/download.ts';
import { ProviderCache } from '../../../core/provider/provider-cache.ts';
import { Providers } from '../../../core/provider/providers.ts';
import { eventually } from '../../support/eventually.ts';
import { answers, SubscriptionServer } from '../../support/subscription-server.ts';

let server: SubscriptionServer;
let root: string;
let providers: Providers;
let inForce: readonly string[];
let asked: (string | undefined)[];

beforeEach(async () => {
  root = mkdtempSync(join(tmpdir(), 'mirage-policy-'));
  server = await SubscriptionServer.start();
  server.routes.set('/by-rules', answers.text('a.example\n'));
  server.routes.set('/by-policy', answers.text('b.example\n'));
  inForce = [];
  asked = [];
  const proxy = async (policy: string | undefined) => {
    asked.push(policy);
    if (policy !== undefined && !inForce.includes(policy)) throw new AppError('DOWNLOAD_POLICY', 'not in force');
    return undefined;
  };
  const downloader = new Downloader({ clock: systemClock, proxy, version: '1' });
  providers = new Providers({
    cache: new ProviderCache(join(root, 'cache')),
    downloader,
    clock: systemClock,
    logger: silentLogger,
  });
  const list = (path: string, more = '') =>
    `{type: http, behavior: domain, format: text, url: '${server.url(path)}', interval: 0${more}}`;
  const { wanted } = loadProfile(`rule-providers:
  a: ${list('/by-rules')}
  b: ${list('/by-policy', ', proxy: node')}
proxies: [{name: node, type: socks5, server: 192.0.2.1, port: 1}]
rules: ['RULE-SET,a,DIRECT', 'RULE-SET,b,DIRECT', 'MATCH,node']
`);
  providers.use(wanted ?? expect.unreachable(), root);
});
afterEach(async () => {
  providers.stop();
  await server.stop();
  rmSync(root, { recursive: true });
});

const rowOf = (name: string) => providers.rows().find((row) => row.name === name);
const idle = () => eventually(() => expect(providers.rows().filter(({ updating }) => updating)).toEqual([]));

test('one whose policy is not in force waits for it, and does not go by the rules meanwhile', async () => {
  providers.start();
  await eventually(() => expect(rowOf('a')?.entries).toBe(1));
  await eventually(() => expect(rowOf('b')?.error?.code).toBe('DOWNLOAD_POLICY'));
  await idle();
  expect(server.asked).toEqual(['/by-rules']);
  providers.policiesChanged();
  await idle();
  expect(server.asked).toEqual(['/by-rules']);
  inForce = ['node'];
  providers.policiesChanged();
  await eventually(() => expect(rowOf('b')?.entries).toBe(1));
  expect(rowOf('b')?.error).toBeUndefined();
  expect(server.asked).toEqual(['/by-rules', '/by-policy']);
  expect(new Set(asked)).toEqual(new Set([undefined, 'node']));
  // What is there already is not fetched once more.
  providers.policiesChanged();
  await idle();
  expect(server.asked).toHaveLength(2);
});
