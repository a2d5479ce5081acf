/**
 * Which policy rules and routes bring traffic into the TUN on Linux: pure. Selection is by source, not by mark, which
 * stays right under strict rp_filter and needs no sysctl. See ip-rule(8), ip-route(8).
 */
import { AppError } from '../../../base/app-error.ts';
import { type Cidr, parseCidr } from '../../../base/cidr.ts';
import type { Family, RouteConfig } from '../../routes.ts';
import { type Pieces, piecesOf, textOf } from './default-pieces.ts';
import {
  firstPreference,
  localPreference,
  localTable,
  mainTable,
  marks,
  type OtherRules,
  takers,
} from './other-rules.ts';

/** One rule or route, as the words of `ip rule add ...` or `ip route add ... table 5380`. */
export interface RouteEntry {
  readonly kind: 'rule' | 'route';
  readonly family: Family;
  readonly text: string;
}

/** The routing table that is ours alone. */
export const routeTable = 5380;

/** Who added a rule, as the kernel keeps it (FRA_PROTOCOL): by this number we know ours, wherever they stand. */
export const ruleProtocol = 153;

/**
 * Our rules, in the order in which the kernel asks them, as distances from the first. They stand together, before all rules of
 * others: what a program sends without choosing is ours, and what we send or leave alone goes by the rules of others.
 */
export const steps = {
  /** What goes to an address of this machine stays here, where no rule of others says so before ours. */
  own: -1,
  /** What has the TUN's source address belongs to the TUN, wherever it goes: no exception below may lead it elsewhere, ... */
  guard: 0,
  /** ... and where the TUN does not take it (it is gone, the socket is bound to another device), it goes nowhere. */
  guardEnd: 1,
  /** Fake addresses, from whatever source and interface. */
  fake: 2,
  /** What this machine forwards, and what the TUN itself emits, goes where it would without us. */
  forwarded: 3,
  /**
   * Exceptions: our own sockets, what a VPN has marked as its own, discovery on the link (mDNS, SSDP, link-local), what the person
   * wants to keep out. After the fake ranges, which mean nothing anywhere else.
   */
  exception: 4,
  /** Questions to port 53 are asked of us, also those to servers on the LAN. */
  dns: 5,
  /** Networks in the tables of others, and those in the main table that are passed over with the pieces of a default route, win; ... */
  kept: 6,
  /** ... and so do all other on-link and specific routes of the main table. */
  specific: 7,
  /** Where `dns` leads. */
  capture: 8,
  /** IPv4: what a program bound to an interface leaves by it; see `boundSockets`. IPv6: what has any chosen source address. */
  bound: 9,
  /** Programs of this machine that have not chosen a source address. */
  local: 10,
  /** Where `goto` leads: on to the rules of others. The block is no longer than it must be: there is little room below theirs. */
  end: 11,
} as const;

/** Where our rules begin when nobody else's would come before them. */
export const usualBase = 5380;
/**
 * Where they may begin, from the back to the very front: far apart, and near the front with room for one rule between them. A program
 * that names no preference is given one less than the second rule has (fib_default_rule_pref in the kernel's
 * net/core/fib_rules.c), so each such place is one more of its rules that ours can precede.
 */
const bases: readonly number[] = [...countdown(usualBase, 180, 200), ...countdown(157, 1, steps.end + 2)];
/** Rules that look into the main table, and networks that are kept; more are captured, and go DIRECT by the kernel's choice. */
const mostLookups = 50;
const mostKept = 256;

/** The lowest priority there is: only reached when the device, and with it the route above, is gone. */
const lastMetric = 4_294_967_295;

/** The rules of others, by IP version. */
export type Others = Readonly<Record<Family, OtherRules>>;
export const noOthers: Others = { 4: { rules: [], routes: new Map() }, 6: { rules: [], routes: new Map() } };

/**
 * The highest place at which all our rules come before those of others; the frontmost there is when none does (see `firstBefore`).
 * No two places overlap: while our rules move, both blocks stand.
 */
export function chooseBase(others: Others): number {
  const first = Math.min(
    ...([4, 6] as const).map((family) => firstPreference(others[family]) ?? Number.POSITIVE_INFINITY),
  );
  return bases.find((base) => base + steps.end < first) ?? bases.at(-1) ?? usualBase;
}

function countdown(from: number, to: number, step: number): number[] {
  return Array.from({ length: Math.floor((from - to) / step) + 1 }, (_, place) => from - place * step);
}

/** The preference of the first rule of others that takes traffic from ours when they begin at `base`; undefined if none does. */
export function firstBefore(others: Others, base: number): number | undefined {
  const before = ([4, 6] as const).flatMap((family) => takers(others[family]));
  return before
    .map(({ preference }) => preference)
    .filter((each) => each < base + steps.end)
    .toSorted((a, b) => a - b)[0];
}

