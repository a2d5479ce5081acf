/** Carries flows to a SOCKS5 server by name: the target is resolved over there, only the server's own name here. */
import { formatEndpoint, type Ip } from '../base/address.ts';
import { AppError } from '../base/app-error.ts';
import type { Clock } from '../base/clock.ts';
import { parseScopedIp } from '../base/scoped-address.ts';
import type { Socks5ProxyConfig } from '../contract/config.ts';
import type { Endpoint } from '../contract/flow.ts';
import type { DialPlan } from '../flow/dial-plan.ts';
import type { Network } from '../flow/metadata.ts';
import { SocketStream } from '../net/socket-stream.ts';
import { Socks5Client } from '../net/socks5-client.ts';
import type { Stream } from '../net/stream.ts';
import { asProxyError } from './dial-error.ts';
import type { AddressResolver, DialOptions, Outbound } from './dialer.ts';
import type { Egress } from './egress.ts';
import { loopbackOfName } from './loopback-name.ts';
import { socks5Handshake } from './socks5-handshake.ts';

export interface Socks5Options {
  readonly egress: Egress;
  /** For the server's name only. */
  readonly resolver: AddressResolver;
  readonly clock: Clock;
  /** Milliseconds for a dial that the data plane does. */
  readonly timeoutMs: number;
}

export class Socks5Outbound implements Outbound {
  readonly tag: string;
  readonly kind = 'socks5';
  readonly udp: boolean;
  readonly #proxy: Socks5ProxyConfig;
  readonly #options: Socks5Options;
  readonly #literal: Ip | undefined;
  /** By the link that a link-local server is on. */
  readonly #egress: Egress;

  constructor(proxy: Socks5ProxyConfig, options: Socks5Options) {
    this.tag = proxy.name;
    this.udp = proxy.udp;
    this.#proxy = proxy;
    this.#options = options;
    const scoped = parseScopedIp(proxy.server);
    this.#literal = scoped?.address ?? loopbackOfName(proxy.server);
    this.#egress = scoped?.zone === undefined ? options.egress : options.egress.by(scoped.zone);
  }

  async plan(to: Endpoint, network: Network, signal: AbortSignal): Promise<DialPlan> {
    if (network === 'udp' && !this.udp) return { kind: 'reject', how: 'reset' };
    checkName(to);
    // Also for UDP it is a TCP connection that asks for the relay.
    const server = { network: 'tcp', port: this.#proxy.port } as const;
    const hops = this.#egress.hopsFor(await this.#serverAddresses(signal), server);
    if (hops.length === 0) {
      throw new AppError('DIAL_PROXY_UNREACHABLE', `there is no route to the proxy ${this.#server()}`);
    }
    const { port, username, password } = this.#proxy;
    return {
      kind: 'native',
      dial: {
        via: 'socks5',
        hops,
        port,
        ...(username === undefined ? {} : { username, password: password ?? '' }),
        target: to,
        timeoutMs: this.#options.timeoutMs,
      },
    };
  }

  async dialStream(to: Endpoint, options: DialOptions): Promise<Stream> {
    checkName(to);
    const started = this.#options.clock.monotonic();
    const addresses = await this.#serverAddresses(options.signal);
    const socket = await this.#egress.connectTcp(addresses, this.#proxy.port, options).catch((error: unknown) => {
      throw asProxyError(AppError.from(error, 'DIAL_IO'), this.#server());
    });
    const left = Math.max(1, options.timeoutMs - (this.#options.clock.monotonic() - started));
    const { username, password } = this.#proxy;
    const credentials = username === undefined ? undefined : { username, password: password ?? '' };
    const client = new Socks5Client(to, credentials);
    await socks5Handshake(socket, client, this.#options.clock, { signal: options.signal, timeoutMs: left });
    return new SocketStream(socket);
  }

  async #serverAddresses(signal: AbortSignal): Promise<Ip[]> {
    if (this.#literal !== undefined) return [this.#literal];
    try {
      return await this.#options.resolver.resolve(this.#proxy.server, signal);
    } catch (error) {
      throw asProxyError(AppError.from(error, 'DIAL_IO'), this.#server());
    }
  }

  #server(): string {
    return formatEndpoint({ host: this.#proxy.server, port: this.#proxy.port });
  }
}

/** A name that SOCKS5 cannot write cannot be one that exists (RFC 1035: 255 bytes). */
function checkName(to: Endpoint): void {
  const length = new TextEncoder().encode(to.host).length;
  if (length > 0 && length <= 255) return;
  throw new AppError('DIAL_NAME_NOT_FOUND', `a name of ${length} bytes cannot exist`);
}
