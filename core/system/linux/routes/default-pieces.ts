/**
 * A default route in pieces: prefixes that together lead to the internet (0.0.0.0/1 and 128.0.0.0/1 of OpenVPN, the many that
 * calculators of AllowedIPs make, 2000::/3). Pure. Such routes say "everything", and are not an exception as a LAN's route is.
 */
import { type Cidr, cidrWithin, formatCidr, parseCidr } from '../../../base/cidr.ts';
import type { Family } from '../../routes.ts';

/** A route of a table of others: where to, and by which way (or that there is none). */
export interface OtherRoute {
  readonly prefix: string;
  /** Device and gateway; equal text is the same way. */
  readonly hop: string;
}

export interface Pieces {
  /** How many pieces there are, and the longest prefix length among them; 0 when the default is whole, or there is none. */
  readonly pieces: number;
  readonly longest: number;
  /** Whether there is a whole default, or one in pieces. */
  readonly hasDefault: boolean;
  /** The routes that are not pieces, and mean what they say; `text` as the kernel shows a prefix. */
  readonly rest: readonly { readonly prefix: number; readonly text: string }[];
}

/** Nobody's own network is as large: a shorter public prefix is a piece whatever else there is. */
const shortest = { 4: 8, 6: 16 } as const;
/** What is not the internet (RFC 6890). A route inside is never a piece. */
const special4 = cidrs(
  '0.0.0.0/8 10.0.0.0/8 100.64.0.0/10 127.0.0.0/8 169.254.0.0/16 172.16.0.0/12 192.168.0.0/16 198.18.0.0/15 224.0.0.0/3',
);
const special6 = cidrs('::/8 fc00::/7 fe80::/10 ff00::/8');
const special = { 4: special4, 6: special6 } as const;
const internet = { 4: publicPart(cidrs('0.0.0.0/0'), 4), 6: publicPart(cidrs('2000::/3'), 6) } as const;

/** Divides the routes of one table, the whole default aside. */
export function piecesOf(routes: readonly OtherRoute[], family: Family): Pieces {
  const own = routes.flatMap(({ prefix, hop }) => {
    const cidr = parseCidr(prefix);
    return cidr === undefined || cidr.family !== family ? [] : [{ cidr, hop }];
  });
  const all = own.filter(({ cidr }) => cidr.prefix > 0);
  const open = all.filter(({ cidr }) => !special[family].some((each) => cidrWithin(cidr, each)));
  const byHop = Map.groupBy(open, ({ hop }) => hop);
  const coverage = new Map<string, bigint>();
  for (const [hop, own] of byHop)
    coverage.set(
      hop,
      publicPart(
        own.map(({ cidr }) => cidr),
        family,
      ),
    );
  const together = publicPart(
    open.map(({ cidr }) => cidr),
    family,
  );
  const coversAll = together * 10n >= internet[family] * 9n;
  const isDefault = (hop: string): boolean => {
    const covered = coverage.get(hop) ?? 0n;
    if (byHop.get(hop)?.some(({ cidr }) => cidr.prefix < shortest[family])) return true;
    return covered * 2n >= internet[family] || (coversAll && covered * 64n >= internet[family]);
  };
  const pieces = new Set(open.filter(({ hop }) => isDefault(hop)));
  const longest = Math.max(0, ...[...pieces].map(({ cidr }) => cidr.prefix));
  const rest = all.flatMap((each) => (pieces.has(each) ? [] : [{ prefix: each.cidr.prefix, text: textOf(each.cidr) }]));
  return { pieces: pieces.size, longest, hasDefault: pieces.size > 0 || all.length < own.length, rest };
}

/** As the kernel shows it: host bits cleared, a full-length prefix as a bare address. */
export function textOf(cidr: Cidr): string {
  const text = formatCidr(cidr);
  return cidr.prefix === (cidr.family === 4 ? 32 : 128) ? text.replace(/\/.*/, '') : text;
}

/** `ip` writes some addresses as nobody else does: `::1.2.3.4` (inet_ntop(3) of the GNU C library). Other words stay. */
export function inOneForm(prefix: string): string {
  const cidr = parseCidr(prefix);
  return cidr === undefined ? prefix : textOf(cidr);
}

/** How many addresses of the internet are in the union of prefixes. */
function publicPart(prefixes: readonly Cidr[], family: Family): bigint {
  let total = 0n;
  for (const { first, last } of outermost(prefixes)) {
    total += last - first + 1n;
    for (const each of special[family]) {
      const from = each.first > first ? each.first : first;
      const to = each.last < last ? each.last : last;
      if (from <= to) total -= to - from + 1n;
    }
  }
  return total;
}

/** Without those that are inside another: prefixes overlap in no other way. */
function outermost(prefixes: readonly Cidr[]): Cidr[] {
  const kept: Cidr[] = [];
  const sorted = prefixes.toSorted((a, b) => (a.first === b.first ? a.prefix - b.prefix : a.first < b.first ? -1 : 1));
  for (const cidr of sorted) {
    const before = kept.at(-1);
    if (before === undefined || cidr.first > before.last) kept.push(cidr);
  }
  return kept;
}

function cidrs(texts: string): Cidr[] {
  return texts.split(' ').flatMap((text) => parseCidr(text) ?? []);
}
