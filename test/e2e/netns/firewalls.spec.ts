/**
 * Firewalls of this machine that lead questions to a resolver here, or keep programs from fake addresses, one a row: names resolve and
 * the rules hold, or health says why not.
 */
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import type { Snapshot } from '../../../core/contract/status.ts';
import { eventually, promptly } from '../../support/eventually.ts';
import type { Running } from '../../support/lab.ts';
import { Mirage } from '../../support/mirage.ts';
import { profile } from '../../support/profiles.ts';
import { describeInLab } from '../../support/tier.ts';
import { World } from '../../support/world.ts';

const questions = 'meta l4proto { tcp, udp } th dport 53';
const nat = (...rules: string[]): string =>
  ['table ip others {', 'chain leaving {', 'type nat hook output priority -100;', ...rules, '}', '}'].join('\n');
const filter = (hook: string, rule: string): string =>
  ['table inet others {', 'chain judged {', `type filter hook ${hook};`, rule, '}', '}'].join('\n');

/** Firewall, and what dnsmasq listens at where that is not port 53. */
const redirects: [title: string, rules: string, port?: number][] = [
  ['all but what the resolver asks itself, by user', nat(`meta skuid != dnsmasq ${questions} redirect`)],
  ['to another port', nat(`meta skuid != dnsmasq ${questions} redirect to :5353`), 5353],
  ['one server only', nat(`meta skuid != dnsmasq ip daddr 10.20.0.1 ${questions} redirect`)],
  ['by UDP only', nat('meta skuid != dnsmasq udp dport 53 redirect')],
  ['all but what goes to the server that the resolver asks', nat(`ip daddr != 10.20.0.1 ${questions} redirect`)],
  ['to a server on the network', nat(`ip daddr != 10.20.0.1 ${questions} dnat to 10.20.0.1`)],
  ['all but the fake range', nat(`ip daddr 198.18.0.0/15 accept`, `meta skuid != dnsmasq ${questions} redirect`)],
  ['before everybody else', nat(`meta skuid != dnsmasq ${questions} redirect`).replace('-100', '-190')],
];

const bogons: readonly (readonly [title: string, rules: string])[] = [
  ['dropped when sent', filter('output priority 0', 'oifname != "lo" ip daddr 198.18.0.0/15 drop')],
  ['refused when sent', filter('output priority 0', 'oifname != "lo" ip daddr 198.18.0.0/15 reject')],
  ['dropped when received', filter('input priority 0', 'iifname != "lo" ip saddr 198.18.0.0/15 drop')],
  ['dropped before all else', filter('prerouting priority -300', 'iifname != "lo" ip saddr 198.18.0.0/15 drop')],
  ['dropped by TCP', filter('output priority 0', 'ip daddr 198.18.0.0/15 meta l4proto tcp drop')],
];

describeInLab('a firewall of this machine', () => {
  let world: World;
  let mirage: Mirage;
  let plain: string;
  const running: Running[] = [];

  beforeAll(async () => {
    world = await World.create();
    await world.startWeb();
    await world.startDante();
    mirage = new Mirage(world.client);
    await mirage.start();
    plain = await world.client.networkState();
  });
  afterEach(async () => {
    await mirage.off();
    await world.client.sh(
      'umount /usr/sbin/nft 2>/dev/null || true; nft delete table ip others 2>/dev/null || nft delete table inet others 2>/dev/null || true',
    );
    for (const each of running.splice(0)) await each.stop();
    expect(await world.client.networkState()).toBe(plain);
  });
  afterAll(async () => {
    await world?.[Symbol.asyncDispose]();
  });

  const startResolver = async (port: number): Promise<void> => {
    const resolver = world.client.spawn('dnsmasq', [
      '--keep-in-foreground',
      '--conf-file=/dev/null',
      '--no-resolv',
      '--no-hosts',
      '--pid-file=',
      '--server=10.20.0.1',
      '--user=dnsmasq',
      '--listen-address=127.0.0.1',
      `--port=${port}`,
      '--bind-interfaces',
      '--log-facility=-',
    ]);
    running.push(resolver);
    await resolver.printed(/started/);
  };
  const load = (rules: string): Promise<string> => world.client.sh(`nft -f - <<'END'\n${rules}\nEND`);
  const codes = async (): Promise<string[]> => (await mirage.json<Snapshot>('status')).warnings.map(({ code }) => code);
  const curl = async (host: string): Promise<string> => {
    const { stdout, stderr } = await promptly(() => world.client.run('curl', ['-sS', '-m', '8', `http://${host}/`]));
    return /client=(\S+)/.exec(stdout)?.[1] ?? stderr.trim();
  };
  const dig = async (...args: string[]): Promise<string> =>
    (await world.client.run('dig', ['+short', '+time=8', '+tries=1', ...args])).stdout.trim();
  const rules = ['DOMAIN-SUFFIX,hidden.example,dante', 'MATCH,DIRECT'];
  /** By the rules, and nobody here hears of a proxied name. */
  const works = async (): Promise<void> => {
    const before = world.questionsSeen().length;
    expect(await curl('direct.example')).toBe('10.20.0.2');
    expect(await curl('www.hidden.example')).toBe('203.0.113.1');
    expect(await dig('nas.lan.example')).toBe('10.20.0.1');
    expect(await dig('direct.example', 'TXT')).toBe('"hello from the far side"');
    expect(
      world
        .questionsSeen()
        .slice(before)
        .filter((question) => question.includes('hidden')),
    ).toEqual([]);
    expect(await codes()).toEqual([]);
  };
  /** The look at where packets go has an outcome: connections are right from then on. */
  const hasLooked = (): Promise<unknown> =>
    eventually(async () => {
      expect(await curl('www.hidden.example')).toBe('203.0.113.1');
      expect(await curl('direct.example')).toBe('10.20.0.2');
    }, 60_000);

  describe('leads questions to a resolver here', () => {
    test.each(redirects)('%s', async (_title, firewall, port = 53) => {
      await startResolver(port);
      await load(firewall);
      await mirage.enhanced(profile(rules));
      await hasLooked();
      await works();
    });

    test('the firewall comes while we run', async () => {
      await startResolver(53);
      await mirage.enhanced(profile(rules));
      await load(redirects[0]?.[1] ?? '');
      await world.client.sh('ip addr add 10.20.0.9/24 dev eth0; ip addr del 10.20.0.9/24 dev eth0');
      await hasLooked();
      await works();
    });

    test('without nft it is told', async () => {
      await startResolver(53);
      await load(redirects[0]?.[1] ?? '');
      await world.client.sh('mount --bind /dev/null /usr/sbin/nft');
      await mirage.enhanced(profile(rules));
      await eventually(async () => expect(await codes()).toContain('DNS_REDIRECTED'), 60_000);
    });
  });

  describe('keeps programs from fake addresses: told, and no longer when it does not', () => {
    test.each(bogons)('%s', async (_title, firewall) => {
      await load(firewall);
      await mirage.enhanced(profile(rules));
      await eventually(async () => expect(await codes()).toContain('FAKE_RANGE_BLOCKED'), 60_000);
      await world.client.sh('nft delete table inet others');
      await eventually(async () => expect(await codes()).not.toContain('FAKE_RANGE_BLOCKED'), 60_000);
      await works();
    });
  });
});
