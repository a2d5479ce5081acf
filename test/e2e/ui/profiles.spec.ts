/** The Profiles page over a Mirage in memory. */
import type { Page } from 'playwright-core';
import { expect, test } from 'vitest';
import { isFocused, mockWindows, type Scenario } from '../../support/mock-window.ts';

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

const now = Date.now();
const day = 86_400_000;
const source = {
  kind: 'url',
  address: 'https://sub.example/…',
  path: '/home/mira/.config/mirage/profiles/a.yaml',
} as const;
const kept = { updatedAt: now - 5 * 3_600_000, checkedAt: now - 60_000, nextAt: now + 3_600_000, interval: 86_400 };
const subscriptions: NonNullable<Scenario['profiles']> = [
  {
    id: 'a',
    name: '机场 A',
    source,
    active: true,
    subscription: { ...kept, info: { upload: 2e9, download: 46e9, total: 50e9, expires: now + 3.5 * day } },
  },
  {
    id: 'b',
    name: 'B',
    source,
    active: false,
    subscription: {
      ...kept,
      info: { upload: 1e9, download: 0, total: 1e9, expires: now - day },
      error: { code: 'DOWNLOAD_STATUS', message: 'the server answered 403' },
    },
  },
  { id: 'c', name: 'mine', source: { kind: 'file', path: '/home/mira/mine.yaml' }, active: false },
];
const card = (page: Page, id: string) => page.locator(`[data-profile=${id}]`);
const profiles = async (page: Page) => {
  await page.getByRole('navigation').getByRole('link', { name: 'Profiles' }).click();
};

test('a subscription says what is used of it, until when, and when it is looked for; a failure with what stays', async () => {
  const { page } = await open({ ...running, profiles: subscriptions });
  await profiles(page);
  expect(await card(page, 'a').innerText()).toMatch(
    /48.0 GB of 50.0 GB used[^]*3 days left[^]*updated 5 h 00 min ago · next look in/,
  );
  expect(await card(page, 'a').getByRole('meter').getAttribute('aria-valuenow')).toBe('96');
  expect(await card(page, 'b').innerText()).toMatch(
    /used up[^]*expired on[^]*Not updated on .*The server refused.*\. The version of .* stays\./i,
  );
});

test('one is updated with progress and a word; all are; and that is ended', async () => {
  const { page, mock } = await open({ ...running, profiles: subscriptions });
  await profiles(page);
  await page.getByRole('button', { name: 'Update B' }).press('Enter');
  await page.getByRole('status').filter({ hasText: 'B has a new version' }).waitFor();
  expect(await card(page, 'b').innerText()).not.toContain('Not updated');
  await page.getByRole('button', { name: 'Update all' }).click();
  await page.getByText('2 subscriptions looked at, 2 with a new version').waitFor();
  const update = ['updateProfile', {}] as const;
  expect(mock.bridge.calls).toContainEqual(update);
  const endless = await open({ ...running, profiles: subscriptions, downloads: 'endless' });
  await profiles(endless.page);
  await endless.page.getByRole('button', { name: 'Update all' }).click();
  await endless.page.getByRole('progressbar', { name: /Downloading B: .* of 240 kB/ }).waitFor();
  await endless.page.getByRole('button', { name: 'Stop the update of B' }).click();
  await endless.page.getByRole('button', { name: 'Stop 1 update' }).click();
  await expect.poll(() => endless.page.getByRole('progressbar').count()).toBe(0);
});

test('one that cannot be had is told, and the version that is there stays', async () => {
  const failure = { code: 'DOWNLOAD_TLS', message: 'the certificate has expired' } as const;
  const { page } = await open({ ...running, profiles: subscriptions, downloads: failure });
  await profiles(page);
  await page.getByRole('button', { name: 'Update 机场 A' }).click();
  await page.getByText('The profile was not updated').waitFor();
  await expect.poll(() => card(page, 'a').innerText()).toMatch(/Not updated on[^]*stays/);
});

test('renamed and removed by keyboard, each after a question; the one in use stays', async () => {
  const { page, mock } = await open({ ...running, profiles: subscriptions });
  await profiles(page);
  const more = page.getByRole('button', { name: 'More about B' });
  await more.press('Enter');
  await page.getByRole('menuitem', { name: 'Rename…' }).press('Enter');
  const renaming = page.getByRole('dialog', { name: 'Rename the profile' });
  await expect.poll(() => isFocused(renaming.getByRole('textbox'))).toBe(true);
  await page.keyboard.type('Work');
  await page.keyboard.press('Enter');
  await expect.poll(() => card(page, 'b').innerText()).toContain('Work');
  await expect.poll(() => isFocused(page.getByRole('button', { name: 'More about Work' }))).toBe(true);
  await page.keyboard.press('Enter');
  await page.getByRole('menuitem', { name: 'Remove…' }).press('Enter');
  const question = page.getByRole('dialog', { name: 'Remove Work?' });
  await expect.poll(() => isFocused(question.getByRole('button', { name: 'Cancel' }))).toBe(true);
  await page.keyboard.press('Enter');
  await expect.poll(() => question.count()).toBe(0);
  expect(await card(page, 'b').count()).toBe(1);
  await page.getByRole('button', { name: 'More about Work' }).press('Enter');
  await page.getByRole('menuitem', { name: 'Remove…' }).press('Enter');
  await page.getByRole('button', { name: 'Remove', exact: true }).press('Enter');
  await expect.poll(() => card(page, 'b').count()).toBe(0);
  expect(mock.bridge.calls).toContainEqual(['removeProfile', { id: 'b' }]);
  await page.getByRole('button', { name: 'More about 机场 A' }).press('Enter');
  const blocked = page.getByRole('menuitem', { name: 'Remove (use another one first)' });
  expect(await blocked.getAttribute('aria-disabled')).toBe('true');
});

test('one in use that is not applied cannot be taken for one that is', async () => {
  const problems = [
    { severity: 'error', code: 'TEXT_IS_RULES', path: '', message: 'this is a list of rules', line: 2, column: 3 },
  ] as never;
  const path = '/home/mira/mine.yaml';
  const profile = {
    path,
    problems,
    state: 'refused',
    error: { code: 'CONFIG_INVALID', message: 'the profile has 1 error' },
  } as const;
  const { page } = await open({ ...running, profiles: subscriptions, profile });
  await profiles(page);
  expect(await card(page, 'a').innerText()).toMatch(/NOT APPLIED|Not applied/);
  expect(await card(page, 'a').innerText()).toContain('In force instead');
  expect(await card(page, 'a').innerText()).not.toContain('In use');
});

test('without a profile it says what holds instead', async () => {
  const { page } = await open({ ...running, profile: null });
  await page.getByRole('navigation').getByRole('link', { name: 'Profiles' }).click();
  await page.getByText('No profile yet').waitFor();
});
