/**
 * One HEAD request through a dialer, as a delay test: how long it takes until the head of the answer is there, connection and TLS
 * included. Nothing is followed or kept. The certificate is checked.
 */
import { once } from 'node:events';
import net from 'node:net';
import { Duplex } from 'node:stream';
import tls from 'node:tls';
import { AppError } from '../../base/app-error.ts';
import type { Clock } from '../../base/clock.ts';
import { orAborted } from '../../base/deadline.ts';
import type { Endpoint } from '../../contract/flow.ts';
import { parseHttpResponse } from '../../net/http-response.ts';
import type { Stream } from '../../net/stream.ts';
import type { StreamDialer } from '../dialer.ts';

export interface ProbeAnswer {
  readonly ms: number;
  readonly status: number;
}

/** The signal ends it in time; this only bounds what a dial may take by itself. Milliseconds. */
const longestDial = 600_000;

/** Rejects with DIAL_*, DNS_* or the reason of `signal`. */
export async function probe(
  dialer: StreamDialer,
  address: string,
  { signal, clock }: { readonly signal: AbortSignal; readonly clock: Clock },
): Promise<ProbeAnswer> {
  const url = urlOf(address);
  const started = clock.monotonic();
  const stream = await dialer.dialStream(endpointOf(url), { signal, timeoutMs: longestDial });
  try {
    const status = await orAborted(exchange(stream, url, signal), signal, 'DIAL_TIMEOUT');
    return { ms: Math.max(1, Math.round(clock.monotonic() - started)), status };
  } finally {
    stream.reset();
  }
}

function urlOf(address: string): URL {
  const url = URL.parse(address);
  if (url !== null && (url.protocol === 'http:' || url.protocol === 'https:')) return url;
  throw new AppError('DIAL_IO', 'the address to test by is neither http:// nor https://');
}

function endpointOf({ hostname, port, protocol }: URL): Endpoint {
  const usual = protocol === 'https:' ? 443 : 80;
  return { host: hostname.replace(/^\[(.*)\]$/, '$1'), port: port === '' ? usual : Number(port) };
}

async function exchange(stream: Stream, url: URL, signal: AbortSignal): Promise<number> {
  const below = duplexOf(stream);
  const secured = url.protocol === 'https:' ? await secure(below, url, signal) : below;
  secured.write(
    `HEAD ${url.pathname}${url.search} HTTP/1.1\r\nHost: ${url.host}\r\nUser-Agent: mirage\r\nAccept: */*\r\nConnection: close\r\n\r\n`,
  );
  let received = Buffer.alloc(0);
  try {
    for await (const chunk of secured as AsyncIterable<Buffer>) {
      received = Buffer.concat([received, chunk]);
      const head = parseHttpResponse(received);
      if (head.kind === 'bad') throw new AppError('DIAL_IO', `the answer of ${url.host} is no HTTP: ${head.message}`);
      if (head.kind !== 'ok') continue;
      if (head.value.status >= 200 || head.value.status === 101) return head.value.status;
      received = received.subarray(head.used);
    }
  } catch (error) {
    throw AppError.from(error, 'DIAL_IO');
  }
  throw new AppError('DIAL_IO', `${url.host} closed the connection without an answer`);
}

function duplexOf({ readable, writable }: Stream): Duplex {
  if (readable instanceof Duplex && Object.is(readable, writable)) return readable;
  const duplex = Duplex.from({ readable, writable });
  // Errors also reach those who read and write; this one keeps a stream that is destroyed early from ending the process.
  return duplex.on('error', () => undefined);
}

async function secure(below: Duplex, { hostname }: URL, signal: AbortSignal): Promise<Duplex> {
  const host = hostname.replace(/^\[(.*)\]$/, '$1');
  const secured = tls.connect({
    socket: below,
    ...(net.isIP(host) === 0 ? { servername: host } : {}),
    checkServerIdentity: (_name, certificate) => tls.checkServerIdentity(host, certificate),
  });
  secured.on('error', () => undefined);
  try {
    await Promise.race([
      once(secured, 'secureConnect', { signal }),
      once(secured, 'close', { signal }).then(() => {
        throw new AppError('DIAL_IO', `${host} closed the connection during TLS`);
      }),
    ]);
  } catch (error) {
    secured.destroy();
    throw AppError.from(error, 'DIAL_IO', host);
  }
  return secured;
}
