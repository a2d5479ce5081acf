import { beforeEach, describe, expect, test } from 'vitest';
import { ipToBytes } from '../../../../core/base/address.ts';
import { AppError } from '../../../../core/base/app-error.ts';
import { createLogger } from '../../../../core/base/logger.ts';
import type { FakeIpPool } from '../../../../core/dns/fake-ip/fake-ip-pool.ts';
import { FakeIp6Range } from '../../../../core/dns/fake-ip/fake-ip6-range.ts';
import { AddressMemory } from '../../../../core/dns/names/address-memory.ts';
import { FakeIpFilter } from '../../../../core/dns/names/filter.ts';
import { HostTable } from '../../../../core/dns/names/hosts.ts';
import { MissingNames } from '../../../../core/dns/names/missing-names.ts';
import { NetworkNames } from '../../../../core/dns/names/network-names.ts';
import { hasPrivateAddress } from '../../../../core/dns/names/private-address.ts';
import type { Question } from '../../../../core/dns/resolver/resolver.ts';
import { denialSoa } from '../../../../core/dns/resolver/soa.ts';
import { DnsRouter, type DnsRouterOptions } from '../../../../core/dns/router/dns-router.ts';
import type { NamePolicy } from '../../../../core/dns/router/name-ways.ts';
import { type DnsMessage, queryFor, responseTo } from '../../../../core/net/dns-message.ts';
import { MemoryStateStore } from '../../../../core/state/memory-state-store.ts';
import { ManualClock } from '../../../support/manual-clock.ts';
import { makePool } from '../fake-ip/pool-fixture.ts';
import { ScriptedResolver, TableResolver } from '../resolver/scripted-resolver.ts';
import { record } from '../upstream/fake-upstream.ts';

const never = new AbortController().signal;
const client = '192.168.1.7';
let pool: FakeIpPool;
let upstream: TableResolver;
let lines: string[];
let router: DnsRouter;
let clock: ManualClock;
let missing: MissingNames;
/** Asked through the outbound `far`. */
let remote: TableResolver;
let memory: AddressMemory;
/** Names that go DIRECT for sure. */
let direct: Set<string>;

beforeEach(() => {
  pool = makePool(new MemoryStateStore(), { range: '198.18.0.0/16' });
  upstream = new TableResolver({
    'TXT example.com': [record('example.com', 'TXT', [Buffer.from('hello')])],
    'A captive.apple.com': [record('captive.apple.com', 'A', '192.0.2.17', 120)],
    'HTTPS captive.apple.com': [record('captive.apple.com', 'HTTPS', Buffer.from([0, 1, 0]))],
    'A broken.lan': 'throw',
    'A lame.lan': 'SERVFAIL',
    'A nas.lan': [record('nas.lan', 'A', '192.168.1.2')],
    'NS ': [record('.', 'NS', 'a.root-servers.net')],
    'A nas.home.example': [record('nas.home.example', 'A', '192.168.1.3')],
    'A here.example': [record('here.example', 'A', '192.0.2.80')],
    'A six.example': 'NOERROR',
    'AAAA six.example': [record('six.example', 'AAAA', '2001:db8::80')],
    'A mail.example': 'NOERROR',
    'AAAA mail.example': 'NOERROR',
    'A ill.example': 'SERVFAIL',
    'AAAA ill.example': 'SERVFAIL',
    'A lame.example': 'REFUSED',
    'AAAA lame.example': 'NOERROR',
    'A only6.example': 'REFUSED',
    'AAAA only6.example': [record('only6.example', 'AAAA', '2001:db8::80')],
    'A deaf.example': 'throw',
  });
  lines = [];
  clock = new ManualClock();
  missing = new MissingNames(clock);
  remote = new TableResolver({
    'A found.example': [record('found.example', 'A', '192.0.2.81')],
    'A unwell.example': 'throw',
  });
  memory = new AddressMemory(clock);
  direct = new Set();
  router = make();
});

/** `direct` names go DIRECT, `named` ones to the outbound `far` by a rule about them, as all others do by MATCH. */
const policyOf = (name: string): NamePolicy => {
  const surelyDirect = direct.has(name);
  const way = surelyDirect ? 'direct' : name.endsWith('rejected.example') ? 'rejected' : 'proxied';
  const tag = surelyDirect ? 'DIRECT' : name.endsWith('.dumb.example') ? 'dumb' : 'far';
  return { surelyDirect, way, tag, named: name.startsWith('named.'), mayTake: (other) => other === tag };
};
const networkOf = (
  domains: string[],
  isPublic: (domain: string) => boolean | undefined = () => false,
  ndots = 1,
): NetworkNames =>
  new NetworkNames({
    searchList: { domains, ndots, revision: 0 },
    policyRevision: () => 0,
    ruling: (name) => (policyOf(name).named ? (direct.has(name) ? 'direct' : 'proxied') : undefined),
    isDirect: (name) => direct.has(name),
    isPublic: async (domain) => await Promise.resolve(isPublic(domain)),
    hasPrivateAddress: (name, signal) => hasPrivateAddress(upstream, name, signal),
    onPublic: () => undefined,
    clock,
  });

