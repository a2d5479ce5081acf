/** The Proxies page over a Mirage in memory: what people see of groups and nodes, and what they do with them. */
import type { Page } from 'playwright-core';
import { describe, expect, test } from 'vitest';
import { isFocused, mockWindows, rowsOf, type Scenario, search, show } from '../../support/mock-window.ts';

const running: Scenario = { rows: 20, tunnel: 'running', nodes: 40 };
const { open, browser } = mockWindows();

const groupItem = (page: Page, name: string) => page.locator(`[data-group="${name}"]`);
const callsOf = (calls: readonly [string, unknown][], method: string) =>
  calls.filter(([called]) => called === method).map(([, params]) => params);

describe('groups', () => {
  test('each says where it leads and how fast that is; the first is shown with its members', async () => {
    const { page } = await open(running);
    const grid = await show(page, 'Proxies');
    expect(await groupItem(page, 'Proxy').getAttribute('aria-selected')).toBe('true');
    expect(await groupItem(page, '自动选择').innerText()).toMatch(/URL test.+\n.*\d+ ms/s);
    expect(await groupItem(page, '空组').innerText()).toContain('empty');
    expect(await groupItem(page, 'Hidden').count()).toBe(0);
    expect(await groupItem(page, 'GLOBAL').count()).toBe(0);
    const first = rowsOf(grid).first();
    expect(await first.innerText()).toMatch(/自动选择.*›/s);
    await first.getByRole('img', { name: 'in use' }).waitFor();
    await page.getByRole('button', { name: 'Show 2 hidden groups' }).click();
    await groupItem(page, 'Hidden').waitFor();
  });

  test('one that has nothing to offer says that it refuses', async () => {
    const { page } = await open(running);
    await show(page, 'Proxies');
    await groupItem(page, '空组').click();
    await page.getByText('Nothing to offer: this group refuses every connection').waitFor();
  });

  test('by keyboard alone: to a group, to a node, choose it; the chain follows', async () => {
    const { page, mock } = await open(running);
    const grid = await show(page, 'Proxies');
    await groupItem(page, 'Proxy').focus();
    await page.keyboard.press('ArrowDown');
    await page.keyboard.press('ArrowDown');
    expect(await isFocused(groupItem(page, '香港'))).toBe(true);
    await page.getByRole('region', { name: '香港' }).waitFor();
    await page.keyboard.press('Home');
    await grid.focus();
    for (let i = 0; i < 5; i++) await page.keyboard.press('ArrowDown');
    const active = page.locator(`[id="${(await grid.getAttribute('aria-activedescendant')) ?? ''}"]`);
    const name = await active.getAttribute('data-key');
    await page.keyboard.press('Enter');
    await page.getByText(`Proxy leads to ${name} now. Open connections stay as they are.`).waitFor();
    expect(callsOf(mock.bridge.calls, 'selectProxy')).toEqual([{ group: 'Proxy', member: name }]);
    await active.getByRole('img', { name: 'in use' }).waitFor();
    expect(await page.getByLabel('Leads to now').innerText()).toBe(name);
    expect(await groupItem(page, 'Streaming').innerText()).toContain('Proxy');
  });

  test('by mouse: a click chooses; an automatic group is fixed by it, and set free again', async () => {
    const { page, mock } = await open(running);
    const grid = await show(page, 'Proxies');
    await groupItem(page, '香港').click();
    const node = rowsOf(grid).filter({ hasText: 'SOCKS5' }).last();
    const name = await node.getAttribute('data-key');
    await node.click();
    await page.getByText('chosen by hand').waitFor();
    await page.getByRole('button', { name: 'Choose automatically' }).click();
    await page.getByText('香港 chooses by itself again').waitFor();
    expect(callsOf(mock.bridge.calls, 'selectProxy')).toEqual([
      { group: '香港', member: name },
      { group: '香港', member: null },
    ]);
  });

  test('a node of a protocol that is not spoken says so, and is not chosen', async () => {
    const { page, mock } = await open(running);
    const grid = await show(page, 'Proxies');
    const node = rowsOf(grid).filter({ hasText: 'VMess' }).first();
    expect(await node.innerText()).toContain('not yet');
    await node.click();
    await page.getByText('This protocol is not supported yet').waitFor();
    await node.click({ button: 'right' });
    expect(await page.getByRole('menuitem', { name: 'Use this one' }).getAttribute('aria-disabled')).toBe('true');
    expect(callsOf(mock.bridge.calls, 'selectProxy')).toEqual([]);
  });

  test('a refusal is said with code and action', async () => {
    const { page } = await open({ ...running, refused: ['selectProxy'] });
    const grid = await show(page, 'Proxies');
    await rowsOf(grid).nth(1).click();
    await page.getByText('HELPER_IN_USE').waitFor();
  });

  test('the search narrows the members, and says how many of each group fit', async () => {
    const { page } = await open(running);
    const grid = await show(page, 'Proxies');
    await page.keyboard.press('/');
    await page.keyboard.type('香港 type:socks5');
    await expect.poll(() => rowsOf(grid).count()).toBe(5);
    expect(await groupItem(page, '香港').innerText()).toContain('5');
    expect(await groupItem(page, '日本').innerText()).toMatch(/ 0\n/);
    await search(page, 'delay:<100');
    const delays = await rowsOf(grid).locator('.delay').allInnerTexts();
    expect(delays.length).toBeGreaterThan(0);
    expect(delays.filter((text) => Number.parseInt(text, 10) >= 100)).toEqual([]);
    await search(page, 'nobody-is-called-so');
    await page.getByText('Nothing matches this search').waitFor();
  });

  test('sorted by delay: who answers first, then who does not, then who was not asked', async () => {
    const { page } = await open(running);
    const grid = await show(page, 'Proxies');
    await groupItem(page, '自动选择').click();
    await grid.getByRole('button', { name: 'Delay' }).click();
    const texts = () => rowsOf(grid).locator('.delay').allInnerTexts();
    const rank = (text: string) => (/\d/.test(text) ? Number.parseInt(text, 10) : text === 'no answer' ? 1e6 : 1e7);
    const ranks = (await texts()).map(rank);
    expect(ranks).toEqual(ranks.toSorted((a, b) => a - b));
    await grid.getByRole('button', { name: 'Name' }).click();
    const names = await rowsOf(grid).evaluateAll((rows) => rows.map((row) => row.getAttribute('data-key') ?? ''));
    expect(names).toEqual(names.toSorted());
  });
});

