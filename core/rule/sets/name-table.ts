/**
 * The names of a set as the bytes they came in, found by an open hash table of their places: a hundred thousand take two or
 * three megabytes. A name is hashed once from its end, so that each of its suffixes has its hash on the way.
 */
import { DomainTrie } from '../../base/domain.ts';
import { bothKind, exactKind, lineFeed } from '../canonical-set.ts';
import type { NameSet } from '../rule-set.ts';

const dot = '.'.charCodeAt(0);
/** Taken slots in a row; only names chosen for it have more. */
const maxRun = 1000;
/** A place in the bytes, and beside it bits of the hash, which tell most names apart without looking at them. */
const placeBits = 24;
const placeMask = (1 << placeBits) - 1;

export class NameTable implements NameSet {
  readonly #bytes: Buffer;
  readonly #slots: Uint32Array;
  readonly #mask: number;
  readonly #wildcards = new DomainTrie<true>();
  #size = 0;

  /** For `names` lines in `bytes` (canonical form, less than 2^24 bytes), which is kept. */
  constructor(bytes: Buffer, names: number) {
    this.#bytes = bytes;
    const slots = 2 ** Math.ceil(Math.log2(Math.max(names * 2, 2)));
    this.#slots = new Uint32Array(slots);
    this.#mask = slots - 1;
  }

  get size(): number {
    return this.#size + this.#wildcards.size;
  }

  get wildcards(): number {
    return this.#wildcards.size;
  }

  /** Adds the name whose line is at `start` and ends before `end`. Returns false when too many names have its hash. */
  add(start: number, end: number): boolean {
    let hash = hashStart;
    for (let i = end - 1; i > start; i--) hash = extend(hash, this.#bytes[i] ?? 0);
    const mixed = mix(hash);
    let slot = mixed & this.#mask;
    for (let run = 0; this.#slots[slot] !== 0; run++) {
      if (run === maxRun) return false;
      slot = (slot + 1) & this.#mask;
    }
    // The place of the name, not of its line: never zero.
    this.#slots[slot] = (start + 1) | (tagOf(mixed) << placeBits);
    this.#size += 1;
    return true;
  }

  /** Returns why the pattern is none, or undefined. */
  addWildcard(pattern: string): string | undefined {
    return this.#wildcards.insert(pattern, true);
  }

  has(name: string): boolean {
    let hash = hashStart;
    for (let i = name.length - 1; i >= 0; i--) {
      hash = extend(hash, name.charCodeAt(i));
      if (i > 0 && name.charCodeAt(i - 1) !== dot) continue;
      if (this.#find(mix(hash), name, i)) return true;
    }
    return this.#wildcards.size > 0 && this.#wildcards.lookup(name) !== undefined;
  }

  /** Whether what of a name begins at `from` stands here so that the name is in the set. */
  #find(mixed: number, name: string, from: number): boolean {
    const tag = tagOf(mixed);
    for (let slot = mixed & this.#mask; ; slot = (slot + 1) & this.#mask) {
      const entry = this.#slots[slot] ?? 0;
      if (entry === 0) return false;
      if (entry >>> placeBits !== tag) continue;
      const place = entry & placeMask;
      if (!this.#isAt(place, name, from)) continue;
      const kind = this.#bytes[place - 1];
      // There may be another line for the same name.
      if (kind === bothKind || (kind === exactKind) === (from === 0)) return true;
    }
  }

  #isAt(place: number, name: string, from: number): boolean {
    const length = name.length - from;
    if (this.#bytes[place + length] !== lineFeed) return false;
    for (let i = 0; i < length; i++) if (this.#bytes[place + i] !== name.charCodeAt(from + i)) return false;
    return true;
  }
}

/** FNV-1a. */
const hashStart = 0x811c_9dc5;

function extend(hash: number, byte: number): number {
  return Math.imul(hash ^ byte, 0x0100_0193);
}

/** FNV's low bits of similar names are similar. */
function mix(hash: number): number {
  return Math.imul(hash ^ (hash >>> 15), 0x2c1b_3c6d);
}

function tagOf(mixed: number): number {
  return mixed >>> placeBits;
}
