import { describe, expect, test } from 'vitest';
import { ipToBytes } from '../../../../core/base/address.ts';
import { FakeIp6Range } from '../../../../core/dns/fake-ip/fake-ip6-range.ts';
import { HostTable } from '../../../../core/dns/names/hosts.ts';
import { TableResolver } from '../resolver/scripted-resolver.ts';
import { record } from '../upstream/fake-upstream.ts';
import { client, redirHost, routerGround, soa } from './router-ground.ts';

const ground = routerGround();
const { ask, make, networkOf } = ground;

describe('a name that keeps its real answer', () => {
  test('A and HTTPS: the upstream, before the pool', async () => {
    expect(await ask('captive.apple.com', 'A')).toMatchObject({
      verdict: 'real',
      message: { answers: [{ data: '192.0.2.17', ttl: 120 }] },
    });
    expect((await ask('captive.apple.com', 'HTTPS')).message.answers).toHaveLength(1);
    expect(ground.pool.used).toBe(0);
  });

  test.each([
    'intranet',
    'nas.lan',
    'printer.local',
    'x.internal',
    'y.home.arpa',
    '9.2.168.192.in-addr.arpa',
    '.',
    'a.corp',
  ])('%s is never faked', async (name) => {
    expect((await ask(name, 'A')).verdict).toBe('real');
    expect(ground.pool.used).toBe(0);
  });

  test('in the domain of the network: the same, unless a rule is about the name', async () => {
    ground.memory.remember('192.168.1.3', 'earlier.example');
    expect(await ask('nas.home.example', 'A')).toMatchObject({
      verdict: 'real',
      message: { answers: [{ data: '192.168.1.3' }] },
    });
    expect(ground.memory.lookup('192.168.1.3')).toBe('nas.home.example');
    expect(await ask('typo.home.example', 'A')).toMatchObject({ message: { rcode: 'NXDOMAIN' } });
    expect(ground.router.isPlainFake('nas.home.example')).toBe(false);
    expect(await ask('named.home.example', 'A')).toMatchObject({ verdict: 'fake' });
    expect(ground.router.isPlainFake('named.home.example')).toBe(true);
    expect(await ask('named.by.rule.lan', 'A')).toMatchObject({ verdict: 'fake' });
    expect(ground.remote.asked).toEqual([]);
  });

  test('in a search domain that the internet knows: as if it were in none; the network is not told', async () => {
    ground.router = make({ network: networkOf(['home.example', 'google.com'], (domain) => domain === 'google.com') });
    expect(ground.router.isPlainFake('www.google.com')).toBe(false);
    expect(await ask('www.google.com', 'A')).toMatchObject({ verdict: 'fake' });
    expect(ground.router.isPlainFake('www.google.com')).toBe(true);
    await ask('www.google.com', 'TXT');
    expect([ground.upstream.asked, ground.remote.asked]).toEqual([[], ['TXT www.google.com']]);
  });

  test('made of a name with `ndots`, in such a domain: not there where those behind the proxy deny it', async () => {
    ground.remote = new TableResolver({
      'A a.found.corp.example': [record('a.found.corp.example', 'A', '192.0.2.82')],
      'A not.answered.corp.example': 'throw',
    });
    ground.router = make({ network: networkOf(['corp.example'], () => true, 3) });
    const verdicts = async (...names: string[]) =>
      await Promise.all(names.map(async (name) => (await ask(name, 'A')).verdict));
    expect(await verdicts('example.org.corp.example', 'www.example.org.corp.example', 'example.org')).toEqual([
      'absent',
      'absent',
      'fake',
    ]);
    expect(await verdicts('a.found.corp.example', 'not.answered.corp.example')).toEqual(['fake', 'fake']);
    expect(ground.remote.asked).toHaveLength(4);
    expect(await verdicts('nas.corp.example', 'a.b.c.d.corp.example', 'corp.example')).toEqual([
      'fake',
      'fake',
      'fake',
    ]);
    expect(await verdicts('x.dumb.example', 'xcorp.example')).toEqual(['fake', 'fake']);
    expect([ground.remote.asked.length, ground.upstream.asked, ground.missing.revision]).toEqual([4, [], 0]);
    ground.router = make({ network: networkOf(['corp.example'], () => true) });
    expect(await verdicts('example.org.corp.example')).toEqual(['fake']);
  });

  test('in a domain of which nobody can be asked: the private address that the network has, nothing else of it', async () => {
    ground.upstream = new TableResolver({
      'A wiki.corp.example.com': [record('wiki.corp.example.com', 'A', '10.1.2.3')],
      'A www.corp.example.com': [record('www.corp.example.com', 'A', '203.0.113.4')],
      'A six.corp.example.com': 'NOERROR',
      'AAAA six.corp.example.com': [record('six.corp.example.com', 'AAAA', 'fd00::6')],
    });
    const network = networkOf(['corp.example.com', 'google.com'], () => undefined);
    ground.router = make({ network, resolver: ground.upstream });
    expect((await ask('wiki.corp.example.com', 'A')).message.answers).toMatchObject([{ data: '10.1.2.3' }]);
    expect((await ask('six.corp.example.com', 'AAAA')).message.answers).toMatchObject([{ data: 'fd00::6' }]);
    for (const name of ['www.corp.example.com', 'gone.corp.example.com', 'www.google.com'])
      expect((await ask(name, 'A')).verdict, name).toBe('fake');
    expect(ground.upstream.asked).not.toContain('A www.google.com');
  });

  test('of an upstream that fails or is lame: SERVFAIL', async () => {
    expect(await ask('broken.lan', 'A')).toMatchObject({ verdict: 'error', message: { id: 77, rcode: 'SERVFAIL' } });
    expect(await ask('lame.lan', 'A')).toMatchObject({ verdict: 'real', message: { rcode: 'SERVFAIL' } });
  });

  test('the root', async () => {
    expect((await ask('.', 'NS')).message.answers).toHaveLength(1);
  });
});

