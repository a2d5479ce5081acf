/** The mapping table in Chromium over a Mirage in memory: what people see and do. */
import type { Locator, Page } from 'playwright-core';
import { describe, expect, test } from 'vitest';
import { exportedCsv, mockWindows, rowsOf, running, search, show } from '../../support/mock-window.ts';

const { open } = mockWindows();

describe('mapping table', () => {
  const menuOf = async (page: Page, row: Locator) => {
    await row.click({ button: 'right' });
    return page.getByRole('menu');
  };
  const searched = async (page: Page, text: string): Promise<Locator> => {
    const grid = await show(page, 'Mapping table');
    await search(page, text);
    await rowsOf(grid).first().waitFor();
    return rowsOf(grid);
  };

  test('leads to its connections', async () => {
    const { page } = await open(running);
    const grid = await show(page, 'Mapping table');
    // Held still: what is asked about below must be the row that is clicked.
    await page.getByRole('button', { name: 'Pause' }).click();
    const row = rowsOf(grid).filter({ hasText: 'live' }).filter({ hasText: '198.18.0.' }).first();
    const address = await row.getAttribute('data-key');
    const at = { x: 300, y: 16 };
    await row.click({ button: 'right', position: at });
    const [menuBox, rowBox] = [await page.getByRole('menu').boundingBox(), await row.boundingBox()];
    expect(Math.abs((menuBox?.x ?? 0) - (rowBox?.x ?? 0) - at.x)).toBeLessThan(8);
    await page.getByRole('menuitem', { name: 'Show its connections' }).click();
    expect(await page.getByRole('searchbox').inputValue()).toBe(`fake:${address}`);
    await rowsOf(page.getByRole('grid')).first().waitFor();
  });

  test('leads to the questions for its name, and with two addresses to its connections by name', async () => {
    const { page } = await open(running);
    const rows = await searched(page, 'nas.home');
    await menuOf(page, rows.first());
    await page.getByRole('menuitem', { name: 'Show its DNS questions' }).click();
    expect(await page.getByRole('searchbox').inputValue()).toBe('name:nas.home.example');
    await rowsOf(page.getByRole('grid')).filter({ hasText: '198.19.95.147' }).waitFor();
    // One with two addresses has connections by both: they are found by name.
    await menuOf(page, (await searched(page, 'nas.home')).first());
    await page.getByRole('menuitem', { name: 'Show its connections' }).click();
    expect(await page.getByRole('searchbox').inputValue()).toBe('host:nas.home.example');
  });

  test('pins and unpins at once', async () => {
    const { page, mock } = await open(running);
    const rows = await searched(page, 'images.example.net');
    const mark = rows.first().getByRole('img', { name: 'Pinned' });
    await menuOf(page, rows.first());
    await page.getByRole('menuitem', { name: 'Pin: keep it for this name' }).click();
    await mark.waitFor();
    await page.getByText('Address pinned').waitFor();
    const addresses = [await rows.first().getAttribute('data-key')];
    expect(mock.bridge.calls).toContainEqual(['changeMappings', { addresses, action: 'pin' }]);
    await search(page, 'pinned:yes images');
    await menuOf(page, rows.first());
    // What is pinned cannot be released by a slip.
    await page.getByRole('menuitem', { name: 'Unpin' }).waitFor();
    expect(await page.getByRole('menuitem', { name: /^Release/ }).count()).toBe(0);
    await page.getByRole('menuitem', { name: 'Unpin' }).click();
    await page.getByText('Nothing matches this search').waitFor();
    await expect.poll(() => mock.bridge.calls).toContainEqual(['changeMappings', { addresses, action: 'unpin' }]);
  });

  test('a pin that is refused is taken back, with code and action', async () => {
    const { page } = await open({ ...running, refused: ['changeMappings'] });
    const rows = await searched(page, 'images.example.net');
    await menuOf(page, rows.first());
    await page.getByRole('menuitem', { name: 'Pin: keep it for this name' }).click();
    const notice = page.getByRole('status').filter({ hasText: 'HELPER_IN_USE' });
    await notice.waitFor();
    expect(await notice.innerText()).toContain('The address could not be pinned: Another user owns Enhanced Mode');
    expect(await notice.innerText()).toContain('Wait until that user turns it off.');
    await expect.poll(() => rows.first().getByRole('img', { name: 'Pinned' }).count()).toBe(0);
  });

  test('releasing says what it means, and asks', async () => {
    const { page, mock } = await open(running);
    const rows = await searched(page, 'images.example.net');
    await menuOf(page, rows.first());
    await page.getByRole('menuitem', { name: 'Release this address…' }).click();
    const dialog = page.getByRole('dialog');
    expect(await dialog.innerText()).toMatch(/Release 198\.19\.95\.148\?[^]*images\.example\.net[^]*stays understood/);
    await dialog.getByRole('button', { name: 'Release address' }).click();
    await page.getByText('Address released').waitFor();
    await rows.first().filter({ hasText: 'retired' }).waitFor();
    expect(mock.bridge.calls).toContainEqual(['changeMappings', { addresses: ['198.19.95.148'], action: 'retire' }]);
  });

  test('what was released can only be taken back, what is of a former range only be looked at', async () => {
    const { page } = await open(running);
    const rows = await searched(page, 'images.example.net');
    await menuOf(page, rows.first());
    await page.getByRole('menuitem', { name: 'Release this address…' }).click();
    await page.getByRole('button', { name: 'Release address' }).click();
    await rows.first().filter({ hasText: 'retired' }).waitFor();
    const menu = await menuOf(page, rows.first());
    expect(await menu.getByRole('menuitem', { name: /Release|Unpin/ }).count()).toBe(0);
    await menu.getByRole('menuitem', { name: 'Pin: keep it for this name' }).click();
    await rows.first().filter({ hasText: 'resting' }).waitFor();
    await rows.first().getByRole('img', { name: 'Pinned' }).waitFor();
    const former = await menuOf(page, (await searched(page, 'old-range')).first());
    expect(await former.getByRole('menuitem').allInnerTexts()).toEqual([
      'Show its connections',
      'Show its DNS questions',
      'Copy address',
      'Copy name',
    ]);
  });

  test('several at once: what is offered says for how many of them it works', async () => {
    const { page, mock } = await open(running);
    const rows = await searched(page, 'addr:198.19. -api -former:old');
    const changes = () =>
      mock.bridge.calls.filter(([method]) => method === 'changeMappings').map(([, params]) => params);
    const count = await rows.count();
    await rows.first().click();
    await rows.nth(count - 1).click({ modifiers: ['Shift'] });
    expect(await page.evaluate(() => getSelection()?.toString())).toBe('');
    expect(await page.getByRole('grid').evaluate((grid) => grid === document.activeElement)).toBe(true);
    // Two are lost, two are pinned already.
    const menu = await menuOf(page, rows.nth(1));
    expect(await menu.getByRole('menuitem').allInnerTexts()).toEqual([
      `Copy ${count} addresses`,
      `Copy ${count - 2} names`,
      `Pin ${count - 4} addresses`,
      'Unpin 2 addresses',
      `Release ${count - 4} addresses…`,
    ]);
    await menu.getByRole('menuitem', { name: /^Unpin/ }).click();
    await page.getByText('2 addresses unpinned').waitFor();
    await menuOf(page, rows.nth(1));
    await page.getByRole('menuitem', { name: /^Release/ }).click();
    const dialog = page.getByRole('dialog', { name: `Release ${count - 2} addresses?` });
    await dialog.getByRole('button', { name: 'Release addresses' }).click();
    await page.getByText(`${count - 2} addresses released`).waitFor();
    expect(changes()).toMatchObject([{ action: 'unpin' }, { action: 'retire' }]);
    // Asked for on a row that is not selected, the menu means that row.
    await search(page, '');
    await menuOf(page, rows.filter({ hasText: 'images.example.net' }));
    await page.getByRole('menuitem', { name: 'Copy address' }).waitFor();
  });

  test('flushing warns, says what stays, and keeps what is pinned', async () => {
    const { page, mock } = await open(running);
    const grid = await show(page, 'Mapping table');
    await page.getByRole('button', { name: 'Flush…' }).click();
    const dialog = page.getByRole('dialog');
    expect(await dialog.innerText()).toMatch(
      /\d+ addresses are released\.[^]*stay understood[^]*Pinned addresses stay\./,
    );
    await dialog.getByRole('button', { name: 'Cancel' }).click();
    expect(mock.bridge.calls.filter(([method]) => method === 'flushFakeIp')).toEqual([]);
    await page.getByRole('button', { name: 'Flush…' }).click();
    await page.getByRole('button', { name: 'Flush mappings' }).click();
    await page.getByText(/\d+ addresses released/).waitFor();
    await search(page, 'nas.home');
    expect(await rowsOf(grid).first().innerText()).toContain('live');
  });

  test('a lost name says so, with what helps', async () => {
    const { page } = await open(running);
    const rows = await searched(page, 'state:unknown');
    expect(await rows.count()).toBe(2);
    expect(await rows.first().innerText()).toMatch(/198\.19\.7\.6\d[^]*name lost[^]*unknown[^]*Restart the program/);
    expect(await rows.first().getByText('name lost').getAttribute('title')).toContain('Flush the DNS cache');
    expect(await (await menuOf(page, rows.first())).getByRole('menuitem').allInnerTexts()).toEqual([
      'Show its connections',
      'Copy address',
    ]);
  });

  test('IPv6 addresses have a column where there is a range for them, and room to show them whole', async () => {
    const { page } = await open({ ...running, fakeIp: { range6: 'fdfe:dcba:9877::/96' } });
    const rows = await searched(page, 'nas.home');
    await page.getByRole('columnheader', { name: 'IPv6' }).waitFor();
    const address = rows.first().getByText('fdfe:dcba:9877::c613:5f93');
    expect(await address.evaluate((cell) => cell.scrollWidth <= cell.clientWidth)).toBe(true);
    expect(await address.getAttribute('title')).toBe('fdfe:dcba:9877::c613:5f93');
    await page.setViewportSize({ width: 900, height: 600 });
    await page.getByRole('columnheader', { name: 'IPv6' }).waitFor({ state: 'detached' });
  });

  test('former names are marked, found and exported', async () => {
    const { page } = await open(running);
    const rows = await searched(page, 'former:old-shop');
    await rows.first().getByRole('img', { name: 'Stood for old-shop.example.org before' }).waitFor();
    const lines = await exportedCsv(page);
    expect(lines[0]).toBe(
      'address,address6,name,state,pinned,former,firstSeen,lastAnswered,lastConnected,answers,connections,liveConnections,outcome',
    );
    expect(lines[1]).toMatch(/^198\.19\.95\.148,,images\.example\.net,resting,false,old-shop\.example\.org,/);
  });

  test('by keyboard alone: a row, its menu, what it does', async () => {
    const { page, mock } = await open(running);
    await searched(page, 'images.example.net');
    await page.getByRole('grid').focus();
    await page.keyboard.press('ArrowDown');
    await page.keyboard.press('ContextMenu');
    await page.getByRole('menu').waitFor();
    // Arrow by arrow: letters typed one after the other would have to come within a second.
    const pin = page.getByRole('menuitem', { name: /^Pin/ });
    const isReached = async () => await pin.evaluate((item) => item === item.ownerDocument.activeElement);
    for (let presses = 0; presses < 12 && !(await isReached()); presses++) await page.keyboard.press('ArrowDown');
    await page.keyboard.press('Enter');
    await page.getByText('Address pinned').waitFor();
    expect(mock.bridge.calls.filter(([method]) => method === 'changeMappings')).toHaveLength(1);
  });
});
