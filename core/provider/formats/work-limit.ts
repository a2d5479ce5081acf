/** What reading one file may take: a small file must not be made into much by what refers to itself, or is read again and again. */
import { FormatError } from './format-error.ts';

export class WorkLimit {
  #left: number;

  /** `units`: whatever the reader counts, bytes as a rule. */
  constructor(units: number) {
    this.#left = units;
  }

  /** Throws TOO_LARGE with this place when it is used up. */
  spend(units: number, offset: number): void {
    this.#left -= units;
    if (this.#left < 0) throw new FormatError('TOO_LARGE', 'it takes more work than its size allows', offset);
  }
}
