/**
 * The server name in the Initial packets of a QUIC client (RFC 9000, RFC 9001, RFC 9369): a ClientHello in CRYPTO frames,
 * in any order over several packets and datagrams.
 */
import { ByteReader } from './byte-reader.ts';
import { clientHelloLength, maxClientHello, readClientHello } from './client-hello.ts';
import { clientInitialKeys, type InitialKeys } from './quic-keys.ts';
import { type QuicPacket, quicPackets } from './quic-packet.ts';
import { nothingSniffed, type Sniffed } from './sniffed.ts';

type InitialPacket = Extract<QuicPacket, { kind: 'initial' }>;

/** A piece of the handshake stream. */
interface CryptoPart {
  readonly offset: number;
  readonly data: Uint8Array;
}

/** So many Initials are opened: more are no handshake, and each costs some microseconds. */
const maxInitials = 64;

/**
 * Reads the datagrams that a client has sent so far, oldest first. `none` when the first of them is not QUIC version 1 or 2,
 * or no packet is authentic. Keeps nothing; what it holds meanwhile is no more than the datagrams.
 */
export function sniffQuic(datagrams: readonly Uint8Array[]): Sniffed {
  const more: Sniffed = { kind: 'more', atLeast: datagrams.length + 1 };
  const packets = datagrams.map(quicPackets);
  if (packets[0]?.length === 0) return nothingSniffed;
  const initials = packets.flat().filter((packet) => packet.kind === 'initial');
  // 0-RTT packets may have overtaken the first Initial.
  if (initials.length === 0) return more;
  const parts = cryptoParts(initials.slice(0, maxInitials));
  if (parts === undefined) return nothingSniffed;
  const stream = contiguous(parts);
  const length = clientHelloLength(stream);
  if (length === undefined) return nothingSniffed;
  return length === 'more' || stream.length < length ? more : readClientHello(stream.subarray(0, length), 'quic');
}

/** The handshake of the first authentic Initial's connection; undefined when no Initial is authentic. */
function cryptoParts(initials: readonly InitialPacket[]): CryptoPart[] | undefined {
  let connection: { readonly packet: InitialPacket; readonly keys: InitialKeys } | undefined;
  const parts: CryptoPart[] = [];
  for (const packet of initials) {
    if (connection !== undefined && !sameConnection(connection.packet, packet)) continue;
    const keys = connection?.keys ?? clientInitialKeys(packet.version, packet.destination);
    const payload = packet.open(keys);
    if (payload === undefined) continue;
    connection ??= { packet, keys };
    for (const part of cryptoFrames(payload)) parts.push(part);
  }
  return connection === undefined ? undefined : parts;
}

function sameConnection(a: InitialPacket, b: InitialPacket): boolean {
  return a.version === b.version && Buffer.compare(a.destination, b.destination) === 0;
}

/** The CRYPTO frames of an Initial's payload, up to a frame that does not belong there (RFC 9000 section 12.4). */
function cryptoFrames(payload: Uint8Array): CryptoPart[] {
  const reader = new ByteReader(payload);
  const parts: CryptoPart[] = [];
  while (reader.left > 0) {
    const type = reader.varint();
    if (type === frames.padding || type === frames.ping) continue;
    if (type === frames.ack || type === frames.ackEcn) {
      skipAck(reader, type === frames.ackEcn);
      continue;
    }
    if (type !== frames.crypto) break;
    const offset = reader.varint();
    const data = reader.bytes(reader.varint());
    if (reader.failed) break;
    if (offset + data.length <= maxClientHello) parts.push({ offset, data });
  }
  return parts;
}

/** RFC 9000 section 19. */
const frames = { padding: 0, ping: 1, ack: 2, ackEcn: 3, crypto: 6 };

function skipAck(reader: ByteReader, ecn: boolean): void {
  reader.varint(); // largest acknowledged
  reader.varint(); // delay
  const ranges = reader.varint();
  reader.varint(); // first range
  for (let i = 0; i < ranges && !reader.failed; i++) {
    reader.varint(); // gap
    reader.varint(); // length
  }
  if (!ecn) return;
  for (let i = 0; i < 3; i++) reader.varint(); // counts
}

/** What is there from the beginning without a gap. Of parts that overlap the earlier one counts; they must be equal. */
function contiguous(parts: readonly CryptoPart[]): Uint8Array {
  const chunks: Uint8Array[] = [];
  let end = 0;
  for (const { offset, data } of parts.toSorted((a, b) => a.offset - b.offset)) {
    if (offset > end) break;
    if (offset + data.length <= end) continue;
    chunks.push(data.subarray(end - offset));
    end = offset + data.length;
  }
  return Buffer.concat(chunks);
}