describe('delays', () => {
  test('a group is tested with progress; each result is there when it comes', async () => {
    const { page, mock } = await open({ ...running, nodes: 200 });
    const grid = await show(page, 'Proxies');
    await groupItem(page, '自动选择').click();
    const untested = rowsOf(grid).filter({ hasText: 'not tested' });
    expect(await untested.count()).toBeGreaterThan(0);
    await page.getByRole('button', { name: 'Test group' }).click();
    await page.getByRole('progressbar', { name: /^\d+ of 75 tested$/ }).waitFor();
    await expect.poll(() => untested.count()).toBe(0);
    await expect.poll(() => page.getByRole('progressbar').count()).toBe(0);
    expect(callsOf(mock.bridge.calls, 'testProxies')).toEqual([{ policy: '自动选择' }]);
  });

  test('one node from its menu, by keyboard', async () => {
    const { page, mock } = await open(running);
    const grid = await show(page, 'Proxies');
    const name = await rowsOf(grid).filter({ hasText: 'not tested' }).first().getAttribute('data-key');
    await search(page, `name:"${name}"`);
    await grid.focus();
    await page.keyboard.press('ArrowDown');
    await page.keyboard.press('ContextMenu');
    await page.getByRole('menuitem', { name: 'Test delay' }).press('Enter');
    await expect.poll(() => rowsOf(grid).first().locator('.delay').innerText()).toMatch(/ms|no answer/);
    expect(callsOf(mock.bridge.calls, 'testProxies')).toEqual([{ policy: name, group: 'Proxy' }]);
  });

  test('a sweep of all can be ended', async () => {
    // So many that it is still at it when the button is pressed, on a slow machine too.
    const { page, mock } = await open({ ...running, nodes: 10_000 });
    await show(page, 'Proxies');
    await page.getByRole('button', { name: 'Test all' }).click();
    await page.getByRole('button', { name: 'End the test' }).click();
    await expect.poll(() => page.getByRole('progressbar').count()).toBe(0);
    expect(await page.getByRole('button', { name: 'Test all' }).isEnabled()).toBe(true);
    expect(callsOf(mock.bridge.calls, 'stopTests')).toHaveLength(1);
    expect(callsOf(mock.bridge.calls, 'testProxies')).toEqual([{}]);
  });
});