const redirHost = { current: 'redir-host', revision: 0 } as const;
const make = (change: Partial<DnsRouterOptions> = {}): DnsRouter =>
  new DnsRouter({
    pool,
    fake6: undefined,
    hosts: new HostTable({
      'static.example': ['192.0.2.1', '192.0.2.2', '2001:db8::1'],
      'four.example': '192.0.2.4',
      'alias.example': 'target.example',
      'local-alias.example': 'nas.lan',
      'deep.example': 'four.example',
    }),
    filter: new FakeIpFilter({ mode: 'blacklist', patterns: [] }),
    network: networkOf(['home.example']),
    resolver: upstream,
    directResolver: upstream,
    mode: { current: 'fake-ip', revision: 0 },
    truthful: true,
    policies: { of: policyOf, revision: 0 },
    hasServers: (name) => name.endsWith('.policy.test'),
    answersByCode: (name) => name === 'coded.example',
    missing,
    remote: (tag) => (tag === 'far' ? remote : undefined),
    memory,
    blockDoh: false,
    ipv6: true,
    ttl: 1,
    clock,
    logger: createLogger((line) => lines.push(`${line.component}: ${line.text}`), {
      component: 'test',
      enabled: () => true,
      now: () => clock.now(),
    }),
    ...change,
  });

const ask = async (name: string, type: string, change: Partial<DnsMessage> = {}) =>
  await router.answer({ ...queryFor(77, name, type, undefined), ...change }, client, never);
const soa = [expect.objectContaining({ type: 'SOA', ttl: 5 })];

describe('a name without an exception', () => {
  test('A: a fake address, TTL 1, name as it was asked', async () => {
    const { message, verdict } = await ask('ExAmple.COM', 'A');
    const address = pool.find('example.com')?.address;
    expect(verdict).toBe('fake');
    expect(message).toMatchObject({
      id: 77,
      response: true,
      rcode: 'NOERROR',
      authoritative: false,
      recursionAvailable: true,
      questions: [{ name: 'ExAmple.COM', type: 'A', class: 1 }],
      answers: [{ name: 'ExAmple.COM', type: 'A', ttl: 1, data: address }],
    });
    expect((await ask('example.com', 'A')).message.answers[0]?.data).toBe(address);
    expect(upstream.asked).toEqual([]);
  });

  test.each(['AAAA', 'HTTPS', 'SVCB'])(
    '%s: no such record, with an SOA; nothing is allocated or asked',
    async (type) => {
      expect(await ask('www.example.com', type)).toMatchObject({
        verdict: 'fake',
        message: {
          rcode: 'NOERROR',
          answers: [],
          authorities: [{ name: 'example.com', type: 'SOA', data: { minimum: 5 } }],
        },
      });
      expect(pool.used).toBe(0);
      expect(upstream.asked).toEqual([]);
    },
  );

  test('with an IPv6 range: AAAA and ANY have the same mapping, and its reverse leads back', async () => {
    router = make({ fake6: new FakeIp6Range('fdfe:dcba:9877::/96') });
    const [six] = (await ask('www.example.com', 'AAAA')).message.answers;
    const four = pool.find('www.example.com')?.address ?? '';
    expect(six).toMatchObject({ type: 'AAAA', ttl: 1, data: new FakeIp6Range('fdfe:dcba:9877::/96').addressOf(four) });
    expect((await ask('www.example.com', 'A')).message.answers).toMatchObject([{ data: four }]);
    expect((await ask('www.example.com', 'ANY')).message.answers).toMatchObject([{ data: four }, { data: six?.data }]);
    const digits = Buffer.from(ipToBytes(String(six?.data))).toString('hex');
    const reverse6 = `${digits.split('').toReversed().join('.')}.ip6.arpa`;
    expect((await ask(reverse6, 'PTR')).message.answers).toMatchObject([{ data: 'www.example.com' }]);
    expect((await ask('www.example.com', 'HTTPS')).message.answers).toEqual([]);
  });

  test('ANY: the fake address, never the real records', async () => {
    expect((await ask('example.com', 'ANY')).message.answers).toEqual([
      { name: 'example.com', type: 'A', ttl: 1, data: pool.find('example.com')?.address },
    ]);
    expect(upstream.asked).toEqual([]);
  });

  test.each(['TXT', 'MX', 'SRV', 'NS', 'CNAME', 'SOA', 'CAA', 'SSHFP', 'DS', 'NAPTR', 'TYPE257', 'TYPE65280'])(
    '%s of a proxied name: those behind the proxy alone',
    async (type) => {
      expect(await ask('Found.example', type)).toMatchObject({
        verdict: 'real',
        upstream: 'udp://192.0.2.53:53',
        message: { id: 77, questions: [{ name: 'Found.example' }] },
      });
      expect([upstream.asked, remote.asked]).toEqual([[], [`${type} found.example`]]);
    },
  );

  test('other types of one that goes DIRECT: the upstream', async () => {
    direct.add('example.com');
    expect(await ask('Example.com', 'TXT')).toMatchObject({
      verdict: 'real',
      message: { id: 77, questions: [{ name: 'Example.com' }], answers: [{ type: 'TXT' }] },
    });
    expect([upstream.asked, remote.asked]).toEqual([['TXT example.com'], []]);
  });

  test('other types where nobody behind the outbound can be asked, or that is rejected: refused, and nobody is told', async () => {
    for (const name of ['www.dumb.example', 'rejected.example', '_sip._udp.rejected.example']) {
      expect(await ask(name, 'TXT'), name).toMatchObject({ verdict: 'refused', message: { rcode: 'REFUSED' } });
    }
    expect([upstream.asked, remote.asked]).toEqual([[], []]);
  });

  test('an address for a name that no proxy can be told, or of the reverse tree: those behind the proxy', async () => {
    for (const name of ['a\\000b.example.com', 'b\\255.example.com', 'x\\.y.example.com', '8.8.8.8.in-addr.arpa']) {
      for (const type of ['A', 'AAAA', 'HTTPS', 'PTR', 'TXT']) {
        expect((await ask(name, type)).verdict, `${name} ${type}`).toBe('real');
        expect(remote.asked.splice(0)).toEqual([`${type} ${name}`]);
      }
    }
    expect([upstream.asked, pool.used]).toEqual([[], 0]);
  });

  test('other types that those behind the proxy know nothing of: no such record; the name is there, with its fake address', async () => {
    expect(await ask('Example.com', 'MX')).toMatchObject({
      verdict: 'real',
      message: { rcode: 'NOERROR', answers: [], authorities: [{ name: 'com', type: 'SOA', ttl: 5 }] },
    });
    expect(upstream.asked).toEqual([]);
  });

  test('other types of a name that does not exist or keeps its real answer: as the upstream says', async () => {
    direct.add('gone.example');
    for (const name of ['gone.example', 'gone.lan']) {
      expect(await ask(name, 'MX'), name).toMatchObject({ verdict: 'real', message: { rcode: 'NXDOMAIN' } });
    }
  });
});

