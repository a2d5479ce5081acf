/** Importing a profile in the window, over a Mirage in memory: whatever is handed over, in whatever way. */
import path from 'node:path';
import type { Page } from 'playwright-core';
import encodeQR from 'qr';
import { describe, expect, test } from 'vitest';
import { isFocused, mockWindows, type Scenario, shot } from '../../support/mock-window.ts';
import { root } from '../../support/source-graph.ts';

const one = {
  id: 'home',
  name: 'home',
  source: { kind: 'file', path: '/home/mira/home.yaml' },
  active: true,
} as const;
const scenario: Scenario = { rows: 20, tunnel: 'running', profiles: [one] };
const { open } = mockWindows();

const link = 'ss://YWVzLTEyOC1nY206c2VjcmV0@192.0.2.1:8388#HK';
const yaml = "proxies: [{ name: A, type: socks5, server: 192.0.2.1, port: 1080 }]\nrules: ['MATCH,A']\n";
const callsOf = (calls: readonly [string, unknown][], method: string) =>
  calls.filter(([called]) => called === method).map(([, params]) => params);

const dialogOf = (page: Page) => page.getByRole('dialog');
const profiles = async (page: Page) => {
  await page
    .getByRole('navigation')
    .getByRole('link', { name: /^(Profiles|配置)$/ })
    .click();
};
const openDialog = async (page: Page) => {
  await profiles(page);
  await page.getByRole('button', { name: 'Import…' }).click();
  await dialogOf(page).waitFor();
};

/** A drop, or a paste, of a file or a text, as a browser tells it. */
async function hand(
  page: Page,
  kind: 'drop' | 'paste',
  what: { text?: string; uri?: string; file?: { name: string; type: string; bytes: number[] } },
  selector = 'main',
): Promise<void> {
  await page.evaluate(
    ([how, given, where]) => {
      const data = new DataTransfer();
      if (given.text !== undefined) data.setData('text/plain', given.text);
      if (given.uri !== undefined) data.setData('text/uri-list', given.uri);
      if (given.file !== undefined) {
        const { name, type, bytes } = given.file;
        data.items.add(new File([new Uint8Array(bytes)], name, { type }));
      }
      const target = document.querySelector(where) ?? document.body;
      const init = { bubbles: true, cancelable: true };
      if (how === 'paste') {
        target.dispatchEvent(new ClipboardEvent('paste', { ...init, clipboardData: data }));
        return;
      }
      target.dispatchEvent(new DragEvent('dragover', { ...init, dataTransfer: data }));
      target.dispatchEvent(new DragEvent('drop', { ...init, dataTransfer: data }));
    },
    [kind, what, selector] as const,
  );
}

/** A PNG of a QR code, drawn by the page. */
async function picture(page: Page, text: string | undefined): Promise<number[]> {
  const bits = text === undefined ? [[false]] : encodeQR(text, 'raw', { border: 4 });
  return await page.evaluate(async (rows) => {
    const scale = rows.length === 1 ? 100 : 5;
    const canvas = new OffscreenCanvas(rows.length * scale, rows.length * scale);
    const context = canvas.getContext('2d');
    if (context === null) throw new Error('no canvas');
    context.fillStyle = '#fff';
    context.fillRect(0, 0, canvas.width, canvas.height);
    context.fillStyle = '#222';
    for (const [y, row] of rows.entries())
      for (const [x, dark] of row.entries()) if (dark) context.fillRect(x * scale, y * scale, scale, scale);
    const blob = await canvas.convertToBlob({ type: 'image/png' });
    return [...new Uint8Array(await blob.arrayBuffer())];
  }, bits);
}

test('by address, with the keyboard alone: recognised, named, imported, in use', async () => {
  const { page, mock } = await open(scenario);
  await profiles(page);
  await page.getByRole('button', { name: 'Import…' }).focus();
  await page.keyboard.press('Enter');
  expect(await isFocused(page.getByRole('textbox', { name: 'Address, links or text' }))).toBe(true);
  await page.keyboard.type('https://sub.example/api?token=1');
  await page.getByText('The address of a subscription at sub.example').waitFor();
  await page.keyboard.press('Enter');
  await page.getByRole('status').filter({ hasText: 'From the server is in use' }).waitFor();
  expect(callsOf(mock.bridge.calls, 'addProfile')).toEqual([
    { from: { kind: 'url', url: 'https://sub.example/api?token=1' } },
  ]);
  await expect.poll(() => dialogOf(page).count()).toBe(0);
  expect(await isFocused(page.getByRole('button', { name: 'Import…' }))).toBe(true);
  const card = page.locator('[data-profile=mock1]');
  expect(await card.innerText()).toMatch(/In use[^]*updated .* next look in/);
  expect(await card.innerText()).not.toContain('token');
});

