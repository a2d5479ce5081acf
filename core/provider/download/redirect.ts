/**
 * Where a server may lead a download, and what goes along, after the fetch standard (HTTP-redirect fetch): what the profile has us
 * send stays with the origin that it was meant for, nothing goes from https to http, and nobody outside leads to a host that is
 * nearer to us than itself. Pure.
 */
import { type Ip, parseIp } from '../../base/address.ts';
import { AppError } from '../../base/app-error.ts';
import { cidrContains, parseCidr } from '../../base/cidr.ts';
import { normaliseDomain } from '../../base/domain.ts';
import { type Reach, reachOf } from '../../base/reach.ts';
import { specialUseOf } from '../../base/special-names.ts';

export type OwnHeaders = Readonly<Record<string, string>>;

/** How near a host is: the nearest first. Addresses that no host has are this machine's to some systems (0.0.0.0). */
const distances: Readonly<Record<Reach, number>> = { nobody: 0, machine: 0, link: 1, site: 2, world: 3 };
const anywhere = distances.world;
/** Addresses that our own DNS gives to names: they say nothing about where a host is (RFC 2544: no host has one). */
const usualFake = parseCidr('198.18.0.0/15');

/** How far a host that is named so may be; a public name may stand for any address. */
export function distanceOfHost(hostname: string): number {
  const ip = parseIp(bare(hostname));
  if (ip !== undefined) return distances[reachOf(ip)];
  const use = specialUseOf(normaliseDomain(hostname));
  return use === 'loopback' ? distances.machine : use === 'network' ? distances.site : anywhere;
}

/** How far the address is that a name was found to have. */
export function distanceOfAddress(address: Ip): number {
  const ip = parseIp(address.replace(/%.*$/, '')) ?? address;
  return usualFake !== undefined && cidrContains(usualFake, ip) ? anywhere : distances[reachOf(ip)];
}

/** Throws DOWNLOAD_FAILED for a redirect that is not followed. `from`: how far the host is that sends us there. */
export function assertMayLead(url: URL, next: URL, from: number): void {
  if (url.protocol === 'https:' && next.protocol === 'http:')
    throw new AppError('DOWNLOAD_FAILED', 'the server leads from https to http, where others could read it');
  if (distanceOfHost(next.hostname) < from) throw tooNear();
}

/** A server leads to this machine, its link or its network from further away: to what only we can reach, not it. */
export function tooNear(): AppError {
  return new AppError('DOWNLOAD_FAILED', 'the server leads to an address of this machine or of its network', {
    expected: 'if that is meant, the address that it leads to',
  });
}

/**
 * Of what the profile wants to be sent, what goes on to `next`. Any of it may be a secret, so that another origin gets none; the same
 * host over TLS instead is told who we are.
 */
export function headersAcross(own: OwnHeaders, url: URL, next: URL): OwnHeaders {
  if (url.origin === next.origin) return own;
  const isUpgrade = url.hostname === next.hostname && url.protocol === 'http:' && next.protocol === 'https:';
  return Object.fromEntries(Object.entries(own).filter(([name]) => isUpgrade && name.toLowerCase() === 'user-agent'));
}

function bare(hostname: string): string {
  return hostname.replace(/^\[(.*)\]$/, '$1');
}
