/** What the DNS log reads out of a row: search fields and flat records for export. */
import type { DnsRow } from '../../../core/contract/dns.ts';
import type { RowEntry } from '../../stores/row-table.ts';
import type { CsvValue } from '../../text/csv.ts';
import type { SearchFields } from '../../text/filter.ts';

export type DnsEntry = RowEntry<DnsRow>;

export const dnsKey = ({ row }: DnsEntry): string => row.id;

export const dnsSearch: SearchFields<DnsEntry> = {
  fields: {
    name: ({ row }) => [row.name],
    host: ({ row }) => [row.name],
    type: ({ row }) => [row.type],
    verdict: ({ row }) => [row.verdict],
    client: ({ row }) => [row.client],
    answer: ({ row }) => [row.answer],
    code: ({ row }) => [row.rcode],
  },
  text: ({ row }) => `${row.client} ${row.name} ${row.type} ${row.verdict} ${row.rcode} ${row.answer}`.toLowerCase(),
};

export function dnsRecord({ row }: DnsEntry): Record<string, CsvValue> {
  return {
    time: new Date(row.time).toISOString(),
    client: row.client,
    name: row.name,
    type: row.type,
    verdict: row.verdict,
    rcode: row.rcode,
    answer: row.answer,
    upstream: row.upstream,
    ms: row.ms,
  };
}
