/** What the mapping table reads out of a row: search fields and flat records for export. */
import type { MappingRow } from '../../../core/contract/dns.ts';
import type { RowEntry } from '../../stores/row-table.ts';
import type { CsvValue } from '../../text/csv.ts';
import type { SearchFields } from '../../text/filter.ts';

export type MappingEntry = RowEntry<MappingRow>;

export const mappingKey = ({ row }: MappingEntry): string => row.address;

export const mappingSearch: SearchFields<MappingEntry> = {
  fields: {
    name: ({ row }) => [row.name],
    host: ({ row }) => [row.name],
    addr: ({ row }) => [row.address],
    fake: ({ row }) => [row.address],
    state: ({ row }) => [row.state],
    outcome: ({ row }) => [row.outcome],
  },
  text: ({ row }) => `${row.address} ${row.name} ${row.state} ${row.outcome}`.toLowerCase(),
};

export function mappingRecord({ row }: MappingEntry): Record<string, CsvValue> {
  return {
    address: row.address,
    name: row.name,
    state: row.state,
    firstSeen: isoTime(row.firstSeen),
    lastAnswered: isoTime(row.lastAnswered),
    lastConnected: isoTime(row.lastConnected),
    answers: row.answers,
    connections: row.flows,
    liveConnections: row.liveFlows,
    outcome: row.outcome,
  };
}

/** Empty for 0, which means never. */
function isoTime(time: number): string | undefined {
  return time === 0 ? undefined : new Date(time).toISOString();
}
