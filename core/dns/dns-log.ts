/** The last questions and how they were answered, for people to look at. */
import { Emitter } from '../base/emitter.ts';
import type { DnsRow } from '../contract/dns.ts';

const capacity = 2_000;

export class DnsLog {
  /** Each row as it is added. */
  readonly added = new Emitter<DnsRow>();
  readonly #rows: DnsRow[] = [];
  #count = 0;

  /** Questions since the start, also those that are no longer kept. */
  get count(): number {
    return this.#count;
  }

  /** Adds a row under the next id; the oldest of 2,000 gives way. */
  record(row: Omit<DnsRow, 'id'>): void {
    const numbered: DnsRow = { id: String(this.#count + 1), ...row };
    this.#rows[this.#count % capacity] = numbered;
    this.#count += 1;
    this.added.emit(numbered);
  }

  /** Oldest first. */
  rows(): DnsRow[] {
    const oldest = this.#count % capacity;
    return this.#rows.length < capacity
      ? [...this.#rows]
      : [...this.#rows.slice(oldest), ...this.#rows.slice(0, oldest)];
  }
}
