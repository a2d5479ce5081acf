/** Compares two effective configurations, by what people call things in a profile. Pure; what it tells is bounded. */
import { longestRise, numbered } from '../base/longest-rise.ts';
import type { Config, RuleConfig } from '../contract/config.ts';
import { type Changes, type ConfigDiff, type KeyChange, maxKeys, maxTold, type Some } from '../contract/config-diff.ts';
import { type UpstreamConfig, upstreamSchema } from '../contract/dns-config.ts';
import { ruleText } from '../rule/rule-text.ts';

/** Characters of a value that are told. */
const maxText = 120;

export function diffConfigs(before: Config, after: Config): ConfigDiff {
  const keys = keyChanges(before, after);
  return {
    rules: diffLists(before.rules.map(ruleItem), after.rules.map(ruleItem)),
    subRules: diffNamed(Object.entries(before.subRules), Object.entries(after.subRules)),
    nodes: diffNamed(before.proxies.map(named), after.proxies.map(named)),
    groups: diffNamed(before.groups.map(named), after.groups.map(named)),
    // What is in them now is no matter of the profile.
    sets: diffNamed(before.sets.map(bare), after.sets.map(bare)),
    keys: keys.slice(0, maxKeys),
    moreKeys: Math.max(0, keys.length - maxKeys),
  };
}

function ruleItem(rule: RuleConfig): Item {
  const text = ruleText(rule);
  return { id: text, text };
}

function named<T extends { readonly name: string }>(entry: T): [string, T] {
  return [entry.name, entry];
}

function bare({ name, behavior }: Config['sets'][number]): [string, string] {
  return [name, behavior];
}

function diffNamed(before: readonly [string, unknown][], after: readonly [string, unknown][]): Changes {
  const known = new Map(before.map(([name, entry]) => [name, JSON.stringify(entry)]));
  const now = new Map(after.map(([name, entry]) => [name, JSON.stringify(entry)]));
  return {
    added: some([...now.keys()].filter((name) => !known.has(name))),
    removed: some([...known.keys()].filter((name) => !now.has(name))),
    changed: some([...now].flatMap(([name, text]) => (known.has(name) && known.get(name) !== text ? [name] : []))),
  };
}

interface Item {
  /** What makes it the same as another. */
  readonly id: string;
  readonly text: string;
}

/** Of lists in which the order counts: `changed` are the fewest that must be moved to get from one order to the other. */
function diffLists(before: readonly Item[], after: readonly Item[]): Changes {
  const places = new Map(numbered(before.map(({ id }) => id)).map((id, place) => [id, place]));
  const ids = numbered(after.map(({ id }) => id));
  const now = new Set(ids);
  const common = ids.flatMap((id, at) => {
    const place = places.get(id);
    return place === undefined ? [] : [{ place, text: after[at]?.text ?? '' }];
  });
  const kept = longestRise(common.map(({ place }) => place));
  return {
    added: some(after.flatMap(({ text }, at) => (places.has(ids[at] ?? '') ? [] : [text]))),
    removed: some([...places].flatMap(([id, place]) => (now.has(id) ? [] : [before[place]?.text ?? '']))),
    changed: some(common.flatMap(({ place, text }) => (kept.has(place) ? [] : [text]))),
  };
}

/** Fields of the configuration that a profile calls otherwise than by the same words with "-" between them. */
const spellings: Readonly<Record<string, string>> = {
  logLevel: 'log-level',
  'dns.mode': 'dns.enhanced-mode',
  'dns.bootstrap': 'dns.default-nameserver',
  'dns.cacheSize': 'dns.cache-max-size',
  'dns.systemHosts': 'dns.use-system-hosts',
  'dns.hosts': 'hosts',
  'sniffer.enabled': 'sniffer.enable',
  'sniffer.tls': 'sniffer.sniff.TLS.ports',
  'sniffer.http': 'sniffer.sniff.HTTP.ports',
  'sniffer.quic': 'sniffer.sniff.QUIC.ports',
  'sniffer.skipSource': 'sniffer.skip-src-address',
  'sniffer.skipDestination': 'sniffer.skip-dst-address',
  'tun.routeExclude': 'tun.route-exclude-address',
  'mixed.port': 'mixed-port',
  'mixed.address': 'bind-address',
  'mixed.users': 'authentication',
  'mixed.allowed': 'lan-allowed-ips',
  'mixed.refused': 'lan-disallowed-ips',
};

