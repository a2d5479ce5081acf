/** The configured servers of one graph as resolvers, with what lasts of them: alone, in a race, with a memory, through an outbound. */
import { createHash } from 'node:crypto';
import type { Duplex } from 'node:stream';
import { formatEndpoint, type Ip } from '../base/address.ts';
import { AppError } from '../base/app-error.ts';
import { parseCidr } from '../base/cidr.ts';
import type { Clock } from '../base/clock.ts';
import type { Logger } from '../base/logger.ts';
import type { DnsConfig, UpstreamConfig } from '../contract/dns-config.ts';
import type { StreamDialer } from '../outbound/dialer.ts';
import type { LastingDns } from './lasting-dns.ts';
import { AliasResolver } from './resolver/alias-resolver.ts';
import { AskedNames } from './resolver/asked-names.ts';
import { CachedResolver } from './resolver/cached-resolver.ts';
import { RaceResolver } from './resolver/race-resolver.ts';
import type { Resolver } from './resolver/resolver.ts';
import { type BaseResolver, SystemResolver } from './resolver/system-resolver.ts';
import { AnswerJudge } from './upstream/answer-suspicion.ts';
import { resolverOf, type UpstreamOpener, type UpstreamServices } from './upstream/upstream.ts';

export interface UpstreamsOptions {
  readonly config: DnsConfig;
  /** `Egress` fits. */
  readonly opener: UpstreamOpener;
  /** The servers that this machine used before us. */
  readonly base: () => Promise<BaseResolver>;
  /** What a policy leads to now; undefined when there is none of this name. Asked anew for each question that goes there. */
  readonly outbound: (policy: string) => StreamDialer | undefined;
  /** How each outbound is configured, by its tag: what was learnt through it holds as long as that is the same. */
  readonly outboundTexts: ReadonlyMap<string, string>;
  /** The way that the rules choose for a connection to a nameserver. Throws DNS_NO_UPSTREAM where they reject it. */
  readonly route: NonNullable<UpstreamServices['route']>;
  /** Addresses of a nameserver that is a name. */
  readonly lookup: UpstreamServices['lookup'];
  readonly lasting: LastingDns;
  readonly isFake: (ip: Ip) => boolean;
  /** Answers of this plain UDP server were seen to be forged on the way, `count` times so far. */
  readonly onForged: (server: string, count: number) => void;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** Which servers answer, and for whom. */
export interface AnsweredFrom {
  readonly use: string;
  /** Their configuration, and all else that makes a difference. */
  readonly servers?: unknown;
  /** The rules say how one of them is reached: another graph's answers may have come another way. */
  readonly byRules?: boolean;
}

const dnsPort = 53;

export class Upstreams {
  /** What servers are being asked. */
  readonly asked: AskedNames;
  /** The servers that this machine used before us, in their order. */
  readonly system: SystemResolver;
  readonly #options: UpstreamsOptions;
  readonly #services: UpstreamServices;
  readonly #connections = new Set<Duplex>();
  readonly #caches: CachedResolver[] = [];
  readonly #keys = new Set<string>();
  /** Those of every outbound that there is. */
  #remoteKeys: ReadonlySet<string> | undefined;
  readonly #remotes = new WeakMap<StreamDialer, Resolver>();

  constructor(options: UpstreamsOptions) {
    const { clock, opener, outbound, route, lookup } = options;
    this.#options = options;
    this.asked = new AskedNames(clock);
    this.system = new SystemResolver({
      base: options.base,
      connect: ({ address, zone }, { tcp }) => {
        const server = { port: dnsPort, ...(zone === undefined ? {} : { device: zone }) };
        return this.#one(tcp ? { kind: 'tcp', host: address, ...server } : { kind: 'udp', address, ...server });
      },
      clock,
    });
    this.#services = {
      opener,
      system: this.system,
      outbound,
      route,
      lookup,
      judgeOf: (...server) => this.#judgeOf(...server),
      asked: this.asked,
      connections: this.#connections,
      placeOf: (server) => options.lasting.places.of(server),
      clock,
    };
  }

