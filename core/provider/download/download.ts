/**
 * One file of the web, whole, by the user's process: bounded in size, time and redirects, unpacked within bounds, only if it has
 * changed. Goes through the mixed port where there is one, so that the rules decide; else directly.
 */

import type { IncomingMessage } from 'node:http';
import { Readable } from 'node:stream';
import * as zlib from 'node:zlib';
import { AppError } from '../../base/app-error.ts';
import type { Clock } from '../../base/clock.ts';
import { Lifetime } from '../../base/deadline.ts';
import { distanceOfAddress, distanceOfHost } from '../../base/nearness.ts';
import { parseUrl } from '../../base/parse-url.ts';
import type { Progress } from '../../contract/providers.ts';
import { type HttpProxy, type OneAnswer, requestOnce } from './http-request.ts';
import { assertMayLead, headersAcross, tooNear } from './redirect.ts';

export interface DownloadRequest {
  readonly url: string;
  /** How far whoever names the address is (`base/nearness.ts`): it may be no nearer. Absent: the person has named it. */
  readonly from?: number;
  /** Bytes, after unpacking. */
  readonly maxBytes: number;
  /** The policy that it takes where there is a mixed port, in place of the rules. */
  readonly policy?: string;
  /** What the profile wants to be sent. */
  readonly headers?: Readonly<Record<string, string>>;
  /** Of the copy that is there. */
  readonly etag?: string;
  readonly lastModified?: string;
  readonly signal?: AbortSignal;
  /** Hears of progress: bytes so far, and how many there will be if that is known. */
  readonly onProgress?: (bytes: number, total: number | undefined) => void;
}

export type Downloaded =
  | { readonly kind: 'unchanged'; readonly headers: DownloadHeaders }
  | { readonly kind: 'fresh'; readonly bytes: Buffer; readonly headers: DownloadHeaders };

/** What is of use in the head of the last answer. */
export interface DownloadHeaders {
  readonly etag?: string;
  readonly lastModified?: string;
  readonly contentType?: string;
  readonly contentDisposition?: string;
  readonly subscriptionUserinfo?: string;
  readonly profileUpdateInterval?: string;
}

export type DownloadProxy = (policy: string | undefined) => HttpProxy | undefined | Promise<HttpProxy | undefined>;

export interface DownloaderOptions {
  readonly clock: Clock;
  /** Where requests go through now, by this policy or the rules; undefined = directly. May reject with DOWNLOAD_POLICY. */
  readonly proxy: DownloadProxy;
  /** PEM of authorities that are believed besides the usual ones. */
  readonly ca?: string;
  readonly version: string;
}

const maxRedirects = 5;
/** Milliseconds: until the head of an answer has come, between two pieces, and in all. */
const headMs = 20_000;
const idleMs = 20_000;
const wholeMs = 300_000;

export class Downloader {
  readonly #options: DownloaderOptions;

  constructor(options: DownloaderOptions) {
    this.#options = options;
  }

  /** Rejects with DOWNLOAD_*. */
  async get(request: DownloadRequest): Promise<Downloaded> {
    const { clock } = this.#options;
    const life = new Lifetime(request.signal);
    life.endAfter(clock, wholeMs, () => tooSlow('it did not come to an end'));
    try {
      return await this.#follow(request, life);
    } catch (caught) {
      throw AppError.from(
        life.signal.aborted ? (life.signal.reason ?? caught) : caught,
        'DOWNLOAD_FAILED',
        'the download failed',
      );
    } finally {
      life.release();
      life.abort(undefined);
    }
  }

