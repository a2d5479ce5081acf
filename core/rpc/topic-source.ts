/** What the RPC server needs of a table to show it, and of a value to push it; adapters of the real tables live above. */
import type { EventData, EventName, Row, TopicName } from '../contract/rpc.ts';
import type { PeerCredentials } from './peer-auth.ts';

export interface TopicSource<T extends TopicName> {
  /** Every row as it is now, oldest first. */
  rows(): Iterable<Row<T>>;
  /** One row as it is now; undefined when it is gone. */
  row(key: string): Row<T> | undefined;
  /** Reports the keys of new, changed and removed rows until cancelled. Sources do no work for it while nobody watches. */
  watch(changed: (keys: Iterable<string>) => void): () => void;
  /** Present values of the topic's counters, in its order; undefined for a row whose counters no longer move. */
  counters?(key: string): readonly number[] | undefined;
}

export type TopicSources = { readonly [T in TopicName]: TopicSource<T> };

export interface EventSource<E extends EventName> {
  /** The value as this caller may see it; undefined when there is nothing to tell yet. */
  current(caller: PeerCredentials): EventData<E> | undefined;
  /** Reports that there is a new value, until cancelled. Watched only while somebody is connected. */
  watch(changed: () => void): () => void;
}

export type EventSources = { readonly [E in EventName]: EventSource<E> };

/** What a caller may see of a row: the row, a redacted copy, or undefined for nothing. */
export interface RowView {
  view<T extends TopicName>(topic: T, row: Row<T>, caller: PeerCredentials): Row<T> | undefined;
  /** Whether `view` would return nothing for every row of this table: nobody needs to ask it then. */
  seesNothing(topic: TopicName, caller: PeerCredentials): boolean;
}
