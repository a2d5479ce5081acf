/** The editor in the desktop app: the page's policy holds, problems come from the main process, and a text is kept where it was. */
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import type { ElectronApplication, Page } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { MirageBridge } from '../../../core/contract/app.ts';
import { artifacts, Desktop } from '../../support/desktop.ts';
import { codeOf, goTo, openPage, problemsOf, profileMenu } from '../../support/editor-ground.ts';

type PageWindow = Window & { mirage: MirageBridge };

let desktop: Desktop;
let app: ElectronApplication;
let page: Page;
const complaints: string[] = [];

beforeAll(async () => {
  desktop = await Desktop.start();
  ({ app, page } = await desktop.launch());
  page.on('pageerror', (error) => complaints.push(error.message));
  page.on('console', (message) => {
    if (message.type() === 'error') complaints.push(message.text());
  });
});
afterAll(async () => {
  await app?.close();
  await desktop?.[Symbol.asyncDispose]();
});

test('a file is opened, a mistake stands at its line, and what is saved is in the file', async () => {
  const file = path.join(desktop.home, 'mine.yaml');
  writeFileSync(file, '# mine\r\nrules:\r\n  - MATCH,DIRECT # last\r\n');
  await app.evaluate(({ dialog }, chosen) => {
    dialog.showOpenDialog = async () => ({ canceled: false, filePaths: [chosen] });
  }, file);
  await openPage(page, 'Profiles');
  await page.getByRole('button', { name: 'Import…' }).first().click();
  await page.getByRole('button', { name: 'Choose a file…' }).click();
  await page.getByRole('dialog').getByText('The file stays where it is').waitFor();
  await page.getByRole('button', { name: 'Import', exact: true }).click();
  await expect.poll(() => page.getByRole('dialog').count()).toBe(0);
  await profileMenu(page, 'mine', 'Edit the text…');
  await codeOf(page, 'The text of mine').waitFor();
  await goTo(page, '# mine');
  await page.keyboard.press('Enter');
  await page.keyboard.type('log-level: lou');
  await problemsOf(page)
    .getByText(/line 2/)
    .waitFor();
  await page.locator('.cm-lintRange').filter({ hasText: 'lou' }).waitFor();
  await page.screenshot({ path: path.join(artifacts, 'editor-electron.png') });
  await page.keyboard.press('Backspace');
  await page.keyboard.press('Backspace');
  await page.keyboard.press('Backspace');
  await page.keyboard.type('debug');
  await problemsOf(page).getByText('No problems found.').waitFor();
  await page.getByRole('button', { name: 'Review and save…' }).click();
  await page.getByRole('button', { name: /^Save/ }).last().click();
  await page.getByText(/mine was saved/).waitFor();
  // The ends of its lines are what they were.
  expect(readFileSync(file, 'utf8')).toBe('# mine\r\nlog-level: debug\r\nrules:\r\n  - MATCH,DIRECT # last\r\n');
  const texts = await page.evaluate(async () => {
    const { mirage } = window as unknown as PageWindow;
    const { profiles } = await mirage.call('getAppInfo', {});
    return await mirage.call('getProfileTexts', { id: profiles.find(({ name }) => name === 'mine')?.id ?? '' });
  });
  expect(texts.source.text).toContain('log-level: debug');
  expect(complaints).toEqual([]);
});

test('before the app ends with text that is not saved, the person is asked', async () => {
  const quit = (response: number) =>
    app.evaluate(
      ({ app: main, dialog }, answer) =>
        new Promise<string>((resolve) => {
          // One of its forms takes the window first.
          const ask = async (...given: unknown[]) => {
            const { message } = given.at(-1) as { message: string };
            setTimeout(resolve, 0, message);
            return { response: answer, checkboxChecked: false };
          };
          dialog.showMessageBox = ask;
          main.quit();
        }),
      response,
    );
  await goTo(page, '# mine');
  await page.keyboard.press('Enter');
  await page.keyboard.type('# not saved');
  await page.locator('.cm-line').filter({ hasText: '# not saved' }).waitFor();
  expect(await quit(1)).toBe('Quit without saving?');
  expect(await page.locator('.cm-line').filter({ hasText: '# not saved' }).count()).toBe(1);
  const closed = app.waitForEvent('close');
  expect(await quit(0)).toBe('Quit without saving?');
  await closed;
});
