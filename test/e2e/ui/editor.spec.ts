/** Texts of profiles changed in the window, with the real app process over files, and a helper in memory. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Page } from 'playwright-core';
import { expect, test } from 'vitest';
import { isFocused, type Look, mockWindows, shot } from '../../support/mock-window.ts';
import { type ProfileWorld, profileWorld } from '../../support/profile-world.ts';

const { open, cleanup } = mockWindows();

export const own = `# mine
mixed-port: 7890 # for the browser
proxies:
  - { name: Tokyo, type: socks5, server: 192.0.2.1, port: 1080 }
proxy-groups:
  - name: Auto
    type: url-test
    proxies: [Tokyo]
rules:
  - DOMAIN-SUFFIX,example.com,Auto
  - MATCH,DIRECT
`;
const served = 'mixed-port: 7891\nproxies: [{name: sub, type: direct}]\nrules: ["MATCH,sub"]\n';

interface Opened {
  readonly page: Page;
  readonly world: ProfileWorld;
  readonly file: string;
}

async function start(look: Look = {}): Promise<Opened> {
  let file = '';
  const world = await profileWorld(async (made) => {
    file = join(made.home, 'home.yaml');
    writeFileSync(file, own);
    await made.library.add(file);
    made.served = served;
    await made.library.addUrl('https://sub.example/x', { name: 'Sub' });
  });
  cleanup(() => world.stop());
  const { page } = await open({ rows: 20, tunnel: 'running', profilesOf: world.app }, look);
  await page
    .getByRole('navigation')
    .getByRole('link', { name: /^(Profiles|配置)$/ })
    .click();
  return { page, world, file };
}

const menu = async (page: Page, name: string, item: string) => {
  await page.getByRole('button', { name: `More about ${name}` }).press('Enter');
  await page.getByRole('menuitem', { name: item }).press('Enter');
};
const textbox = (page: Page, name: string) => page.getByRole('textbox', { name });
const source = (page: Page) => textbox(page, 'The text of home');
const openSource = async (page: Page) => {
  await menu(page, 'home', 'Edit the text…');
  await source(page).waitFor();
};
/** The cursor at the end of the first line that holds a text. */
const goTo = async (page: Page, text: string) => {
  await page.locator('.cm-line').filter({ hasText: text }).first().click();
  await page.keyboard.press('End');
};
const found = (page: Page) => page.getByRole('region', { name: 'Problems' });

test('an error is told at its line as it is typed, and leads there; nothing on disk has changed', async () => {
  const { page, file } = await start();
  await openSource(page);
  await found(page).getByText('No problems found.').waitFor();
  await goTo(page, 'mixed-port');
  await page.keyboard.press('Enter');
  await page.keyboard.type('log-level: lou');
  await found(page)
    .getByText(/line 3/)
    .waitFor();
  await page.locator('.cm-lintRange').filter({ hasText: 'lou' }).waitFor();
  await shot(page, 'editor-error');
  await goTo(page, 'MATCH');
  await found(page)
    .getByRole('button', { name: /line 3/ })
    .click();
  await expect.poll(() => isFocused(source(page))).toBe(true);
  await page.keyboard.press('End');
  await page.keyboard.press('Shift+Control+ArrowLeft');
  await page.keyboard.type('debug');
  await found(page).getByText('No problems found.').waitFor();
  expect(readFileSync(file, 'utf8')).toBe(own);
});