describe('a name that keeps its real answer', () => {
  test('A and HTTPS: the upstream, before the pool', async () => {
    expect(await ask('captive.apple.com', 'A')).toMatchObject({
      verdict: 'real',
      message: { answers: [{ data: '192.0.2.17', ttl: 120 }] },
    });
    expect((await ask('captive.apple.com', 'HTTPS')).message.answers).toHaveLength(1);
    expect(pool.used).toBe(0);
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
    expect(pool.used).toBe(0);
  });

  test('in the domain of the network: the same, unless a rule is about the name', async () => {
    memory.remember('192.168.1.3', 'earlier.example');
    expect(await ask('nas.home.example', 'A')).toMatchObject({
      verdict: 'real',
      message: { answers: [{ data: '192.168.1.3' }] },
    });
    expect(memory.lookup('192.168.1.3')).toBe('nas.home.example');
    expect(await ask('typo.home.example', 'A')).toMatchObject({ message: { rcode: 'NXDOMAIN' } });
    expect(router.isPlainFake('nas.home.example')).toBe(false);
    expect(await ask('named.home.example', 'A')).toMatchObject({ verdict: 'fake' });
    expect(router.isPlainFake('named.home.example')).toBe(true);
    expect(await ask('named.by.rule.lan', 'A')).toMatchObject({ verdict: 'fake' });
    expect(remote.asked).toEqual([]);
  });

  test('in a search domain that the internet knows: as if it were in none; the network is not told', async () => {
    router = make({ network: networkOf(['home.example', 'google.com'], (domain) => domain === 'google.com') });
    expect(router.isPlainFake('www.google.com')).toBe(false);
    expect(await ask('www.google.com', 'A')).toMatchObject({ verdict: 'fake' });
    expect(router.isPlainFake('www.google.com')).toBe(true);
    await ask('www.google.com', 'TXT');
    expect([upstream.asked, remote.asked]).toEqual([[], ['TXT www.google.com']]);
  });

  test('made of a name with `ndots`, in such a domain: not there where those behind the proxy deny it', async () => {
    remote = new TableResolver({
      'A a.found.corp.example': [record('a.found.corp.example', 'A', '192.0.2.82')],
      'A not.answered.corp.example': 'throw',
    });
    router = make({ network: networkOf(['corp.example'], () => true, 3) });
    const verdicts = async (...names: string[]) =>
      await Promise.all(names.map(async (name) => (await ask(name, 'A')).verdict));
    expect(await verdicts('example.org.corp.example', 'www.example.org.corp.example', 'example.org')).toEqual([
      'absent',
      'absent',
      'fake',
    ]);
    expect(await verdicts('a.found.corp.example', 'not.answered.corp.example')).toEqual(['fake', 'fake']);
    expect(remote.asked).toHaveLength(4);
    expect(await verdicts('nas.corp.example', 'a.b.c.d.corp.example', 'corp.example')).toEqual([
      'fake',
      'fake',
      'fake',
    ]);
    expect(await verdicts('x.dumb.example', 'xcorp.example')).toEqual(['fake', 'fake']);
    expect([remote.asked.length, upstream.asked, missing.revision]).toEqual([4, [], 0]);
    router = make({ network: networkOf(['corp.example'], () => true) });
    expect(await verdicts('example.org.corp.example')).toEqual(['fake']);
  });

  test('in a domain of which nobody can be asked: the private address that the network has, nothing else of it', async () => {
    upstream = new TableResolver({
      'A wiki.corp.example.com': [record('wiki.corp.example.com', 'A', '10.1.2.3')],
      'A www.corp.example.com': [record('www.corp.example.com', 'A', '203.0.113.4')],
      'A six.corp.example.com': 'NOERROR',
      'AAAA six.corp.example.com': [record('six.corp.example.com', 'AAAA', 'fd00::6')],
    });
    const network = networkOf(['corp.example.com', 'google.com'], () => undefined);
    router = make({ network, resolver: upstream });
    expect((await ask('wiki.corp.example.com', 'A')).message.answers).toMatchObject([{ data: '10.1.2.3' }]);
    expect((await ask('six.corp.example.com', 'AAAA')).message.answers).toMatchObject([{ data: 'fd00::6' }]);
    for (const name of ['www.corp.example.com', 'gone.corp.example.com', 'www.google.com'])
      expect((await ask(name, 'A')).verdict, name).toBe('fake');
    expect(upstream.asked).not.toContain('A www.google.com');
  });

  test('of an upstream that fails or is lame: SERVFAIL', async () => {
    expect(await ask('broken.lan', 'A')).toMatchObject({ verdict: 'error', message: { id: 77, rcode: 'SERVFAIL' } });
    expect(await ask('lame.lan', 'A')).toMatchObject({ verdict: 'real', message: { rcode: 'SERVFAIL' } });
  });

  test('the root', async () => {
    expect((await ask('.', 'NS')).message.answers).toHaveLength(1);
  });
});

