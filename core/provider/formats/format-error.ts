/** Why the contents of a provider or of geodata cannot be used. */
import type { SetTrouble } from '../../contract/sets.ts';

export class FormatError extends Error {
  readonly trouble: Extract<SetTrouble, 'NOT_READABLE' | 'NOT_LISTED' | 'TOO_LARGE'>;
  /** Where in the bytes (decompressed, if they were compressed); undefined when it has no place. */
  readonly offset: number | undefined;

  constructor(trouble: FormatError['trouble'], what: string, offset?: number) {
    super(offset === undefined ? what : `${what} (at byte ${offset})`);
    this.trouble = trouble;
    this.offset = offset;
  }
}

export function notReadable(what: string, offset?: number): FormatError {
  return new FormatError('NOT_READABLE', what, offset);
}
