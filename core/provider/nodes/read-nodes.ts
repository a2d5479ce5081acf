/** The contents of a proxy provider, in whatever form they came, to nodes. Pure. */
import type { ProxyConfig } from '../../contract/proxy-config.ts';
import { ProblemList } from '../../profile/problem-list.ts';
import { maxNodes } from '../../profile/provided-nodes.ts';
import type { ProxyProvider } from '../../profile/provider-contents.ts';
import { readProviderNodes } from '../../profile/provider-nodes.ts';
import { YamlMap } from '../../profile/yaml-map.ts';
import { YamlSource } from '../../profile/yaml-source.ts';
import { YamlValue } from '../../profile/yaml-value.ts';
import { notReadable } from '../formats/format-error.ts';
import { decodeList } from '../formats/payload-list.ts';
import { fromBase64, type LinkedNode } from './link-text.ts';
import { isLinkList, linesOf, readShareLink } from './share-link.ts';

/** Links of one list. */
const maxLinks = 10_000;

/** No more than a configuration may have. Throws `FormatError` for what is no list of nodes, and for one of which none is understood. */
export function readNodes(bytes: Uint8Array, provider: ProxyProvider): readonly ProxyConfig[] {
  const list = nodeList(profileForm(decodeList(bytes)));
  if (list === undefined) throw notReadable('it has no list of proxies');
  const { nodes, unwanted, wanted } = readProviderNodes(list, provider);
  // All filtered away is a wish; none there, or none understood, is a mistake.
  const isWish = unwanted > 0 && wanted === 0;
  if (nodes.length === 0 && !isWish) throw notReadable('no proxy in it is understood');
  return nodes.slice(0, maxNodes);
}

/** The text of a profile that has these nodes: itself, or one made of links. */
function profileForm(text: string): string {
  const nodes = linkedNodes(text);
  return nodes === undefined ? text : JSON.stringify({ proxies: nodes });
}

/** The nodes of a list of links; undefined when it is none. */
export function linkedNodes(text: string): LinkedNode[] | undefined {
  return linkLines(text)?.flatMap((line) => readShareLink(line) ?? []);
}

/** The lines of a list of links, plain or in base64 as a whole; undefined when it is none. */
export function linkLines(text: string): string[] | undefined {
  const bare = text.trim();
  const decoded = /^[\w+/=\s-]{16,}$/.test(bare) ? fromBase64(bare) : undefined;
  const links = isLinkList(bare) ? bare : decoded !== undefined && isLinkList(decoded) ? decoded : undefined;
  return links === undefined ? undefined : linesOf(links).slice(0, maxLinks);
}

function nodeList(text: string): YamlValue | undefined {
  const source = new YamlSource(text, new ProblemList());
  if (!source.complete) throw notReadable('neither YAML nor a list of links');
  const root = new YamlValue(source, source.root, null, '', 0).lenient;
  const map = YamlMap.of(root);
  return map?.take('proxies') ?? map?.take('Proxy');
}
