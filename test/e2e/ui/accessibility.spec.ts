/** Nothing that axe-core calls serious or moderate on the pages where people choose, import and update, in both themes. */
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import type { Page } from 'playwright-core';
import { expect, test } from 'vitest';
import { mockWindows, type Scenario } from '../../support/mock-window.ts';
import { sampleProviders } from '../../support/provider-rows.ts';

const { open } = mockWindows();
const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

interface AxeWindow {
  axe: {
    run: (where: Document) => Promise<{
      passes: unknown[];
      violations: { id: string; impact: string; nodes: { html: string }[] }[];
    }>;
  };
}

/** What is found, by rule; how much was looked at besides. */
async function findings(page: Page): Promise<{ passed: number; found: string[] }> {
  await page.evaluate(axe);
  return await page.evaluate(async () => {
    const { passes, violations } = await (window as unknown as AxeWindow).axe.run(document);
    const grave = violations.filter(({ impact }) => impact !== 'minor');
    return { passed: passes.length, found: grave.map(({ id, nodes }) => `${id}: ${nodes[0]?.html.slice(0, 160)}`) };
  });
}

const now = Date.now();
const profiles: NonNullable<Scenario['profiles']> = [
  {
    id: 'a',
    name: 'A',
    source: { kind: 'url', address: 'https://sub.example/…', path: '/p/a.yaml' },
    active: true,
    subscription: {
      updatedAt: now,
      checkedAt: now,
      nextAt: now + 3_600_000,
      interval: 3600,
      info: { download: 46e9, total: 50e9, expires: now + 86_400_000 },
      error: { code: 'DOWNLOAD_STATUS', message: 'the server answered 403' },
    },
  },
  { id: 'b', name: 'B', source: { kind: 'file', path: '/p/b.yaml' }, active: false, updating: { bytes: 1, total: 2 } },
];

test.each(['light', 'dark'] as const)('Proxies, Profiles, Providers, Rules and the dialogs, %s', async (theme) => {
  const { page, mock } = await open(
    { rows: 20, nodes: 40, tunnel: 'running', profiles, providers: sampleProviders(now) },
    { theme },
  );
  const look = async (where: string) => {
    const { passed, found } = await findings(page);
    expect([where, found]).toEqual([where, []]);
    expect(passed).toBeGreaterThan(10);
  };
  for (const name of ['Proxies', 'Profiles', 'Providers', 'Rules']) {
    await page.getByRole('navigation').getByRole('link', { name }).click();
    if (name === 'Profiles') await page.getByRole('list', { name: 'Profiles' }).waitFor();
    else await page.getByRole('grid').locator('[role=row][data-key]').first().waitFor();
    await look(name);
  }
  await page.getByRole('navigation').getByRole('link', { name: 'Providers' }).click();
  await page.locator('[role=row][data-key$=" ads"]').click();
  await page.getByRole('complementary').waitFor();
  await look('a provider');
  await page.getByRole('navigation').getByRole('link', { name: 'Profiles' }).click();
  await page.getByRole('button', { name: 'Import…' }).click();
  await page.getByRole('textbox', { name: 'Address, links or text' }).fill('https://sub.example/x');
  await page.getByText('The address of a subscription').waitFor();
  await look('the import');
  await page.keyboard.press('Escape');
  mock.bridge.profiles.propose({ url: 'https://a.example/x?k=1', host: 'a.example', path: '/x', hidden: true }, 2);
  await page.getByText('It comes from a.example').waitFor();
  await look('an offer');
});
