/** The machine's main routing table and addresses as data, and the look-up egress needs: pure, nothing is read here. */
import { type Ip, ipFamily, ipToBigInt, isLoopback, isUnspecified } from '../base/address.ts';
import { parseCidr } from '../base/cidr.ts';

export interface MachineRoute {
  readonly family: 4 | 6;
  /** Prefix with its host bits cleared, `0.0.0.0/0` and `::/0` for the default. */
  readonly prefix: string;
  /** Interface name; null for unreachable, blackhole and prohibit routes. */
  readonly device: string | null;
  readonly gateway: Ip | null;
  /** The lowest of a prefix wins. */
  readonly metric: number;
}

export interface MachineAddress {
  readonly device: string;
  readonly address: Ip;
  readonly prefix: number;
}

/** What the machine's network looks like; equal snapshots mean that nothing relevant has changed. */
export interface NetworkSnapshot {
  readonly addresses: readonly MachineAddress[];
  readonly routes: readonly MachineRoute[];
}

interface Level {
  readonly hostBits: bigint;
  /** By the prefix's leading bits. */
  readonly routes: Map<bigint, MachineRoute>;
}

export class RouteTable {
  readonly #own: ReadonlySet<Ip>;
  /** One per prefix length in use, longest first. */
  readonly #levels: { readonly 4: readonly Level[]; readonly 6: readonly Level[] };

  /** `isOwn` tells our TUN, whose routes do not count. */
  constructor(snapshot: NetworkSnapshot, isOwn: (device: string) => boolean) {
    this.#own = new Set(snapshot.addresses.map((address) => address.address));
    const routes = snapshot.routes.filter((route) => route.device === null || !isOwn(route.device));
    this.#levels = { 4: buildLevels(routes, 4), 6: buildLevels(routes, 6) };
  }

  /** See `RouteView.deviceFor`: null = do not bind, undefined = no route (or one that says unreachable). */
  deviceFor(address: Ip): string | null | undefined {
    if (isLoopback(address) || isUnspecified(address) || this.#own.has(address)) return null;
    return this.#find(address)?.device ?? undefined;
  }

  /** The interface of the default route, undefined when there is none. */
  defaultDevice(family: 4 | 6): string | undefined {
    const level = this.#levels[family].at(-1);
    return level?.hostBits === bitsOf(family) ? (level.routes.get(0n)?.device ?? undefined) : undefined;
  }

  #find(address: Ip): MachineRoute | undefined {
    const value = ipToBigInt(address);
    for (const level of this.#levels[ipFamily(address)]) {
      const route = level.routes.get(value >> level.hostBits);
      if (route !== undefined) return route;
    }
    return undefined;
  }
}

function buildLevels(routes: readonly MachineRoute[], family: 4 | 6): Level[] {
  const levels = new Map<number, Level>();
  for (const route of routes) {
    if (route.family !== family) continue;
    const cidr = parseCidr(route.prefix);
    // Many systems refuse `::ffff:0:0/96` by a route; that says nothing about IPv4.
    if (cidr?.family !== family) continue;
    const hostBits = bitsOf(family) - BigInt(cidr.prefix);
    const level = levels.get(cidr.prefix) ?? { hostBits, routes: new Map<bigint, MachineRoute>() };
    levels.set(cidr.prefix, level);
    const key = cidr.first >> hostBits;
    const rival = level.routes.get(key);
    if (rival === undefined || route.metric < rival.metric) level.routes.set(key, route);
  }
  return [...levels.entries()].toSorted(([a], [b]) => b - a).map(([, level]) => level);
}

function bitsOf(family: 4 | 6): bigint {
  return family === 4 ? 32n : 128n;
}
