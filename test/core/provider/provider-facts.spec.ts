/** What is there is not lost, not read again and again, and not told more often than it must be. */
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { systemClock } from '../../../core/base/clock.ts';
import { silentLogger } from '../../../core/base/logger.ts';
import { maxSets } from '../../../core/contract/sets.ts';
import { loadProfile } from '../../../core/profile/profile-loader.ts';
import { maxProviders } from '../../../core/profile/provider-section.ts';
import { Downloader } from '../../../core/provider/download/download.ts';
import { type Copy, hashOf, type MadeSet, ProviderCache } from '../../../core/provider/provider-cache.ts';
import { Providers } from '../../../core/provider/providers.ts';
import { eventually } from '../../support/eventually.ts';
import { geositeFile } from '../../support/geodata.ts';
import { ManualClock } from '../../support/manual-clock.ts';
import { answers, SubscriptionServer } from '../../support/subscription-server.ts';

/** Counts what is read of the disk. */
class CountedCache extends ProviderCache {
  reads = { copies: 0, bytes: 0, sets: 0 };

  override copyOf(url: string): Copy | undefined {
    this.reads.copies += 1;
    return super.copyOf(url);
  }

  override bytesOf(url: string): Buffer | undefined {
    this.reads.bytes += 1;
    return super.bytesOf(url);
  }

  override madeSet(key: string): MadeSet | undefined {
    this.reads.sets += 1;
    return super.madeSet(key);
  }
}

let server: SubscriptionServer;
let root: string;
let clock: ManualClock;
let cache: CountedCache;
let providers: Providers;
let changes: number;
let text: string;
let config: ReturnType<typeof loadProfile>['config'];

beforeEach(async () => {
  root = mkdtempSync(join(tmpdir(), 'mirage-providers-'));
  clock = new ManualClock();
  server = await SubscriptionServer.start();
  cache = new CountedCache(join(root, 'cache'));
  const downloader = new Downloader({ clock: systemClock, proxy: () => undefined, version: '1' });
  providers = new Providers({ cache, downloader, clock, logger: silentLogger });
  changes = 0;
  providers.contentsChanged.on(() => {
    changes += 1;
    load();
  });
});
afterEach(async () => {
  providers.stop();
  await server.stop();
  rmSync(root, { recursive: true });
});

/** As the app does it. */
function load(profile = text): void {
  text = profile;
  const loaded = loadProfile(text, providers.sourceFor(root));
  config = loaded.config;
  if (loaded.wanted !== undefined) providers.use(loaded.wanted, root);
}

const settled = () => eventually(() => expect(providers.rows().some(({ updating }) => updating)).toBe(false));
const row = (name: string) => providers.rows().find((each) => each.name === name);

/** A profile with so many rule providers, each at an address of its own. */
function many(count: number, body: (i: number) => string): string {
  const names = Array.from({ length: count }, (_, i) => i);
  for (const i of names) server.routes.set(`/s${i}`, answers.text(body(i)));
  const entries = names.map(
    (i) => `  s${i}: { type: http, behavior: domain, format: text, url: '${server.url(`/s${i}`)}' }`,
  );
  return `rule-providers:\n${entries.join('\n')}\nrules: [${names.map((i) => `'RULE-SET,s${i},DIRECT'`).join(', ')}, 'MATCH,DIRECT']`;
}

describe('the profile is read again', () => {
  test('once for what comes together, however much', async () => {
    load(many(40, (i) => `a${i}.example\n`));
    providers.start();
    await eventually(() => expect(providers.rows().every(({ entries }) => entries === 1)).toBe(true));
    await settled();
    expect(changes).toBe(1);
    expect(config?.sets.every(({ blob }) => blob !== null)).toBe(true);
  });

  test('after a moment for what has come while another one is still on its way, less and less often', async () => {
    server.routes.set('/slow', answers.stalled);
    const slow = `  slow: { type: http, behavior: domain, format: text, url: '${server.url('/slow')}' }`;
    load(
      many(3, (i) => `a${i}.example\n`)
        .replace('rule-providers:\n', `rule-providers:\n${slow}\n`)
        .replace("'MATCH", "'RULE-SET,slow,DIRECT', 'MATCH"),
    );
    providers.start();
    await eventually(() => expect(providers.rows().filter(({ entries }) => entries === 1)).toHaveLength(3));
    expect(changes).toBe(0);
    await clock.advance(2_000);
    expect(changes).toBe(1);
    server.routes.set('/s0', answers.text('other.example\n'));
    await providers.update({ name: 's0' });
    // Whoever asked for it has it when that is answered.
    expect(changes).toBe(2);
    providers.stopUpdate();
    await settled();
  });

  test('not for what is as before', async () => {
    load(many(5, (i) => `a${i}.example\n`));
    providers.start();
    await eventually(() => expect(changes).toBe(1));
    await settled();
    await providers.update();
    expect(changes).toBe(1);
  });
});

