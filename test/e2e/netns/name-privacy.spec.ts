/** Which name is told to whom: a capture on the outer link sees what leaves in clear while everything goes through a proxy. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { DnsRow } from '../../../core/contract/dns.ts';
import type { Snapshot } from '../../../core/contract/status.ts';
import type { Running } from '../../support/lab.ts';
import { Mirage } from '../../support/mirage.ts';
import { profile } from '../../support/profiles.ts';
import { describeInLab } from '../../support/tier.ts';
import { World } from '../../support/world.ts';

/** Asked through the proxy: the resolver behind it, which knows `hidden.example` and `direct.example`. */
const remote = { 'remote-nameserver': "['tcp://203.0.113.1']" };
const searchList = ['lan.example', 'direct.example', 'google.com', 'corp.example.com', 'co.uk'];

describeInLab("names that are nobody else's business", () => {
  let world: World;
  let mirage: Mirage;
  let capture: Running;

  beforeAll(async () => {
    world = await World.create();
    await Promise.all([world.startWeb(), world.startDante(1080, false, 1)]);
    await world.client.write('/etc/resolv.conf', `nameserver 10.20.0.1\nsearch ${searchList.join(' ')}\n`);
    // Whatever leaves the client, as text: names in questions, SNI and requests.
    capture = world.router.spawn('tcpdump', ['-i', 'any', '-n', '-l', '-A', '-s', '0', 'src host 10.20.0.2']);
    await capture.printed(/listening on/);
    mirage = new Mirage(world.client);
    await mirage.start();
    await mirage.enhanced(profile(['DOMAIN-SUFFIX,named.onion,dante', 'MATCH,dante'], '', remote));
  });
  afterAll(async () => {
    await world?.[Symbol.asyncDispose]();
  });

  const dig = async (...args: string[]): Promise<string> =>
    (await world.client.run('dig', ['+tries=1', '+time=12', ...args])).stdout;
  const curl = (...args: string[]) => world.client.run('curl', ['-sS', '-m', '8', ...args]);
  /** Questions that reached the client's resolver and contain a text. */
  const askedHere = (text: string) => world.questionsSeen().filter((question) => question.includes(text));
  const askedThere = (text: string) => world.questionsBehindProxy().filter((question) => question.includes(text));

  describe('a proxied name', () => {
    const types = ['A', 'AAAA', 'HTTPS', 'SVCB', 'ANY', 'TXT', 'MX', 'SRV', 'NS', 'SOA', 'CNAME', 'PTR', 'CAA', 'DS'];

    test('is told to no server here, whatever is asked about it; what is behind the proxy answers', async () => {
      const questions = [...types, 'SSHFP', 'NAPTR', 'TYPE65280'].flatMap((type) => ['hidden.example', type]);
      await dig(...questions);
      await dig('-c', 'CH', 'hidden.example', 'TXT');
      await dig('+tcp', '_sip._tcp.hidden.example', 'SRV', '_dmarc.hidden.example', 'TXT');
      expect(askedThere('hidden.example').length).toBeGreaterThan(8);
      expect(askedHere('hidden.example')).toEqual([]);
    });

    test('with bytes that no host has is told to no server here', async () => {
      const odd = ['a\\000b', 'x\\255', 'y\\.z', 'sp\\032ce', '\\195\\188', '(x)', '*', '-', '_', 'UPPER'];
      await dig(
        ...odd.flatMap((label) => ['A', 'AAAA', 'TXT'].flatMap((type) => [`${label}.odd.hidden.example`, type])),
      );
      expect(askedHere('odd.hidden.example')).toEqual([]);
      expect(capture.output).not.toContain('.odd.hidden');
    });

    test('has an address whose pointer is asked behind the proxy', async () => {
      await dig('-x', '198.51.100.9', '-x', '93.184.216.34', '-x', '2001:4860:4860::8888');
      expect(askedThere('34.216.184.93.in-addr.arpa')).toEqual(['PTR 34.216.184.93.in-addr.arpa']);
      expect(askedHere('.arpa')).toEqual([]);
    });
  });

  describe('a special name', () => {
    test.each([
      ['x.onion', 'NXDOMAIN'],
      ['foo.invalid', 'NXDOMAIN'],
      ['shop.test', 'NXDOMAIN'],
      ['a.gns.alt', 'NXDOMAIN'],
      ['a.eap.arpa', 'NXDOMAIN'],
      ['1.2.3.4', 'NXDOMAIN'],
      ['4.2.0.192.in-addr.arpa', 'NXDOMAIN'],
      ['_dns.resolver.arpa', 'NOERROR'],
      ['app.localhost', 'NOERROR'],
    ])('%s: %s, and nobody is asked', async (name, rcode) => {
      const seen = [world.questionsSeen().length, world.questionsBehindProxy().length];
      for (const type of ['A', 'TXT', 'SVCB']) {
        const answer = await dig(name, type);
        expect(answer).toContain(`status: ${rcode}`);
        expect(answer).not.toMatch(/\sA\s+198\.1[89]\./);
      }
      expect([world.questionsSeen().length, world.questionsBehindProxy().length]).toEqual(seen);
    });

    test('is not told by the search list of a program that looks for it', async () => {
      for (const name of ['hidden-service.onion', 'nothing.invalid']) {
        expect((await curl(`http://${name}/`)).code).toBe(6);
        expect((await world.client.run('getent', ['ahosts', name])).code).toBe(2);
      }
      expect([...askedHere('hidden-service'), ...askedHere('nothing.invalid')]).toEqual([]);
      expect([...askedThere('hidden-service'), ...askedThere('nothing.invalid')]).toEqual([]);
    });

    test('that a rule sends to a proxy is faked', async () => {
      expect(await dig('+short', 'x.named.onion')).toMatch(/^198\.1[89]\./);
    });

    test.each(['ipv4only.arpa', 'nas.home.arpa', 'printer.lan', 'x.internal', '7.1.168.192.in-addr.arpa'])(
      '%s is asked of the network alone',
      async (name) => {
        await dig(name, 'A');
        // Denied, it may be asked for once more with even letters.
        expect(new Set(askedHere(name))).toEqual(new Set([`A ${name}`]));
        expect(askedThere(name)).toEqual([]);
      },
    );
  });

  describe('the search list', () => {
    test('takes no public domain out of the rules: the proxy resolves it, and the network is not told', async () => {
      for (const args of [['-x', 'socks5h://127.0.0.1:7890'], []])
        expect((await curl(...args, 'http://direct.example/')).stdout).toContain('client=203.0.113.1');
      expect(await dig('+short', 'www.google.com')).toMatch(/^198\.1[89]\./);
      expect(await dig('+short', 'www.bbc.co.uk')).toMatch(/^198\.1[89]\./);
      for (const name of ['direct.example', 'google.com', 'co.uk']) expect(askedHere(name), name).toEqual([]);
      const { warnings } = await mirage.json<Snapshot>('status');
      expect(warnings.find(({ code }) => code === 'DNS_SEARCH_PUBLIC')?.text).toContain('direct.example');
      const log = await mirage.json<DnsRow[]>('dump', 'dns');
      expect(log.find((row) => row.name === 'direct.example' && row.type === '')).toMatchObject({ verdict: 'refused' });
    });

    test("gives the network's own names their addresses, and the proxy is told these", async () => {
      const portal = await curl('http://portal/');
      expect(portal.stdout, portal.stderr).toContain('host=portal client=203.0.113.1');
      expect((await mirage.connections()).find((row) => row.destination.host === 'portal.lan.example')).toBeDefined();
      expect(askedThere('portal')).toEqual([]);
    });
  });

  test('by name at the mixed port, a host of the network reaches the proxy as its address', async () => {
    const through = (name: string) => curl('-x', 'socks5h://127.0.0.1:7890', `http://${name}/`);
    for (const name of ['portal.lan.example', 'portal']) {
      expect((await through(name)).stdout).toContain(`host=${name} client=203.0.113.1`);
    }
    expect((await through('typo.lan')).code).not.toBe(0);
    expect(askedThere('portal').concat(askedThere('typo'))).toEqual([]);
  });

  test('in redir-host, names of the network are dialled by their address', async () => {
    await mirage.json('dns-mode', 'redir-host');
    const portal = await curl('http://portal/');
    expect(portal.stdout, portal.stderr).toContain('host=portal client=203.0.113.1');
    expect(await dig('x.onion')).toContain('status: NXDOMAIN');
    expect(askedThere('portal')).toEqual([]);
    await mirage.json('dns-mode', 'profile');
  });
});
