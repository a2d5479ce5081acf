/** The one line of a flow in the log: what was known, what was decided, what came of it. */
import { formatEndpoint } from '../base/address.ts';
import type { ConnectionRow } from '../contract/flow.ts';

/** Of a flow that has ended. `named` is how its name was found. */
export function flowSummary(row: ConnectionRow): Record<string, string | number | undefined> {
  return {
    id: row.id,
    network: row.network,
    inbound: row.inbound,
    from: formatEndpoint(row.source),
    to: formatEndpoint(row.destination),
    named: row.domainSource,
    fakeIp: row.fakeIp,
    process: row.process?.name,
    rule: row.rule === undefined ? undefined : [row.rule.type, row.rule.payload].filter(Boolean).join(','),
    matchedIp: row.matchedIp,
    via: row.chain.join(' > ') || undefined,
    remote: row.remote,
    dialMs: row.dialMs,
    firstByteMs: row.firstByteMs,
    up: row.up,
    down: row.down,
    ms: (row.closedAt ?? row.openedAt) - row.openedAt,
    end: row.closeReason,
    error: row.error?.code,
    why: row.error?.message,
  };
}