function keyChanges(before: Config, after: Config): KeyChange[] {
  const known = fieldsOf(before);
  const now = fieldsOf(after);
  return [...new Set([...known.keys(), ...now.keys()])].flatMap((field): KeyChange[] => {
    const [was, is] = [known.get(field), now.get(field)];
    if (JSON.stringify(was) === JSON.stringify(is)) return [];
    const isShut = before.mixed === null || after.mixed === null;
    // Who may come in to a port that is not there says nothing.
    if (isShut && field.startsWith('mixed.') && field !== 'mixed.port') return [];
    const key = spellings[field] ?? field.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
    const lists = [itemsOf(was), itemsOf(is)] as const;
    if (lists[0] === undefined || lists[1] === undefined) return [{ key, before: textOf(was), after: textOf(is) }];
    const { added, removed, changed } = diffLists(lists[0], lists[1]);
    if (added.count + removed.count > 0) return [{ key, added, removed }];
    // In another order: told by the first items.
    return changed.count > 0 ? [{ key, before: textOf(was), after: textOf(is) }] : [];
  });
}

/** All fields but those that are compared one by one. */
function fieldsOf(config: Config): Map<string, unknown> {
  const { dns, sniffer, tun, mixed, logLevel, ipv6, mode } = config;
  const sections = Object.entries({ dns, sniffer, tun, mixed: mixed ?? { port: 'off' } });
  return new Map<string, unknown>([
    ...Object.entries({ mode, logLevel, ipv6 }),
    ...sections.flatMap(([name, section]) =>
      Object.entries(section).map(([field, value]): [string, unknown] => [`${name}.${field}`, value]),
    ),
  ]);
}

/** The items of a list or map; undefined for what is neither. */
function itemsOf(value: unknown): Item[] | undefined {
  if (value === undefined) return [];
  if (Array.isArray(value)) return value.map((item) => ({ id: JSON.stringify(item), text: textOf(item) }));
  if (typeof value !== 'object' || value === null) return undefined;
  return Object.entries(value).flatMap(([key, below]) => {
    const items = itemsOf(below) ?? [{ id: JSON.stringify(below), text: textOf(below) }];
    const name = key === 'patterns' || key === 'rules' ? '' : `${key}: `;
    return items.map(({ id, text }) => ({ id: `${key} ${id}`, text: `${name}${text}` }));
  });
}

/** Of a user only the name. */
function textOf(value: unknown): string {
  if (typeof value === 'string') return clipText(value);
  if (value === undefined || value === null) return '-';
  if (Array.isArray(value)) return clipText(value.slice(0, maxTold).map(textOf).join(' '));
  if (typeof value !== 'object') return clipText(JSON.stringify(value));
  if ('username' in value) return textOf(value.username);
  if ('answer' in value)
    return clipText(
      Object.values(value)
        .filter((part) => part !== '')
        .join(','),
    );
  const server = upstreamSchema.safeParse(value);
  if (server.success) return clipText(serverText(server.data));
  if ('servers' in value && 'patterns' in value) return clipText(`${textOf(value.patterns)}: ${textOf(value.servers)}`);
  return clipText(JSON.stringify(value));
}

function serverText(server: UpstreamConfig): string {
  switch (server.kind) {
    case 'system':
      return 'system';
    case 'rcode':
      return `rcode://${server.rcode}`;
    case 'udp':
      return `udp://${hostText(server.address)}:${server.port}${wayText(server)}`;
    case 'tcp':
    case 'tls':
      return `${server.kind}://${hostText(server.host)}:${server.port}${wayText(server)}`;
    case 'https':
      return `https://${hostText(server.host)}:${server.port}${server.path}${wayText(server)}`;
  }
}

function hostText(host: string): string {
  return host.includes(':') ? `[${host}]` : host;
}

function wayText({ via, byRules, device }: Exclude<UpstreamConfig, { kind: 'system' | 'rcode' }>): string {
  const way = via ?? (byRules === true ? 'RULES' : device);
  return way === undefined ? '' : `#${way}`;
}

function some(all: readonly string[]): Some {
  return { count: all.length, first: all.slice(0, maxTold).map(clipText) };
}

function clipText(text: string): string {
  return text.length <= maxText ? text : `${text.slice(0, maxText - 1)}…`;
}
