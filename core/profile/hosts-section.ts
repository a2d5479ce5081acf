/** The `hosts` of a profile: patterns with fixed addresses, or with another name. */
import { parseIp } from '../base/address.ts';
import { comparableDomain, DomainTrie, domainPatternProblem } from '../base/domain.ts';
import { domainNameProblem } from '../base/domain-name.ts';
import type { DnsConfig } from '../contract/dns-config.ts';
import { clip } from './clip.ts';
import { YamlMap } from './yaml-map.ts';
import type { YamlValue } from './yaml-value.ts';

type Hosts = DnsConfig['hosts'];

interface Alias {
  readonly pattern: string;
  readonly target: string;
  readonly place: YamlValue;
}

/** As many names as the helper follows, the asked one and the last one included. */
const longestChain = 8;

/** A name that never exists (RFC 6761, 6.4). */
const nowhere = 'invalid';

/** Reads the map; wrong entries are reported and left out. */
export function readHosts(value: YamlValue): Hosts {
  const map = YamlMap.of(value);
  const hosts = new Map<string, Hosts[string]>();
  const aliases: Alias[] = [];
  for (const [pattern, target] of map?.entries() ?? []) {
    const reason = patternProblem(pattern);
    if (reason !== undefined) {
      // It can be no name, so that nobody asks for it.
      map?.keyProblem('warning', pattern, 'BAD_PATTERN', { found: clip(pattern), reason }, 'PATTERN');
      continue;
    }
    if (target.isNothing) {
      map?.keyProblem('warning', pattern, 'ITEM_EMPTY', {}, 'HOST');
      continue;
    }
    const read = readTarget(target);
    if (read === undefined) continue;
    if (read === comparableDomain(pattern)) {
      target.warning('HOST_ITSELF');
      continue;
    }
    hosts.set(pattern, read);
    if (typeof read === 'string') aliases.push({ pattern, target: read, place: target });
  }
  cutAliases(hosts, aliases);
  return Object.fromEntries(hosts);
}

function patternProblem(pattern: string): string | undefined {
  if (pattern.length > 255) return 'longer than 255 characters';
  // JSON objects that travel to the helper cannot carry it.
  if (pattern === '__proto__') return 'not a possible name';
  return domainPatternProblem(pattern);
}

/** A list of one name is that name; a list of several things is of addresses only. */
function readTarget(value: YamlValue): Hosts[string] | undefined {
  const items = value.oneOrList('HOST') ?? [];
  const [only] = items;
  if (only === undefined) {
    if (value.isEmptyList) value.warning('HOST_EMPTY', {}, 'HOST');
    return undefined;
  }
  if (items.length === 1) return readOne(only);
  const addresses: string[] = [];
  for (const item of items) {
    const text = item.text('ADDRESSES')?.trim();
    const ip = text === undefined ? undefined : parseIp(text);
    if (ip !== undefined) addresses.push(ip);
    else if (text !== undefined) item.leftOut('NOT_AN_ADDRESS', { found: clip(text) }, 'HOST');
  }
  return addresses.length > 0 ? addresses : undefined;
}

function readOne(value: YamlValue): Hosts[string] | undefined {
  const text = value.text('HOST')?.trim();
  if (text === undefined) return undefined;
  const ip = parseIp(text.replace(/^\[(.*)\]$/, '$1'));
  if (ip !== undefined) return [ip];
  if (text.toLowerCase() === 'lan') {
    value.warning('HOST_LAN_LATER', {}, 'HOST');
    return undefined;
  }
  const reason = domainNameProblem(text);
  if (reason === undefined) return comparableDomain(text);
  // Clash looks for it as a name, in vain; without the entry the name would lead to where it was not to lead.
  value.warning('HOST_TARGET', { reason }, 'HOST');
  return nowhere;
}

/**
 * An alias that closes a circle, and one by which names would follow one another further than the helper goes, lead nowhere
 * instead; each is told. The last ones are looked at first: they close what earlier ones began.
 */
function cutAliases(hosts: Map<string, Hosts[string]>, aliases: readonly Alias[]): void {
  const table = new DomainTrie<string>();
  for (const pattern of hosts.keys()) table.insert(pattern, pattern);
  const places = new Map(aliases.map(({ pattern, place }) => [pattern, place]));
  const cut = (pattern: string, code: 'HOST_CIRCLE' | 'HOST_TOO_FAR'): void => {
    hosts.set(pattern, nowhere);
    places.get(pattern)?.leftOut(code, { name: clip(pattern), limit: String(longestChain) }, 'HOST');
  };
  for (const { pattern } of aliases.toReversed()) {
    const names = [comparableDomain(pattern)];
    const patterns = [pattern];
    let next = hosts.get(pattern);
    while (typeof next === 'string' && !names.includes(next) && names.length <= longestChain) {
      names.push(next);
      const found = table.lookup(next);
      const after = found === undefined ? undefined : hosts.get(found);
      // A wildcard whose target it covers itself ends there.
      if (found === undefined || after === next) break;
      patterns.push(found);
      next = after;
    }
    if (typeof next === 'string' && names.length > 1 && names.at(-1) !== next && names.includes(next))
      cut(pattern, 'HOST_CIRCLE');
    // What it leads to instead is a name as well.
    else if (names.length > longestChain) cut(patterns[longestChain - 2] ?? pattern, 'HOST_TOO_FAR');
  }
}