  async #follow(request: DownloadRequest, life: Lifetime): Promise<Downloaded> {
    const isConditional = request.etag !== undefined || request.lastModified !== undefined;
    let url = addressOf(request.url);
    let own = request.headers ?? {};
    /** How far the host is that has led here. */
    let from = request.from ?? 0;
    if (distanceOfHost(url.hostname) < from) throw tooNear();
    for (let redirects = 0; ; redirects++) {
      const { answer, address } = await this.#ask(url, { ...request, headers: own }, life, from);
      const { statusCode = 0, headers } = answer;
      if (statusCode === 304 && isConditional) {
        answer.destroy();
        return { kind: 'unchanged', headers: headersOf(answer) };
      }
      if (statusCode === 200)
        return { kind: 'fresh', bytes: await this.#body(answer, request, life), headers: headersOf(answer) };
      answer.destroy();
      if (![301, 302, 303, 307, 308].includes(statusCode) || headers.location === undefined)
        throw new AppError('DOWNLOAD_STATUS', `the server answered ${statusCode}`, { details: { status: statusCode } });
      if (redirects === maxRedirects) throw new AppError('DOWNLOAD_FAILED', `more than ${maxRedirects} redirects`);
      const next = addressOf(headers.location, url);
      from = Math.max(from, address === undefined ? distanceOfHost(url.hostname) : distanceOfAddress(address));
      assertMayLead(url, next, from);
      own = headersAcross(own, url, next);
      url = next;
    }
  }

  async #ask(url: URL, request: DownloadRequest, life: Lifetime, from: number): Promise<OneAnswer> {
    const { clock, proxy, ca, version } = this.#options;
    const step = new Lifetime(life.signal);
    step.endAfter(clock, headMs, () => tooSlow('no answer came'));
    try {
      return await requestOnce(url, {
        headers: {
          // Providers tell by this word which form a client understands.
          'user-agent': `clash.meta Mirage/${version}`,
          accept: '*/*',
          ...lowerCased(request.headers),
          'accept-encoding': encodings.join(', '),
          ...(request.etag === undefined ? {} : { 'if-none-match': request.etag }),
          ...(request.lastModified === undefined ? {} : { 'if-modified-since': request.lastModified }),
        },
        proxy: await proxy(request.policy),
        ca,
        signal: step.signal,
        accepts: (address) => distanceOfAddress(address) >= from,
      });
    } catch (caught) {
      throw step.signal.aborted ? AppError.from(step.signal.reason, 'DOWNLOAD_FAILED', 'given up') : caught;
    } finally {
      step.release();
    }
  }

  async #body(answer: IncomingMessage, request: DownloadRequest, life: Lifetime): Promise<Buffer> {
    const { maxBytes, onProgress } = request;
    const announced = Number(answer.headers['content-length']);
    if (announced > maxBytes) {
      answer.destroy();
      throw tooLarge(maxBytes);
    }
    const total = Number.isInteger(announced) ? announced : undefined;
    const chunks: Buffer[] = [];
    let size = 0;
    let isOver = false;
    const stop = (): void => void answer.destroy(asError(life.signal.reason));
    life.signal.addEventListener('abort', stop, { once: true });
    let cancel = (): void => undefined;
    const rearm = (): void => {
      cancel();
      cancel = this.#options.clock.after(idleMs, () => answer.destroy(tooSlow('it stopped coming')));
    };
    let packed = 0;
    answer.on('data', (chunk: Buffer) => {
      packed += chunk.length;
      onProgress?.(packed, total);
      rearm();
    });
    rearm();
    try {
      const plain = unpacked(answer, answer.headers['content-encoding'] ?? '');
      for await (const chunk of plain as AsyncIterable<unknown>) {
        if (!(chunk instanceof Uint8Array)) continue;
        const bytes = Buffer.from(chunk);
        size += bytes.length;
        if (size > maxBytes) throw tooLarge(maxBytes);
        chunks.push(bytes);
      }
      isOver = true;
      if (!answer.complete || (total !== undefined && packed !== total))
        throw new AppError('DOWNLOAD_CUT', 'the connection ended in the middle');
      return Buffer.concat(chunks, size);
    } catch (caught) {
      throw bodyError(caught, isOver);
    } finally {
      cancel();
      life.signal.removeEventListener('abort', stop);
      answer.destroy();
    }
  }
}

/** Names of codings (RFC 9110 section 8.4.1), the best first. */
const encodings = ['gzip', 'deflate', 'br'] as const;

