/** The nodes of a proxy provider: filtered by the names that they have there, then changed as the profile says, then read. Pure. */
import { isMap, isScalar, type Node, Scalar, type YAMLMap } from 'yaml';
import type { ProxyConfig } from '../contract/proxy-config.ts';
import { PolicyNames } from './policy-names.ts';
import type { ProxyProvider } from './provider-contents.ts';
import { readProxies } from './proxy-section.ts';
import type { YamlValue } from './yaml-value.ts';

/** UTF-16 units of a name, as it is there and as it becomes: nodes with a longer one are left out. */
const maxName = 255;

type Wishes = Pick<ProxyProvider, 'filters' | 'excludeFilters' | 'excludeTypes' | 'override'>;

export interface FoundNodes {
  readonly nodes: readonly ProxyConfig[];
  /** Entries that are not wanted, and those that are. */
  readonly unwanted: number;
  readonly wanted: number;
}

/** Of a list of nodes as `proxies` has it; of two with one name the first counts, as in Clash. Changes the list's own YAML. */
export function readProviderNodes(list: YamlValue, wishes: Wishes): FoundNodes {
  const names = new Set<string>();
  let unwanted = 0;
  let wanted = 0;
  const kept = list.keepItems((node) => {
    const item = list.source.follow(node);
    if (!isMap<Node, Node | null>(item)) return false;
    const name = textAt(item, 'name');
    if (name === undefined || name.length > maxName) return false;
    if (!isWanted(name, textAt(item, 'type') ?? '', wishes)) {
      unwanted += 1;
      return false;
    }
    wanted += 1;
    const now = renamed(name, wishes);
    if (now.length > maxName || names.has(now)) return false;
    names.add(now);
    if (now !== name) put(item, 'name', now);
    for (const [key, value] of Object.entries(wishes.override.keys)) put(item, key, value);
    return true;
  });
  return { nodes: kept ? readProxies(list.lenient, new PolicyNames()).proxies : [], unwanted, wanted };
}

function isWanted(name: string, type: string, { filters, excludeFilters, excludeTypes }: Wishes): boolean {
  if (excludeTypes.has(type.toLowerCase())) return false;
  if (excludeFilters.some((filter) => filter.matches(name))) return false;
  return filters.length === 0 || filters.some((filter) => filter.matches(name));
}

function renamed(name: string, { override }: Wishes): string {
  const replaced = override.renames.reduce((text, change) => change.changed(text), name);
  return `${override.prefix}${replaced}${override.suffix}`;
}

function textAt(item: YAMLMap<Node, Node | null>, key: string): string | undefined {
  const pair = item.items.find((each) => isScalar(each.key) && keyOf(each.key) === key);
  if (pair === undefined || !isScalar(pair.value) || pair.value.value === null) return undefined;
  return typeof pair.value.value === 'string' ? pair.value.value : pair.value.source;
}

function put(item: YAMLMap<Node, Node | null>, key: string, value: string | number | boolean): void {
  const scalar = new Scalar(value);
  scalar.source = String(value);
  const pair = item.items.find((each) => isScalar(each.key) && keyOf(each.key) === key);
  if (pair === undefined) item.set(new Scalar(key), scalar);
  else pair.value = scalar;
}

/** As Clash finds the keys of proxies: in any case, and with `_` for `-`. */
function keyOf(key: Scalar): string {
  return String(key.source ?? key.value)
    .toLowerCase()
    .replaceAll('_', '-');
}
