/** Who carries the bytes of a flow, and how it is asked for their number and their end. */

export interface FlowCarrier {
  readonly kind: 'engine' | 'stream';
  /** Bytes so far; cheap, called once a second for each live flow. */
  bytes(): { up: number; down: number };
  /** Asks for the end; the flow ends by itself then. Repeating it does nothing. */
  close(how: 'graceful' | 'reset'): void;
}
