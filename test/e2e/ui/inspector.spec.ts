/** The person at the screen: the real renderer in Chromium, served by `mirage serve`, with a real helper and real traffic. */
import path from 'node:path';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { artifacts, launchBrowser } from '../../support/browser.ts';
import type { Running } from '../../support/lab.ts';
import { Mirage } from '../../support/mirage.ts';
import { profile } from '../../support/profiles.ts';
import { describeInLab } from '../../support/tier.ts';
import { World } from '../../support/world.ts';

describeInLab('the window in a browser', () => {
  let world: World;
  let mirage: Mirage;
  let app: Running;
  let browser: Browser;
  let page: Page;
  let before: string;

  beforeAll(async () => {
    world = await World.create();
    await world.startWeb();
    await world.startDante(1080);
    before = await world.client.networkState();
    mirage = new Mirage(world.client);
    await mirage.start();
    const file = `${world.client.directory}/profile.yaml`;
    await world.client.write(file, profile(['DOMAIN-SUFFIX,hidden.example,dante', 'MATCH,DIRECT']));
    app = mirage.serve('--config', file);
    const [url] = await app.printed(/http:\/\/\S+/);
    browser = await launchBrowser(world.client);
    page = await browser.newPage({ viewport: { width: 1600, height: 800 }, colorScheme: 'light' });
    await page.goto(url);
  });
  afterAll(async () => {
    await browser?.close();
    await world?.[Symbol.asyncDispose]();
  });

  const curl = (url: string) => world.client.run('curl', ['-sS', '-m', '8', url]);
  const shot = (name: string) => page.screenshot({ path: path.join(artifacts, `inspector-${name}.png`) });
  const open = (name: string) => page.getByRole('navigation').getByText(name, { exact: true }).click();

  test('the switch turns Enhanced Mode on; the page says so and shows what is in force', async () => {
    const enhanced = page.getByRole('switch', { name: 'Enhanced Mode' });
    await enhanced.waitFor();
    expect(await enhanced.getAttribute('aria-checked')).toBe('false');
    await enhanced.click();
    await page.getByText(/goes through mirage0/).waitFor();
    expect(await enhanced.getAttribute('aria-checked')).toBe('true');
    await page.getByText('/etc/resolv.conf', { exact: false }).first().waitFor();
    await shot('overview');
  });

  test('a connection appears live with name, rule and bytes', async () => {
    await open('Connections');
    await page.getByRole('radio', { name: 'All' }).click();
    expect((await curl('http://www.hidden.example/')).stdout).toContain('client=203.0.113.1');
    const row = page.getByRole('row', { name: /www\.hidden\.example/ }).first();
    await row.waitFor();
    const text = await row.innerText();
    expect(text).toContain('curl');
    expect(text).toContain('DOMAIN-SUFFIX');
    expect(text).toContain('hidden.example');
    expect(text).toContain('dante');
    expect(text).toMatch(/\d+ B/);
    await shot('connections');
  });

  test('bytes move while a transfer runs', async () => {
    const transfer = world.client.spawn('curl', [
      '-sS',
      '-o',
      '/dev/null',
      'http://slow.hidden.example/bytes/90000000/300000',
    ]);
    const row = page.getByRole('row', { name: /slow\.hidden\.example/ }).first();
    await row.waitFor();
    const column = page.getByRole('columnheader', { name: 'Received' });
    const received = row.locator(`[aria-colindex="${await column.getAttribute('aria-colindex')}"]`);
    let before = '0 B';
    for (let step = 0; step < 3; step++) {
      await expect.poll(() => received.innerText()).not.toBe(before);
      before = await received.innerText();
    }
    await shot('transfer');
    expect(await row.innerText()).toContain('open');
    await transfer.stop();
  });

  test('the mapping row is there, live', async () => {
    await open('Mapping table');
    await page
      .getByRole('row', { name: /www\.hidden\.example/ })
      .first()
      .waitFor();
    await world.client.run('dig', ['+short', 'later.hidden.example']);
    const row = page.getByRole('row', { name: /later\.hidden\.example/ }).first();
    await row.waitFor();
    expect(await row.innerText()).toMatch(/198\.1[89]\.\d+\.\d+/);
    await shot('mappings');
  });

  test('the browser opens a page by fake IP: it reached a server whose name only the far side knows', async () => {
    const tab = await browser.newPage();
    await tab.goto('http://shop.hidden.example/');
    expect(await tab.content()).toContain('host=shop.hidden.example client=203.0.113.1');
    await tab.close();
  });

  test('dark and Chinese are complete', async () => {
    const chinese = await launchBrowser(world.client, 'zh-CN');
    const second = mirage.serve();
    const [url] = await second.printed(/http:\/\/\S+/);
    const tab = await chinese.newPage({ viewport: { width: 1280, height: 800 }, colorScheme: 'dark', locale: 'zh-CN' });
    await tab.goto(url);
    await tab.getByRole('navigation').getByText('连接', { exact: true }).click();
    await tab.screenshot({ path: path.join(artifacts, 'inspector-zh-dark.png') });
    expect(await tab.locator('body').innerText()).toMatch(/增强模式|连接/);
    await chinese.close();
    await second.stop();
  });

  test('off again from the window: the network is as before', async () => {
    await open('Overview');
    await page.getByRole('switch', { name: 'Enhanced Mode' }).click();
    await page.getByText('Off. The network of this machine is as it was.').waitFor();
    expect(await world.client.networkState()).toBe(before);
  });
});
