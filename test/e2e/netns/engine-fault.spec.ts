/** A fault in the data plane: another engine takes over, nothing leaves the machine around it, and it does not go on for ever. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Snapshot } from '../../../core/contract/status.ts';
import { eventually } from '../../support/eventually.ts';
import { buildFaultyHelper, strike } from '../../support/faulty-helper.ts';
import { Mirage } from '../../support/mirage.ts';
import { profile } from '../../support/profiles.ts';
import { describeInLab } from '../../support/tier.ts';
import { World } from '../../support/world.ts';

describeInLab('a fault in the data plane', () => {
  let world: World;
  let mirage: Mirage;
  let before: string;

  beforeAll(async () => {
    world = await World.create();
    await world.startWeb();
    await world.startDante(1080);
    before = await world.client.networkState();
    const folder = `${world.client.directory}/faulty`;
    await buildFaultyHelper(folder);
    mirage = new Mirage(world.client, folder);
    await mirage.start();
    await mirage.enhanced(profile(['DOMAIN-SUFFIX,hidden.example,dante', 'MATCH,DIRECT']));
  });
  afterAll(async () => {
    await world?.[Symbol.asyncDispose]();
  });

  const status = () => mirage.json<Snapshot>('status');
  const curl = (url: string) => world.client.run('curl', ['-sS', '-m', '8', url]);
  const rules = () =>
    world.client.run('sh', ['-c', 'ip rule; ip route show table 5380; cat /etc/resolv.conf; ip -br link']);
  /** Sends what brings the engine down, to a fake or a real address. */
  const bringDown = (host: string) =>
    world.client.run(process.execPath, [
      '-e',
      `const s = require('dgram').createSocket('udp4'); s.send(${JSON.stringify(strike)}, 9, ${JSON.stringify(host)}, () => s.close())`,
    ]);

  test('flows are reset, routes, DNS and device stay, new connections work, and nothing leaks meanwhile', async () => {
    expect((await curl('http://www.hidden.example/')).stdout).toContain('client=203.0.113.1');
    const routes = (await rules()).stdout;
    const leaks = world.router.spawn('tcpdump', ['-lni', 'any', 'src', 'net', '198.18.0.0/15']);
    await leaks.printed(/listening/);
    // A connection that only listens: without a reset it would wait for ever.
    const idle = world.client.spawn(process.execPath, [
      '-e',
      `const s = require('net').connect(7, 'www.hidden.example', () => console.log('open')); s.on('error', (e) => console.log(e.code)); s.on('end', () => console.log('END'));`,
    ]);
    await idle.printed(/open/);
    await bringDown('203.0.113.80');
    await idle.printed(/ECONNRESET/);
    const page = await curl('http://www.hidden.example/');
    expect(page.stdout).toContain('client=203.0.113.1');
    expect((await curl('http://direct.example/')).stdout).toContain('host=direct.example');
    expect((await rules()).stdout).toBe(routes);
    const { tunnel, warnings } = await status();
    expect(tunnel.kind).toBe('running');
    expect(warnings).toMatchObject([{ code: 'ENGINE_REVIVED' }]);
    expect(leaks.output).not.toMatch(/IP 198\.1[89]\./);
  });

  test('a fourth within a minute is the end: an error, and the network as it was', async () => {
    for (let i = 0; i < 3; i++) {
      await bringDown('203.0.113.80');
      await eventually(async () => expect(mirage.helper.output.match(/data plane died/g)?.length).toBe(i + 2));
    }
    await eventually(async () => expect((await status()).tunnel.kind).toBe('error'));
    expect(await world.client.networkState()).toBe(before);
    expect((await curl('http://direct.example/')).stdout).toContain('host=direct.example');
  });

  test('turned on again, it works', async () => {
    await mirage.enhanced(profile(['DOMAIN-SUFFIX,hidden.example,dante', 'MATCH,DIRECT']));
    expect((await curl('http://www.hidden.example/')).stdout).toContain('client=203.0.113.1');
    expect((await mirage.off()).tunnel.kind).toBe('stopped');
    expect(await world.client.networkState()).toBe(before);
  });
});
