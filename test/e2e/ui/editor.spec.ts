/** Texts of profiles changed in the window, with the real app process over files, and a helper in memory. */
import { readFileSync, writeFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import {
  codeOf,
  editorGround,
  goTo,
  openPage,
  openText,
  ownText,
  problemsOf,
  profileMenu,
} from '../../support/editor-ground.ts';
import { isFocused, type Look, mockWindows, shot } from '../../support/mock-window.ts';

const windows = mockWindows();
const start = (look?: Look, text?: string) => editorGround(windows, look, text);
const card = (id: string) => `[data-profile="${id}"]`;

test('an error is told at its line as it is typed, and leads there; nothing on disk has changed', async () => {
  const { page, file } = await start();
  await openText(page);
  const problems = problemsOf(page);
  await problems.getByText('No problems found.').waitFor();
  await goTo(page, 'mixed-port');
  await page.keyboard.press('Enter');
  await page.keyboard.type('log-level: lou');
  await problems.getByText(/line 3/).waitFor();
  await page.locator('.cm-lintRange').filter({ hasText: 'lou' }).waitFor();
  await shot(page, 'editor-error');
  await goTo(page, 'MATCH');
  await problems.getByRole('button', { name: /line 3/ }).click();
  await expect.poll(() => isFocused(codeOf(page))).toBe(true);
  await page.keyboard.press('Shift+Control+ArrowRight');
  await page.keyboard.type('debug');
  await problems.getByText('No problems found.').waitFor();
  expect(readFileSync(file, 'utf8')).toBe(ownText);
});

test('keys, values, names of the profile and types of rules are completed, with their meaning, by keyboard', async () => {
  const { page } = await start();
  await openText(page);
  const options = page.getByRole('listbox', { name: 'Completions' }).getByRole('option');
  const choose = async (typed: string, wanted: string) => {
    await page.keyboard.type(typed);
    await expect.poll(() => options.filter({ hasText: wanted }).first().getAttribute('aria-selected')).toBe('true');
    // A list that has just opened takes no key for a moment: it may have been meant for the text.
    const opened = await page.evaluate(() => performance.now());
    await page.waitForFunction((since) => performance.now() - since > 150, opened);
    await page.keyboard.press('Enter');
  };
  await problemsOf(page).getByText('No problems found.').waitFor(); // the names are known
  await goTo(page, 'mixed-port');
  await page.keyboard.press('Enter');
  await page.keyboard.type('log-l');
  await options.filter({ hasText: 'log-level' }).waitFor();
  await page.getByText('How much is logged.').first().waitFor();
  await shot(page, 'editor-completion'); // which takes its time
  await page.keyboard.press('Enter');
  await choose('deb', 'debug');
  await goTo(page, 'MATCH');
  await page.keyboard.press('Home');
  await page.keyboard.type('- ');
  await choose('GEOS', 'GEOSITE');
  await choose('youtu', 'youtube');
  await choose('Tok', 'Tokyo');
  await page.keyboard.press('Enter');
  await goTo(page, 'proxies: [Tokyo]');
  await page.keyboard.press('ArrowLeft');
  await page.keyboard.type(', ');
  await choose('DIR', 'DIRECT');
  const lines = await page.locator('.cm-line').allInnerTexts();
  expect(lines).toEqual(
    expect.arrayContaining([
      'log-level: debug',
      '    proxies: [Tokyo, DIRECT]',
      '  - GEOSITE,youtube,Tokyo',
      '  - MATCH,DIRECT',
    ]),
  );
});

test('what saving changes is shown in words and lines; then it is applied, and every other byte stays', async () => {
  const { page, file, world } = await start();
  await openText(page);
  await goTo(page, 'DOMAIN-SUFFIX');
  await page.keyboard.press('Enter');
  await page.keyboard.type('DOMAIN,a.example,Auto # why');
  await page.keyboard.press('Home');
  await page.keyboard.type('- ');
  await page.keyboard.press('Control+s');
  const review = page.getByRole('region', { name: 'What saving would change' });
  await review.getByText('Rules 1 added').waitFor();
  expect(await review.getByRole('region', { name: 'Lines' }).innerText()).toMatch(
    /\+\s*added:\s*- DOMAIN,a\.example,Auto # why/,
  );
  expect(readFileSync(file, 'utf8')).toBe(ownText);
  await shot(page, 'editor-review');
  const before = world.helper.calls.filter(([method]) => method === 'applyConfig').length;
  await review.getByRole('button', { name: 'Keep editing' }).press('Enter');
  await codeOf(page).waitFor();
  await page.getByRole('button', { name: 'Review and save…' }).press('Enter');
  await review.getByRole('button', { name: 'Save and apply' }).press('Enter');
  await page.getByText('home was saved and is in force').waitFor();
  const rule = '  - DOMAIN-SUFFIX,example.com,Auto\n';
  expect(readFileSync(file, 'utf8')).toBe(ownText.replace(rule, `${rule}  - DOMAIN,a.example,Auto # why\n`));
  expect(world.helper.calls.filter(([method]) => method === 'applyConfig').length).toBeGreaterThan(before);
  expect(await page.getByText('Not saved').count()).toBe(0);
});

test('a text that cannot be used is kept only after a question, as not applied, and what is in force stays', async () => {
  const { page, file, world } = await start();
  const applied = () => world.helper.calls.findLast(([method]) => method === 'applyConfig')?.[1];
  const inForce = applied();
  await openText(page);
  await goTo(page, 'MATCH');
  await page.keyboard.press('Enter');
  await page.keyboard.type('broken: [');
  await problemsOf(page).getByText('It cannot be used.').waitFor();
  await page.getByRole('button', { name: 'Review and save…' }).click();
  await page.getByText('What is in force stays. Go back to the text').waitFor();
  expect(await page.getByRole('button', { name: 'Save and apply' }).count()).toBe(0);
  await page.getByRole('button', { name: 'Save without applying…' }).click();
  await page.getByRole('dialog').getByRole('button', { name: 'Save without applying' }).click();
  await page.getByRole('alert').filter({ hasText: 'Not applied' }).first().waitFor();
  expect(readFileSync(file, 'utf8')).toContain('broken: [');
  expect(applied()).toEqual(inForce);
  await shot(page, 'editor-not-applied');
  await page.getByRole('button', { name: 'Profiles', exact: true }).click();
  await page.locator(card('home')).or(page.locator('[data-state=refused]')).getByText('Not applied').first().waitFor();
});

test('unsaved text is there after other pages, and is thrown away only after a question', async () => {
  const { page } = await start();
  await openText(page);
  await goTo(page, 'MATCH');
  await page.keyboard.type(' # kept');
  await openPage(page, 'Connections');
  await page.getByRole('grid').waitFor();
  await openPage(page, 'Profiles');
  await page.locator('.cm-line').filter({ hasText: '# kept' }).waitFor();
  // What can be undone is still known.
  await codeOf(page).press('Control+z');
  await expect.poll(() => page.locator('.cm-line').filter({ hasText: '# kept' }).count()).toBe(0);
  await codeOf(page).press('Control+y');
  await page.getByRole('button', { name: 'Profiles', exact: true }).click();
  await profileMenu(page, 'home', 'Go on editing (not saved)…');
  await page.locator('.cm-line').filter({ hasText: '# kept' }).waitFor();
  await page.getByRole('button', { name: 'Discard…' }).click();
  const question = page.getByRole('dialog', { name: 'Throw away what you have written?' });
  await question.getByRole('button', { name: 'Cancel' }).press('Enter');
  await page.locator('.cm-line').filter({ hasText: '# kept' }).waitFor();
  await page.getByRole('button', { name: 'Discard…' }).click();
  await question.getByRole('button', { name: 'Throw it away' }).click();
  await expect.poll(() => page.locator('.cm-line').filter({ hasText: '# kept' }).count()).toBe(0);
});

test('a file that another program writes meanwhile: neither version is lost', async () => {
  const { page, file } = await start();
  await openText(page);
  await problemsOf(page).getByText('No problems found.').waitFor();
  writeFileSync(file, ownText.replace('# mine', '# newer'));
  await page.evaluate(() => window.dispatchEvent(new Event('focus')));
  await page.getByText('This is the newest version').waitFor();
  await goTo(page, '# newer');
  const lineOf = (text: string) => page.locator('.cm-line').filter({ hasText: text }).waitFor();
  await page.keyboard.type(' and mine');
  await lineOf('# newer and mine');
  writeFileSync(file, ownText.replace('# mine', '# theirs'));
  await page.keyboard.type('!');
  await lineOf('# newer and mine!');
  await page.getByText('Another program has changed this text meanwhile.').waitFor();
  expect(await page.getByRole('button', { name: 'Review and save…' }).isDisabled()).toBe(true);
  await page.getByRole('button', { name: 'Show the other version' }).click();
  expect(await page.getByRole('textbox', { name: 'The version of the other program' }).inputValue()).toContain(
    '# theirs',
  );
  await shot(page, 'editor-conflict');
  await page.getByRole('button', { name: /^Take the other/ }).click();
  await lineOf('# theirs');
  await codeOf(page).press('Control+z');
  await lineOf('# newer and mine!');
  writeFileSync(file, ownText.replace('# mine', '# third'));
  await page.evaluate(() => window.dispatchEvent(new Event('focus')));
  await page.getByRole('button', { name: /^Go on with mine/ }).click();
  await page.getByRole('button', { name: 'Review and save…' }).click();
  const lines = page.getByRole('region', { name: 'Lines' });
  expect(await lines.innerText()).toMatch(/# third[^]*# newer and mine!/);
  await page.getByRole('button', { name: 'Save and apply' }).click();
  await page.getByText('home was saved and is in force').waitFor();
  expect(readFileSync(file, 'utf8')).toBe(ownText.replace('# mine', '# newer and mine!'));
});

test('by keyboard alone: Tab indents, Escape and Tab leave; search, the next problem and back work', async () => {
  const { page } = await start();
  await openText(page);
  await codeOf(page).focus();
  await goTo(page, 'MATCH');
  await page.keyboard.press('Enter');
  await page.keyboard.press('Tab');
  await expect.poll(() => isFocused(codeOf(page))).toBe(true);
  await page.keyboard.press('Escape');
  await page.keyboard.press('Tab');
  await expect.poll(() => isFocused(codeOf(page))).toBe(false);
  await page.keyboard.press('Shift+Tab');
  await expect.poll(() => isFocused(codeOf(page))).toBe(true);
  await page.keyboard.press('Control+f');
  await expect.poll(() => isFocused(page.getByRole('textbox', { name: 'Find' }))).toBe(true);
  await page.keyboard.type('Tokyo');
  await page.keyboard.press('Enter');
  await expect.poll(() => page.locator('.cm-searchMatch-selected').count()).toBe(1);
  await page.keyboard.press('Escape');
  await expect.poll(() => isFocused(codeOf(page))).toBe(true);
  await goTo(page, 'mixed-port');
  await page.keyboard.press('Enter');
  await page.keyboard.type('nope: 1');
  await page.locator('.cm-lintRange').filter({ hasText: 'nope' }).waitFor();
  await page.keyboard.press('Control+Home');
  await page.keyboard.press('F8');
  await page
    .getByText(/is not known/)
    .first()
    .waitFor();
  expect(await codeOf(page).getAttribute('aria-describedby')).toBe('keyboard-help');
});

test('typing does not wait for a check that never ends', async () => {
  const { page, world } = await start();
  const { editing } = world.library;
  let asked = 0;
  editing.try = () => {
    asked += 1;
    return new Promise(() => undefined);
  };
  await openText(page);
  await expect.poll(() => asked).toBe(1);
  await goTo(page, 'MATCH');
  for (const letter of ' # typed all the same') await page.keyboard.type(letter);
  await page.locator('.cm-line').filter({ hasText: '# typed all the same' }).waitFor();
  expect(asked).toBe(1); // one at a time
});
