/** The Providers page over a Mirage in memory: what there is, how it is updated, and what is said when it is not. */
import type { Page } from 'playwright-core';
import { expect, test } from 'vitest';
import { mockWindows, rowsOf, type Scenario, show } from '../../support/mock-window.ts';
import { sampleProviders } from '../../support/provider-rows.ts';

const scenario: Scenario = { rows: 20, tunnel: 'running', providers: sampleProviders(Date.now()) };
const { open } = mockWindows();

const rowOf = (page: Page, name: string) => page.locator(`[role=row][data-key$=" ${name}"]`);
const callsOf = (calls: readonly [string, unknown][], method: string) =>
  calls.filter(([called]) => called === method).map(([, params]) => params);

test('each says what it is, how much of it there is, how old it is and who uses it; what failed stands out', async () => {
  const { page } = await open(scenario, { width: 1400 });
  const grid = await show(page, 'Providers');
  expect(await rowsOf(grid).count()).toBe(6);
  expect(await rowOf(page, '机场 A').innerText()).toMatch(/Proxies[^]*128[^]*2 h ago[^]*3 groups[^]*up to date/);
  expect(await rowOf(page, 'cn-ip').innerText()).toMatch(/IP ranges · text[^]*5,893[^]*1 rule/);
  expect(await rowOf(page, 'ads').innerText()).toMatch(/Domains · mrs[^]*84,213[^]*took too long/);
  expect(await rowOf(page, 'mine').innerText()).toMatch(/in the profile[^]*nobody/);
  await page.getByText('1 provider could not be updated: its last copy stays in use.').waitFor();
  await page.getByText('1 provider is not there: rules that name it do not match').waitFor();
  await page.getByRole('searchbox').fill('state:failed');
  await expect.poll(() => rowsOf(grid).count()).toBe(2);
});

test('by keyboard: to one, its details, who uses it, and away again; the focus stays in the table', async () => {
  const { page } = await open(scenario);
  const grid = await show(page, 'Providers');
  await page.getByRole('searchbox').fill('ads');
  await grid.focus();
  await page.keyboard.press('ArrowDown');
  await page.keyboard.press('Enter');
  const drawer = page.getByRole('complementary', { name: 'Provider' });
  await drawer.getByText('RULE-SET,ads → REJECT').waitFor();
  await drawer.getByText('The last copy stays in use.').waitFor();
  expect(await drawer.innerText()).toContain('DOWNLOAD_TIMEOUT');
  await page.keyboard.press('Escape');
  await expect.poll(() => drawer.count()).toBe(0);
  expect(await grid.evaluate((it) => it === document.activeElement)).toBe(true);
  await page.keyboard.press('ContextMenu');
  await page.getByRole('menuitem', { name: 'Show its rules' }).press('Enter');
  expect(await page.getByRole('searchbox').inputValue()).toBe('payload:ads');
});

test('one is updated; what failed before is fine then', async () => {
  const { page, mock } = await open(scenario);
  await show(page, 'Providers');
  await rowOf(page, 'ads').click({ button: 'right' });
  await page.getByRole('menuitem', { name: 'Update' }).click();
  await page.getByRole('status').filter({ hasText: 'ads is up to date' }).waitFor();
  expect(callsOf(mock.bridge.calls, 'updateProviders')).toEqual([{ name: 'ads', kind: 'rules' }]);
  await expect.poll(() => rowOf(page, 'ads').innerText()).toMatch(/up to date/);
});

test('all are updated, and that is ended: what is there stays', async () => {
  const { page, mock } = await open({ ...scenario, downloads: 'endless' });
  const grid = await show(page, 'Providers');
  await page.getByRole('button', { name: 'Update all' }).click();
  await expect.poll(() => grid.getByRole('progressbar').count()).toBeGreaterThan(2);
  await page.getByRole('progressbar', { name: /Downloading ads: .* of 240 kB/ }).waitFor();
  await page.getByRole('button', { name: 'Stop the update of ads' }).click();
  await expect.poll(() => rowOf(page, 'ads').innerText()).toMatch(/stopped/);
  await page.getByRole('button', { name: /^Stop 4 updates$/ }).click();
  await page.getByText('The update was stopped').waitFor();
  await expect.poll(() => grid.getByRole('progressbar').count()).toBe(0);
  expect(await rowOf(page, 'cn-ip').innerText()).toContain('5,893');
  expect(callsOf(mock.bridge.calls, 'updateProviders')).toEqual([{}]);
  expect(callsOf(mock.bridge.calls, 'stopProviders')).toEqual([{ name: 'ads', kind: 'rules' }, {}]);
});

test('a profile without any says so; narrow and in Chinese nothing is cut off', async () => {
  const { page } = await open({ ...scenario, providers: [] });
  await page.getByRole('navigation').getByRole('link', { name: 'Providers' }).click();
  await page.getByText('No providers').waitFor();
  const narrow = await open(scenario, { width: 420, language: 'zh-CN' });
  await show(narrow.page, '外部资源');
  await rowOf(narrow.page, 'ads').click();
  await narrow.page.getByRole('complementary', { name: '外部资源' }).getByText('继续使用上次的内容。').waitFor();
  expect(await narrow.page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(420);
});
