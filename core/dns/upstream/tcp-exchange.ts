/** One question over a TCP connection of its own. */
import type { Duplex } from 'node:stream';
import type { Ip } from '../../base/address.ts';
import { AppError } from '../../base/app-error.ts';
import type { Clock } from '../../base/clock.ts';
import type { DnsMessage } from '../../net/dns-message.ts';
import type { Question } from '../resolver/resolver.ts';
import { PipelinedConnection } from './pipelined-connection.ts';
import type { QuestionOptions } from './upstream-answer.ts';

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
  readonly question?: QuestionOptions;
  readonly timeoutMs: number;
  readonly clock: Clock;
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
  const { address, port, timeoutMs, clock } = options;
  let socket: Duplex;
  try {
    socket = await opener.connectTcp([address], port, { signal, timeoutMs });
  } catch (error) {
    throw new AppError('DNS_IO', `no TCP connection to ${address} port ${port}: ${messageOf(error)}`, { cause: error });
  }
  const connection = new PipelinedConnection(socket, clock);
  try {
    signal.throwIfAborted();
    return await connection.ask(question, options.question ?? {}, signal);
  } catch (error) {
    throw AppError.from(signal.aborted ? signal.reason : error, 'DNS_IO', `${address} port ${port} by TCP`);
  } finally {
    connection.end(new AppError('DNS_IO', 'answered'));
  }
}

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));
