/** Policy groups on a machine: the next connection goes where a group leads, open ones stay, and a dead node is left. */
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import type { ProxyRow } from '../../../core/contract/proxies.ts';
import type { Running } from '../../support/lab.ts';
import { Mirage } from '../../support/mirage.ts';
import { describeInLab } from '../../support/tier.ts';
import { World } from '../../support/world.ts';

const bytes = 6_000_000;
const profile = `mixed-port: 0
dns: { nameserver: [10.20.0.1] }
proxies:
  - { name: one, type: socks5, server: 10.20.0.1, port: 1081 }
  - { name: two, type: socks5, server: 10.20.0.1, port: 1082 }
  - { name: later, type: vmess, server: 10.20.0.1, port: 1083, uuid: 00000000-0000-4000-8000-000000000000 }
proxy-groups:
  - { name: Pick, type: select, proxies: [Auto, one, two, later, DIRECT] }
  - { name: Auto, type: fallback, proxies: [later, one, two], url: 'http://direct.example/', interval: 3600, timeout: 3000 }
  - { name: None, type: url-test, proxies: [later] }
rules:
  - DOMAIN,none.example,None
  - MATCH,Pick
`;

describeInLab('policy groups', () => {
  let world: World;
  let mirage: Mirage;
  let one: Running;

  beforeAll(async () => {
    world = await World.create();
    await world.startWeb();
    one = await world.startMicrosocks(world.router, '10.20.0.1', 1081);
    await world.startMicrosocks(world.router, '10.20.0.1', 1082);
    mirage = new Mirage(world.client);
    await mirage.start();
    const file = `${world.client.directory}/groups.yaml`;
    await world.client.write(file, profile);
    await mirage.json('profile', 'add', file);
    await mirage.json('enhanced', 'on');
  });
  afterEach(async () => {
    await mirage.json('mode', 'profile');
    await mirage.json('select', 'Pick', '-');
  });
  afterAll(async () => {
    await mirage?.off();
    await world?.[Symbol.asyncDispose]();
  });

  const get = (url: string) => world.client.run('curl', ['-sS', '-m', '10', '-o', '/dev/null', url]);
  /** Where a new connection went: its chain, from the leaf outward. */
  async function chain(): Promise<string> {
    await get('http://direct.example/bytes/10');
    const rows = await mirage.json<{ openedAt: number; chain: string[] }[]>('dump', 'connections', '--closed');
    return (
      rows
        .toSorted((a, b) => a.openedAt - b.openedAt)
        .at(-1)
        ?.chain.join(' ') ?? ''
    );
  }
  const rowOf = async (name: string) =>
    (await mirage.json<ProxyRow[]>('proxies')).find((row) => row.name === name) ?? expect.unreachable(name);

  test('what a person chooses is where the next connection goes; a download goes on', async () => {
    expect(await chain()).toBe('one Auto Pick');
    const output = '%{http_code} %{size_download}\\n';
    const url = `http://direct.example/bytes/${bytes}/2000000`;
    const running = world.client.spawn('curl', ['-sS', '-o', '/dev/null', '-w', output, url]);
    await expect
      .poll(async () => (await mirage.connections()).some(({ state, down }) => state === 'open' && down > 0))
      .toBe(true);
    expect(await mirage.json('select', 'Pick', 'two')).toMatchObject({ now: 'two' });
    expect(await chain()).toBe('two Pick');
    await running.printed(new RegExp(`200 ${bytes}`));
    await mirage.json('select', 'Pick', 'DIRECT');
    expect(await chain()).toBe('DIRECT Pick');
  });

  test('a node that is not spoken refuses, and so does a group of nothing else; neither goes DIRECT', async () => {
    await mirage.json('select', 'Pick', 'later');
    expect((await get('http://direct.example/bytes/10')).code).not.toBe(0);
    expect(await chain()).toBe('later Pick');
    expect((await get('http://none.example/')).code).not.toBe(0);
    expect(await mirage.json('test-rule', 'none.example')).toMatchObject({
      chain: ['None'],
      way: 'rejected',
      refusal: { code: 'DIAL_GROUP_EMPTY' },
    });
    const { warnings } = await mirage.json<{ warnings: { code: string }[] }>('status');
    expect(warnings.map(({ code }) => code)).toContain('GROUP_EMPTY');
  });

  test('modes', async () => {
    await mirage.json('mode', 'direct');
    expect(await chain()).toBe('DIRECT');
    await mirage.json('mode', 'global');
    expect(await chain()).toBe('DIRECT GLOBAL');
    await mirage.json('select', 'GLOBAL', 'two');
    expect(await chain()).toBe('two GLOBAL');
    await mirage.json('select', 'GLOBAL', '-');
  });

  test('delays are measured, and a dead node is left as soon as a dial through it fails', async () => {
    const delays = await mirage.json<{ node: string; delay: { ms: number | null } }[]>('delay', 'Auto');
    expect(delays.map(({ node }) => node).toSorted()).toEqual(['one', 'two']);
    expect(delays.every(({ delay }) => delay.ms !== null)).toBe(true);
    expect((await rowOf('Auto')).group?.now).toBe('one');
    await one.stop('SIGKILL');
    await get('http://direct.example/bytes/10');
    await expect.poll(async () => (await rowOf('Auto')).group?.now).toBe('two');
    expect(await chain()).toBe('two Auto Pick');
  });
});
