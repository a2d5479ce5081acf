/** Whatever happens to the helper, the network is as it was before, or one command away from it. */
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { Snapshot } from '../../../core/contract/status.ts';
import { promptly } from '../../support/eventually.ts';
import { Mirage } from '../../support/mirage.ts';
import { profile } from '../../support/profiles.ts';
import { describeInLab } from '../../support/tier.ts';
import { World } from '../../support/world.ts';

describeInLab('death of the helper', () => {
  let world: World;
  let mirage: Mirage;
  let before: string;
  const rules = profile(['DOMAIN-SUFFIX,hidden.example,dante', 'MATCH,DIRECT']);

  beforeEach(async () => {
    world = await World.create();
    await world.startWeb();
    await world.startDante(1080);
    before = await world.client.networkState();
    mirage = new Mirage(world.client);
    await mirage.start();
  });
  afterEach(async () => {
    await world?.[Symbol.asyncDispose]();
  });

  const curl = (url: string) => world.client.run('curl', ['-sS', '-m', '8', url]);
  const addressOf = async (name: string): Promise<string> =>
    (await world.client.run('dig', ['+short', '+tries=1', name])).stdout.trim();

  test('kill -9 while on, then --restore: byte for byte as before; stale fake addresses fail at once in between', async () => {
    await mirage.enhanced(rules);
    expect((await curl('http://www.hidden.example/')).stdout).toContain('client=203.0.113.1');
    const fake = await addressOf('www.hidden.example');
    await mirage.kill9();
    const stale = await promptly(() => curl(`http://${fake}/`));
    expect(stale.code).toBe(7);
    const restored = await mirage.restoreOffline();
    expect(restored.code).toBe(0);
    expect(await world.client.networkState()).toBe(before);
    expect((await curl('http://direct.example/')).stdout).toContain('host=direct.example');
  });

  test('a persistent owner: the next start resumes what is in force; the same name has the same address', async () => {
    await mirage.enhanced(rules);
    await curl('http://www.hidden.example/');
    const fake = await addressOf('www.hidden.example');
    await mirage.kill9();
    await mirage.start();
    for (let i = 0; i < 50; i++) if ((await mirage.json<Snapshot>('status')).tunnel.kind === 'running') break;
    expect((await mirage.mappings()).find((row) => row.name === 'www.hidden.example')?.address).toBe(fake);
    expect(
      (await world.client.run('curl', ['-sS', '-m', '8', '-H', 'Host: cached.example', `http://${fake}/`])).stdout,
    ).toContain('host=cached.example client=203.0.113.1');
    expect(await addressOf('www.hidden.example')).toBe(fake);
    await mirage.off();
    expect(await world.client.networkState()).toBe(before);
  });

  test('a session whose app is gone: the next start leaves everything as before', async () => {
    const app = mirage.serve('--enhanced');
    await app.printed(/http:\/\//);
    for (let i = 0; i < 50; i++) if ((await mirage.json<Snapshot>('status')).tunnel.kind === 'running') break;
    expect((await mirage.json<Snapshot>('status')).owner).toEqual({ uid: 0, mode: 'session' });
    await app.stop('SIGKILL');
    await mirage.kill9();
    await mirage.start();
    expect((await mirage.json<Snapshot>('status')).tunnel.kind).toBe('stopped');
    expect(await world.client.networkState()).toBe(before);
  });

  test('a session goes on after the helper crashed, because its app renews the lease', async () => {
    const app = mirage.serve('--enhanced');
    await app.printed(/http:\/\//);
    await mirage.kill9();
    await mirage.start();
    await expect.poll(async () => (await mirage.json<Snapshot>('status')).tunnel.kind).toBe('running');
    await app.stop('SIGINT');
    expect((await mirage.json<Snapshot>('status')).tunnel.kind).toBe('stopped');
    expect(await world.client.networkState()).toBe(before);
  });

  test('SIGTERM undoes everything', async () => {
    await mirage.enhanced(rules);
    await mirage.stop();
    expect(await world.client.networkState()).toBe(before);
  });

  test('a change of resolv.conf by somebody else survives our undo', async () => {
    await mirage.enhanced(rules);
    await mirage.kill9();
    await world.client.write('/etc/resolv.conf', 'nameserver 10.20.0.1\n# by DHCP, later\n');
    await mirage.restoreOffline();
    expect(await world.client.read('/etc/resolv.conf')).toBe('nameserver 10.20.0.1\n# by DHCP, later\n');
  });
});
