/** Bytes that come in pieces and are read as one: however small the pieces are, the work grows with the bytes, not with its square. */
const none = Buffer.alloc(0);

export class GrowingBytes {
  /** Full while it is the only piece, which is not ours to write behind. */
  #store: Buffer = none;
  #start = 0;
  #end = 0;

  get length(): number {
    return this.#end - this.#start;
  }

  /** All that is there, without a copy. What is pushed or dropped later does not change it. */
  get bytes(): Buffer {
    return this.#store.subarray(this.#start, this.#end);
  }

  /** Keeps the piece itself while it is the only one: whoever pushes it no longer changes it. */
  push(piece: Uint8Array): void {
    if (this.length === 0) {
      this.#store = Buffer.from(piece.buffer, piece.byteOffset, piece.length);
      this.#start = 0;
      this.#end = piece.length;
      return;
    }
    if (this.#end + piece.length > this.#store.length) {
      const grown = Buffer.allocUnsafe(2 * (this.length + piece.length));
      const { bytes } = this;
      grown.set(bytes);
      this.#store = grown;
      this.#start = 0;
      this.#end = bytes.length;
    }
    this.#store.set(piece, this.#end);
    this.#end += piece.length;
  }

  /** Forgets so many of the first bytes. */
  drop(count: number): void {
    this.#start = Math.min(this.#start + count, this.#end);
    if (this.length === 0) this.#store = none;
  }
}
