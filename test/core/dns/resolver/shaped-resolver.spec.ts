import fc from 'fast-check';
import { beforeEach, describe, expect, test } from 'vitest';
import { ipToBytes, parseIp } from '../../../../core/base/address.ts';
import type { DnsAnswer } from '../../../../core/dns/resolver/resolver.ts';
import { embedded, type Shape, ShapedResolver } from '../../../../core/dns/resolver/shaped-resolver.ts';
import { denialSoa } from '../../../../core/dns/resolver/soa.ts';
import { settle } from '../../../support/manual-clock.ts';
import { record } from '../upstream/fake-upstream.ts';
import { ScriptedResolver } from './scripted-resolver.ts';

const never = new AbortController().signal;
const prefix = '64:ff9b::/96';
let inner: ScriptedResolver;

beforeEach(() => {
  inner = new ScriptedResolver();
});
const ask = (shape: Shape, type: string, signal = never): Promise<DnsAnswer> =>
  new ShapedResolver(inner, shape).query({ name: 'example.com', type }, signal);
const asked = (): string[] => inner.asked.map(({ question }) => `${question.type} ${question.name}`);

test('without parameters questions and answers pass as they are', async () => {
  for (const type of ['A', 'AAAA', 'HTTPS']) {
    const answer = ask({}, type);
    inner.answer({ rcode: 'REFUSED' });
    expect((await answer).message.rcode).toBe('REFUSED');
  }
  expect(asked()).toEqual(['A example.com', 'AAAA example.com', 'HTTPS example.com']);
});

describe('a disabled family', () => {
  test.each([
    ['A', { disableIpv4: true }],
    ['AAAA', { disableIpv6: true }],
    ['AAAA', { disableIpv6: true, dns64: prefix }],
  ])('%s has no records, says a short denial, and nobody is asked', async (type, shape) => {
    const { message, upstream } = await ask(shape, type);
    expect(message).toMatchObject({ rcode: 'NOERROR', answers: [], questions: [{ name: 'example.com', type }] });
    expect(message.authorities).toEqual([denialSoa('example.com')]);
    expect(upstream).toBe("the nameserver's parameters");
    expect(asked()).toEqual([]);
  });

  test('leaves the other one and other types alone', async () => {
    for (const [shape, type] of [
      [{ disableIpv4: true }, 'AAAA'],
      [{ disableIpv6: true }, 'A'],
      [{ disableIpv4: true, disableIpv6: true }, 'TXT'],
    ] as const) {
      const answer = ask(shape, type);
      inner.answer({ answers: [record('example.com', type, 'as it is')] });
      expect((await answer).message.answers).toHaveLength(1);
    }
  });
});

