/** `mirage mapping` and `mirage flush`: single fake addresses pinned and released, and what is forgotten as a whole. */
import { parseIp } from '../base/address.ts';
import { AppError } from '../base/app-error.ts';
import { normaliseDomain } from '../base/domain.ts';
import { unreachable } from '../base/unreachable.ts';
import type { HelperClient } from '../controller/helper-client.ts';
import { type CommandContext, type GlobalOptions, withHelper } from './command-context.ts';
import { countOf, formatCount } from './quantity.ts';
import { readTopic } from './topic-reader.ts';

export const mappingActions = ['pin', 'unpin', 'release'] as const;
export type MappingAction = (typeof mappingActions)[number];

export const flushedCaches = ['dns', 'fake-ip'] as const;
export type FlushedCache = (typeof flushedCaches)[number];

/** Mappings of a name that are looked for; one name has one. */
const mostMatches = 100_000;
/** Longest text that the helper searches for. */
const longestSearch = 200;

/** `wanted` are addresses or names. Rejects with FAKE_IP_UNKNOWN_ADDRESS for a name without one; nothing has changed then. */
export async function changeMappings(
  context: CommandContext,
  action: MappingAction,
  wanted: readonly string[],
  options: GlobalOptions,
): Promise<void> {
  const { addresses, changed } = await withHelper(context, options, async (helper) => {
    const found = await Promise.all(wanted.map((what) => addressOf(context, helper, what)));
    const addresses = [...new Set(found)];
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

async function addressOf(context: CommandContext, helper: HelperClient, what: string): Promise<string> {
  const address = parseIp(what);
  if (address !== undefined) return address;
  const name = normaliseDomain(what);
  const search = name.slice(0, longestSearch);
  const rows = await readTopic(helper, 'mappings', { search, limit: mostMatches }, context.clock);
  // A name may have a released address besides its present one: the present one is meant.
  const row = rows
    .filter((candidate) => candidate.name === name)
    .toSorted(presentLast)
    .at(-1);
  if (row !== undefined) return row.address;
  throw new AppError('FAKE_IP_UNKNOWN_ADDRESS', `no fake address is known for "${what}"; nothing was changed`, {
    expected: 'name an address, or a name, as "mirage dump fake-ip" prints them',
  });
}

function presentLast(a: { state: string }, b: { state: string }): number {
  return Number(a.state !== 'retired') - Number(b.state !== 'retired');
}

const words: Readonly<Record<MappingAction, { done: string; rest: string }>> = {
  pin: { done: 'Pinned', rest: 'without a mapping, or pinned already' },
  unpin: { done: 'Unpinned', rest: 'without a mapping, or not pinned' },
  release: { done: 'Released', rest: 'without a mapping, pinned, or released already' },
};

function describeChange(action: MappingAction, changed: number, wanted: number): string {
  const { done, rest: why } = words[action];
  if (changed === wanted) return `${done} ${countOf(changed, 'address', 'addresses')}.`;
  if (changed === 0) return wanted === 1 ? `Nothing changed: it is ${why}.` : `Nothing changed: they are ${why}.`;
  return `${done} ${countOf(changed, 'address', 'addresses')} of ${formatCount(wanted)}: the rest are ${why}.`;
}
