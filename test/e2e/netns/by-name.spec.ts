/** The first whole thing: programs that know nothing of proxies reach servers by name through real SOCKS5 servers. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { ConnectionRow } from '../../../core/contract/flow.ts';
import { promptly } from '../../support/eventually.ts';
import { Mirage } from '../../support/mirage.ts';
import { profile } from '../../support/profiles.ts';
import { describeInLab } from '../../support/tier.ts';
import { World } from '../../support/world.ts';

describeInLab('by name through the TUN', () => {
  let world: World;
  let mirage: Mirage;
  let before: string;

  beforeAll(async () => {
    world = await World.create();
    await world.startWeb();
    await world.startDante(1080);
    await world.startDante(1081, true);
    await world.startMicrosocks(world.router, '10.20.0.1', 1082);
    await world.startMicrosocks(world.router, '10.20.0.1', 1083, true);
    // Names below `<proxy>.hidden.example` choose the proxy; dnsmasq's address= answers for everything below the name.
    mirage = new Mirage(world.client);
    before = await world.client.networkState();
    await mirage.start();
    await mirage.enhanced(
      profile([
        'DOMAIN-SUFFIX,dante.hidden.example,dante',
        'DOMAIN-SUFFIX,danteauth.hidden.example,dante-auth',
        'DOMAIN-SUFFIX,micro.hidden.example,micro',
        'DOMAIN-SUFFIX,microauth.hidden.example,micro-auth',
        'DOMAIN-SUFFIX,wrong.hidden.example,micro-wrong',
        'DOMAIN-SUFFIX,nobody.hidden.example,nobody',
        'DOMAIN,blocked.example,REJECT',
        'DOMAIN-KEYWORD,dropped,REJECT-DROP',
        'DOMAIN-SUFFIX,hidden.example,dante',
        'SRC-PORT,45000-45010,REJECT',
        'DOMAIN-REGEX,^r[0-9]{1,2}\\.direct\\.example$,dante',
        'PROCESS-NAME,Python3,dante',
        'MATCH,DIRECT',
      ]),
    );
  });

  afterAll(async () => {
    await world?.[Symbol.asyncDispose]();
  });

  const curl = (url: string, ...args: string[]) => world.client.run('curl', ['-sS', '-m', '10', ...args, url]);
  const newest = async (host: string): Promise<ConnectionRow> => {
    const rows = (await mirage.connections())
      .filter((row) => row.destination.host === host)
      .toSorted((a, b) => b.openedAt - a.openedAt);
    if (rows[0] === undefined) throw new Error(`no connection row for ${host}`);
    return rows[0];
  };

  for (const proxy of ['dante', 'danteauth', 'micro', 'microauth']) {
    test(`curl by fake IP through ${proxy}: the far side resolves the name`, async () => {
      const host = `www.${proxy}.hidden.example`;
      const result = await curl(`http://${host}/`);
      expect(result.stderr).toBe('');
      expect(result.stdout).toContain(`host=${host} client=203.0.113.1`);
      const row = await newest(host);
      expect(row.fakeIp).toMatch(/^198\.1[89]\./);
      expect(row.domainSource).toBe('fake-ip');
      expect(row.rule).toMatchObject({ type: 'DOMAIN-SUFFIX', payload: `${proxy}.hidden.example` });
      expect(row.chain).toEqual([proxy.replace('auth', '-auth')]);
      expect(row.up).toBeGreaterThan(50);
      expect(row.down).toBeGreaterThan(100);
      expect(row.process?.name).toBe('curl');
      expect(await mirage.mappings()).toContainEqual(
        expect.objectContaining({ name: host, address: row.fakeIp, flows: 1, outcome: 'ok' }),
      );
      expect(world.questionsSeen().filter((question) => question.includes('hidden'))).toEqual([]);
    });
  }

  test('curl direct, by name and by address', async () => {
    const byName = await curl('http://direct.example/');
    expect(byName.stdout).toContain('host=direct.example client=10.20.0.2');
    expect((await newest('direct.example')).chain).toEqual(['DIRECT']);
    const byAddress = await curl('http://203.0.113.80/');
    expect(byAddress.stdout).toContain('host=203.0.113.80 client=10.20.0.2');
  });

  test('rules about the program, its port and the shape of a name', async () => {
    expect((await curl('http://r12.direct.example/')).stdout).toContain('client=203.0.113.1');
    expect((await curl('http://r123.direct.example/')).stdout).toContain('client=10.20.0.2');
    expect((await curl('http://direct.example/', '--local-port', '45000-45010')).code).toBe(7);
    const fetched = "import urllib.request as r; print(r.urlopen('http://direct.example/', timeout=10).read())";
    expect((await world.client.run('python3', ['-c', fetched])).stdout).toContain('client=203.0.113.1');
    const row = await newest('direct.example');
    expect(row).toMatchObject({ rule: { type: 'PROCESS-NAME', payload: 'Python3' }, process: { name: 'python3' } });
  });

  test('a rejected name is refused at once, a dropped one is silence', async () => {
    const rejected = await promptly(() => curl('http://blocked.example/'));
    expect(rejected.code).toBe(7);
    expect(rejected.stderr).toMatch(/refused|Couldn't connect/);
    expect((await newest('blocked.example')).error?.code).toBe('DIAL_REJECTED');
    const dropped = await curl('http://dropped.example/', '--connect-timeout', '2');
    expect(dropped.code).toBe(28);
  });

  test('what the far side says is what the program sees: refused, unreachable, wrong password, no proxy', async () => {
    const refused = await promptly(() => curl('http://refused.example:81/'));
    expect(refused.code).toBe(7);
    expect(refused.stderr).toContain('refused');
    expect((await newest('refused.example')).error?.code).toBe('DIAL_REFUSED');
    const unreachable = await world.client.run(process.execPath, [
      '-e',
      `require('net').connect(80,'noroute.example').on('error', e => { console.log(e.code) })`,
    ]);
    expect(unreachable.stdout.trim()).toMatch(/EHOSTUNREACH|ENETUNREACH/);
    const throughProxy = await promptly(() => curl('http://x.dante.hidden.example:81/'));
    expect(throughProxy.code).toBe(7);
    expect((await newest('x.dante.hidden.example')).error?.code).toBe('DIAL_REFUSED');
    const wrong = await promptly(() => curl('http://x.wrong.hidden.example/'));
    expect(wrong.code).toBe(7);
    expect((await newest('x.wrong.hidden.example')).error?.code).toBe('DIAL_PROXY_AUTH');
    const nobody = await promptly(() => curl('http://x.nobody.hidden.example/'));
    expect(nobody.code).toBe(7);
    expect((await newest('x.nobody.hidden.example')).error?.code).toBe('DIAL_PROXY_REFUSED');
  });

  for (const [way, host] of [
    ['direct', 'direct.example'],
    ['through dante', 'www.dante.hidden.example'],
    ['through microsocks', 'www.micro.hidden.example'],
  ] as const) {
    test(`100 MiB both ways ${way}, equal sha256`, async () => {
      const file = `${world.client.directory}/sample`;
      const down = await world.client.sh(
        `curl -sS -m 60 -o ${file} http://${host}/bytes/104857600 && sha256sum < ${file} | cut -d' ' -f1`,
        { timeoutMs: 300_000 },
      );
      const up = await world.client.sh(
        `curl -sS -m 60 -H 'Expect:' --data-binary @${file} http://${host}/sha256; rm ${file}`,
        { timeoutMs: 300_000 },
      );
      expect(down.trim()).toMatch(/^[0-9a-f]{64}$/);
      expect(up.trim()).toBe(down.trim());
      const row = await newest(host);
      expect(row.up).toBeGreaterThan(104_857_600);
    });
  }

  test('200 connections at once', async () => {
    const urls = Array.from(
      { length: 200 },
      (_, i) => `url = "http://n${i}.dante.hidden.example/"\noutput = "/dev/null"\n`,
    ).join('');
    const list = `${world.client.directory}/urls`;
    await world.client.write(list, urls);
    const result = await world.client.run(
      'curl',
      [
        '-sS',
        '--fail',
        '--parallel',
        '--parallel-immediate',
        '--parallel-max',
        '200',
        '-m',
        '30',
        '-w',
        '%{http_code}\\n',
        '-K',
        list,
      ],
      { timeoutMs: 300_000 },
    );
    expect(result.stdout.match(/200/g)?.length).toBe(200);
  });

  for (const host of ['direct.example', 'www.dante.hidden.example']) {
    test(`half-close reaches ${host}: the answer comes after our FIN`, async () => {
      const result = await world.client.run('nc', ['-N', '-w', '5', host, '8'], { input: 'the end is near\n' });
      expect(result.stdout).toBe('got 16 bytes: the end is near\n');
    });
  }

  test('the mixed port takes names as names: SOCKS5 and HTTP CONNECT, and plain HTTP', async () => {
    for (const proxy of ['socks5h://127.0.0.1:7890', 'http://127.0.0.1:7890']) {
      const result = await curl(
        'http://mixed.dante.hidden.example/',
        '-x',
        proxy,
        ...(proxy.startsWith('http') ? ['-p'] : []),
      );
      expect(result.stdout).toContain('host=mixed.dante.hidden.example client=203.0.113.1');
    }
    expect((await curl('http://plain.dante.hidden.example/', '-x', 'http://127.0.0.1:7890')).stdout).toContain(
      'client=203.0.113.1',
    );
    const row = await newest('mixed.dante.hidden.example');
    expect(row).toMatchObject({ inbound: 'mixed', domainSource: 'inbound' });
    expect(row.fakeIp).toBeUndefined();
  });

  test('plain requests on one connection to the mixed port go each their own way', async () => {
    const result = await world.client.run('curl', [
      '-sSv',
      '-m',
      '10',
      '-x',
      'http://127.0.0.1:7890',
      'http://first.dante.hidden.example/',
      'http://direct.example/',
      'http://blocked.example/',
    ]);
    expect(result.stdout).toContain('host=first.dante.hidden.example client=203.0.113.1');
    expect(result.stdout).toContain('host=direct.example client=10.20.0.2');
    expect(result.stdout).toContain('DIAL_REJECTED');
    expect(result.stderr.match(/Re-?using existing/gi)).toHaveLength(2);
    const row = await newest('first.dante.hidden.example');
    expect(row).toMatchObject({ inbound: 'mixed', chain: ['dante'], state: 'closed', closeReason: 'done' });
  });

  test('IPv6 is unreachable at once, never around the tunnel', async () => {
    const knock = `require('net').connect(80,'2001:db8::1').on('error', e => console.log(e.code))`;
    const result = await promptly(() => world.client.run(process.execPath, ['-e', knock]));
    expect(result.stdout.trim()).toMatch(/ENETUNREACH|EHOSTUNREACH/);
  });

  test('nothing of a proxied name left the machine as DNS', () => {
    expect(world.questionsSeen().filter((question) => !/(direct|refused|noroute)\.example$/.test(question))).toEqual(
      [],
    );
  });

  test('off again: DNS, rules and routes are as before', async () => {
    await mirage.off();
    expect(await world.client.networkState()).toBe(before);
    expect((await curl('http://direct.example/')).stdout).toContain('host=direct.example');
  });
});