function unpacked(answer: IncomingMessage, coding: string): Readable {
  const name = coding.trim().toLowerCase();
  const unpack =
    name === 'gzip' || name === 'x-gzip'
      ? zlib.createGunzip()
      : name === 'deflate'
        ? zlib.createInflate()
        : name === 'br'
          ? zlib.createBrotliDecompress()
          : undefined;
  if (unpack === undefined && name !== '' && name !== 'identity')
    throw new AppError('DOWNLOAD_FAILED', `the coding "${name.slice(0, 40)}" is not known`);
  if (unpack === undefined) return answer;
  answer.on('error', (error) => unpack.destroy(error));
  answer.on('aborted', () => unpack.destroy(new AppError('DOWNLOAD_CUT', 'the connection ended in the middle')));
  return answer.pipe(unpack);
}

function bodyError(caught: unknown, isOver: boolean): AppError {
  if (caught instanceof AppError) return caught;
  const code = caught instanceof Error && 'code' in caught ? String(caught.code) : '';
  if (code.startsWith('Z_') || code.startsWith('ERR__ERROR') || code.startsWith('ERR_BROTLI'))
    return code === 'Z_BUF_ERROR'
      ? new AppError('DOWNLOAD_CUT', 'the connection ended in the middle')
      : new AppError('DOWNLOAD_FAILED', 'what came cannot be unpacked', { cause: caught });
  if (code === 'ECONNRESET' || code === 'ERR_STREAM_PREMATURE_CLOSE' || !isOver)
    return new AppError('DOWNLOAD_CUT', 'the connection ended in the middle', { cause: caught });
  return AppError.from(caught, 'DOWNLOAD_FAILED', 'the download failed');
}

/** Throws DOWNLOAD_ADDRESS for what is neither http nor https. */
function addressOf(text: string, base?: URL): URL {
  const url = parseUrl(text, base?.href);
  if (url !== undefined && (url.protocol === 'http:' || url.protocol === 'https:') && url.hostname !== '') return url;
  // Addresses of subscriptions are secrets: they stand in no message.
  throw new AppError('DOWNLOAD_ADDRESS', 'not the address of a web server', {
    expected: 'an address that begins with https:// or http://',
  });
}

function headersOf({ headers }: IncomingMessage): DownloadHeaders {
  const text = (name: string): string | undefined => {
    const value = headers[name];
    const one = Array.isArray(value) ? value[0] : value;
    return one === undefined ? undefined : one.slice(0, 2000);
  };
  const found = {
    etag: text('etag'),
    lastModified: isSettled(headers['last-modified'], headers.date) ? text('last-modified') : undefined,
    contentType: text('content-type'),
    contentDisposition: text('content-disposition'),
    subscriptionUserinfo: text('subscription-userinfo'),
    profileUpdateInterval: text('profile-update-interval'),
  };
  return Object.fromEntries(Object.entries(found).filter(([, value]) => value !== undefined));
}

/**
 * Whether a time of change tells versions apart: it counts seconds, so what was changed within the second of the answer may be
 * changed once more in it (RFC 9110 section 8.8.2.2).
 */
function isSettled(lastModified: string | undefined, date: string | undefined): boolean {
  return Date.parse(date ?? '') - Date.parse(lastModified ?? '') > 1000;
}

/** Those that frame the message or say who is asked are ours. */
function lowerCased(headers: Readonly<Record<string, string>> = {}): Record<string, string> {
  const own = [
    'host',
    'connection',
    'content-length',
    'transfer-encoding',
    'accept-encoding',
    'upgrade',
    'proxy-authorization',
  ];
  const named = Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value] as const);
  return Object.fromEntries(named.filter(([name]) => !own.includes(name) && /^[\w!#$%&'*+.^`|~-]+$/.test(name)));
}

/** The reason for a signal of a download that the person ended. */
export function downloadStopped(): AppError {
  return new AppError('DOWNLOAD_STOPPED', 'it was stopped');
}

export function progressOf(bytes: number, total: number | undefined): Progress {
  return { bytes, ...(total === undefined ? {} : { total }) };
}

function tooSlow(what: string): AppError {
  return new AppError('DOWNLOAD_TIMEOUT', what);
}

function tooLarge(bytes: number): AppError {
  return new AppError('DOWNLOAD_TOO_LARGE', `it is larger than ${Math.floor(bytes / 1024 / 1024)} MiB`);
}

function asError(reason: unknown): Error {
  return reason instanceof Error ? reason : new AppError('DOWNLOAD_FAILED', 'given up');
}
