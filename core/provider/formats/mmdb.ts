/**
 * MaxMind's database format, version 2 (https://maxmind.github.io/MaxMind-DB/): a binary tree over the bits of addresses that
 * leads to records. Walked whole, once, for all lists that are wanted; values are read no further than they say something.
 */
import { FormatError, notReadable } from './format-error.ts';
import { WorkLimit } from './work-limit.ts';

const marker = Buffer.from('\xab\xcd\xefMaxMind.com', 'latin1');
/** Where the metadata may begin, from the end (the specification). */
const metadataReach = 128 * 1024;
const maxNodes = 32_000_000;
/** Nested values and pointers to pointers. */
const maxDepth = 16;
/** Values of one record. */
const maxValues = 10_000;
/** Different records, and ranges of all lists that are wanted. */
const maxRecords = 1_000_000;
const maxRanges = 2_000_000;
/** Bytes and values that are read of the data, each record once, to a byte of the file; and what a small file may take. */
const workPerByte = 8;
const leastWork = 1_000_000;
/** Zero bytes between tree and data. */
const separatorBytes = 16;

/** Keys whose values say something; what stands under others is passed over, and no pointer in it followed. */
const readKeys: ReadonlySet<string> = new Set([
  'node_count',
  'record_size',
  'ip_version',
  'binary_format_major_version',
  'database_type',
  'country',
  'iso_code',
  'country_code',
  'autonomous_system_number',
  'asn',
]);
const noCodes: readonly string[] = [];

export type MmdbValue = string | number | boolean | null | MmdbValue[] | { readonly [key: string]: MmdbValue };

export interface MmdbRange {
  readonly family: 4 | 6;
  readonly first: bigint;
  readonly last: bigint;
}

export class Mmdb {
  readonly #file: Buffer;
  readonly #nodes: number;
  readonly #recordBits: number;
  readonly #bits: 32 | 128;
  readonly #data: number;
  readonly #dataEnd: number;
  readonly #work: WorkLimit;
  readonly type: string;

