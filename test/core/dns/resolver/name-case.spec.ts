import { randomBytes } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { normaliseDomain } from '../../../../core/base/domain.ts';
import { mixedCase, withAskedCase } from '../../../../core/dns/resolver/name-case.ts';
import { decodeMessage } from '../../../../core/net/dns-decoder.ts';
import { encodeMessage } from '../../../../core/net/dns-encoder.ts';
import { queryFor, responseTo } from '../../../../core/net/dns-message.ts';
import { record } from '../upstream/fake-upstream.ts';

const label = fc.stringMatching(/^[a-z0-9_-]{1,20}$/);
const domain = fc.array(label, { minLength: 1, maxLength: 6 }).map((labels) => labels.join('.'));

test('only the case of letters changes, and a message carries it', () => {
  fc.assert(
    fc.property(domain, (name) => {
      const sent = mixedCase(name, randomBytes);
      expect(normaliseDomain(sent)).toBe(name);
      const decoded = decodeMessage(encodeMessage(queryFor(1, sent, 'A', undefined)));
      expect(decoded.ok && decoded.message.questions[0]?.name).toBe(sent);
    }),
  );
});

test('each letter is as likely to be of either case', () => {
  const name = 'a'.repeat(60);
  const capitals = Array.from({ length: 100 }, () => mixedCase(name, randomBytes).replaceAll('a', '').length);
  const share = capitals.reduce((sum, count) => sum + count, 0) / 6_000;
  expect(share).toBeGreaterThan(0.4);
  expect(share).toBeLessThan(0.6);
});

test('bytes that are no letters, the root and escapes stay as they are', () => {
  const all = (bytes: number): Uint8Array => new Uint8Array(bytes).fill(255);
  expect(mixedCase('', all)).toBe('');
  expect(mixedCase('1.0-_.', all)).toBe('1.0-_.');
  expect(mixedCase('a\\255\\046.ß.b', all)).toBe('A\\255\\046.ß.B');
});

describe('the case as asked', () => {
  test('comes back for the name and for the ends of other names', () => {
    const answer = {
      ...responseTo(queryFor(1, 'wWw.ExAmple.cOm', 'A', undefined), 'NOERROR'),
      answers: [
        record('wWw.ExAmple.cOm', 'CNAME', 'cdn.ExAmple.cOm'),
        record('cdn.ExAmple.cOm', 'CNAME', 'Edge.Net'),
        record('Edge.Net', 'TXT', ['ExAmple.cOm']),
      ],
      authorities: [record('cOm', 'SOA', { mname: 'ns.cOm', rname: 'HostMaster.cOm', serial: 1 })],
    };
    const back = withAskedCase(answer, 'wWw.ExAmple.cOm', 'www.example.com');
    expect(back.questions[0]?.name).toBe('www.example.com');
    expect(back.answers).toEqual([
      record('www.example.com', 'CNAME', 'cdn.example.com'),
      record('cdn.example.com', 'CNAME', 'Edge.Net'),
      record('Edge.Net', 'TXT', ['ExAmple.cOm']),
    ]);
    expect(back.authorities).toEqual([record('com', 'SOA', { mname: 'ns.com', rname: 'HostMaster.com', serial: 1 })]);
  });

  test('is what it was, whatever the mix, for records that point at the question', () => {
    fc.assert(
      fc.property(domain, label, (name, below) => {
        const sent = mixedCase(name, randomBytes);
        const make = (text: string) => ({
          ...responseTo(queryFor(1, text, 'A', undefined), 'NOERROR'),
          answers: [record(text, 'CNAME', `${below}.${text}`), record(`${below}.${text}`, 'A', '192.0.2.1')],
        });
        expect(withAskedCase(make(sent), sent, name)).toEqual(make(name));
      }),
    );
  });
});
