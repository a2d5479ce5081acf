/** Connections to nameservers: by address through the egress, by name after the bootstrap servers were asked, or through an outbound. */
import net from 'node:net';
import { Duplex } from 'node:stream';
import tls from 'node:tls';
import { type Ip, parseIp } from '../../base/address.ts';
import { AppError, errnoOf } from '../../base/app-error.ts';
import type { StreamDialer } from '../../outbound/dialer.ts';
import type { Connect } from './stream-resolver.ts';
import type { TcpOpener } from './tcp-exchange.ts';

const timeoutMs = 5_000;
/** The server knows none of our protocols by name (RFC 7301 section 3.2). */
const noSuchProtocol = 'ERR_SSL_TLSV1_ALERT_NO_APPLICATION_PROTOCOL';

export interface UpstreamTarget {
  /** Address or name. */
  readonly host: string;
  readonly port: number;
}

/** TCP by our own sockets; `lookup` finds the addresses of a host that is a name. */
export function connectDirect(
  opener: TcpOpener,
  { host, port }: UpstreamTarget,
  lookup: (name: string, signal: AbortSignal) => Promise<readonly Ip[]>,
): Connect {
  return async (signal) => {
    const literal = parseIp(host);
    const addresses = literal === undefined ? await lookup(host, signal) : [literal];
    return await opener.connectTcp(addresses, port, { signal, timeoutMs });
  };
}

/** TCP through an outbound, which resolves the host itself where it can. */
export function connectThrough(outbound: StreamDialer, target: UpstreamTarget): Connect {
  return async (signal) => {
    const stream = await outbound.dialStream(target, { signal, timeoutMs });
    const duplex = Duplex.from({ readable: stream.readable, writable: stream.writable });
    // Errors also reach those who read and write; this one keeps a stream that is destroyed early from ending the process.
    return duplex.on('error', () => undefined);
  };
}

/** Notes the streams that are made in `open` for as long as they are open. */
export function noting(connect: Connect, open: Set<Duplex>): Connect {
  return async (signal) => {
    const stream = await connect(signal);
    open.add(stream);
    stream.once('close', () => open.delete(stream));
    return stream;
  };
}

/** TLS on top, with the certificate checked for `host`. Rejects with DNS_TLS when it is not good. */
export function overTls(
  connect: Connect,
  host: string,
  options: { readonly ca?: string | undefined; readonly alpn: readonly string[] },
): Connect {
  const authorities = options.ca === undefined ? {} : { ca: [...tls.rootCertificates, options.ca] };
  let session: Buffer | undefined;
  let alpn = options.alpn;
  const secure = async (signal: AbortSignal): Promise<tls.TLSSocket> => {
    const below = await connect(signal);
    const secured = tls.connect({
      socket: below,
      host,
      ...(net.isIP(host) === 0 ? { servername: host } : {}),
      checkServerIdentity: (_name, certificate) => tls.checkServerIdentity(host, certificate),
      ...(alpn.length === 0 ? {} : { ALPNProtocols: [...alpn] }),
      minVersion: 'TLSv1.2',
      ...(session === undefined ? {} : { session }),
      ...authorities,
    });
    // Sockets of the egress stay half open. Nothing is asked behind a server's end, and an HTTP/2 session would not notice it.
    secured.allowHalfOpen = false;
    secured.on('session', (ticket: Buffer) => {
      session = ticket;
    });
    const ready = Promise.withResolvers<tls.TLSSocket>();
    const onAbort = (): void => ready.reject(AppError.from(signal.reason, 'DNS_IO', 'given up'));
    secured.once('secureConnect', () => ready.resolve(secured));
    secured.on('error', (error: Error) => ready.reject(error));
    secured.once('close', () => ready.reject(new AppError('DNS_IO', 'the server closed the connection')));
    signal.addEventListener('abort', onAbort, { once: true });
    if (signal.aborted) onAbort();
    try {
      return await ready.promise;
    } catch (error) {
      secured.destroy();
      below.destroy();
      throw error;
    } finally {
      signal.removeEventListener('abort', onAbort);
    }
  };
  return async (signal) => {
    try {
      return await secure(signal);
    } catch (error) {
      if (alpn.length === 0 || errnoOf(error) !== noSuchProtocol) throw tlsError(error, host);
    }
    // It serves something else beside, which it names; without a word of it, it serves us.
    alpn = [];
    return await secure(signal).catch((error: unknown) => {
      throw tlsError(error, host);
    });
  };
}

function tlsError(error: unknown, host: string): AppError {
  if (error instanceof AppError) return error;
  const code = errnoOf(error) ?? '';
  const isNetwork = /^E[A-Z]+$/.test(code) && code !== 'EPROTO';
  return isNetwork
    ? AppError.from(error, 'DNS_IO', host)
    : new AppError('DNS_TLS', `${host}: ${error instanceof Error ? error.message : String(error)}`, {
        cause: error,
        expected: 'a certificate for this name from a known authority, or its authority in ca=',
      });
}