describe('hosts', () => {
  test('A, AAAA and ANY: the addresses of that family', async () => {
    expect(await ask('Static.example', 'A')).toMatchObject({
      verdict: 'hosts',
      message: { answers: [{ name: 'Static.example', data: '192.0.2.1', ttl: 1 }, { data: '192.0.2.2' }] },
    });
    expect((await ask('static.example', 'AAAA')).message.answers).toMatchObject([{ data: '2001:db8::1' }]);
    expect((await ask('static.example', 'ANY')).message.answers).toHaveLength(3);
  });

  test('a family without addresses, and HTTPS: no such record', async () => {
    for (const type of ['AAAA', 'HTTPS']) {
      expect(await ask('four.example', type)).toMatchObject({
        verdict: 'hosts',
        message: { rcode: 'NOERROR', answers: [], authorities: soa },
      });
    }
  });

  test('an alias: CNAME first, then what its target gets', async () => {
    expect(await ask('Alias.example', 'A')).toMatchObject({
      verdict: 'fake',
      message: {
        answers: [
          { name: 'Alias.example', type: 'CNAME', data: 'target.example', ttl: 1 },
          { name: 'target.example', type: 'A', data: pool.find('target.example')?.address },
        ],
      },
    });
    expect(await ask('local-alias.example', 'A')).toMatchObject({
      verdict: 'real',
      message: { answers: [{ type: 'CNAME', data: 'nas.lan' }, { data: '192.168.1.2' }] },
    });
    expect(await ask('deep.example', 'A')).toMatchObject({
      verdict: 'hosts',
      message: {
        answers: [
          { type: 'CNAME', data: 'four.example' },
          { name: 'four.example', data: '192.0.2.4' },
        ],
      },
    });
    expect(pool.find('alias.example')).toBeUndefined();
  });

  test('CNAME: the alias itself, or no such record', async () => {
    expect(await ask('Deep.example', 'CNAME')).toMatchObject({
      verdict: 'hosts',
      message: { answers: [{ name: 'Deep.example', type: 'CNAME', data: 'four.example' }], authorities: [] },
    });
    expect(await ask('four.example', 'CNAME')).toMatchObject({ verdict: 'hosts', message: { answers: [] } });
    expect(upstream.asked).toEqual([]);
  });

  test('other types are no matter of hosts, but that the name exists is', async () => {
    expect(await ask('static.example', 'TXT')).toMatchObject({
      verdict: 'real',
      message: { rcode: 'NOERROR', authorities: soa },
    });
  });
});

