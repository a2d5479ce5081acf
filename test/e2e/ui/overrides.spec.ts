/** Overrides in the window: written, turned off and on, looked at, removed; rules by an easy form; new versions looked at first. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import {
  codeOf,
  type EditorGround,
  editorGround,
  openPage,
  problemsOf,
  profileMenu,
  servedText,
} from '../../support/editor-ground.ts';
import { isFocused, mockWindows, shot } from '../../support/mock-window.ts';

const windows = mockWindows();
const start = () => editorGround(windows);
const overrideFiles = ({ world }: EditorGround) => {
  const folder = join(world.home, 'config/profiles');
  const names = existsSync(folder) ? readdirSync(folder).filter((name) => name.includes('.override')) : [];
  return names.map((name) => readFileSync(join(folder, name), 'utf8'));
};
const cardOf = ({ page }: EditorGround, name: string) =>
  page.getByRole('listitem').filter({ has: page.getByRole('button', { name: `More about ${name}` }) });
const applied = ({ world }: EditorGround) =>
  JSON.stringify(world.helper.calls.findLast(([method]) => method === 'applyConfig')?.[1]);

test('the text of a server is shown and not changed; the way to its override is beside it', async () => {
  const ground = await start();
  const { page } = ground;
  await profileMenu(page, 'Sub', 'Show the text…');
  const text = codeOf(page, 'The text of Sub');
  await text.waitFor();
  expect(await text.getAttribute('aria-readonly')).toBe('true');
  await text.press('x');
  expect(await page.locator('.cm-line').first().innerText()).toBe('mixed-port: 7891');
  await page.getByText('This is the text of the server').waitFor();
  await shot(page, 'editor-subscription');
  await page.getByRole('button', { name: 'Edit the override' }).press('Enter');
  await codeOf(page, 'The override of Sub').waitFor();
  await page.getByText('What stands here is merged on top of the profile').first().waitFor();
  await codeOf(page, 'The override of Sub').focus();
  await page.keyboard.type('mixed-port: 7899\nnope: 1');
  await problemsOf(page)
    .getByText(/in the override/)
    .waitFor();
  await page.locator('.cm-lintRange').filter({ hasText: 'nope' }).waitFor();
  await page.keyboard.press('Control+s');
  await page.getByText('The profile is not in use. Nothing changes until you use it.').waitFor();
  await page.getByRole('button', { name: 'Save', exact: true }).press('Enter');
  await page.getByText('Sub was saved').waitFor();
  expect(overrideFiles(ground)).toEqual(['mixed-port: 7899\nnope: 1']);
});

test('an override is turned off and on, looked at, and removed after a question', async () => {
  const ground = await start();
  const { page, world } = ground;
  const { override } = await world.library.editing.read('home');
  await world.app.call('saveProfileText', {
    id: (await world.library.list()).find(({ name }) => name === 'home')?.id ?? '',
    part: 'override',
    text: '# mine\n+rules: ["DOMAIN,o.example,DIRECT"]\nmixed-port: 7900\n',
    version: override.version,
  });
  await cardOf(ground, 'home').getByText('Override', { exact: true }).waitFor();
  expect(applied(ground)).toContain('o.example');
  await profileMenu(page, 'home', 'What the override changes…');
  const changes = page.getByRole('dialog', { name: 'What the override of home changes' });
  await changes.getByText('mixed-port: 7890 → 7900').waitFor();
  await changes.getByText('DOMAIN,o.example,DIRECT').waitFor();
  await shot(page, 'override-changes');
  await page.keyboard.press('Escape');
  await profileMenu(page, 'home', 'Turn the override off');
  await cardOf(ground, 'home').getByText('Override off').waitFor();
  await expect.poll(() => applied(ground)).not.toContain('o.example');
  expect(overrideFiles(ground)).toEqual([expect.stringContaining('# mine')]);
  await profileMenu(page, 'home', 'Edit the override…');
  await page.getByRole('alert').filter({ hasText: 'The override is turned off' }).getByRole('button').press('Enter');
  await expect.poll(() => applied(ground)).toContain('o.example');
  await page.getByRole('button', { name: 'Profiles', exact: true }).click();
  await profileMenu(page, 'home', 'Remove the override…');
  const question = page.getByRole('dialog', { name: 'Remove the override of home?' });
  await expect.poll(() => isFocused(question.getByRole('button', { name: 'Cancel' }))).toBe(true);
  await question.getByRole('button', { name: 'Remove the override' }).click();
  await expect.poll(() => overrideFiles(ground)).toEqual([]);
  await expect.poll(() => applied(ground)).not.toContain('o.example');
});

test('a connection is sent elsewhere from its menu, and a rule is added on the Rules page; comments stay', async () => {
  const ground = await start();
  const { page, world } = ground;
  const { override } = await world.library.editing.read('home');
  await world.library.editing.save('home', { part: 'override', text: '# mine\n' }, override.version);
  await openPage(page, 'Connections');
  const row = page.locator('[role=row][data-key]').first();
  await row.waitFor();
  await row.click({ button: 'right' });
  const item = page.getByRole('menuitem', { name: /^Always send .* to…$/ });
  const host = /^Always send (.*) to…$/.exec(await item.innerText())?.[1] ?? '';
  await item.press('Enter');
  const dialog = page.getByRole('dialog', { name: 'Add a rule' });
  await expect.poll(() => isFocused(dialog.getByRole('combobox', { name: 'Send it to' }))).toBe(true);
  await dialog.getByRole('option', { name: 'Tokyo' }).waitFor({ state: 'attached' });
  await dialog.getByRole('combobox', { name: 'Send it to' }).selectOption('Tokyo');
  await shot(page, 'add-rule');
  await dialog.getByRole('button', { name: 'Add the rule' }).press('Enter');
  await page.getByText('The rule is in force.').waitFor();
  expect(overrideFiles(ground)).toEqual([expect.stringMatching(/^# mine\n\+rules:\n {2}- (?:DOMAIN|IP-CIDR),/)]);
  expect(overrideFiles(ground)[0]).toContain(host);
  expect(applied(ground)).toContain(host);
  await openPage(page, 'Rules');
  await page.getByRole('button', { name: 'Add a rule…' }).click();
  const about = dialog.getByRole('combobox', { name: 'What it is about' });
  await about.selectOption({ label: 'Addresses (prefix)' });
  await dialog.getByRole('textbox', { name: 'Prefix' }).fill('not a prefix');
  await dialog.getByRole('button', { name: 'Add the rule' }).click();
  await dialog.getByRole('alert').filter({ hasText: 'The rule was not added' }).waitFor();
  await about.selectOption({ label: 'This name and all below it' });
  await dialog.getByRole('textbox', { name: 'Name' }).fill('last.example');
  await dialog.getByRole('combobox', { name: 'Where' }).selectOption({ label: 'Behind the other rules' });
  await dialog.getByRole('button', { name: 'Add the rule' }).click();
  await expect.poll(() => overrideFiles(ground)[0]).toContain('rules+:\n  - DOMAIN-SUFFIX,last.example,DIRECT\n');
});

test('a new version is looked at first: what was shown is what is taken, or nothing is', async () => {
  const ground = await start();
  const { page, world } = ground;
  const source = () => world.library.editing.read('Sub').then((texts) => texts.source.text);
  world.served = servedText.replace('7891', '7892');
  await profileMenu(page, 'Sub', 'Look at the new version first…');
  const dialog = page.getByRole('dialog', { name: 'The new version of Sub' });
  await dialog.getByText('mixed-port: 7891 → 7892').waitFor();
  await shot(page, 'look-first');
  await dialog.getByRole('button', { name: 'Cancel' }).press('Enter');
  expect(await source()).toBe(servedText);
  await profileMenu(page, 'Sub', 'Look at the new version first…');
  await dialog.getByText('mixed-port: 7891 → 7892').waitFor();
  world.served = servedText.replace('7891', '7893');
  await dialog.getByRole('button', { name: 'Take this version' }).press('Enter');
  await page.getByText('Sub has a new version').waitFor();
  expect(await source()).toBe(servedText.replace('7891', '7892'));
  world.served = await source();
  await profileMenu(page, 'Sub', 'Look at the new version first…');
  await dialog.getByText('The server has nothing new.').waitFor();
  await page.keyboard.press('Escape');
  world.served = 'rules: [';
  await profileMenu(page, 'Sub', 'Look at the new version first…');
  await dialog.getByRole('alert').filter({ hasText: 'The new version cannot be shown' }).waitFor();
});