describe('reverse', () => {
  const reverse = (address: string) => `${address.split('.').toReversed().join('.')}.in-addr.arpa`;

  test('a fake address: its name', async () => {
    const address = ground.pool.allocate('example.com', client);
    expect(await ask(reverse(address), 'PTR')).toMatchObject({
      verdict: 'fake',
      message: { answers: [{ type: 'PTR', data: 'example.com', ttl: 1 }] },
    });
  });

  test('one without a name, or reserved: no such name, and nobody is asked', async () => {
    for (const address of ['198.18.9.9', '198.18.0.2']) {
      expect(await ask(reverse(address), 'PTR')).toMatchObject({
        verdict: 'fake',
        message: { rcode: 'NXDOMAIN', authorities: soa },
      });
    }
    expect(ground.upstream.asked).toEqual([]);
  });

  test('one of the fake IPv6 prefix in which no fake address is embedded: no such name, and nobody is asked', async () => {
    ground.router = make({ fake6: new FakeIp6Range('fdfe:dcba:9877::/96') });
    const digits = Buffer.from(ipToBytes('fdfe:dcba:9877::c0a8:101')).toString('hex');
    const name = `${digits.split('').toReversed().join('.')}.ip6.arpa`;
    expect(await ask(name, 'PTR')).toMatchObject({ verdict: 'fake', message: { rcode: 'NXDOMAIN', answers: [] } });
    expect(ground.upstream.asked).toEqual([]);
  });

  test('others: as all names; of private addresses: the network; of no host: no such name; loopback: localhost', async () => {
    expect((await ask(reverse('192.168.2.1'), 'PTR')).verdict).toBe('real');
    expect(ground.upstream.asked.splice(0)).toHaveLength(1);
    for (const name of [reverse('8.8.4.4'), '999.9.9.9.in-addr.arpa']) {
      expect((await ask(name, 'PTR')).verdict).toBe('real');
    }
    expect([ground.upstream.asked, ground.remote.asked.length]).toEqual([[], 2]);
    expect(await ask(reverse('192.0.2.1'), 'PTR')).toMatchObject({ verdict: 'local', message: { rcode: 'NXDOMAIN' } });
    for (const name of [reverse('127.0.0.1'), `1.${'0.'.repeat(31)}ip6.arpa`]) {
      expect(await ask(name, 'PTR')).toMatchObject({ verdict: 'local', message: { answers: [{ data: 'localhost' }] } });
    }
  });
});