  /** All of a list at once. */
  race(list: readonly UpstreamConfig[], change: Partial<UpstreamServices> = {}): Resolver {
    return new RaceResolver(
      list.map((server) => this.#one(server, change)),
      this.#options.clock,
    );
  }

  /** Those that look up the names of other servers; without any the machine's own. */
  bootstrap(): Resolver {
    const { config } = this.#options;
    if (config.bootstrap.length === 0) return this.system;
    return this.race(config.bootstrap, {
      route: undefined,
      lookup: (name) =>
        Promise.reject(
          new AppError('DNS_NO_UPSTREAM', `"${name}" cannot be looked up by bootstrap servers that are names`),
        ),
    });
  }

  /** With a memory, which lasts as long as the servers that answer are the same. */
  cached(inner: Resolver, from: AnsweredFrom): CachedResolver {
    const { clock, config, lasting } = this.#options;
    const key = from.byRules === true ? lasting.uniqueKey() : this.#keyOf(from);
    this.#keys.add(key);
    // A graph that is only tried must leave nothing behind.
    const memory = () => lasting.memory(key, config.cacheSize);
    const cache = new CachedResolver(new AliasResolver(inner), clock, memory);
    this.#caches.push(cache);
    return cache;
  }

  /** The `remote-nameserver`s, asked through this outbound; undefined when there are none. */
  remote(outbound: StreamDialer & { readonly tag: string }): Resolver | undefined {
    const { remoteNameserver } = this.#options.config;
    if (remoteNameserver.length === 0) return undefined;
    const known = this.#remotes.get(outbound);
    if (known !== undefined) return known;
    const servers = remoteNameserver.map((server) =>
      server.kind === 'system' || server.kind === 'rcode' ? server : { ...server, via: 'remote' },
    );
    const resolver = this.cached(this.race(servers, { through: outbound }), this.#remoteUse(outbound.tag));
    this.#remotes.set(outbound, resolver);
    return resolver;
  }

  /** Whether answers are remembered under this key, or would be when somebody asks through one of the outbounds. */
  remembersAs(key: string): boolean {
    if (this.#keys.has(key)) return true;
    this.#remoteKeys ??= new Set(
      [...this.#options.outboundTexts.keys()].map((tag) => this.#keyOf(this.#remoteUse(tag))),
    );
    return this.#remoteKeys.has(key);
  }

  /** The network has changed: answers are forgotten, connections to servers made and the system's servers read anew. */
  reset(): void {
    for (const cache of this.#caches) cache.reset();
    this.#options.lasting.reset();
    this.system.reset();
    for (const connection of this.#connections) connection.destroy();
  }

  #one(server: UpstreamConfig, change: Partial<UpstreamServices> = {}): Resolver {
    return resolverOf(server, { ...this.#services, ...change });
  }

  #remoteUse(tag: string): AnsweredFrom {
    const { config, outboundTexts } = this.#options;
    return { use: 'remote', servers: [config.remoteNameserver, outboundTexts.get(tag)] };
  }

  /** Short, and without the secrets that may be in the configuration of an outbound. */
  #keyOf({ use, servers }: AnsweredFrom): string {
    const { config, outboundTexts } = this.#options;
    const vias = new Set<string>();
    // A server or an outbound that is a name is whatever these say it is.
    const { hosts, systemHosts, bootstrap, proxyServerNameserver } = config;
    const naming = [hosts, systemHosts, bootstrap, proxyServerNameserver];
    const text = JSON.stringify([use, config.cacheSize, servers, naming], (key, value: unknown) => {
      if (key === 'via' && typeof value === 'string') vias.add(value);
      return value;
    });
    const through = [...vias].map((via) => outboundTexts.get(via));
    return createHash('sha256')
      .update(JSON.stringify([text, through]))
      .digest('base64');
  }

  #judgeOf(address: Ip, port: number): AnswerJudge {
    const { config, isFake, lasting, onForged, logger } = this.#options;
    const { ipcidr } = config.fallbackFilter;
    const server = `udp://${formatEndpoint({ host: address, port })}`;
    return lasting.judge(`${server} ${ipcidr.join(' ')}`, () => {
      let count = 0;
      return new AnswerJudge({
        isFake: (ip) => isFake(ip) || lasting.isFake(ip),
        unreal: ipcidr.flatMap((text) => parseCidr(text) ?? []),
        onForged: ({ name, given }) => {
          count += 1;
          if (count === 1) logger.child('dns').warning('answers of a server are forged on the way', { server, name });
          onForged(server, count);
          // What was believed wrongly is not told again.
          if (given) lasting.flush();
        },
      });
    });
  }
}