test('an address that is not encrypted says so; a download is stopped, and nothing is added', async () => {
  const { page, mock } = await open({ ...scenario, downloads: 'endless' });
  await openDialog(page);
  await page.getByRole('textbox', { name: 'Address, links or text' }).fill('http://192.0.2.1/a.yaml');
  await page.getByText('not encrypted').waitFor();
  await page.getByRole('textbox', { name: 'Name' }).fill('Mine');
  await page.getByRole('button', { name: 'Import', exact: true }).click();
  await page.getByRole('progressbar', { name: /Downloading the profile: .* of 240 kB/ }).waitFor();
  await page.getByRole('button', { name: 'Stop the download' }).click();
  await dialogOf(page).getByText('DOWNLOAD_STOPPED').waitFor();
  expect(callsOf(mock.bridge.calls, 'addProfile')).toEqual([
    { from: { kind: 'url', url: 'http://192.0.2.1/a.yaml' }, name: 'Mine' },
  ]);
  await page.keyboard.press('Escape');
  expect(await page.locator('[data-profile]').count()).toBe(1);
});

test('what cannot be had is said with code and action, in the dialog', async () => {
  const { page } = await open({
    ...scenario,
    downloads: { code: 'DOWNLOAD_STATUS', message: 'the server answered 404' },
  });
  await openDialog(page);
  await page.getByRole('textbox', { name: 'Address, links or text' }).fill('https://sub.example/x');
  await page.getByRole('button', { name: 'Import', exact: true }).click();
  await dialogOf(page).getByText('DOWNLOAD_STATUS').waitFor();
  expect(await page.locator('[data-profile]').count()).toBe(1);
});

test('links: how many, which, and how many are not understood; not used at once if that is not wanted', async () => {
  const { page, mock } = await open(scenario);
  await openDialog(page);
  await page
    .getByRole('textbox', { name: 'Address, links or text' })
    .fill(`${link}\nsocks5://192.0.2.2:1080#JP\nnothing://x`);
  await page.getByText('2 proxies').waitFor();
  await page.getByText('HK (ss) · JP (socks5)').waitFor();
  await page.getByText('1 link is not understood').waitFor();
  await page.getByRole('checkbox').uncheck();
  await page.getByRole('button', { name: 'Import', exact: true }).click();
  await page.getByRole('status').filter({ hasText: 'HK is in the list' }).waitFor();
  expect(callsOf(mock.bridge.calls, 'useProfile')).toEqual([]);
});

describe('a profile as a text', () => {
  test('pasted on the page: the dialog opens with it; a long one is shown as a file is', async () => {
    const { page, mock } = await open(scenario);
    await profiles(page);
    await hand(page, 'paste', { text: yaml });
    await page.getByText('Proxies: 1 · groups: 0 · rules: 1').waitFor();
    const long = `${yaml}# ${'x'.repeat(5000)}\n`;
    await hand(page, 'paste', { text: long }, 'textarea');
    await dialogOf(page).getByText('Pasted text').waitFor();
    await page.getByRole('textbox', { name: 'Name' }).fill('pasted');
    await page.getByRole('button', { name: 'Import', exact: true }).click();
    await page.getByRole('status').filter({ hasText: 'pasted is in use' }).waitFor();
    expect(callsOf(mock.bridge.calls, 'addProfile')).toEqual([{ from: { kind: 'text', text: long }, name: 'pasted' }]);
  });

  test('with a mistake: it says so with the line, and cannot be imported', async () => {
    const { page } = await open(scenario);
    await openDialog(page);
    await hand(page, 'paste', { text: 'mixed-port: 7890\nrules: nonsense\n' }, 'textarea');
    await page.getByText('It cannot be used as a profile').waitFor();
    await dialogOf(page).getByText('line 2, column 8').first().waitFor();
    expect(await page.getByRole('button', { name: 'Import', exact: true }).isDisabled()).toBe(true);
  });
});

