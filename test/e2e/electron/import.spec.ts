/** What comes from outside to the desktop app: a link that another program opens, a file that is dropped or chosen. */
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import type { ElectronApplication, Page } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { MirageBridge } from '../../../core/contract/app.ts';
import { artifacts, Desktop } from '../../support/desktop.ts';

type PageWindow = Window & { mirage: MirageBridge };

const link = (url: string) => `clash://install-config?url=${encodeURIComponent(url)}&name=From%20outside`;

let desktop: Desktop;
let app: ElectronApplication;
let page: Page;

beforeAll(async () => {
  desktop = await Desktop.start();
  ({ app, page } = await desktop.launch(link('https://first.example/x')));
});
afterAll(async () => {
  await app?.close();
  await desktop?.[Symbol.asyncDispose]();
});

const dialog = () => page.getByRole('dialog');
const info = () => page.evaluate(() => (window as unknown as PageWindow).mirage.call('getAppInfo', {}));
/** Another program opens a link: the desktop starts the app a second time with it. */
const open = (url: string) => {
  desktop.spawnApp({}, url);
};

test('a link that the app was started with is a question with its host; no is no', async () => {
  await dialog().getByText('It comes from first.example').waitFor();
  await page.screenshot({ path: path.join(artifacts, 'offer-electron.png') });
  await page.keyboard.press('Escape');
  await expect.poll(async () => (await info()).offer).toBeUndefined();
  expect((await info()).profiles).toEqual([]);
});

test('one that is opened while the app runs comes to its window; what is not https, or no such link, does not', async () => {
  open(link('http://second.example/x'));
  open('clash://quit');
  open(link('https://third.example/x'));
  await dialog().getByText('It comes from third.example').waitFor();
  expect((await info()).offer).toEqual({
    url: 'https://third.example/x',
    host: 'third.example',
    path: '/x',
    hidden: false,
    name: 'From outside',
  });
  await page.getByRole('button', { name: 'Do not add it' }).click();
  await expect.poll(() => dialog().count()).toBe(0);
});

test('a file that is dropped is imported as a copy, and is in use', async () => {
  await page.evaluate(() => {
    const data = new DataTransfer();
    data.items.add(new File(["rules: ['DOMAIN,dropped.example,REJECT', 'MATCH,DIRECT']\n"], 'dropped.yaml'));
    const init = { bubbles: true, cancelable: true, dataTransfer: data };
    document.body.dispatchEvent(new DragEvent('dragover', init));
    document.body.dispatchEvent(new DragEvent('drop', init));
  });
  await dialog().getByText('rules: 2').waitFor();
  await page.getByRole('button', { name: 'Import', exact: true }).click();
  await page.getByRole('status').filter({ hasText: 'dropped is in use' }).waitFor();
  expect((await info()).profiles).toMatchObject([{ name: 'dropped', source: { kind: 'text' }, active: true }]);
});

test("a file that is chosen in the desktop's own dialog stays where it is", async () => {
  const file = path.join(desktop.home, 'chosen.yaml');
  writeFileSync(file, "rules: ['MATCH,DIRECT']\n");
  await app.evaluate(({ dialog: dialogs }, chosen) => {
    dialogs.showOpenDialog = async () => ({ canceled: false, filePaths: [chosen] });
  }, file);
  await page.getByRole('button', { name: 'Import…' }).click();
  await page.getByRole('button', { name: 'Choose a file…' }).click();
  await dialog().getByText('The file stays where it is').waitFor();
  await page.getByRole('button', { name: 'Import', exact: true }).click();
  await page.getByRole('status').filter({ hasText: 'chosen is in use' }).waitFor();
  expect((await info()).profiles).toContainEqual(
    expect.objectContaining({ name: 'chosen', source: { kind: 'file', path: file }, active: true }),
  );
});
