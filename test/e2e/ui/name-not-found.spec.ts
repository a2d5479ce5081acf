/** What a person sees in Chromium for a name that does not exist: its own page for that, where peers show a dead server. */
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { DnsRow } from '../../../core/contract/dns.ts';
import { artifacts, launchBrowser } from '../../support/browser.ts';
import { eventually } from '../../support/eventually.ts';
import { Mirage } from '../../support/mirage.ts';
import { profile } from '../../support/profiles.ts';
import { describeInLab } from '../../support/tier.ts';
import { type NameServer, World } from '../../support/world.ts';

const rules = ['DOMAIN-SUFFIX,near.example,DIRECT', 'MATCH,micro'];
const dns = { nameserver: "['10.20.0.1:5301']", 'remote-nameserver': "['tcp://203.0.113.1:5353']" };
/** Chromium keeps an address that it was given for a minute, whatever its TTL. Milliseconds. */
const browserCache = 60_000;
/** Its two resolvers: its own, which asks for HTTPS records too, and the system's. */
const resolvers = [
  ['its own resolver', ['--enable-features=AsyncDns']],
  ["the system's resolver", ['--disable-features=AsyncDns,DnsOverHttps,OptimizationHints,MediaRouter']],
] as const;

describeInLab('names that do not exist, in Chromium', () => {
  let world: World;
  let mirage: Mirage;
  let near: NameServer;
  let far: NameServer;
  const browsers: Browser[] = [];

  beforeAll(async () => {
    world = await World.create();
    await world.startWeb();
    // dante itself remembers for long that it could not resolve a name.
    await world.startMicrosocks(world.router, '10.20.0.1', 1082);
    near = await world.startNameServer('10.20.0.1', 5301, 200);
    far = await world.startNameServer('203.0.113.1', 5353);
    mirage = new Mirage(world.client);
    await mirage.start();
    await mirage.enhanced(profile(rules, '', dns));
  });
  afterAll(async () => {
    await Promise.all(browsers.map((browser) => browser.close()));
    await world?.[Symbol.asyncDispose]();
  });

  const launch = async (flags: readonly string[]): Promise<Browser> => {
    const browser = await launchBrowser(world.client, 'en-US', flags);
    browsers.push(browser);
    return browser;
  };
  /** A window without the memory of another one. */
  const open = async (browser: Browser): Promise<Page> =>
    await (await browser.newContext({ viewport: { width: 640, height: 320 } })).newPage();
  /** The error's name, or `loaded`. */
  const visit = async (page: Page, url: string): Promise<string> => {
    try {
      await page.goto(url);
      return 'loaded';
    } catch (error) {
      return /net::(\w+)/.exec(String(error))?.[1] ?? String(error);
    }
  };
  const shown = async (page: Page): Promise<string> => await page.locator('body').innerText();
  /** Of the error's page, once it is there. */
  const shot = async (page: Page, name: string, code: string): Promise<void> => {
    await page.getByText(code).waitFor();
    await page.screenshot({
      path: path.join(artifacts, `name-not-found-${name}.png`),
      clip: { x: 0, y: 40, width: 640, height: 200 },
    });
  };
  const asked = async (name: string): Promise<string[]> =>
    (await mirage.json<DnsRow[]>('dump', 'dns')).filter((row) => row.name === name).map((row) => row.type);

  for (const [resolver, flags] of resolvers) {
    const own = resolver === 'its own resolver';
    const label = own ? 'own' : 'system';

    test(`with ${resolver}, DIRECT: not found at the first visit; found when it begins to exist`, async () => {
      const host = `${label}-typo.near.example`;
      const page = await open(await launch(flags));
      expect(await visit(page, `http://${host}/`)).toBe('ERR_NAME_NOT_RESOLVED');
      await page.getByText('DNS_PROBE_FINISHED_NXDOMAIN').waitFor();
      expect(await shown(page)).toContain(`Check if there is a typo in ${host}.`);
      if (own) await shot(page, 'direct', 'DNS_PROBE_FINISHED_NXDOMAIN');
      expect((await asked(host)).includes('HTTPS')).toBe(own);
      await near.publish(`${host} 203.0.113.80`);
      const begun = Date.now();
      await eventually(async () => expect(await visit(page, `http://${host}/`)).toBe('loaded'), browserCache);
      expect(Date.now() - begun).toBeLessThan(15_000);
      expect(await shown(page)).toContain(`host=${host} client=10.20.0.2`);
    });
  }

  for (const [resolver, flags] of resolvers) {
    const host = resolver === 'its own resolver' ? 'own.zone.example' : 'system.zone.example';

    // Side by side: both wait for Chromium's minute.
    test.concurrent(`with ${resolver}, proxied: not found after the first failed attempt, everywhere but where Chromium holds on to the address`, async () => {
      const browser = await launch(flags);
      const page = await open(browser);
      const begun = Date.now();
      expect(await visit(page, `http://${host}/`)).toBe('ERR_CONNECTION_REFUSED');
      await eventually(async () =>
        expect(await visit(await open(browser), `http://${host}/`)).toBe('ERR_NAME_NOT_RESOLVED'),
      );
      expect(await visit(page, `http://${host}/`)).toBe('ERR_CONNECTION_REFUSED');
      // The denial's SOA allowed two seconds. Nobody has forgotten it when Chromium asks again.
      await sleep(begun + browserCache + 2_000 - Date.now());
      expect(await visit(page, `http://${host}/`)).toBe('ERR_NAME_NOT_RESOLVED');
      await shot(page, host.startsWith('own') ? 'proxied' : 'proxied-system', 'DNS_PROBE_FINISHED_NXDOMAIN');
      expect(world.questionsSeen()).toEqual([]);
      expect(near.questions().filter((question) => question.includes('zone.example'))).toEqual([]);
      await far.publish(`${host} 203.0.113.80`);
      await eventually(async () => expect(await visit(page, `http://${host}/`)).toBe('loaded'), browserCache);
      expect(await shown(page)).toContain(`host=${host} client=203.0.113.1`);
    });
  }

  test('a refused port does not hide the name', async () => {
    const page = await open(await launch([]));
    await far.publish('victim.zone.example 203.0.113.80');
    expect(await visit(page, 'http://victim.zone.example:81/')).toBe('ERR_CONNECTION_REFUSED');
    await shot(page, 'refused', 'ERR_CONNECTION_REFUSED');
    for (const window of [page, await open(page.context().browser() as Browser)]) {
      expect(await visit(window, 'http://victim.zone.example/')).toBe('loaded');
      expect(await shown(window)).toContain('host=victim.zone.example client=203.0.113.1');
    }
  });

  test('truthful: off shows what clients show that answer every name', async () => {
    await mirage.enhanced(profile(rules, '', { ...dns, truthful: 'off' }));
    const page = await open(await launch([]));
    for (let attempt = 0; attempt < 2; attempt++) {
      expect(await visit(page, 'http://same-typo.near.example/')).toBe('ERR_ADDRESS_UNREACHABLE');
    }
    await shot(page, 'truthful-off', 'ERR_ADDRESS_UNREACHABLE');
  });
});