describe('reverse', () => {
  const reverse = (address: string) => `${address.split('.').toReversed().join('.')}.in-addr.arpa`;

  test('a fake address: its name', async () => {
    const address = pool.allocate('example.com', client);
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
    expect(upstream.asked).toEqual([]);
  });

  test('one of the fake IPv6 prefix in which no fake address is embedded: no such name, and nobody is asked', async () => {
    router = make({ fake6: new FakeIp6Range('fdfe:dcba:9877::/96') });
    const digits = Buffer.from(ipToBytes('fdfe:dcba:9877::c0a8:101')).toString('hex');
    const name = `${digits.split('').toReversed().join('.')}.ip6.arpa`;
    expect(await ask(name, 'PTR')).toMatchObject({ verdict: 'fake', message: { rcode: 'NXDOMAIN', answers: [] } });
    expect(upstream.asked).toEqual([]);
  });

  test('others: as all names; of private addresses: the network; of no host: no such name; loopback: localhost', async () => {
    expect((await ask(reverse('192.168.2.1'), 'PTR')).verdict).toBe('real');
    expect(upstream.asked.splice(0)).toHaveLength(1);
    for (const name of [reverse('8.8.4.4'), '999.9.9.9.in-addr.arpa']) {
      expect((await ask(name, 'PTR')).verdict).toBe('real');
    }
    expect([upstream.asked, remote.asked.length]).toEqual([[], 2]);
    expect(await ask(reverse('192.0.2.1'), 'PTR')).toMatchObject({ verdict: 'local', message: { rcode: 'NXDOMAIN' } });
    for (const name of [reverse('127.0.0.1'), `1.${'0.'.repeat(31)}ip6.arpa`]) {
      expect(await ask(name, 'PTR')).toMatchObject({ verdict: 'local', message: { answers: [{ data: 'localhost' }] } });
    }
  });
});

describe('names with a meaning', () => {
  test('use-application-dns.net does not exist', async () => {
    for (const type of ['A', 'AAAA', 'TXT']) {
      expect(await ask('use-application-dns.net', type)).toMatchObject({
        verdict: 'blocked',
        message: { rcode: 'NXDOMAIN', authorities: soa },
      });
    }
  });

  test('localhost is the loopback, below too', async () => {
    expect((await ask('localhost', 'A')).message.answers).toMatchObject([{ data: '127.0.0.1' }]);
    expect((await ask('app.localhost', 'AAAA')).message.answers).toMatchObject([{ data: '::1' }]);
    expect(await ask('localhost', 'TXT')).toMatchObject({
      verdict: 'local',
      message: { answers: [], authorities: soa },
    });
    expect(upstream.asked).toEqual([]);
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
      expect([upstream.asked, remote.asked, pool.used]).toEqual([[], [], 0]);
      expect([router.isPlainFake(name), router.isAbsent(name)]).toEqual([false, true]);
    },
  );

  test('that was denied is not told to the network by what a resolver makes of it with its search list', async () => {
    for (const name of ['x.onion', 'foo.invalid', 'shop.test']) {
      await ask(name, 'A');
      expect(await ask(`${name}.home.example`, 'A')).toMatchObject({ message: { rcode: 'NXDOMAIN' } });
    }
    expect([upstream.asked, remote.asked]).toEqual([[], []]);
  });

  test("this network's encrypted resolvers are not found behind us (RFC 9462)", async () => {
    expect(await ask('_dns.resolver.arpa', 'SVCB')).toMatchObject({
      verdict: 'local',
      message: { rcode: 'NOERROR', answers: [], authorities: soa },
    });
    expect(upstream.asked).toEqual([]);
  });

  test('a person may have a use for some: a rule, nameserver-policy, hosts or the network decide then', async () => {
    expect(await ask('named.onion', 'A')).toMatchObject({ verdict: 'fake' });
    await ask('a.policy.test', 'A');
    expect(upstream.asked.splice(0)).toEqual(['A a.policy.test']);
    router = make({ network: networkOf(['office.test']), hosts: new HostTable({ 'dev.test': ['127.0.0.1'] }) });
    await ask('nas.office.test', 'A');
    expect(upstream.asked.splice(0)).toEqual(['A nas.office.test']);
    expect(await ask('dev.test', 'A')).toMatchObject({ verdict: 'hosts' });
    expect(await ask('dev.test', 'TXT')).toMatchObject({ verdict: 'local', message: { rcode: 'NOERROR' } });
    expect(await ask('named.invalid', 'A')).toMatchObject({ message: { rcode: 'NXDOMAIN' } });
    expect([upstream.asked, remote.asked]).toEqual([[], []]);
  });

  test('in redir-host as well', async () => {
    router = make({ mode: redirHost });
    expect(await ask('x.onion', 'A')).toMatchObject({ message: { rcode: 'NXDOMAIN' } });
    expect(await ask('nas.lan', 'A')).toMatchObject({ message: { answers: [{ data: '192.168.1.2', ttl: 1 }] } });
    expect(upstream.asked).toEqual(['A nas.lan']);
  });
});

