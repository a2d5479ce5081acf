import { beforeEach, describe, expect, test } from 'vitest';
import { ipToBytes } from '../../../../core/base/address.ts';
import { AppError } from '../../../../core/base/app-error.ts';
import { FakeIp6Range } from '../../../../core/dns/fake-ip/fake-ip6-range.ts';
import type { Question } from '../../../../core/dns/resolver/resolver.ts';
import { type DnsMessage, queryFor, responseTo } from '../../../../core/net/dns-message.ts';
import { client, routerGround, soa } from './router-ground.ts';

const ground = routerGround();
const { ask, make } = ground;

describe('a name without an exception', () => {
  test('A: a fake address, TTL 1, name as it was asked', async () => {
    const { message, verdict } = await ask('ExAmple.COM', 'A');
    const address = ground.pool.find('example.com')?.address;
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
    expect(ground.upstream.asked).toEqual([]);
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
      expect(ground.pool.used).toBe(0);
      expect(ground.upstream.asked).toEqual([]);
    },
  );

  test('with an IPv6 range: AAAA and ANY have the same mapping, and its reverse leads back', async () => {
    ground.router = make({ fake6: new FakeIp6Range('fdfe:dcba:9877::/96') });
    const [six] = (await ask('www.example.com', 'AAAA')).message.answers;
    const four = ground.pool.find('www.example.com')?.address ?? '';
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
      { name: 'example.com', type: 'A', ttl: 1, data: ground.pool.find('example.com')?.address },
    ]);
    expect(ground.upstream.asked).toEqual([]);
  });

  test.each(['TXT', 'MX', 'SRV', 'NS', 'CNAME', 'SOA', 'CAA', 'SSHFP', 'DS', 'NAPTR', 'TYPE257', 'TYPE65280'])(
    '%s of a proxied name: those behind the proxy alone',
    async (type) => {
      expect(await ask('Found.example', type)).toMatchObject({
        verdict: 'real',
        upstream: 'udp://192.0.2.53:53',
        message: { id: 77, questions: [{ name: 'Found.example' }] },
      });
      expect([ground.upstream.asked, ground.remote.asked]).toEqual([[], [`${type} found.example`]]);
    },
  );

  test('other types of one that goes DIRECT: the upstream', async () => {
    ground.direct.add('example.com');
    expect(await ask('Example.com', 'TXT')).toMatchObject({
      verdict: 'real',
      message: { id: 77, questions: [{ name: 'Example.com' }], answers: [{ type: 'TXT' }] },
    });
    expect([ground.upstream.asked, ground.remote.asked]).toEqual([['TXT example.com'], []]);
  });

  test('other types where nobody behind the outbound can be asked, or that is rejected: refused, and nobody is told', async () => {
    for (const name of ['www.dumb.example', 'rejected.example', '_sip._udp.rejected.example']) {
      expect(await ask(name, 'TXT'), name).toMatchObject({ verdict: 'refused', message: { rcode: 'REFUSED' } });
    }
    expect([ground.upstream.asked, ground.remote.asked]).toEqual([[], []]);
  });

  test('an address for a name that no proxy can be told, or of the reverse tree: those behind the proxy', async () => {
    for (const name of ['a\\000b.example.com', 'b\\255.example.com', 'x\\.y.example.com', '8.8.8.8.in-addr.arpa']) {
      for (const type of ['A', 'AAAA', 'HTTPS', 'PTR', 'TXT']) {
        expect((await ask(name, type)).verdict, `${name} ${type}`).toBe('real');
        expect(ground.remote.asked.splice(0)).toEqual([`${type} ${name}`]);
      }
    }
    expect([ground.upstream.asked, ground.pool.used]).toEqual([[], 0]);
  });

  test('other types that those behind the proxy know nothing of: no such record; the name is there, with its fake address', async () => {
    expect(await ask('Example.com', 'MX')).toMatchObject({
      verdict: 'real',
      message: { rcode: 'NOERROR', answers: [], authorities: [{ name: 'com', type: 'SOA', ttl: 5 }] },
    });
    expect(ground.upstream.asked).toEqual([]);
  });

  test('other types of a name that does not exist or keeps its real answer: as the upstream says', async () => {
    ground.direct.add('gone.example');
    for (const name of ['gone.example', 'gone.lan']) {
      expect(await ask(name, 'MX'), name).toMatchObject({ verdict: 'real', message: { rcode: 'NXDOMAIN' } });
    }
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
          { name: 'target.example', type: 'A', data: ground.pool.find('target.example')?.address },
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
    expect(ground.pool.find('alias.example')).toBeUndefined();
  });

  test('CNAME: the alias itself, or no such record', async () => {
    expect(await ask('Deep.example', 'CNAME')).toMatchObject({
      verdict: 'hosts',
      message: { answers: [{ name: 'Deep.example', type: 'CNAME', data: 'four.example' }], authorities: [] },
    });
    expect(await ask('four.example', 'CNAME')).toMatchObject({ verdict: 'hosts', message: { answers: [] } });
    expect(ground.upstream.asked).toEqual([]);
  });

  test('other types are no matter of hosts, but that the name exists is', async () => {
    expect(await ask('static.example', 'TXT')).toMatchObject({
      verdict: 'real',
      message: { rcode: 'NOERROR', authorities: soa },
    });
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
    expect(ground.upstream.asked).toEqual([]);
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
    expect(ground.pool.used).toBe(0);
    expect(ground.upstream.asked).toEqual([]);
  });
});

test('a pool that has nothing to give: SERVFAIL', async () => {
  ground.pool.allocateAll = (requests) => requests.map(() => new AppError('FAKE_IP_EXHAUSTED', 'all are in use'));
  expect(await ask('example.com', 'A')).toMatchObject({ verdict: 'error', message: { rcode: 'SERVFAIL' } });
});

test('each question is one line with inputs and verdict', async () => {
  await ask('example.com', 'A');
  await ask('broken.lan', 'A');
  const address = ground.pool.find('example.com')?.address;
  expect(ground.lines).toEqual([
    `dns: question client=${client} name=example.com type=A verdict=fake rcode=NOERROR answer=${address} ms=0`,
    `dns: question client=${client} name=broken.lan type=A verdict=error rcode=SERVFAIL answer="" ms=0 error="DNS_TIMEOUT: no answer"`,
  ]);
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
    ground.router = make({ resolver: validated });
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
