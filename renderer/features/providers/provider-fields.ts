/** What the providers table reads out of a row: search fields and flat records for export. */
import type { ProviderRow } from '../../../core/contract/providers.ts';
import type { RowEntry } from '../../stores/row-table.ts';
import type { CsvValue } from '../../text/csv.ts';
import type { SearchFields } from '../../text/filter.ts';

export type ProviderEntry = RowEntry<ProviderRow>;

export const providerKey = ({ row }: ProviderEntry): string => keyOf(row);

/** Names of different kinds may be equal. */
export const keyOf = ({ kind, name }: Pick<ProviderRow, 'kind' | 'name'>): string => `${kind} ${name}`;

export const providerStates = ['updating', 'failed', 'stopped', 'missing', 'fine'] as const;
export type ProviderState = (typeof providerStates)[number];

/** What a person should know of it first. */
export function stateOf({ updating, error, entries, source }: ProviderRow): ProviderState {
  if (updating) return 'updating';
  if (error !== undefined) return error.code === 'DOWNLOAD_STOPPED' ? 'stopped' : 'failed';
  return entries === null && source !== 'inline' ? 'missing' : 'fine';
}

export const providerSearch: SearchFields<ProviderEntry> = {
  fields: {
    name: ({ row }) => [row.name],
    kind: ({ row }) => [row.kind],
    state: ({ row }) => [stateOf(row)],
    behavior: ({ row }) => [row.behavior],
    format: ({ row }) => [row.format],
    host: ({ row }) => [row.host],
    group: ({ row }) => row.use.groups,
    list: ({ row }) => row.lists ?? [],
  },
  numbers: { entries: ({ row }) => row.entries ?? undefined },
  aliases: { type: 'kind', behaviour: 'behavior' },
  text: ({ row }) =>
    [row.name, row.kind, row.behavior, row.format, row.host, ...(row.lists ?? [])].join(' ').toLowerCase(),
};

export function providerRecord({ row }: ProviderEntry): Record<string, CsvValue> {
  return {
    name: row.name,
    kind: row.kind,
    source: row.source,
    host: row.host,
    behavior: row.behavior,
    format: row.format,
    entries: row.entries ?? undefined,
    leftOut: row.leftOut,
    updated: isoTime(row.updatedAt),
    next: isoTime(row.nextAt),
    error: row.error?.code,
    groups: row.use.groups.join(' '),
    rules: row.use.ruleCount,
  };
}

function isoTime(time: number | null): string | undefined {
  return time === null ? undefined : new Date(time).toISOString();
}
