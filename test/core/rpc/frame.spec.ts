import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { encodeFrame, FrameDecoder, maxFrameBytes } from '../../../core/rpc/frame.ts';

const decode = (decoder: FrameDecoder, chunk: Uint8Array): unknown[] => [...decoder.push(chunk)];
const header = (length: number): Buffer => {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(length, 0);
  return bytes;
};
const raw = (text: string | Uint8Array): Buffer => Buffer.concat([header(Buffer.byteLength(text)), Buffer.from(text)]);

describe('frames', () => {
  test('are a big-endian length and JSON', () => {
    expect([...encodeFrame({ a: 1 })]).toEqual([0, 0, 0, 7, ...Buffer.from('{"a":1}')]);
    expect(encodeFrame('é').readUInt32BE(0)).toBe(4);
  });

  test('property: any values, split anywhere, arrive whole and in order', () => {
    fc.assert(
      fc.property(
        fc.array(fc.jsonValue(), { maxLength: 6 }),
        fc.array(fc.nat(50), { maxLength: 40 }),
        (values, cuts) => {
          const safe = values.filter((value) => !JSON.stringify(value).includes('__proto__'));
          const bytes = Buffer.concat(safe.map(encodeFrame));
          const decoder = new FrameDecoder();
          const received: unknown[] = [];
          let at = 0;
          for (const cut of cuts) {
            received.push(...decode(decoder, bytes.subarray(at, at + cut)));
            at = Math.min(bytes.length, at + cut);
          }
          received.push(...decode(decoder, bytes.subarray(at)));
          expect(received).toEqual(safe.map((value) => JSON.parse(JSON.stringify(value))));
        },
      ),
    );
  });

  test('property: garbage ends in RPC_BAD_FRAME or RPC_TOO_LARGE or waits for more, never in another error', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), fc.boolean(), (garbage, framed) => {
        try {
          decode(new FrameDecoder(), framed ? raw(garbage) : garbage);
        } catch (error) {
          expect(error).toMatchObject({ code: expect.stringMatching(/^RPC_(BAD_FRAME|TOO_LARGE)$/) });
        }
      }),
    );
  });

  test.each([maxFrameBytes + 1, 0x7fff_ffff, 0xffff_ffff])(
    'a length of %i is refused by its header alone',
    (length) => {
      expect(() => decode(new FrameDecoder(), header(length))).toThrow(
        expect.objectContaining({ code: 'RPC_TOO_LARGE' }),
      );
    },
  );

  test('the largest frame passes, one byte more does not', () => {
    const text = 'x'.repeat(maxFrameBytes - 2);
    expect(decode(new FrameDecoder(), encodeFrame(text))).toEqual([text]);
    expect(() => encodeFrame(`${text}x`)).toThrow(expect.objectContaining({ code: 'RPC_TOO_LARGE' }));
  });

  test.each([
    ['an empty frame', header(0)],
    ['no JSON', raw('{"a":')],
    ['no UTF-8', raw(Uint8Array.of(0x22, 0xff, 0x22))],
    ['a __proto__ key', raw('{"a":{"__proto__":{"admin":true}}}')],
    ['an escaped __proto__ key', raw('{"\\u005f_proto__":{"admin":true}}')],
  ])('%s is refused', (_, bytes) => {
    expect(() => decode(new FrameDecoder(), bytes)).toThrow(expect.objectContaining({ code: 'RPC_BAD_FRAME' }));
  });

  test('the text __proto__ as a value, and keys of Object.prototype, are data like any other', () => {
    const text = '{"name":"__proto__","constructor":{"prototype":{"admin":true}},"hasOwnProperty":1}';
    const [value] = decode(new FrameDecoder(), raw(text));
    expect(value).toEqual(JSON.parse(text));
    expect('admin' in {}).toBe(false);
  });

  test('a deeply nested value does not end the process', () => {
    const depth = 1_000_000;
    expect(() => decode(new FrameDecoder(), raw('['.repeat(depth) + ']'.repeat(depth)))).not.toThrow(RangeError);
  });
});
