/** Dials the target itself. A name is resolved by our own resolver, because the OS would ask us. */
import { type Ip, isLoopback, isUnspecified, parseIp } from '../base/address.ts';
import { AppError } from '../base/app-error.ts';
import { isLinkLocal } from '../base/scoped-address.ts';
import type { Endpoint } from '../contract/flow.ts';
import type { FlowPlan } from '../flow/dial-plan.ts';
import type { Network } from '../flow/metadata.ts';
import { SocketStream } from '../net/socket-stream.ts';
import type { Stream } from '../net/stream.ts';
import type { AddressResolver, DialOptions, IsElsewhere, Outbound } from './dialer.ts';
import type { Egress } from './egress.ts';

export interface DirectOptions {
  readonly egress: Egress;
  readonly resolver: AddressResolver;
  /** Whether an address belongs to our own fake range: dialling one would come back to us. */
  readonly isFake: (address: Ip) => boolean;
  /** Whether a name may stand for this machine or a neighbour on the link: localhost, those of hosts and of the network. */
  readonly isNear: (name: string) => boolean;
  /** Milliseconds for a dial that the data plane does. */
  readonly timeoutMs: number;
}

export class DirectOutbound implements Outbound {
  readonly tag: string;
  readonly way = 'direct';
  readonly resolvesAt = 'here';
  readonly carriesUdp = true;
  readonly links = [];
  readonly #options: DirectOptions;

  constructor(tag: string, options: DirectOptions) {
    this.tag = tag;
    this.#options = options;
  }

  async plan(
    to: Endpoint,
    network: Network | 'icmp',
    signal: AbortSignal,
    isElsewhere?: IsElsewhere,
  ): Promise<FlowPlan> {
    const { egress, timeoutMs } = this.#options;
    const addresses = withoutInmost(to.host, await this.#addressesOf(to, signal), isElsewhere);
    const hops = egress.hopsFor(addresses, { network, port: to.port });
    if (hops.length === 0) throw new AppError('DIAL_NETWORK_UNREACHABLE', `there is no route to ${to.host}`);
    return { kind: 'dial', hops, port: to.port, layers: [], target: to, udp: network === 'udp', timeoutMs };
  }

  async dialStream(to: Endpoint, options: DialOptions): Promise<Stream> {
    const addresses = withoutInmost(to.host, await this.#addressesOf(to, options.signal), options.isElsewhere);
    return new SocketStream(await this.#options.egress.connectTcp(addresses, to.port, options));
  }

  async #addressesOf(to: Endpoint, signal: AbortSignal): Promise<Ip[]> {
    const literal = parseIp(to.host);
    const all = literal === undefined ? await this.#options.resolver.resolve(to.host, signal) : [literal];
    const real = all.filter((address) => !this.#options.isFake(address));
    if (real.length > 0) return literal === undefined ? this.#withoutInner(to.host, real) : real;
    throw new AppError(
      'DIAL_LOOP_DETECTED',
      `${to.host} leads to ${all.join(', ')}, an address of our own fake range`,
      {
        expected: 'an address outside the fake-ip range; look for one of it in hosts or in the upstream resolver',
      },
    );
  }

  /**
   * Whoever has a domain can give it our own address. Programs and browsers that know the name by a fake address cannot see that
   * (DNS rebinding), and a container behind us would reach what listens on the loopback only.
   */
  #withoutInner(name: string, addresses: readonly Ip[]): Ip[] {
    const { egress, isNear } = this.#options;
    if (isNear(name)) return [...addresses];
    const outer = addresses.filter((address) => !egress.isLocal(address) && !isLinkLocal(address));
    if (outer.length > 0) return outer;
    throw new AppError('DIAL_REJECTED', `${name} leads to ${addresses.join(', ')}, which is this machine or its link`, {
      expected: 'if that is meant, an entry in hosts',
    });
  }
}

/** Another device never reaches what this machine or its link has for itself: not by `localhost`, hosts or an address either. */
function withoutInmost(host: string, addresses: readonly Ip[], isElsewhere: IsElsewhere = () => false): Ip[] {
  const outer = addresses.filter((address) => !isInmost(address));
  if (outer.length === addresses.length || !isElsewhere()) return [...addresses];
  if (outer.length > 0) return outer;
  throw new AppError('DIAL_REJECTED', `${host} is this machine or its link, and the client is another device`, {
    expected: 'an address of this machine in the network',
  });
}

function isInmost(address: Ip): boolean {
  return isLoopback(address) || isLinkLocal(address) || isUnspecified(address);
}
