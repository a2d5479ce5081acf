/**
 * Every page in both languages and themes, at the widths that people have, over thousands of rows: pictures to look at.
 * `node test/support/look.ts [FOLDER] [--axe FILE]` needs dist/renderer and Debian's chromium, and names what a page
 * complains about; with a copy of axe-core it lists what that finds as well.
 */

import { mkdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { chromium, type Page } from 'playwright-core';
import { warningOf } from '../../core/contract/warning-texts.ts';
import { artifacts } from './browser.ts';
import { startMockServer } from './mock-server.ts';

const pages = ['overview', 'proxies', 'profiles', 'connections', 'rules', 'mappings', 'dns', 'settings'] as const;
/** The last one is 1280 at 200 % zoom. */
const sizes = [
  { name: '420', width: 420, height: 800, zoom: 1 },
  { name: '900', width: 900, height: 700, zoom: 1 },
  { name: '1280', width: 1280, height: 800, zoom: 1 },
  { name: '1400', width: 1400, height: 900, zoom: 1 },
  { name: '1920', width: 1920, height: 1080, zoom: 1 },
  { name: '1280-zoom', width: 640, height: 400, zoom: 2 },
];

interface AxeResults {
  violations: { id: string; impact: string; help: string; nodes: { html: string; failureSummary: string }[] }[];
}

const axeAt = process.argv.indexOf('--axe');
const axe = axeAt < 0 ? undefined : readFileSync(process.argv[axeAt + 1] ?? '', 'utf8');
const given = process.argv[2];
const folder = given === undefined || given.startsWith('--') ? path.join(artifacts, 'look') : given;
mkdirSync(folder, { recursive: true });
const mock = await startMockServer(
  {
    rows: 5_000,
    nodes: 400,
    tunnel: 'running',
    profiles: [
      {
        id: 'default',
        name: 'profile',
        source: { kind: 'file', path: '/home/mira/.config/mirage/profile.yaml' },
        active: true,
      },
      {
        id: '1',
        name: 'work',
        source: { kind: 'file', path: '/home/mira/work/proxies/company-profile-2026.yaml' },
        active: false,
      },
    ],
    warnings: [
      warningOf('FAKE_IP_PRESSURE', { capacity: 16_382, range: '198.18.0.0/18' }),
      warningOf('SYSTEM_DNS_CONTENDED', { file: '/etc/resolv.conf', seconds: 30 }),
    ],
  },
  0,
);
const browser = await chromium.launch({ executablePath: '/usr/bin/chromium', chromiumSandbox: false });
const complaints = new Map<string, string>();
for (const language of ['en-US', 'zh-CN']) {
  for (const theme of ['light', 'dark'] as const) {
    for (const { name, width, height, zoom } of sizes) await look(language, theme, name, { width, height }, zoom);
  }
}
await browser.close();
await mock.stop();
for (const [complaint, where] of complaints) process.stdout.write(`${complaint}\n  at ${where}\n`);
process.stdout.write(`${folder}\n`);

async function look(
  language: string,
  theme: 'light' | 'dark',
  name: string,
  viewport: { width: number; height: number },
  zoom: number,
): Promise<void> {
  const context = await browser.newContext({
    viewport,
    deviceScaleFactor: zoom,
    colorScheme: theme,
    locale: language,
    reducedMotion: 'reduce',
    // For axe alone, which is no script of ours.
    bypassCSP: axe !== undefined,
  });
  const page = await context.newPage();
  page.on('pageerror', (error) => complaints.set(error.message, name));
  await page.goto(mock.server.issueLink());
  for (const each of pages) {
    await page.evaluate((hash) => {
      window.location.hash = hash;
    }, `#/${each}`);
    await page.waitForTimeout(700);
    await shoot(page, `${each}-${name}-${theme}-${language}`);
    if (each !== 'connections') continue;
    await page.locator('[role=row][data-key]').first().click();
    await page.waitForTimeout(500);
    await shoot(page, `trace-${name}-${theme}-${language}`);
    await page.keyboard.press('Escape');
  }
  await context.close();
}

async function shoot(page: Page, name: string): Promise<void> {
  await page.screenshot({ path: path.join(folder, `${name}.png`) });
  const overflow = await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
  if (overflow > 0) complaints.set(`the page is ${overflow} px wider than the window`, name);
  if (axe === undefined) return;
  if (!(await page.evaluate(() => 'axe' in window))) await page.addScriptTag({ content: axe });
  const { violations } = await page.evaluate<AxeResults>(async () => {
    const runner = (window as unknown as { axe: { run: (options: object) => Promise<AxeResults> } }).axe;
    return await runner.run({ resultTypes: ['violations'] });
  });
  for (const { id, impact, help, nodes } of violations) {
    const [node] = nodes;
    const what = `${impact} ${id}: ${help}\n    ${node?.html.replaceAll(/\d/g, '0').slice(0, 160)}`;
    complaints.set(`${what}\n    ${node?.failureSummary.replaceAll('\n', ' ').slice(0, 300)}`, name);
  }
}
