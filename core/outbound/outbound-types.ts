/** A definition for each type of outbound: the one place outside its own file that knows it. */
import type { Ip } from '../base/address.ts';
import type { Clock } from '../base/clock.ts';
import type { Endpoint } from '../contract/flow.ts';
import type { ProxyConfig } from '../contract/proxy-config.ts';
import type { ChainLink } from './chain-link.ts';
import type { AddressResolver, Outbound } from './dialer.ts';
import { DirectOutbound } from './direct.ts';
import type { Egress } from './egress.ts';
import { httpLink } from './http-link.ts';
import { ProxyOutbound } from './proxy-outbound.ts';
import type { ProxyServices } from './proxy-server.ts';
import { RefusingOutbound } from './refusing.ts';
import { RejectOutbound } from './reject.ts';
import { shadowsocksLink } from './shadowsocks-link.ts';
import { socks5Link } from './socks5-link.ts';
import { trojanLink } from './trojan-link.ts';

export interface OutboundServices {
  readonly egress: Egress;
  /** Resolves what DIRECT connects to. */
  readonly resolver: AddressResolver;
  /** Resolves the names of proxy servers. */
  readonly proxyServers: AddressResolver;
  readonly isFake: (address: Ip) => boolean;
  /** Whether a name may stand for this machine or a neighbour on the link. */
  readonly isNear: (name: string) => boolean;
  readonly clock: Clock;
  /** Milliseconds for a dial that the data plane does. */
  readonly timeoutMs: number;
}

type TypeName = ProxyConfig['type'];
type ServerConfig = Extract<ProxyConfig, { server: string }>;
type ConfigOf<T extends TypeName> = Extract<ProxyConfig, { type: T }>;

interface OutboundType<T extends TypeName> {
  /** The servers that it connects to, by name or address: they are never given fake addresses, nor sent to themselves. */
  serversOf(config: ConfigOf<T>): readonly Endpoint[];
  create(config: ConfigOf<T>, services: OutboundServices): Outbound;
}

/** One that a single server leads on from. */
function proxied<C extends ServerConfig>(linkOf: (config: C) => ChainLink) {
  return {
    serversOf: ({ server, port }: C): readonly Endpoint[] => [{ host: server, port }],
    create: (config: C, services: OutboundServices): Outbound =>
      new ProxyOutbound(config.name, [linkOf(config)], proxyServicesOf(services)),
  };
}

/** Exhaustive: a type that the schema has and this table does not is a compile error. */
const outboundTypes: { readonly [T in TypeName]: OutboundType<T> } = {
  socks5: proxied(socks5Link),
  http: proxied(httpLink),
  ss: proxied(shadowsocksLink),
  trojan: proxied(trojanLink),
  direct: {
    serversOf: () => [],
    create: ({ name }, services) => new DirectOutbound(name, services),
  },
  reject: {
    serversOf: () => [],
    create: ({ name, drop }, { clock }) => new RejectOutbound(name, { drop, clock }),
  },
  unspoken: {
    serversOf: () => [],
    create: ({ name, kind }) =>
      new RefusingOutbound(name, {
        code: 'DIAL_NOT_SPOKEN',
        message: `"${name}" is of type ${kind}, which is not supported yet`,
      }),
  },
};

export function outboundOf(config: ProxyConfig, services: OutboundServices): Outbound {
  return typeOf(config.type).create(config, services);
}

/** The servers that a proxy connects to, by name or address, however it is reached. */
export function serversOf(config: ProxyConfig): readonly Endpoint[] {
  return typeOf(config.type).serversOf(config);
}

/** The policy through which a proxy is reached, if not by the network. */
export function dialerProxyOf(config: ProxyConfig): string | undefined {
  return 'dialerProxy' in config ? config.dialerProxy : undefined;
}

/** What is needed to reach proxies. */
export function proxyServicesOf(services: OutboundServices): ProxyServices {
  return { ...services, resolver: services.proxyServers };
}

function typeOf<T extends TypeName>(type: T): OutboundType<T> {
  return outboundTypes[type];
}
