/** The client's side of a handshake as bytes, whatever the protocol. No sockets. */

export type HandshakeStep<Done, Failure> =
  /** Send this (may be nothing), then call `take` with exactly so many bytes. */
  | { readonly kind: 'want'; readonly send: Uint8Array; readonly bytes: number }
  | { readonly kind: 'connected'; readonly bound: Done }
  | { readonly kind: 'failed'; readonly failure: Failure };

/** It says how many bytes it wants, so that its caller never reads beyond the handshake: what follows belongs to the stream. */
export interface HandshakeClient<Done, Failure> {
  start(): HandshakeStep<Done, Failure>;
  take(bytes: Uint8Array): HandshakeStep<Done, Failure>;
  /** What it means that the server ends the connection after only these of the wanted bytes; undefined where it tells nothing. */
  ended(received: Uint8Array): Failure | undefined;
}
