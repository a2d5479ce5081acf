import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { encodeFrame, maxFrameBytes } from '../../../core/rpc/frame.ts';
import { encodeMessage, MessageDecoder, maxMessageBytes } from '../../../core/rpc/message-stream.ts';
import { runs } from '../../support/runs.ts';

const decode = (decoder: MessageDecoder, frames: Buffer[]): unknown[] =>
  frames.flatMap((frame) => [...decoder.push(frame)]);
const code = (expected: string) => expect.objectContaining({ code: expected });

describe('messages', () => {
  test('a small one is one frame', () => {
    const frames = encodeMessage({ kind: 'request', id: 1 });
    expect(frames).toEqual([encodeFrame({ kind: 'request', id: 1 })]);
  });

  test.each(['x', '"', '\\', 'é', '漢', '😀', '\u0000'])(
    '9 MiB and more of %j travel in frames of the allowed size and arrive whole',
    (unit) => {
      const message = { kind: 'request', text: unit.repeat((4.5 * 1024 * 1024) / unit.length) };
      const frames = encodeMessage(message);
      expect(frames.length).toBeGreaterThan(1);
      for (const frame of frames) expect(frame.length - 4).toBeLessThanOrEqual(maxFrameBytes);
      expect(decode(new MessageDecoder(), frames)).toEqual([message]);
    },
  );

  test('property: strings with surrogates split anywhere arrive whole', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', minLength: 1, maxLength: 20 }), fc.nat(3), (unit, shift) => {
        const message = {
          kind: 'request',
          text: 'a'.repeat(shift) + unit.repeat(Math.ceil(maxFrameBytes / unit.length)),
        };
        expect(decode(new MessageDecoder(), encodeMessage(message))).toEqual([message]);
      }),
      runs(2),
    );
  });

  test('other messages may come between the parts', () => {
    const large = { kind: 'request', text: 'x'.repeat(maxFrameBytes) };
    const frames = encodeMessage(large);
    const between = encodeFrame({ kind: 'unsubscribe', id: 7 });
    expect(decode(new MessageDecoder(), [...frames.slice(0, 1), between, ...frames.slice(1)])).toEqual([
      { kind: 'unsubscribe', id: 7 },
      large,
    ]);
  });

  test('more than the bound is refused by the sender, and by the receiver while it arrives', () => {
    expect(() => encodeMessage({ text: 'x'.repeat(maxMessageBytes) })).toThrow(code('RPC_TOO_LARGE'));
    const part = encodeFrame({ kind: 'part', last: false, text: 'x'.repeat(1024 * 1024) });
    const decoder = new MessageDecoder();
    for (let i = 0; i < 32; i++) expect([...decoder.push(part)]).toEqual([]);
    expect(() => [...decoder.push(part)]).toThrow(code('RPC_TOO_LARGE'));
  });

  test.each([
    ['parts that are no JSON together', { kind: 'part', last: true, text: '{"a":' }],
    ['a part inside of parts', { kind: 'part', last: true, text: '{"kind":"part","last":true,"text":"{}"}' }],
    ['a part with an unknown field', { kind: 'part', last: true, text: '{}', more: 1 }],
    ['a part without text', { kind: 'part', last: true }],
    ['a __proto__ key in parts', { kind: 'part', last: true, text: '{"__proto__":{"admin":true}}' }],
  ])('%s: RPC_BAD_FRAME', (_, part) => {
    expect(() => decode(new MessageDecoder(), [encodeFrame(part)])).toThrow(code('RPC_BAD_FRAME'));
  });
});
