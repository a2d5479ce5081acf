/** The table of connections in Chromium over a Mirage in memory: what people see and do, by mouse and by keyboard. */
import { describe, expect, test } from 'vitest';
import { exportedCsv, isFocused, mockWindows, rowsOf, running, search, shot, show } from '../../support/mock-window.ts';

const { open } = mockWindows();

describe('connections', () => {
  test('rows are live, and say name, fake address, rule and way', async () => {
    const { page } = await open(running, { width: 1500 });
    const grid = await show(page, 'Connections');
    const before = await rowsOf(grid).first().getAttribute('data-key');
    await expect.poll(() => rowsOf(grid).first().getAttribute('data-key')).not.toBe(before);
    const row = rowsOf(grid).filter({ hasText: 'github.com' }).first();
    const text = await row.innerText();
    expect(text).toMatch(/198\.1[89]\./);
    expect(text).toContain('DOMAIN-SUFFIX');
    expect(text).toContain('HK-01');
    expect(Number(await grid.getAttribute('aria-rowcount'))).toBeGreaterThan(100);
    await shot(page, 'connections');
  });

  test('hostile names are shown as plain text, without characters that reorder it', async () => {
    const { page } = await open(running);
    const grid = await show(page, 'Connections');
    await search(page, 'elgoog');
    await expect.poll(() => rowsOf(grid).count()).toBe(1);
    expect(await rowsOf(grid).first().innerText()).toContain('evilmoc.elgoog.example');
  });

  test('the search grammar narrows, and an empty result says so', async () => {
    const { page } = await open(running);
    const grid = await show(page, 'Connections');
    await page.keyboard.press('/');
    await page.keyboard.type('rule:DOMAIN-SUFFIX host:*.github.com -tcp');
    await page.getByText('Nothing matches this search').waitFor();
    await search(page, 'host:*.github.com');
    await rowsOf(grid).first().waitFor();
    const hosts = await rowsOf(grid).locator('.connection-host').allInnerTexts();
    expect(hosts.length).toBeGreaterThan(0);
    expect(hosts.filter((host) => !host.endsWith('.github.com'))).toEqual([]);
  });

  test('by keyboard alone: down, details, trace, close', async () => {
    const { page, mock } = await open(running);
    const grid = await show(page, 'Connections');
    await search(page, 'host:registry.npmjs.org');
    await rowsOf(grid).first().waitFor();
    await grid.focus();
    await page.keyboard.press('ArrowDown');
    await page.keyboard.press('ArrowDown');
    const active = (await grid.getAttribute('aria-activedescendant')) ?? '';
    const activeRow = page.locator(`[id="${active}"]`);
    expect(await activeRow.getAttribute('aria-selected')).toBe('true');
    const id = await activeRow.getAttribute('data-key');
    await page.keyboard.press('Enter');
    const trace = page.getByRole('complementary', { name: 'Connection details' });
    await trace.getByText('DNS question (A)').waitFor();
    await trace.getByText('matches everything').waitFor();
    const text = await trace.innerText();
    for (const step of [
      'DNS question (A)',
      'Connection opened',
      'live, ',
      'Name found',
      'Rule matched',
      'Rule 14',
      'rules above did not match',
      'matches everything',
      'HK-01',
      'Dialled',
      'First byte',
      'Still open',
    ]) {
      expect(text).toContain(step);
    }
    await page.keyboard.press('Delete');
    await page.getByText('1 connection closed').waitFor();
    expect(mock.bridge.calls).toContainEqual(['closeFlows', { ids: [id] }]);
    await trace.getByText('It was closed from here.').waitFor();
    await page.keyboard.press('Escape');
    await expect.poll(() => trace.count()).toBe(0);
    // The keyboard goes on where it was, also after the menu, which stands at the row.
    expect(await isFocused(grid)).toBe(true);
    await page.getByRole('radio', { name: 'All' }).click();
    await grid.focus();
    await page.keyboard.press('ContextMenu');
    const menu = page.getByRole('menu');
    const [menuBox, rowBox] = [await menu.boundingBox(), await activeRow.boundingBox()];
    expect(Math.abs((menuBox?.y ?? 0) - (rowBox?.y ?? 0) - 32)).toBeLessThan(12);
    await page.keyboard.press('Escape');
    await expect.poll(() => menu.count()).toBe(0);
    expect(await isFocused(grid)).toBe(true);
  });

  test('a menu that goes leaves no moment without focus, and takes it from nobody who was clicked', async () => {
    const { page } = await open(running);
    const grid = await show(page, 'Connections');
    await rowsOf(grid).first().waitFor();
    await grid.focus();
    await page.keyboard.press('ArrowDown');
    const watchMenu = () =>
      page.evaluateHandle(() => ({
        focusAfterIt: new Promise<string | undefined>((resolve) => {
          const observer = new MutationObserver(() => {
            if (document.querySelector('[role=menu]') !== null) return;
            observer.disconnect();
            resolve(document.activeElement?.getAttribute('aria-label') ?? document.activeElement?.tagName);
          });
          observer.observe(document.body, { childList: true, subtree: true });
        }),
      }));
    const menu = page.getByRole('menu');
    for (const [opens, home] of [
      [() => page.keyboard.press('ContextMenu'), await grid.getAttribute('aria-label')],
      [() => page.getByRole('button', { name: 'Columns' }).click(), 'Columns'],
      [() => page.getByRole('button', { name: 'Export' }).click(), 'Export'],
    ] as const) {
      await opens();
      await menu.waitFor();
      const watch = await watchMenu();
      await page.keyboard.press('Escape');
      expect(await watch.evaluate(({ focusAfterIt }) => focusAfterIt)).toBe(home);
    }
    const search = page.getByRole('searchbox');
    await rowsOf(grid).first().click({ button: 'right' });
    await menu.waitFor();
    await search.click();
    await page.keyboard.type('github');
    expect(await search.inputValue()).toBe('github');
  });

  test('a dial that failed names each address, what came of it, and when', async () => {
    const { page } = await open(running);
    const grid = await show(page, 'Connections');
    await page.getByRole('radio', { name: /^All/ }).click();
    await search(page, 'host:db.internal.example');
    await rowsOf(grid).first().click();
    const text = await page.getByRole('complementary', { name: 'Connection details' }).innerText();
    expect(text).toContain('192.0.2.7 The server refused the connection, in 3 ms');
    expect(text).toContain('192.0.2.8 no answer in 409 ms · tried after 3 ms');
  });

  test.each([1280, 1400])('%i px show who, where to, how, and how much', async (width) => {
    const { page } = await open(running, { width });
    const grid = await show(page, 'Connections');
    const titles = ['Process', 'Host', 'Port', 'Rule', 'Chain', '↓ Down', 'Received', 'Sent', 'Age'];
    await expect.poll(() => grid.getByRole('columnheader').allInnerTexts()).toEqual(titles);
  });

  test('closing all asks first', async () => {
    const { page, mock } = await open(running);
    await show(page, 'Connections');
    await page.getByRole('button', { name: 'Close all…' }).click();
    await page.getByRole('dialog').getByRole('button', { name: 'Cancel' }).click();
    expect(mock.bridge.calls.filter(([method]) => method === 'closeFlows')).toEqual([]);
    await page.getByRole('button', { name: 'Close all…' }).click();
    await page.getByRole('button', { name: 'Close connections' }).click();
    await page.getByText(/connections closed$/).waitFor();
    expect(mock.bridge.calls).toContainEqual(['closeFlows', { all: true }]);
  });

  test('several are never closed without a question', async () => {
    const { page, mock } = await open(running);
    const grid = await show(page, 'Connections');
    await grid.focus();
    await page.keyboard.press('Control+a');
    await page.keyboard.press('Delete');
    await page.getByRole('dialog', { name: 'Close the selected connections?' }).waitFor();
    await page.keyboard.press('Escape');
    await expect.poll(() => page.getByRole('dialog').count()).toBe(0);
    expect(mock.bridge.calls.filter(([method]) => method === 'closeFlows')).toEqual([]);
    await page.getByRole('button', { name: /^Close \d+ connections$/ }).click();
    await page.getByRole('button', { name: 'Close connections' }).click();
    await page.getByText(/connections closed$/).waitFor();
  });

  test('the mouse: an edge resizes its column and nothing else, a title moves, a click sorts', async () => {
    const { page } = await open(running);
    const grid = await show(page, 'Connections');
    const titles = () => grid.getByRole('columnheader').allInnerTexts();
    const header = (name: string) => grid.getByRole('columnheader', { name });
    const boxOf = async (name: string) => (await header(name).boundingBox()) ?? { x: 0, y: 0, width: 0, height: 0 };
    const drag = async (from: { x: number; y: number }, to: { x: number; y: number }) => {
      await page.mouse.move(from.x, from.y);
      await page.mouse.down();
      await page.mouse.move(to.x, to.y, { steps: 8 });
      await page.mouse.up();
    };
    const before = await titles();
    for (const [name, by] of [
      ['Process', 60],
      ['Host', -40],
      ['Rule', 50],
    ] as const) {
      const box = await boxOf(name);
      const y = box.y + box.height / 2;
      await drag({ x: box.x + box.width, y }, { x: box.x + box.width + by, y: y + 40 });
      expect(Math.abs((await boxOf(name)).width - box.width - by), name).toBeLessThan(3);
      expect(await titles()).toEqual(before);
    }
    const sortOf = () => header('Host').getAttribute('aria-sort');
    expect(await sortOf()).toBe('none');
    const [host, process] = [await boxOf('Host'), await boxOf('Process')];
    await drag({ x: host.x + 30, y: host.y + 10 }, { x: process.x + 10, y: host.y + 12 });
    expect((await titles()).slice(0, 2)).toEqual(['Host', 'Process']);
    expect(await sortOf()).toBe('none');
    await header('Host').click();
    expect(await sortOf()).toBe('ascending');
  });

  test('the mouse: Ctrl adds a row, Shift takes those between, and the menu of one of them means all', async () => {
    const { page } = await open({ ...running, rows: 60 });
    const grid = await show(page, 'Connections');
    await page.getByRole('button', { name: 'Pause' }).click();
    const selected = () =>
      rowsOf(grid).evaluateAll((rows) => rows.flatMap((row, at) => (row.ariaSelected === 'true' ? [at] : [])));
    const row = (at: number) => rowsOf(grid).nth(at);
    await row(1).click({ modifiers: ['ControlOrMeta'] });
    await row(3).click({ modifiers: ['ControlOrMeta'] });
    expect(await selected()).toEqual([1, 3]);
    await row(3).click({ modifiers: ['ControlOrMeta'] });
    expect(await selected()).toEqual([1]);
    await row(2).click({ modifiers: ['ControlOrMeta'] });
    await row(5).click({ modifiers: ['Shift'] });
    expect(await selected()).toEqual([2, 3, 4, 5]);
    await row(4).click({ button: 'right' });
    await page.getByRole('menu').waitFor();
    expect(await selected()).toEqual([2, 3, 4, 5]);
    await page.keyboard.press('Escape');
    await row(7).click({ button: 'right' });
    await page.getByRole('menu').waitFor();
    expect(await selected()).toEqual([7]);
  });

  test('by keyboard alone: a title sorts, moves and widens; columns are chosen and given back', async () => {
    const { page } = await open(running);
    const grid = await show(page, 'Connections');
    const titles = () => grid.getByRole('columnheader').allInnerTexts();
    const before = await titles();
    const rule = grid.getByRole('columnheader', { name: 'Rule' });
    const width = async () => (await rule.boundingBox())?.width ?? 0;
    const wasWide = await width();
    await rule.getByRole('button').focus();
    await page.keyboard.press('Enter');
    expect(await rule.getAttribute('aria-sort')).toBe('ascending');
    await page.keyboard.press('Alt+Shift+ArrowRight');
    await expect.poll(width).toBe(wasWide + 16);
    await page.keyboard.press('Alt+ArrowLeft');
    expect((await titles()).indexOf('Rule')).toBe(before.indexOf('Rule') - 1);
    await page.getByRole('button', { name: 'Columns' }).focus();
    await page.keyboard.press('Enter');
    await page.keyboard.press('Space');
    expect(await titles()).not.toContain(before[0]);
    await page.keyboard.press('End');
    await page.keyboard.press('Enter');
    await expect.poll(titles).toEqual(before);
  });

  test('details take no column away, and what was chosen is still there on the way back', async () => {
    const { page } = await open({ ...running, rows: 60 }, { width: 1400 });
    const grid = await show(page, 'Connections');
    const titles = () => grid.getByRole('columnheader').allInnerTexts();
    const before = await titles();
    await rowsOf(grid).nth(2).click();
    await page.getByRole('complementary').waitFor();
    expect(await titles()).toEqual(before);
    await page.getByRole('radio', { name: /^All/ }).click();
    await page.getByRole('button', { name: 'Pause' }).click();
    const rows = () => rowsOf(grid).evaluateAll((all) => all.map((row) => row.getAttribute('data-key')));
    const selected = grid.locator('[aria-selected=true]');
    const [held, chosen] = [await rows(), await selected.getAttribute('data-key')];
    const age = grid.locator('[role=row][data-key] .soft').first();
    const heldAge = await age.innerText();
    await page.getByRole('navigation').getByRole('link', { name: 'Rules' }).click();
    await page.getByRole('textbox', { name: 'Host or address' }).waitFor();
    await page.waitForTimeout(1500);
    await page.getByRole('navigation').getByRole('link', { name: 'Connections' }).click();
    await grid.waitFor();
    expect(await page.getByRole('radio', { name: /^All/ }).getAttribute('aria-checked')).toBe('true');
    // How many rows are drawn below the last visible one is the list's own affair.
    const again = await rows();
    expect(again.length).toBeGreaterThan(20);
    expect(again).toEqual(held.slice(0, again.length));
    expect(await selected.getAttribute('data-key')).toBe(chosen);
    // What is held still does not grow older.
    expect(await age.innerText()).toBe(heldAge);
    await page.getByRole('button', { name: 'Resume' }).waitFor();
  });

  test('what a rule rejects has not failed; both can be searched for; an unknown field is said', async () => {
    const { page } = await open(running, { width: 1600 });
    const grid = await show(page, 'Connections');
    await page.getByRole('radio', { name: /^All/ }).click();
    for (const state of ['rejected', 'failed']) {
      await search(page, `state:${state}`);
      await expect.poll(() => rowsOf(grid).first().getByText(state, { exact: true }).count()).toBe(1);
    }
    await search(page, 'proc: curl colour:red');
    await page.getByText('There is no field “colour:”').waitFor();
    await search(page, 'proc: curl port:>=443 | state:failed');
    await rowsOf(grid).first().waitFor();
    expect(await page.getByText('There is no field').count()).toBe(0);
  });

  test.each([1280, 1400, 1920])('at %d px no title, rule type, age or state is cut', async (width) => {
    const { page } = await open(running, { width });
    const grid = await show(page, 'Connections');
    await page.waitForTimeout(1200);
    const cut = await grid.evaluate((table) => {
      const shown = [...table.querySelectorAll<HTMLElement>('.grid-title button span, .chip, .rule-type, .soft span')];
      return shown
        .filter((element) => {
          const cell = element.closest('.grid-cell, .grid-title')?.getBoundingClientRect();
          return cell !== undefined && element.getBoundingClientRect().right > cell.right + 0.5;
        })
        .map((element) => element.textContent);
    });
    expect(cut).toEqual([]);
  });

  test('pause holds the rows; columns and order survive a reload', async () => {
    const { page } = await open(running);
    const grid = await show(page, 'Connections');
    await page.getByRole('button', { name: 'Pause' }).click();
    const before = await rowsOf(grid).first().getAttribute('data-key');
    await page.waitForTimeout(2500);
    expect(await rowsOf(grid).first().getAttribute('data-key')).toBe(before);
    await page.getByRole('button', { name: 'Columns' }).click();
    await page.getByRole('menuitemcheckbox', { name: 'Port' }).click();
    await page.keyboard.press('Escape');
    await grid.getByRole('button', { name: 'Host' }).click();
    await page.reload();
    await grid.waitFor();
    expect(await grid.getByRole('columnheader', { name: 'Port' }).count()).toBe(0);
    expect(await grid.getByRole('columnheader', { name: 'Host' }).getAttribute('aria-sort')).toBe('ascending');
  });

  test('exports what is shown', async () => {
    const { page } = await open(running);
    const grid = await show(page, 'Connections');
    await search(page, 'host:deb.debian.org');
    await rowsOf(grid).first().waitFor();
    const lines = await exportedCsv(page);
    expect(lines[0]).toMatch(/^id,process,pid,network/);
    expect(lines.slice(1).every((line) => line.includes('deb.debian.org'))).toBe(true);
    expect(lines.length).toBeGreaterThan(1);
  });
});
