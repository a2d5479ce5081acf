/** The machine's DNS servers without us, read from a resolver configuration and, behind a local stub, from its daemon. */
import fs from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { type Ip, isLoopback } from '../../base/address.ts';
import type { ResolvConfState } from '../undo-record.ts';
import { contentOf, nameserversOf } from './resolv-conf-text.ts';

/** Where systemd-resolved lists the servers that its stub (127.0.0.53) asks; see systemd-resolved.service(8). */
const resolvedUplinks = 'run/systemd/resolve/resolv.conf';

/**
 * `path` is that of the configuration, `root` is `/`. A link is read anew, because its owner keeps it up to date. Behind
 * resolved's stub the servers it asks are taken: what the stub asks in our stead would enter the TUN again.
 */
export async function readBaseServers(before: ResolvConfState, path: string, root: string): Promise<Ip[]> {
  const read = (file: string): Promise<string | undefined> => fs.readFile(file, 'latin1').catch(() => undefined);
  const linked = before.kind === 'link' ? await read(resolve(dirname(path), before.target)) : undefined;
  const servers = nameserversOf(linked ?? contentOf(before));
  if (servers.length === 0 || !servers.every(isStub)) return servers;
  const uplinks = nameserversOf((await read(join(root, resolvedUplinks))) ?? '').filter((ip) => !isLoopback(ip));
  return uplinks.length > 0 ? uplinks : servers;
}

function isStub(ip: Ip): boolean {
  return ip === '127.0.0.53' || ip === '127.0.0.54';
}
