/** A subscription and the rule set that it names, downloaded, in force, changed, and still there without the network. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { ProfileEntry } from '../../../core/contract/app.ts';
import type { ProviderRow } from '../../../core/contract/providers.ts';
import type { Snapshot } from '../../../core/contract/status.ts';
import type { Running } from '../../support/lab.ts';
import { Mirage } from '../../support/mirage.ts';
import { describeInLab } from '../../support/tier.ts';
import { World } from '../../support/world.ts';

const at = 'http://203.0.113.80:8000';
const subscription = `mixed-port: 7890
dns: { nameserver: [10.20.0.1] }
rule-providers:
  shut: { type: http, behavior: domain, format: text, url: '${at}/shut.txt', interval: 3600 }
rules: ['RULE-SET,shut,REJECT', 'MATCH,DIRECT']
`;

describeInLab('providers', () => {
  let world: World;
  let mirage: Mirage;
  let files: Running | undefined;
  let app: Running | undefined;

  const startFiles = async () => {
    files = world.web.spawn('python3', [
      '-u',
      '-m',
      'http.server',
      '8000',
      '--directory',
      `${world.web.directory}/files`,
    ]);
    await files.printed(/Serving HTTP/);
  };
  const startApp = async () => {
    app = mirage.serve('--enhanced');
    await app.printed(/Enhanced Mode is on/);
  };
  const curl = async () =>
    (await world.client.run('curl', ['-sS', '-m', '10', '-o', '/dev/null', 'http://direct.example/'])).code;
  const refused = 7;

  beforeAll(async () => {
    world = await World.create();
    await world.startWeb();
    await world.web.sh(`mkdir -p ${world.web.directory}/files`);
    await world.web.write(`${world.web.directory}/files/sub`, subscription);
    await world.web.write(`${world.web.directory}/files/shut.txt`, '+.direct.example\n');
    await startFiles();
    mirage = new Mirage(world.client);
    await mirage.start();
  });
  afterAll(async () => {
    await app?.stop('SIGTERM');
    await files?.stop('SIGTERM');
    await world?.[Symbol.asyncDispose]();
  });

  test('a subscription is added by its address, and what it names comes while it is in force', async () => {
    const { added } = await mirage.json<{ added: ProfileEntry }>('profile', 'add', `${at}/sub`);
    expect(added).toMatchObject({ active: true, source: { kind: 'url' } });
    await startApp();
    await expect.poll(curl, { timeout: 30_000 }).toBe(refused);
    expect(await mirage.json<ProviderRow[]>('providers')).toMatchObject([{ name: 'shut', kind: 'rules', entries: 1 }]);
    expect((await mirage.json<Snapshot>('status')).warnings.map(({ code }) => code)).not.toContain('SETS_MISSING');
  });

  test('another version is in force as soon as it was looked for; one that is broken changes nothing', async () => {
    await world.web.write(`${world.web.directory}/files/shut.txt`, '<!DOCTYPE html><html></html>');
    expect((await mirage.cli('providers', 'update')).code).toBe(1);
    expect(await curl()).toBe(refused);
    await world.web.write(`${world.web.directory}/files/shut.txt`, 'other.example\n');
    expect((await mirage.cli('providers', 'update', 'shut')).code).toBe(0);
    await expect.poll(curl, { timeout: 30_000 }).toBe(0);
    await world.web.write(`${world.web.directory}/files/shut.txt`, 'direct.example\n');
    expect((await mirage.cli('providers', 'update')).code).toBe(0);
    await expect.poll(curl, { timeout: 30_000 }).toBe(refused);
  });

  test('without the server, and after another start of app and helper, all is as it was', async () => {
    await files?.stop('SIGTERM');
    await app?.stop('SIGTERM');
    await mirage.stop();
    await mirage.start();
    await startApp();
    expect(await curl()).toBe(refused);
    expect((await mirage.cli('profile', 'update')).code).toBe(1);
    expect(await curl()).toBe(refused);
  });
});
