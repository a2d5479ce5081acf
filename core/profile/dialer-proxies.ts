/**
 * `dialer-proxy` of nodes, once every name is known: a node that is reached through what is not there refuses, one that may be led
 * back to itself is told. Whether it is, is seen when it is dialled: groups choose then.
 */
import type { GroupConfig } from '../contract/config.ts';
import type { ProxyConfig } from '../contract/proxy-config.ts';
import { clip } from './clip.ts';
import type { PolicyNames } from './policy-names.ts';
import type { YamlMap } from './yaml-map.ts';
import type { YamlValue } from './yaml-value.ts';

/** Names of a circle that are shown. */
const maxShown = 8;
/** Steps in search of circles. What they do not find is refused when it is dialled, as all circles are. */
const maxSteps = 500_000;

export interface WrittenProxies {
  readonly proxies: readonly ProxyConfig[];
  /** Where the `dialer-proxy` of a node stands; that of a provider's node stands in another file. */
  readonly places: ReadonlyMap<string, YamlValue>;
}

export function withDialerProxies(
  { proxies, places }: WrittenProxies,
  groups: readonly GroupConfig[],
  names: PolicyNames,
  root: YamlMap,
): ProxyConfig[] {
  const told = new Set<string>();
  const warn = (proxy: ProxyConfig, code: 'PROXY_CHAIN_UNKNOWN' | 'PROXY_CHAIN_CIRCLE', text: string): void => {
    const at = places.get(proxy.name);
    const values = { node: clip(proxy.name), proxy: clip(text) };
    if (at !== undefined) return at.warning(code, values, 'POLICY');
    // The nodes of a provider mostly have the same one: it is told once.
    const key = `${code} ${viaOf(proxy)}`;
    if (!told.has(key)) root.warning(code, values);
    told.add(key);
  };
  const known = proxies.map((proxy): ProxyConfig => {
    const via = viaOf(proxy);
    if (via === undefined || names.problem(via) === undefined) return proxy;
    warn(proxy, 'PROXY_CHAIN_UNKNOWN', via);
    return { type: 'unspoken', name: proxy.name, kind: proxy.type };
  });
  const circles = new Circles(known, groups);
  for (const proxy of known) {
    const circle = circles.from(proxy.name);
    if (circle !== undefined) warn(proxy, 'PROXY_CHAIN_CIRCLE', circle.join(' -> '));
  }
  return known;
}

function viaOf(proxy: ProxyConfig): string | undefined {
  return 'dialerProxy' in proxy ? proxy.dialerProxy : undefined;
}

/** Ways by which nodes may be led back to themselves. */
class Circles {
  readonly #next = new Map<string, readonly string[]>();
  readonly #vias: ReadonlyMap<string, string>;
  /** What may be led through after a policy, each with who leads to it. */
  readonly #reached = new Map<string, ReadonlyMap<string, string | undefined>>();
  #steps = 0;

  constructor(proxies: readonly ProxyConfig[], groups: readonly GroupConfig[]) {
    this.#vias = new Map(proxies.flatMap((proxy) => [[proxy.name, viaOf(proxy)] as const]).filter(hasVia));
    for (const [name, via] of this.#vias) this.#next.set(name, [via]);
    for (const { name, members } of groups) this.#next.set(name, members);
  }

  /** The names from a node to itself; undefined where it cannot be led there. */
  from(node: string): string[] | undefined {
    const via = this.#vias.get(node);
    if (via === undefined) return undefined;
    const reached = this.#reached.get(via) ?? this.#reach(via);
    this.#reached.set(via, reached);
    if (!reached.has(node)) return undefined;
    const names = [node];
    for (let at = reached.get(node); at !== undefined; at = reached.get(at)) names.push(at);
    const circle = [...names, node].toReversed();
    return circle.length <= maxShown ? circle : [...circle.slice(0, maxShown - 2), '…', node];
  }

  #reach(from: string): Map<string, string | undefined> {
    const reached = new Map<string, string | undefined>([[from, undefined]]);
    for (const name of reached.keys()) {
      const all = this.#next.get(name) ?? [];
      this.#steps += all.length;
      if (this.#steps > maxSteps) break;
      for (const next of all) if (!reached.has(next)) reached.set(next, name);
    }
    return reached;
  }
}

function hasVia(entry: readonly [string, string | undefined]): entry is [string, string] {
  return entry[1] !== undefined;
}