/**
 * Rules and routes in the order in which they are added: routes first, then the end that `goto` needs, then rules by
 * preference, so that traffic is captured only when the exceptions stand. Throws `SYSTEM_ROUTES_FAILED` for a prefix
 * that is none.
 */
export function planRoutes(wanted: RouteConfig, others = noOthers, base = chooseBase(others)): RouteEntry[] {
  const plan = (family: Family): RouteEntry[] => new FamilyPlan(family, wanted, others[family], base).entries();
  const entries = wanted.ipv6 ? [...plan(4), ...plan(6)] : plan(4);
  // A prefix may be excluded that is an exception anyway: the kernel refuses the same rule twice.
  return [...new Map(entries.map((entry) => [`${entry.family} ${entry.kind} ${entry.text}`, entry])).values()];
}

class FamilyPlan {
  readonly #family: Family;
  readonly #wanted: RouteConfig;
  readonly #others: OtherRules;
  readonly #base: number;

  constructor(family: Family, wanted: RouteConfig, others: OtherRules, base: number) {
    this.#family = family;
    this.#wanted = wanted;
    this.#others = others;
    this.#base = base;
  }

  entries(): RouteEntry[] {
    const family = this.#family;
    const wanted = this.#wanted;
    if (wanted.capture === 'fake-ranges') {
      return entries(family, fakeRoutes(family, wanted), [...this.#own(), ...this.#guard(), ...this.#fake()]);
    }
    // Without the device (it starts anew, or its helper has died) what it captured is unreachable at once, and goes nowhere.
    const routes = [`default dev ${wanted.device}`, this.#withoutDevice(), ...fakeRoutes(family, wanted)];
    const rules = [
      this.#rule('end', 'nop'),
      ...this.#own(),
      ...this.#guard(),
      ...this.#afterwards(),
      ...this.#fake(),
      this.#past('forwarded', 'not iif lo'),
      ...this.#exceptions(),
      this.#rule('capture', 'nop'),
      this.#rule('dns', `dport 53 goto ${this.#base + steps.capture}`),
      ...this.#specific(),
      ...this.#local(),
    ];
    return entries(family, routes, rules);
  }

  /**
   * An IPv6 socket whose way is unreachable asks once more, with an address of this machine as its source (ip6_dst_lookup_tail in
   * the kernel's net/ipv6/ip6_output.c), and so as one that has chosen it, which is led past us. So its way ends in the loopback,
   * as from ::1: nothing is forwarded from there, and `#afterwards` keeps such a socket from leaving when the device is back.
   */
  #withoutDevice(): string {
    return this.#family === 4
      ? `unreachable default metric ${lastMetric}`
      : `default dev lo src ::1 metric ${lastMetric}`;
  }

  #afterwards(): string[] {
    return this.#family === 4 ? [] : [this.#rule('guardEnd', 'from ::1 iif lo unreachable')];
  }

  #rule(step: keyof typeof steps, text: string): string {
    return `pref ${this.#base + steps[step]} ${text}`;
  }