describe('questions that are none', () => {
  const question = { name: 'example.com', type: 'A', class: 1 };
  const edns = { udpSize: 1232, version: 1, dnssecOk: false };

  test.each([
    ['two questions', { questions: [question, question] }, 'FORMERR'],
    ['no question', { questions: [] }, 'FORMERR'],
    ['another class', { questions: [{ ...question, class: 3 }] }, 'NOTIMP'],
    ['another opcode', { opcode: 4 }, 'NOTIMP'],
    ['a later EDNS', { edns }, 'BADVERS'],
    ['a zone transfer', { questions: [{ ...question, type: 'AXFR' }] }, 'REFUSED'],
  ])('%s', async (_, change, rcode) => {
    expect(await ask('example.com', 'A', change)).toMatchObject({ verdict: 'refused', message: { id: 77, rcode } });
    expect(pool.used).toBe(0);
    expect(upstream.asked).toEqual([]);
  });
});

test('a pool that has nothing to give: SERVFAIL', async () => {
  pool.allocateAll = (requests) => requests.map(() => new AppError('FAKE_IP_EXHAUSTED', 'all are in use'));
  expect(await ask('example.com', 'A')).toMatchObject({ verdict: 'error', message: { rcode: 'SERVFAIL' } });
});

test('each question is one line with inputs and verdict', async () => {
  await ask('example.com', 'A');
  await ask('broken.lan', 'A');
  const address = pool.find('example.com')?.address;
  expect(lines).toEqual([
    `dns: question client=${client} name=example.com type=A verdict=fake rcode=NOERROR answer=${address} ms=0`,
    `dns: question client=${client} name=broken.lan type=A verdict=error rcode=SERVFAIL answer="" ms=0 error="DNS_TIMEOUT: no answer"`,
  ]);
});

