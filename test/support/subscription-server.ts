/** A server of subscriptions and rule sets in this process that does all that such servers do, the bad ones too. Over HTTPS with a certificate. */
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import http, { type IncomingMessage, type ServerResponse } from 'node:http';
import https from 'node:https';
import type { AddressInfo } from 'node:net';
import { gzipSync } from 'node:zlib';
import type { Certified } from './certificate.ts';

export type Answer = (request: IncomingMessage, response: ServerResponse) => void;

const zeros = Buffer.alloc(1024 * 1024);

export const answers = {
  /** With an ETag, and 304 to who has it. */
  text:
    (body: string | Buffer, headers: Record<string, string> = {}): Answer =>
    (request, response) => {
      const etag = `"${createHash('sha256').update(body).digest('hex').slice(0, 16)}"`;
      if (request.headers['if-none-match'] === etag) response.writeHead(304, { etag, ...headers }).end();
      else response.writeHead(200, { etag, 'content-type': 'text/plain', ...headers }).end(body);
    },
  /** 304 that says it has a body, and goes on. */
  endlessly304: ((_, { socket }) =>
    void socket?.write('HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\nx')) satisfies Answer,
  status:
    (status: number, body = ''): Answer =>
    (_, response) =>
      void response.writeHead(status).end(body),
  redirect:
    (location: string, status = 302): Answer =>
    (_, response) =>
      void response.writeHead(status, { location }).end(),
  page: ((_, response) =>
    void response
      .writeHead(200, { 'content-type': 'text/html' })
      .end('<!DOCTYPE html><html><title>Sign in</title></html>')) as Answer,
  /** So many MiB, without saying how many. */
  zeros:
    (mebibytes: number): Answer =>
    async (_, response) => {
      response.writeHead(200);
      for (let sent = 0; sent < mebibytes && !response.destroyed; sent++)
        if (!response.write(zeros)) await Promise.race([once(response, 'drain'), once(response, 'close')]);
      response.end();
    },
  /** A few kilobytes that unpack to so many MiB. */
  bomb:
    (mebibytes: number): Answer =>
    (_, response) =>
      void response.writeHead(200, { 'content-encoding': 'gzip' }).end(gzipSync(Buffer.alloc(mebibytes * 1024 * 1024))),
  gzip:
    (body: string): Answer =>
    (_, response) =>
      void response.writeHead(200, { 'content-encoding': 'gzip' }).end(gzipSync(body)),
  /** Ends the connection after half of what was announced. */
  cut:
    (body: string): Answer =>
    (_, response) => {
      response.writeHead(200, { 'content-length': Buffer.byteLength(body) });
      response.write(body.slice(0, body.length / 2), () => response.destroy());
    },
  /** A head and nothing more, or nothing at all. */
  stalled: ((_, response) => void response.writeHead(200).write('a')) as Answer,
  silent: (() => undefined) as Answer,
} as const;

export class SubscriptionServer {
  readonly routes = new Map<string, Answer>();
  /** Paths that were asked for. */
  readonly asked: string[] = [];
  readonly heads: IncomingMessage['headers'][] = [];
  readonly #server: http.Server;
  readonly #scheme: string;

  private constructor(certified: Certified | undefined) {
    const listener = (request: IncomingMessage, response: ServerResponse): void => {
      response.setMaxListeners(0);
      response.on('error', () => undefined);
      this.asked.push(request.url ?? '');
      this.heads.push(request.headers);
      (this.routes.get(request.url ?? '') ?? answers.status(404, 'not found'))(request, response);
    };
    this.#scheme = certified === undefined ? 'http' : 'https';
    this.#server = certified === undefined ? http.createServer(listener) : https.createServer(certified, listener);
    this.#server.on('clientError', (_, socket) => socket.destroy());
  }

  static async start(certified?: Certified, host = '127.0.0.1', port = 0): Promise<SubscriptionServer> {
    const server = new SubscriptionServer(certified);
    server.#server.listen(port, host);
    await once(server.#server, 'listening');
    return server;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  url(path: string): string {
    return `${this.#scheme}://127.0.0.1:${this.port}${path}`;
  }

  /** Connections that are open. */
  async open(): Promise<number> {
    return await new Promise((resolve, reject) =>
      this.#server.getConnections((error, count) => (error === null ? resolve(count) : reject(error))),
    );
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    this.#server.close();
    await once(this.#server, 'close');
  }
}
