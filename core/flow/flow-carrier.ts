/** Who carries the bytes of a flow, and how it is asked for their number and their end. */

export interface CarriedBytes {
  readonly up: number;
  readonly down: number;
  /** Milliseconds from the opening of the flow to the first byte that came back, where that is known. */
  readonly firstByteMs?: number | undefined;
}

export interface FlowCarrier {
  readonly kind: 'engine' | 'stream';
  /** Bytes so far; cheap, called once a second for each live flow. */
  bytes(): CarriedBytes;
  /** Asks for the end; the flow ends by itself then. Repeating it does nothing. */
  close(how: 'graceful' | 'reset'): void;
}
