/** One configured nameserver as a resolver: which protocol, which way to it, and what its parameters change. */
import type { Duplex } from 'node:stream';
import { formatEndpoint, type Ip } from '../../base/address.ts';
import { AppError } from '../../base/app-error.ts';
import type { Clock } from '../../base/clock.ts';
import { formatScopedIp, isLinkLocal6 } from '../../base/scoped-address.ts';
import { unreachable } from '../../base/unreachable.ts';
import type { UpstreamConfig } from '../../contract/dns-config.ts';
import type { Endpoint } from '../../contract/flow.ts';
import type { Network } from '../../flow/metadata.ts';
import { queryFor, responseTo } from '../../net/dns-message.ts';
import type { StreamDialer } from '../../outbound/dialer.ts';
import type { AskedNames } from '../resolver/asked-names.ts';
import type { Resolver } from '../resolver/resolver.ts';
import { ShapedResolver } from '../resolver/shaped-resolver.ts';
import { denialSoa } from '../resolver/soa.ts';
import type { AnswerJudge } from './answer-suspicion.ts';
import { HttpsResolver } from './https-resolver.ts';
import { type Connect, StreamResolver } from './stream-resolver.ts';
import type { TcpOpener } from './tcp-exchange.ts';
import type { UdpOpener } from './udp-exchange.ts';
import { UdpResolver } from './udp-resolver.ts';
import { connectDirect, connectThrough, noting, overTls } from './upstream-dialer.ts';

/** `Egress`, as far as it is wanted here. */
export interface UpstreamOpener extends UdpOpener, TcpOpener {
  /** The same by one interface. */
  by(device: string): UdpOpener & TcpOpener;
}

export interface UpstreamServices {
  readonly opener: UpstreamOpener;
  /** The servers that this machine used before us. */
  readonly system: Resolver;
  /** What a policy leads to now; undefined when there is none of this name. Asked anew for each question. */
  readonly outbound: (policy: string) => StreamDialer | undefined;
  /**
   * The way that the rules choose for a connection to a nameserver. Throws DNS_NO_UPSTREAM where they reject it. Absent: every
   * server is asked directly.
   */
  readonly route?: ((to: Endpoint, network: Network) => StreamDialer | 'direct') | undefined;
  /** The outbound that all connections go through, instead of what servers say themselves. */
  readonly through?: StreamDialer | undefined;
  /** Addresses of a nameserver that is a name. */
  readonly lookup: (name: string, signal: AbortSignal) => Promise<readonly Ip[]>;
  /** What is known of a plain UDP server's habits. */
  readonly judgeOf: (address: Ip, port: number) => AnswerJudge;
  /** Where a server is asked; itself, unless a firewall leads questions elsewhere. */
  readonly placeOf?: (server: Endpoint) => Endpoint;
  /** Takes note of every question. */
  readonly asked: AskedNames;
  /** Connections to servers that are open now. */
  readonly connections: Set<Duplex>;
  readonly clock: Clock;
}

/** A resolver that asks this server and nobody else. Opens nothing before the first question. */
export function resolverOf(server: UpstreamConfig, services: UpstreamServices): Resolver {
  if (server.kind === 'system') return services.system;
  if (server.kind === 'rcode') {
    const { rcode } = server;
    const denies = rcode === 'NOERROR' || rcode === 'NXDOMAIN';
    return {
      query: async ({ name, type }) => ({
        message: {
          ...responseTo(queryFor(0, name, type, undefined), rcode),
          ...(denies ? { authorities: [denialSoa(name)] } : {}),
        },
        upstream: `rcode://${rcode}`,
      }),
    };
  }
  return services.asked.noting(askerOf(server, services));
}

type RealServer = Exclude<UpstreamConfig, { kind: 'system' | 'rcode' }>;

