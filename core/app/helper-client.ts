/** What this folder needs of a connection to the helper; `core/rpc` has the real one, tests have a double. */
import type { HelperLink } from '../contract/app.ts';
import type { ErrorData } from '../contract/error.ts';
import type {
  EventData,
  EventName,
  MethodName,
  Params,
  Result,
  SubscribeOptions,
  TopicBatch,
  TopicName,
} from '../contract/rpc.ts';

export interface HelperClient {
  /** Begins to connect and keeps reconnecting until `close`. */
  connect(): void;
  /** Ends the connection for good; pending calls reject with `RPC_CLOSED`. */
  close(): Promise<void>;
  readonly link: HelperLink;
  /** Every change of `link`, not its present value. */
  onLink(handler: (link: HelperLink) => void): () => void;
  /** Rejects with an `AppError`: the helper's own, or `HELPER_*`/`RPC_*` when it was not reached. */
  call<M extends MethodName>(method: M, params: Params<M>): Promise<Result<M>>;
  /** Survives reconnects. Watching `traffic` makes the helper sample it. */
  on<E extends EventName>(event: E, handler: (data: EventData<E>) => void): () => void;
  /**
   * Survives reconnects and gaps, seen as a batch with `reset`. `onRefused` hears each refusal of the helper; what it is
   * only too busy for is asked for again without being told to.
   */
  subscribe<T extends TopicName>(
    topic: T,
    options: SubscribeOptions,
    handler: (batch: TopicBatch<T>) => void,
    onRefused: (error: ErrorData) => void,
  ): () => void;
}
