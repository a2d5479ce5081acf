/** The tray as a desktop shows it: read and clicked over the message bus by a host of our own. */
import { once } from 'node:events';
import path from 'node:path';
import type { ElectronApplication, Page } from 'playwright-core';
import { afterEach, describe, expect, test } from 'vitest';
import { artifacts, Desktop, type DesktopOptions, type TrayHost } from '../../support/desktop.ts';

let desktop: Desktop | undefined;

afterEach(async () => {
  await desktop?.[Symbol.asyncDispose]();
  desktop = undefined;
});

interface Started {
  app: ElectronApplication;
  page: Page;
  tray: TrayHost;
  desktop: Desktop;
}

async function withTray(options: DesktopOptions = {}, ...args: string[]): Promise<Started> {
  const started = await Desktop.start({ tray: true, ...options });
  desktop = started;
  const { app, page } = await started.launch(...args);
  const { tray } = started;
  if (tray === undefined) throw new Error('no tray');
  await expect.poll(() => tray.items()).toHaveLength(1);
  return { app, page, tray, desktop: started };
}

const exitOf = (app: ElectronApplication) => once(app.process(), 'exit');
const visible = (app: ElectronApplication) =>
  app.evaluate(({ BrowserWindow }) => BrowserWindow.getAllWindows().map((window) => window.isVisible()));
const closeWindow = (app: ElectronApplication) =>
  app.evaluate(({ BrowserWindow }) => BrowserWindow.getAllWindows()[0]?.close());
/** Answers every question with this button from now on; the result tells what was asked since. Native dialogs have no other hand. */
const answering = async (app: ElectronApplication, button: number) => {
  await app.evaluate(({ dialog }, response) => {
    const asked: string[] = [];
    Object.assign(globalThis, { asked });
    dialog.showMessageBox = (...args: unknown[]) => {
      const { message, detail } = args.at(-1) as { message: string; detail?: string };
      asked.push(`${message} ${detail ?? ''}`);
      return Promise.resolve({ response, checkboxChecked: false });
    };
  }, button);
  return () => app.evaluate(() => (globalThis as unknown as { asked: string[] }).asked);
};
const labels = async (tray: TrayHost) => (await tray.menu()).map((entry) => entry.label || '-');

describe('the menu', () => {
  test('turns Enhanced Mode on and off; icon, line and tooltip follow', async () => {
    const {
      app,
      tray,
      desktop: { helper },
    } = await withTray();
    await expect
      .poll(() => labels(tray))
      .toEqual([
        'Enhanced Mode is off',
        'Enhanced Mode',
        '-',
        'Mode',
        '-',
        'Open Mirage',
        'Restore network',
        '-',
        'Quit',
      ]);
    const off = await tray.entry('Enhanced Mode');
    expect(off).toMatchObject({ type: 'checkmark', enabled: true, checked: false });
    const [red, green, blue] = await tray.iconColour();
    expect(Math.max(red, green, blue) - Math.min(red, green, blue)).toBeLessThan(30);

    await tray.click('Enhanced Mode');
    await expect.poll(() => labels(tray)).toContain('Enhanced Mode is on');
    expect(helper.asked).toContainEqual(['setEnhanced', { on: true, mode: 'session' }]);
    expect((await tray.entry('Enhanced Mode')).checked).toBe(true);
    expect((await tray.item()).tooltip).toBe('Mirage: Enhanced Mode is on');
    const onColour = await tray.iconColour();
    expect(onColour[2] - onColour[0]).toBeGreaterThan(80);

    await tray.click('Enhanced Mode');
    await expect.poll(() => labels(tray)).toContain('Enhanced Mode is off');
    expect(helper.snapshot.tunnel.kind).toBe('stopped');
    await app.close();
  });

  test('a start that fails falls back and says why', async () => {
    const {
      app,
      tray,
      desktop: { helper },
    } = await withTray();
    helper.startError = { code: 'TUN_UNAVAILABLE', message: 'there is no /dev/net/tun' };
    await expect.poll(() => labels(tray)).toContain('Enhanced Mode is off');
    await tray.click('Enhanced Mode');
    await expect.poll(() => labels(tray)).toContain('Failed: there is no /dev/net/tun');
    expect((await tray.entry('Enhanced Mode')).checked).toBe(false);
    const [red, , blue] = await tray.iconColour();
    expect(red - blue).toBeGreaterThan(15);
    await app.close();
  });

  test('without a helper it says so, and there is nothing to click but window and end', async () => {
    const {
      app,
      tray,
      desktop: { helper },
    } = await withTray();
    await helper.stop();
    await expect.poll(() => labels(tray)).toContainEqual(expect.stringContaining('Helper not reached'));
    const enabled = (await tray.menu())
      .filter((entry) => entry.enabled && entry.label !== '')
      .map((entry) => entry.label);
    expect(enabled).toEqual(['Open Mirage', 'Restore network', 'Quit']);
    // The way out needs no helper: it is named, to be copied.
    const asked = await answering(app, 0);
    await tray.click('Restore network');
    await expect.poll(asked).toEqual([expect.stringMatching(/cannot be reached[^]*--restore/)]);
    await helper.start();
    await expect.poll(() => labels(tray)).toContain('Enhanced Mode is off');
    await app.close();
  });

  test('Restore asks the person, then the helper', async () => {
    const {
      app,
      tray,
      desktop: { helper },
    } = await withTray();
    await expect.poll(async () => (await tray.entry('Restore network')).enabled).toBe(true);
    const declined = await answering(app, 1);
    await tray.click('Restore network');
    await expect.poll(declined).toEqual([expect.stringContaining('Restore the network?')]);
    expect(helper.asked).not.toContainEqual(['restore', {}]);
    await answering(app, 0);
    await tray.click('Restore network');
    await expect.poll(() => helper.asked).toContainEqual(['restore', {}]);
    await app.close();
  });

  test('Quit turns the session off, then the program ends', async () => {
    const {
      app,
      tray,
      desktop: { helper },
    } = await withTray({}, '--enhanced');
    await expect.poll(() => labels(tray)).toContain('Enhanced Mode is on');
    const exit = exitOf(app);
    await tray.click('Quit');
    expect(await exit).toEqual([0, null]);
    expect(helper.asked.at(-1)).toEqual(['setEnhanced', { on: false, mode: 'session' }]);
    expect(helper.snapshot.tunnel.kind).toBe('stopped');
    expect(await tray.items()).toEqual([]);
  });

  test('speaks Chinese to a Chinese system', async () => {
    const { app, page, tray } = await withTray({ env: { LANG: 'zh_CN.UTF-8', LANGUAGE: 'zh_CN' } }, '--lang=zh-CN');
    await expect
      .poll(() => labels(tray))
      .toEqual(['增强模式已关闭', '增强模式', '-', '代理模式', '-', '打开 Mirage', '恢复网络', '-', '退出']);
    await page.screenshot({ path: path.join(artifacts, 'overview-zh-CN.png') });
    // What the window is told to speak, the tray speaks too, and remembers.
    await page.getByRole('link', { name: '设置' }).click();
    await page.getByRole('radio', { name: 'English' }).click();
    await expect.poll(() => labels(tray)).toContain('Restore network');
    await app.close();
  });
});

