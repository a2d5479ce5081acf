/** A byte stream both ways whose directions end apart: half-close is in the type. */
import type { Readable, Writable } from 'node:stream';

export interface Stream {
  /** Ends at the other side's FIN; errors with ECONNRESET at its RST. */
  readonly readable: Readable;
  /** `end()` sends FIN and leaves the other direction open. */
  readonly writable: Writable;
  /** Address of the other end of the socket below, if there is one. */
  readonly remote: string | undefined;
  /** Ends both directions at once with RST. */
  reset(): void;
}
