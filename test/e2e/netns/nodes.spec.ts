/** Nodes of protocols that people use, of a profile as they own it: by the TUN and by the mixed port, TCP, UDP and tests of them. */
import { createHash, X509Certificate } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { TestAuthority } from '../../support/certificate.ts';
import { Mirage } from '../../support/mirage.ts';
import { describeInLab } from '../../support/tier.ts';
import { askMixed, askUdp } from '../../support/udp-clients.ts';
import { World } from '../../support/world.ts';

const secrets = { ss: 'planted-ss-secret', trojan: 'planted-trojan-secret', wrong: 'planted-wrong-secret' };
const certificate = new TestAuthority().issue(['trojan.example']);
const fingerprint = createHash('sha256').update(new X509Certificate(certificate.cert).raw).digest('hex');
const profile = `mixed-port: 7890
log-level: debug
dns: { nameserver: [system] }
proxies:
  - { name: ss, type: ss, server: 10.20.0.1, port: 8388, cipher: aes-256-gcm, password: ${secrets.ss}, udp: true }
  - { name: trojan, type: trojan, server: 10.20.0.1, port: 8443, password: ${secrets.trojan}, udp: true, sni: trojan.example, fingerprint: ${fingerprint} }
  - { name: both, type: trojan, server: 10.20.0.1, port: 8443, password: ${secrets.trojan}, udp: true, sni: trojan.example, fingerprint: ${fingerprint}, dialer-proxy: ss }
  - { name: wrong, type: ss, server: 10.20.0.1, port: 8388, cipher: aes-256-gcm, password: ${secrets.wrong} }
  - { name: stranger, type: trojan, server: 10.20.0.1, port: 8443, password: ${secrets.trojan}, sni: trojan.example }
proxy-groups:
  - { name: All, type: select, proxies: [ss, trojan, both, wrong, stranger], url: 'http://direct.example/', timeout: 3000 }
rules:
  - DOMAIN-SUFFIX,ss.hidden.example,ss
  - DOMAIN-SUFFIX,trojan.hidden.example,trojan
  - DOMAIN-SUFFIX,both.hidden.example,both
  - DOMAIN-SUFFIX,wrong.hidden.example,wrong
  - DOMAIN-SUFFIX,stranger.hidden.example,stranger
  - MATCH,DIRECT
`;

describeInLab('nodes', () => {
  let world: World;
  let mirage: Mirage;

  beforeAll(async () => {
    world = await World.create();
    await world.startWeb();
    const { router } = world;
    router.spawn('ss-server', ['-s', '10.20.0.1', '-p', '8388', '-m', 'aes-256-gcm', '-k', secrets.ss, '-u']);
    const at = (name: string) => `${router.directory}/${name}`;
    await router.write(at('cert.pem'), certificate.cert);
    await router.write(at('key.pem'), certificate.key);
    const config = {
      run_type: 'server',
      local_addr: '10.20.0.1',
      local_port: 8443,
      remote_addr: '127.0.0.1',
      remote_port: 1,
      password: [secrets.trojan],
      ssl: { cert: at('cert.pem'), key: at('key.pem'), alpn: ['http/1.1'] },
    };
    await router.write(at('trojan.json'), JSON.stringify(config));
    router.spawn('trojan', ['-c', at('trojan.json')]);
    await world.waitForListener(router, 8388);
    await world.waitForListener(router, 8443);
    mirage = new Mirage(world.client);
    await mirage.start();
    await mirage.enhanced(profile);
  }, 180_000);
  afterAll(async () => {
    await mirage?.off();
    await world?.[Symbol.asyncDispose]();
  });

  const output = ['-o', '/dev/null', '-w', '%{http_code} %{size_download}'];
  const get = async (url: string, ...more: string[]): Promise<string> =>
    (await world.client.run('curl', ['-sS', '-m', '20', ...output, ...more, url])).stdout;
  const chainTo = async (host: string): Promise<string | undefined> => {
    const rows = (await mirage.connections()).filter(({ destination }) => destination.host === host);
    return rows.at(-1)?.chain.join(' ');
  };

  test.each(['ss', 'trojan', 'both'])('%s: downloads by the TUN and by the mixed port, by name', async (name) => {
    const host = `www.${name}.hidden.example`;
    const url = `http://${host}/bytes/3000000`;
    expect(await get(url)).toBe('200 3000000');
    expect(await chainTo(host)).toBe(name === 'both' ? 'both ss' : name);
    expect(await get(url, '--noproxy', '', '-x', 'socks5h://127.0.0.1:7890')).toBe('200 3000000');
    expect(await get(url, '-x', 'http://127.0.0.1:7890')).toBe('200 3000000');
    expect(world.questionsSeen().filter((question) => question.includes('hidden'))).toEqual([]);
  });

  test('UDP by the TUN; through two nodes it goes on to the rules below', async () => {
    const ask = async (host: string): Promise<string> =>
      (await world.client.run(process.execPath, ['-e', askUdp, host, '9', 'ping'])).stdout.trim();
    expect(await ask('udp.ss.hidden.example')).toBe('got ping');
    expect(await ask('udp.trojan.hidden.example')).toBe('got ping');
    expect(await mirage.json('test-rule', '--udp', 'udp.both.hidden.example:9')).toMatchObject({ chain: ['DIRECT'] });
  });

  test('UDP by the mixed port', async () => {
    const targets = ['mixed.ss.hidden.example 9', 'mixed.trojan.hidden.example 9'];
    const { stdout } = await world.client.run(process.execPath, ['-e', askMixed, ...targets]);
    expect(stdout.trim().split('\n').slice(0, 2)).toEqual([
      'mixed.ss.hidden.example ping',
      'mixed.trojan.hidden.example ping',
    ]);
  });

  test('a wrong password and a certificate of others are ends with a code, never a hang', async () => {
    const wrong = await world.client.run('curl', ['-sS', '-m', '4', 'http://wrong.hidden.example/']);
    expect(wrong.code).not.toBe(0);
    const stranger = await world.client.run('curl', ['-sS', '-m', '15', 'http://stranger.hidden.example/']);
    // It is refused, before the time is over.
    expect([7, 35, 52, 56]).toContain(stranger.code);
    const delays = await mirage.json<{ node: string; delay: { ms: number | null; error?: { code: string } } }[]>(
      'delay',
      'All',
    );
    const of = (name: string) => delays.find(({ node }) => node === name)?.delay;
    for (const name of ['ss', 'trojan', 'both']) expect(of(name)?.ms, name).toBeGreaterThanOrEqual(0);
    for (const name of ['wrong', 'stranger']) expect(of(name)?.ms, name).toBeNull();
    expect(JSON.stringify(of('stranger'))).toContain('DIAL_TLS_UNKNOWN_ISSUER');
    expect(JSON.stringify(of('wrong'))).toMatch(/DIAL_[A-Z]+/);
  });

  test('no secret is in a log or a snapshot', async () => {
    const said = [
      mirage.helper.output,
      ...(await Promise.all(
        [['status'], ['proxies'], ['dump', 'connections', '--closed'], ['dump', 'logs']].map(async (words) => {
          const { stdout, stderr } = await mirage.cli(...words, '--json');
          return stdout + stderr;
        }),
      )),
    ].join('\n');
    expect(said).toContain('trojan');
    expect(said).not.toContain('planted');
  });
});
