/** Pages of the built renderer in Chromium over a Mirage in memory, through the real browser server: their width, languages, and links that are lost. */
import { describe, expect, test } from 'vitest';
import { offlineRestore } from '../../support/mock-bridge.ts';
import { startMockServer } from '../../support/mock-server.ts';
import { mockWindows, running, shot, show } from '../../support/mock-window.ts';

const { open, cleanup } = mockWindows();

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