describe('files', () => {
  test('chosen in the dialog for files of the browser', async () => {
    const { page, mock } = await open(scenario);
    await openDialog(page);
    const chooser = page.waitForEvent('filechooser');
    await page.getByRole('button', { name: 'Choose a file…' }).click();
    await (await chooser).setFiles(path.join(root, 'build/examples/profile.yaml'));
    await page.getByText('A copy is kept').waitFor();
    expect(await page.getByRole('textbox', { name: 'Name' }).inputValue()).toBe('profile');
    await page.getByRole('button', { name: 'Import', exact: true }).click();
    await page.getByRole('status').filter({ hasText: 'profile is in use' }).waitFor();
    expect(callsOf(mock.bridge.calls, 'addProfile')).toEqual([
      { from: { kind: 'text', text: expect.stringContaining('rules') }, name: 'profile' },
    ]);
  });

  test('dropped anywhere: YAML, UTF-16 with a mark, a picture with a QR code, one without, neither', async () => {
    const { page } = await open(scenario);
    await page.getByRole('navigation').getByRole('link', { name: 'Rules' }).click();
    const file = (name: string, bytes: Iterable<number>) => ({ file: { name, type: '', bytes: [...bytes] } });
    await hand(page, 'drop', file('mine.yml', Buffer.from(yaml)));
    await dialogOf(page).getByText('mine.yml').waitFor();
    await page.getByText('A profile', { exact: true }).waitFor();
    await hand(page, 'drop', file('wide.yaml', [0xff, 0xfe, ...Buffer.from(yaml, 'utf16le')]));
    await dialogOf(page).getByText('wide.yaml').waitFor();
    await page.getByText('Proxies: 1').waitFor();
    await hand(page, 'drop', file('code.png', await picture(page, 'https://sub.example/香港?x=1')));
    await page.getByText('The address of a subscription at sub.example').waitFor();
    await hand(page, 'drop', file('node.png', await picture(page, link)));
    await page.getByText('HK (ss)').waitFor();
    await hand(page, 'drop', file('blank.png', await picture(page, undefined)));
    await page.getByText('No QR code was found').waitFor();
    await hand(page, 'drop', file('cut.png', (await picture(page, link)).slice(0, 60)));
    await page.getByText('The picture cannot be read').waitFor();
    await hand(page, 'drop', file('zip', [0x50, 0x4b, 3, 4, 0, 0, 0xff]));
    await page.getByText('neither a text nor a picture').waitFor();
    expect(await page.getByRole('button', { name: 'Import', exact: true }).isDisabled()).toBe(true);
  });

  test('too large a file is not read', async () => {
    const { page } = await open(scenario);
    await profiles(page);
    await page.evaluate(() => {
      const data = new DataTransfer();
      data.items.add(new File([new Uint8Array(8 * 1024 * 1024 + 1)], 'huge.yaml'));
      document.body.dispatchEvent(new DragEvent('drop', { bubbles: true, cancelable: true, dataTransfer: data }));
    });
    await page.getByText('at most 8 MiB').waitFor();
  });

  test('a link that is dropped is imported, and the page stays', async () => {
    const { page } = await open(scenario);
    await hand(page, 'drop', { uri: '# a comment\r\nhttps://sub.example/x\r\n', text: 'Subscribe' });
    await page.getByText('The address of a subscription at sub.example').waitFor();
    await hand(
      page,
      'drop',
      { text: 'clash://install-config?url=https%3A%2F%2Fother.example%2Fx&name=Other' },
      'dialog h2',
    );
    expect(await page.getByText('other.example').count()).toBe(0); // over a dialog only files are taken
    await page.keyboard.press('Escape');
    await hand(page, 'drop', { text: 'clash://install-config?url=https%3A%2F%2Fother.example%2Fx&name=Other' });
    await page.getByText('The address of a subscription at other.example').waitFor();
    expect(await page.getByRole('textbox', { name: 'Name' }).inputValue()).toBe('Other');
  });
});

