/** The two halves of Enhanced Mode, each alone: the machine never stands without names or routes. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { Mirage } from '../../support/mirage.ts';
import { profile } from '../../support/profiles.ts';
import { describeInLab } from '../../support/tier.ts';
import { World } from '../../support/world.ts';

describeInLab('one half of Enhanced Mode', () => {
  let world: World;
  let mirage: Mirage;
  let before: string;

  beforeAll(async () => {
    world = await World.create();
    await world.startWeb();
    await world.startDante(1080);
    before = await world.client.networkState();
    mirage = new Mirage(world.client);
    await mirage.start();
    await mirage.enhanced(profile(['DOMAIN-SUFFIX,hidden.example,dante', 'IP-CIDR,203.0.113.80/32,dante']));
  });
  afterAll(async () => {
    await world?.[Symbol.asyncDispose]();
  });

  const turn = async (half: 'system-dns' | 'auto-route', state: 'on' | 'off'): Promise<void> =>
    void (await mirage.json('switch', half, state));
  const client = async (url: string): Promise<string | undefined> =>
    /client=(\S+)/.exec((await world.client.run('curl', ['-sS', '-m', '5', url])).stdout)?.[1];
  const byName = () => client('http://www.hidden.example/');
  const byAddress = () => client('http://203.0.113.80/');

  test('system DNS alone: names go through the proxy, addresses past us', async () => {
    await turn('auto-route', 'off');
    expect(await byName()).toBe('203.0.113.1');
    expect(await byAddress()).toBe('10.20.0.2');
    await turn('auto-route', 'on');
    expect(await byAddress()).toBe('203.0.113.1');
  });

  test('automatic routes alone: resolv.conf is as before, what enters the TUN goes by the rules', async () => {
    await turn('system-dns', 'off');
    expect(await world.client.read('/etc/resolv.conf')).toContain('nameserver 10.20.0.1');
    expect(await byAddress()).toBe('203.0.113.1');
    expect(await byName()).toBe('203.0.113.1');
    await turn('system-dns', 'on');
  });

  test('neither, and then off: nothing is left', async () => {
    await turn('system-dns', 'off');
    await turn('auto-route', 'off');
    expect(await byAddress()).toBe('10.20.0.2');
    await mirage.off();
    expect(await world.client.networkState()).toBe(before);
  });
});
