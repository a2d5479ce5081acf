/** The editor in both languages and themes, at the widths that people have, and what axe-core says of it. */
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import type { Page } from 'playwright-core';
import { expect, test } from 'vitest';
import { codeOf, editorGround, goTo, openText, problemsOf } from '../../support/editor-ground.ts';
import { mockWindows, shot } from '../../support/mock-window.ts';

const windows = mockWindows();
const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

interface AxeWindow {
  axe: {
    run: (where: Document) => Promise<{ violations: { id: string; impact: string; nodes: { html: string }[] }[] }>;
  };
}

async function findings(page: Page): Promise<string[]> {
  await page.evaluate(axe);
  return await page.evaluate(async () => {
    const { violations } = await (window as unknown as AxeWindow).axe.run(document);
    return violations
      .filter(({ impact }) => impact !== 'minor')
      .map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html.slice(0, 120)).join(' | ')}`);
  });
}

test.each(['light', 'dark'] as const)(
  'axe finds nothing in text, completion, search, review and questions, %s',
  async (theme) => {
    const { page } = await editorGround(windows, { theme });
    const look = async (where: string) => expect([where, await findings(page)]).toEqual([where, []]);
    await openText(page);
    await problemsOf(page).getByText('No problems found.').waitFor();
    await look('text');
    await goTo(page, 'mixed-port');
    await page.keyboard.press('Enter');
    await page.keyboard.type('nope: 1');
    await problemsOf(page)
      .getByText(/line 3/)
      .first()
      .waitFor();
    await page.keyboard.press('Enter');
    await page.keyboard.type('log-');
    await page.getByRole('listbox', { name: 'Completions' }).waitFor();
    await look('completion');
    await page.keyboard.press('Escape');
    await page.keyboard.press('Control+f');
    await page.getByRole('textbox', { name: 'Find' }).waitFor();
    await look('search');
    await page.keyboard.press('Escape');
    await page.getByRole('button', { name: 'Review and save…' }).click();
    await page.getByRole('region', { name: 'What saving would change' }).waitFor();
    await look('review');
  },
);

test.each([
  [420, 800, 'zh-CN', 'dark'],
  [640, 400, 'en-US', 'light'], // 1280 at 200 %
  [900, 700, 'zh-CN', 'light'],
  [1920, 1080, 'en-US', 'dark'],
] as const)('text and review fit %i x %i (%s, %s)', async (width, height, language, theme) => {
  const { page } = await editorGround(windows, { width, height, language, theme });
  const isChinese = language === 'zh-CN';
  await page.getByRole('button', { name: isChinese ? /home.*更多|更多.*home/ : 'More about home' }).press('Enter');
  await page.getByRole('menuitem', { name: isChinese ? '编辑文本…' : 'Edit the text…' }).press('Enter');
  await codeOf(page, isChinese ? 'home 的文本' : 'The text of home').waitFor();
  await goTo(page, 'mixed-port');
  await page.keyboard.press('Enter');
  await page.keyboard.type('log-level: lou');
  await page.locator('.cm-lintRange').waitFor();
  await shot(page, `editor-${width}-${language}-${theme}`);
  const overflow = () => page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
  expect(await overflow()).toBeLessThanOrEqual(0);
  const box = await codeOf(page, isChinese ? 'home 的文本' : 'The text of home').boundingBox();
  expect(Math.min(box?.width ?? 0, box?.height ?? 0)).toBeGreaterThan(100);
  await page.keyboard.press('Control+s');
  await page.getByRole('region', { name: isChinese ? '保存会带来的变化' : 'What saving would change' }).waitFor();
  await shot(page, `review-${width}-${language}-${theme}`);
  expect(await overflow()).toBeLessThanOrEqual(0);
});

test('in forced colours the cursor, the choice and what is selected are seen', async () => {
  const { page } = await editorGround(windows, {});
  await page.emulateMedia({ forcedColors: 'active' });
  await openText(page);
  await goTo(page, 'mixed-port');
  await page.keyboard.press('Shift+Home');
  await page.keyboard.press('ArrowRight');
  await page.keyboard.press('Enter');
  await page.keyboard.type('log-');
  const chosen = page.getByRole('listbox', { name: 'Completions' }).getByRole('option', { selected: true });
  await chosen.waitFor();
  const [back, system] = await chosen.evaluate((it) => {
    const probe = document.body.appendChild(document.createElement('i'));
    probe.style.backgroundColor = 'Highlight';
    probe.style.forcedColorAdjust = 'none';
    return [getComputedStyle(it).backgroundColor, getComputedStyle(probe).backgroundColor];
  });
  expect(back).toBe(system);
  await shot(page, 'editor-forced-colours');
});