describe('the truth about a name', () => {
  const resolvers = { slow: new ScriptedResolver() };

  beforeEach(() => {
    resolvers.slow = new ScriptedResolver();
    for (const name of ['here', 'gone', 'six', 'mail', 'ill', 'lame', 'only6', 'deaf']) direct.add(`${name}.example`);
  });

  test('one that goes DIRECT and is there: a fake address, after one question', async () => {
    expect(await ask('here.example', 'A')).toMatchObject({ verdict: 'fake', message: { rcode: 'NOERROR' } });
    expect(upstream.asked).toEqual(['A here.example']);
  });

  test("the question takes a place of the asker's", async () => {
    direct.add('six.example').add('here.example');
    const clients: unknown[] = [];
    const directResolver = {
      query: async (question: Question) => {
        clients.push(question.client);
        return await upstream.query(question);
      },
    };
    router = make({ directResolver });
    await ask('here.example', 'A');
    await ask('six.example', 'A');
    expect(clients).toEqual([client, client, client]);
  });

  test('one that goes DIRECT and is not there: NXDOMAIN for every type that leads to an address; no address is used up', async () => {
    for (const type of ['A', 'AAAA', 'HTTPS', 'ANY']) {
      expect(await ask('gone.example', type), type).toMatchObject({
        verdict: 'absent',
        upstream: 'udp://192.0.2.53:53',
        message: { rcode: 'NXDOMAIN', answers: [], authorities: soa },
      });
    }
    expect(pool.used).toBe(0);
  });

  test('"no address" counts only when both families say so: a host may have IPv6 alone', async () => {
    expect(await ask('six.example', 'A')).toMatchObject({ verdict: 'fake', message: { answers: [{ type: 'A' }] } });
    expect(await ask('mail.example', 'A')).toMatchObject({
      verdict: 'absent',
      message: { rcode: 'NOERROR', answers: [], authorities: soa },
    });
  });

  test("an upstream's trouble: SERVFAIL as it came; silence is no denial, nor is trouble with one family of addresses", async () => {
    for (const name of ['ill.example', 'lame.example']) {
      expect(await ask(name, 'A'), name).toMatchObject({ verdict: 'error', message: { rcode: 'SERVFAIL' } });
    }
    expect(await ask('only6.example', 'A')).toMatchObject({ verdict: 'fake', message: { answers: [{ type: 'A' }] } });
    expect(await ask('deaf.example', 'A')).toMatchObject({ verdict: 'fake' });
  });

  test('is waited for a second at most; the question goes on, for the dialler', async () => {
    router = make({ directResolver: resolvers.slow });
    const answer = ask('here.example', 'A');
    await clock.advance(999);
    expect(pool.used).toBe(0);
    await clock.advance(1);
    expect(await answer).toMatchObject({ verdict: 'fake' });
    expect(resolvers.slow.asked[0]?.signal.aborted).toBe(false);
  });

  test('of one that is proxied or undecided is not asked here; once known to be missing it is told', async () => {
    expect(await ask('far.dumb.example', 'A')).toMatchObject({ verdict: 'fake' });
    const denial = { ...queryFor(0, 'far.dumb.example', 'A', undefined), rcode: 'NXDOMAIN' };
    missing.add(
      'far.dumb.example',
      { ...denial, authorities: [denialSoa('far.dumb.example')] },
      'https://192.0.2.1',
      'dumb',
    );
    for (const type of ['A', 'AAAA', 'HTTPS']) {
      expect(await ask('far.dumb.example', type)).toMatchObject({
        verdict: 'absent',
        upstream: 'https://192.0.2.1',
        message: { rcode: 'NXDOMAIN', authorities: soa },
      });
    }
    await clock.advance(5_000);
    expect(await ask('far.dumb.example', 'A')).toMatchObject({ verdict: 'fake' });
    expect(upstream.asked).toEqual([]);
  });

  test('counts only as long as its connections may go by the outbound that denied it', async () => {
    const denial = { ...queryFor(0, 'far.example', 'A', undefined), rcode: 'NXDOMAIN' };
    missing.add('far.example', { ...denial, authorities: [denialSoa('far.example')] }, 'https://192.0.2.1', 'former');
    expect(router.isPlainFake('far.example')).toBe(true);
    expect(await ask('far.example', 'A')).toMatchObject({ verdict: 'fake' });
    expect(remote.asked).toEqual([]);
  });

  test('of one that was missing lately is asked by the same way before it gets an address again', async () => {
    const denial = { ...queryFor(0, '', 'A', undefined), rcode: 'NXDOMAIN' };
    for (const name of ['still.example', 'found.example', 'unwell.example']) {
      missing.add(name, { ...denial, authorities: [denialSoa(name)] }, 'https://192.0.2.1', 'far');
    }
    await clock.advance(5_000);
    expect(router.isPlainFake('still.example')).toBe(false);
    expect(await ask('still.example', 'AAAA')).toMatchObject({ verdict: 'absent', message: { rcode: 'NXDOMAIN' } });
    expect(await ask('found.example', 'A')).toMatchObject({ verdict: 'fake' });
    expect(await ask('unwell.example', 'A')).toMatchObject({ verdict: 'fake' });
    expect(remote.asked).toEqual(['A still.example', 'A found.example', 'A unwell.example']);
    expect(['still', 'found', 'unwell'].map((name) => router.isPlainFake(`${name}.example`))).toEqual([
      false,
      true,
      false,
    ]);
    await clock.advance(300_000);
    expect(await ask('still.example', 'A')).toMatchObject({ verdict: 'fake' });
    expect(remote.asked).toHaveLength(3);
    expect(upstream.asked).toEqual([]);
  });

  test("is not undone by the resolver's search list; a name of its own under a like name is one", async () => {
    await ask('gone.example', 'A');
    for (const type of ['A', 'AAAA']) {
      expect(await ask('gone.example.lan.example', type)).toMatchObject({
        verdict: 'absent',
        message: { rcode: 'NXDOMAIN', authorities: [{ type: 'SOA', name: 'example.lan.example' }] },
      });
    }
    expect(router.isPlainFake('gone.example.lan.example')).toBe(false);
    expect(await ask('www.gone.example', 'A')).toMatchObject({ verdict: 'fake' });
    direct.add('gone.example.here.example');
    upstream.asked.splice(0);
    await ask('gone.example.here.example', 'A');
    expect(upstream.asked).toEqual(['A gone.example.here.example']);
    await clock.advance(5_000);
    expect(await ask('gone.example.lan.example', 'A')).toMatchObject({ verdict: 'fake' });
  });

  test('is told of what a resolver makes of it with the domain of the network, too', async () => {
    await ask('gone.example', 'A');
    upstream.asked.splice(0);
    expect(await ask('gone.example.home.example', 'A')).toMatchObject({ verdict: 'absent' });
    expect(upstream.asked).toEqual([]);
  });

  test('is kept to oneself with `truthful: off`', async () => {
    router = make({ truthful: false });
    expect(await ask('gone.example', 'A')).toMatchObject({ verdict: 'fake' });
    expect(upstream.asked).toEqual([]);
  });
});

describe('connections to real addresses', () => {
  test('have the name that was answered with them last, also one that the filter keeps', async () => {
    memory.remember('192.0.2.17', 'earlier.example');
    await ask('captive.apple.com', 'A');
    expect(memory.lookup('192.0.2.17')).toBe('captive.apple.com');
  });

  test('of hosts have none, which a proxy would not know: also none of an earlier answer', async () => {
    memory.remember('192.0.2.4', 'earlier.example');
    await ask('deep.example', 'A');
    expect(memory.lookup('192.0.2.4')).toBeUndefined();
  });
});

