/**
 * The frames between a browser tab and the app process: JSON text frames over one WebSocket at `appSocketPath` of the
 * page's own origin. The server validates what arrives with `clientFrameSchema`; the tab trusts its server.
 */
import { z } from 'zod';
import type { AppEvents, AppMethodName, AppResult } from './app.ts';
import { type ErrorData, errorDataSchema } from './error.ts';
import { subscribeOptionsSchema, type TopicBatch, type TopicName } from './rpc.ts';

/**
 * Upgrades need the session cookie and are refused with 401 without it. Since a page cannot see the status of a refused
 * upgrade, a plain GET of the same path answers 401 without a valid cookie and 426 (upgrade required) with one.
 */
export const appSocketPath = '/api/socket';

/** Close code of a server that ended the session (the cookie is no longer valid): do not reconnect, ask for a new link. */
export const sessionEndedCloseCode = 4401;

/**
 * The first frame of a tab: the half of its session that is not in the cookie, which browsers send to every port of this
 * machine's address (RFC 6265 section 8.5). The page got it in the fragment of its first address. A wrong one ends the session.
 */
export const keyFrameSchema = z.strictObject({ key: z.string().max(64) });
export type KeyFrame = z.infer<typeof keyFrameSchema>;

/** Numbers that the tab chooses, unique within one WebSocket; calls and subscriptions count separately. */
const frameId = z.number().int().min(0);

export const callFrameSchema = z.strictObject({ id: frameId, call: z.string().max(64), params: z.unknown() });
export const subscribeFrameSchema = z.strictObject({
  subscribe: frameId,
  topic: z.enum(['connections', 'mappings', 'dnsLog', 'logs', 'proxies'] satisfies TopicName[]),
  options: subscribeOptionsSchema,
});
export const unsubscribeFrameSchema = z.strictObject({ unsubscribe: frameId });

/** Everything a tab may send after it. The server checks `call` and `params` against `appMethods`. */
export const clientFrameSchema = z.union([callFrameSchema, subscribeFrameSchema, unsubscribeFrameSchema]);
export type ClientFrame = z.infer<typeof clientFrameSchema>;

export const errorFrameSchema = z.strictObject({ id: frameId, error: errorDataSchema });

export type ResultFrame<M extends AppMethodName = AppMethodName> = { id: number; result: AppResult<M> };
export type ErrorFrame = z.infer<typeof errorFrameSchema>;
/** The helper refuses the table of this subscription, for now (RPC_BUSY) or for good. */
export type RefusedFrame = { refused: number; error: ErrorData };
/** `batch` is the number of the subscription. The first batch of a subscription has `reset: true`. */
export type BatchFrame<T extends TopicName = TopicName> = { batch: number; data: TopicBatch<T> };
/** The first of each event comes at once after the upgrade; `snapshot` and `traffic` only once the helper has answered. */
export type EventFrame = { [E in keyof AppEvents]: { event: E; data: AppEvents[E] } }[keyof AppEvents];

/** Everything a server may send. */
export type ServerFrame = ResultFrame | ErrorFrame | BatchFrame | RefusedFrame | EventFrame;