describe('closing the window', () => {
  test('hides it where there is a tray; the icon and the menu bring it back', async () => {
    const { app, tray } = await withTray();
    await closeWindow(app);
    await expect.poll(() => visible(app)).toEqual([false]);
    await tray.activate();
    await expect.poll(() => visible(app)).toEqual([true]);
    await closeWindow(app);
    await expect.poll(() => visible(app)).toEqual([false]);
    await tray.click('Open Mirage');
    await expect.poll(() => visible(app)).toEqual([true]);
    await app.close();
  });

  test('ends the app, and its session, where there is none, but not without a question', async () => {
    desktop = await Desktop.start();
    const { helper } = desktop;
    const { app } = await desktop.launch('--enhanced');
    await expect.poll(() => helper.snapshot.tunnel.kind).toBe('running');
    const exit = exitOf(app);
    for (const button of [2, 1]) {
      const asked = await answering(app, button);
      await closeWindow(app);
      await expect.poll(asked).toEqual([expect.stringContaining('turn Enhanced Mode off?')]);
      expect(helper.snapshot.tunnel.kind).toBe('running');
    }
    await answering(app, 0);
    await closeWindow(app);
    expect(await exit).toEqual([0, null]);
    expect(helper.snapshot.tunnel.kind).toBe('stopped');
  });
});

describe('the program', () => {
  test('a second one shows the first and ends', async () => {
    const { app, desktop: started } = await withTray();
    await closeWindow(app);
    await expect.poll(() => visible(app)).toEqual([false]);
    const second = started.spawnApp({});
    expect(await once(second, 'exit')).toEqual([0, null]);
    await expect.poll(() => visible(app)).toEqual([true]);
    await app.close();
  });

  test('SIGTERM turns the session off', async () => {
    desktop = await Desktop.start();
    const { helper } = desktop;
    const child = desktop.spawnApp({}, '--enhanced');
    await expect.poll(() => helper.snapshot.tunnel.kind).toBe('running');
    child.kill('SIGTERM');
    expect(await once(child, 'exit')).toEqual([0, null]);
    expect(helper.snapshot.tunnel.kind).toBe('stopped');
  });

  test('the window is where and as large as it was left', async () => {
    desktop = await Desktop.start();
    const first = await desktop.launch();
    const wanted = { x: 120, y: 90, width: 1000, height: 640 };
    await first.app.evaluate(
      ({ BrowserWindow }, bounds) => BrowserWindow.getAllWindows()[0]?.setBounds(bounds),
      wanted,
    );
    const exit = exitOf(first.app);
    await closeWindow(first.app);
    await exit;
    const second = await desktop.launch();
    const bounds = await second.app.evaluate(({ BrowserWindow }) => BrowserWindow.getAllWindows()[0]?.getBounds());
    expect(bounds).toEqual(wanted);
    await second.app.close();
  });
});
