/**
 * How far a host is from us: who is far away must not lead us to what is nearer than itself, which only we can reach. Addresses that no
 * host has are this machine's to some systems (0.0.0.0). Pure.
 */
import { type Ip, parseIp } from './address.ts';
import { cidrContains, parseCidr } from './cidr.ts';
import { normaliseDomain } from './domain.ts';
import { type Reach, reachOf } from './reach.ts';
import { specialUseOf } from './special-names.ts';

/** The nearest first. */
const distances: Readonly<Record<Reach, number>> = { nobody: 0, machine: 0, link: 1, site: 2, world: 3 };
/** Of a public name, which may stand for any address. */
export const anywhere = distances.world;
/** Addresses that our own DNS gives to names: they say nothing about where a host is (RFC 2544: no host has one). */
const usualFake = parseCidr('198.18.0.0/15');

/** How far a host that is named so may be. */
export function distanceOfHost(hostname: string): number {
  const ip = parseIp(hostname.replace(/^\[(.*)\]$/, '$1'));
  if (ip !== undefined) return distances[reachOf(ip)];
  const use = specialUseOf(normaliseDomain(hostname));
  return use === 'loopback' ? distances.machine : use === 'network' ? distances.site : anywhere;
}

/** How far the address is that a name was found to have. */
export function distanceOfAddress(address: Ip): number {
  const ip = parseIp(address.replace(/%.*$/, '')) ?? address;
  return usualFake !== undefined && cidrContains(usualFake, ip) ? anywhere : distances[reachOf(ip)];
}
