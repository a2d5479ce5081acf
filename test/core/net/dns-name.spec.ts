import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { decodeMessage } from '../../../core/net/dns-decoder.ts';
import { encodeMessage } from '../../../core/net/dns-encoder.ts';
import { queryFor, responseTo } from '../../../core/net/dns-message.ts';
import { decodeName, encodeName } from '../../../core/net/dns-name.ts';

const bytes = (...labels: (string | number[])[]) =>
  Uint8Array.from([...labels.flatMap((label) => [label.length, ...Buffer.from(label as string)]), 0]);

describe('text', () => {
  test.each([
    ['plain', bytes('Example', 'COM'), 'Example.COM'],
    ['root', bytes(), '.'],
    ['a dot in a label', bytes('a.b', 'com'), String.raw`a\046b.com`],
    ['a backslash', bytes('a\\b', 'com'), String.raw`a\\b.com`],
    ['NUL and line breaks', bytes([0, 10], 'com'), String.raw`\000\010.com`],
    ['no UTF-8', bytes([0x61, 0xff, 0x80], 'com'), String.raw`a\255\128.com`],
    ['UTF-8', bytes([...Buffer.from('münchen')], 'example'), 'münchen.example'],
  ])('%s', (_, wire, text) => {
    expect(decodeName(wire, 0)).toEqual({ text, end: wire.length });
    expect(encodeName(text)).toEqual(wire);
  });

  test('a dot may be escaped as people write it, and a trailing one is allowed', () => {
    expect(encodeName(String.raw`a\.b.com.`)).toEqual(bytes('a.b', 'com'));
  });

  test.each(['a..b', '.a', 'a\\', String.raw`\256.com`, String.raw`\12.com`, `${'a'.repeat(64)}.com`])(
    'no name: %s',
    (text) => {
      expect(encodeName(text)).toBeUndefined();
    },
  );

  test('253 characters fit, 254 do not', () => {
    const longest = `${'a'.repeat(63)}.${'b'.repeat(63)}.${'c'.repeat(63)}.${'d'.repeat(61)}`;
    expect(encodeName(longest)).toHaveLength(255);
    expect(encodeName(`${longest}d`)).toBeUndefined();
  });
});

const anyName = fc
  .array(fc.uint8Array({ minLength: 1, maxLength: 63 }), { maxLength: 6 })
  .filter((labels) => labels.reduce((sum, label) => sum + label.length + 1, 1) <= 255)
  .map((labels) => Uint8Array.from([...labels.flatMap((label) => [label.length, ...label]), 0]));

test('any bytes survive text and come back the same, bare dots are borders only', () => {
  fc.assert(
    fc.property(anyName, (wire) => {
      const text = decodeName(wire, 0)?.text ?? '';
      expect(encodeName(text)).toEqual(wire);
      const labels = wire.length === 1 ? 0 : text.split('.').length;
      let counted = 0;
      for (let at = 0; (wire[at] ?? 0) > 0; at += (wire[at] ?? 0) + 1) counted += 1;
      expect(labels).toBe(counted);
    }),
  );
});

test('a question and data with such names go through the codec of messages unchanged', () => {
  fc.assert(
    fc.property(anyName, anyName, (owner, target) => {
      const name = decodeName(owner, 0)?.text ?? '';
      const data = decodeName(target, 0)?.text ?? '';
      const query = queryFor(7, name, 'CNAME', undefined);
      const answer = {
        ...responseTo(query, 'NOERROR'),
        answers: [
          { name, type: 'CNAME', ttl: 5, data },
          { name, type: 'MX', ttl: 5, data: { preference: 1, exchange: data } },
          { name, type: 'SRV', ttl: 5, data: { priority: 1, weight: 2, port: 3, target: data } },
        ],
      };
      expect(Buffer.from(encodeMessage(query)).includes(Buffer.from(owner))).toBe(true);
      expect(decodeMessage(encodeMessage(answer))).toEqual({ ok: true, message: answer });
    }),
  );
});

test('whatever stands there, reading ends', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 600 }), fc.nat(600), (wire, offset) => {
      const name = decodeName(wire, offset);
      if (name !== undefined) expect(encodeName(name.text)?.length).toBeLessThanOrEqual(255);
    }),
  );
  expect(decodeName(Uint8Array.of(0xc0, 0), 0)).toBeUndefined();
  expect(decodeName(Uint8Array.of(1, 97, 0xc0, 0), 2)).toBeUndefined();
  expect(decodeName(Uint8Array.of(0xc0, 2, 0), 0)).toBeUndefined();
});
