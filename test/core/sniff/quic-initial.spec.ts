import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { sniffQuic } from '../../../core/sniff/quic-initial.ts';
import { clientHello } from './hello.ts';
import { cryptoFrame, initial, v1, v2, zeroRtt } from './quic-client.ts';
import { rfcPackets } from './rfc-packets.ts';

const found = { kind: 'name', name: 'web.example', protocol: 'quic' };
const hello = clientHello({ name: 'web.example', padding: 1500 });

/** The hello in Initials of so many bytes each. */
function initials(size: number, version = v1): Buffer[] {
  const packets: Buffer[] = [];
  for (let at = 0; at < hello.length; at += size) {
    const payload = cryptoFrame(at, hello.subarray(at, at + size));
    packets.push(initial({ version, number: packets.length, payload }));
  }
  return packets;
}

test.each(['v1', 'v2'] as const)('the example of the specification, %s', (version) => {
  expect(sniffQuic([Buffer.from(rfcPackets[version], 'hex')])).toEqual({ ...found, name: 'example.com' });
});

test('a hello over several datagrams: one more is asked for until it is whole', () => {
  const [first, second] = initials(1000) as [Buffer, Buffer];
  expect(sniffQuic([first])).toEqual({ kind: 'more', atLeast: 2 });
  expect(sniffQuic([first, second])).toEqual(found);
});

test('any cut, any order, coalesced or not, 0-RTT between, some sent twice', () => {
  const shapes = fc.record({
    size: fc.integer({ min: 150, max: 1200 }),
    version: fc.constantFrom(v1, v2),
    seed: fc.array(fc.nat(1_000_000), { minLength: 24, maxLength: 24 }),
    together: fc.integer({ min: 1, max: 4 }),
  });
  fc.assert(
    fc.property(shapes, ({ size, version, seed, together }) => {
      const packets = initials(size, version);
      const sent = [...packets, packets[0] ?? Buffer.alloc(0), zeroRtt(version), zeroRtt(version, 300)]
        .map((bytes, i) => ({ bytes, key: seed[i] ?? 0 }))
        .toSorted((a, b) => a.key - b.key)
        .map(({ bytes }) => bytes);
      const datagrams: Buffer[] = [];
      for (let i = 0; i < sent.length; i += together) datagrams.push(Buffer.concat(sent.slice(i, i + together)));
      let sniffed = sniffQuic([]);
      for (let have = 0; have < datagrams.length && sniffed.kind === 'more'; ) {
        have = sniffed.atLeast;
        sniffed = sniffQuic(datagrams.slice(0, have));
      }
      expect(sniffed).toEqual(found);
    }),
    { numRuns: 60 },
  );
});

test('frames in any order between others, as browsers shuffle them', () => {
  const ping = Buffer.from([1, 0, 0, 1]);
  const ack = Buffer.from('020a00010001010304'.slice(0, 14), 'hex');
  const parts = [900, 0, 1200, 300].map((at, i, all) => {
    const end = [...all, hello.length].filter((other) => other > at).toSorted((a, b) => a - b)[0];
    return Buffer.concat([i === 2 ? ack : ping, cryptoFrame(at, hello.subarray(at, end))]);
  });
  const datagram = initial({ payload: Buffer.concat(parts) });
  expect(sniffQuic([datagram])).toEqual(found);
});

test('an outer name is told as one', () => {
  const payload = cryptoFrame(0, clientHello({ name: 'front.example', ech: true }));
  expect(sniffQuic([initial({ payload })])).toEqual({ ...found, name: 'front.example', outer: true });
});

describe('none', () => {
  const crypto = (data: Buffer) => [initial({ payload: cryptoFrame(0, data) })];
  const spoilt = Buffer.from(initials(1200)[0] ?? []);
  spoilt[40] = (spoilt[40] ?? 0) ^ 1;
  test.each<[string, Buffer[]]>([
    ['another protocol', [Buffer.from('16feff0000', 'hex')]],
    ['version negotiation', [Buffer.from(`c000000000${'00'.repeat(40)}`, 'hex')]],
    ['an unknown version', [Buffer.from(`c0ff00001d08${'00'.repeat(40)}`, 'hex')]],
    ['an Initial that is not authentic', [spoilt]],
    ['a handshake that is no ClientHello', crypto(Buffer.from([2, 0, 0, 9]))],
    ['a hello without name', crypto(clientHello({}))],
    ['another connection of the same socket', [...initials(1000).slice(1), ...otherConnection()]],
  ])('%s', (what, datagrams) => {
    expect(sniffQuic(datagrams).kind).toBe(what.startsWith('another connection') ? 'more' : 'none');
  });

  function otherConnection(): Buffer[] {
    return [initial({ id: Buffer.alloc(8, 3), payload: cryptoFrame(0, hello.subarray(0, 1000)) })];
  }
});

test('any datagrams are read without harm', () => {
  const head = Buffer.from('c00000000108aaaaaaaaaaaaaaaa0000', 'hex');
  const fits = fc.uint8Array({ maxLength: 200 }).map((rest) => Buffer.concat([head, rest]));
  fc.assert(
    fc.property(fc.array(fc.oneof(fc.uint8Array({ maxLength: 200 }), fits), { maxLength: 6 }), (datagrams) => {
      const sniffed = sniffQuic(datagrams);
      if (sniffed.kind === 'more') expect(sniffed.atLeast).toBeGreaterThan(datagrams.length);
    }),
  );
});

test('any authentic payload is read without harm', () => {
  const frame = fc.oneof(
    fc.uint8Array({ maxLength: 60 }).map((bytes) => Buffer.from(bytes)),
    fc.tuple(fc.nat(30_000), fc.uint8Array({ maxLength: 60 })).map(([offset, data]) => cryptoFrame(offset, data)),
  );
  fc.assert(
    fc.property(fc.array(frame, { maxLength: 8 }), (frames) => {
      sniffQuic([initial({ payload: Buffer.concat(frames) })]);
    }),
  );
});
