/** The real window: our page through app://, live data over the bridge, and nothing that a page must not do. */
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import path from 'node:path';
import type { ElectronApplication, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { MirageBridge } from '../../../core/contract/app.ts';
import { artifacts, Desktop } from '../../support/desktop.ts';
import { sampleConnection, sampleMapping } from '../../support/helper-server.ts';
import { root } from '../../support/source-graph.ts';

type PageWindow = Window & { mirage: MirageBridge };

let desktop: Desktop;
let app: ElectronApplication;
let page: Page;
let outside: Server;
let outsideRequests: string[];
let outsideUrl: string;

beforeAll(async () => {
  outsideRequests = [];
  outside = createServer((request, response) => {
    outsideRequests.push(request.url ?? '');
    response.setHeader('access-control-allow-origin', '*');
    response.end('outside');
  });
  await new Promise<void>((resolve) => outside.listen(0, '127.0.0.1', resolve));
  outsideUrl = `http://127.0.0.1:${(outside.address() as AddressInfo).port}`;
  desktop = await Desktop.start();
  desktop.helper.connections.set(sampleConnection.id, sampleConnection);
  desktop.helper.mappings.set(sampleMapping.address, sampleMapping);
  ({ app, page } = await desktop.launch());
});
afterAll(async () => {
  await app?.close();
  await desktop?.[Symbol.asyncDispose]();
  outside?.close();
});

describe('the window', () => {
  test('shows our page through app:// and nothing is missing', async () => {
    expect(page.url()).toMatch(/^app:\/\/mirage\//);
    expect(await page.title()).toContain('Mirage');
    await page.getByText('Enhanced Mode').first().waitFor();
    await page.screenshot({ path: path.join(artifacts, `overview-electron-${desktop.electron.version}.png`) });
  });

  test('is painted in the colour of the theme before the page is there', async () => {
    const colour = await app.evaluate(({ BrowserWindow }) => BrowserWindow.getAllWindows()[0]?.getBackgroundColor());
    expect(colour?.toLowerCase()).toMatch(/^#(f1f2f3|15181a)$/);
  });

  test('shows a connection by name, live', async () => {
    await page
      .getByRole('link', { name: /connections/i })
      .or(page.getByText('Connections', { exact: true }))
      .first()
      .click();
    await page.getByText('www.hidden.example').first().waitFor();
    desktop.helper.connections.set('f2', {
      ...sampleConnection,
      id: 'f2',
      destination: { host: 'second.hidden.example', port: 80 },
    });
    await page.getByText('second.hidden.example').first().waitFor();
    await page.screenshot({ path: path.join(artifacts, `connections-electron-${desktop.electron.version}.png`) });
  });
});

test('mouse and keys do in the table what they do in a browser', async () => {
  await page.getByRole('link', { name: /connections/i }).click();
  const grid = page.getByRole('grid');
  const header = (name: string) => grid.getByRole('columnheader', { name });
  const boxOf = async (name: string) => (await header(name).boundingBox()) ?? { x: 0, y: 0, width: 0, height: 0 };
  const drag = async (from: { x: number; y: number }, by: number) => {
    await page.mouse.move(from.x, from.y);
    await page.mouse.down();
    await page.mouse.move(from.x + by, from.y, { steps: 8 });
    await page.mouse.up();
  };
  const host = await boxOf('Host');
  await drag({ x: host.x + host.width, y: host.y + 10 }, -40);
  expect(Math.abs((await boxOf('Host')).width - host.width + 40)).toBeLessThan(3);
  const { x, y } = await boxOf('Host');
  await drag({ x: x + 30, y: y + 10 }, (await boxOf('Process')).x - x);
  expect((await grid.getByRole('columnheader').allInnerTexts()).slice(0, 2)).toEqual(['Host', 'Process']);
  const rows = grid.locator('[role=row][data-key]');
  await rows.nth(0).click({ modifiers: ['Control'] });
  await rows.nth(1).click({ modifiers: ['Shift'] });
  expect(await grid.locator('[aria-selected=true]').count()).toBe(2);
  await rows.nth(1).click({ button: 'right' });
  await page.getByRole('menu').waitFor();
  await page.keyboard.press('Escape');
  await expect.poll(() => page.getByRole('menu').count()).toBe(0);
  await grid.focus();
  await page.keyboard.press('Home');
  await page.keyboard.press('Enter');
  await page.getByRole('complementary').waitFor();
  await page.keyboard.press('Escape');
  await expect.poll(() => page.getByRole('complementary').count()).toBe(0);
});

describe('the bridge', () => {
  const call = (method: string, params: unknown) =>
    page.evaluate(
      ([name, value]) =>
        (window as unknown as PageWindow).mirage.call(name as never, value as never).then(
          (result) => ({ result }),
          (error: unknown) => ({ error }),
        ),
      [method, params],
    );

  test('is exactly the contract', async () => {
    const shape = await page.evaluate(() =>
      Object.entries((window as unknown as PageWindow).mirage).map(([name, value]) => `${name}: ${typeof value}`),
    );
    expect(shape.sort()).toEqual(['call: function', 'on: function', 'subscribe: function']);
  });

  test('calls reach the helper; answers and errors come back as data', async () => {
    expect(await call('testRule', { host: 'a.example', port: 443, network: 'tcp' })).toMatchObject({
      result: { host: 'a.example', chain: ['DIRECT'] },
    });
    expect(await call('getAppInfo', {})).toMatchObject({ result: { home: 'electron', profile: null } });
    expect(await call('setEnhanced', { on: 'yes' })).toMatchObject({ error: { code: 'RPC_BAD_PARAMS' } });
    expect(await call('applyConfig', { config: {} })).toMatchObject({ error: { code: 'RPC_UNKNOWN_METHOD' } });
    desktop.helper.startError = { code: 'TUN_UNAVAILABLE', message: 'no /dev/net/tun', expected: 'modprobe tun' };
    expect(await call('setEnhanced', { on: true })).toEqual({ error: desktop.helper.startError });
    desktop.helper.startError = undefined;
  });

  test('events begin with the present and go on; a subscription ends when told to', async () => {
    const seen = await page.evaluate(async () => {
      const { mirage } = window as unknown as PageWindow;
      const links: string[] = [];
      const batches: unknown[] = [];
      const stopLink = mirage.on('link', (link) => links.push(link.kind));
      const refusals: unknown[] = [];
      const stop = mirage.subscribe(
        'mappings',
        {},
        (batch) => batches.push(batch),
        (error) => refusals.push(error),
      );
      for (let waited = 0; batches.length === 0 && waited < 60_000; waited += 50) {
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
      stop();
      stopLink();
      return { links, batches, refusals };
    });
    expect(seen.links).toEqual(['connected']);
    expect(seen.refusals).toEqual([]);
    expect(seen.batches).toMatchObject([{ reset: true, total: 1, rows: [{ name: 'www.hidden.example' }] }]);
  });

  test('a helper that goes away and comes back is seen, and its tables are drawn anew', async () => {
    const seen = await page.evaluateHandle(() => {
      const kinds: string[] = [];
      (window as unknown as PageWindow).mirage.on('link', (link) => {
        // It may fail for one reason, and then for another.
        if (kinds.at(-1) !== link.kind) kinds.push(link.kind);
      });
      return kinds;
    });
    const isSeen = (...kinds: string[]) => expect.poll(() => seen.jsonValue()).toEqual(kinds);
    await isSeen('connected');
    await desktop.helper.stop();
    await isSeen('connected', 'failed');
    await desktop.helper.start();
    await isSeen('connected', 'failed', 'connected');
    await page.getByText('second.hidden.example').first().waitFor();
  });
});

describe('hardening', () => {
  test('the page has no Node and the window its sandbox', async () => {
    const present = await page.evaluate(() =>
      ['require', 'process', 'module', 'Buffer', 'global', 'ipcRenderer', 'electron'].filter((name) => name in window),
    );
    expect(present).toEqual([]);
    const preferences = await app.evaluate(({ BrowserWindow }) => {
      const contents = BrowserWindow.getAllWindows()[0]?.webContents;
      return (contents as unknown as { getLastWebPreferences(): Record<string, unknown> }).getLastWebPreferences();
    });
    expect(preferences).toMatchObject({
      sandbox: true,
      contextIsolation: true,
      nodeIntegration: false,
      webviewTag: false,
    });
  });

  test('no request leaves: fetch, image, WebSocket, beacon, frame, form', async () => {
    const outcome = await page.evaluate(async (url) => {
      const fetched = await fetch(`${url}/fetch`).then(
        () => 'answered',
        () => 'refused',
      );
      const image = await new Promise((resolve) => {
        const element = new Image();
        element.addEventListener('load', () => resolve('loaded'));
        element.addEventListener('error', () => resolve('refused'));
        element.src = `${url}/image`;
      });
      const socket = await new Promise((resolve) => {
        try {
          const opened = new WebSocket(url.replace('http', 'ws'));
          opened.addEventListener('open', () => resolve('open'));
          opened.addEventListener('error', () => resolve('refused'));
        } catch {
          resolve('refused');
        }
      });
      navigator.sendBeacon(`${url}/beacon`);
      const frame = document.createElement('iframe');
      frame.src = `${url}/frame`;
      document.body.append(frame);
      const form = document.createElement('form');
      form.action = `${url}/form`;
      document.body.append(form);
      form.submit();
      await new Promise((resolve) => setTimeout(resolve, 500));
      frame.remove();
      form.remove();
      return { fetched, image, socket };
    }, outsideUrl);
    expect(outcome).toEqual({ fetched: 'refused', image: 'refused', socket: 'refused' });
    expect(outsideRequests).toEqual([]);
    expect(page.url()).toMatch(/^app:\/\/mirage\//);
  });

  test('even without the policy of the page the session lets no request out', async () => {
    const answer = await app.evaluate(async ({ net, session }, url) => {
      const viaSession = await new Promise<string>((resolve) => {
        const request = net.request({ url, session: session.defaultSession });
        request.on('response', () => resolve('answered'));
        request.on('error', (error) => resolve(error.message));
        request.end();
      });
      return viaSession;
    }, outsideUrl);
    expect(answer).toContain('ERR_BLOCKED_BY_CLIENT');
    expect(outsideRequests).toEqual([]);
  });

  test('navigation and new windows are denied', async () => {
    const before = page.url();
    const opened = await page.evaluate((url) => {
      const result = window.open(url) === null;
      window.location.href = url;
      return result;
    }, `${outsideUrl}/navigate`);
    expect(opened).toBe(true);
    await page.waitForTimeout(500);
    expect(page.url()).toBe(before);
    expect(app.windows()).toHaveLength(1);
    expect(outsideRequests).toEqual([]);
  });

  test('text cannot become code', async () => {
    // As source text: what Playwright evaluates itself is exempt from the policy, what it leaves behind is not.
    await page.evaluate(`
      setTimeout("window.fromTimer = true");
      const script = document.createElement('script');
      script.textContent = 'window.fromScript = true';
      const button = document.createElement('button');
      button.setAttribute('onclick', 'window.fromAttribute = true');
      document.body.append(script, button);
      button.click();
      script.remove();
      button.remove();
    `);
    await page.waitForTimeout(100);
    const injected = await page.evaluate(() =>
      ['fromTimer', 'fromScript', 'fromAttribute'].filter((name) => name in window),
    );
    expect(injected).toEqual([]);
  });

  test('of all permissions only copying text is granted', async () => {
    const outcome = await page.evaluate(async () => {
      const tell = (work: Promise<unknown>) =>
        work.then(
          () => 'granted',
          () => 'denied',
        );
      return {
        notifications: await Notification.requestPermission(),
        geolocation: await tell(
          new Promise((resolve, reject) => {
            navigator.geolocation.getCurrentPosition(resolve, reject, { timeout: 15_000 });
          }),
        ),
        camera: await tell(navigator.mediaDevices.getUserMedia({ video: true })),
        clipboardRead: await tell(navigator.clipboard.readText()),
        midi: await tell(navigator.requestMIDIAccess({ sysex: true })),
      };
    });
    expect(outcome).toEqual({
      notifications: 'denied',
      geolocation: 'denied',
      camera: 'denied',
      clipboardRead: 'denied',
      midi: 'denied',
    });
    await app.evaluate(({ BrowserWindow }) => BrowserWindow.getAllWindows()[0]?.focus());
    await page.evaluate(() => navigator.clipboard.writeText('198.18.0.7'));
    expect(await app.evaluate(({ clipboard }) => clipboard.readText())).toBe('198.18.0.7');
  });

  test('another window with the same preload script gets no answer', async () => {
    const error = await app.evaluate(
      async ({ BrowserWindow }, preload) => {
        const stranger = new BrowserWindow({ show: false, webPreferences: { preload, sandbox: true } });
        await stranger.loadURL('app://mirage/').catch(() => undefined);
        const caught: unknown = await stranger.webContents.executeJavaScript(
          'window.mirage.call("getSnapshot", {}).then(() => "answered", (error) => error.code)',
        );
        stranger.destroy();
        return caught;
      },
      path.join(root, 'dist/electron/preload.cjs'),
    );
    expect(error).toBe('HELPER_NOT_ALLOWED');
  });

  test('app:// has no other host and nothing outside the build', async () => {
    const status = (url: string) =>
      app.evaluate(async ({ session }, wanted) => {
        const answer = await session.defaultSession.fetch(wanted).catch((error: unknown) => String(error));
        return typeof answer === 'string' ? answer : answer.status;
      }, url);
    expect(await status('app://mirage/index.html')).toBe(200);
    expect(await status('app://mirage/../electron/main.cjs')).toBe(404);
    expect(await status('app://mirage/%2e%2e/electron/main.cjs')).toBe(404);
    expect(await status('app://other/index.html')).not.toBe(200);
  });
});
