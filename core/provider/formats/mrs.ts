/**
 * mihomo's binary rule sets (`.mrs`): Zstandard (RFC 8878) around a head (magic, behaviour, count, extra) and a succinct trie of
 * reversed names, or pairs of addresses. All integers are big-endian. Only what is documented of the format is relied on.
 */
import * as zlib from 'node:zlib';
import type { SetBehavior } from '../../contract/sets.ts';
import { addressBits } from './address-bits.ts';
import { FormatError, notReadable } from './format-error.ts';
import type { SetWriter } from './set-writer.ts';
import { WorkLimit } from './work-limit.ts';
import { endOfFrame } from './zstandard-frame.ts';

/** Bytes after decompression, labels of a trie, and characters of all its names: more make no set that could be used. */
const maxUnpacked = 32 * 1024 * 1024;
const maxLabels = 16 * 1024 * 1024;
const maxNameBytes = 32 * 1024 * 1024;
/** Characters of a name, with what leads a pattern. */
const maxDepth = 260;
const magic = 0x4d525301; // "MRS", version 1
const behaviors: readonly SetBehavior[] = ['domain', 'ipcidr', 'classical'];
const zstdMagic = 0xfd2fb528;

export function isZstandard(bytes: Buffer): boolean {
  return bytes.length >= 4 && bytes.readUInt32LE(0) === zstdMagic;
}

/** Adds what is in the file. Throws `FormatError`, also when it is of another behaviour. */
export function readMrs(packed: Buffer, behavior: SetBehavior, writer: SetWriter): void {
  const reader = new BigEndianReader(unpack(packed));
  if (reader.uint32('the head') !== magic) throw notReadable('not a rule set of mihomo', 0);
  const found = behaviors[reader.byte('the behaviour')];
  if (found !== behavior) throw notReadable(`a set of behaviour ${found ?? 'unknown'}, not ${behavior}`, 4);
  reader.count(Number.MAX_SAFE_INTEGER, 'the number of entries');
  reader.skip(reader.count(maxUnpacked, 'the extra length'), 'the extra part');
  const version = reader.byte('the version');
  if (version !== 1) throw notReadable(`version ${version} is not known`, reader.offset - 1);
  if (behavior === 'domain') readNames(reader, writer);
  else readRanges(reader, writer);
}

function unpack(packed: Buffer): Buffer {
  if (!isZstandard(packed)) throw notReadable('not compressed with Zstandard', 0);
  // Runtimes before Node 22.15 do not have it.
  if (!('zstdDecompressSync' in zlib)) throw notReadable('this runtime cannot unpack Zstandard');
  try {
    return zlib.zstdDecompressSync(packed, { maxOutputLength: maxUnpacked });
  } catch (caught) {
    const isLarge = caught instanceof RangeError;
    if (isLarge) throw new FormatError('TOO_LARGE', `more than ${maxUnpacked / 1024 / 1024} MiB when unpacked`);
    throw notReadable('the compressed data is damaged', endOfFrame(packed));
  }
}

/**
 * The trie is a bit list in breadth-first order: each node is a 0 for every child and a closing 1, so the k-th 0 leads to node k.
 * Names are stored from their end: from a leaf up to the root they are in order.
 */
function readNames(reader: BigEndianReader, writer: SetWriter): void {
  const leaves = reader.words('the leaves');
  const bitmap = reader.words('the bitmap');
  const labels = reader.bytes(reader.count(maxLabels, 'the number of labels'), 'the labels');
  const parents = new Uint32Array(labels.length + 1);
  const depths = new Uint16Array(labels.length + 1);
  const bits = bitmap.length * 32;
  let node = 0;
  let child = 0;
  for (let bit = 0; bit < bits && node <= child; bit++) {
    if (bitAt(bitmap, bit)) {
      node += 1;
      continue;
    }
    if (child >= labels.length) break; // padding of the last word
    child += 1;
    parents[child] = node;
    depths[child] = (depths[node] ?? 0) + 1;
    if ((depths[child] ?? 0) > maxDepth) throw notReadable('a name is too long', reader.offset);
  }
  if (child !== labels.length) throw notReadable('the trie has labels that lead nowhere', reader.offset);
  const name = Buffer.alloc(maxDepth);
  const work = new WorkLimit(maxNameBytes);
  for (let leaf = 1; leaf <= child && leaf < leaves.length * 32; leaf++) {
    if (!bitAt(leaves, leaf)) continue;
    let length = 0;
    let above = 0;
    for (let at = leaf; at !== 0; at = parents[at] ?? 0) {
      const label = labels[at - 1] ?? 0;
      above |= label;
      name[length++] = label;
    }
    work.spend(length, reader.offset);
    const pattern = above < 0x80 ? name.toString('latin1', 0, length) : characterwise(name.subarray(0, length));
    // `+.x` is what is below x here; x itself has a leaf of its own.
    writer.addPattern(pattern.startsWith('+.') ? pattern.slice(1) : pattern);
  }
}

/** Names are reversed by characters, not by bytes: those beyond ASCII are backwards in themselves. */
function characterwise(bytes: Buffer): string {
  return Array.from(Buffer.from(bytes.toReversed()).toString('utf8')).toReversed().join('');
}

function readRanges(reader: BigEndianReader, writer: SetWriter): void {
  const ranges = reader.count(maxUnpacked / 32, 'the number of ranges');
  for (let i = 0; i < ranges; i++) {
    const offset = reader.offset;
    const first = addressBits(reader.bytes(16, 'a range'));
    const last = addressBits(reader.bytes(16, 'a range'));
    if (first === undefined || first.family !== last?.family || last.value < first.value)
      throw notReadable('a range ends before it begins', offset);
    writer.addCidr({ family: first.family, first: first.value, last: last.value });
  }
}

function bitAt(words: Uint32Array, bit: number): boolean {
  // 64-bit words are stored with the higher half first.
  const half = (bit >> 6) * 2 + ((bit & 32) === 0 ? 1 : 0);
  return (((words[half] ?? 0) >>> (bit & 31)) & 1) === 1;
}

class BigEndianReader {
  readonly #bytes: Buffer;
  offset = 0;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  byte(what: string): number {
    return this.bytes(1, what)[0] ?? 0;
  }

  uint32(what: string): number {
    return this.bytes(4, what).readUInt32BE(0);
  }

  /** A 64-bit number that counts something. */
  count(max: number, what: string): number {
    const value = this.bytes(8, what).readBigInt64BE(0);
    if (value < 0n || value > BigInt(max)) throw notReadable(`${what} cannot be ${value}`, this.offset - 8);
    return Number(value);
  }

  /** A list of 64-bit words, as twice as many halves, the higher one first. */
  words(what: string): Uint32Array {
    const bytes = this.bytes(this.count(maxUnpacked / 8, what) * 8, what);
    return Uint32Array.from({ length: bytes.length / 4 }, (_, i) => bytes.readUInt32BE(i * 4));
  }

  skip(length: number, what: string): void {
    this.bytes(length, what);
  }

  bytes(length: number, what: string): Buffer {
    if (this.offset + length > this.#bytes.length) throw notReadable(`${what} is cut off`, this.offset);
    const bytes = this.#bytes.subarray(this.offset, this.offset + length);
    this.offset += length;
    return bytes;
  }
}
