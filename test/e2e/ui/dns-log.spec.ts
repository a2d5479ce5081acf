/** The DNS log in Chromium over a Mirage in memory; and tables that the helper refuses. */
import type { Locator, Page } from 'playwright-core';
import { describe, expect, test } from 'vitest';
import { exportedCsv, mockWindows, rowsOf, running, search, show } from '../../support/mock-window.ts';

const { open } = mockWindows();

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
