import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { booleanVariant, decodeMessage, encodeCall } from '../../electron/dbus-message.ts';

const hello = {
  serial: 1,
  destination: 'org.freedesktop.DBus',
  path: '/org/freedesktop/DBus',
  interface: 'org.freedesktop.DBus',
  member: 'Hello',
  args: [],
};

/** As dbus-daemon passes it on. */
const reply = Buffer.from(
  [
    '6c020101 08000000 07000000 2d000000', // little-endian METHOD_RETURN, body of 8 bytes, serial 7, fields of 45 bytes
    '05017500 02000000', // reply to 2
    '08016700 01760000', // signature v
    '06017300 04000000 3a312e34 00000000', // to :1.4
    '07017300 04000000 3a312e33 00000000', // from :1.3
    '01620000 01000000', // a variant: boolean, true
  ]
    .join('')
    .replaceAll(' ', ''),
  'hex',
);

describe('encodeCall', () => {
  test('lays out header and fields with their alignment', () => {
    const bytes = encodeCall(hello);
    expect(bytes.subarray(0, 12).toString('hex')).toBe('6c0100010000000001000000');
    expect(bytes.length % 8).toBe(0);
    expect(bytes.toString('latin1')).toContain('\u0003\u0001s\u0000\u0005\u0000\u0000\u0000Hello\u0000');
  });

  test('arguments are a body of strings, announced by a signature', () => {
    const bytes = encodeCall({ ...hello, args: ['ab', 'c'] });
    expect(bytes.readUInt32LE(4)).toBe(14);
    expect(bytes.subarray(-14).toString('hex')).toBe('0200000061620000010000006300');
    expect(bytes.toString('latin1')).toContain('\u0008\u0001g\u0000\u0002ss\u0000');
  });

  test('what is encoded is a whole message of that length', () => {
    fc.assert(
      fc.property(
        fc.array(fc.string({ maxLength: 50 }), { maxLength: 5 }),
        fc.string({ minLength: 1 }),
        (args, member) => {
          const bytes = encodeCall({ ...hello, member, args });
          expect(decodeMessage(bytes)).toMatchObject({
            length: bytes.length,
            reply: { kind: 'other', replySerial: 0 },
          });
          expect(decodeMessage(bytes.subarray(0, -1))).toBeUndefined();
        },
      ),
    );
  });
});

describe('decodeMessage', () => {
  test('finds what is answered, and the boolean in it', () => {
    const decoded = decodeMessage(Buffer.concat([reply, Buffer.from('rest')]));
    expect(decoded).toMatchObject({ length: reply.length, reply: { kind: 'return', replySerial: 2 } });
    expect(booleanVariant(decoded?.reply.body ?? Buffer.alloc(0))).toBe(true);
  });

  test('refuses what is not spoken here and what is too large', () => {
    expect(() => decodeMessage(Buffer.from(`42${'00'.repeat(15)}`, 'hex'))).toThrow('big-endian');
    expect(() => decodeMessage(Buffer.from(`6c020001ffffff7f${'00'.repeat(8)}`, 'hex'))).toThrow('too much');
  });

  test('whatever bytes come, it ends', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        const data = Buffer.from([0x6c, ...bytes]);
        try {
          const decoded = decodeMessage(data);
          if (decoded !== undefined) expect(decoded.length).toBeLessThanOrEqual(data.length);
        } catch (error) {
          expect(error).toBeInstanceOf(Error);
        }
      }),
    );
  });
});

test.each([
  ['0162000000000000', false],
  ['0162000001000000', true],
  ['0173000001000000', undefined],
  ['', undefined],
])('booleanVariant of %s', (hex, expected) => expect(booleanVariant(Buffer.from(hex, 'hex'))).toBe(expected));
