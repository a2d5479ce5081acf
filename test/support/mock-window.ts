/** The built renderer in Chromium over a Mirage in memory, through the real browser server: for specs of what people see and do. */
import { mkdirSync } from 'node:fs';
import path from 'node:path';
import { type Browser, type BrowserContext, chromium, type Locator, type Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, expect } from 'vitest';
import { artifacts } from './browser.ts';
import { type MockServer, startMockServer } from './mock-server.ts';

export type Scenario = Parameters<typeof startMockServer>[0];

export interface Look {
  readonly language?: string;
  readonly theme?: 'light' | 'dark';
  readonly width?: number;
  readonly height?: number;
}

export interface MockWindow {
  readonly page: Page;
  readonly mock: MockServer;
  readonly context: BrowserContext;
}

export interface MockWindows {
  readonly browser: () => Browser;
  /** Opens the window over a mock; fails the test when the page complains (a script error, a blocked style, ...). */
  readonly open: (scenario: Scenario, look?: Look) => Promise<MockWindow>;
  /** Is undone after the test. */
  readonly cleanup: (undo: () => Promise<void>) => void;
}

/** What the browser itself says when the process is gone, or refuses us. */
const expectedNoise = /ERR_CONNECTION_REFUSED|401 \(Unauthorized\)|HTTP Authentication failed/;

const flags = [
  '--disable-gpu',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

/** What most windows show. */
export const running: Scenario = { rows: 160, tunnel: 'running' };

/** One browser for a spec file; to be called at its top. */
export function mockWindows(): MockWindows {
  let browser: Browser;
  const undos: (() => Promise<void>)[] = [];

  beforeAll(async () => {
    mkdirSync(artifacts, { recursive: true });
    browser = await chromium.launch({ executablePath: '/usr/bin/chromium', chromiumSandbox: false, args: flags });
  });
  afterEach(async () => {
    for (const undo of undos.splice(0).reverse()) await undo();
  });
  afterAll(async () => {
    await browser.close();
  });

  const open = async (scenario: Scenario, look: Look = {}): Promise<MockWindow> => {
    const mock = await startMockServer(scenario);
    const context = await browser.newContext({
      viewport: { width: look.width ?? 1280, height: look.height ?? 800 },
      colorScheme: look.theme ?? 'light',
      locale: look.language ?? 'en-US',
      acceptDownloads: true,
    });
    context.setDefaultTimeout(120_000);
    const page = await context.newPage();
    const complaints: string[] = [];
    page.on('pageerror', (error) => complaints.push(error.message));
    page.on('console', (message) => {
      if (message.type() === 'error' && !expectedNoise.test(message.text())) complaints.push(message.text());
    });
    undos.push(async () => {
      await context.close();
      await mock.stop();
      expect(complaints).toEqual([]);
    });
    await page.goto(mock.server.issueLink());
    await page.getByRole('navigation').waitFor();
    return { page, mock, context };
  };
  return { browser: () => browser, open, cleanup: (undo) => undos.push(undo) };
}

/** Shows a page with a table. */
export async function show(page: Page, name: string): Promise<Locator> {
  await page.getByRole('navigation').getByRole('link', { name }).click();
  const grid = page.getByRole('grid');
  await grid.waitFor();
  return grid;
}

/** Types a search; resolves when the table has been drawn by it. */
export async function search(page: Page, text: string): Promise<void> {
  await page.getByRole('searchbox').fill(text);
  await page.evaluate(() => new Promise((drawn) => requestAnimationFrame(() => requestAnimationFrame(drawn))));
}

/** The rows of data, without the header. */
export const rowsOf = (grid: Locator) => grid.locator('[role=row][data-key]');
/** Also of one in a shadow tree. */
export const isFocused = (element: Locator) =>
  element.evaluate((it) => it === (it.getRootNode() as Document | ShadowRoot).activeElement);
export const shot = (page: Page, name: string) =>
  page.screenshot({ path: path.join(artifacts, `renderer-${name}.png`) });

/** Lines of the file that the page saves. */
export async function exportedCsv(page: Page): Promise<string[]> {
  await page.getByRole('button', { name: 'Export' }).click();
  const [download] = await Promise.all([
    page.waitForEvent('download'),
    page.getByRole('menuitem', { name: 'Export as CSV' }).click(),
  ]);
  const chunks: Buffer[] = [];
  for await (const chunk of await download.createReadStream()) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks)
    .toString('utf8')
    .replace(/^\ufeff/, '')
    .trimEnd()
    .split('\r\n');
}
