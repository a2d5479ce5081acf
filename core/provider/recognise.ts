/** What a text is that a person hands over: an address, a link that asks for a profile, links to nodes, or a profile. Pure. */
import { parseUrl } from '../base/parse-url.ts';
import { maxAddress, maxNamedNodes, type Recognised } from '../contract/profile-import.ts';
import { loadProfile } from '../profile/profile-loader.ts';
import { readInstallLink } from './install-link.ts';
import { linkLines } from './nodes/read-nodes.ts';
import { readShareLink } from './nodes/share-link.ts';

export function recognise(text: string): Recognised {
  const bare = text.trim();
  if (bare === '') return { kind: 'unknown', reason: 'EMPTY' };
  const install = readInstallLink(bare);
  if (install?.kind === 'refused') return { kind: 'unknown', reason: install.reason };
  if (install !== undefined) return { ...install, kind: 'address', secure: true };
  return recogniseAddress(bare) ?? recogniseLinks(bare) ?? recogniseProfile(text);
}

/** `https://user:password@host:443#name` is a link to an HTTP proxy: the address of a subscription has a path or a query. */
function recogniseAddress(text: string): Recognised | undefined {
  if (text.length > maxAddress || !/^https?:\/\/\S+$/i.test(text)) return undefined;
  const url = parseUrl(text);
  if (url === undefined) return undefined;
  const isBare = url.pathname === '/' && url.search === '';
  if (url.hostname === '' || (isBare && (url.username !== '' || url.hash !== ''))) return undefined;
  return { kind: 'address', url: url.href, host: url.host, secure: url.protocol === 'https:' };
}

function recogniseLinks(text: string): Recognised | undefined {
  const lines = linkLines(text);
  if (lines === undefined) return undefined;
  const nodes = lines.flatMap((line) => readShareLink(line) ?? []);
  if (nodes.length === 0) return { kind: 'unknown', reason: 'LINKS_UNREADABLE' };
  return {
    kind: 'links',
    nodes: nodes.slice(0, maxNamedNodes).map(({ name, type }) => ({ name, type })),
    count: nodes.length,
    unread: lines.length - nodes.length,
  };
}

function recogniseProfile(text: string): Recognised {
  const { config, problems, wanted } = loadProfile(text);
  const sets = wanted?.sets.filter(({ kind }) => kind === 'provider').length ?? 0;
  return {
    kind: 'profile',
    usable: config !== undefined,
    proxies: config?.proxies.length ?? 0,
    groups: config?.groups.length ?? 0,
    rules: config?.rules.length ?? 0,
    providers: (wanted?.nodes.length ?? 0) + sets,
    problems,
  };
}
