/** The built renderer in Chromium over a Mirage in memory, through the real browser server: what people see and do. */
import type { CDPSession, Locator, Page } from 'playwright-core';
import { describe, expect, test } from 'vitest';
import { warningOf } from '../../../core/contract/warning-texts.ts';
import { offlineRestore } from '../../support/mock-bridge.ts';
import { startMockServer } from '../../support/mock-server.ts';
import { isFocused, mockWindows, rowsOf, type Scenario, search, shot, show } from '../../support/mock-window.ts';

const running: Scenario = { rows: 160, tunnel: 'running' };
const off: Scenario = { rows: 60, tunnel: 'stopped', profile: null };

const { open, cleanup } = mockWindows();

/** Every text that an element has from now on, however short it lasts. */
async function recordTexts(page: Page, selector: string): Promise<() => Promise<string[]>> {
  const texts = await page.evaluateHandle((css) => {
    const recorded: string[] = [];
    const element = document.querySelector(css);
    const observer = new MutationObserver(() => recorded.push(element?.textContent ?? ''));
    if (element !== null) observer.observe(element, { subtree: true, childList: true, characterData: true });
    return recorded;
  }, selector);
  return () => texts.jsonValue();
}

/** Lines of the file that the page saves. */
async function exportedCsv(page: Page): Promise<string[]> {
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

describe('overview', () => {
  test('says what becomes of programs that bind: they pass, or strict-route refuses them where it is in force', async () => {
    const unavailable = [warningOf('STRICT_ROUTE_UNAVAILABLE', { reason: 'there is no nft' })];
    for (const [options, sentence] of [
      [{}, /bind to an interface or a source address go around it/],
      [{ strictRoute: true }, /bind to another interface or source address are refused/],
      [{ strictRoute: true, warnings: unavailable }, /bind to an interface or a source address go around it/],
    ] as const) {
      const { page } = await open({ ...running, ...options });
      await page.locator('.enhanced-state').getByText(sentence).waitFor();
    }
  });

  test('first use: says what will change; the switch shows its steps and then what is in force', async () => {
    const { page, mock } = await open(off);
    await page.getByText('Before you turn it on').waitFor();
    await page.getByText('/etc/resolv.conf names Mirage').waitFor();
    const toggle = page.getByRole('switch', { name: 'Enhanced Mode' });
    expect(await toggle.getAttribute('aria-checked')).toBe('false');
    const seen = await recordTexts(page, '.enhanced-state');
    await toggle.click();
    expect(await toggle.getAttribute('aria-checked')).toBe('true');
    await page.getByText('Every connection goes through mirage0').waitFor();
    expect(await seen()).toEqual(
      expect.arrayContaining([
        'Turning on: opening the network device',
        'Turning on: adding routes',
        'Turning on: changing system DNS',
      ]),
    );
    // What belongs together is one line; all of it is there on request.
    await page.getByText('system DNS 198.18.0.2 /etc/resolv.conf').waitFor();
    await page.getByText('Routing rules').click();
    await page.getByRole('cell', { name: 'ip -6 rule 5383' }).waitFor();
    expect(await page.getByText('Before you turn it on').count()).toBe(0);
    expect(mock.bridge.calls).toContainEqual(['setEnhanced', { on: true }]);
    await page.getByRole('button', { name: 'Restore…' }).click();
    await page.getByRole('button', { name: 'Restore network' }).click();
    await page.getByText('4 changes undone').waitFor();
    expect(await toggle.getAttribute('aria-checked')).toBe('false');
  });

  test('a failed start falls back with code, sentence and action', async () => {
    const { page } = await open({ ...off, turnOn: 'fails' });
    const toggle = page.getByRole('switch', { name: 'Enhanced Mode' });
    await toggle.click();
    const alert = page.getByRole('alert');
    await alert.waitFor();
    expect(await toggle.getAttribute('aria-checked')).toBe('false');
    const text = await alert.innerText();
    expect(text).toContain('The system DNS could not be changed');
    expect(text).toContain('SYSTEM_DNS_FAILED');
    expect(text).toContain('the file is immutable');
    await alert.getByRole('button', { name: 'Try again' }).waitFor();
    await shot(page, 'failed-start');
  });

  test('a helper that says nothing: the switch falls back after three seconds', async () => {
    const { page } = await open({ ...off, turnOn: 'silent' });
    const toggle = page.getByRole('switch', { name: 'Enhanced Mode' });
    const states = await toggle.evaluateHandle((element) => {
      const seen = [element.ariaChecked];
      new MutationObserver(() => seen.push(element.ariaChecked)).observe(element, {
        attributeFilter: ['aria-checked'],
      });
      return seen;
    });
    await toggle.click();
    await page.getByRole('alert').getByText('RPC_TIMEOUT').waitFor();
    expect(await states.jsonValue()).toEqual(['false', 'true', 'false']);
  });
});

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
    await rows.first().getByRole('img', { name: 'Meant old-shop.example.org before' }).waitFor();
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

describe('DNS log', () => {
  const rowWith = async (page: Page, text: string): Promise<Locator> => {
    const grid = await show(page, 'DNS log');
    await search(page, text);
    await rowsOf(grid).first().waitFor();
    return rowsOf(grid).first();
  };

  test('is live', async () => {
    const { page } = await open(running);
    const grid = await show(page, 'DNS log');
    const before = await rowsOf(grid).first().getAttribute('data-key');
    await expect.poll(() => rowsOf(grid).first().getAttribute('data-key')).not.toBe(before);
  });

  test.each([
    ['verdict:absent', 'no such name', 'told so truthfully'],
    ['verdict:recovered', 'recovered', 'told its name in its first bytes'],
    ['rcode:servfail', 'error', 'No upstream could answer'],
    ['proc:dig type:txt', 'refused', 'Not answered'],
    ['upstream:dns.example', 'real', 'An upstream was asked'],
  ])('%s: the verdict explains itself', async (search, verdict, explained) => {
    const { page } = await open(running);
    const chip = (await rowWith(page, search)).getByText(verdict, { exact: true });
    expect(await chip.getAttribute('title')).toContain(explained);
  });

  test('who asked, who answered and how fast are there, also in an export', async () => {
    const { page } = await open(running);
    const row = await rowWith(page, 'name:deb.debian.org proc:apt-get upstream:https');
    const text = await row.innerText();
    for (const part of ['apt-get', 'deb.debian.org', 'debian.map.fastlydns', 'https://dns.example', '23 ms']) {
      expect(text).toContain(part);
    }
    const [titles, line] = await exportedCsv(page);
    expect(titles).toBe('time,client,process,name,type,verdict,rcode,answer,upstream,upstreamMs,ms');
    expect(line).toContain(',apt-get,deb.debian.org,A,real,NOERROR,"debian.map.fastlydns.example, 203.0.113.132,');
  });

  test('clients are shown only when asked for, however wide the window is', async () => {
    const { page } = await open(running, { width: 1900 });
    const grid = await show(page, 'DNS log');
    const titles = () => grid.getByRole('columnheader').allInnerTexts();
    await expect.poll(titles).toContain('Code');
    expect(await titles()).not.toContain('Client');
    await page.getByRole('button', { name: 'Columns' }).click();
    await page.getByRole('menuitemcheckbox', { name: 'Client' }).click();
    await expect.poll(titles).toEqual(expect.arrayContaining(['Time', 'Client', 'Process']));
    expect(await rowsOf(grid).first().innerText()).toContain('198.18.0.1');
  });

  test('asks again, and shows the chain, the upstream and the time', async () => {
    const { page, mock } = await open(running);
    await (await rowWith(page, 'name:deb.debian.org upstream:https')).click({ button: 'right' });
    await page.getByRole('menuitem', { name: 'Ask again…' }).click();
    const dialog = page.getByRole('dialog', { name: 'Ask as a program would' });
    await dialog.getByText('NOERROR').waitFor();
    expect(mock.bridge.calls).toContainEqual(['dnsQuery', { name: 'deb.debian.org', type: 'A' }]);
    const text = await dialog.innerText();
    for (const part of ['real', 'tls://192.0.2.53:853', 'in 24 ms', 'CNAME', '203.0.113.133']) {
      expect(text).toContain(part);
    }
    await dialog.getByRole('textbox', { name: 'Name' }).fill('no-such.example');
    await page.keyboard.press('Enter');
    await dialog.getByText('There is no answer for no-such.example, type A.').waitFor();
    await dialog.getByText('NXDOMAIN').waitFor();
    await page.keyboard.press('Escape');
    await expect.poll(() => dialog.count()).toBe(0);
  });

  test('any name can be asked for; what cannot be asked says why', async () => {
    const { page } = await open({ ...running, refused: ['dnsQuery'] });
    await show(page, 'DNS log');
    await page.getByRole('button', { name: 'Ask…' }).click();
    const dialog = page.getByRole('dialog');
    expect(await dialog.getByRole('button', { name: 'Ask', exact: true }).isDisabled()).toBe(true);
    await page.keyboard.type('example.org');
    await dialog.getByRole('combobox', { name: 'Type' }).selectOption('AAAA');
    await dialog.getByRole('button', { name: 'Ask', exact: true }).click();
    expect(await dialog.getByRole('alert').innerText()).toContain('HELPER_IN_USE');
  });

  test('leads to mapping and connections', async () => {
    const { page } = await open(running);
    await (await rowWith(page, 'verdict:recovered')).click({ button: 'right' });
    await page.getByRole('menuitem', { name: 'Show in mapping table' }).click();
    await rowsOf(page.getByRole('grid')).filter({ hasText: 'name lost' }).waitFor();
    await (await rowWith(page, 'name:api.github.com verdict:fake')).click({ button: 'right' });
    await page.getByRole('menuitem', { name: 'Show connections to it' }).click();
    expect(await page.getByRole('searchbox').inputValue()).toMatch(/^host:\S*api\.github\.com$/);
    await rowsOf(page.getByRole('grid')).first().waitFor();
  });

  test('flushing the cache says how many answers it forgot', async () => {
    const { page, mock } = await open(running);
    await show(page, 'DNS log');
    await page.getByRole('button', { name: 'Flush cache' }).click();
    await page.getByText('37 remembered answers forgotten').waitFor();
    expect(mock.bridge.calls).toContainEqual(['flushDnsCache', {}]);
  });
});

describe('a table that the helper refuses', () => {
  const busy = { code: 'RPC_BUSY', message: 'too many subscriptions' } as const;

  test.each(['Connections', 'Mapping table', 'DNS log'])(
    '%s: says why, and shows it after another try',
    async (name) => {
      const { page, mock } = await open({ ...running, tablesRefused: busy });
      await page.getByRole('navigation').getByRole('link', { name, exact: true }).click();
      await page.getByRole('heading', { name: 'The table cannot be shown: The helper is busy' }).waitFor();
      expect(await page.getByRole('alert').innerText()).toContain('RPC_BUSY too many subscriptions');
      await page.getByText('Mirage keeps trying by itself.').waitFor();
      expect(await page.getByRole('button', { name: 'Pause' }).isDisabled()).toBe(true);
      mock.bridge.showTables();
      await page.getByRole('button', { name: 'Try again' }).click();
      await rowsOf(page.getByRole('grid')).first().waitFor();
      expect(await page.getByRole('alert').count()).toBe(0);
    },
  );
});

describe('DNS mode', () => {
  test('is chosen in the settings, shown on the overview, and given back to the profile', async () => {
    const { page, mock } = await open(running);
    await page.getByText('as the profile says').waitFor();
    await page.getByRole('navigation').getByRole('link', { name: 'Settings' }).click();
    const group = page.getByRole('radiogroup', { name: 'Mode' });
    expect(await group.getByRole('radio', { checked: true }).innerText()).toBe('As the profile says');
    await page.getByText('In force: Fake-IP').waitFor();
    await group.getByRole('radio', { checked: true }).focus();
    await page.keyboard.press('ArrowRight');
    await page.keyboard.press('ArrowRight');
    await page.getByText('Chosen by hand').waitFor();
    expect(await group.getByRole('radio', { checked: true }).innerText()).toBe('Redir-Host');
    await page.getByRole('navigation').getByRole('link', { name: 'Overview' }).click();
    await page.getByText('chosen by hand').waitFor();
    await page.getByText('get real addresses').waitFor();
    await page.getByRole('link', { name: 'DNS mode' }).click();
    await group.getByRole('radio', { name: 'As the profile says' }).click();
    await page.getByText('In force: Fake-IP').waitFor();
    expect(mock.bridge.calls.filter(([method]) => method === 'setSwitches').map(([, params]) => params)).toEqual([
      { dnsMode: 'fake-ip' },
      { dnsMode: 'redir-host' },
      { dnsMode: null },
    ]);
  });

  test('a refusal falls back, with code and action', async () => {
    const { page } = await open({ ...running, refused: ['setSwitches'] });
    await page.getByRole('navigation').getByRole('link', { name: 'Settings' }).click();
    await page.getByRole('radio', { name: 'Redir-Host' }).click();
    await page.getByRole('status').filter({ hasText: 'HELPER_IN_USE' }).waitFor();
    expect(await page.getByRole('radio', { name: 'As the profile says' }).getAttribute('aria-checked')).toBe('true');
  });
});

test('names that were lost are counted beside the health, and lead to their addresses', async () => {
  const { page } = await open({ ...running, fakeIp: { unknown: 14, recovered: 11 } });
  await page.getByText('14 connections since the start went to fake addresses').waitFor();
  await page.getByText('in the first bytes of 11.').waitFor();
  await page.getByRole('button', { name: 'Show these addresses' }).click();
  await expect.poll(() => rowsOf(page.getByRole('grid')).count()).toBe(2);
});

describe('a profile that is not applied', () => {
  const problems = [
    {
      severity: 'warning',
      code: 'KEY_UNKNOWN',
      path: 'x',
      message: 'unknown',
      values: { key: 'x' },
      line: 1,
      column: 1,
    },
    { severity: 'error', code: 'POLICY_UNKNOWN', path: 'rules[0]', message: 'no such policy', line: 9, column: 5 },
  ] as const;
  const refused = {
    path: '/home/mira/profile.yaml',
    problems: [...problems],
    state: 'refused',
    error: { code: 'CONFIG_INVALID', message: 'the profile has 1 error' },
  } as const;

  test('is said on every page, in the health and with the profiles, with what is in force; errors come first', async () => {
    const { page, mock } = await open({ ...running, profile: { ...refused, problems: [...problems] } });
    const health = page.getByRole('region', { name: 'Health' });
    await health.getByText('The profile is not applied').waitFor();
    expect(await health.innerText()).toMatch(/profile\.yaml has 1 error[^]*In force instead: another configuration/);
    expect(await page.getByText('Nothing to report').count()).toBe(0);
    const strip = page.getByRole('contentinfo');
    for (const name of ['Proxies', 'Connections', 'Mapping table', 'DNS log', 'Rules', 'Settings', 'Profiles']) {
      await page.getByRole('navigation').getByRole('link', { name, exact: true }).click();
      await strip.getByRole('link', { name: 'The profile is not applied' }).waitFor();
    }
    const section = page.getByRole('region', { name: 'The profile in use' });
    expect(await section.getByRole('alert').innerText()).toContain('The profile is not applied');
    expect(await section.getByRole('listitem').first().innerText()).toContain('POLICY_UNKNOWN');
    await page.getByRole('button', { name: 'Reload profile' }).click();
    await page.getByRole('status').filter({ hasText: 'The profile is not applied' }).waitFor();
    mock.bridge.setProfile({ ...refused, problems: [], state: 'applied' });
    await expect.poll(() => strip.getByRole('link').count()).toBe(0);
  });
});

test.each(['en-US', 'zh-CN'])('%s: no page is wider than a narrow window', async (language) => {
  const { page } = await open(running, { width: 420, height: 760, language });
  for (const name of ['overview', 'proxies', 'profiles', 'connections', 'mappings', 'dns', 'rules', 'settings']) {
    await page.evaluate((hash) => {
      window.location.hash = hash;
    }, `#/${name}`);
    await page.waitForTimeout(300);
    const wide = await page.evaluate(() =>
      [...document.querySelectorAll('header *, .page-body *, form *')]
        .filter((element) => element.getBoundingClientRect().right > window.innerWidth + 1)
        .map((element) => element.outerHTML.slice(0, 80)),
    );
    expect(wide, name).toEqual([]);
  }
});

describe('other pages', () => {
  test('the simulator shows which rule decides and marks it in the list', async () => {
    const { page } = await open(running);
    const grid = await show(page, 'Rules');
    await page.getByRole('textbox', { name: 'Host or address' }).fill('https://codeload.github.com/x');
    await page.keyboard.press('Enter');
    await page.getByText('by rule 4').waitFor();
    expect(await grid.locator('[data-active=true]').innerText()).toContain('github.com');
  });

  test('Chinese by the navigator, English by choice, both remembered', async () => {
    const { page } = await open(running, { language: 'zh-CN', theme: 'dark' });
    await page.getByRole('link', { name: '连接', exact: true }).click();
    await page.getByRole('columnheader', { name: '进程' }).waitFor();
    expect(await page.locator('html').getAttribute('lang')).toBe('zh-CN');
    expect(await page.locator('html').getAttribute('data-theme')).toBe('dark');
    await shot(page, 'connections-zh-dark');
    await page.getByRole('link', { name: '设置' }).click();
    await page.getByRole('radio', { name: 'English' }).click();
    await page.getByRole('radio', { name: 'Light' }).click();
    await page.reload();
    await page.getByRole('heading', { name: 'Settings' }).waitFor();
    expect(await page.locator('html').getAttribute('data-theme')).toBe('light');
  });

  test('a helper that is gone and comes back', async () => {
    const { page, mock } = await open(running);
    mock.bridge.setLink({ kind: 'failed', error: { code: 'HELPER_NOT_RUNNING', message: 'connect ENOENT' } });
    await page.getByRole('heading', { name: 'The helper has ended' }).waitFor();
    await page.getByText('Start it with: npm start').waitFor();
    expect(await page.getByRole('alert').innerText()).toContain('HELPER_NOT_RUNNING');
    // The way out is one command, ready to be copied.
    await page.getByText(offlineRestore).waitFor();
    mock.bridge.setLink({ kind: 'connected' });
    await page.getByRole('switch', { name: 'Enhanced Mode' }).waitFor();
    await page.getByRole('status').filter({ hasText: 'The helper ended unexpectedly' }).waitFor();
  });

  test('a process that is gone is said to be gone; one that does not know us asks for a new link', async () => {
    const { page, mock } = await open(running);
    await mock.stop();
    await page.getByRole('heading', { name: 'Mirage is not answering' }).waitFor();
    const another = await startMockServer(running, Number(new URL(mock.server.address).port));
    cleanup(() => another.stop());
    await page.getByRole('heading', { name: 'This page needs a new link' }).waitFor();
    await page.getByText('npm start').waitFor();
  });
});

test('10,000 rows that all move every second stay smooth', async () => {
  const { page, context } = await open({ rows: 10_000, tunnel: 'running', busy: true });
  const first = await page.evaluate(async () => {
    const begun = performance.now();
    window.location.hash = '#/connections';
    do await new Promise(requestAnimationFrame);
    while (document.querySelector('[role=row][data-key]') === null);
    return performance.now() - begun;
  });
  const grid = page.getByRole('grid');
  const cdp = await context.newCDPSession(page);
  // Time on the processor: the machine may be busy with other things.
  await cdp.send('Performance.enable', { timeDomain: 'threadTicks' });
  await page.waitForTimeout(3000);
  // New connections come in at the top: every row in sight is another one each second.
  const lines = [`first rows after ${first.toFixed(0)} ms`, `youngest first: ${await measureTicks(cdp, 5)}`];
  for (const [button, view] of [
    ['Age', 'oldest first'],
    ['Down', 'fastest first'],
  ] as const) {
    await grid.getByRole('button', { name: button }).click();
    await page.waitForTimeout(1500);
    lines.push(`${view}: ${await measureTicks(cdp, 5)}`);
  }
  await search(page, 'host:*.github.com -udp');
  await page.waitForTimeout(1500);
  lines.push(`filtered: ${await measureTicks(cdp, 5)}`);
  console.log(`10,000 rows, per tick (one a second):\n  ${lines.join('\n  ')}`);
  expect(await rowsOf(grid).count()).toBeLessThan(60);
  await search(page, '');
  await expect.poll(async () => Number(await grid.getAttribute('aria-rowcount'))).toBeGreaterThan(9000);
  await grid.focus();
  await page.keyboard.press('End');
  await expect.poll(async () => Number(await rowsOf(grid).last().getAttribute('aria-rowindex'))).toBeGreaterThan(9000);
});

/** Processor time of the page's main thread in each second, by the browser's own counters. */
async function measureTicks(cdp: CDPSession, seconds: number): Promise<string> {
  const names = ['ScriptDuration', 'RecalcStyleDuration', 'LayoutDuration', 'TaskDuration'] as const;
  const read = async () => {
    const { metrics } = await cdp.send('Performance.getMetrics');
    return names.map((name) => 1000 * (metrics.find((metric) => metric.name === name)?.value ?? 0));
  };
  const ticks: number[][] = [];
  let before = await read();
  const begun = performance.now();
  for (let second = 1; second <= seconds; second++) {
    await new Promise((resolve) => setTimeout(resolve, begun + 1000 * second - performance.now()));
    const after = await read();
    ticks.push(after.map((value, at) => value - (before[at] ?? 0)));
    before = after;
  }
  const mean = (at: number) => (ticks.reduce((sum, tick) => sum + (tick[at] ?? 0), 0) / seconds).toFixed(1);
  const most = Math.max(...ticks.map(([script = 0]) => script)).toFixed(1);
  return `scripting ${mean(0)} ms (most ${most}), style ${mean(1)} ms, layout ${mean(2)} ms, all tasks ${mean(3)} ms`;
}
