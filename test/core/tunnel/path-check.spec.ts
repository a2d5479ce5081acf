import { beforeEach, expect, test } from 'vitest';
import { silentLogger } from '../../../core/base/logger.ts';
import type { Endpoint } from '../../../core/contract/flow.ts';
import { ServerPlaces } from '../../../core/dns/upstream/server-places.ts';
import { Health } from '../../../core/helper/health.ts';
import { type Arrival, PathCheck } from '../../../core/tunnel/path-check.ts';
import { ManualClock, settle } from '../../support/manual-clock.ts';

const server: Endpoint = { host: '192.0.2.53', port: 53 };
const resolver: Endpoint = { host: '127.0.0.1', port: 5353 };

let clock: ManualClock;
let health: Health;
let places: ServerPlaces;
let check: PathCheck;
let did: string[];
/** What the firewall does, as long as nothing is kept from it. */
let redirects: boolean;
let leads: Endpoint | undefined;
let answers: { udp: Arrival; tcp: Arrival };
let works: boolean;

beforeEach(() => {
  clock = new ManualClock();
  health = new Health();
  places = new ServerPlaces();
  did = [];
  redirects = false;
  leads = undefined;
  answers = { udp: 'here', tcp: 'here' };
  works = true;
  check = new PathCheck({
    probe: {
      greet: async (_server, network) =>
        redirects && !(works && check.unredirected !== undefined) ? 'elsewhere' : answers[network],
      trace: async () => leads,
      isOurs: () => false,
    },
    desk: () => ({ server: { host: '198.18.0.2', port: 53 }, range: '198.18.0.0/15' }),
    servers: async () => [server, { host: '127.0.0.1', port: 53 }],
    isLocal: (address) => address.startsWith('127.'),
    places,
    onPlaces: () => did.push(`places ${places.of(server).host}`),
    refresh: async () => void did.push(`refresh ${JSON.stringify(check.unredirected)}`),
    health,
    clock,
    log: silentLogger,
  });
});
const codes = (): string[] => health.warnings().map(({ code }) => code);
const start = async (): Promise<void> => {
  check.start();
  await settle();
};

test('nothing is in the way: nothing is done', async () => {
  await start();
  await clock.advance(60_000);
  expect([did, codes(), check.unredirected]).toEqual([[], [], undefined]);
});

test('questions to us are led elsewhere: they are kept from it, once and until off', async () => {
  redirects = true;
  await start();
  await clock.advance(60_000);
  expect(did).toEqual(['refresh {"relays":false}']);
  expect(codes()).toEqual([]);
  check.stop();
  expect(check.unredirected).toBeUndefined();
});

test('what cannot be kept from it is told, and taken back when it is so no more', async () => {
  redirects = true;
  works = false;
  await start();
  expect(codes()).toEqual(['DNS_REDIRECTED']);
  redirects = false;
  await clock.advance(20_000);
  expect(codes()).toEqual([]);
});

test('keeping a redirect off is tried again while it is still there, once a minute', async () => {
  redirects = true;
  works = false;
  await start();
  await clock.advance(50_000);
  expect(did).toHaveLength(1);
  await clock.advance(130_000);
  expect(did).toEqual(Array.from({ length: 4 }, () => 'refresh {"relays":false}'));
  works = true;
  await clock.advance(120_000);
  expect([did.length, codes()]).toEqual([4, []]);
});

test('ours are led to a resolver here: it is asked itself, and what it asks is kept from the redirect', async () => {
  leads = resolver;
  await start();
  expect(places.of(server)).toEqual(resolver);
  expect(places.resolvers).toEqual([resolver]);
  expect(did).toEqual(['places 127.0.0.1', 'refresh {"relays":true}']);
  leads = undefined;
  await clock.advance(20_000);
  expect(did.slice(2)).toEqual(['places 192.0.2.53', 'refresh {"relays":false}']);
});

test('a server on the network that they are led to is nothing to us', async () => {
  leads = { host: '192.0.2.7', port: 53 };
  await start();
  expect([did, places.resolvers]).toEqual([[], []]);
});

test.each(['udp', 'tcp'] as const)('what is lost by %s is told with the range, and taken back', async (network) => {
  answers[network] = 'lost';
  await start();
  expect(codes()).toEqual([]);
  await clock.advance(3_500);
  const [warning] = health.warnings();
  expect(warning).toMatchObject({ code: 'FAKE_RANGE_BLOCKED', severity: 'error' });
  expect(warning?.text).toContain(`198.18.0.0/15 (${network.toUpperCase()})`);
  answers = { udp: 'here', tcp: 'here' };
  check.soon();
  await clock.advance(600);
  expect(codes()).toEqual([]);
});

test('off: warnings and places are taken back, and what was under way says nothing more', async () => {
  leads = resolver;
  answers.udp = 'lost';
  await start();
  await clock.advance(3_500);
  expect(codes()).toEqual(['FAKE_RANGE_BLOCKED']);
  check.soon();
  clock.run(600);
  check.stop();
  await settle();
  expect([codes(), places.resolvers]).toEqual([[], []]);
  await clock.advance(60_000);
  expect(codes()).toEqual([]);
});
