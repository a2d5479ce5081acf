/** The servers of resolv.conf as DIRECT names meet them: in their order, by the link they are on, as its options say. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { DnsRow } from '../../../core/contract/dns.ts';
import { eventually, promptly } from '../../support/eventually.ts';
import { Mirage } from '../../support/mirage.ts';
import { profile } from '../../support/profiles.ts';
import { describeInLab } from '../../support/tier.ts';
import { World } from '../../support/world.ts';

const vpn = '10.20.0.11';
const provider = '10.20.0.12';
const dead = '10.20.0.13';

describeInLab('the servers of resolv.conf', () => {
  let world: World;
  let mirage: Mirage;

  beforeAll(async () => {
    world = await World.create();
    await world.startWeb();
    await world.router.sh(
      `for ip in ${vpn} ${provider} ${dead} 10.20.0.14; do ip address add $ip/24 dev eth0; done; ip -6 address add fe80::53/64 dev eth0 nodad`,
    );
    const slow = await world.startNameServer(vpn, 53, 600);
    await slow.publish('host.vpn.example 203.0.113.80');
    const known = await world.startNameServer(provider, 53);
    await known.publish('www.example 203.0.113.80');
    const local = await world.startNameServer('fe80::53%eth0', 53);
    await local.publish('link.example 203.0.113.80');
    mirage = new Mirage(world.client);
    await mirage.start();
  });
  afterAll(async () => {
    await world?.[Symbol.asyncDispose]();
  });

  const use = async (resolvConf: string, dns: Record<string, string> = {}): Promise<void> => {
    await mirage.off();
    await world.client.write('/etc/resolv.conf', resolvConf);
    await mirage.enhanced(profile(['MATCH,DIRECT'], '', { 'enhanced-mode': 'redir-host', ...dns }));
  };
  const dig = async (name: string): Promise<string> => (await digging(name)).stdout;
  const digging = (name: string) => world.client.run('dig', ['+tries=1', '+time=20', name]);
  const upstreamOf = async (name: string) =>
    (await mirage.json<DnsRow[]>('dump', 'dns')).findLast((row) => row.name === name)?.upstream;

  test('the first answers though it is slower than the second, which denies the name', async () => {
    await use(
      `# by the VPN\n; and a comment\nnameserver\t${vpn}\nnameserver ${provider}\noptions edns0 trust-ad\nwhatever 1\n`,
    );
    expect(await dig('host.vpn.example')).toContain('203.0.113.80');
    expect(await upstreamOf('host.vpn.example')).toBe(`udp://${vpn}:53`);
    expect(await dig('gone.vpn.example')).toContain('status: NXDOMAIN');
    expect((await world.client.run('curl', ['-sS', '-m', '8', 'http://host.vpn.example/'])).stdout).toContain(
      'client=',
    );
  });

  test('silence of the first: the second after the timeout, and sooner from then on', async () => {
    await world.router.sh(
      `nft 'add table ip t; add chain ip t c { type filter hook input priority 0; }; add rule ip t c ip daddr ${dead} drop'`,
    );
    await use(`nameserver ${dead}\nnameserver ${provider}\noptions timeout:4 attempts:1\n`);
    let names = 0;
    const tookFor = async (): Promise<number> => {
      const name = `n${names++}.example`;
      const { ms } = await digging(name);
      expect(await upstreamOf(name)).toBe(`udp://${provider}:53`);
      return ms;
    };
    expect(await tookFor()).toBeGreaterThan(3_900);
    // One second, and after two more a quarter of one; where nothing is learnt it is four each time.
    await eventually(async () => expect(await tookFor()).toBeLessThan(2_500));
  });

  test('failure of the first is no silence: the second at once', async () => {
    // Nobody listens there.
    await use(`nameserver 10.20.0.14\nnameserver ${provider}\n`);
    expect((await promptly(() => digging('www.example'))).stdout).toContain('203.0.113.80');
  });

  test('use-vc: by TCP alone', async () => {
    await use(`nameserver ${provider}\noptions use-vc\n`);
    expect(await dig('www.example')).toContain('203.0.113.80');
    expect(await upstreamOf('www.example')).toBe(`tcp://${provider}:53`);
  });

  test.each([
    ['resolv.conf', 'nameserver fe80::53%eth0\n', {}],
    ['the profile', 'nameserver 10.20.0.1\n', { nameserver: "['[fe80::53%eth0]:53']" }],
  ])('a link-local server of %s is asked by its link', async (_where, resolvConf, dns) => {
    await use(resolvConf, dns);
    expect(await dig('link.example')).toContain('203.0.113.80');
    expect(await upstreamOf('link.example')).toBe('udp://[fe80::53%eth0]:53');
  });
});
