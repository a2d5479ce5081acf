/** The `hosts` of a profile: patterns with fixed addresses, or with another name. */
import { parseIp } from '../base/address.ts';
import { comparableDomain, domainPatternProblem, normaliseDomain } from '../base/domain.ts';
import { domainNameProblem } from '../base/domain-name.ts';
import type { DnsConfig } from '../contract/config.ts';
import { YamlMap } from './yaml-map.ts';
import { clip, type YamlValue } from './yaml-value.ts';

type Hosts = DnsConfig['hosts'];

const maxAliasHops = 16;

const expectedHost = 'an address, a list of addresses, or another name';

/** Reads the map; wrong entries are reported and left out. */
export function readHosts(value: YamlValue): Hosts {
  const map = YamlMap.of(value);
  const hosts = new Map<string, Hosts[string]>();
  for (const [pattern, target] of map?.entries() ?? []) {
    const wrong = patternProblem(pattern);
    if (wrong !== undefined) {
      map?.keyProblem('error', pattern, `"${clip(pattern)}": ${wrong}`, 'a domain pattern');
      continue;
    }
    const read = readTarget(target);
    if (read === undefined) continue;
    hosts.set(pattern, read);
    const chain = typeof read === 'string' ? chainProblem(hosts, pattern) : undefined;
    if (chain !== undefined) target.error(chain, expectedHost);
  }
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

/** Follows whole names only: patterns cannot be followed before a name is asked for. */
function chainProblem(hosts: ReadonlyMap<string, Hosts[string]>, start: string): string | undefined {
  let name = hosts.get(start);
  for (let hops = 1; typeof name === 'string'; hops++) {
    if (name === normaliseDomain(start)) return `the aliases lead from "${clip(start)}" back to it`;
    if (hops > maxAliasHops) return `more than ${maxAliasHops} aliases follow one another`;
    name = hosts.get(name);
  }
  return undefined;
}
