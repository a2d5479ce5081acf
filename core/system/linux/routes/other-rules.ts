/** The policy rules of other programs (VPNs, the administrator) as far as our plan must stand beside them. Pure. */
import type { OtherRoute } from './default-pieces.ts';
import { type JsonObject, markOf, selectorOf } from './rule-text.ts';

export interface OtherRule {
  readonly preference: number;
  /** The words of its selector, and whether it is for all packets but those (`not`): other words cannot be added to it then. */
  readonly selector: string;
  readonly isNegated: boolean;
  /** Whether it is for programs of this machine that have chosen neither a source address nor an interface. */
  readonly concernsUs: boolean;
  /** A mark by which it chooses. `not fwmark X` leads everything else into a VPN, and X past it. */
  readonly mark: string | undefined;
  /** Whether it is for packets with that mark only. */
  readonly needsMark: boolean;
  /** The table it looks into, and the destinations for which it does; undefined for all. */
  readonly table: number | undefined;
  readonly to: string | undefined;
  /** Routes of the table with a prefix of this length or a shorter one do not count (suppress_prefixlength); -1 if all do. */
  readonly suppressed: number;
  /** Nor do some others of it (suppress_ifgroup): what leads somewhere is the kernel's to say. */
  readonly suppressesGroup: boolean;
  /** Only for devices of a VRF (ip-vrf(8)). */
  readonly isVrf: boolean;
  /** It does nothing; `goto` rules lead to it. */
  readonly isNop: boolean;
}

export interface OtherRules {
  /** In the order in which the kernel asks them. */
  readonly rules: readonly OtherRule[];
  /** Their tables. */
  readonly routes: ReadonlyMap<number, readonly OtherRoute[]>;
}

export const mainTable = 254;
const defaultTable = 253;
export const localTable = 255;

/** Reads what `ip -N -j rule show` shows; the rule for the machine's own addresses is left out. */
export function readOtherRules(rules: readonly JsonObject[]): OtherRule[] {
  return rules.map(readRule).filter(({ preference, table }) => !(preference === 0 && table === localTable));
}

/** The lowest preference of a rule that would take traffic before us; undefined if there is none. One of 0 cannot be preceded. */
export function firstPreference({ rules }: OtherRules): number | undefined {
  const all = rules.filter(({ preference, isVrf, table }) => preference > 0 && !isVrf && table !== localTable);
  return all.length === 0 ? undefined : Math.min(...all.map(({ preference }) => preference));
}

/**
 * Where the machine's own addresses are looked for, when that is not the very first (whose rule `readOtherRules` leaves out):
 * Cilium and others move the rule behind their own.
 */
export function localPreference({ rules }: OtherRules): number | undefined {
  return rules.find(({ table }) => table === localTable)?.preference;
}

/** The rules that take what we capture (to a table, past other rules, nowhere) when they come before ours. */
export function takers({ rules }: OtherRules): OtherRule[] {
  return rules.filter(
    ({ concernsUs, isNop, isVrf, needsMark, table }) =>
      concernsUs && !isNop && !isVrf && !needsMark && table !== defaultTable && table !== localTable,
  );
}

/** Those of them that look into a table. */
export function lookups(others: OtherRules): (OtherRule & { readonly table: number })[] {
  return takers(others).flatMap((rule) => (rule.table === undefined ? [] : [{ ...rule, table: rule.table }]));
}

/** Marks by which packets are led past a VPN, or into one: whoever sets one has chosen the way. */
export function marks({ rules }: OtherRules): string[] {
  return [...new Set(rules.flatMap(({ mark }) => mark ?? []))];
}

function readRule(rule: JsonObject): OtherRule {
  const table = Number(rule['table']);
  const iif = rule['iif'];
  const mark = markOf(rule);
  const isMarked = mark !== undefined && Number(mark.split('/')[0]) !== 0;
  const isNegated = rule['not'] !== undefined;
  return {
    preference: Number(rule['priority'] ?? 0),
    selector: selectorOf(rule),
    isNegated,
    concernsUs:
      isNegated ||
      ((rule['src'] === undefined || rule['src'] === 'all') &&
        (iif === undefined || iif === 'lo') &&
        rule['oif'] === undefined),
    mark: isMarked ? mark : undefined,
    needsMark: isMarked && !isNegated,
    table: Number.isInteger(table) && table > 0 ? table : undefined,
    to: isNegated ? undefined : destinationOf(rule),
    suppressed: Number(rule['suppress_prefixlen'] ?? -1),
    suppressesGroup: rule['suppress_ifgroup'] !== undefined,
    isVrf: rule['l3mdev'] !== undefined,
    isNop: rule['nop'] !== undefined,
  };
}

function destinationOf({ dst, dstlen }: JsonObject): string | undefined {
  if (dst === undefined || dst === 'all') return undefined;
  return dstlen === undefined ? String(dst) : `${String(dst)}/${String(dstlen)}`;
}