  /** Leads past the rest of ours, on to the rules of others. */
  #past(step: keyof typeof steps, selector: string): string {
    return this.#rule(step, `${selector} goto ${this.#base + steps.end}`);
  }

  /** Of what comes in by other devices ours take nothing anyway. */
  #own(): string[] {
    const after = localPreference(this.#others);
    if (after === undefined || after < this.#base) return [];
    return ['lo', this.#wanted.device].map((device) => this.#rule('own', `iif ${device} lookup ${localTable}`));
  }

  /** Sockets may hold the TUN's source address while nothing is captured, and for a moment after it is gone. */
  #guard(): string[] {
    const source = this.#family === 4 ? this.#wanted.tunAddress4 : this.#wanted.tunPrefix6;
    if (source === undefined) {
      throw new AppError('SYSTEM_ROUTES_FAILED', "IPv6 cannot be captured without the TUN's IPv6 prefix");
    }
    const selector = `from ${canonical(source)} iif lo`;
    return [this.#rule('guard', `${selector} lookup ${routeTable}`), this.#rule('guardEnd', `${selector} unreachable`)];
  }

  #fake(): string[] {
    const ranges = prefixesOf(this.#family, this.#wanted.fakeRanges);
    return ranges.map((range) => this.#rule('fake', `to ${range} lookup ${routeTable}`));
  }

  #exceptions(): string[] {
    const { mark, exclude } = this.#wanted;
    const ownMark = `0x${mark.toString(16)}`;
    const marked = [ownMark, ...marks(this.#others).filter((each) => each !== ownMark)];
    const prefixes = [...linkPrefixes[this.#family], ...prefixesOf(this.#family, exclude)];
    return [
      ...marked.map((each) => this.#past('exception', `fwmark ${each}`)),
      ...prefixes.map((prefix) => this.#past('exception', `to ${prefix}`)),
    ];
  }

  /**
   * What is more specific than a default goes by the rules of others. Of ours none may look into a table of theirs, and none into
   * the main table as they do: a program that ends deletes "the rule that looks into my table", and would take ours (wg-quick).
   */
  #specific(): string[] {
    const kept = new Set<string>();
    const found = new Set<string>();
    /** Whether a rule of others comes first that may take everything: then they say where the networks of the main table are. */
    let isPreceded = false;
    let isMainAsked = false;
    for (const { isNegated, selector, suppressed, suppressesGroup, table, to } of takers(this.#others)) {
      const { hasDefault, longest, pieces, rest } = this.#routesOf(table);
      if (table === undefined) {
        isPreceded = true;
      } else if (to !== undefined) {
        if (piecesOf([{ prefix: to, hop: '' }], this.#family).pieces === 0) kept.add(selector);
        else isPreceded = true;
      } else if (table !== mainTable) {
        for (const { text } of rest) kept.add(isNegated ? `to ${text}` : `${selector} to ${text}`.trim());
        isPreceded ||= hasDefault && suppressed < 0;
      } else if (isPreceded || suppressesGroup) {
        if (!isMainAsked) for (const { text } of rest) kept.add(`to ${text}`);
      } else {
        if (pieces > 0) for (const { prefix, text } of rest) if (prefix <= longest) kept.add(`to ${text}`);
        found.add(`${selector} lookup main suppress_prefixlength ${Math.max(1, suppressed, longest)}`.trim());
        isMainAsked ||= selector === '';
      }
    }
    const nearest = [...kept].toSorted((a, b) => lengthOf(a) - lengthOf(b)).slice(0, mostKept);
    return [
      ...nearest.map((text) => this.#past('kept', text)),
      ...[...found].slice(0, mostLookups).map((text) => this.#rule('specific', text)),
    ];
  }

  #routesOf(table = 0): Pieces {
    return piecesOf(this.#others.routes.get(table) ?? [], this.#family);
  }

  #local(): string[] {
    if (this.#family === 4) {
      const bound = boundSockets(this.#wanted);
      return [
        ...bound.map((device) => this.#past('bound', `from 0.0.0.0 iif lo oif ${device}`)),
        this.#rule('local', `from 0.0.0.0 iif lo lookup ${routeTable}`),
      ];
    }
    // `from ::` cannot be told apart from `from all` in a rule: so every chosen source is led away first.
    return [
      this.#past('bound', 'from ::/1'),
      this.#past('bound', 'from 8000::/1'),
      this.#rule('local', `iif lo lookup ${routeTable}`),
    ];
  }
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

/** The link's own: link-local, multicast, broadcast. */
export const linkPrefixes = { 4: ['224.0.0.0/4', '255.255.255.255'], 6: ['ff00::/8', 'fe80::/10'] } as const;

/**
 * For a socket that is bound to a device, IPv4 takes a destination that our table says is unreachable to be on that device's
 * link (ip_route_output_key in the kernel's net/ipv4/route.c): such sockets are led past the table. IPv6 looks on by itself.
 */
function boundSockets({ device, otherDevices }: RouteConfig): string[] {
  return [...new Set(otherDevices)].filter((other) => other !== device && other !== 'lo').toSorted();
}

function prefixesOf(family: Family, prefixes: readonly string[]): string[] {
  const own = prefixes.filter((prefix) => parse(prefix).family === family);
  return [...new Set(own.map(canonical))];
}

/** As the kernel shows it: host bits cleared, a full-length prefix as a bare address. */
function canonical(prefix: string): string {
  return textOf(parse(prefix));
}

/** The prefix length after `to` in the words of a selector. */
function lengthOf(selector: string): number {
  return Number(/\bto [^ /]+\/(\d+)/.exec(selector)?.[1] ?? 128);
}

function parse(prefix: string): Cidr {
  const cidr = parseCidr(prefix);
  if (cidr === undefined) throw new AppError('SYSTEM_ROUTES_FAILED', `"${prefix}" is not an address prefix`);
  // A rule `to 0.0.0.0/0` is shown as one without a selector, and would capture nothing or everything.
  if (cidr.prefix === 0) throw new AppError('SYSTEM_ROUTES_FAILED', `"${prefix}" is every address, not a part of them`);
  return cidr;
}
