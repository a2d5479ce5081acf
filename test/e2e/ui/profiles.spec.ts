/** The Profiles page over a Mirage in memory. */
import { expect, test } from 'vitest';
import { mockWindows, type Scenario } from '../../support/mock-window.ts';

const running: Scenario = { rows: 20, tunnel: 'running' };
const { open } = mockWindows();

test('another profile is used, by keyboard, and the one in use is named', async () => {
  const source = (name: string) => ({ kind: 'file', path: `/home/mira/${name}.yaml` }) as const;
  const profiles = ['home', 'work'].map((name) => ({ id: name, name, source: source(name), active: name === 'home' }));
  const { page, mock } = await open({ ...running, profiles });
  await page.getByRole('navigation').getByRole('link', { name: 'Profiles' }).click();
  const entries = page.getByRole('list', { name: 'Profiles' }).getByRole('listitem');
  await expect
    .poll(() => entries.allInnerTexts())
    .toEqual([expect.stringMatching(/home[^]*In use/), expect.stringMatching(/work[^]*Use$/)]);
  await page.getByRole('button', { name: 'Use the profile work' }).focus();
  await page.keyboard.press('Enter');
  await page.getByRole('status').filter({ hasText: 'work is in use. Open connections stay as they are.' }).waitFor();
  expect(mock.bridge.calls).toContainEqual(['useProfile', { id: 'work' }]);
  await expect.poll(() => entries.nth(1).innerText()).toMatch(/In use/);
  await page.getByRole('region', { name: 'The profile in use' }).getByText('/home/mira/work.yaml').waitFor();
});

test('without a profile it says what holds instead', async () => {
  const { page } = await open({ ...running, profile: null });
  await page.getByRole('navigation').getByRole('link', { name: 'Profiles' }).click();
  await page.getByText('No profile yet').waitFor();
});
