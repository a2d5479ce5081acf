/** Reads the rows of a topic that match a search, once: subscribes for the first picture and leaves. */
import type { MirageBridge, Row, TopicName } from '../../core/contract/app.ts';
import type { SubscribeOptions } from '../../core/contract/rpc.ts';

/** Milliseconds after which there is nothing to be had. */
const patience = 5_000;

/** Never rejects: undefined when the helper refuses the table or is not there. */
export function readOnce<T extends TopicName>(
  bridge: Pick<MirageBridge, 'subscribe'>,
  topic: T,
  options: SubscribeOptions,
): Promise<readonly Row<T>[] | undefined> {
  let answer: (rows: readonly Row<T>[] | undefined) => void = () => undefined;
  const read = new Promise<readonly Row<T>[] | undefined>((resolve) => {
    answer = resolve;
  });
  const timer = setTimeout(() => answer(undefined), patience);
  const stop = bridge.subscribe(
    topic,
    options,
    ({ rows }) => answer(rows),
    () => answer(undefined),
  );
  // Not before `subscribe` has returned, however soon it answers: the table would be watched for ever.
  return read.finally(() => {
    clearTimeout(timer);
    stop();
  });
}
