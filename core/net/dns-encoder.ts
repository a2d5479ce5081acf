/** Writes DNS messages: names compressed (RFC 1035 section 4.1.4), and cut at whole records where they are too long. */

import { ipToBytes } from '../base/address.ts';
import { AppError } from '../base/app-error.ts';
import {
  type DnsMessage,
  type DnsRecord,
  type Edns,
  headerBit,
  internetClass,
  maxTcpMessage,
  rcodeNumber,
} from './dns-message.ts';
import { encodeName } from './dns-name.ts';
import { encodeData } from './dns-record-data.ts';
import { optType, recordTypeNumber } from './dns-record-type.ts';

const headerBytes = 12;
const dnssecOkBit = 0x8000;
const clientSubnetOption = 8; // RFC 7871
/** Offsets beyond it do not fit into a pointer. */
const farthestPointer = 0x3fff;

/**
 * Writes a message of at most `maxBytes`, which hold header, question and EDNS at least. What does not fit is left out: of
 * answers and authorities as many whole records as fit stay, in order, and TC is set; of the additional records a whole RRset
 * goes, without TC (RFC 2181 section 9). Throws DNS_BAD_MESSAGE for a name that no message can carry, and for data of another
 * form than its type has.
 */
export function encodeMessage(message: DnsMessage, maxBytes: number = maxTcpMessage): Uint8Array {
  const rcode = rcodeNumber(message.rcode);
  const opt = message.edns === undefined ? new Uint8Array() : optRecord(message.edns, rcode >> 4);
  const writer = new MessageWriter(maxBytes - opt.length);
  for (const { name, type, class: qclass } of message.questions) {
    writer.name(name, true);
    writer.words(typeNumber(type), qclass);
  }
  const answers = writer.records(message.answers);
  const whole = answers === message.answers.length;
  const authorities = whole ? writer.records(message.authorities) : 0;
  const truncated = !whole || authorities < message.authorities.length;
  const additionals = truncated ? 0 : writer.wholeSets(message.additionals);
  writer.append(opt);
  return writer.finish(
    message.id,
    (message.response ? headerBit.qr : 0) |
      (message.opcode << 11) |
      (message.authoritative ? headerBit.aa : 0) |
      (message.truncated || truncated ? headerBit.tc : 0) |
      (message.recursionDesired ? headerBit.rd : 0) |
      (message.recursionAvailable ? headerBit.ra : 0) |
      (message.authenticData ? headerBit.ad : 0) |
      (message.checkingDisabled ? headerBit.cd : 0) |
      (rcode & 15),
    [message.questions.length, answers, authorities, additionals + (opt.length > 0 ? 1 : 0)],
  );
}

/** A record from its type on, uncompressed, so that it can stand behind its owner in any message. */
export function encodeRecordTail({ type, class: rclass = internetClass, ttl, data }: DnsRecord): Uint8Array {
  const parts: Uint8Array[] = [];
  encodeData(type, data, {
    bytes: (part) => parts.push(part),
    name: (name) => parts.push(nameBytes(name)),
  });
  const encoded = Buffer.concat(parts);
  const head = Buffer.alloc(10);
  head.writeUInt16BE(typeNumber(type), 0);
  head.writeUInt16BE(rclass, 2);
  head.writeUInt32BE(ttl, 4);
  head.writeUInt16BE(encoded.length, 8);
  return Buffer.concat([head, encoded]);
}

class MessageWriter {
  readonly #most: number;
  #bytes = Buffer.alloc(512);
  #length = headerBytes;
  /** Where names begin in the message, by their text and by their bytes. Case counts: names stay as they were written. */
  readonly #names = new Map<string, number>();

  constructor(most: number) {
    this.#most = most;
  }

