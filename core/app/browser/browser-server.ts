/**
 * The same window in a browser: serves the built renderer and its WebSocket on this machine's loopback. Who may enter is
 * decided here (Host, Origin, one-time token, cookie and key); what a viewer may do is `ViewerSession`'s.
 */
import { createServer, type IncomingMessage, type Server } from 'node:http';
import { type AddressInfo, Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { getRequestListener, type HttpBindings } from '@hono/node-server';
import { type Context, Hono } from 'hono';
import { getCookie, setCookie } from 'hono/cookie';
import { parse as parseCookies } from 'hono/utils/cookie';
import { type WebSocket, WebSocketServer } from 'ws';
import { AppError, errnoOf } from '../../base/app-error.ts';
import type { Clock } from '../../base/clock.ts';
import type { Service } from '../../base/lifecycle.ts';
import type { Logger } from '../../base/logger.ts';
import type { MirageBridge } from '../../contract/app.ts';
import { appSocketPath, keyFrameSchema, sessionEndedCloseCode } from '../../contract/app-socket.ts';
import { ConnectionGate } from '../../net/connection-gate.ts';
import { AccessToken } from './access-token.ts';
import { securityHeaders } from './content-security-policy.ts';
import { type Notice, noticePage } from './notice-page.ts';
import type { RendererFiles } from './renderer-files.ts';
import { frameOf, ViewerSocket } from './viewer-socket.ts';

export const maxViewers = 16;
/** Where people find it again after a restart: below the ports that the system gives away (ip(7), ip_local_port_range). */
export const preferredPort = 7396;
/** A frame from a tab is a call; the largest hands over a profile as a string of JSON. Bytes. */
const maxClientFrame = 12 << 20;
/** Who is not signed in is a stranger. All are on this machine, and not told apart. */
const gateLimits = { connections: 512, strangers: 256 };
/** Milliseconds for the whole of a request, none of which has a body, and between two looks at who is late. */
const requestTime = 5_000;
const lateCheckInterval = 1_000;
/** Milliseconds in which a tab has to show its key. */
const keyTime = 5_000;
/** Milliseconds that tabs have to say goodbye. */
const farewellTime = 1_000;
/** Milliseconds without a byte after which a connection that is no WebSocket ends. */
const idleTime = 20_000;
/** Milliseconds between two log lines about connections that gave way. */
const gateReportInterval = 10_000;
/** Milliseconds between two checks whether a tab is still there. */
const pingInterval = 30_000;
/** RFC 6455 and its registry: try again later, going away. */
const closeTryAgainLater = 1013;
const closeGoingAway = 1001;

export interface BrowserServerOptions {
  bridge: MirageBridge;
  files: RendererFiles;
  clock: Clock;
  logger: Logger;
  /** 0 = any free one; absent = the preferred one, or any where that is taken. */
  port?: number | undefined;
}

export class BrowserServer implements Service {
  readonly #options: BrowserServerOptions;
  readonly #access: AccessToken;
  readonly #viewers = new Set<ViewerSocket>();
  readonly #sockets = new WebSocketServer({ noServer: true, maxPayload: maxClientFrame, perMessageDeflate: false });
  readonly #gate = new ConnectionGate(gateLimits, () => 'this machine');
  #server: Server | undefined;
  #port = 0;
  /** Connections that gave way and were told of. */
  #reported = 0;
  #stopTimers: () => void = () => undefined;

  constructor(options: BrowserServerOptions) {
    this.#options = options;
    this.#access = new AccessToken(options.clock);
  }

  /** Listens on 127.0.0.1; rejects with a sentence when the port is taken. */
  async start(): Promise<void> {
    const listener = getRequestListener(this.#routes().fetch);
    const times = {
      headersTimeout: requestTime,
      requestTimeout: requestTime,
      connectionsCheckingInterval: lateCheckInterval,
    };
    const answering = new WeakSet<Socket>();
    const server = createServer(times, (request, response) => {
      // No browser asks before it has read the answer before; who does would have hundreds of answers made for nobody.
      if (answering.has(request.socket)) return void request.socket.destroy();
      answering.add(request.socket);
      response.once('close', () => answering.delete(request.socket));
      listener(request, response).catch(() => response.destroy());
    });
    server.timeout = idleTime;
    server.on('connection', (socket) => this.#gate.welcome(socket));
    server.on('upgrade', (request, socket, head) => this.#upgrade(request, socket, head));
    const { port } = this.#options;
    if (port === undefined) await listen(server, preferredPort).catch(() => listen(server, 0));
    else await listen(server, port);
    server.on('error', (error) => this.#options.logger.error('the server failed', { reason: error.message }));
    this.#server = server;
    this.#port = addressOf(server).port;
    const { clock } = this.#options;
    const timers = [
      clock.every(pingInterval, () => {
        for (const viewer of this.#viewers) viewer.ping();
      }),
      clock.every(gateReportInterval, () => this.#reportGate()),
    ];
    this.#stopTimers = () => {
      for (const stop of timers) stop();
    };
  }

  async stop(): Promise<void> {
    this.#stopTimers();
    for (const viewer of this.#viewers) viewer.close(closeGoingAway, 'Mirage ends');
    for (const webSocket of this.#sockets.clients) webSocket.close(closeGoingAway, 'Mirage ends');
    const server = this.#server;
    this.#server = undefined;
    if (server === undefined) return;
    const cancel = this.#options.clock.after(farewellTime, () => {
      for (const webSocket of this.#sockets.clients) webSocket.terminate();
    });
    await new Promise<void>((resolve) => {
      server.close(() => resolve());
      server.closeAllConnections();
    });
    cancel();
  }

  /** Without a token; valid after `start`. */
  get address(): string {
    return `http://127.0.0.1:${this.#port}/`;
  }

  /** A link that opens the UI once, within ten minutes. Voids the one before, if it was not used. */
  issueLink(): string {
    return `${this.address}?token=${this.#access.issue()}`;
  }

  get viewers(): number {
    return this.#viewers.size;
  }

  /** Cookies do not know ports: the name keeps two servers on one machine apart. */
  get #cookieName(): string {
    return `mirage-${this.#port}`;
  }

  get #hosts(): readonly string[] {
    return ['127.0.0.1', 'localhost', '[::1]'].map((host) => `${host}:${this.#port}`);
  }

  #reportGate(): void {
    const { turnedAway } = this.#gate;
    if (turnedAway === this.#reported) return;
    const connections = turnedAway - this.#reported;
    this.#reported = turnedAway;
    this.#options.logger.warning('too many connections from programs that are not signed in: the oldest were ended', {
      connections,
    });
  }

  #routes(): Hono<{ Bindings: HttpBindings }> {
    const app = new Hono<{ Bindings: HttpBindings }>();
    app.use(async (context, next) => {
      const host = context.req.header('host') ?? '';
      const known = this.#hosts.includes(host);
      if (!known) context.res = this.#notice(context, 403, 'wrong-address');
      else if (!['GET', 'HEAD'].includes(context.req.method))
        context.res = context.body(null, 405, { allow: 'GET, HEAD' });
      else await next();
      const headers = securityHeaders(known ? ["'self'", `ws://${host}`] : []);
      for (const [name, value] of Object.entries(headers)) context.res.headers.set(name, value);
    });
    app.get(appSocketPath, (context) =>
      this.#admits(context)
        ? context.text('upgrade required\n', 426, { upgrade: 'websocket', 'cache-control': 'no-store' })
        : this.#notice(context, 401, 'link-needed'),
    );
    app.get('*', async (context) => {
      const token = context.req.query('token');
      if (context.req.path === '/' && token !== undefined) return this.#redeem(context, token);
      if (!this.#admits(context)) return this.#notice(context, 401, 'link-needed');
      const file = await this.#options.files.read(context.req.path);
      if (file === undefined) return this.#notice(context, 404, 'not-found');
      return context.body(file.bytes, 200, {
        'content-type': file.contentType,
        'cache-control': file.immutable ? 'private, max-age=31536000, immutable' : 'no-store',
      });
    });
    return app;
  }

  /** A reload of a spent link by a browser that is signed in is no mistake. */
  #redeem(context: RequestContext, token: string): Response {
    const secrets = this.#access.redeem(token);
    if (secrets !== undefined) {
      setCookie(context, this.#cookieName, secrets.cookie, { httpOnly: true, sameSite: 'Strict', path: '/' });
      this.#options.logger.info('a browser was let in');
    } else if (!this.#admits(context)) {
      return this.#notice(context, 401, 'link-spent');
    }
    context.header('cache-control', 'no-store');
    // A fragment is never sent to a server, and the page takes it out of the address bar.
    const to = secrets === undefined ? '/' : `/#key=${secrets.key}`;
    // Where another site or a file led here, a redirect would go on without the SameSite=Strict cookie; a page of ours
    // that moves on by itself does not.
    const from = context.req.header('sec-fetch-site') ?? 'none';
    return from === 'none' || from === 'same-origin' ? context.redirect(to, 303) : context.html(onwardPage(to));
  }

  /** Whether a request is that of somebody who is signed in, whose connection then gives way to nobody. */
  #admits(context: RequestContext): boolean {
    const signedIn = this.#isSignedIn(getCookie(context, this.#cookieName));
    if (signedIn) this.#gate.admit(context.env.incoming.socket);
    return signedIn;
  }

  #isSignedIn(cookie: string | undefined): boolean {
    return cookie !== undefined && this.#access.accepts(cookie);
  }

  #notice(context: Context, status: 401 | 403 | 404, notice: Notice): Response {
    context.header('cache-control', 'no-store');
    return context.html(noticePage(notice, context.req.header('accept-language')), status);
  }

  /** From here on Node's own listeners are off the socket; that of the gate stays. */
  #upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    const refusal = this.#upgradeRefusal(request);
    if (refusal !== undefined) {
      socket.once('finish', () => socket.destroy());
      socket.end(`HTTP/1.1 ${refusal}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`);
      return;
    }
    this.#sockets.handleUpgrade(request, socket, head, (webSocket) => {
      this.#awaitKey(webSocket, this.#cookieOf(request), () => {
        if (socket instanceof Socket) this.#gate.admit(socket);
        this.#admit(webSocket);
      });
    });
  }

  /** Until the key is shown the other end is a stranger: a cookie may have been seen by any program on this machine. */
  #awaitKey(webSocket: WebSocket, cookie: string, admit: () => void): void {
    webSocket.on('error', () => webSocket.terminate());
    const refuse = (): void => webSocket.close(sessionEndedCloseCode, 'a new link is needed');
    // One that is late is not one that has no key: a busy machine may take as long. It comes again.
    const cancel = this.#options.clock.after(keyTime, () =>
      webSocket.close(closeTryAgainLater, 'the key did not come'),
    );
    webSocket.once('close', cancel);
    webSocket.once('message', (data, isBinary) => {
      cancel();
      const frame = keyFrameSchema.safeParse(frameOf(data, isBinary));
      if (frame.success && this.#access.acceptsBoth({ cookie, key: frame.data.key })) return admit();
      this.#options.logger.warning('a cookie of ours came without its key: another program may have seen it');
      refuse();
    });
  }

  #upgradeRefusal(request: IncomingMessage): string | undefined {
    const { host = '', origin } = request.headers;
    if (!this.#hosts.includes(host)) return '403 Forbidden';
    if (origin !== `http://${host}`) return '403 Forbidden';
    if (request.url !== appSocketPath) return '404 Not Found';
    return this.#isSignedIn(this.#cookieOf(request)) ? undefined : '401 Unauthorized';
  }

  #cookieOf(request: IncomingMessage): string {
    return parseCookies(request.headers.cookie ?? '')[this.#cookieName] ?? '';
  }

  #admit(webSocket: WebSocket): void {
    if (this.#viewers.size >= maxViewers) {
      webSocket.close(closeTryAgainLater, `more than ${maxViewers} windows are open`);
      return;
    }
    const viewer = new ViewerSocket(webSocket, this.#options.bridge, this.#options.logger);
    this.#viewers.add(viewer);
    webSocket.on('close', () => this.#viewers.delete(viewer));
  }
}

type RequestContext = Context<{ Bindings: HttpBindings }>;

function onwardPage(to: string): string {
  return `<!doctype html><meta charset="utf-8"><title>Mirage</title><link rel="icon" href="data:,"><meta http-equiv="refresh" content="0;url=${to}">`;
}

function addressOf(server: Server): AddressInfo {
  const address = server.address();
  if (address === null || typeof address === 'string') throw new AppError('INTERNAL', 'the server listens on no port');
  return address;
}

function listen(server: Server, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const failed = (error: Error): void => reject(listenError(error, port));
    server.once('error', failed);
    server.listen(port, '127.0.0.1', () => {
      server.off('error', failed);
      resolve();
    });
  });
}

function listenError(error: Error, port: number): AppError {
  if (errnoOf(error) !== 'EADDRINUSE') return AppError.from(error, 'INTERNAL', `cannot listen on port ${port}`);
  return new AppError('INTERNAL', `port ${port} is in use by another program`, {
    cause: error,
    expected: 'choose another with --port, or 0 for any free one',
  });
}
