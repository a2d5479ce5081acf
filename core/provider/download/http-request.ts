/** One GET over a connection of its own: directly, or through an HTTP proxy by CONNECT. Certificates are always checked. */
import { lookup } from 'node:dns';
import http, { type IncomingMessage } from 'node:http';
import net, { type LookupFunction, type Socket } from 'node:net';
import tls from 'node:tls';
import type { Ip } from '../../base/address.ts';
import { AppError, errnoOf } from '../../base/app-error.ts';
import type { Credentials } from '../../net/socks5.ts';
import { tooNear } from './redirect.ts';

export interface HttpProxy {
  readonly host: string;
  readonly port: number;
  readonly credentials?: Credentials;
}

export interface OneRequest {
  readonly headers: Readonly<Record<string, string>>;
  readonly proxy: HttpProxy | undefined;
  /** PEM of further authorities. */
  readonly ca: string | undefined;
  readonly signal: AbortSignal;
  /** Which addresses of a name may be dialled, where no proxy dials it. */
  readonly accepts?: (address: Ip) => boolean;
}

export interface OneAnswer {
  readonly answer: IncomingMessage;
  /** Of the server; undefined where a proxy has dialled it. */
  readonly address: Ip | undefined;
}

/** Resolves with the head of the answer, the body still to be read. Rejects with DOWNLOAD_*; ends with the signal before that. */
export async function requestOnce(url: URL, { headers, proxy, ca, signal, accepts }: OneRequest): Promise<OneAnswer> {
  const isTls = url.protocol === 'https:';
  const host = url.hostname.replace(/^\[(.*)\]$/, '$1');
  const port = url.port === '' ? (isTls ? 443 : 80) : Number(url.port);
  const plain =
    proxy === undefined
      ? net.connect({ host, port, ...(accepts === undefined ? {} : { lookup: lookupOf(accepts) }) })
      : await throughProxy(proxy, url.hostname, port, signal);
  const socket = isTls
    ? tls.connect({ socket: plain, host, ...(net.isIP(host) === 0 ? { servername: host } : {}), ...trusted(ca) })
    : plain;
  return await new Promise((resolve, reject) => {
    const giveUp = (error: unknown): void => {
      socket.destroy();
      plain.destroy();
      reject(connectionError(error instanceof Error ? error : new Error(String(error))));
    };
    // From the beginning: what is wrong with the address or a header is found after the socket was opened.
    socket.on('error', giveUp);
    plain.on('error', giveUp);
    try {
      const login =
        url.username === ''
          ? {}
          : { authorization: basic(decodeURIComponent(url.username), decodeURIComponent(url.password)) };
      const request = http.request({
        method: 'GET',
        host: url.hostname,
        port,
        path: `${url.pathname}${url.search}`,
        headers: { ...login, ...headers, host: url.host, connection: 'close' },
        maxHeaderSize: 64 * 1024,
        createConnection: () => socket,
        signal,
      });
      request.on('response', (answer) =>
        resolve({ answer, address: proxy === undefined ? plain.remoteAddress : undefined }),
      );
      request.on('error', giveUp);
      request.end();
    } catch (error) {
      giveUp(error);
    }
  });
}

/** The system's, without the addresses that are not accepted. */
function lookupOf(accepts: (address: Ip) => boolean): LookupFunction {
  return (hostname, options, callback) =>
    lookup(hostname, { ...options, all: true }, (error, found) => {
      const accepted = error === null ? found.filter(({ address }) => accepts(address)) : [];
      const [first] = accepted;
      if (error !== null) callback(error, []);
      else if (first === undefined) callback(tooNear(), []);
      else if (options.all === true) callback(null, accepted);
      else callback(null, first.address, first.family);
    });
}

function throughProxy(proxy: HttpProxy, hostname: string, port: number, signal: AbortSignal): Promise<Socket> {
  const { credentials } = proxy;
  return new Promise((resolve, reject) => {
    const request = http.request({
      method: 'CONNECT',
      host: proxy.host,
      port: proxy.port,
      path: `${hostname}:${port}`,
      headers: {
        host: `${hostname}:${port}`,
        ...(credentials === undefined
          ? {}
          : { 'proxy-authorization': basic(credentials.username, credentials.password) }),
      },
      agent: false,
      signal,
    });
    request.on('connect', (answer, socket: Socket, head) => {
      if (answer.statusCode !== 200) {
        socket.destroy();
        reject(
          new AppError(
            'DOWNLOAD_UNREACHABLE',
            `the mixed port could not connect: ${answer.statusCode} ${answer.statusMessage ?? ''}`.trim(),
          ),
        );
        return;
      }
      if (head.length > 0) socket.unshift(head);
      resolve(socket);
    });
    request.on('response', (answer) => {
      answer.destroy();
      reject(
        new AppError(
          'DOWNLOAD_UNREACHABLE',
          `the mixed port could not connect: ${answer.statusCode ?? ''} ${answer.statusMessage ?? ''}`.trim(),
        ),
      );
    });
    request.on('error', (error) => reject(connectionError(error)));
    request.end();
  });
}

function trusted(ca: string | undefined): tls.SecureContextOptions {
  return ca === undefined ? {} : { ca: [...tls.rootCertificates, ca] };
}

function basic(username: string, password: string): string {
  return `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}`;
}

const tlsCodes =
  /^(?:CERT_|DEPTH_ZERO|SELF_SIGNED|UNABLE_TO_|ERR_TLS|ERR_SSL|EPROTO|HOSTNAME_MISMATCH|INVALID_CA|INVALID_PURPOSE)/;

function connectionError(error: Error): AppError {
  if (error instanceof AppError) return error;
  const code = errnoOf(error) ?? '';
  if (tlsCodes.test(code))
    return new AppError('DOWNLOAD_TLS', `the server does not prove who it is: ${code}`, { cause: error });
  if (code === 'ENOTFOUND' || code === 'EAI_AGAIN')
    return new AppError('DOWNLOAD_UNREACHABLE', 'the name of the server is not known', { cause: error });
  if (code.startsWith('HPE_'))
    return new AppError('DOWNLOAD_FAILED', 'what answered does not speak HTTP', { cause: error });
  if (code === 'ECONNRESET') return new AppError('DOWNLOAD_CUT', 'the server ended the connection', { cause: error });
  return new AppError('DOWNLOAD_UNREACHABLE', `the server cannot be reached${code === '' ? '' : `: ${code}`}`, {
    cause: error,
  });
}