  /** Throws `FormatError`. */
  constructor(file: Buffer) {
    this.#file = file;
    const from = Math.max(0, file.length - metadataReach);
    const at = file.subarray(from).lastIndexOf(marker);
    if (at < 0) throw notReadable('no metadata of a MaxMind database at the end', file.length);
    const start = from + at + marker.length;
    this.#work = new WorkLimit(Math.max(file.length * workPerByte, leastWork));
    const metadata = new DataReader(file, start, file.length, this.#work).read(0);
    const { node_count, record_size, ip_version, binary_format_major_version, database_type } = recordOf(metadata);
    if (binary_format_major_version !== 2) throw notReadable('another version of the format', start);
    if (typeof node_count !== 'number' || node_count < 1 || node_count > maxNodes)
      throw notReadable('no number of nodes', start);
    if (record_size !== 24 && record_size !== 28 && record_size !== 32)
      throw notReadable('an unknown size of records', start);
    if (ip_version !== 4 && ip_version !== 6) throw notReadable('an unknown version of addresses', start);
    this.type = typeof database_type === 'string' ? database_type : '';
    this.#nodes = node_count;
    this.#recordBits = record_size;
    this.#bits = ip_version === 4 ? 32 : 128;
    this.#data = node_count * (record_size / 4) + separatorBytes;
    this.#dataEnd = from + at;
    if (this.#data > this.#dataEnd) throw notReadable('the tree is cut off', this.#dataEnd);
  }

  /**
   * Calls for every range of addresses with a record that `codesOf` gives a code, in order. In an IPv6 tree IPv4 addresses are
   * those of ::/96; other places that lead there (6to4, Teredo) are passed over.
   */
  walk(codesOf: (record: MmdbValue) => readonly string[], found: (code: string, range: MmdbRange) => void): void {
    const reader = new DataReader(this.#file, this.#data, this.#dataEnd, this.#work);
    const known = new Map<number, readonly string[]>();
    const v4Root = this.#v4Root();
    let ranges = 0;
    const visit = (pointer: number, path: bigint, depth: number): void => {
      if (pointer === this.#nodes) return;
      if (pointer > this.#nodes) {
        const offset = pointer - this.#nodes - separatorBytes;
        let codes = known.get(offset);
        if (codes === undefined) {
          if (known.size >= maxRecords) throw tooMany('records', this.#data + offset);
          const found = codesOf(reader.read(offset));
          codes = found.length === 0 ? noCodes : [...new Set(found)];
          known.set(offset, codes);
        }
        if (codes.length === 0) return;
        ranges += codes.length;
        if (ranges > maxRanges) throw tooMany('ranges', this.#data + offset);
        const range = rangeOf(path, depth, this.#bits);
        for (const code of codes) found(code, range);
        return;
      }
      if (depth === this.#bits) throw notReadable('the tree is deeper than an address', pointer);
      // Links back into the tree of IPv4 addresses stand for them once more.
      if (pointer === v4Root && depth > 0 && path !== 0n) return;
      visit(this.#child(pointer, 0), path << 1n, depth + 1);
      visit(this.#child(pointer, 1), (path << 1n) | 1n, depth + 1);
    };
    this.#steps = 0;
    visit(0, 0n, 0);
  }

  #steps = 0;

  #v4Root(): number {
    if (this.#bits === 32) return -1;
    let node = 0;
    for (let depth = 0; depth < 96 && node < this.#nodes; depth++) node = this.#child(node, 0);
    return node < this.#nodes ? node : -1;
  }

  /** Every node is visited once, but in a tree that is none: then this ends it. */
  #child(node: number, side: 0 | 1): number {
    this.#steps += 1;
    if (this.#steps > this.#nodes * 2 + 1000) throw notReadable('the tree leads back into itself', node);
    const file = this.#file;
    switch (this.#recordBits) {
      case 24:
        return file.readUIntBE(node * 6 + side * 3, 3);
      case 28: {
        const at = node * 7;
        const middle = file[at + 3] ?? 0;
        return side === 0
          ? (middle >> 4) * 0x100_0000 + file.readUIntBE(at, 3)
          : (middle & 15) * 0x100_0000 + file.readUIntBE(at + 4, 3);
      }
      default:
        return file.readUInt32BE(node * 8 + side * 4);
    }
  }
}

function rangeOf(path: bigint, depth: number, bits: 32 | 128): MmdbRange {
  const host = BigInt(bits - depth);
  const first = path << host;
  const last = first + (1n << host) - 1n;
  const isV4 = bits === 32 || (depth >= 96 && last < 1n << 32n);
  return { family: isV4 ? 4 : 6, first, last };
}

function tooMany(what: string, offset: number): FormatError {
  return new FormatError('TOO_LARGE', `too many ${what}`, offset);
}

function recordOf(value: MmdbValue): Readonly<Record<string, MmdbValue>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? value : {};
}

/** The data section: values with a type and a size in their first bytes. */
class DataReader {
  readonly #file: Buffer;
  readonly #start: number;
  readonly #end: number;
  readonly #work: WorkLimit;
  #at = 0;
  #left = 0;

  constructor(file: Buffer, start: number, end: number, work: WorkLimit) {
    this.#file = file;
    this.#start = start;
    this.#end = end;
    this.#work = work;
  }

  /** The value at an offset of the section. */
  read(offset: number): MmdbValue {
    this.#at = this.#start + offset;
    this.#left = maxValues;
    return this.#value(0);
  }

  #value(depth: number): MmdbValue {
    const offset = this.#at;
    const { type, size, control } = this.#head(depth);
    if (type === 1) return this.#pointer(control, depth);
    switch (type) {
      case 2:
        return this.#bytes(size).toString('utf8');
      case 3:
        if (size !== 8) throw notReadable('a number of a wrong size', offset);
        return this.#bytes(8).readDoubleBE(0);
      case 4:
        this.#bytes(size);
        return null;
      case 5:
      case 6:
      case 8:
        if (size > 4) throw notReadable('a number of a wrong size', offset);
        return this.#number(size);
      case 7:
        return this.#map(size, depth);
      case 9:
      case 10:
        if (size > 16) throw notReadable('a number of a wrong size', offset);
        return Number(`0x${this.#bytes(size).toString('hex') || '0'}`);
      case 11:
        return this.#list(size, depth);
      case 14:
        return size !== 0;
      case 15:
        if (size !== 4) throw notReadable('a number of a wrong size', offset);
        return this.#bytes(4).readFloatBE(0);
      default:
        throw notReadable(`a value of the unknown type ${type}`, offset);
    }
  }

  /** The type and size of a value; of a pointer its first byte. */
  #head(depth: number): { readonly type: number; readonly size: number; readonly control: number } {
    const offset = this.#at;
    this.#left -= 1;
    if (depth > maxDepth || this.#left < 0) throw notReadable('a value is too large', offset);
    this.#work.spend(1, offset);
    const control = this.#number(1);
    let type = control >> 5;
    if (type === 1) return { type, size: 0, control };
    if (type === 0) type = this.#number(1) + 7;
    let size = control & 31;
    if (size >= 29) size = ([29, 285, 65_821][size - 29] ?? 0) + this.#number(size - 28);
    return { type, size, control };
  }

  /** Goes behind a value. */
  #skip(depth: number): void {
    const offset = this.#at;
    const { type, size, control } = this.#head(depth);
    switch (type) {
      case 1:
        this.#target(control);
        return;
      case 7:
      case 11:
        for (let i = 0; i < size * (type === 7 ? 2 : 1); i++) this.#skip(depth + 1);
        return;
      case 14:
        return;
      default:
        if (type > 15 || type === 12 || type === 13) throw notReadable(`a value of the unknown type ${type}`, offset);
        this.#pass(size);
    }
  }

  /** Where a pointer leads to. */
  #target(control: number): number {
    const size = (control >> 3) & 3;
    const high = control & 7;
    const bases = [0, 2048, 526_336, 0] as const;
    return size === 3 ? this.#number(4) : high * 2 ** (8 * (size + 1)) + this.#number(size + 1) + (bases[size] ?? 0);
  }

  #pointer(control: number, depth: number): MmdbValue {
    const target = this.#target(control);
    const behind = this.#at;
    this.#at = this.#start + target;
    const value = this.#value(depth + 1);
    this.#at = behind;
    return value;
  }

  #map(size: number, depth: number): MmdbValue {
    const entries: [string, MmdbValue][] = [];
    for (let i = 0; i < size; i++) {
      const offset = this.#at;
      const key = this.#value(depth + 1);
      if (typeof key !== 'string') throw notReadable('a key that is no text', offset);
      if (readKeys.has(key)) entries.push([key, this.#value(depth + 1)]);
      else this.#skip(depth + 1);
    }
    return Object.fromEntries(entries);
  }

  #list(size: number, depth: number): MmdbValue {
    const values: MmdbValue[] = [];
    for (let i = 0; i < size; i++) values.push(this.#value(depth + 1));
    return values;
  }

  #number(bytes: number): number {
    return bytes === 0 ? 0 : this.#bytes(bytes).readUIntBE(0, bytes);
  }

  #bytes(length: number): Buffer {
    this.#work.spend(length, this.#at);
    this.#pass(length);
    return this.#file.subarray(this.#at - length, this.#at);
  }

  #pass(length: number): void {
    if (this.#at < this.#start || this.#at + length > this.#end) throw notReadable('a value is cut off', this.#at);
    this.#at += length;
  }
}

/** Codes of countries in a record, in lower case: MaxMind's, or those of databases made for Clash, where it is a text or several. */
export function countryCodes(record: MmdbValue): readonly string[] {
  if (typeof record === 'string') return record === '' ? [] : [record.toLowerCase()];
  if (Array.isArray(record)) return record.flatMap((each) => countryCodes(each));
  const { country, country_code } = recordOf(record);
  const code = typeof country === 'string' ? country : recordOf(country ?? null)['iso_code'];
  if (typeof code === 'string') return [code.toLowerCase()];
  return typeof country_code === 'string' ? [country_code.toLowerCase()] : [];
}

/** The number of an autonomous system in a record: MaxMind's, or as `AS13335`. */
export function systemNumbers(record: MmdbValue): readonly string[] {
  const { autonomous_system_number, asn } = recordOf(record);
  if (typeof autonomous_system_number === 'number') return [String(autonomous_system_number)];
  const number = typeof asn === 'string' ? /^(?:AS)?(\d{1,10})$/i.exec(asn)?.[1] : undefined;
  return number === undefined ? [] : [number];
}
