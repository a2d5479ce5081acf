/** A profile of 2,800 lines and 900 nodes in the editor: how long a key takes to be seen is told, not asserted. */
import { expect, test } from 'vitest';
import { codeOf, editorGround, goTo, openText, problemsOf } from '../../support/editor-ground.ts';
import { mockWindows } from '../../support/mock-window.ts';

const windows = mockWindows();

function largeProfile(): string {
  const nodes = Array.from(
    { length: 900 },
    (_, i) =>
      `  - {name: "node ${i}", type: socks5, server: n${i}.example.com, port: 1080, username: u, password: p${i}}`,
  );
  const groups = Array.from({ length: 20 }, (_, g) => [
    `  - name: G${g}`,
    '    type: select',
    '    proxies:',
    ...Array.from({ length: 30 }, (__, i) => `      - node ${i + g * 30}`),
  ]).flat();
  const rules = Array.from({ length: 1300 }, (_, i) => `  - DOMAIN-SUFFIX,site${i}.example,G${i % 20}`);
  return [
    'mixed-port: 7890',
    'proxies:',
    ...nodes,
    'proxy-groups:',
    ...groups,
    'rules:',
    ...rules,
    '  - MATCH,DIRECT',
    '',
  ].join('\n');
}

test('keys are seen while it is checked; checks are few, and the last one is about what is there', async () => {
  const { page, world } = await editorGround(windows, {}, largeProfile());
  const { editing } = world.library;
  const real = editing.try.bind(editing);
  const checks: number[] = [];
  let last = '';
  editing.try = async (wanted, change, compare) => {
    const begun = performance.now();
    const trial = await real(wanted, change, compare);
    checks.push(performance.now() - begun);
    last = change.text;
    return trial;
  };
  await openText(page);
  await problemsOf(page).getByText('No problems found.').waitFor();
  await goTo(page, 'mixed-port');
  await page.keyboard.press('Enter');
  await page.evaluate(() => {
    const times: number[] = [];
    let pressed = 0;
    window.addEventListener('keydown', () => (pressed = performance.now()), true);
    // After what the key has changed is drawn.
    window.addEventListener('keyup', () => times.push(performance.now() - pressed), true);
    Object.assign(window, { times });
  });
  const typed = '# typed into a long profile, with pauses for a check now and then';
  for (const letter of typed) await page.keyboard.press(letter === ' ' ? 'Space' : letter);
  await page.locator('.cm-line').filter({ hasText: typed }).waitFor();
  await expect.poll(() => last).toContain(typed);
  await problemsOf(page).getByText('No problems found.').waitFor();
  const times = await page.evaluate(() => (window as unknown as { times: number[] }).times.toSorted((a, b) => a - b));
  expect(times).toHaveLength(typed.length);
  expect(checks.length).toBeLessThan(typed.length / 4);
  expect(await codeOf(page).count()).toBe(1);
  const at = (share: number) => (times[Math.floor(times.length * share)] ?? 0).toFixed(1);
  process.stdout.write(
    `a key: median ${at(0.5)} ms, p90 ${at(0.9)} ms, longest ${at(0.999)} ms; ${checks.length} checks, longest ${Math.max(...checks).toFixed(0)} ms\n`,
  );
});