describe('the disk is read', () => {
  test('for no row and no look at what is due', async () => {
    server.routes.set('/nodes', answers.text('proxies: [{ name: A, type: ss, server: 192.0.2.1, port: 1 }]'));
    server.routes.set('/geosite.dat', answers.text(geositeFile({ CN: [['suffix', 'example.cn']] })));
    load(
      many(20, (i) => `a${i}.example\n`)
        .replace("'MATCH", "'GEOSITE,cn,DIRECT', 'MATCH")
        .concat(`\nproxy-providers: { p: { type: http, url: '${server.url('/nodes')}' } }`)
        .concat(`\ngeox-url: { geosite: '${server.url('/geosite.dat')}' }`),
    );
    providers.start();
    await eventually(() => expect(providers.rows().every(({ entries }) => entries === 1)).toBe(true));
    await settled();
    const before = { ...cache.reads };
    for (let i = 0; i < 10; i++) expect(providers.rows()).toHaveLength(22);
    await clock.advance(60_000);
    expect(cache.reads).toEqual(before);
    rmSync(join(root, 'cache'), { recursive: true });
    expect(providers.rows().every(({ entries }) => entries === 1)).toBe(true);
  });

  test('for the bytes of as many node lists as there may be once', async () => {
    const names = Array.from({ length: maxProviders }, (_, i) => i);
    const nodes = names.map((i) => {
      const url = `https://sub.example/${i}`;
      const body = Buffer.from(`proxies: [{ name: N${i}, type: ss, server: 192.0.2.1, port: 1 }]`);
      cache.keepCopy(url, body, {}, clock.now());
      return `  p${i}: { type: http, url: '${url}' }`;
    });
    load(`proxy-providers:\n${nodes.join('\n')}\nrules: ['MATCH,DIRECT']`);
    expect(config?.proxies).toHaveLength(maxProviders);
    expect(cache.reads.bytes).toBe(maxProviders);
    load();
    load();
    expect(cache.reads.bytes).toBe(maxProviders);
  });

  test('for the bytes of as many sets as there may be that cannot be made once', async () => {
    cache.keepCopy(server.url('/geosite.dat'), geositeFile({ CN: [['suffix', 'example.cn']] }), {}, clock.now());
    const codes = Array.from({ length: maxSets }, (_, i) => `'GEOSITE,x${i},DIRECT'`);
    load(`geox-url: { geosite: '${server.url('/geosite.dat')}' }\nrules: [${codes.join(', ')}, 'MATCH,DIRECT']`);
    expect(cache.reads.bytes).toBe(1);
    load();
    expect(cache.reads.bytes).toBe(1);
  });
});