function askerOf(server: RealServer, services: UpstreamServices): Resolver {
  const { clock, route } = services;
  if (server.byRules === true && server.via === undefined && route !== undefined)
    return byRules(server, services, route);
  if (server.via !== undefined && services.through === undefined) return byPolicy(server, server.via, services);
  const opener = openerOf(server, services);
  const question = server.ecs === undefined ? {} : { clientSubnet: server.ecs };
  const connect = noting(connectorOf(server, services), services.connections);
  const { disableIpv4, disableIpv6, disableTypes, dns64 } = server;
  const shaped = (resolver: Resolver): Resolver =>
    disableIpv4 === true || disableIpv6 === true || disableTypes !== undefined || dns64 !== undefined
      ? new ShapedResolver(resolver, { disableIpv4, disableIpv6, disableTypes, dns64 })
      : resolver;
  switch (server.kind) {
    case 'udp': {
      const { address, port, via } = server;
      if (via === undefined) {
        const scoped = scopedHost(address, server.device);
        const judge = services.judgeOf(scoped, port);
        const { placeOf } = services;
        const named = label('udp', scoped, port, via);
        return shaped(new UdpResolver({ address, port, label: named, opener, placeOf, question, judge, clock }));
      }
      // A proxy's UDP may be missing or lossy; every server answers by TCP (RFC 7766).
      return shaped(new StreamResolver({ label: label('tcp', address, port, via), connect, question, clock }));
    }
    case 'tcp':
    case 'tls': {
      const { kind, port, via } = server;
      const host = scopedHost(server.host, server.device);
      return shaped(new StreamResolver({ label: label(kind, host, port, via), connect, question, clock }));
    }
    case 'https':
      return shaped(
        new HttpsResolver({
          host: server.host,
          port: server.port,
          path: server.path,
          method: server.method,
          connect,
          question,
          clock,
        }),
      );
    default:
      return unreachable(server);
  }
}

/** Asks directly or through an outbound, whatever the rules say of the server at each question. */
function byRules(
  server: RealServer,
  services: UpstreamServices,
  route: NonNullable<UpstreamServices['route']>,
): Resolver {
  const host = server.kind === 'udp' ? server.address : server.host;
  const direct = resolverOf(server, { ...services, route: undefined });
  const through = new Map<StreamDialer, Resolver>();
  return {
    query: async (question, signal) => {
      const way = route({ host, port: server.port }, server.kind === 'udp' ? 'udp' : 'tcp');
      if (way === 'direct') return await direct.query(question, signal);
      return await resolverThrough(way, through, { ...server, via: 'RULES' }, services).query(question, signal);
    },
  };
}

function openerOf({ device }: RealServer, { opener }: UpstreamServices): UdpOpener & TcpOpener {
  return device === undefined ? opener : opener.by(device);
}

/** Asks through whatever a policy leads to at each question; connections through another outbound are not used again. */
function byPolicy(server: RealServer, policy: string, services: UpstreamServices): Resolver {
  const through = new Map<StreamDialer, Resolver>();
  return {
    query: async (question, signal) => {
      const outbound = services.outbound(policy);
      if (outbound === undefined) throw new AppError('DNS_NO_UPSTREAM', `there is no outbound named "${policy}"`);
      return await resolverThrough(outbound, through, server, services).query(question, signal);
    },
  };
}

/** The server asked through this outbound, made once. There are no more of them than outbounds. */
function resolverThrough(
  outbound: StreamDialer,
  made: Map<StreamDialer, Resolver>,
  server: RealServer,
  services: UpstreamServices,
): Resolver {
  const known = made.get(outbound);
  if (known !== undefined) return known;
  const resolver = askerOf(server, { ...services, route: undefined, through: outbound });
  made.set(outbound, resolver);
  return resolver;
}

/** How connections to this server are made. */
function connectorOf(server: RealServer, services: UpstreamServices): Connect {
  const opener = openerOf(server, services);
  const target = { host: server.kind === 'udp' ? server.address : server.host, port: server.port };
  const { through } = services;
  const below =
    through === undefined
      ? (signal: AbortSignal) => connectDirect(opener, services.placeOf?.(target) ?? target, services.lookup)(signal)
      : connectThrough(through, target);
  if (server.kind === 'tls') return overTls(below, server.host, { ca: server.ca, alpn: ['dot'] });
  if (server.kind === 'https') return overTls(below, server.host, { ca: server.ca, alpn: ['h2', 'http/1.1'] });
  return below;
}

function label(kind: string, host: string, port: number, via: string | undefined): string {
  return `${kind}://${formatEndpoint({ host, port })}${via === undefined ? '' : `#${via}`}`;
}

/** A link-local address is one server on each link. */
function scopedHost(host: string, device: string | undefined): string {
  return device !== undefined && isLinkLocal6(host) ? formatScopedIp({ address: host, zone: device }) : host;
}
