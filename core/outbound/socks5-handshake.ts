/** Drives the SOCKS5 client codec over a connected socket; takes from it not one byte more than the handshake has. */
import type { Socket } from 'node:net';
import { AppError } from '../base/app-error.ts';
import type { Clock } from '../base/clock.ts';
import { unreachable } from '../base/unreachable.ts';
import type { Endpoint } from '../contract/flow.ts';
import type { Socks5Client, Socks5ClientFailure, Socks5ClientStep } from '../net/socks5-client.ts';
import { dialCodeOfSocksReply } from './dial-error.ts';
import type { DialOptions } from './dialer.ts';

/**
 * Resolves to the address in the reply when the proxy has connected; everything behind the handshake is then still in the socket.
 * Rejects with DIAL_REFUSED, DIAL_NETWORK_UNREACHABLE, DIAL_HOST_UNREACHABLE, DIAL_TIMEOUT, DIAL_PROXY_AUTH,
 * DIAL_PROXY_DENIED or DIAL_PROXY_FAILED; the socket is then destroyed.
 */
export async function socks5Handshake(
  socket: Socket,
  client: Socks5Client,
  clock: Clock,
  options: DialOptions,
): Promise<Endpoint> {
  const outcome = Promise.withResolvers<Endpoint>();
  const conversation = new Conversation(socket, client, outcome);
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

class Conversation {
  readonly #socket: Socket;
  readonly #client: Socks5Client;
  readonly #outcome: PromiseWithResolvers<Endpoint>;
  #wanted = 0;
  readonly #onReadable = (): void => this.#read();
  readonly #onError = (error: Error): void => this.#broken(error);
  readonly #onClose = (): void => this.#broken();

  constructor(socket: Socket, client: Socks5Client, outcome: PromiseWithResolvers<Endpoint>) {
    this.#socket = socket;
    this.#client = client;
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
      if (!(bytes instanceof Uint8Array) || bytes.length < this.#wanted) return this.#broken();
      this.#do(this.#client.take(bytes));
    }
  }

  #do(step: Socks5ClientStep): void {
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
        return this.#outcome.reject(errorOf(step.failure));
      default:
        unreachable(step);
    }
  }

  #broken(cause?: Error): void {
    this.#outcome.reject(
      new AppError('DIAL_PROXY_FAILED', 'the proxy closed the connection during the handshake', { cause }),
    );
  }
}

function errorOf(failure: Socks5ClientFailure): AppError {
  switch (failure.why) {
    case 'auth':
      return new AppError('DIAL_PROXY_AUTH', failure.message, {
        expected: 'the user name and password that the proxy knows',
      });
    case 'protocol':
      return new AppError('DIAL_PROXY_FAILED', failure.message, { expected: 'a SOCKS5 server at this address' });
    case 'reply':
      return new AppError(dialCodeOfSocksReply(failure.reply), `the proxy answered: ${replyText(failure.reply)}`);
    default:
      return unreachable(failure);
  }
}

/** The words of RFC 1928 section 6. */
function replyText(reply: number): string {
  const texts = [
    'succeeded',
    'general failure',
    'connection not allowed by ruleset',
    'network unreachable',
    'host unreachable',
    'connection refused',
    'TTL expired',
    'command not supported',
    'address type not supported',
  ];
  return texts[reply] ?? `unknown reply ${reply}`;
}