describe('nothing takes the place of something', () => {
  const good = 'proxies: [{ name: HK, type: socks5, server: 192.0.2.1, port: 1080 }]';
  test.each([
    ['an empty list', 'proxies: []'],
    ['no list', 'proxies:'],
    ['nothing', ''],
    ['another map', 'rules: ["MATCH,DIRECT"]'],
    ['an answer of an API', '{"message":"token expired"}'],
    ['a page', '<!DOCTYPE html><html><title>Sign in</title></html>'],
    ['items that are no nodes', 'proxies: [1, [2], { type: ss }]'],
    ['nodes without a server', 'proxies: [{ name: x, type: socks5 }, { name: y, type: http }]'],
    ['links of which none is understood', 'vmess://broken\nfoo://x\n'],
    ['the same in base64', Buffer.from('vmess://broken\nfoo://x\n').toString('base64')],
    ['lines that are no links', 'your plan has ended\n'],
    ['nodes that are all filtered away', 'proxies: [{ name: JP, type: ss, server: 192.0.2.1, port: 1 }]'],
  ])('nodes: %s', async (_, body) => {
    server.routes.set('/p', answers.text(good));
    load(
      `proxy-providers: { p: { type: http, url: '${server.url('/p')}', filter: HK } }\nproxy-groups: [{ name: G, type: select, use: [p] }]\nrules: ['MATCH,G']`,
    );
    await providers.update();
    expect(config?.groups[0]?.members).toEqual(['HK']);
    server.routes.set('/p', answers.text(body));
    await providers.update();
    load();
    expect(config?.groups[0]?.members).toEqual(['HK']);
    expect(row('p')).toMatchObject({
      entries: 1,
      error: { code: expect.stringMatching(/^DOWNLOAD_(?:UNREADABLE|EMPTY)$/) },
    });
    server.routes.set('/p', answers.text(good.replace('HK', 'HK 2')));
    await providers.update();
    expect(row('p')).not.toHaveProperty('error');
    expect(config?.groups[0]?.members).toEqual(['HK 2']);
  });

  test.each([
    ['text', ''],
    ['text', '# nothing any more\n'],
    ['yaml', 'payload: []'],
    ['yaml', 'payload:\n'],
  ])('rules: %s %j', async (format, body) => {
    const first = format === 'text' ? 'a.example\n' : 'payload: [a.example]';
    server.routes.set('/r', answers.text(first));
    load(
      `rule-providers: { r: { type: http, behavior: domain, format: ${format}, url: '${server.url('/r')}' } }\nrules: ['RULE-SET,r,DIRECT', 'MATCH,DIRECT']`,
    );
    await providers.update();
    const { blob } = config?.sets[0] ?? {};
    expect(blob).toEqual(expect.any(String));
    server.routes.set('/r', answers.text(body));
    await providers.update();
    load();
    expect(config?.sets[0]?.blob).toBe(blob);
    expect(row('r')).toMatchObject({ entries: 1, error: { code: 'DOWNLOAD_EMPTY' } });
  });

  test.each([
    [
      'nodes',
      'proxies: [{ name: HK, type: ss, server: 192.0.2.1, port: 1 }]',
      'proxies: [{ name: JP, type: ss, server: 192.0.2.1, port: 1 }]',
    ],
    ['rules', 'payload: [a.example]', 'payload: []'],
  ])('%s: also when the profile is read again meanwhile', async (kind, first, then) => {
    server.routes.set('/x', answers.text(first));
    load(
      kind === 'nodes'
        ? `proxy-providers: { x: { type: http, url: '${server.url('/x')}', filter: HK } }\nrules: ['MATCH,DIRECT']`
        : `rule-providers: { x: { type: http, behavior: domain, url: '${server.url('/x')}' } }\nrules: ['RULE-SET,x,DIRECT', 'MATCH,DIRECT']`,
    );
    await providers.update();
    server.routes.set('/x', (request, response) => {
      load();
      answers.text(then)(request, response);
    });
    await providers.update();
    expect(row('x')).toMatchObject({ entries: 1, error: { code: 'DOWNLOAD_EMPTY' } });
  });

  test('geodata: a file that has none of the lists any more; one that has lost one of them is taken', async () => {
    const file = (...codes: string[]) =>
      answers.text(geositeFile(Object.fromEntries(codes.map((code) => [code, [['suffix', 'a.example']]]))));
    server.routes.set('/geosite.dat', file('CN', 'US'));
    load(
      `geox-url: { geosite: '${server.url('/geosite.dat')}' }\nrules: ['GEOSITE,cn,DIRECT', 'GEOSITE,us,DIRECT', 'MATCH,DIRECT']`,
    );
    await providers.update();
    expect(row('geosite')).toMatchObject({ entries: 2 });
    server.routes.set('/geosite.dat', file('DE'));
    await providers.update();
    expect(row('geosite')).toMatchObject({ entries: 2, error: { code: 'DOWNLOAD_EMPTY' } });
    server.routes.set('/geosite.dat', file('CN', 'DE'));
    await providers.update();
    expect(row('geosite')).toMatchObject({ entries: 1, leftOut: 1 });
    expect(row('geosite')).not.toHaveProperty('error');
  });

  test('what is empty from the beginning is taken as it is', async () => {
    server.routes.set('/r', answers.text('payload: []'));
    load(
      `rule-providers: { r: { type: http, behavior: domain, url: '${server.url('/r')}' } }\nrules: ['RULE-SET,r,DIRECT', 'MATCH,DIRECT']`,
    );
    await providers.update();
    expect(row('r')).toMatchObject({ entries: 0 });
    expect(row('r')).not.toHaveProperty('error');
  });
});

test.each(['nodes', 'rules'])(
  'a copy of %s that is not what is known of it is fetched anew, and not asked for by its tag',
  async (kind) => {
    const body =
      kind === 'nodes' ? 'proxies: [{ name: A, type: ss, server: 192.0.2.1, port: 1 }]' : 'payload: [a.example]';
    server.routes.set('/x', answers.text(body));
    load(
      kind === 'nodes'
        ? `proxy-providers: { x: { type: http, url: '${server.url('/x')}' } }\nrules: ['MATCH,DIRECT']`
        : `rule-providers: { x: { type: http, behavior: domain, url: '${server.url('/x')}' } }\nrules: ['RULE-SET,x,DIRECT', 'MATCH,DIRECT']`,
    );
    await providers.update();
    writeFileSync(join(root, 'cache', 'copies', hashOf(server.url('/x'))), 'another text');
    for (const name of readdirSync(join(root, 'cache')).includes('sets')
      ? readdirSync(join(root, 'cache', 'sets'))
      : [])
      rmSync(join(root, 'cache', 'sets', name));
    // Another process begins.
    providers.stop();
    const downloader = new Downloader({ clock: systemClock, proxy: () => undefined, version: '1' });
    providers = new Providers({ cache, downloader, clock, logger: silentLogger });
    load();
    providers.start();
    await eventually(() => expect(row('x')).toMatchObject({ entries: 1, updating: false }));
    expect(server.heads.map((head) => head['if-none-match'])).toEqual([undefined, undefined]);
  },
);
