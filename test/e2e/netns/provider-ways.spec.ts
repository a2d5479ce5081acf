/** A subscription with providers that say by which policy they are downloaded, while connections go on through the tunnel. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { ProfileEntry } from '../../../core/contract/app.ts';
import type { ProviderRow } from '../../../core/contract/providers.ts';
import type { Running } from '../../support/lab.ts';
import { Mirage } from '../../support/mirage.ts';
import { describeInLab } from '../../support/tier.ts';
import { World } from '../../support/world.ts';

const at = 'http://203.0.113.80:8000';
/** Some seconds of a connection. */
const slowBytes = 6_000_000;
const slow = `http://203.0.113.80/bytes/${slowBytes}/1000000`;
/** The rules refuse the very server that the lists come from; only a policy leads there. */
const subscription = (note: number) => `# ${note}
mixed-port: 7890
dns: { nameserver: [10.20.0.1] }
proxies: [{ name: far, type: socks5, server: 10.20.0.1, port: 1080 }]
proxy-groups: [{ name: way, type: select, proxies: [far] }, { name: own, type: select, use: [nodes] }]
proxy-providers:
  nodes: { type: http, url: '${at}/nodes', proxy: own }
rule-providers:
  by-way: { type: http, behavior: domain, format: text, url: '${at}/by-way', interval: 3600, proxy: way }
  directly: { type: http, behavior: domain, format: text, url: '${at}/directly', interval: 3600, proxy: DIRECT }
  by-rules: { type: http, behavior: domain, format: text, url: '${at}/by-rules', interval: 3600 }
rules:
  - RULE-SET,by-way,REJECT
  - RULE-SET,directly,REJECT
  - RULE-SET,by-rules,REJECT
  - AND,((IP-CIDR,203.0.113.80/32),(DST-PORT,8000)),REJECT
  - MATCH,DIRECT
`;

describeInLab('providers that say which way they take', () => {
  let world: World;
  let mirage: Mirage;
  let files: Running | undefined;
  let app: Running | undefined;
  const put = (name: string, text: string) => world.web.write(`${world.web.directory}/files/${name}`, text);
  const rows = async () =>
    Object.fromEntries((await mirage.json<ProviderRow[]>('providers')).map((row) => [row.name, row]));
  /** Who has asked for a file, as the server saw it. */
  const askersOf = (name: string) =>
    (files?.output ?? '').split('\n').flatMap((line) => (line.includes(`GET /${name} `) ? [line.split(' ')[0]] : []));

  beforeAll(async () => {
    world = await World.create();
    await world.startWeb();
    await world.startMicrosocks(world.router, '10.20.0.1', 1080);
    await world.web.sh(`mkdir -p ${world.web.directory}/files`);
    await put('sub', subscription(1));
    for (const name of ['by-way', 'directly', 'by-rules']) await put(name, `${name}.example\n`);
    await put('nodes', 'proxies: [{ name: n, type: socks5, server: 10.20.0.1, port: 1080 }]\n');
    files = world.web.spawn('python3', [
      '-u',
      '-m',
      'http.server',
      '8000',
      '--directory',
      `${world.web.directory}/files`,
    ]);
    await files.printed(/Serving HTTP/);
    mirage = new Mirage(world.client);
    await mirage.start();
    await mirage.json<{ added: ProfileEntry }>('profile', 'add', `${at}/sub`);
    app = mirage.serve('--enhanced');
    await app.printed(/Enhanced Mode is on/);
  });
  afterAll(async () => {
    await app?.stop('SIGTERM');
    await files?.stop('SIGTERM');
    await world?.[Symbol.asyncDispose]();
  });

  test('the app has everything, each by its way', async () => {
    await expect
      .poll(async () => Object.values(await rows()).map(({ entries }) => entries), { timeout: 60_000 })
      .toEqual([1, 1, 1, 1]);
    const routers = new Set(askersOf('by-way'));
    expect(routers.size).toBe(1);
    expect(askersOf('directly')).toEqual(['10.20.0.2']);
    expect(routers).not.toContain('10.20.0.2');
    // Before anything is in force they come directly; so does what is to fill the very group that it would go through.
    expect([askersOf('by-rules'), askersOf('nodes')]).toEqual([['10.20.0.2'], ['10.20.0.2']]);
  });

  test('so does the command line, while a connection through the tunnel goes on', async () => {
    const flow = world.client.run('curl', ['-sS', '-m', '60', '-o', '/dev/null', '-w', '%{size_download}', slow]);
    await put('by-way', 'by-way.example\nmore.example\n');
    const before = askersOf('by-way').length;
    expect((await mirage.cli('providers', 'update', 'by-way')).code).toBe(0);
    expect((await rows())['by-way']).toMatchObject({ entries: 2 });
    expect(askersOf('by-way').slice(before)).toEqual([askersOf('by-way')[0]]);
    expect(askersOf('by-way')[0]).not.toBe('10.20.0.2');
    expect((await mirage.cli('providers', 'update', 'by-rules')).code).toBe(1);
    expect((await flow).stdout).toBe(String(slowBytes));
  });
});