describe('redir-host', () => {
  test('real addresses with TTL 1, remembered with their name; hints that lead around us are left out', async () => {
    router = make({ mode: redirHost });
    expect(await ask('here.example', 'A')).toMatchObject({
      verdict: 'real',
      message: { answers: [{ data: '192.0.2.80', ttl: 1 }] },
    });
    expect(memory.lookup('192.0.2.80')).toBe('here.example');
    expect(await ask('here.example', 'HTTPS')).toMatchObject({ verdict: 'local', message: { answers: [] } });
    expect(await ask('gone.example', 'A')).toMatchObject({ verdict: 'real', message: { rcode: 'NXDOMAIN' } });
    expect(pool.used).toBe(0);
  });

  test('without IPv6 there are no AAAA records', async () => {
    router = make({ mode: redirHost, ipv6: false });
    expect(await ask('six.example', 'AAAA')).toMatchObject({ verdict: 'local', message: { answers: [] } });
  });

  test('without IPv6 nothing in an answer leads there: no AAAA for ANY, no hint beside other parameters', async () => {
    const hints = Uint8Array.from([
      0,
      1,
      0,
      0,
      4,
      0,
      4,
      192,
      0,
      2,
      1,
      0,
      6,
      0,
      16,
      ...Array.from({ length: 16 }, () => 1),
    ]);
    const found = {
      'ANY captive.apple.com': [
        record('captive.apple.com', 'A', '192.0.2.1'),
        record('captive.apple.com', 'AAAA', '2001:db8::1'),
      ],
      'HTTPS captive.apple.com': [record('captive.apple.com', 'HTTPS', hints)],
    };
    for (const [ipv6, any, length] of [
      [true, ['A', 'AAAA'], 31],
      [false, ['A'], 11],
    ] as const) {
      router = make({ ipv6, resolver: new TableResolver(found) });
      expect((await ask('captive.apple.com', 'ANY')).message.answers.map(({ type }) => type)).toEqual(any);
      expect((await ask('captive.apple.com', 'HTTPS')).message.answers[0]?.data).toHaveLength(length);
    }
  });
});

describe('what the pool alone answers', () => {
  test('is exactly what the long way answers with a fake address and without asking', async () => {
    direct.add('direct.example.com');
    const names = [
      'example.com',
      'a.b.example.com',
      'direct.example.com',
      'static.example',
      'alias.example',
      'nas.lan',
      'localhost',
      'x.localhost',
      'single',
      'use-application-dns.net',
      'captive.apple.com',
      '10.1.2.3',
      'x.onion',
      'named.onion',
      'a.arpa',
      'wiki.home.example',
    ];
    await ask('first.home.example', 'A');
    upstream.asked.splice(0);
    for (const name of names) {
      const { verdict } = await ask(name, 'A');
      const asked = upstream.asked.splice(0).length > 0;
      expect([name, router.isPlainFake(name)]).toEqual([
        name,
        verdict === 'fake' && !asked && name !== 'alias.example',
      ]);
    }
    expect(make({ mode: redirHost }).isPlainFake('example.com')).toBe(false);
    expect(make({ blockDoh: true }).isPlainFake('dns.google')).toBe(false);
    expect(make({ truthful: false }).isPlainFake('direct.example.com')).toBe(true);
  });

  test('a name that becomes missing is none, and what was remembered is to be forgotten', () => {
    const { generation } = router;
    expect(router.isPlainFake('gone.example.com')).toBe(true);
    const denial = { ...queryFor(0, 'gone.example.com', 'A', undefined), rcode: 'NXDOMAIN' };
    const message = { ...denial, authorities: [denialSoa('gone.example.com')] };
    missing.add('gone.example.com', message, 'udp://192.0.2.53:53', 'far');
    expect(router.generation).not.toBe(generation);
    expect(router.isPlainFake('gone.example.com')).toBe(false);
  });
});

describe('AD', () => {
  const validated = {
    query: async (asked: Question) => {
      wanted.push(asked.authenticData);
      const message = { ...responseTo(queryFor(1, asked.name, asked.type, undefined), 'NOERROR'), authenticData: true };
      return await Promise.resolve({ message, upstream: 'udp://192.0.2.53:53' });
    },
  };
  let wanted: (boolean | undefined)[];
  beforeEach(() => {
    wanted = [];
    router = make({ resolver: validated });
  });
  const edns = { udpSize: 1_232, version: 0, dnssecOk: true };

  test.each<[string, string, Partial<DnsMessage>, boolean]>([
    ['of who asks with AD', 'captive.apple.com', { authenticData: true }, true],
    ['of who asks with DO', 'captive.apple.com', { edns }, true],
    ['of others', 'captive.apple.com', {}, false],
    ['with an alias of hosts before it', 'local-alias.example', { authenticData: true }, false],
    ['of a fake address', 'example.com', { authenticData: true, edns }, false],
  ])('%s is as the server said, or clear', async (_, name, change, expected) => {
    expect((await ask(name, 'A', change)).message.authenticData).toBe(expected);
    if (name !== 'example.com') expect(wanted).toEqual([change.authenticData]);
  });
});
