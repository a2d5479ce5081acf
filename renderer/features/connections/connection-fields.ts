/** What the connections page reads out of a row: search fields, sort values, flat records for export. */
import type { ConnectionRow } from '../../../core/contract/flow.ts';
import type { ConnectionEntry } from '../../stores/connection-table.ts';
import type { CsvValue } from '../../text/csv.ts';
import type { SearchFields } from '../../text/filter.ts';
import { formatEndpoint } from '../../text/format.ts';
import { policyKind } from '../../text/policy.ts';

export const connectionKey = (entry: ConnectionEntry): string => entry.row.id;

/** Which of the page's three views a row belongs to. */
export type ConnectionScope = 'active' | 'closed' | 'all';

export function inScope(row: ConnectionRow, scope: ConnectionScope): boolean {
  return scope === 'all' || (row.state === 'closed') === (scope === 'closed');
}

/** The leaf outbound decides what kind of way a connection takes; none is known before the decision. */
export function isProxied(row: ConnectionRow): boolean {
  return policyKind(row.chain[0]) === 'proxied';
}

/** Search text per row; rows are replaced when they change, so an entry is never stale. */
export class ConnectionSearch implements SearchFields<ConnectionEntry> {
  readonly #texts = new WeakMap<ConnectionRow, string>();

  readonly fields: SearchFields<ConnectionEntry>['fields'] = {
    proc: ({ row }) => [row.process?.name, row.process?.path, row.process === undefined ? '' : String(row.process.pid)],
    host: ({ row }) => [row.destination.host],
    rule: ({ row }) => [row.rule?.type, row.rule?.payload, row.rule?.policy],
    chain: ({ row }) => row.chain,
    fake: ({ row }) => [row.fakeIp],
    ip: ({ row }) => [row.remote, row.matchedIp],
    port: ({ row }) => [String(row.destination.port)],
    net: ({ row }) => [row.network],
    state: ({ row }) => [row.state, row.error?.code],
    from: ({ row }) => [formatEndpoint(row.source.host, row.source.port)],
  };

  readonly text = ({ row }: ConnectionEntry): string => {
    const known = this.#texts.get(row);
    if (known !== undefined) return known;
    const text = [
      row.process?.name,
      formatEndpoint(row.destination.host, row.destination.port),
      row.fakeIp,
      row.remote,
      row.network,
      row.rule?.type,
      row.rule?.payload,
      ...row.chain,
      row.state,
      row.error?.code,
    ]
      .join(' ')
      .toLowerCase();
    this.#texts.set(row, text);
    return text;
  };
}

/** The row with its current counters: what is copied and exported. */
export function currentRow({ row, up, down }: ConnectionEntry): ConnectionRow {
  return { ...row, up, down };
}

export function connectionRecord({ row, up, down }: ConnectionEntry): Record<string, CsvValue> {
  return {
    id: row.id,
    process: row.process?.name,
    pid: row.process?.pid,
    network: row.network,
    inbound: row.inbound,
    source: formatEndpoint(row.source.host, row.source.port),
    host: row.destination.host,
    port: row.destination.port,
    nameFrom: row.domainSource,
    fakeIp: row.fakeIp,
    remote: row.remote,
    ruleType: row.rule?.type,
    rulePayload: row.rule?.payload,
    policy: row.rule?.policy,
    chain: row.chain.toReversed().join(' > '),
    up,
    down,
    opened: new Date(row.openedAt).toISOString(),
    closed: row.closedAt === undefined ? undefined : new Date(row.closedAt).toISOString(),
    dialMs: row.dialMs,
    state: row.state,
    closeReason: row.closeReason,
    error: row.error?.code,
  };
}
