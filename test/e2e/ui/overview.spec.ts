/** The built renderer in Chromium over a Mirage in memory: what the first page says, and what is said on every page. */
import type { Page } from 'playwright-core';
import { describe, expect, test } from 'vitest';
import { warningOf } from '../../../core/contract/warning-texts.ts';
import { mockWindows, rowsOf, running, type Scenario, shot } from '../../support/mock-window.ts';

const off: Scenario = { rows: 60, tunnel: 'stopped', profile: null };
const { open } = mockWindows();

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
