/** The machine's DNS servers and search list without us, read from a resolver configuration and, behind a local stub, from its daemon. */
import fs from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { isLoopback } from '../../../base/address.ts';
import { type ResolverOptions, readResolverOptions } from '../../../net/resolver-options.ts';
import { readRegularFile } from '../../regular-file.ts';
import type { ResolvConfState } from '../../undo-record.ts';
import { contentOf, nameserversOf, optionsOf, searchListOf } from './resolv-conf-text.ts';

/** Who is asked where the file names nobody (resolv.conf(5)). */
const unnamed = '127.0.0.1';
/** The C library asks three (MAXNS); resolved lists all it has. */
const mostServers = 8;
/** Where systemd-resolved lists the servers that its stub (127.0.0.53) asks; see systemd-resolved.service(8). */
const resolvedUplinks = 'run/systemd/resolve/resolv.conf';

/** What the machine's resolvers are told without us. */
export interface BaseDns {
  /** In their order, link-local ones with their zone, never ours. */
  readonly servers: readonly string[];
  readonly search: readonly string[];
  readonly options: ResolverOptions;
  /** The files that say so. */
  readonly files: readonly string[];
}

export interface BaseDnsPlaces {
  readonly path: string;
  readonly root: string;
  readonly own: readonly string[];
}

export async function readBaseDns(before: ResolvConfState, { path, root, own }: BaseDnsPlaces): Promise<BaseDns> {
  return {
    servers: (await readBaseServers(before, path, root)).filter((ip) => !own.includes(ip)),
    search: await readBaseSearch(before, path),
    options: await readBaseOptions(before, path),
    files: [path, ...baseFiles(before, path, root)],
  };
}

/**
 * `path` is that of the configuration, `root` is `/`. A link is read anew, because its owner keeps it up to date. Behind
 * resolved's stub the servers it asks are taken: what the stub asks in our stead would enter the TUN again.
 */
export async function readBaseServers(before: ResolvConfState, path: string, root: string): Promise<string[]> {
  const servers = nameserversOf(await contentNow(before, path));
  if (servers.length === 0) return [unnamed];
  if (!servers.every(isStub)) return await named(servers, root);
  const uplinks = nameserversOf((await read(join(root, resolvedUplinks))) ?? '').filter((ip) => !isLoopback(ip));
  return await named(uplinks.length > 0 ? uplinks : servers, root);
}

/** What else is read besides `path`: what it leads to, and where resolved lists its servers. */
export function baseFiles(before: ResolvConfState, path: string, root: string): string[] {
  return [
    ...(before.kind === 'link' ? [resolve(dirname(path), before.target)] : []),
    ...(nameserversOf(contentOf(before)).some(isStub) ? [join(root, resolvedUplinks)] : []),
  ];
}

/** How the C library is told to ask them. */
export async function readBaseOptions(before: ResolvConfState, path: string): Promise<ResolverOptions> {
  return readResolverOptions(optionsOf(await contentNow(before, path)));
}

/** Zones as interface names, where a file has the interface's index (resolved writes it so). The first eight servers. */
async function named(servers: readonly string[], root: string): Promise<string[]> {
  const taken = servers.slice(0, mostServers);
  if (!taken.some((server) => /%\d+$/.test(server))) return taken;
  const interfaces = join(root, 'sys/class/net');
  const names = new Map<string, string>();
  for (const name of await fs.readdir(interfaces).catch(() => [])) {
    names.set((await read(join(interfaces, name, 'ifindex')))?.trim() ?? '', name);
  }
  return taken.map((server) =>
    server.replace(/%(\d+)$/, (zone, index: string) => {
      const name = names.get(index);
      return name === undefined ? zone : `%${name}`;
    }),
  );
}

/** The domains that resolvers try behind a name: resolved lists those of all links in the file of its stub, too. */
export async function readBaseSearch(before: ResolvConfState, path: string): Promise<string[]> {
  return searchListOf(await contentNow(before, path));
}

async function contentNow(before: ResolvConfState, path: string): Promise<string> {
  const linked = before.kind === 'link' ? await read(resolve(dirname(path), before.target)) : undefined;
  return linked ?? contentOf(before);
}

async function read(file: string): Promise<string | undefined> {
  try {
    return readRegularFile(file, { maxBytes: 1024 * 1024, followLinks: true }).toString('latin1');
  } catch {
    return undefined;
  }
}

function isStub(ip: string): boolean {
  return ip === '127.0.0.53' || ip === '127.0.0.54';
}
