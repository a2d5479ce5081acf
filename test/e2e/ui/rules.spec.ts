/** The Rules page over a Mirage in memory: what each rule does, where it stands, and what people do with it. */
import { expect, test } from 'vitest';
import { mockWindows, rowsOf, type Scenario, show } from '../../support/mock-window.ts';

const scenario: Scenario = { rows: 20, tunnel: 'running' };
const { open } = mockWindows();

test('each says where it stands; searched by what it does; switched off by keyboard, which is seen', async () => {
  const { page, mock } = await open(scenario, { width: 1400 });
  const grid = await show(page, 'Rules');
  expect(await rowsOf(grid).nth(0).innerText()).toMatch(/override 3$/);
  expect(await rowsOf(grid).nth(1).innerText()).toMatch(/41$/);
  await page.getByRole('searchbox').fill('from:override');
  await expect.poll(() => rowsOf(grid).count()).toBe(1);
  await page.getByRole('searchbox').fill('policy:REJECT');
  await expect.poll(() => rowsOf(grid).count()).toBeGreaterThan(1);
  await grid.focus();
  await page.keyboard.press('ArrowDown');
  await page.keyboard.press('ContextMenu');
  await page.getByRole('menuitem', { name: 'Switch off' }).press('Enter');
  await expect.poll(() => rowsOf(grid).first().getByRole('switch').getAttribute('aria-checked')).toBe('false');
  const switched = mock.bridge.calls.find(([method]) => method === 'switchRule');
  expect(switched?.[1]).toMatchObject({ on: false, rule: { policy: 'REJECT' } });
  expect(JSON.stringify(switched?.[1])).not.toContain('line');
  await page.getByRole('searchbox').fill('off:yes');
  await expect.poll(() => rowsOf(grid).count()).toBe(1);
  await page.keyboard.press('Escape');
  await grid.focus();
  await page.keyboard.press('Home');
  await page.keyboard.press('ContextMenu');
  await page.getByRole('menuitem', { name: 'Show its connections' }).press('Enter');
  expect(await page.getByRole('searchbox').inputValue()).toBe('rule:lan');
});

test('in a narrow window policy and payload stay; the columns that are left out can be shown', async () => {
  const { page } = await open(scenario, { width: 420, language: 'zh-CN' });
  const grid = await show(page, '规则');
  await expect.poll(() => grid.getByRole('columnheader').allInnerTexts()).toEqual(['启用', '类型', '内容', '策略']);
  expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(420);
});
