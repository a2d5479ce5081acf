/** Questions and answers of many askers back to back in one buffer: the layout of native/index.d.ts, read and written in place. */
import { bytesToIp, type Ip, numberToIpv4 } from '../../base/address.ts';
import type { Endpoint } from '../../contract/flow.ts';
import type { Network } from '../../flow/metadata.ts';

/** Questions as the data plane hands them over. The token of a question is `firstToken` plus its place. */
export interface DnsBatch {
  readonly firstToken: number;
  readonly count: number;
  readonly questions: Uint8Array;
}

const headBytes = 48;
const tokenBytes = 12;
const tcp = 6;

/** Walks over a batch without making an object for a question; what is wanted of the present one is asked for. */
export class BatchReader {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  #head = 0;
  #next = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  /** Goes to the next question; false at the end of the bytes, also when they end too early. */
  next(): boolean {
    if (this.#next + headBytes > this.#bytes.length) return false;
    const end = this.#next + headBytes + this.#view.getUint32(this.#next, true);
    if (end > this.#bytes.length) return false;
    this.#head = this.#next;
    this.#next = end;
    return true;
  }

  /** Where the present message begins and ends. */
  get start(): number {
    return this.#head + headBytes;
  }

  get end(): number {
    return this.#next;
  }

  get network(): Network {
    return this.#bytes[this.#head + 4] === tcp ? 'tcp' : 'udp';
  }

  /** The asker's IPv4 address as a number; -1 when it is an IPv6 one. */
  get source4(): number {
    return this.#bytes[this.#head + 5] === 4 ? this.#view.getUint32(this.#head + 16) : -1;
  }

  /** The same of where it was asked. */
  get destination4(): number {
    return this.#bytes[this.#head + 5] === 4 ? this.#view.getUint32(this.#head + 32) : -1;
  }

  get sourcePort(): number {
    return this.#view.getUint16(this.#head + 6, true);
  }

  get destinationPort(): number {
    return this.#view.getUint16(this.#head + 8, true);
  }

  get source(): Endpoint {
    return { host: this.#address(16), port: this.sourcePort };
  }

  get destination(): Endpoint {
    return { host: this.#address(32), port: this.destinationPort };
  }

  #address(offset: number): Ip {
    const at = this.#head + offset;
    if (this.#bytes[this.#head + 5] === 4) return numberToIpv4(this.#view.getUint32(at));
    return bytesToIp(this.#bytes.subarray(at, at + 16));
  }
}

/** Collects answers until they are taken in one piece. */
export class AnswerBatch {
  #bytes: Uint8Array<ArrayBuffer>;
  #view: DataView;
  #length = 0;

  constructor(size = 16_384) {
    this.#bytes = new Uint8Array(size);
    this.#view = new DataView(this.#bytes.buffer);
  }

  get isEmpty(): boolean {
    return this.#length === 0;
  }

  add(token: number, message: Uint8Array): void {
    const at = this.begin(message.length);
    this.#bytes.set(message, at);
    this.finish(token, message.length);
  }

  /** Makes room for a message of at most so many bytes; it is to be written into `bytes` from the returned offset. */
  begin(most: number): number {
    const needed = this.#length + tokenBytes + most;
    if (needed > this.#bytes.length) {
      const larger = new Uint8Array(Math.max(needed, this.#bytes.length * 2));
      larger.set(this.#bytes.subarray(0, this.#length));
      this.#bytes = larger;
      this.#view = new DataView(larger.buffer);
    }
    return this.#length + tokenBytes;
  }

  /** Valid until the next `begin` or `add`. */
  get bytes(): Uint8Array {
    return this.#bytes;
  }

  /** The message since `begin` is complete. */
  finish(token: number, length: number): void {
    this.#view.setFloat64(this.#length, token, true);
    this.#view.setUint32(this.#length + 8, length, true);
    this.#length += tokenBytes + length;
  }

  /** What was collected, as bytes of the caller's own; afterwards there is nothing. */
  take(): Uint8Array {
    const taken = this.#bytes.slice(0, this.#length);
    this.#length = 0;
    return taken;
  }
}
