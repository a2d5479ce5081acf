/**
 * Which policy rules and routes bring traffic into the TUN on Linux: pure. Selection is by source, not by mark, which
 * stays right under strict rp_filter and needs no sysctl. See ip-rule(8), ip-route(8).
 */
import { AppError } from '../../base/app-error.ts';
import { type Cidr, formatCidr, parseCidr } from '../../base/cidr.ts';
import type { RouteConfig } from './routes.ts';

export type Family = 4 | 6;

/** One rule or route, as the words of `ip rule add ...` or `ip route add ... table 5380`. */
export interface RouteEntry {
  readonly kind: 'rule' | 'route';
  readonly family: Family;
  readonly text: string;
}

/** The routing table that is ours alone. */
export const routeTable = 5380;

/** Our rules, in the order in which the kernel asks them. Nobody else's rule belongs between first and last. */
export const preferences = {
  /** What has the TUN's source address belongs to the TUN, wherever it goes: no exception below may lead it elsewhere, ... */
  guard: 5380,
  /** ... and where the TUN does not take it (it is gone, the socket is bound to another device), it goes nowhere. */
  guardEnd: 5381,
  /** Fake addresses, from whatever source and interface. */
  fake: 5381,
  /**
   * Exceptions: discovery on the link (mDNS, SSDP, link-local), what the person wants to keep out, our own sockets. After the
   * fake ranges, which mean nothing anywhere else.
   */
  exception: 5382,
  /** On-link and other specific routes of the machine win, except for DNS. */
  main: 5384,
  /** What the TUN itself emits goes where it would without us. */
  fromTun: 5385,
  /** IPv4: what a program bound to an interface leaves by it; see `boundSockets`. */
  boundDevice: 5386,
  /** Programs of this machine that have not chosen a source address. */
  local: 5387,
  /** IPv6: any chosen source address leaves ... */
  sourceBound6: 5388,
  /** ... so that what is left has none. */
  local6: 5389,
  /** Where `goto` leads: on to the rules of others. */
  end: 5399,
} as const;

/** Whether a rule of this preference is one of ours, or in our way. */
export function isOurPreference(preference: number): boolean {
  return preference >= preferences.guard && preference <= preferences.end;
}

/** The lowest priority there is: only reached when the device, and with it the route above, is gone. */
const lastMetric = 4_294_967_295;

/**
 * Rules and routes in the order in which they are added: routes first, then the end that `goto` needs, then rules by
 * preference, so that traffic is captured only when the exceptions stand. Throws `SYSTEM_ROUTES_FAILED` for a prefix
 * that is none.
 */
export function planRoutes(wanted: RouteConfig): RouteEntry[] {
  const plan = wanted.capture === 'everything' ? planFamily : planFakeRanges;
  const entries = wanted.ipv6 ? [...plan(4, wanted), ...plan(6, wanted)] : plan(4, wanted);
  // A prefix may be excluded that is an exception anyway: the kernel refuses the same rule twice.
  return [...new Map(entries.map((entry) => [`${entry.family} ${entry.kind} ${entry.text}`, entry])).values()];
}

function planFamily(family: Family, wanted: RouteConfig): RouteEntry[] {
  const { device, mark } = wanted;
  const end = preferences.end;
  // Without the device (it starts anew, or its helper has died) what it captured is unreachable at once, and goes nowhere.
  const routes = [`default dev ${device}`, `unreachable default metric ${lastMetric}`, ...fakeRoutes(family, wanted)];
  const rules = [
    `pref ${end} nop`,
    ...guardRules(family, wanted),
    ...linkPrefixes[family].map((prefix) => `pref ${preferences.exception} to ${prefix} goto ${end}`),
    ...fakeRules(family, wanted),
    ...prefixesOf(family, wanted.exclude).map((prefix) => `pref ${preferences.exception} to ${prefix} goto ${end}`),
    `pref ${preferences.exception} fwmark 0x${mark.toString(16)} iif lo goto ${end}`,
    `pref ${preferences.main} not dport 53 lookup main suppress_prefixlength 0`,
    `pref ${preferences.fromTun} iif ${device} goto ${end}`,
    ...(family === 4 ? localRules4(wanted) : localRules6()),
  ];
  return entries(family, routes, rules);
}

