/** Several profiles: another one is used while connections are open, with and without an app that runs. */
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import type { ProfileEntry } from '../../../core/contract/app.ts';
import type { Snapshot } from '../../../core/contract/status.ts';
import type { Running } from '../../support/lab.ts';
import { Mirage } from '../../support/mirage.ts';
import { describeInLab } from '../../support/tier.ts';
import { World } from '../../support/world.ts';

const bytes = 8_000_000;
const profile = (policy: string) => `mixed-port: 0
dns: { nameserver: [10.20.0.1] }
rules: ['MATCH,${policy}']
`;

describeInLab('several profiles', () => {
  let world: World;
  let mirage: Mirage;
  let app: Running | undefined;

  beforeAll(async () => {
    world = await World.create();
    await world.startWeb();
    mirage = new Mirage(world.client);
    await mirage.start();
    for (const [name, policy] of [
      ['open', 'DIRECT'],
      ['shut', 'REJECT'],
    ] as const) {
      const file = `${world.client.directory}/${name}.yaml`;
      await world.client.write(file, profile(policy));
      await mirage.json('profile', 'add', file);
    }
  });
  afterEach(async () => {
    await app?.stop('SIGTERM');
    app = undefined;
    await mirage.off();
  });
  afterAll(async () => {
    await world?.[Symbol.asyncDispose]();
  });

  const used = async () =>
    (await mirage.json<ProfileEntry[]>('profile', 'list')).flatMap(({ name, active }) => (active ? name : []));
  const get = () => world.client.run('curl', ['-sS', '-m', '10', '-o', '/dev/null', 'http://direct.example/bytes/10']);
  const download = () => {
    const output = '%{http_code} %{size_download}\\n';
    const args = ['-sS', '-o', '/dev/null', '-w', output, `http://direct.example/bytes/${bytes}/2000000`];
    return world.client.spawn('curl', args);
  };
  const configInForce = async () => (await mirage.json<Snapshot>('status')).config.hash;

  test.each([false, true])(
    'a download goes on, new connections go by the new rules (an app runs: %s)',
    async (isRunning) => {
      await mirage.json('profile', 'use', 'open');
      if (isRunning) {
        app = mirage.serve('--enhanced');
        await app.printed(/Enhanced Mode is on/);
      } else {
        await mirage.json('enhanced', 'on');
      }
      const running = download();
      await expect
        .poll(async () => (await mirage.connections()).some(({ state, down }) => state === 'open' && down > 0))
        .toBe(true);
      const before = await configInForce();
      expect(await mirage.json('profile', 'use', 'shut')).toMatchObject({ outcome: 'applied' });
      expect(await used()).toEqual(['shut']);
      expect(await configInForce()).not.toBe(before);
      expect((await get()).code).toBe(7); // refused
      await running.printed(new RegExp(`200 ${bytes}`));
      expect(await mirage.json('profile', 'use', 'open')).toMatchObject({ outcome: 'applied' });
      expect(await configInForce()).toBe(before);
      expect((await get()).code).toBe(0);
    },
  );

  test('an app that runs follows what another program chooses, also when only the list on disk says so', async () => {
    await mirage.json('profile', 'use', 'open');
    app = mirage.serve('--enhanced');
    await app.printed(/Enhanced Mode is on/);
    const before = await configInForce();
    const list = `${world.client.directory}/config/mirage/profiles.json`;
    const shut = (await mirage.json<ProfileEntry[]>('profile', 'list')).find(({ name }) => name === 'shut');
    await world.client.sh(
      `sed -i 's/"active": "[0-9a-f]*"/"active": "${shut?.id}"/' ${list} && grep -q '"active": "${shut?.id}"' ${list}`,
    );
    await expect.poll(configInForce).not.toBe(before);
    expect((await get()).code).toBe(7);
  });
});
