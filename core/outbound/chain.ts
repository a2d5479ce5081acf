/** Outbounds one behind the other, as one: `relay` groups, and nodes that are reached through another (`dialer-proxy`). */
import type { ChainLink } from './chain-link.ts';
import type { DialOptions, Outbound } from './dialer.ts';
import { ProxyOutbound } from './proxy-outbound.ts';
import type { ProxyServices } from './proxy-server.ts';

/**
 * What leads through all of these, the nearest first; undefined without any. DIRECT among them adds nothing; where one refuses, that is
 * what becomes of the connection, for it must not go around it.
 */
export function chainOf(tag: string, outbounds: readonly Outbound[], services: ProxyServices): Outbound | undefined {
  const last = outbounds.at(-1);
  const refusing = outbounds.find(({ links }) => links === undefined);
  if (last === undefined || refusing !== undefined) return refusing;
  const [first, ...others] = outbounds.flatMap(({ links }): readonly ChainLink[] => links ?? []);
  return first === undefined ? last : new ProxyOutbound(tag, [first, ...others], services);
}

/** The outbound that a policy leads to at the time of each use. */
export class CurrentOutbound implements Outbound {
  readonly tag: string;
  readonly #now: () => Outbound;

  constructor(tag: string, now: () => Outbound) {
    this.tag = tag;
    this.#now = now;
  }

  get way(): Outbound['way'] {
    return this.#now().way;
  }

  get resolvesAt(): Outbound['resolvesAt'] {
    return this.#now().resolvesAt;
  }

  get carriesUdp(): boolean {
    return this.#now().carriesUdp;
  }

  get links(): Outbound['links'] {
    return this.#now().links;
  }

  get refusal(): Outbound['refusal'] {
    return this.#now().refusal;
  }

  plan(...asked: Parameters<Outbound['plan']>): ReturnType<Outbound['plan']> {
    return this.#now().plan(...asked);
  }

  dialStream(to: Parameters<Outbound['dialStream']>[0], options: DialOptions): ReturnType<Outbound['dialStream']> {
    return this.#now().dialStream(to, options);
  }
}
