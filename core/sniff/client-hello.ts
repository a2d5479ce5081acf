/** The server name in a TLS ClientHello (RFC 8446 section 4.1.2, RFC 6066 section 3), as TLS and QUIC carry it. */
import { ByteReader } from './byte-reader.ts';
import { nothingSniffed, type Sniffed, type SniffProtocol, sniffedName } from './sniffed.ts';

/** Bytes of a handshake message's head: type and length. */
export const handshakeHead = 4;
/** A longer ClientHello is not waited for. Those with post-quantum keys have about 2 KiB. */
export const maxClientHello = 24_576;

const clientHello = 1;
const serverNameExtension = 0;
const encryptedClientHello = 0xfe0d;
const hostNameType = 0;

/** Bytes of the handshake message that begins here, its head included; undefined when it is no ClientHello to be waited for. */
export function clientHelloLength(bytes: Uint8Array): number | 'more' | undefined {
  if (bytes.length === 0) return 'more';
  if (bytes[0] !== clientHello) return undefined;
  // The highest byte of the length is zero for every length that is waited for.
  if (bytes.length > 1 && bytes[1] !== 0) return undefined;
  if (bytes.length < handshakeHead) return 'more';
  const length = handshakeHead + new ByteReader(bytes, 1).uint(3);
  return length > maxClientHello ? undefined : length;
}

/** Reads a whole handshake message. */
export function readClientHello(message: Uint8Array, protocol: SniffProtocol): Sniffed {
  const reader = new ByteReader(message, handshakeHead);
  reader.bytes(2 + 32); // legacy_version, random
  reader.bytes(reader.uint(1)); // legacy_session_id
  reader.bytes(reader.uint(2)); // cipher_suites
  reader.bytes(reader.uint(1)); // legacy_compression_methods
  const extensions = new ByteReader(reader.bytes(reader.uint(2)));
  let name: string | undefined;
  let outer = false;
  while (extensions.left > 0) {
    const type = extensions.uint(2);
    const data = extensions.bytes(extensions.uint(2));
    if (type === serverNameExtension) name ??= readServerName(data);
    if (type === encryptedClientHello) outer = true;
  }
  if (reader.failed || extensions.failed || name === undefined) return nothingSniffed;
  return { kind: 'name', name, protocol, ...(outer ? { outer } : {}) };
}

/** The first host name of a ServerNameList. */
function readServerName(data: Uint8Array): string | undefined {
  const list = new ByteReader(data);
  const entries = new ByteReader(list.bytes(list.uint(2)));
  while (entries.left > 0) {
    const type = entries.uint(1);
    const name = entries.bytes(entries.uint(2));
    if (type === hostNameType && !entries.failed) return sniffedName(Buffer.from(name).toString('latin1'));
  }
  return undefined;
}
