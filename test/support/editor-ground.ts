/** The window over the real app process, with a profile of the person's own and a subscription: for specs of the editor. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Page } from 'playwright-core';
import type { Look, MockWindows } from './mock-window.ts';
import { type ProfileWorld, profileWorld } from './profile-world.ts';

export const ownText = `# mine
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
export const servedText = 'mixed-port: 7891\nproxies: [{name: sub, type: direct}]\nrules: ["MATCH,sub"]\n';

export interface EditorGround {
  readonly page: Page;
  readonly world: ProfileWorld;
  /** The profile of the person's own, which is in use. */
  readonly file: string;
}

export async function editorGround(
  { open, cleanup }: Pick<MockWindows, 'open' | 'cleanup'>,
  look: Look = {},
  text = ownText,
): Promise<EditorGround> {
  let file = '';
  const world = await profileWorld(async (made) => {
    file = join(made.home, 'home.yaml');
    writeFileSync(file, text);
    await made.library.add(file);
    made.served = servedText;
    await made.library.addUrl('https://sub.example/x', { name: 'Sub' });
  });
  cleanup(() => world.stop());
  const { page } = await open({ rows: 20, tunnel: 'running', profilesOf: world.app }, look);
  await openPage(page, /^(Profiles|配置)$/);
  return { page, world, file };
}

export const openPage = async (page: Page, name: string | RegExp) => {
  await page.getByRole('navigation').getByRole('link', { name }).click();
};

export const profileMenu = async (page: Page, name: string, item: string | RegExp) => {
  await page
    .getByRole('button', { name: new RegExp(`^(More about ${name}|${name} 的更多操作|.*${name}.*更多.*)$`) })
    .press('Enter');
  await page.getByRole('menuitem', { name: item }).press('Enter');
};

export const codeOf = (page: Page, name: string | RegExp = 'The text of home') => page.getByRole('textbox', { name });

export const openText = async (page: Page) => {
  await profileMenu(page, 'home', 'Edit the text…');
  await codeOf(page).waitFor();
};

/** The cursor at the end of the first line that holds a text. */
export const goTo = async (page: Page, text: string) => {
  await page.locator('.cm-line').filter({ hasText: text }).first().click();
  await page.keyboard.press('End');
};

export const problemsOf = (page: Page) => page.getByRole('region', { name: 'Problems' });
