/** Carries streams to an HTTP proxy by CONNECT and by name: the target is resolved over there, only the server's own name here. */
import { AppError } from '../base/app-error.ts';
import type { HttpProxyConfig } from '../contract/config.ts';
import type { ErrorCode } from '../contract/error.ts';
import type { Endpoint } from '../contract/flow.ts';
import type { FlowPlan, HttpConnectLayer } from '../flow/dial-plan.ts';
import type { Network } from '../flow/metadata.ts';
import { parseHost } from '../net/host.ts';
import { encodeConnectRequest, HttpConnectClient, type HttpConnectFailure } from '../net/http-connect-client.ts';
import { SocketStream } from '../net/socket-stream.ts';
import type { Stream } from '../net/stream.ts';
import type { DialOptions, Outbound } from './dialer.ts';
import { handshake } from './handshake.ts';
import { ProxyServer, type ProxyServices } from './proxy-server.ts';

export class HttpOutbound implements Outbound {
  readonly tag: string;
  readonly way = 'proxied';
  readonly resolvesAt = 'there';
  readonly carriesUdp = false;
  readonly #port: number;
  readonly #layer: HttpConnectLayer;
  readonly #services: ProxyServices;
  readonly #server: ProxyServer;

  constructor({ name, server, port, username, password = '', headers }: HttpProxyConfig, services: ProxyServices) {
    this.tag = name;
    this.#port = port;
    this.#layer = { protocol: 'http-connect', headers, ...(username === undefined ? {} : { username, password }) };
    this.#services = services;
    this.#server = new ProxyServer({ host: server, port }, services);
  }

  async plan(to: Endpoint, network: Network | 'icmp', signal: AbortSignal): Promise<FlowPlan> {
    if (network !== 'tcp') return { kind: 'reject', how: 'reset' };
    checkName(to);
    return {
      kind: 'dial',
      hops: await this.#server.hops(signal),
      port: this.#port,
      layers: [this.#layer],
      target: to,
      udp: false,
      timeoutMs: this.#services.timeoutMs,
    };
  }

  async dialStream(to: Endpoint, options: DialOptions): Promise<Stream> {
    checkName(to);
    const { socket, leftMs } = await this.#server.connect(options);
    const client = new HttpConnectClient(encodeConnectRequest(to, this.#layer));
    await handshake(socket, client, errorOf, this.#services.clock, { signal: options.signal, timeoutMs: leftMs });
    return new SocketStream(socket);
  }
}

/** A name may hold any bytes (RFC 2181 section 11): one with a line break would be a header of its own. */
function checkName(to: Endpoint): void {
  if (parseHost(to.host) !== undefined) return;
  throw new AppError('DIAL_NAME_NOT_FOUND', 'a name with such characters cannot be asked of an HTTP proxy');
}

const codes: Readonly<Record<HttpConnectFailure['why'], ErrorCode>> = {
  auth: 'DIAL_PROXY_AUTH',
  denied: 'DIAL_PROXY_DENIED',
  unreachable: 'DIAL_HOST_UNREACHABLE',
  timeout: 'DIAL_TIMEOUT',
  protocol: 'DIAL_PROXY_FAILED',
};

function errorOf({ why, message }: HttpConnectFailure): AppError {
  return new AppError(codes[why], message, {
    ...(why === 'auth' ? { expected: 'the user name and password that the proxy knows' } : {}),
    ...(why === 'protocol' ? { expected: 'an HTTP proxy at this address' } : {}),
  });
}
