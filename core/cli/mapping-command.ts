/** `mirage mapping` and `mirage flush`: single fake addresses pinned and released, and what is forgotten as a whole. */

import type { HelperClient } from '../app/helper-client.ts';
import { ipFamily, parseIp } from '../base/address.ts';
import { AppError } from '../base/app-error.ts';
import { comparableDomain } from '../base/domain.ts';
import { unreachable } from '../base/unreachable.ts';
import type { MappingRow } from '../contract/dns.ts';
import { type CommandContext, type GlobalOptions, withHelper } from './command-context.ts';
import { countOf, formatCount } from './quantity.ts';
import { readTopic } from './topic-reader.ts';

export const mappingActions = ['pin', 'unpin', 'release'] as const;
export type MappingAction = (typeof mappingActions)[number];

export const flushedCaches = ['dns', 'fake-ip'] as const;
export type FlushedCache = (typeof flushedCaches)[number];

/** The most that one subscription can show. */
const mostRows = 100_000;
/** Longest text that the helper searches for. */
const longestSearch = 200;

/**
 * `wanted` are addresses or names. All or nothing: rejects with FAKE_IP_UNKNOWN_ADDRESS, and nothing has changed, when one
 * of them has no mapping. What is already as wanted is no failure.
 */
export async function changeMappings(
  context: CommandContext,
  action: MappingAction,
  wanted: readonly string[],
  options: GlobalOptions,
): Promise<void> {
  const { addresses, changed } = await withHelper(context, options, async (helper) => {
    const addresses = await addressesOf(context, helper, wanted);
    const sent = action === 'release' ? 'retire' : action;
    return { addresses, ...(await helper.call('changeMappings', { addresses, action: sent })) };
  });
  if (options.json) return context.console.json({ addresses, changed });
  context.console.line(describeChange(action, changed, addresses.length));
  if (action === 'release' && changed > 0) context.console.line(stayUnderstood(changed));
}

export async function flush(context: CommandContext, cache: FlushedCache, options: GlobalOptions): Promise<void> {
  const { console } = context;
  switch (cache) {
    case 'dns': {
      const { answers } = await withHelper(context, options, (helper) => helper.call('flushDnsCache', {}));
      if (options.json) return console.json({ answers });
      return console.line(
        answers === 0 ? 'There was no answer to forget.' : `Forgot ${countOf(answers, 'answer')} of upstreams.`,
      );
    }
    case 'fake-ip': {
      const { retired } = await withHelper(context, options, (helper) => helper.call('flushFakeIp', {}));
      if (options.json) return console.json({ retired });
      console.line(retired === 0 ? 'There was no mapping to release.' : `Released ${countOf(retired, 'mapping')}.`);
      if (retired > 0) console.line(`${stayUnderstood(retired)} Pinned mappings were kept.`);
      return undefined;
    }
    default:
      return unreachable(cache);
  }
}

function stayUnderstood(count: number): string {
  return count === 1
    ? 'The old address stays understood until its rest ends, so that running programs go on.'
    : 'Old addresses stay understood until their rest ends, so that running programs go on.';
}

async function addressesOf(
  context: CommandContext,
  helper: HelperClient,
  wanted: readonly string[],
): Promise<string[]> {
  const keys = [...new Set(wanted.map((what) => parseIp(what) ?? comparableDomain(what)))];
  const read = (search: string) => readTopic(helper, 'mappings', { search, limit: mostRows }, context.clock);
  // For one, the helper searches; several are found in one reading of the table, unless that is too long to be read whole.
  const rows = await read(keys.length === 1 ? searchFor(keys[0]) : '');
  const known = addressesByKey(rows);
  const found: string[] = [];
  const missing: string[] = [];
  for (const key of keys) {
    const isElsewhere = !known.has(key) && rows.length >= mostRows;
    const address = (isElsewhere ? addressesByKey(await read(searchFor(key))) : known).get(key);
    if (address === undefined) missing.push(`"${key}"`);
    else found.push(address);
  }
  if (missing.length === 0) return [...new Set(found)];
  throw new AppError('FAKE_IP_UNKNOWN_ADDRESS', `no mapping is known of ${missing.join(', ')}; nothing was changed`, {
    expected: 'name an address, or a name, as "mirage dump fake-ip" prints them',
  });
}

/** A fake IPv6 address is not among what the helper searches: the whole table then. */
function searchFor(key = ''): string {
  const ip = parseIp(key);
  return ip !== undefined && ipFamily(ip) === 6 ? '' : key.slice(0, longestSearch);
}

/**
 * The address of every name and address by which people know a mapping. A name may have a released address besides its
 * present one: the present one is meant. An address whose name was lost has no mapping.
 */
function addressesByKey(rows: readonly MappingRow[]): Map<string, string> {
  const addresses = new Map<string, string>();
  const mapped = rows.filter((row) => row.state !== 'unknown');
  for (const { name, address, address6 } of mapped.toSorted(presentLast)) {
    for (const key of [name, address, address6]) if (key !== undefined) addresses.set(key, address);
  }
  return addresses;
}

function presentLast(a: MappingRow, b: MappingRow): number {
  return Number(a.state !== 'retired') - Number(b.state !== 'retired');
}

const words: Readonly<Record<MappingAction, { done: string; rest: string }>> = {
  pin: { done: 'Pinned', rest: 'pinned already, or of a former range' },
  unpin: { done: 'Unpinned', rest: 'not pinned' },
  release: { done: 'Released', rest: 'pinned, or released already' },
};

function describeChange(action: MappingAction, changed: number, wanted: number): string {
  const { done, rest: why } = words[action];
  if (changed === wanted) return `${done} ${countOf(changed, 'address', 'addresses')}.`;
  if (changed === 0) return wanted === 1 ? `Nothing changed: it is ${why}.` : `Nothing changed: they are ${why}.`;
  return `${done} ${countOf(changed, 'address', 'addresses')} of ${formatCount(wanted)}: the rest are ${why}.`;
}