describe('special names (RFC 6761 and others)', () => {
  test.each(['x.onion', 'foo.invalid', 'shop.test', 'a.alt', '6tisch.arpa', '10.1.2.3', '80.113.0.203.in-addr.arpa'])(
    '%s does not exist, and nobody is told',
    async (name) => {
      for (const type of ['A', 'AAAA', 'TXT', 'ANY', 'PTR', 'HTTPS']) {
        expect(await ask(name, type), type).toMatchObject({
          verdict: 'local',
          message: { rcode: 'NXDOMAIN', answers: [], authorities: soa },
        });
      }
      expect([ground.upstream.asked, ground.remote.asked, ground.pool.used]).toEqual([[], [], 0]);
      expect([ground.router.isPlainFake(name), ground.router.isAbsent(name)]).toEqual([false, true]);
    },
  );

  test('that was denied is not told to the network by what a resolver makes of it with its search list', async () => {
    for (const name of ['x.onion', 'foo.invalid', 'shop.test']) {
      await ask(name, 'A');
      expect(await ask(`${name}.home.example`, 'A')).toMatchObject({ message: { rcode: 'NXDOMAIN' } });
    }
    expect([ground.upstream.asked, ground.remote.asked]).toEqual([[], []]);
  });

  test("this network's encrypted resolvers are not found behind us (RFC 9462)", async () => {
    expect(await ask('_dns.resolver.arpa', 'SVCB')).toMatchObject({
      verdict: 'local',
      message: { rcode: 'NOERROR', answers: [], authorities: soa },
    });
    expect(ground.upstream.asked).toEqual([]);
  });

  test('a person may have a use for some: a rule, nameserver-policy, hosts or the network decide then', async () => {
    expect(await ask('named.onion', 'A')).toMatchObject({ verdict: 'fake' });
    await ask('a.policy.test', 'A');
    expect(ground.upstream.asked.splice(0)).toEqual(['A a.policy.test']);
    ground.router = make({ network: networkOf(['office.test']), hosts: new HostTable({ 'dev.test': ['127.0.0.1'] }) });
    await ask('nas.office.test', 'A');
    expect(ground.upstream.asked.splice(0)).toEqual(['A nas.office.test']);
    expect(await ask('dev.test', 'A')).toMatchObject({ verdict: 'hosts' });
    expect(await ask('dev.test', 'TXT')).toMatchObject({ verdict: 'local', message: { rcode: 'NOERROR' } });
    expect(await ask('named.invalid', 'A')).toMatchObject({ message: { rcode: 'NXDOMAIN' } });
    expect([ground.upstream.asked, ground.remote.asked]).toEqual([[], []]);
  });

  test('in redir-host as well', async () => {
    ground.router = make({ mode: redirHost });
    expect(await ask('x.onion', 'A')).toMatchObject({ message: { rcode: 'NXDOMAIN' } });
    expect(await ask('nas.lan', 'A')).toMatchObject({ message: { answers: [{ data: '192.168.1.2', ttl: 1 }] } });
    expect(ground.upstream.asked).toEqual(['A nas.lan']);
  });
});

describe('connections to real addresses', () => {
  test('have the name that was answered with them last, also one that the filter keeps', async () => {
    ground.memory.remember('192.0.2.17', 'earlier.example');
    await ask('captive.apple.com', 'A');
    expect(ground.memory.lookup('192.0.2.17')).toBe('captive.apple.com');
  });

  test('of hosts have none, which a proxy would not know: also none of an earlier answer', async () => {
    ground.memory.remember('192.0.2.4', 'earlier.example');
    await ask('deep.example', 'A');
    expect(ground.memory.lookup('192.0.2.4')).toBeUndefined();
  });
});
