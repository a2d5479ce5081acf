/** One question over a TCP connection of its own (RFC 7766 framing: two bytes of length before each message). */
import type { Duplex } from 'node:stream';
import type { Ip } from '../base/address.ts';
import { AppError } from '../base/app-error.ts';
import type { DnsMessage } from '../net/dns-message.ts';
import type { Question } from './resolver.ts';
import { encodeQuestion, type QuestionOptions, readAnswer } from './upstream-answer.ts';

/** The part of `Egress` that makes TCP connections. */
export interface TcpOpener {
  /** A connected socket, the caller's. Rejects with DIAL_*. */
  connectTcp(
    addresses: readonly Ip[],
    port: number,
    options: { readonly signal: AbortSignal; readonly timeoutMs: number },
  ): Promise<Duplex>;
}

export interface TcpExchangeOptions {
  readonly address: Ip;
  readonly port: number;
  readonly id: number;
  readonly question?: QuestionOptions;
  readonly timeoutMs: number;
}

/**
 * Connects, asks, reads until the answer is whole, closes. `signal` ends it at any point; the deadline after connecting is
 * the signal's too. Rejects with DNS_IO or DNS_BAD_MESSAGE.
 */
export async function askOverTcp(
  opener: TcpOpener,
  question: Question,
  options: TcpExchangeOptions,
  signal: AbortSignal,
): Promise<DnsMessage> {
  const { address, port, id, timeoutMs } = options;
  let socket: Duplex;
  try {
    socket = await opener.connectTcp([address], port, { signal, timeoutMs });
  } catch (error) {
    throw new AppError('DNS_IO', `no TCP connection to ${address} port ${port}: ${messageOf(error)}`, { cause: error });
  }
  // What fails after the answer is nobody's concern; before, reading reports it.
  socket.on('error', () => undefined);
  const onAbort = (): void => void socket.destroy();
  signal.addEventListener('abort', onAbort, { once: true });
  try {
    signal.throwIfAborted();
    const query = Buffer.from(encodeQuestion(question, id, options.question));
    const length = Buffer.alloc(2);
    length.writeUInt16BE(query.length);
    socket.write(Buffer.concat([length, query]));
    const answer = readAnswer(await readMessage(socket), question, id);
    if (answer.kind === 'answer') return answer.message;
    const reason = answer.kind === 'bad' ? answer.reason : 'it answers another question';
    throw new AppError('DNS_BAD_MESSAGE', `${address} port ${port} sent no usable answer by TCP: ${reason}`);
  } catch (error) {
    throw AppError.from(signal.aborted ? signal.reason : error, 'DNS_IO', `${address} port ${port} by TCP`);
  } finally {
    signal.removeEventListener('abort', onAbort);
    socket.destroy();
  }
}

async function readMessage(socket: Duplex): Promise<Uint8Array> {
  const chunks: Buffer[] = [];
  let received = 0;
  for await (const chunk of socket) {
    const bytes = chunk instanceof Uint8Array ? Buffer.from(chunk) : Buffer.alloc(0);
    chunks.push(bytes);
    received += bytes.length;
    if (received < 2) continue;
    const all = Buffer.concat(chunks);
    const end = 2 + all.readUInt16BE(0);
    if (received >= end) return all.subarray(2, end);
    chunks.splice(0, chunks.length, all);
  }
  throw new AppError('DNS_IO', 'closed the connection before its answer was whole');
}

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));
