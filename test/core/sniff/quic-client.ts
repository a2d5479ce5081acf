/** A QUIC client's first packets, made for tests: the other side of `core/sniff/quic-packet.ts`, with the same keys. */
import { createCipheriv } from 'node:crypto';
import {
  clientInitialKeys,
  headerMask,
  packetNonce,
  type QuicVersion,
  quicVersions,
  tagLength,
} from '../../../core/sniff/quic-keys.ts';

export const [v1, v2] = quicVersions as [QuicVersion, QuicVersion];

/** RFC 9001 and RFC 9369 use this one in their examples. */
export const exampleId = Buffer.from('8394c8f03e515708', 'hex');

export function varint(value: number): Buffer {
  if (value < 64) return Buffer.from([value]);
  const bytes = Buffer.alloc(value < 16_384 ? 2 : 4);
  if (bytes.length === 2) bytes.writeUInt16BE(value | 0x4000);
  else bytes.writeUInt32BE((value | 0x8000_0000) >>> 0);
  return bytes;
}

export function cryptoFrame(offset: number, data: Uint8Array): Buffer {
  return Buffer.concat([Buffer.from([6]), varint(offset), varint(data.length), data]);
}

export interface InitialInit {
  readonly version?: QuicVersion;
  readonly id?: Uint8Array;
  readonly token?: Uint8Array;
  readonly number?: number;
  readonly numberLength?: 1 | 2 | 3 | 4;
  readonly payload: Uint8Array;
}

/** A protected Initial packet. */
export function initial({ version = v1, id = exampleId, token, number = 0, numberLength = 4, payload }: InitialInit) {
  const padded = payload.length < 4 ? Buffer.concat([payload, Buffer.alloc(4)]) : payload;
  const numberBytes = Buffer.alloc(4);
  numberBytes.writeUInt32BE(number);
  const length = Buffer.alloc(2);
  length.writeUInt16BE(0x4000 | (numberLength + padded.length + tagLength));
  const head = longHeader(version, version.types.initial, numberLength - 1, id);
  const before = Buffer.concat([head, varint(token?.length ?? 0), token ?? Buffer.alloc(0), length]);
  const header = Buffer.concat([before, numberBytes.subarray(4 - numberLength)]);
  const keys = clientInitialKeys(version, id);
  const cipher = createCipheriv('aes-128-gcm', keys.key, packetNonce(keys, number), { authTagLength: tagLength });
  cipher.setAAD(header);
  const sealed = Buffer.concat([cipher.update(padded), cipher.final(), cipher.getAuthTag()]);
  const mask = headerMask(keys, sealed.subarray(4 - numberLength, 20 - numberLength));
  header[0] = (header[0] ?? 0) ^ ((mask[0] ?? 0) & 0x0f);
  for (let i = 0; i < numberLength; i++) {
    const at = before.length + i;
    header[at] = (header[at] ?? 0) ^ (mask[i + 1] ?? 0);
  }
  return Buffer.concat([header, sealed]);
}

/** A packet that only its receiver can read. */
export function zeroRtt(version: QuicVersion, length = 80, id: Uint8Array = exampleId): Buffer {
  return Buffer.concat([longHeader(version, version.types.zeroRtt, 3, id), varint(length), Buffer.alloc(length, 0xa5)]);
}

function longHeader(version: QuicVersion, type: number, low: number, id: Uint8Array): Buffer {
  const number = Buffer.alloc(4);
  number.writeUInt32BE(version.number);
  return Buffer.concat([
    Buffer.from([0xc0 | (type << 4) | low]),
    number,
    Buffer.from([id.length]),
    id,
    Buffer.from([0]),
  ]);
}
