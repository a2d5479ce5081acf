/** What the connections page reads out of a row: search fields, sort values, flat records for export. */
import type { ConnectionRow, FlowState } from '../../../core/contract/flow.ts';
import type { ConnectionEntry } from '../../stores/connection-table.ts';
import type { ConnectionScope } from '../../stores/ui-store.ts';
import type { CsvValue } from '../../text/csv.ts';
import type { SearchFields } from '../../text/filter.ts';
import { formatEndpoint } from '../../text/format.ts';

export const connectionKey = (entry: ConnectionEntry): string => entry.row.id;

export function inScope(row: ConnectionRow, scope: ConnectionScope): boolean {
  return scope === 'all' || (row.state === 'closed') === (scope === 'closed');
}

/** The leaf outbound decides what kind of way a connection takes; none is known before the decision. */
export function isProxied(row: ConnectionRow): boolean {
  return row.way === 'proxied';
}

/** What a row says of its state: a connection that a rule rejects has not failed. */
export type ShownState = FlowState | 'rejected' | 'failed';

export function shownState({ state, error }: Pick<ConnectionRow, 'state' | 'error'>): ShownState {
  if (error === undefined) return state;
  return error.code === 'DIAL_REJECTED' ? 'rejected' : 'failed';
}

/** An address is an address: nobody resolves it. */
export function isBareAddress({ destination, domainSource }: ConnectionRow): boolean {
  return domainSource === undefined && (/^[\d.]+$/.test(destination.host) || destination.host.includes(':'));
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
    state: ({ row }) => [shownState(row), row.state, row.error?.code],
    from: ({ row }) => [formatEndpoint(row.source.host, row.source.port)],
  };

  readonly numbers: NonNullable<SearchFields<ConnectionEntry>['numbers']> = {
    down: ({ down }) => down,
    up: ({ up }) => up,
    speed: ({ downSpeed, upSpeed }) => downSpeed + upSpeed,
    port: ({ row }) => row.destination.port,
    dial: ({ row }) => row.dialMs,
    age: ({ row }) => (row.closedAt ?? Date.now()) - row.openedAt,
  };

  readonly moving = ['down', 'up', 'speed', 'age'];

  readonly aliases = { process: 'proc', domain: 'host', policy: 'chain', via: 'chain', network: 'net' };

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
      shownState(row),
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
    chain: row.chain.join(' ‹ '),
    up,
    down,
    opened: new Date(row.openedAt).toISOString(),
    closed: row.closedAt === undefined ? undefined : new Date(row.closedAt).toISOString(),
    dialMs: row.dialMs,
    state: shownState(row),
    closeReason: row.closeReason,
    error: row.error?.code,
  };
}