  /** Writes records while they fit; returns how many. */
  records(records: readonly DnsRecord[]): number {
    for (const [index, record] of records.entries()) {
      const start = this.#length;
      this.#record(record);
      if (this.#length <= this.#most) continue;
      this.#backTo(start);
      return index;
    }
    return records.length;
  }

  /** Writes RRsets while they fit whole; returns the count of their records. */
  wholeSets(records: readonly DnsRecord[]): number {
    let written = 0;
    while (written < records.length) {
      const start = this.#length;
      const { name, type } = records[written] ?? {};
      let end = written;
      while (end < records.length && records[end]?.name === name && records[end]?.type === type) end += 1;
      if (this.records(records.slice(written, end)) < end - written) {
        this.#backTo(start);
        break;
      }
      written = end;
    }
    return written;
  }

  name(name: string, compress: boolean): void {
    const known = compress ? this.#names.get(name) : undefined;
    if (known !== undefined) return this.words(0xc000 | known);
    const bytes = nameBytes(name);
    const start = this.#length;
    for (let at = 0; at < bytes.length - 1; at += 1 + (bytes[at] ?? 0)) {
      const suffix = Buffer.from(bytes.buffer, bytes.byteOffset + at, bytes.length - at).toString('latin1');
      const earlier = this.#names.get(suffix);
      if (earlier !== undefined && compress) {
        this.append(bytes.subarray(0, at));
        this.words(0xc000 | earlier);
        if (at === 0) this.#names.set(name, earlier);
        return;
      }
      if (earlier === undefined && start + at <= farthestPointer) {
        this.#names.set(suffix, start + at);
        if (at === 0) this.#names.set(name, start);
      }
    }
    this.append(bytes);
  }

  words(...values: number[]): void {
    for (const value of values) this.append(Uint8Array.of(value >>> 8, value & 255));
  }

  append(bytes: Uint8Array): void {
    const end = this.#length + bytes.length;
    if (end > this.#bytes.length) {
      const larger = Buffer.alloc(Math.max(end, this.#bytes.length * 2));
      this.#bytes.copy(larger, 0, 0, this.#length);
      this.#bytes = larger;
    }
    this.#bytes.set(bytes, this.#length);
    this.#length = end;
  }

  finish(id: number, flags: number, counts: readonly number[]): Uint8Array {
    for (const [index, value] of [id, flags, ...counts].entries()) this.#bytes.writeUInt16BE(value, index * 2);
    return new Uint8Array(this.#bytes.subarray(0, this.#length));
  }

  #record({ name, type, class: rclass = internetClass, ttl, data }: DnsRecord): void {
    this.name(name, true);
    this.words(typeNumber(type), rclass, (ttl >>> 16) & 0xffff, ttl & 0xffff, 0);
    const start = this.#length;
    encodeData(type, data, { bytes: (part) => this.append(part), name: (part, may) => this.name(part, may) });
    const length = this.#length - start;
    if (length > 0xffff) throw new AppError('DNS_BAD_MESSAGE', 'the data of a record is too long');
    this.#bytes.writeUInt16BE(length, start - 2);
  }

  #backTo(length: number): void {
    this.#length = length;
    for (const [name, offset] of this.#names) if (offset >= length) this.#names.delete(name);
  }
}

function optRecord({ udpSize, version, dnssecOk, clientSubnet }: Edns, extendedRcode: number): Uint8Array {
  const option = clientSubnet === undefined ? Buffer.alloc(0) : subnetOption(clientSubnet);
  const head = Buffer.alloc(11);
  head.writeUInt16BE(optType, 1);
  head.writeUInt16BE(udpSize, 3);
  head.writeUInt8(extendedRcode, 5);
  head.writeUInt8(version, 6);
  head.writeUInt16BE(dnssecOk ? dnssecOkBit : 0, 7);
  head.writeUInt16BE(option.length, 9);
  return Buffer.concat([head, option]);
}

/** As much of the address as the prefix says, the rest of its last byte zero (RFC 7871 section 6). */
function subnetOption(prefix: string): Buffer {
  const [ip = '', length = '0'] = prefix.split('/');
  const bits = Number(length);
  const address = ipToBytes(ip).slice(0, Math.ceil(bits / 8));
  const last = address.length - 1;
  if (bits % 8 > 0) address[last] = (address[last] ?? 0) & (0xff << (8 - (bits % 8)));
  const head = Buffer.alloc(8);
  head.writeUInt16BE(clientSubnetOption, 0);
  head.writeUInt16BE(4 + address.length, 2);
  head.writeUInt16BE(ip.includes(':') ? 2 : 1, 4);
  head.writeUInt8(bits, 6);
  return Buffer.concat([head, address]);
}

function nameBytes(name: string): Uint8Array {
  const bytes = name === '' ? undefined : encodeName(name);
  if (bytes === undefined) throw new AppError('DNS_BAD_MESSAGE', `"${name}" is not a name that DNS can carry`);
  return bytes;
}

function typeNumber(type: string): number {
  const number = recordTypeNumber(type);
  if (number === undefined) throw new AppError('DNS_BAD_MESSAGE', `"${type}" is not a record type`);
  return number;
}
