import fc from 'fast-check';
import { expect, test } from 'vitest';
import { DatagramFrames, encodeDatagramFrame } from '../../../core/net/datagram-frames.ts';

const peer = fc.oneof(
  fc.record({ host: fc.ipV4(), port: fc.nat(65_535) }),
  fc.record({ host: fc.constantFrom('2001:db8::1', 'a.example', 'x'), port: fc.nat(65_535) }),
);

test('frames are understood however the stream is cut', () => {
  fc.assert(
    fc.property(
      fc.array(fc.record({ peer, data: fc.uint8Array({ maxLength: 300 }) }), { maxLength: 8 }),
      fc.array(fc.integer({ min: 1, max: 200 }), { minLength: 1, maxLength: 9 }),
      (datagrams, sizes) => {
        const wire = Buffer.concat(datagrams.map(encodeDatagramFrame));
        const frames = new DatagramFrames();
        const got = [];
        for (let at = 0, turn = 0; at < wire.length; turn++) {
          const size = sizes[turn % sizes.length] ?? 1;
          got.push(...(frames.take(wire.subarray(at, at + size)) ?? expect.unreachable()));
          at += size;
        }
        expect(got.map((each) => ({ peer: each.peer, data: [...each.data] }))).toEqual(
          datagrams.map((each) => ({ peer: each.peer, data: [...each.data] })),
        );
      },
    ),
  );
});

test('an empty datagram is one', () => {
  const frame = encodeDatagramFrame({ peer: { host: '192.0.2.1', port: 53 }, data: new Uint8Array() });
  expect([...frame]).toEqual([1, 192, 0, 2, 1, 0, 53, 0, 0, 13, 10]);
  expect(new DatagramFrames().take(frame)).toHaveLength(1);
});

test.each([
  ['a web page', 'HTTP/1.1 400 Bad Request\r\n\r\n'],
  ['another line end', '\x01\x7f\0\0\x01\0\x35\0\x01xxa'],
  ['a name without a letter', '\x03\0\0\x35\0\0\r\n'],
])('%s is no frame', (_what, text) => {
  expect(new DatagramFrames().take(Buffer.from(text, 'latin1'))).toBeUndefined();
});

test('whatever comes, it throws nothing', () => {
  fc.assert(
    fc.property(fc.array(fc.uint8Array({ maxLength: 300 })), (pieces) => {
      const frames = new DatagramFrames();
      pieces.every((piece) => frames.take(piece) !== undefined);
    }),
  );
});
