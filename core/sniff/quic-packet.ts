/** The packets of a QUIC datagram as far as everybody can read them: long headers of versions 1 and 2, and the Initials among them opened. */
import { ByteReader } from './byte-reader.ts';
import { headerMask, type InitialKeys, openPacket, type QuicVersion, quicVersions } from './quic-keys.ts';

export type QuicPacket =
  /** Version and destination tell the keys; `open` is undefined for what is not authentic. */
  | {
      readonly kind: 'initial';
      readonly version: QuicVersion;
      readonly destination: Uint8Array;
      readonly open: (keys: InitialKeys) => Uint8Array | undefined;
    }
  /** 0-RTT and Handshake: of QUIC, and not readable. */
  | { readonly kind: 'other' };

const maxConnectionId = 20;
/** A sample of 16 bytes begins 4 bytes behind the beginning of the packet number (RFC 9001 section 5.4.2). */
const sampleOffset = 4;
const sampleLength = 16;

/** The coalesced packets of a datagram in order (RFC 9000 section 12.2), up to what cannot be read as one. */
export function quicPackets(datagram: Uint8Array): QuicPacket[] {
  const packets: QuicPacket[] = [];
  for (let rest = datagram; rest.length > 0; ) {
    const read = readPacket(rest);
    if (read === undefined) break;
    packets.push(read.packet);
    rest = rest.subarray(read.length);
  }
  return packets;
}

function readPacket(bytes: Uint8Array): { packet: QuicPacket; length: number } | undefined {
  const reader = new ByteReader(bytes);
  const first = reader.uint(1);
  if ((first & 0x80) === 0) return undefined; // a short header, or padding
  const number = reader.uint(4);
  const version = quicVersions.find((each) => each.number === number);
  if (version === undefined) return undefined;
  const destination = readConnectionId(reader);
  const source = readConnectionId(reader);
  if (destination === undefined || source === undefined) return undefined;
  const type = (first >> 4) & 3;
  const { initial, zeroRtt, handshake } = version.types;
  if (type !== initial && type !== zeroRtt && type !== handshake) return undefined; // only servers send Retry
  if (type === initial) reader.bytes(reader.varint()); // token
  const payload = reader.varint();
  const numberAt = reader.at;
  reader.bytes(payload);
  if (reader.failed) return undefined;
  const packet = bytes.subarray(0, reader.at);
  if (type !== initial) return { packet: { kind: 'other' }, length: packet.length };
  const open = (keys: InitialKeys) => openInitial(packet, numberAt, keys);
  return { packet: { kind: 'initial', version, destination, open }, length: packet.length };
}

function readConnectionId(reader: ByteReader): Uint8Array | undefined {
  const length = reader.uint(1);
  return length > maxConnectionId ? undefined : reader.bytes(length);
}

/** Removes header and packet protection; undefined when the packet is not authentic or too short to be one. */
function openInitial(packet: Uint8Array, numberAt: number, keys: InitialKeys): Uint8Array | undefined {
  const sampleAt = numberAt + sampleOffset;
  if (packet.length < sampleAt + sampleLength) return undefined;
  const mask = headerMask(keys, packet.subarray(sampleAt, sampleAt + sampleLength));
  const first = (packet[0] ?? 0) ^ ((mask[0] ?? 0) & 0x0f);
  const numberLength = (first & 3) + 1;
  const header = Uint8Array.from(packet.subarray(0, numberAt + numberLength));
  header[0] = first;
  // Nothing is acknowledged yet, so that the number is written in full (RFC 9000 appendix A.2).
  let packetNumber = 0;
  for (let i = 0; i < numberLength; i++) {
    const byte = (packet[numberAt + i] ?? 0) ^ (mask[i + 1] ?? 0);
    header[numberAt + i] = byte;
    packetNumber = packetNumber * 256 + byte;
  }
  return openPacket(keys, packetNumber, header, packet.subarray(numberAt + numberLength));
}
