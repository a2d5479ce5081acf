/** One HTTP request for each question, on whatever version of HTTP the server agreed to. */
import zlib from 'node:zlib';
import { AppError } from '../../base/app-error.ts';
import type { Clock } from '../../base/clock.ts';
import { maxTcpMessage } from '../../net/dns-message.ts';
import type { Connect } from './stream-resolver.ts';

export interface HttpsRequest {
  readonly method: 'GET' | 'POST';
  readonly path: string;
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string | number>>;
  readonly body?: Uint8Array;
}

export interface HttpsAnswer {
  readonly status: number;
  /** As the server says; empty when it does not. */
  readonly type: string;
  /** How the body is coded (RFC 9110 section 8.4), as the server says. */
  readonly coding?: string | undefined;
  readonly body: Buffer;
  /** Where to ask instead, and when to ask again, as the server says. */
  readonly location?: string | undefined;
  readonly retryAfter?: string | undefined;
  /** Seconds since the server had the answer, where a cache stands between (RFC 9111 section 5.1), as it says. */
  readonly age?: string | undefined;
}

export interface HttpsSession {
  /**
   * Rejects with DNS_IO, DNS_BAD_MESSAGE for an answer that is too long, what the connection says, or `Unanswered` where the
   * request may be made again.
   */
  request(request: HttpsRequest, signal: AbortSignal): Promise<HttpsAnswer>;
  /** Closes its connections, whatever is under way. */
  end(): void;
}

/** The server did not take a request, or its session ended for a reason that says nothing about the request. */
export class Unanswered extends Error {
  /** Whether the session can take no further request. */
  readonly isOver: boolean;
  /** There were other requests: there are servers that answer one, and end the session. */
  readonly underLoad: boolean;

  constructor(cause: Error, isOver: boolean, underLoad: boolean) {
    super(cause.message, { cause });
    this.isOver = isOver;
    this.underLoad = underLoad;
  }
}

export interface HttpsSessionOptions {
  /** Host, with the port if it is not the usual one. */
  readonly authority: string;
  /** Makes further connections, for HTTP/1.1. */
  readonly connect: Connect;
  readonly clock: Clock;
}

/** A connection without requests is closed after this. Milliseconds. */
export const idle = 30_000;
/** A server that brings no answer for so long is doubted. Milliseconds. */
export const silence = 2_500;

/** Some servers compress whatever was asked for. Throws DNS_BAD_MESSAGE for a coding that is not known, or broken. */
export function decodedBody({ coding = '', body }: HttpsAnswer): Buffer {
  const options = { maxOutputLength: maxTcpMessage };
  try {
    switch (coding.trim().toLowerCase()) {
      case '':
      case 'identity':
        return body;
      case 'gzip':
      case 'x-gzip':
        return zlib.gunzipSync(body, options);
      case 'deflate':
        return zlib.inflateSync(body, options);
      case 'br':
        return zlib.brotliDecompressSync(body, options);
      default:
        throw new AppError('DNS_BAD_MESSAGE', 'nobody asked for this coding');
    }
  } catch (error) {
    throw new AppError('DNS_BAD_MESSAGE', `no usable answer: its coding is "${coding.slice(0, 40)}"`, { cause: error });
  }
}
