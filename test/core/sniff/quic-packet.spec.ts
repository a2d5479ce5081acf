import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { clientInitialKeys } from '../../../core/sniff/quic-keys.ts';
import { quicPackets } from '../../../core/sniff/quic-packet.ts';
import { exampleId, initial, v1, v2, zeroRtt } from './quic-client.ts';

const payload = Buffer.from('some frames of any kind');

describe('an Initial', () => {
  test.each([
    [v1, 1],
    [v1, 4],
    [v2, 2],
    [v2, 3],
  ] as const)('is opened whatever the version and the length of its number', (version, numberLength) => {
    const [packet] = quicPackets(initial({ version, number: 77, numberLength, token: Buffer.alloc(70), payload }));
    if (packet?.kind !== 'initial') throw new Error('no Initial');
    expect(Buffer.from(packet.destination)).toEqual(exampleId);
    const plain = packet.open(clientInitialKeys(packet.version, packet.destination));
    expect(plain && Buffer.from(plain)).toEqual(payload);
  });

  test('with one bit changed is not', () => {
    const bytes = initial({ payload });
    fc.assert(
      fc.property(fc.nat(bytes.length * 8 - 1), (bit) => {
        const changed = Buffer.from(bytes);
        changed[bit >> 3] = (changed[bit >> 3] ?? 0) ^ (1 << (bit & 7));
        const [packet] = quicPackets(changed);
        if (packet?.kind === 'initial') expect(packet.open(clientInitialKeys(v1, exampleId))).toBeUndefined();
      }),
    );
  });
});

test('packets of one datagram are told apart; what is none ends them', () => {
  const datagram = Buffer.concat([initial({ payload }), zeroRtt(v1), initial({ number: 1, payload }), Buffer.alloc(9)]);
  expect(quicPackets(datagram).map((packet) => packet.kind)).toEqual(['initial', 'other', 'initial']);
});

test.each([
  ['nothing', ''],
  ['a short header', '40'.repeat(40)],
  ['version negotiation', `c000000000${'00'.repeat(40)}`],
  ['an unknown version', `c0ff00001d08${'00'.repeat(40)}`],
  ['a connection id that is too long', `c00000000115${'00'.repeat(60)}`],
  ['a Retry', `f00000000100${'00'.repeat(40)}`],
  ['a length beyond the end', 'c00000000100000042001122'],
])('no packet: %s', (_what, hex) => expect(quicPackets(Buffer.from(hex, 'hex'))).toEqual([]));
