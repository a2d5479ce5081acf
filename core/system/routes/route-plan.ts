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
  /** Discovery on the link stays alive: mDNS, SSDP, link-local. */
  link: 5380,
  /** Fake addresses, from whatever source and interface. */
  fake: 5381,
  /** What the person wants to keep out; after the fake ranges, which mean nothing anywhere else. */
  exclude: 5382,
  /** Everything in our table that is more specific than its default. */
  specific: 5383,
  /** On-link and other specific routes of the machine win, except for DNS. */
  main: 5384,
  /** What the TUN itself emits goes where it would without us. */
  fromTun: 5385,
  /** Reserved for a gateway mode: `iif <chosen LAN> lookup T`. */
  gateway: 5386,
  /** Programs of this machine that have not chosen a source address, or chose the TUN's. */
  local: 5387,
  /** IPv6: any chosen source address leaves ... */
  sourceBound6: 5388,
  /** ... so that what is left has none. */
  local6: 5389,
  /** Where `goto` leads: on to the rules of others. */
  end: 5399,
} as const;

/** The lowest priority there is: only reached when the device, and with it the route above, is gone. */
const lastMetric = 4_294_967_295;

/**
 * Rules and routes in the order in which they are added: routes first, then the end that `goto` needs, then rules by
 * preference, so that traffic is captured only when the exceptions stand. Throws `SYSTEM_ROUTES_FAILED` for a prefix
 * that is none.
 */
export function planRoutes(wanted: RouteConfig): RouteEntry[] {
  const plan = wanted.capture === 'everything' ? planFamily : planFakeRanges;
  return wanted.ipv6 ? [...plan(4, wanted), ...plan(6, wanted)] : plan(4, wanted);
}

function planFamily(family: Family, wanted: RouteConfig): RouteEntry[] {
  const { device } = wanted;
  const end = preferences.end;
  const routes = [`default dev ${device}`, ...fakeRoutes(family, wanted)];
  const rules = [
    `pref ${end} nop`,
    ...linkPrefixes[family].map((prefix) => `pref ${preferences.link} to ${prefix} goto ${end}`),
    ...fakeRules(family, wanted),
    ...prefixesOf(family, wanted.exclude).map((prefix) => `pref ${preferences.exclude} to ${prefix} goto ${end}`),
    `pref ${preferences.specific} lookup ${routeTable} suppress_prefixlength 0`,
    `pref ${preferences.main} not dport 53 lookup main suppress_prefixlength 0`,
    `pref ${preferences.fromTun} iif ${device} goto ${end}`,
    ...(family === 4 ? localRules4(wanted) : localRules6(wanted)),
  ];
  return entries(family, routes, rules);
}

function planFakeRanges(family: Family, wanted: RouteConfig): RouteEntry[] {
  return entries(family, fakeRoutes(family, wanted), fakeRules(family, wanted));
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

const linkPrefixes = { 4: ['224.0.0.0/4', '255.255.255.255'], 6: ['ff00::/8', 'fe80::/10'] } as const;

function localRules4(wanted: RouteConfig): string[] {
  return [
    `pref ${preferences.local} from 0.0.0.0 iif lo lookup ${routeTable}`,
    `pref ${preferences.local} from ${canonical(wanted.tunAddress4)} iif lo lookup ${routeTable}`,
  ];
}

/** `from ::` cannot be told apart from `from all` in a rule: so every chosen source is led away first. */
function localRules6(wanted: RouteConfig): string[] {
  if (wanted.tunPrefix6 === undefined) {
    throw new AppError('SYSTEM_ROUTES_FAILED', "IPv6 cannot be captured without the TUN's IPv6 prefix");
  }
  return [
    `pref ${preferences.local} from ${canonical(wanted.tunPrefix6)} iif lo lookup ${routeTable}`,
    `pref ${preferences.sourceBound6} from ::/1 goto ${preferences.end}`,
    `pref ${preferences.sourceBound6} from 8000::/1 goto ${preferences.end}`,
    `pref ${preferences.local6} iif lo lookup ${routeTable}`,
  ];
}

function prefixesOf(family: Family, prefixes: readonly string[]): string[] {
  const own = prefixes.filter((prefix) => parse(prefix).family === family);
  return [...new Set(own.map(canonical))];
}

/** As the kernel shows it: host bits cleared, a full-length prefix as a bare address. */
function canonical(prefix: string): string {
  const cidr = parse(prefix);
  return cidr.prefix === (cidr.family === 4 ? 32 : 128) ? cidr.address : formatCidr(cidr);
}

function parse(prefix: string): Cidr {
  const cidr = parseCidr(prefix);
  if (cidr === undefined) throw new AppError('SYSTEM_ROUTES_FAILED', `"${prefix}" is no address prefix`);
  return cidr;
}
