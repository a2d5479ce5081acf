import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Steps } from '../../../core/base/steps.ts';
import { assertShallow, maxDepth, parseInSteps } from '../../../core/rpc/sliced-json.ts';
import { runs } from '../../support/runs.ts';

const code = (expected: string) => expect.objectContaining({ code: expected });

function all<T>(steps: Steps<T>): { value: T; steps: number } {
  for (let count = 1; ; count++) {
    const { done, value } = steps.next();
    if (done === true) return { value, steps: count };
  }
}
const parse = (text: string) => all(parseInSteps(text)).value;

describe('texts', () => {
  const safeJson = fc.jsonValue({ maxDepth: 8 }).filter((value) => !JSON.stringify(value).includes('__proto__'));

  test('property: small ones are what JSON.parse makes of them', () => {
    fc.assert(
      fc.property(safeJson, fc.constantFrom(undefined, 1), (value, space) => {
        const text = JSON.stringify(value, undefined, space);
        expect(parse(text)).toEqual(JSON.parse(text));
      }),
    );
  });

  test('property: so are large ones, of lists and objects in each other, with texts of every kind', () => {
    const text = fc.string({ unit: 'binary', maxLength: 40 }).filter((value) => !value.includes('__proto__'));
    const small = fc.oneof(
      text,
      fc.double({ noNaN: true, noDefaultInfinity: true }),
      fc.boolean(),
      fc.constant(null),
      safeJson,
    );
    const many = fc
      .array(small, { minLength: 1, maxLength: 8 })
      .map((few) => Array.from({ length: 4_000 }, (_, i) => few[i % few.length]));
    const record = many.map((list) => Object.fromEntries(list.map((value, i) => [`k "${i}" \\`, value])));
    const large = fc.record({
      list: many,
      object: fc.record({ inner: record, little: small }),
      nested: fc.tuple(small, many, small),
    });
    fc.assert(
      fc.property(large, fc.constantFrom(undefined, 2), (value, space) => {
        const json = JSON.stringify(value, undefined, space);
        expect(parse(json)).toEqual(JSON.parse(json));
      }),
      { numRuns: 8 },
    );
  });

  test('property: garbage and broken texts are refused as JSON.parse refuses them', () => {
    const long = JSON.stringify({ list: Array.from({ length: 5_000 }, (_, i) => ({ n: i, t: 'a"b\\' })) });
    fc.assert(
      fc.property(
        fc.nat(long.length - 1),
        fc.constantFrom('', '"', ']', '}', ',', '[', '{', ':', '\\', 'x'),
        (at, put) => {
          const text = long.slice(0, at) + put + long.slice(at + 1);
          let expected: unknown;
          try {
            expected = JSON.parse(text);
          } catch {
            expect(() => parse(text)).toThrow(code(expect.stringMatching(/^RPC_(BAD_FRAME|TOO_LARGE)$/) as string));
            return;
          }
          expect(parse(text)).toEqual(expected);
        },
      ),
      runs(10),
    );
  });

  test.each([
    ['lists', '['],
    ['objects', '{"a":'],
    ['lists behind a lot', `${'1,'.repeat(100_000)}[`],
  ])('%s in each other without end are refused, however long the text', (_, unit) => {
    const text = `[${unit.repeat(unit.length > 10 ? 40 : 1_000_000)}`;
    expect(() => parse(text)).toThrow(code('RPC_BAD_FRAME'));
    expect(() => assertShallow(text)).toThrow(code('RPC_BAD_FRAME'));
  });

  test('as deep as allowed is allowed', () => {
    const text = '['.repeat(maxDepth) + ']'.repeat(maxDepth);
    expect(parse(text)).toEqual(JSON.parse(text));
    expect(() => parse(`[${text}]`)).toThrow(code('RPC_BAD_FRAME'));
  });

  test.each([
    ['empty lists', '[[],', '[],', '[]]', 1_200_000],
    ['numbers', '[1,', '1,', '1]', 8_100_000],
  ])('more %s than a configuration has are refused before they are made', (_, begin, unit, end, count) => {
    expect(() => parse(begin + unit.repeat(count) + end)).toThrow(code('RPC_TOO_LARGE'));
  });

  test.each(['"'.padEnd(5_000_000, 'x') + '"', '1'.repeat(200_000), `{"${'k'.repeat(200_000)}":1}`])(
    'a single value that is too large is refused',
    (text) => {
      expect(() => parse(`[1,${text}]`)).toThrow(code('RPC_TOO_LARGE'));
    },
  );

  test.each(['{"__proto__":{"a":1}}', '{"\\u005f_proto__":{"a":1}}'])('%s is refused in a large text too', (evil) => {
    const padding = '"x",'.repeat(50_000);
    expect(() => parse(`[${padding}${evil}]`)).toThrow(code('RPC_BAD_FRAME'));
    expect(() => parse(`{"a":[${padding}1],${evil.slice(1)}`)).toThrow(code('RPC_BAD_FRAME'));
    const large = `{"__proto__":[${padding}1]}`;
    expect(() => parse(large)).toThrow(code('RPC_BAD_FRAME'));
  });

  test('a configuration of many MB is many small steps', () => {
    const rules = Array.from({ length: 100_000 }, (_, i) => ({
      type: 'DOMAIN',
      payload: `host-${i}.example`,
      policy: 'DIRECT',
      noResolve: false,
    }));
    const text = JSON.stringify({ config: { rules } });
    const { steps } = all(parseInSteps(text));
    expect(steps).toBeGreaterThan(text.length / 70_000);
  });
});
