/** Reads a table once: subscribes, gathers the pages of the first picture, and leaves. Or stays, and tells what comes. */

import { AppError } from '../base/app-error.ts';
import type { Clock } from '../base/clock.ts';
import type { Row, SubscribeOptions, TopicName } from '../contract/rpc.ts';
import type { HelperClient } from '../controller/helper-client.ts';

/** Milliseconds for the first page, and for each further one. */
const pageDeadline = 5_000;

/**
 * Rows in the order of the table, oldest first. Rejects with `RPC_TIMEOUT` when no page comes, with the link's error when
 * the helper goes away meanwhile.
 */
export function readTopic<T extends TopicName>(
  helper: HelperClient,
  topic: T,
  options: SubscribeOptions & { limit: number },
  clock: Clock,
): Promise<Row<T>[]> {
  return new Promise((resolve, reject) => {
    const rows: Row<T>[] = [];
    const finish = (settle: () => void) => {
      cancelDeadline();
      stopLink();
      unsubscribe();
      settle();
    };
    const wait = () =>
      clock.after(pageDeadline, () =>
        finish(() => reject(new AppError('RPC_TIMEOUT', 'the helper did not send the table in time'))),
      );
    const stopLink = helper.onLink((link) => {
      if (link.kind === 'failed') finish(() => reject(AppError.fromData(link.error)));
    });
    let cancelDeadline = wait();
    const unsubscribe = helper.subscribe(topic, options, (batch) => {
      if (batch.reset) rows.length = 0;
      rows.push(...batch.rows);
      cancelDeadline();
      if (rows.length >= Math.min(batch.total, options.limit)) finish(() => resolve(rows));
      else cancelDeadline = wait();
    });
  });
}

/** Rows that a log of the helper may hold, and as many ids are remembered. */
const logRows = 10_000;

export interface FollowOptions {
  search?: string;
  /** How many of the rows that are there already are told. */
  last: number;
}

/**
 * Tells the rows of a log, oldest first, each once, as they are when they are first seen. Resolves at `ended`; rejects with
 * the link's error when the helper goes away.
 */
export function followTopic<T extends 'dnsLog' | 'logs'>(
  helper: HelperClient,
  topic: T,
  { last, ...search }: FollowOptions,
  ended: Promise<void>,
  onRows: (rows: readonly Row<T>[]) => void,
): Promise<void> {
  return new Promise((resolve, reject) => {
    const told = new Set<string>();
    let first: Row<T>[] | undefined = [];
    const finish = (settle: () => void) => {
      stopLink();
      unsubscribe();
      settle();
    };
    const tell = (rows: readonly Row<T>[]) => {
      const fresh = rows.filter((row) => !told.has(row.id));
      for (const row of rows) told.add(row.id);
      for (const oldest of told) {
        if (told.size <= logRows) break;
        told.delete(oldest);
      }
      return fresh;
    };
    const stopLink = helper.onLink((link) => {
      if (link.kind === 'failed') finish(() => reject(AppError.fromData(link.error)));
    });
    const unsubscribe = helper.subscribe(topic, { limit: logRows, ...search }, (batch) => {
      const fresh = tell(batch.rows);
      if (first === undefined) {
        if (fresh.length > 0) onRows(fresh);
        return;
      }
      first.push(...fresh);
      if (first.length < Math.min(batch.total, logRows)) return;
      onRows(first.slice(-last));
      first = undefined;
    });
    void ended.then(() => finish(resolve));
  });
}
