/** The nodes of all proxy providers, as groups know them and as a configuration has them: with names of their own. */

import type { NodeCheckConfig } from '../contract/config.ts';
import { nodeKindOf } from '../contract/proxies.ts';
import type { ProxyConfig } from '../contract/proxy-config.ts';
import type { KnownNode } from './group-members.ts';
import type { PolicyNames } from './policy-names.ts';
import type { ProviderNodes, ProviderSource } from './provider-contents.ts';
import { readProviderNodes } from './provider-nodes.ts';
import type { WrittenProxyProvider } from './provider-section.ts';
import type { YamlMap } from './yaml-map.ts';

export interface ProvidedNodes {
  /** By provider. */
  readonly known: ReadonlyMap<string, readonly KnownNode[]>;
  readonly proxies: readonly ProxyConfig[];
  /** The nodes of providers with a health check, which are tested by themselves. */
  readonly checks: NodeCheckConfig[];
}

/** Nodes of providers; all together no more than so many. */
export const maxNodes = 9_000;

/**
 * In Clash the nodes of each provider have names apart from all others; here one whose name is taken carries that of its
 * provider behind it.
 */
export function readProvided(
  providers: ReadonlyMap<string, WrittenProxyProvider>,
  contents: ProviderSource,
  names: PolicyNames,
  root: YamlMap,
): ProvidedNodes {
  const known = new Map<string, KnownNode[]>();
  const proxies: ProxyConfig[] = [];
  for (const [name, written] of providers) {
    const { nodes, missing } = nodesOf(written, contents);
    if (missing !== undefined)
      root.warning(missing === 'NOT_FETCHED' ? 'NODES_MISSING' : 'NODES_NOT_READABLE', { name });
    const here: KnownNode[] = [];
    for (const node of nodes) {
      if (proxies.length >= maxNodes) {
        root.warning('NODES_TOO_MANY', { limit: String(maxNodes) });
        break;
      }
      const own = [node.name, `${node.name} (${name})`].find(
        (each) => each.length <= 255 && names.add(each, { kind: 'proxy' }),
      );
      if (own === undefined) continue;
      proxies.push({ ...node, name: own });
      here.push({ name: own, kind: nodeKindOf(node) });
    }
    known.set(name, here);
  }
  const checks = [...providers].flatMap(([name, { provider }]): NodeCheckConfig[] => {
    const members = known.get(name)?.map((node) => node.name) ?? [];
    return provider.test === undefined || members.length === 0 ? [] : [{ name, members, test: provider.test }];
  });
  return { known, proxies, checks };
}

function nodesOf({ provider, payload }: WrittenProxyProvider, contents: ProviderSource): ProviderNodes {
  return payload === undefined ? contents.nodesOf(provider) : readProviderNodes(payload.lenient, provider);
}
