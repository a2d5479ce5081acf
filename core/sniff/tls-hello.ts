/** A TLS ClientHello at the front of a byte stream: the handshake message may be spread over several records (RFC 8446 section 5.1). */
import { GrowingBytes } from '../base/growing-bytes.ts';
import { clientHelloLength, handshakeHead, readClientHello } from './client-hello.ts';
import { nothingSniffed, type Sniffed } from './sniffed.ts';

const recordHead = 5;
const handshakeRecord = 22;
/** RFC 8446 section 5.1. */
const maxRecord = 16_384;

/** Reads what a client has sent so far. `none` at the first byte that no TLS client would send. */
export function sniffTls(bytes: Uint8Array): Sniffed {
  const received = new GrowingBytes();
  for (let at = 0; ; ) {
    const head = bytes.subarray(at, at + recordHead);
    const record = recordLength(head);
    if (record === undefined) return nothingSniffed;
    const end = at + recordHead + record;
    if (head.length === recordHead) received.push(bytes.subarray(at + recordHead, end));
    const message = received.bytes;
    const length = clientHelloLength(message);
    if (length === undefined) return nothingSniffed;
    const missing = (length === 'more' ? handshakeHead : length) - message.length;
    if (missing <= 0) return readClientHello(message.subarray(0, length === 'more' ? 0 : length), 'tls');
    if (head.length < recordHead) return { kind: 'more', atLeast: at + recordHead + missing };
    if (bytes.length < end) {
      // What this record does not hold comes in another one, behind its head.
      const nextHead = missing > end - bytes.length ? recordHead : 0;
      return { kind: 'more', atLeast: bytes.length + missing + nextHead };
    }
    at = end;
  }
}

/** Bytes after a record's head, 0 while the head is not whole; undefined when it is no record of a ClientHello. */
function recordLength(head: Uint8Array): number | undefined {
  const [type, major, minor, high, low] = head;
  if (type !== undefined && type !== handshakeRecord) return undefined;
  if (major !== undefined && major !== 3) return undefined;
  if (minor !== undefined && minor > 4) return undefined;
  if (high !== undefined && high > maxRecord >> 8) return undefined;
  if (high === undefined || low === undefined) return 0;
  const length = high * 256 + low;
  return length === 0 || length > maxRecord ? undefined : length;
}
