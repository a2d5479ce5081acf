/** Reads DNS messages of unknown origin: one pass, time linear in their length, and no exception whatever the bytes are. */

import {
  type DnsMessage,
  type DnsQuestion,
  type DnsRecord,
  type Edns,
  headerBit,
  internetClass,
  rcodeName,
} from './dns-message.ts';
import { type DecodedName, decodeName } from './dns-name.ts';
import { decodeData } from './dns-record-data.ts';
import { optType, recordTypeName } from './dns-record-type.ts';

export type DecodedMessage =
  | { readonly ok: true; readonly message: DnsMessage }
  /** `header` when the first 12 bytes are there: enough to say FORMERR. */
  | { readonly ok: false; readonly reason: string; readonly header?: DnsMessage };

const headerBytes = 12;
const dnssecOkBit = 0x8000;
const week = 604_800;

export function decodeMessage(bytes: Uint8Array): DecodedMessage {
  if (bytes.length < headerBytes) return { ok: false, reason: 'shorter than a header' };
  return new Decoder(bytes).read();
}

class Decoder {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  /** Names that pointers have led to: most records of a message have the same owner. */
  readonly #pointed = new Map<number, string>();
  #offset = headerBytes;
  readonly #isResponse: boolean;
  #edns: Edns | undefined;
  #extendedRcode = 0;

  constructor(bytes: Uint8Array) {
    // Not a Buffer: its `slice` would keep the whole message.
    this.#bytes = new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#isResponse = (this.#view.getUint16(2) & headerBit.qr) !== 0;
  }

  read(): DecodedMessage {
    const header = this.#header();
    const fail = (reason: string): DecodedMessage => ({ ok: false, reason, header });
    const counts = [4, 6, 8, 10].map((at) => this.#view.getUint16(at));
    const [questionCount = 0, ...recordCounts] = counts;
    const records = recordCounts.reduce((sum, count) => sum + count, 0);
    if (headerBytes + questionCount * 5 + records * 11 > this.#bytes.length)
      return fail('counts more entries than it can hold');
    const questions: DnsQuestion[] = [];
    for (let i = 0; i < questionCount; i++) {
      const question = this.#question();
      if (question === undefined) return fail('a question is malformed');
      questions.push(question);
    }
    const sections: DnsRecord[][] = [];
    for (const [section, count] of recordCounts.entries()) {
      const list: DnsRecord[] = [];
      for (let i = 0; i < count; i++) {
        const record = this.#record(section === 2);
        if (typeof record === 'string') return fail(record);
        if (record !== undefined) list.push(record);
      }
      sections.push(list);
    }
    const [answers = [], authorities = [], additionals = []] = sections;
    const rcode = rcodeName((this.#extendedRcode << 4) | (this.#view.getUint16(2) & 15));
    const edns = this.#edns === undefined ? {} : { edns: this.#edns };
    return { ok: true, message: { ...header, rcode, questions, answers, authorities, additionals, ...edns } };
  }

  #header(): DnsMessage {
    const flags = this.#view.getUint16(2);
    return {
      id: this.#view.getUint16(0),
      response: this.#isResponse,
      opcode: (flags >> 11) & 15,
      rcode: rcodeName(flags & 15),
      authoritative: (flags & headerBit.aa) !== 0,
      truncated: (flags & headerBit.tc) !== 0,
      recursionDesired: (flags & headerBit.rd) !== 0,
      recursionAvailable: (flags & headerBit.ra) !== 0,
      authenticData: (flags & headerBit.ad) !== 0,
      checkingDisabled: (flags & headerBit.cd) !== 0,
      questions: [],
      answers: [],
      authorities: [],
      additionals: [],
    };
  }

  #question(): DnsQuestion | undefined {
    const name = this.#name();
    const at = this.#offset;
    if (name === undefined || at + 4 > this.#bytes.length) return undefined;
    this.#offset = at + 4;
    return { name, type: recordTypeName(this.#view.getUint16(at)), class: this.#view.getUint16(at + 2) };
  }

  /** Undefined for the OPT record, which is kept as EDNS; text for why it is malformed. */
  #record(mayBeOpt: boolean): DnsRecord | string | undefined {
    const name = this.#name();
    const at = this.#offset;
    if (name === undefined || at + 10 > this.#bytes.length) return 'a record is malformed';
    const number = this.#view.getUint16(at);
    const start = at + 10;
    const end = start + this.#view.getUint16(at + 8);
    if (end > this.#bytes.length) return 'a record is malformed';
    this.#offset = end;
    if (number === optType) {
      const flaw = mayBeOpt && name === '.' ? this.#opt(at, start, end) : 'an EDNS record is misplaced';
      // A question with a flaw is told so (RFC 6891 section 6.1.1); the records of an answer are good without EDNS.
      return this.#isResponse ? undefined : flaw;
    }
    const type = recordTypeName(number);
    const rclass = this.#view.getUint16(at + 2);
    // Only in class IN the data of the known types is what it is there.
    const data =
      rclass === internetClass ? decodeData(this.#bytes, type, number, start, end) : this.#bytes.slice(start, end);
    if (data === undefined) return 'a record is malformed';
    const ttl = readTtl(this.#view.getUint32(at + 4));
    return rclass === internetClass ? { name, type, ttl, data } : { name, type, class: rclass, ttl, data };
  }

  #opt(at: number, start: number, end: number): string | undefined {
    if (this.#edns !== undefined) return 'more than one EDNS record';
    // Code, length and data, one behind the other up to the end (RFC 6891 section 6.1.2).
    let position = start;
    while (position + 4 <= end) position += 4 + this.#view.getUint16(position + 2);
    if (position !== end) return 'an EDNS option is malformed';
    this.#extendedRcode = this.#bytes[at + 4] ?? 0;
    this.#edns = {
      udpSize: this.#view.getUint16(at + 2),
      version: this.#bytes[at + 5] ?? 0,
      dnssecOk: (this.#view.getUint16(at + 6) & dnssecOkBit) !== 0,
    };
    return undefined;
  }

  /** The name at the present offset, which is then behind it. */
  #name(): string | undefined {
    const at = this.#offset;
    const isPointer = (this.#bytes[at] ?? 0) >= 0xc0 && at + 2 <= this.#bytes.length;
    const target = isPointer ? this.#view.getUint16(at) & 0x3fff : -1;
    const known = isPointer && target < at ? this.#pointed.get(target) : undefined;
    if (known !== undefined) {
      this.#offset = at + 2;
      return known;
    }
    const name: DecodedName | undefined = decodeName(this.#bytes, at);
    if (name === undefined) return undefined;
    if (isPointer) this.#pointed.set(target, name.text);
    this.#offset = name.end;
    return name.text;
  }
}

/** With the highest bit set it is a very long one all the same, and a week is long (RFC 8767 section 4). */
function readTtl(ttl: number): number {
  return ttl > 0x7fff_ffff ? week : ttl;
}
