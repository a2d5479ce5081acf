/** Carries flows to a SOCKS5 server by name: the target is resolved over there, only the server's own name here. */
import { AppError } from '../base/app-error.ts';
import type { Socks5ProxyConfig } from '../contract/config.ts';
import type { Endpoint } from '../contract/flow.ts';
import type { FlowPlan } from '../flow/dial-plan.ts';
import type { Network } from '../flow/metadata.ts';
import { SocketStream } from '../net/socket-stream.ts';
import { Socks5Client } from '../net/socks5-client.ts';
import type { Stream } from '../net/stream.ts';
import type { DialOptions, Outbound } from './dialer.ts';
import { ProxyServer, type ProxyServices } from './proxy-server.ts';
import { socks5Handshake } from './socks5-handshake.ts';

export class Socks5Outbound implements Outbound {
  readonly tag: string;
  readonly way = 'proxied';
  readonly resolvesAt = 'there';
  readonly carriesUdp: boolean;
  readonly #proxy: Socks5ProxyConfig;
  readonly #services: ProxyServices;
  readonly #server: ProxyServer;

  constructor(proxy: Socks5ProxyConfig, services: ProxyServices) {
    this.tag = proxy.name;
    this.carriesUdp = proxy.udp;
    this.#proxy = proxy;
    this.#services = services;
    this.#server = new ProxyServer({ host: proxy.server, port: proxy.port }, services);
  }

  async plan(to: Endpoint, network: Network | 'icmp', signal: AbortSignal): Promise<FlowPlan> {
    if (network === 'icmp' || (network === 'udp' && !this.carriesUdp)) return { kind: 'reject', how: 'reset' };
    checkName(to);
    const { port, username, password } = this.#proxy;
    return {
      kind: 'dial',
      // Also for UDP it is a TCP connection that asks for the relay.
      hops: await this.#server.hops(signal),
      port,
      layers: [{ protocol: 'socks5', ...(username === undefined ? {} : { username, password: password ?? '' }) }],
      target: to,
      udp: network === 'udp',
      timeoutMs: this.#services.timeoutMs,
    };
  }

  async dialStream(to: Endpoint, options: DialOptions): Promise<Stream> {
    checkName(to);
    const { socket, leftMs } = await this.#server.connect(options);
    const { username, password } = this.#proxy;
    const client = new Socks5Client(to, username === undefined ? undefined : { username, password: password ?? '' });
    await socks5Handshake(socket, client, this.#services.clock, { signal: options.signal, timeoutMs: leftMs });
    return new SocketStream(socket);
  }
}

/** A name that SOCKS5 cannot write cannot be one that exists (RFC 1035: 255 bytes). */
function checkName(to: Endpoint): void {
  const length = new TextEncoder().encode(to.host).length;
  if (length > 0 && length <= 255) return;
  throw new AppError('DIAL_NAME_NOT_FOUND', `a name of ${length} bytes cannot exist`);
}
