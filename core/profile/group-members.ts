/**
 * Which nodes and groups are the members of a policy group, by what a profile wishes and what there is. Pure: a provider that has
 * other nodes than before gives other members. The order is Clash's.
 */
import type { GroupTest } from '../contract/config.ts';
import type { NameFilter } from './name-filter.ts';

export interface KnownNode {
  readonly name: string;
  /** Its type in the profile's word: `ss`, `socks5`. */
  readonly kind: string;
}

export interface MemberWishes {
  /** Members by name (`proxies`), each known. */
  readonly named: readonly KnownNode[];
  /** Proxy providers whose nodes are wanted (`use`). */
  readonly use: readonly string[];
  readonly includeAllProxies: boolean;
  /** All providers, instead of those of `use`. */
  readonly includeAllProviders: boolean;
  /** What is taken of providers and of all nodes; empty = everything. Never applied to `named`. */
  readonly filters: readonly NameFilter[];
  /** What is left out, wherever it came from. */
  readonly excludeFilters: readonly NameFilter[];
  /** Kinds that are left out, in lower case, in Clash's words for them (`shadowsocks`, `selector`). */
  readonly excludeKinds: ReadonlySet<string>;
}

export interface KnownNodes {
  /** Those of `proxies`. */
  readonly own: readonly KnownNode[];
  readonly providers: ReadonlyMap<string, readonly KnownNode[]>;
  /** How providers with a health check test their nodes. */
  readonly tests?: ReadonlyMap<string, GroupTest>;
}

/** Names in the order of the group, each once. */
export function membersOf(wishes: MemberWishes, known: KnownNodes): string[] {
  const { filters, excludeFilters, excludeKinds } = wishes;
  const own = wishes.includeAllProxies ? byFilters(sorted(known.own), filters) : [];
  const first = [...wishes.named, ...own];
  const provided = usedProviders(wishes, known).map((name) => byFilters(known.providers.get(name) ?? [], filters));
  const sources = provided.length + (first.length > 0 ? 1 : 0);
  const all = [...first, ...provided.flat()];
  // As in Clash: several filters say an order, once there is more than one source.
  const ordered = filters.length > 1 && sources > 1 && provided.length > 0 ? matchedFirst(all, filters) : all;
  const kept = ordered.filter(
    ({ name, kind }) => !excludeKinds.has(typeWord(kind)) && !excludeFilters.some((excluded) => excluded.matches(name)),
  );
  return [...new Set(kept.map(({ name }) => name))];
}

/** Names of the providers whose nodes a group takes. */
export function usedProviders(
  { includeAllProviders, use }: MemberWishes,
  { providers }: KnownNodes,
): readonly string[] {
  return includeAllProviders ? [...providers.keys()].toSorted(byBytes) : use;
}

/** Those that any filter takes, in the order of the filters. */
function byFilters(nodes: readonly KnownNode[], filters: readonly NameFilter[]): readonly KnownNode[] {
  return filters.length === 0 ? nodes : taken(nodes, filters);
}

function matchedFirst(nodes: readonly KnownNode[], filters: readonly NameFilter[]): readonly KnownNode[] {
  const first = taken(nodes, filters);
  const names = new Set(first.map(({ name }) => name));
  return [...first, ...nodes.filter(({ name }) => !names.has(name))];
}

function taken(nodes: readonly KnownNode[], filters: readonly NameFilter[]): readonly KnownNode[] {
  const found = new Map<string, KnownNode>();
  for (const filter of filters) {
    for (const node of nodes) if (!found.has(node.name) && filter.matches(node.name)) found.set(node.name, node);
  }
  return [...found.values()];
}

function sorted(nodes: readonly KnownNode[]): KnownNode[] {
  return nodes.toSorted((a, b) => byBytes(a.name, b.name));
}

/** As Clash orders names: by their bytes in UTF-8. */
function byBytes(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b));
}

/** What Clash calls a kind in `exclude-type`, where that is another word. */
const typeWords: Readonly<Record<string, string>> = {
  ss: 'shadowsocks',
  ssr: 'shadowsocksr',
  select: 'selector',
  'url-test': 'urltest',
  'load-balance': 'loadbalance',
  'reject-drop': 'rejectdrop',
};

function typeWord(kind: string): string {
  const plain = kind.toLowerCase();
  return Object.hasOwn(typeWords, plain) ? (typeWords[plain] ?? plain) : plain;
}
