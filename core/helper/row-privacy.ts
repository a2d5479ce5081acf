/**
 * Who sees what of the tables: the owner and root everything; another allowed user only what their own programs do, with
 * the rest blotted out so that counts still make sense.
 */
import { unreachable } from '../base/unreachable.ts';
import type { ConnectionRow } from '../contract/flow.ts';
import type { Row, TopicName } from '../contract/rpc.ts';
import type { PeerCredentials } from '../rpc/peer-auth.ts';
import type { RowView } from '../rpc/topic-source.ts';

/** Stands where something is another user's. */
export const hidden = '(hidden)';

export class RowPrivacy implements RowView {
  readonly #owner: () => number | undefined;

  /** `owner` tells whose traffic the tables are about: whose configuration is in force. */
  constructor(owner: () => number | undefined) {
    this.#owner = owner;
  }

  /** Whether this user sees everything. */
  seesAll(uid: number): boolean {
    return uid === 0 || uid === this.#owner();
  }

  seesNothing(topic: TopicName, caller: PeerCredentials): boolean {
    return topic !== 'connections' && !this.seesAll(caller.uid);
  }

  view<T extends TopicName>(topic: T, row: Row<T>, caller: PeerCredentials): Row<T> | undefined;
  view(topic: TopicName, row: Row<TopicName>, caller: PeerCredentials): Row<TopicName> | undefined {
    if (this.seesAll(caller.uid)) return row;
    switch (topic) {
      case 'connections':
        return 'network' in row ? connectionSeenBy(row, caller.uid) : undefined;
      case 'mappings':
      case 'dnsLog':
      case 'logs':
      case 'proxies':
        return undefined; // nothing in them says whose they are
      default:
        return unreachable(topic);
    }
  }
}

function connectionSeenBy(row: ConnectionRow, uid: number): ConnectionRow {
  if (row.process?.uid === uid) return row;
  const { id, network, inbound, state, up, down, openedAt, closedAt } = row;
  return {
    id,
    network,
    inbound,
    source: { host: hidden, port: 0 },
    destination: { host: hidden, port: 0 },
    chain: [],
    state,
    up,
    down,
    openedAt,
    ...(closedAt === undefined ? {} : { closedAt }),
  };
}
