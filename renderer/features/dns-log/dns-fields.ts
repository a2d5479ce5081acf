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
    proc: ({ row }) => [row.process],
    answer: ({ row }) => [row.answer],
    rcode: ({ row }) => [row.rcode],
    upstream: ({ row }) => [row.upstream],
  },
  numbers: { ms: ({ row }) => row.ms },
  aliases: { process: 'proc', domain: 'name' },
  text: ({ row }) =>
    [row.client, row.process, row.name, row.type, row.verdict, row.rcode, row.answer, row.upstream]
      .join(' ')
      .toLowerCase(),
};

export function dnsRecord({ row }: DnsEntry): Record<string, CsvValue> {
  return {
    time: new Date(row.time).toISOString(),
    client: row.client,
    process: row.process,
    name: row.name,
    type: row.type,
    verdict: row.verdict,
    rcode: row.rcode,
    answer: row.answer,
    upstream: row.upstream,
    upstreamMs: row.upstreamMs,
    ms: row.ms,
  };
}

/** The fake address that the row is about: that of the answer, or the one that a lost name was found for. */
export function fakeAddressOf({ verdict, answer }: DnsRow): string | undefined {
  return (verdict === 'fake' || verdict === 'recovered') && answer !== '' ? answer : undefined;
}
