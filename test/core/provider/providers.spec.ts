import { mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { silentLogger } from '../../../core/base/logger.ts';
import { finish } from '../../../core/base/steps.ts';
import { loadProfile } from '../../../core/profile/profile-loader.ts';
import { Downloader } from '../../../core/provider/download/download.ts';
import { ProviderCache } from '../../../core/provider/provider-cache.ts';
import { Providers } from '../../../core/provider/providers.ts';
import { readCanonicalSet } from '../../../core/rule/sets/set-reader.ts';
import { eventually } from '../../support/eventually.ts';
import { geositeFile } from '../../support/geodata.ts';
import { ManualClock } from '../../support/manual-clock.ts';
import { answers, SubscriptionServer } from '../../support/subscription-server.ts';

let server: SubscriptionServer;
let root: string;
let clock: ManualClock;
let providers: Providers;
let changes: number;

/** A process begins on the same directory. */
function boot(): void {
  const cache = new ProviderCache(join(root, 'cache'));
  const downloader = new Downloader({
    clock: {
      now: () => clock.now(),
      monotonic: () => 0,
      after: () => () => undefined,
      every: () => () => undefined,
    },
    proxy: () => undefined,
    version: '1',
  });
  providers = new Providers({ cache, downloader, clock, logger: silentLogger });
  changes = 0;
  providers.contentsChanged.on(() => {
    changes += 1;
    load();
  });
}

let text: string;
let config: ReturnType<typeof loadProfile>['config'];
let problems: string[];

/** As the app does it. */
function load(profile = text): void {
  text = profile;
  const loaded = loadProfile(text, providers.sourceFor(root));
  config = loaded.config;
  problems = loaded.problems.map(({ severity, code }) => `${severity} ${code}`);
  if (loaded.wanted !== undefined) providers.use(loaded.wanted, root);
}

const set = (name: string) => config?.sets.find((each) => each.name === name);
function has(name: string, what: string): boolean | undefined {
  const found = set(name);
  if (found?.blob == null) return undefined;
  const contents = finish(readCanonicalSet(providers.blob(found.blob) ?? Buffer.alloc(0), found.behavior));
  return contents.behavior === 'ipcidr' ? contents.addresses.has(what) : contents.names.has(what);
}

beforeEach(async () => {
  root = mkdtempSync(join(tmpdir(), 'mirage-providers-'));
  clock = new ManualClock();
  server = await SubscriptionServer.start();
  boot();
});
afterEach(async () => {
  providers.stop();
  await server.stop();
  rmSync(root, { recursive: true });
});

const profile = (more = ''): string => `
rule-providers:
  ads: { type: http, behavior: domain, format: text, url: '${server.url('/ads')}', path: ../../etc/passwd, interval: 3600 }
  own: { type: inline, behavior: ipcidr, payload: [192.0.2.0/24] }
  beside: { type: file, behavior: domain, path: ./lists/beside.yaml }
  outside: { type: file, behavior: domain, path: /etc/hostname }
geox-url: { geosite: '${server.url('/geosite.dat')}' }
rules:
  - RULE-SET,ads,REJECT
  - RULE-SET,own,DIRECT
  - RULE-SET,beside,DIRECT
  - RULE-SET,outside,DIRECT
  - RULE-SET,nobody,DIRECT
  - GEOSITE,CN,DIRECT
  - GEOSITE,!cn,DIRECT
  - GEOIP,LAN,DIRECT
  - MATCH,DIRECT
${more}`;

describe('rule providers', () => {
  beforeEach(() => {
    server.routes.set('/ads', answers.text('+.ads.example\n'));
    server.routes.set(
      '/geosite.dat',
      (_, response) => void response.end(geositeFile({ CN: [['suffix', 'example.cn']] })),
    );
    mkdirSync(join(root, 'lists'));
    writeFileSync(join(root, 'lists', 'beside.yaml'), 'payload:\n  - beside.example\n');
  });

  test('the profile loads at once, with what there is; the rest comes and it is read again', async () => {
    load(profile());
    expect(set('rule-set:ads')).toEqual({
      name: 'rule-set:ads',
      behavior: 'domain',
      blob: null,
      missing: 'NOT_FETCHED',
    });
    expect([has('rule-set:own', '192.0.2.9'), has('rule-set:beside', 'beside.example')]).toEqual([true, true]);
    expect([set('rule-set:outside')?.missing, set('rule-set:nobody')?.missing, set('geosite:cn')?.missing]).toEqual([
      'NOT_FETCHED',
      'UNDEFINED',
      'NOT_FETCHED',
    ]);
    providers.start();
    await eventually(() =>
      expect([has('rule-set:ads', 'x.ads.example'), has('geosite:cn', 'www.example.cn')]).toEqual([true, true]),
    );
    expect(set('geosite:!cn')).toEqual({ ...set('geosite:cn'), name: 'geosite:!cn', inverted: true });
    expect(problems.filter((each) => each.includes('SET_'))).toEqual(['warning SET_MISSING']);
  });

  test('the next process begins with what was there, without the network', async () => {
    load(profile());
    providers.start();
    await eventually(() => expect(has('geosite:cn', 'example.cn')).toBe(true));
    await eventually(() => expect(has('rule-set:ads', 'ads.example')).toBe(true));
    await server.stop();
    boot();
    load(text);
    expect([has('rule-set:ads', 'ads.example'), has('geosite:cn', 'example.cn')]).toEqual([true, true]);
    server = await SubscriptionServer.start();
  });

  test('the interval goes on after start; what is as before is not loaded, what fails keeps the old one', async () => {
    load(profile());
    providers.start();
    await eventually(() => expect(has('rule-set:ads', 'ads.example')).toBe(true));
    await eventually(() => expect(providers.rows().some(({ updating }) => updating)).toBe(false));
    const before = changes;
    const looks = () => server.asked.filter((path) => path === '/ads').length;
    const pass = async (ms: number) => {
      await clock.advance(ms);
      await eventually(() => expect(providers.rows().some(({ updating }) => updating)).toBe(false));
    };
    await pass(3_500_000);
    expect(looks()).toBe(1);
    await pass(200_000);
    expect([looks(), changes]).toEqual([2, before]);
    server.routes.set('/ads', answers.page);
    await pass(3_700_000);
    expect(has('rule-set:ads', 'ads.example')).toBe(true);
    const row = providers.rows().find(({ name }) => name === 'ads');
    expect(row).toMatchObject({ entries: 1, error: { code: 'DOWNLOAD_UNREADABLE' }, updatedAt: expect.any(Number) });
    server.routes.set('/ads', answers.text('other.example\n'));
    await pass(120_000);
    await eventually(() =>
      expect([has('rule-set:ads', 'other.example'), has('rule-set:ads', 'ads.example')]).toEqual([true, false]),
    );
    expect(providers.rows().find(({ name }) => name === 'ads')?.error).toBeUndefined();
  });

  test.each([
    ['nothing there', answers.status(404), 'DOWNLOAD_STATUS'],
    ['a web page', answers.page, 'DOWNLOAD_UNREADABLE'],
    ['zeros', answers.zeros(50), 'DOWNLOAD_TOO_LARGE'],
    ['a bomb', answers.bomb(100), 'DOWNLOAD_TOO_LARGE'],
    ['cut', answers.cut('+.ads.example\n'), 'DOWNLOAD_CUT'],
  ])('%s: the profile is in force without it, and it is tried again, less and less often', async (_, answer, code) => {
    server.routes.set('/ads', answer);
    load(profile());
    providers.start();
    await eventually(() =>
      expect(providers.rows().find(({ name }) => name === 'ads')).toMatchObject({ updating: false, error: { code } }),
    );
    expect(config).toBeDefined();
    expect(set('rule-set:ads')?.missing).toBe('NOT_FETCHED');
    const looks = () => server.asked.filter((path) => path === '/ads').length;
    const first = looks();
    await clock.advance(45_000);
    expect(looks()).toBe(first);
    await clock.advance(30_000);
    await eventually(() => expect(looks()).toBe(first + 1));
  });

  test('a look is watched and ended; the copy stays, and it is looked at again later', async () => {
    load(profile());
    providers.start();
    await eventually(() => expect(has('rule-set:ads', 'ads.example')).toBe(true));
    const row = () => providers.rows().find(({ name }) => name === 'ads');
    expect(row()).toMatchObject({
      host: '127.0.0.1',
      behavior: 'domain',
      format: 'text',
      nextAt: clock.now() + 3_600_000,
      use: { rules: [{ type: 'RULE-SET', payload: 'ads', policy: 'REJECT' }], ruleCount: 1, groups: [] },
    });
    expect(providers.rows().find(({ kind }) => kind === 'geodata')).toMatchObject({
      lists: ['geosite:cn'],
      use: { ruleCount: 2 },
    });
    server.routes.set('/ads', (_, response) => void response.writeHead(200, { 'content-length': '10' }).write('ab'));
    const update = providers.update({ name: 'ads', kind: 'rules' });
    await eventually(() => expect(row()).toMatchObject({ updating: true, progress: { bytes: 2, total: 10 } }));
    providers.stopUpdate({ name: 'ads', kind: 'proxies' });
    expect(row()?.updating).toBe(true);
    providers.stopUpdate({ name: 'ads', kind: 'rules' });
    await update;
    expect(row()).toMatchObject({ updating: false, entries: 1, error: { code: 'DOWNLOAD_STOPPED' } });
    expect(row()?.progress).toBeUndefined();
    expect(row()?.nextAt).toBe(clock.now() + 60_000);
    expect(has('rule-set:ads', 'ads.example')).toBe(true);
  });

  test('one download for an address, whoever names it', async () => {
    load(`
rule-providers:
  a: { type: http, behavior: domain, format: text, url: '${server.url('/ads')}' }
  b: { type: http, behavior: classical, format: text, url: '${server.url('/ads')}' }
rules: [ 'RULE-SET,a,DIRECT', 'RULE-SET,b,DIRECT', 'MATCH,DIRECT' ]`);
    providers.start();
    await eventually(() => expect(has('rule-set:a', 'ads.example')).toBe(true));
    expect(server.asked).toEqual(['/ads']);
    // For the other it is no list of rules.
    expect(set('rule-set:b')?.missing).toBe('NOT_READABLE');
  });

  test('a file is read only inside the directory of the profile, wherever a link leads', () => {
    symlinkSync('/etc/hostname', join(root, 'lists', 'link.yaml'));
    mkdirSync(join(root, 'lists', 'folder.yaml'));
    for (const path of ['lists/link.yaml', '../x', 'lists/folder.yaml', '/etc/hostname', 'missing.yaml']) {
      load(
        `rule-providers: { f: { type: file, behavior: domain, path: ${path} } }\nrules: ['RULE-SET,f,DIRECT', 'MATCH,DIRECT']`,
      );
      expect([path, set('rule-set:f')?.missing]).toEqual([path, 'NOT_FETCHED']);
    }
  });

  test('nothing is written but under hashes, for this user alone', async () => {
    load(profile());
    providers.start();
    await eventually(() => expect(has('rule-set:ads', 'ads.example')).toBe(true));
    for (const folder of ['copies', 'sets', 'blobs']) {
      for (const name of readdirSync(join(root, 'cache', folder))) {
        expect(name).toMatch(/^[0-9a-f]{64}(?:\.json)?$/);
        expect(statSync(join(root, 'cache', folder, name)).mode & 0o777).toBe(0o600);
      }
    }
  });

  test('rules inside rules name sets, too', async () => {
    load(`
geox-url: { geosite: '${server.url('/geosite.dat')}' }
rules: [ 'AND,((NETWORK,udp),(GEOSITE,cn)),REJECT', 'NOT,((OR,((IP-ASN,13335),(DOMAIN,a)))),DIRECT', 'MATCH,DIRECT' ]`);
    expect(config?.sets.map(({ name }) => name)).toEqual(expect.arrayContaining(['geosite:cn', 'asn:13335']));
  });
});

describe('proxy providers', () => {
  const nodes = (...names: string[]) =>
    `proxies:\n${names.map((name) => `  - { name: ${name}, type: socks5, server: 192.0.2.1, port: 1080 }\n`).join('')}`;
  const written = (more = '') => `
proxies: [ { name: own, type: socks5, server: 192.0.2.9, port: 1080 } ]
proxy-providers:
  p: { type: http, url: '${server.url('/p')}', interval: 60, filter: 'HK', override: { additional-prefix: 'P ' } ${more} }
  i: { type: inline, payload: [ { name: own, type: socks5, server: 192.0.2.8, port: 1080 } ] }
proxy-groups: [ { name: G, type: select, use: [p, i] }, { name: A, type: select, include-all: true } ]
rules: ['MATCH,G']`;
  const members = (group: string) => config?.groups.find(({ name }) => name === group)?.members;

  test('the groups have its nodes when they come; until then the group stands', async () => {
    server.routes.set('/p', answers.text(nodes('HK1', 'JP1', 'HK2')));
    load(written());
    expect(members('G')).toEqual(['own (i)']);
    expect(problems).toContain('warning NODES_MISSING');
    providers.start();
    await eventually(() => expect(members('G')).toEqual(['P HK1', 'P HK2', 'own (i)']));
    expect(members('A')).toContain('own');
    expect(config?.proxies.find(({ name }) => name === 'own (i)')).toMatchObject({ server: '192.0.2.8' });
    server.routes.set('/p', answers.text(nodes('HK3')));
    await eventually(async () => {
      await clock.advance(15_000);
      expect(members('G')).toEqual(['P HK3', 'own (i)']);
    });
    expect(providers.rows()).toMatchObject([
      { name: 'p', kind: 'proxies', source: 'http', entries: 1, use: { groups: ['G', 'A'] } },
      { name: 'i', source: 'inline' },
    ]);
  });

  test('as a list of links, and what is broken never takes the nodes away', async () => {
    server.routes.set('/p', answers.text(Buffer.from('socks5://192.0.2.1:1080#HK\n').toString('base64')));
    load(written());
    providers.start();
    await eventually(() => expect(members('G')).toEqual(['P HK', 'own (i)']));
    for (const answer of [answers.page, answers.status(500), answers.cut(nodes('HK9')), answers.text('')]) {
      server.routes.set('/p', answer);
      await providers.update({ name: 'p' });
      expect(members('G')).toEqual(['P HK', 'own (i)']);
      expect(providers.rows()[0]?.error).toBeDefined();
    }
  });

  test('addresses that are none leave it empty, and are told', () => {
    for (const url of ['', 'url', 'file:///etc/passwd', '机场订阅地址']) {
      load(
        `proxy-providers: { p: { type: http, url: '${url}' } }\nproxy-groups: [ { name: G, type: select, use: [p] } ]\nrules: ['MATCH,G']`,
      );
      expect(config).toBeDefined();
      expect(problems).toContain('warning PROVIDER_ADDRESS');
    }
  });
});
