/** Reads a table once: subscribes, gathers the pages of the first picture, and leaves. */

import type { HelperClient } from '../app/helper-client.ts';
import { AppError } from '../base/app-error.ts';
import type { Clock } from '../base/clock.ts';
import type { Row, SubscribeOptions, TopicBatch, TopicName } from '../contract/rpc.ts';

/** Milliseconds for the first page, and for each further one. */
const pageDeadline = 5_000;

/**
 * Rows in the order of the table, oldest first. Rejects with `RPC_TIMEOUT` when no page comes, with the helper's error when
 * it refuses the table, with the link's when it goes away meanwhile.
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
    const onBatch = (batch: TopicBatch<T>) => {
      if (batch.reset) rows.length = 0;
      rows.push(...batch.rows);
      cancelDeadline();
      if (rows.length >= Math.min(batch.total, options.limit)) finish(() => resolve(rows));
      else cancelDeadline = wait();
    };
    const unsubscribe = helper.subscribe(topic, options, onBatch, (error) =>
      finish(() => reject(AppError.fromData(error))),
    );
  });
}