describe('DNS64', () => {
  /** Answers the AAAA question, then the one for A. */
  const synthesise = async (
    first: Parameters<ScriptedResolver['answer']>[0],
    second: Parameters<ScriptedResolver['answer']>[0] = { answers: [record('example.com', 'A', '192.0.2.1', 300)] },
  ): Promise<DnsAnswer> => {
    const answer = ask({ dns64: prefix }, 'AAAA');
    inner.answer(first);
    await settle();
    inner.answer(second);
    return await answer;
  };

  test('makes AAAA records of A records where there are none, through aliases too', async () => {
    const { message, upstream } = await synthesise(
      { answers: [record('example.com', 'CNAME', 'a.example', 300)] },
      {
        answers: [
          record('example.com', 'CNAME', 'a.example', 300),
          record('a.example', 'A', '192.0.2.1', 200),
          record('a.example', 'A', '192.0.2.2', 100),
        ],
      },
    );
    expect(asked()).toEqual(['AAAA example.com', 'A example.com']);
    expect(message).toMatchObject({ rcode: 'NOERROR', questions: [{ name: 'example.com', type: 'AAAA' }] });
    expect(message.answers).toEqual([
      record('example.com', 'CNAME', 'a.example', 300),
      record('a.example', 'AAAA', '64:ff9b::c000:201', 200),
      record('a.example', 'AAAA', '64:ff9b::c000:202', 100),
    ]);
    expect(upstream).toBe('udp://192.0.2.53:53');
  });

  test('keeps them no longer than "no AAAA" holds, and tells that denial no more', async () => {
    const soa = { ...denialSoa('example.com'), ttl: 60 };
    const { message } = await synthesise({ authorities: [soa] });
    expect(message.answers.map(({ ttl }) => ttl)).toEqual([60]);
    expect(message.authorities).toEqual([]);
  });

  test('does nothing where there are AAAA records, or no such name', async () => {
    const real = record('example.com', 'AAAA', '2001:db8::1');
    const there = ask({ dns64: prefix }, 'AAAA');
    inner.answer({ answers: [real] });
    expect((await there).message.answers).toEqual([real]);
    const absent = ask({ dns64: prefix }, 'AAAA');
    inner.answer({ rcode: 'NXDOMAIN' });
    expect((await absent).message.rcode).toBe('NXDOMAIN');
    expect(asked()).toEqual(['AAAA example.com', 'AAAA example.com']);
  });

  test('counts IPv4 addresses in their IPv6 form as none', async () => {
    const { message } = await synthesise({ answers: [record('example.com', 'AAAA', '::ffff:192.0.2.9', 300)] });
    expect(message.answers).toEqual([record('example.com', 'AAAA', '64:ff9b::c000:201', 300)]);
  });

  test.each(['SERVFAIL', 'NOTIMP', 'REFUSED'])(
    'helps where the server says %s to every AAAA question',
    async (rcode) => {
      const { message } = await synthesise({ rcode });
      expect(message).toMatchObject({
        rcode: 'NOERROR',
        answers: [record('example.com', 'AAAA', '64:ff9b::c000:201', 300)],
      });
    },
  );

  test('gives the first answer back where there is nothing to make records of', async () => {
    const soa = denialSoa('example.com');
    for (const second of [{ answers: [] }, { rcode: 'SERVFAIL' }, { rcode: 'NXDOMAIN' }]) {
      const { message } = await synthesise({ authorities: [soa] }, second);
      expect(message).toMatchObject({ rcode: 'NOERROR', answers: [], authorities: [soa] });
    }
    expect((await synthesise({ rcode: 'SERVFAIL' }, { answers: [] })).message.rcode).toBe('SERVFAIL');
  });

  test('does not touch A questions', async () => {
    const answer = ask({ dns64: prefix }, 'A');
    inner.answer({ answers: [record('example.com', 'A', '192.0.2.1')] });
    expect((await answer).message.answers).toEqual([record('example.com', 'A', '192.0.2.1')]);
  });

  test('that cannot ask is an error, not a denial; who gives up ends either question', async () => {
    const failed = ask({ dns64: prefix }, 'AAAA');
    inner.answer();
    await settle();
    inner.fail('DNS_TIMEOUT');
    await expect(failed).rejects.toMatchObject({ code: 'DNS_TIMEOUT' });
    const asker = new AbortController();
    const outcome = ask({ dns64: prefix }, 'AAAA', asker.signal);
    inner.answer();
    await settle();
    asker.abort();
    await expect(outcome).rejects.toMatchObject({ code: 'DNS_IO' });
  });
});

test('an IPv4 address is the last 32 bits of the prefix, whatever it is', () => {
  fc.assert(
    fc.property(fc.ipV4(), fc.ipV6(), (v4, v6) => {
      // An IPv4 address in IPv6 notation is written as IPv4: no prefix of anybody's.
      const network = parseIp(v6);
      fc.pre(network?.includes(':') === true && !network.startsWith('::'));
      const bytes = ipToBytes(embedded(v4, `${v6}/96`));
      expect([...bytes.subarray(12)]).toEqual([...ipToBytes(v4)]);
      expect([...bytes.subarray(0, 12)]).toEqual([...ipToBytes(network).subarray(0, 12)]);
    }),
  );
  expect(embedded('192.0.2.33', '64:ff9b::/96')).toBe('64:ff9b::c000:221');
});