function planFakeRanges(family: Family, wanted: RouteConfig): RouteEntry[] {
  return entries(family, fakeRoutes(family, wanted), [...guardRules(family, wanted), ...fakeRules(family, wanted)]);
}

function entries(family: Family, routes: readonly string[], rules: readonly string[]): RouteEntry[] {
  return [
    ...routes.map((text): RouteEntry => ({ kind: 'route', family, text })),
    ...rules.map((text): RouteEntry => ({ kind: 'rule', family, text })),
  ];
}

function fakeRoutes(family: Family, { device, fakeRanges }: RouteConfig): string[] {
  return prefixesOf(family, fakeRanges).flatMap((range) => [
    `${range} dev ${device} metric 1`,
    // Survives the device: after our death stale fake addresses fail at once instead of leaking to the provider.
    `unreachable ${range} metric ${lastMetric}`,
  ]);
}

function fakeRules(family: Family, { fakeRanges }: RouteConfig): string[] {
  return prefixesOf(family, fakeRanges).map((range) => `pref ${preferences.fake} to ${range} lookup ${routeTable}`);
}

/** Sockets may hold the TUN's source address while nothing is captured, and for a moment after it is gone. */
function guardRules(family: Family, wanted: RouteConfig): string[] {
  const source = family === 4 ? wanted.tunAddress4 : wanted.tunPrefix6;
  if (source === undefined) {
    throw new AppError('SYSTEM_ROUTES_FAILED', "IPv6 cannot be captured without the TUN's IPv6 prefix");
  }
  const selector = `from ${canonical(source)} iif lo`;
  return [
    `pref ${preferences.guard} ${selector} lookup ${routeTable}`,
    `pref ${preferences.guardEnd} ${selector} unreachable`,
  ];
}

const linkPrefixes = { 4: ['224.0.0.0/4', '255.255.255.255'], 6: ['ff00::/8', 'fe80::/10'] } as const;

function localRules4(wanted: RouteConfig): string[] {
  return [
    ...boundSockets(wanted).map(
      (device) => `pref ${preferences.boundDevice} from 0.0.0.0 iif lo oif ${device} goto ${preferences.end}`,
    ),
    `pref ${preferences.local} from 0.0.0.0 iif lo lookup ${routeTable}`,
  ];
}

/**
 * For a socket that is bound to a device, IPv4 takes a destination that our table says is unreachable to be on that device's
 * link (ip_route_output_key in the kernel's net/ipv4/route.c): such sockets are led past the table. IPv6 looks on by itself.
 */
function boundSockets({ device, otherDevices }: RouteConfig): string[] {
  return [...new Set(otherDevices)].filter((other) => other !== device && other !== 'lo').toSorted();
}

/** `from ::` cannot be told apart from `from all` in a rule: so every chosen source is led away first. */
function localRules6(): string[] {
  return [
    `pref ${preferences.sourceBound6} from ::/1 goto ${preferences.end}`,
    `pref ${preferences.sourceBound6} from 8000::/1 goto ${preferences.end}`,
    `pref ${preferences.local6} iif lo lookup ${routeTable}`,
  ];
}

function prefixesOf(family: Family, prefixes: readonly string[]): string[] {
  const own = prefixes.filter((prefix) => parse(prefix).family === family);
  return [...new Set(own.map(canonical))];
}

/** A prefix in the one form in which entries are compared: host bits cleared, a full-length one as a bare address. */
export function canonicalPrefix(cidr: Cidr): string {
  return cidr.prefix === (cidr.family === 4 ? 32 : 128) ? cidr.address : formatCidr(cidr);
}

function canonical(prefix: string): string {
  return canonicalPrefix(parse(prefix));
}

function parse(prefix: string): Cidr {
  const cidr = parseCidr(prefix);
  if (cidr === undefined) throw new AppError('SYSTEM_ROUTES_FAILED', `"${prefix}" is not an address prefix`);
  // A rule `to 0.0.0.0/0` is shown as one without a selector, and would capture nothing or everything.
  if (cidr.prefix === 0) throw new AppError('SYSTEM_ROUTES_FAILED', `"${prefix}" is every address, not a part of them`);
  return cidr;
}
