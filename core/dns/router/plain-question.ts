/**
 * The usual question (one name of letters, digits, `-` and `_`; A, AAAA, HTTPS or SVCB; plain EDNS or none) read and answered on
 * the bytes, without decoding. Everything else is left to the codec. It means exactly what the codec would have made of it.
 */
import { randomInt } from 'node:crypto';
import { encodeRecordTail } from '../../net/dns-encoder.ts';
import { safeUdpSize } from '../../net/dns-message.ts';
import { denialSoa } from '../resolver/soa.ts';

export const plainType = { A: 1, AAAA: 28, SVCB: 64, HTTPS: 65 } as const;

const headerBytes = 12;
const longestName = 255; // RFC 1035 section 3.1, with length bytes and root
/** The same as text: dots stand for the length bytes but the first, nothing for the root. */
const longestText = longestName - 2;
const optBytes = 11;
/** Flags that a usual question may have: RD, AD, CD. */
const usualFlags = 0x01_30;
const optType = 41;
/** EDNS options that change nothing: cookie (RFC 7873), padding (RFC 7830). */
const idleOptions: ReadonlySet<number> = new Set([10, 12]);
/** Lower-case form of each byte a plain label may have; 0 = none. */
const lower = new Uint8Array(256);
for (const letter of 'abcdefghijklmnopqrstuvwxyz0123456789-_') {
  lower[letter.charCodeAt(0)] = letter.charCodeAt(0);
  lower[letter.toUpperCase().charCodeAt(0)] = letter.charCodeAt(0);
}

/** FNV-1a, from another start in each process. */
const hashPrime = 0x01_00_01_93;
const hashSeed = randomInt(0x1_00_00_00_00) | 0;

/** Denial record without its owner, as the codec writes it: type, class, TTL, data. */
const denialTail = encodeRecordTail(denialSoa('local'));

/** Most bytes that an answer of this module takes. */
export const longestPlainAnswer = headerBytes + longestName + 4 + 2 + Math.max(denialTail.length, 26) + optBytes;

/** What must be known of a question to answer it. */
export interface PlainQuestion {
  /** Normalised. */
  readonly name: string;
  readonly type: number;
  readonly message: Uint8Array;
  /** Where the message begins, and where its question ends. */
  readonly start: number;
  readonly questionEnd: number;
  readonly edns: boolean;
  readonly dnssecOk: boolean;
}

/** Reads question after question into its own fields, so that none costs an object. */
export class PlainQuestionReader implements PlainQuestion {
  type = 0;
  message: Uint8Array = new Uint8Array();
  start = 0;
  questionEnd = 0;
  edns = false;
  dnssecOk = false;
  /** The normalised name in letters, and their hash. */
  readonly letters = Buffer.alloc(longestName);
  length = 0;
  hash = 0;
  #name: string | undefined;

  /** Normalised. A string is made when it is asked for, unless somebody has it already and says so. */
  get name(): string {
    this.#name ??= this.letters.toString('latin1', 0, this.length);
    return this.#name;
  }

  set name(name: string) {
    this.#name = name;
  }

  /** Whether the bytes from `start` to `end` are a usual question; only then the fields are its. */
  read(message: Uint8Array, start: number, end: number): boolean {
    if (end - start < headerBytes + 7) return false;
    if ((word(message, start + 2) & ~usualFlags) !== 0 || word(message, start + 4) !== 1) return false;
    if (word(message, start + 6) !== 0 || word(message, start + 8) !== 0) return false;
    const additionals = word(message, start + 10);
    const nameEnd = this.#readName(message, start + headerBytes, end);
    if (nameEnd < 0 || nameEnd + 4 > end) return false;
    const type = word(message, nameEnd);
    if (type !== 1 && type !== 28 && type !== 65 && type !== 64) return false;
    if (word(message, nameEnd + 2) !== 1) return false;
    this.type = type;
    this.message = message;
    this.start = start;
    this.questionEnd = nameEnd + 4;
    this.edns = additionals === 1;
    this.dnssecOk = false;
    if (additionals === 0) return this.questionEnd === end;
    return additionals === 1 && this.#readOpt(message, this.questionEnd, end);
  }

  /** A copy that outlives the next `read`. */
  keep(): PlainQuestion {
    const { name, type, message, start, questionEnd, edns, dnssecOk } = this;
    return { name, type, message, start, questionEnd, edns, dnssecOk };
  }

