/** The `hosts` of a profile: patterns with fixed addresses, or with another name. */
import { parseIp } from '../base/address.ts';
import { comparableDomain, DomainTrie, domainPatternProblem } from '../base/domain.ts';
import { domainNameProblem } from '../base/domain-name.ts';
import type { DnsConfig } from '../contract/config.ts';
import { YamlMap } from './yaml-map.ts';
import { clip, type YamlValue } from './yaml-value.ts';

type Hosts = DnsConfig['hosts'];

interface Alias {
  readonly pattern: string;
  readonly target: string;
  readonly place: YamlValue;
}

/** As many names as the helper follows, the asked one and the last one included. */
const longestChain = 8;

const expectedHost = 'an address, a list of addresses, or another name';

/** Reads the map; wrong entries are reported and left out. */
export function readHosts(value: YamlValue): Hosts {
  const map = YamlMap.of(value);
  const hosts = new Map<string, Hosts[string]>();
  const aliases: Alias[] = [];
  for (const [pattern, target] of map?.entries() ?? []) {
    const wrong = patternProblem(pattern);
    if (wrong !== undefined) {
      map?.keyProblem('error', pattern, `"${clip(pattern)}": ${wrong}`, 'a domain pattern');
      continue;
    }
    const read = readTarget(target);
    if (read === undefined) continue;
    hosts.set(pattern, read);
    if (typeof read === 'string') aliases.push({ pattern, target: read, place: target });
  }
  checkAliases(hosts, aliases);
  return Object.fromEntries(hosts);
}

function patternProblem(pattern: string): string | undefined {
  if (pattern.length > 255) return 'longer than 255 characters';
  // JSON objects that travel to the helper cannot carry it.
  if (pattern === '__proto__') return 'not a possible name';
  return domainPatternProblem(pattern);
}

function readTarget(value: YamlValue): Hosts[string] | undefined {
  if (!value.isList) {
    const text = value.text(expectedHost);
    if (text === undefined) return undefined;
    const ip = parseIp(text);
    if (ip !== undefined) return [ip];
    const wrong = domainNameProblem(text);
    if (wrong === undefined) return comparableDomain(text);
    value.error(wrong, expectedHost);
    return undefined;
  }
  const addresses: string[] = [];
  const items = value.list(expectedHost) ?? [];
  if (items.length === 0) value.error('the list is empty', expectedHost);
  for (const item of items) {
    const text = item.text('an address');
    const ip = text === undefined ? undefined : parseIp(text);
    if (ip !== undefined) addresses.push(ip);
    else if (text !== undefined)
      item.error(`"${clip(text)}" is no address`, 'an address; a name only alone, not in a list');
  }
  return addresses.length > 0 ? addresses : undefined;
}

/** Tells of aliases in a circle and of those that lead too far, which the helper would refuse: once for those that hang together. */
function checkAliases(hosts: ReadonlyMap<string, Hosts[string]>, aliases: readonly Alias[]): void {
  const table = new DomainTrie<Hosts[string]>();
  for (const [pattern, target] of hosts) table.insert(pattern, target);
  const told = new Set<string>();
  // From the last one on: that is the one which closes a circle.
  for (const { pattern, target, place } of aliases.toReversed()) {
    const start = comparableDomain(pattern);
    const names = new Set([start]);
    let next: Hosts[string] | undefined = target;
    while (typeof next === 'string' && !names.has(next) && !told.has(next)) {
      names.add(next);
      const after = table.lookup(next);
      // A wildcard whose target it covers itself ends there.
      next = after === next ? undefined : after;
    }
    if (typeof next === 'string' && told.has(next)) continue;
    const circle = typeof next === 'string' && names.has(next);
    if (!circle && names.size <= longestChain) continue;
    for (const name of names) told.add(name);
    if (circle) place.error(`the aliases lead from "${clip(pattern)}" back to it`, expectedHost);
    else place.error(`more than ${longestChain} names follow one another`, expectedHost);
  }
}
