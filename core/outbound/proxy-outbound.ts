/** Carries flows through proxies, the nearest first: names are resolved behind the last, only that of the first server here. */
import type { Endpoint } from '../contract/flow.ts';
import type { DialPlan, FlowPlan } from '../flow/dial-plan.ts';
import type { Network } from '../flow/metadata.ts';
import type { Stream } from '../net/stream.ts';
import type { ChainLink } from './chain-link.ts';
import type { DialOptions, Outbound } from './dialer.ts';
import { ProxyServer, type ProxyServices } from './proxy-server.ts';

export class ProxyOutbound implements Outbound {
  readonly tag: string;
  readonly way = 'proxied';
  readonly resolvesAt = 'there';
  readonly links: readonly [ChainLink, ...ChainLink[]];
  readonly #services: ProxyServices;
  readonly #server: ProxyServer;

  constructor(tag: string, links: readonly [ChainLink, ...ChainLink[]], services: ProxyServices) {
    this.tag = tag;
    this.links = links;
    this.#services = services;
    this.#server = new ProxyServer(links[0].server, services);
  }

  /** Where datagrams go is spoken to from here: behind another proxy they would go around that one. */
  get carriesUdp(): boolean {
    return this.links.length === 1 && this.links[0].carriesUdp;
  }

  async plan(to: Endpoint, network: Network | 'icmp', signal: AbortSignal): Promise<FlowPlan> {
    if (network === 'icmp' || (network === 'udp' && !this.carriesUdp)) return { kind: 'reject', how: 'reset' };
    return await this.#dialTo(to, network, signal, this.#services.timeoutMs);
  }

  async dialStream(to: Endpoint, { signal, timeoutMs }: DialOptions): Promise<Stream> {
    const { clock, egress } = this.#services;
    const started = clock.monotonic();
    const dial = await this.#dialTo(to, 'tcp', signal, timeoutMs);
    const leftMs = Math.max(1, timeoutMs - (clock.monotonic() - started));
    return await egress.openStream({ ...dial, timeoutMs: leftMs }, signal);
  }

  async #dialTo(to: Endpoint, network: Network, signal: AbortSignal, timeoutMs: number): Promise<DialPlan> {
    const { links } = this;
    const layers = links.flatMap((link, place) => link.layersTo(links[place + 1]?.server ?? to, network));
    return {
      kind: 'dial',
      // Also for UDP it is a TCP connection that asks for the relay.
      hops: await this.#server.hops(signal),
      port: links[0].server.port,
      layers,
      target: to,
      udp: network === 'udp',
      timeoutMs,
    };
  }
}
