/** Drives the client's side of a handshake over a connected socket; takes from it not one byte more than the handshake has. */
import type { Socket } from 'node:net';
import { AppError } from '../base/app-error.ts';
import type { Clock } from '../base/clock.ts';
import { unreachable } from '../base/unreachable.ts';
import type { HandshakeClient, HandshakeStep } from '../net/handshake.ts';
import type { DialOptions } from './dialer.ts';

/**
 * Resolves when the server has agreed; everything behind the handshake is then still in the socket. Rejects with what `errorOf`
 * makes of its refusal, with DIAL_TIMEOUT when it is silent, DIAL_PROXY_FAILED when it ends the connection, or why it was given up;
 * the socket is then destroyed.
 */
export async function handshake<Done, Failure>(
  socket: Socket,
  client: HandshakeClient<Done, Failure>,
  errorOf: (failure: Failure) => AppError,
  clock: Clock,
  options: DialOptions,
): Promise<Done> {
  const outcome = Promise.withResolvers<Done>();
  const conversation = new Conversation(socket, client, errorOf, outcome);
  const silent = new AppError('DIAL_TIMEOUT', 'the proxy did not answer the request in time');
  const cancelTimer = clock.after(options.timeoutMs, () => outcome.reject(silent));
  const onAbort = (): void => outcome.reject(AppError.from(options.signal.reason, 'DIAL_IO', 'given up'));
  options.signal.addEventListener('abort', onAbort, { once: true });
  try {
    if (options.signal.aborted) onAbort();
    else conversation.begin();
    return await outcome.promise;
  } catch (error) {
    socket.destroy();
    throw error;
  } finally {
    conversation.detach();
    cancelTimer();
    options.signal.removeEventListener('abort', onAbort);
  }
}

class Conversation<Done, Failure> {
  readonly #socket: Socket;
  readonly #client: HandshakeClient<Done, Failure>;
  readonly #errorOf: (failure: Failure) => AppError;
  readonly #outcome: PromiseWithResolvers<Done>;
  #wanted = 0;
  readonly #onReadable = (): void => this.#read();
  readonly #onError = (error: Error): void => this.#broken(error, this.#rest());
  readonly #onClose = (): void => this.#broken(undefined, this.#rest());

  constructor(
    socket: Socket,
    client: HandshakeClient<Done, Failure>,
    errorOf: (failure: Failure) => AppError,
    outcome: PromiseWithResolvers<Done>,
  ) {
    this.#socket = socket;
    this.#client = client;
    this.#errorOf = errorOf;
    this.#outcome = outcome;
  }

  begin(): void {
    // Kept for good: an error between handshake and the stream's first reader must not end the process.
    this.#socket.on('error', () => undefined);
    this.#socket.on('error', this.#onError).on('close', this.#onClose).on('end', this.#onClose);
    this.#do(this.#client.start());
    this.#socket.on('readable', this.#onReadable);
  }

  detach(): void {
    this.#socket.off('readable', this.#onReadable);
    this.#socket.off('error', this.#onError).off('close', this.#onClose).off('end', this.#onClose);
  }

  #read(): void {
    while (this.#wanted > 0) {
      const bytes: unknown = this.#socket.read(this.#wanted);
      if (bytes === null && this.#socket.readableLength < this.#wanted) return;
      // After FIN `read` hands out fewer bytes than asked for.
      if (!(bytes instanceof Uint8Array)) return this.#broken();
      if (bytes.length < this.#wanted) return this.#broken(undefined, bytes);
      this.#do(this.#client.take(bytes));
    }
  }

  #do(step: HandshakeStep<Done, Failure>): void {
    switch (step.kind) {
      case 'want':
        this.#wanted = step.bytes;
        if (step.send.length > 0) this.#socket.write(step.send);
        return;
      case 'connected':
        this.#wanted = 0;
        return this.#outcome.resolve(step.bound);
      case 'failed':
        this.#wanted = 0;
        return this.#outcome.reject(this.#errorOf(step.failure));
      default:
        unreachable(step);
    }
  }

  /** What has come, but is less than was wanted. */
  #rest(): Uint8Array {
    const bytes: unknown = this.#socket.readableLength > 0 ? this.#socket.read() : null;
    return bytes instanceof Uint8Array ? bytes : new Uint8Array();
  }

  #broken(cause?: Error, received: Uint8Array = new Uint8Array()): void {
    const failure = this.#wanted > 0 ? this.#client.ended(received) : undefined;
    if (failure !== undefined) return this.#outcome.reject(this.#errorOf(failure));
    this.#outcome.reject(
      new AppError('DIAL_PROXY_FAILED', 'the proxy closed the connection during the handshake', { cause }),
    );
  }
}