test('the mode is chosen here; what it means is said, and GLOBAL comes first where it counts', async () => {
  const { page, mock } = await open(running);
  await show(page, 'Proxies');
  await page.getByRole('radio', { name: 'Global' }).click();
  await page.getByText('every connection goes where the group GLOBAL leads').waitFor();
  expect(await page.locator('[data-group]').first().getAttribute('data-group')).toBe('GLOBAL');
  await page.getByRole('radio', { name: 'Global' }).press('ArrowRight');
  await page.getByText('Mode Direct: every connection goes DIRECT').waitFor();
  expect(callsOf(mock.bridge.calls, 'setSwitches')).toEqual([{ mode: 'global' }, { mode: 'direct' }]);
});

test('in a narrow window a group opens over the list, and there is a way back; all of it in Chinese', async () => {
  const { page } = await open(running, { width: 420, language: 'zh-CN' });
  await page.getByRole('navigation').getByRole('link', { name: '代理' }).click();
  await groupItem(page, '故障转移').click();
  await page.getByRole('button', { name: '测试本组' }).waitFor();
  expect(await groupItem(page, '故障转移').isVisible()).toBe(false);
  await page.getByRole('button', { name: '返回策略组' }).click();
  await groupItem(page, '故障转移').waitFor();
  const width = await page.evaluate(() => document.documentElement.scrollWidth);
  expect(width).toBeLessThanOrEqual(420);
});

test('a profile without groups says so', async () => {
  const { page } = await open({ ...running, nodes: 0 });
  await page.getByRole('navigation').getByRole('link', { name: 'Proxies' }).click();
  await page.getByText('No groups and no proxies').waitFor();
});

interface TraceEvent {
  name: string;
  ph: string;
  ts: number;
  tdur?: number;
  dur?: number;
}

test('1,000 nodes: only what is seen is drawn, also while all are tested', async () => {
  const { page } = await open({ ...running, rows: 200, nodes: 1000 });
  const first = await page.evaluate(async () => {
    const begun = performance.now();
    window.location.hash = '#/proxies';
    do await new Promise(requestAnimationFrame);
    while (document.querySelector('[role=row][data-key]') === null);
    return performance.now() - begun;
  });
  await page.getByRole('grid').getByRole('button', { name: 'Delay' }).click();
  await browser().startTracing(page, { categories: ['devtools.timeline', 'disabled-by-default-devtools.timeline'] });
  await page.getByRole('button', { name: 'Test all' }).click();
  await expect.poll(() => page.getByRole('progressbar').count(), { timeout: 300_000, interval: 200 }).toBe(0);
  const trace = JSON.parse((await browser().stopTracing()).toString()) as { traceEvents: TraceEvent[] };
  // Told, not asserted: the machine may be busy with other things. What keeps it quick is asserted: few elements.
  const scripts = trace.traceEvents
    .filter(({ name, ph }) => ph === 'X' && ['FireAnimationFrame', 'EventDispatch', 'TimerFire'].includes(name))
    .map(({ tdur, dur }) => (tdur ?? dur ?? 0) / 1000)
    .toSorted((a, b) => b - a);
  console.log(
    `1,000 nodes: first rows after ${first.toFixed(0)} ms; longest scripts ${scripts.slice(0, 5).join(' ')} ms`,
  );
  expect(await page.locator('[role=row]').count()).toBeLessThan(120);
  expect(await page.locator('*').count()).toBeLessThan(3_000);
});
