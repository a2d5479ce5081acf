/** Window and tray over the real helper: the app is on this machine's screen, the helper and its traffic in a namespace. */
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { artifacts, Desktop } from '../../support/desktop.ts';
import { Mirage } from '../../support/mirage.ts';
import { profile } from '../../support/profiles.ts';
import { describeInLab } from '../../support/tier.ts';
import { World } from '../../support/world.ts';

describeInLab('the desktop app with a real helper', () => {
  let world: World;
  let mirage: Mirage;
  let desktop: Desktop;
  let before: string;

  beforeAll(async () => {
    world = await World.create();
    await world.startWeb();
    await world.startDante(1080);
    mirage = new Mirage(world.client);
    before = await world.client.networkState();
    await mirage.start();
    desktop = await Desktop.start({
      tray: true,
      runtimeDir: `/proc/${world.client.holderPid}/root${mirage.runtimeDir}`,
    });
  });
  afterAll(async () => {
    await desktop?.[Symbol.asyncDispose]();
    await world?.[Symbol.asyncDispose]();
  });

  test('on by the tray, a connection by name in the window, its mapping, off by Quit: as before', async () => {
    const { tray } = desktop;
    if (tray === undefined) throw new Error('no tray');
    const file = path.join(desktop.home, 'profile.yaml');
    writeFileSync(file, profile(['DOMAIN-SUFFIX,hidden.example,dante', 'MATCH,DIRECT']));
    const { app, page } = await desktop.launch('--config', file);
    const labels = async () => (await tray.menu()).map((entry) => entry.label);

    await expect.poll(labels).toContain('Enhanced Mode is off');
    expect(await world.client.networkState()).toBe(before);
    await tray.click('Enhanced Mode');
    await expect.poll(labels).toContain('Enhanced Mode is on');

    await page.getByRole('navigation').getByText('Connections', { exact: true }).click();
    const held = world.client.spawn('nc', ['www.hidden.example', '7'], { stdin: 'pipe' });
    await page.getByText('www.hidden.example').first().waitFor();
    await page.getByText('dante').first().waitFor();
    await page.getByText('DOMAIN-SUFFIX').first().waitFor({ state: 'attached' });
    held.process.stdin?.write('hello\n'); // echoed: bytes move in the window
    await page.getByText('www.hidden.example').first().click();
    await page
      .getByRole('complementary')
      .getByText(/\b6 B\b/)
      .first()
      .waitFor();
    await page.keyboard.press('Escape');
    const curl = await world.client.run('curl', ['-sS', '-m', '8', 'http://www.hidden.example/']);
    expect(curl.stdout).toContain('host=www.hidden.example client=203.0.113.1');
    await page.screenshot({ path: path.join(artifacts, 'real-connections.png') });

    await page.getByRole('navigation').getByText('Mapping table', { exact: true }).click();
    await page
      .getByText(/^198\.1[89]\.\d+\.\d+$/)
      .first()
      .waitFor();
    await page.screenshot({ path: path.join(artifacts, 'real-mappings.png') });
    await held.stop();

    const exit = once(app.process(), 'exit');
    await tray.click('Quit');
    expect(await exit).toEqual([0, null]);
    expect(await world.client.networkState()).toBe(before);
  });
});
