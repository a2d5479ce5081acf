/** Reads fields of foreign bytes in order. A field that is not whole makes it `failed` for good; it never throws. */
const empty = new Uint8Array(0);

export class ByteReader {
  readonly #bytes: Uint8Array;
  #at: number;
  #failed = false;

  constructor(bytes: Uint8Array, at = 0) {
    this.#bytes = bytes;
    this.#at = at;
  }

  /** Whether something was asked for that is not there; what was read then is zero or empty. */
  get failed(): boolean {
    return this.#failed;
  }

  /** Place of the next byte. */
  get at(): number {
    return this.#at;
  }

  get left(): number {
    return this.#failed ? 0 : this.#bytes.length - this.#at;
  }

  /** An unsigned integer of 1 to 4 bytes in network order. */
  uint(size: 1 | 2 | 3 | 4): number {
    let value = 0;
    for (const byte of this.bytes(size)) value = value * 256 + byte;
    return value;
  }

  /** A variable-length integer of QUIC (RFC 9000 section 16); one beyond 2^53 is a failure. */
  varint(): number {
    const first = this.uint(1);
    let value = first & 0x3f;
    for (const byte of this.bytes((1 << (first >> 6)) - 1)) value = value * 256 + byte;
    if (!Number.isSafeInteger(value)) this.#failed = true;
    return this.#failed ? 0 : value;
  }

  /** A view of the next bytes, not a copy. */
  bytes(size: number): Uint8Array {
    if (size > this.left) {
      this.#failed = true;
      return empty;
    }
    this.#at += size;
    return this.#bytes.subarray(this.#at - size, this.#at);
  }
}
