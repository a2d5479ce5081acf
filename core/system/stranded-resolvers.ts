/**
 * Finds who still asks our DNS server when it is gone: containers get a copy of resolv.conf when they start, which nobody
 * changes when ours is taken back. Reads /proc only (proc(5), mount_namespaces(7)); enters no namespace.
 */
import fs from 'node:fs';
import { setImmediate as breathe } from 'node:timers/promises';
import { type Cidr, cidrContains } from '../base/cidr.ts';
import { readRegularFile } from './regular-file.ts';
import { nameserversOf } from './system-dns/resolv-conf-text.ts';

/** Told at most; a machine with more has other means to see them. */
const most = 32;
/** Processes looked at before others get their turn. */
const atOnce = 100;

/** Names of those whose resolv.conf names a server inside one of these prefixes, sorted; each mount namespace once. */
export async function strandedResolvers(prefixes: readonly Cidr[], proc = '/proc'): Promise<string[]> {
  const seen = new Set([namespaceOf(`${proc}/self`, 'mnt')]);
  const isElsewhere = (process: string) =>
    namespaceOf(process, 'net') !== namespaceOf(`${proc}/self`, 'net') &&
    namespaceOf(process, 'pid') === namespaceOf(`${proc}/self`, 'pid');
  const names = new Set<string>();
  let looked = 0;
  for (const entry of fs.readdirSync(proc)) {
    if (!/^\d+$/.test(entry)) continue;
    if (++looked % atOnce === 0) await breathe();
    const process = `${proc}/${entry}`;
    const namespace = namespaceOf(process, 'mnt');
    if (namespace === undefined || seen.has(namespace)) continue;
    seen.add(namespace);
    // A network of its own without processes of its own is no container but a test bench: it may ask another machine's server.
    if (isElsewhere(process)) continue;
    const servers = nameserversOf(small(`${process}/root/etc/resolv.conf`));
    const asksUs = servers.some((server) => prefixes.some((prefix) => cidrContains(prefix, server.replace(/%.*/, ''))));
    if (asksUs && names.size < most) names.add(nameOf(process, entry));
  }
  return [...names].toSorted();
}

/** A container's host name and the identifier that its manager shows; of anything else the program. */
function nameOf(process: string, pid: string): string {
  const id = /(?:^|[-/:])([0-9a-f]{12})[0-9a-f]{52}(?:\.scope)?(?:\/|$)/m.exec(small(`${process}/cgroup`))?.[1];
  const hostname = printable(small(`${process}/root/etc/hostname`).split('\n')[0] ?? '');
  if (id !== undefined) return hostname === '' || hostname === id ? id : `${hostname} (${id})`;
  return `${printable(small(`${process}/comm`).trim())} (process ${pid})`;
}

function namespaceOf(process: string, kind: 'mnt' | 'net' | 'pid'): string | undefined {
  try {
    return fs.readlinkSync(`${process}/ns/${kind}`);
  } catch {
    return undefined;
  }
}

/** A link is not followed: an absolute one would lead into our own root. Empty when it cannot be read. */
function small(file: string): string {
  try {
    return readRegularFile(file, { maxBytes: 64 * 1024, followLinks: false }).toString('latin1');
  } catch {
    return '';
  }
}

/** What others have named is shown to people. */
function printable(text: string): string {
  return text.replaceAll(/[^\w.:-]/g, '').slice(0, 64);
}
