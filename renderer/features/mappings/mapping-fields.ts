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
    former: ({ row }) => [row.former],
    addr: ({ row }) => [row.address, row.address6],
    fake: ({ row }) => [row.address, row.address6],
    state: ({ row }) => [row.state],
    pinned: ({ row }) => [row.pinned ? 'yes' : 'no'],
    outcome: ({ row }) => [row.outcome],
  },
  numbers: { answers: ({ row }) => row.answers, flows: ({ row }) => row.flows, live: ({ row }) => row.liveFlows },
  aliases: { address: 'addr', domain: 'name' },
  text: ({ row }) =>
    [row.address, row.address6, row.name, row.former, row.state, row.pinned ? 'pinned' : '', row.outcome]
      .join(' ')
      .toLowerCase(),
};

export function mappingRecord({ row }: MappingEntry): Record<string, CsvValue> {
  return {
    address: row.address,
    address6: row.address6,
    name: row.name,
    state: row.state,
    pinned: row.pinned,
    former: row.former,
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
