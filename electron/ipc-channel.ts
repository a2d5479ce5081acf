/** Names that the preload script and the main process agree on. */

/** `invoke(method, params)`; answers a `CallAnswer`, because an error loses its code on the way otherwise. */
export const callChannel = 'mirage:call';

/** A port for subscriptions, batches and events: the frames of core/contract/app-socket.ts without calls. */
export const attachChannel = 'mirage:attach';

/** Sent back over the port for each batch, so that a window that hangs cannot pile them up. */
export const batchTaken = 'taken';

export type CallAnswer = { result: unknown } | { error: unknown };