  /** Where the name ends, or -1 for one that is not usual. */
  #readName(message: Uint8Array, from: number, end: number): number {
    const { letters } = this;
    let hash = hashSeed;
    let position = from;
    let length = 0;
    for (;;) {
      const label = message[position] ?? 255;
      position += 1;
      if (label === 0) break;
      if (label > 63 || position + label >= end) return -1;
      if (length > 0) {
        letters[length++] = 0x2e;
        hash = Math.imul(hash ^ 0x2e, hashPrime);
      }
      if (length + label > longestText) return -1;
      for (const labelEnd = position + label; position < labelEnd; position++) {
        const letter = lower[message[position] ?? 0] ?? 0;
        if (letter === 0) return -1;
        letters[length++] = letter;
        hash = Math.imul(hash ^ letter, hashPrime);
      }
    }
    if (length === 0) return -1;
    this.#name = undefined;
    this.length = length;
    // The low bits alone say little of the last letters.
    this.hash = hash ^ (hash >>> 15);
    return position;
  }

  #readOpt(message: Uint8Array, at: number, end: number): boolean {
    if (at + optBytes > end || message[at] !== 0 || word(message, at + 1) !== optType) return false;
    // Extended RCODE and version are zero in what everybody sends.
    if (word(message, at + 5) !== 0) return false;
    if (at + optBytes + word(message, at + 9) !== end) return false;
    this.dnssecOk = (message[at + 7] ?? 0) >= 0x80;
    for (let position = at + optBytes; position < end; ) {
      if (position + 4 > end || !idleOptions.has(word(message, position))) return false;
      position += 4 + word(message, position + 2);
      if (position > end) return false;
    }
    return true;
  }
}

/** Writes an A record with this address; returns the length. `out` has room for `longestPlainAnswer`. */
export function writeAddress4(
  out: Uint8Array,
  at: number,
  question: PlainQuestion,
  address: number,
  ttl: number,
): number {
  let end = writeRecordHead(out, at, question, plainType.A, ttl, 4);
  out[end++] = address >>> 24;
  out[end++] = address >>> 16;
  out[end++] = address >>> 8;
  out[end++] = address;
  return writeOpt(out, end, question) - at;
}

/** The same with an AAAA record of 16 bytes. */
export function writeAddress6(
  out: Uint8Array,
  at: number,
  question: PlainQuestion,
  address: Uint8Array,
  ttl: number,
): number {
  const end = writeRecordHead(out, at, question, plainType.AAAA, ttl, 16);
  out.set(address, end);
  return writeOpt(out, end + 16, question) - at;
}

/** "The name exists, such a record does not", with the SOA of the parent. */
export function writeDenial(out: Uint8Array, at: number, question: PlainQuestion): number {
  const first = question.message[question.start + headerBytes] ?? 0;
  const parent = headerBytes + 1 + first;
  let end = writeHead(out, at, question, 0, 0, 1);
  if (question.message[question.start + parent] === 0) {
    out[end++] = 0;
  } else {
    out[end++] = 0xc0 | (parent >> 8);
    out[end++] = parent & 255;
  }
  out.set(denialTail, end);
  return writeOpt(out, end + denialTail.length, question) - at;
}

/** An answer with this RCODE and nothing in it. */
export function writeFailure(out: Uint8Array, at: number, question: PlainQuestion, rcode: number): number {
  return writeOpt(out, writeHead(out, at, question, rcode, 0, 0), question) - at;
}

/** Header and question with its letters as asked. */
function writeHead(
  out: Uint8Array,
  at: number,
  question: PlainQuestion,
  rcode: number,
  answers: number,
  authorities: number,
): number {
  const { message, start, questionEnd } = question;
  for (let i = start, to = at; i < questionEnd; i++, to++) out[to] = message[i] ?? 0;
  out[at + 2] = 0x80 | ((message[start + 2] ?? 0) & 0x01); // QR, RD as asked
  out[at + 3] = 0x80 | ((message[start + 3] ?? 0) & 0x10) | rcode; // RA, CD as asked
  out[at + 6] = 0;
  out[at + 7] = answers;
  out[at + 8] = 0;
  out[at + 9] = authorities;
  out[at + 10] = 0;
  out[at + 11] = question.edns ? 1 : 0;
  return at + questionEnd - start;
}

/** Head of the one record about the asked name, up to its data. */
function writeRecordHead(
  out: Uint8Array,
  at: number,
  question: PlainQuestion,
  type: number,
  ttl: number,
  length: number,
): number {
  let end = writeHead(out, at, question, 0, 1, 0);
  out[end++] = 0xc0;
  out[end++] = headerBytes;
  out[end++] = 0;
  out[end++] = type;
  out[end++] = 0;
  out[end++] = 1;
  out[end++] = ttl >>> 24;
  out[end++] = ttl >>> 16;
  out[end++] = ttl >>> 8;
  out[end++] = ttl;
  out[end++] = 0;
  out[end++] = length;
  return end;
}

function writeOpt(out: Uint8Array, at: number, question: PlainQuestion): number {
  if (!question.edns) return at;
  out.fill(0, at, at + optBytes);
  out[at + 2] = optType;
  out[at + 3] = safeUdpSize >> 8;
  out[at + 4] = safeUdpSize & 255;
  if (question.dnssecOk) out[at + 7] = 0x80; // copied (RFC 3225 section 3)
  return at + optBytes;
}

function word(bytes: Uint8Array, offset: number): number {
  return ((bytes[offset] ?? 0) << 8) | (bytes[offset + 1] ?? 0);
}