describe('a link from outside', () => {
  const offer = {
    url: 'https://evil.example/x?key=s3cret',
    host: 'evil.example',
    path: '/x',
    hidden: true,
    name: 'Free',
  };

  test('asks, names the host, and nothing is fetched before the answer; Enter does not say yes', async () => {
    const { page, mock } = await open(scenario);
    await profiles(page);
    mock.bridge.profiles.propose(offer);
    await page.getByText('It comes from evil.example').waitFor();
    expect(await dialogOf(page).innerText()).toMatch(/https:\/\/evil\.example\/x\?…\s+The address goes on with/);
    expect(await dialogOf(page).innerHTML()).not.toContain('s3cret');
    expect(await isFocused(page.getByRole('button', { name: 'Do not add it' }))).toBe(true);
    await page.keyboard.press('Enter');
    await expect.poll(() => dialogOf(page).count()).toBe(0);
    expect(callsOf(mock.bridge.calls, 'dismissOffer')).toEqual([{ url: offer.url }]);
    expect(callsOf(mock.bridge.calls, 'addProfile')).toEqual([]);
    mock.bridge.profiles.propose(offer);
    await page.getByRole('button', { name: 'Import', exact: true }).click();
    await page.getByRole('status').filter({ hasText: 'Free is in use' }).waitFor();
    expect(callsOf(mock.bridge.calls, 'addProfile')).toEqual([{ from: { kind: 'url', url: offer.url }, name: 'Free' }]);
  });

  test('answered in another window, the question goes', async () => {
    const { page, mock } = await open(scenario);
    await profiles(page);
    mock.bridge.profiles.propose(offer);
    await dialogOf(page).waitFor();
    mock.bridge.profiles.propose(undefined);
    await expect.poll(() => dialogOf(page).count()).toBe(0);
    expect(callsOf(mock.bridge.calls, 'dismissOffer')).toEqual([]);
  });

  test('the next one comes after the answer, as a question of its own: a click meant for the first is none to it', async () => {
    const { page, mock } = await open(scenario);
    await profiles(page);
    mock.bridge.profiles.propose(offer, 1);
    await page.getByText('1 further link waits for your answer').waitFor();
    await page.getByRole('button', { name: 'Import', exact: true }).focus();
    mock.bridge.profiles.propose({ url: 'https://b.example/', host: 'b.example', path: '/', hidden: false });
    await page.getByText('It comes from b.example').waitFor();
    await expect.poll(() => isFocused(page.getByRole('button', { name: 'Do not add it' }))).toBe(true);
    await page.getByRole('button', { name: 'Import', exact: true, disabled: false }).waitFor();
    expect(callsOf(mock.bridge.calls, 'addProfile')).toEqual([]);
    expect(callsOf(mock.bridge.calls, 'dismissOffer')).toEqual([]);
    await page.keyboard.press('Escape');
    await expect.poll(() => callsOf(mock.bridge.calls, 'dismissOffer')).toEqual([{ url: 'https://b.example/' }]);
  });
});

test.each([
  [420, 'zh-CN', 'dark'],
  [900, 'en-US', 'light'],
] as const)('the dialog fits %i px (%s, %s)', async (width, language, theme) => {
  const { page, mock } = await open(scenario, { width, language, theme });
  await profiles(page);
  await hand(page, 'paste', { text: `${link}\nnothing://x` });
  await dialogOf(page)
    .getByText(/HK \(ss\)/)
    .waitFor();
  await shot(page, `import-${width}-${language}-${theme}`);
  expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(width);
  await page.keyboard.press('Escape');
  mock.bridge.profiles.propose({
    url: `https://${'long-label.'.repeat(8)}example/${'x'.repeat(200)}?k=1`,
    host: `${'long-label.'.repeat(8)}example`,
    path: `/${'x'.repeat(200)}`,
    hidden: true,
  });
  await dialogOf(page)
    .getByText(/long-label/)
    .first()
    .waitFor();
  await shot(page, `offer-${width}-${language}-${theme}`);
  const box = await dialogOf(page).boundingBox();
  expect((box?.x ?? -1) >= 0 && (box?.width ?? 0) <= width).toBe(true);
});
