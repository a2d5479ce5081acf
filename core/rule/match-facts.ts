/** What the rules look at, taken from a flow's metadata once per match. */
import { type Ip, parseIp } from '../base/address.ts';
import { comparableDomain } from '../base/domain.ts';
import type { Metadata } from '../flow/metadata.ts';

export interface MatchFacts {
  /** Comparable; absent when the application connected to a bare address. */
  readonly name?: string;
  /** Absent when only a name is known. Never a fake address. */
  readonly ip?: Ip;
  readonly port: number;
}

/**
 * A name learned from the traffic (`sniffed`) or from our real answers (`redir-host`) comes with the real address that the application connected to;
 * with any other name the original destination is the name itself or a fake address, and no address is known.
 */
export function matchFacts(metadata: Metadata): MatchFacts {
  const { host, port } = metadata.destination;
  const ip = parseIp(host);
  if (ip !== undefined) return { ip, port };
  const name = comparableDomain(host);
  if (metadata.domainSource !== 'sniffed' && metadata.domainSource !== 'redir-host') return { name, port };
  const original = metadata.fakeIp === undefined ? parseIp(metadata.originalDestination.host) : undefined;
  return original === undefined ? { name, port } : { name, ip: original, port };
}
