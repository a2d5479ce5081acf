import { beforeEach, expect, test } from 'vitest';
import { NetworkNames } from '../../../../core/dns/names/network-names.ts';
import { ManualClock, settle } from '../../../support/manual-clock.ts';

const never = new AbortController().signal;
let clock: ManualClock;
let searchList: { domains: string[]; ndots: number; revision: number };
/** What the internet says of a domain; absent: it cannot be asked. */
let known: Map<string, boolean>;
let asked: string[];
let told: string[];
let names: NetworkNames;

beforeEach(() => {
  clock = new ManualClock();
  searchList = {
    ndots: 1,
    domains: ['home.example', 'corp.example.com', 'google.com', 'co.uk', 'station', 'com', 'example'],
    revision: 3,
  };
  known = new Map([
    ['home.example', false],
    ['google.com', true],
    ['co.uk', true],
    ['station', false],
    ['com', true],
  ]);
  asked = [];
  told = [];
  names = new NetworkNames({
    searchList,
    policyRevision: () => 0,
    ruling: (name) =>
      name.endsWith('vpn.home.example') || name === 'named.lan'
        ? 'proxied'
        : name.endsWith('direct.home.example') || name.endsWith('direct.corp.example.com')
          ? 'direct'
          : undefined,
    isDirect: (name) => name.includes('direct'),
    isPublic: async (domain) => {
      asked.push(domain);
      return await Promise.resolve(known.get(domain));
    },
    hasPrivateAddress: async (name) => await Promise.resolve(name.startsWith('private.')),
    onPublic: (domain) => told.push(domain),
    clock,
  });
});

test.each([
  ['nas', 'own'],
  ['', 'other'],
  ['nas.lan', 'own'],
  ['named.lan', 'other'],
  ['printer.local', 'own'],
  ['nas.home.arpa', 'own'],
  ['wiki.corp', 'own'],
  ['1.0.168.192.in-addr.arpa', 'own'],
  ['4.3.32.172.in-addr.arpa', 'other'],
  ['nas.home.example', 'own'],
  ['home.example', 'own'],
  ['vpn.home.example', 'other'],
  ['direct.home.example', 'own'],
  ['nothome.example', 'other'],
  ['example', 'other'],
  ['wiki.corp.example.com', 'unsure'],
  ['direct.corp.example.com', 'other'],
  ['www.google.com', 'other'],
  ['google.com', 'other'],
  ['www.bbc.co.uk', 'other'],
  ['nas.station', 'own'],
  ['hidden.example', 'other'],
  ['www.example.com', 'other'],
  ['www.example.org', 'other'],
])('%j is %s', async (name, standing) => {
  expect(await names.settle(name)).toBe(standing);
  expect(names.standing(name)).toBe(standing);
});

test('the internet is asked once for each domain, about the domain alone; a public one is told of once', async () => {
  expect(names.standing('a.google.com')).toBe('unknown');
  const { revision } = names;
  await Promise.all(['a.google.com', 'b.google.com', 'google.com'].map((name) => names.settle(name)));
  await names.settle('c.google.com');
  await names.settle('www.bbc.co.uk');
  expect([asked, told]).toEqual([
    ['google.com', 'co.uk'],
    ['google.com', 'co.uk'],
  ]);
  expect(names.revision).toBeGreaterThan(revision);
});

test('what could not be told is asked again after a minute; the answer that comes then counts', async () => {
  expect(await names.settle('wiki.corp.example.com')).toBe('unsure');
  known.set('corp.example.com', false);
  await clock.advance(59_000);
  expect(await names.settle('wiki.corp.example.com')).toBe('unsure');
  await clock.advance(1_000);
  expect(await names.settle('wiki.corp.example.com')).toBe('own');
  expect(asked).toHaveLength(2);
});

test('a question waits for a second at most; another list, or network, makes all unknown, answers under way too', async () => {
  const slow = Promise.withResolvers<boolean>();
  const late = new NetworkNames({
    searchList,
    policyRevision: () => 0,
    ruling: () => undefined,
    isDirect: () => false,
    isPublic: () => slow.promise,
    hasPrivateAddress: async () => await Promise.resolve(false),
    onPublic: () => undefined,
    clock,
  });
  const waiting = Promise.all([late.settle('wiki.corp.example.com'), late.settle('www.google.com')]);
  await clock.advance(1_000);
  expect(await waiting).toEqual(['unsure', 'other']);
  late.reset();
  slow.resolve(false);
  await settle();
  expect(late.standing('www.google.com')).toBe('unknown');
  expect(await names.settle('nas.home.example')).toBe('own');
  const { revision } = names;
  searchList.domains = ['home.example'];
  searchList.revision += 1;
  expect([names.standing('nas.home.example'), names.standing('www.google.com')]).toEqual(['unknown', 'other']);
  expect(names.revision).toBeGreaterThan(revision);
});

test.each([
  ['nas.lan', 'is'],
  ['nas.home.example', 'is'],
  // Nobody can be asked about the domain: its private addresses are believed.
  ['private.corp.example.com', 'is'],
  ['www.corp.example.com', 'is not'],
  ['private.direct.corp.example.com', 'is not'],
  ['private.google.com', 'is not'],
  ['private.vpn.home.example', 'is not'],
  ['private.example.org', 'is not'],
])('%s %s of the network', async (name, expected) => {
  expect(await names.isOwn(name, never)).toBe(expected === 'is');
});

test('what goes DIRECT in a domain of the search list and has a private address is known here besides', async () => {
  const asked = ['private.direct', 'direct', 'private.www'].flatMap((host) => [
    `${host}.google.com`,
    `${host}.example.org`,
  ]);
  const known = await Promise.all(asked.map((name) => names.isOwnBesides(name, never)));
  expect(asked.filter((_, i) => known[i])).toEqual(['private.direct.google.com']);
});

test("what the search list makes of a single label, in its order, as far as it is the network's", async () => {
  expect(await names.expansionsOf('nas', never)).toEqual(['nas.home.example', 'nas.station']);
  expect(await names.expansionsOf('private', never)).toEqual([
    'private.home.example',
    'private.corp.example.com',
    'private.station',
  ]);
  expect([await names.expansionsOf('a.b', never), await names.expansionsOf('', never)]).toEqual([[], []]);
});
